"""Calibration: DACs that mismatch, codes from measured rates, and what is left at other currents."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog import mismatch
from rheobase.analog.calibration import BITS, Plan, Trim, apply, calibrate, plan
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.mismatch import variation
from rheobase.analog.monte_carlo import chips, each, rate, rheobase
from rheobase.analog.sensitivity import MATCHING, Spread

TRIMS = ("i_leak", "v_th_reference", "i_refractory")
SEEDS = range(1, 9)
HELD_OUT = (1.2, 2.8, 5.0)  # rheobases


def test_an_ideal_dac_is_a_straight_line() -> None:
    trim = Trim("i_leak", 2e-9, 1e-11, 0.0)
    assert [trim.value(code, seed=7) for code in range(2**BITS)] == pytest.approx(
        [2e-9 + 1e-11 * code for code in range(2**BITS)]
    )


def test_a_dac_mismatches_as_its_units_do() -> None:
    """Bit k: ``sqrt(2**k)`` units; all together: gain of three transistors besides.

    Of 1000 chips; the standard deviation has a relative error of 2.2 %.
    """
    trim, sd, count = Trim("i_leak", 0.0, 1.0, 0.02), 0.02, 1000
    for code, units in ((1, 1), (8, 8), (32, 32), (63, 63)):
        values = np.array([trim.value(code, seed) for seed in range(1, count + 1)])
        expected = sd * np.sqrt(units + 3 * code**2)
        assert values.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * count))
    other = replace(trim, parameter="i_refractory")
    assert trim.value(32, 1) == trim.value(32, 1) != trim.value(32, 2)
    assert trim.value(32, 1) != other.value(32, 1)


@pytest.fixture(scope="module")
def tester(matched: AnalogLIF, training: tuple[float, ...], spread: Spread) -> Plan:
    return plan(matched, training, spread.only(slice(3, None)), TRIMS)


@pytest.fixture(scope="module")
def currents(matched: AnalogLIF) -> tuple[float, ...]:
    return tuple(x * rheobase(matched) for x in HELD_OUT)


@pytest.fixture(scope="module")
def before(matched: AnalogLIF, currents: tuple[float, ...]) -> np.ndarray:
    return rates(chips(matched, SEEDS), currents)


def rates(circuits: Sequence[AnalogLIF], currents: Sequence[float]) -> np.ndarray:
    return np.array(each(lambda lif: [rate(lif, i) for i in currents], circuits))


def reduction(
    lif: AnalogLIF, tester: Plan, currents: Sequence[float], before: np.ndarray
) -> np.ndarray:
    found = each(lambda chip: calibrate(chip, tester), chips(lif, SEEDS))
    return variation(before) / variation(rates([each.lif for each in found], currents))


def test_the_spread_of_the_rate_falls_tenfold_at_currents_never_trained(
    matched: AnalogLIF, tester: Plan, currents: tuple[float, ...], before: np.ndarray
) -> None:
    assert 0.05 < variation(before)[-1] < variation(before)[0] < 0.4
    assert np.all(reduction(matched, tester, currents, before) >= 10)


@pytest.mark.parametrize("trim", range(3))
def test_a_trim_that_does_not_move_is_seen(
    matched: AnalogLIF, tester: Plan, currents: tuple[float, ...], before: np.ndarray, trim: int
) -> None:
    stuck = list(tester.trims)
    middle = stuck[trim].lowest + 2 ** (BITS - 1) * stuck[trim].lsb
    stuck[trim] = replace(stuck[trim], lowest=middle, lsb=0.0)
    faulty = replace(tester, trims=tuple(stuck))
    assert np.any(reduction(matched, faulty, currents, before) < 10)


def test_codes_are_those_of_the_chip_and_cost_few_measurements(
    matched: AnalogLIF, tester: Plan
) -> None:
    (chip,) = chips(matched, [3])
    found = calibrate(chip, tester)
    assert found == calibrate(chip, tester)
    assert found.lif == apply(chip, tester.trims, found.codes)
    assert found.measurements <= 8 * 3
    assert all(0 <= code < 2**BITS for code in found.codes)


def test_a_study_has_what_a_report_needs(matched: AnalogLIF) -> None:
    """One trim at one current, two chips, and no prediction of a rate's spread but that one."""
    current = 2 * rheobase(matched)
    told: list[str] = []
    found = mismatch.study(
        matched,
        [current],
        [current],
        ["v_th_reference"],
        [1, 2],
        MATCHING["generic180"],
        progress=lambda stage, done: told.append(stage),
    )
    assert set(told) == {"predict", "measure", "calibrate"}
    assert mismatch.rates(found.before).shape == mismatch.rates(found.after).shape == (2, 1)
    nominal = found.nominal.rates[0]
    missed = np.abs(mismatch.rates(found.after) / nominal - 1)
    sd = found.spread.first[3] / nominal
    assert np.all(missed < 8 * sd / 2**BITS)  # one code: a reach of 4 sd on either side
    assert found.yields(2 * missed.max()) == (0.0, 1.0)


def test_a_plan_that_cannot_be_is_refused(
    matched: AnalogLIF, training: tuple[float, ...], spread: Spread
) -> None:
    of_rates = spread.only(slice(3, None))
    with pytest.raises(ValueError, match="1 to 3 trims, no more than currents"):
        plan(matched, training[:2], of_rates.only(slice(2)), TRIMS)
    with pytest.raises(ValueError, match="rates > 0 Hz at 3 currents"):
        plan(matched, training, spread, TRIMS)
    with pytest.raises(ValueError, match="must have a seed"):
        apply(matched, (), ())
