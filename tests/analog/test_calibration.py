"""Calibration: DACs that mismatch, codes from measured rates, what is left at other currents."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog.calibration import BITS, ROUNDS, Trim, apply, calibrate, plan
from rheobase.analog.cells import current_dac
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.mismatch import Study
from rheobase.analog.monte_carlo import Response, chips, each, measure
from rheobase.analog.sensitivity import Spread
from rheobase.analog.subthreshold import gate, transistor
from rheobase.analog.technology import generic180, matching_of


def test_an_ideal_dac_is_a_straight_line() -> None:
    trim = Trim("i_leak", 2e-9, 1e-11, 0.0)
    assert [trim.value(code, seed=7) for code in range(2**BITS)] == pytest.approx(
        [2e-9 + 1e-11 * code for code in range(2**BITS)]
    )


def test_a_dac_mismatches_as_its_units_do() -> None:
    """Bit k: ``sqrt(2**k)`` units; all together: a gain of two units besides.

    Of 1000 chips; the standard deviation has a relative error of 2.2 %.
    """
    trim, sd, count = Trim("i_leak", 0.0, 1.0, 0.02), 0.02, 1000
    for code, units in ((1, 1), (8, 8), (32, 32), (63, 63)):
        values = np.array([trim.value(code, seed) for seed in range(1, count + 1)])
        expected = sd * np.sqrt(units + 2 * code**2)
        assert values.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * count))
    other = replace(trim, parameter="i_refractory")
    assert trim.value(32, 1) == trim.value(32, 1) != trim.value(32, 2)
    assert trim.value(32, 1) != other.value(32, 1)


def test_a_trim_is_the_current_dac_cell() -> None:
    """Its values, and on 60 chips its mismatch, code by code, against the netlist with seeds.

    The equation lacks the Early effect of the mirrors, which scales all codes, and that at the
    larger codes they leave weak inversion. `unit_sd` is Pelgrom's of the unit's gate. Of 60 chips a
    standard deviation is known to ``1/sqrt(118)``, of which three are allowed.
    """
    technology, least, n = generic180, 1e-10, transistor(generic180, "n")
    size = gate(technology, least)
    sd = matching_of(technology).nmos / np.sqrt(2 * size.w * size.l) / (n.n * n.thermal_voltage)

    def cell(seed: int | None) -> np.ndarray:
        design = current_dac.design(replace(technology, seed=seed), least, BITS)
        return current_dac.outputs(design, 0.9)

    nominal, chips = cell(None), np.array([cell(seed) for seed in range(1, 61)])
    assert nominal[1:] == pytest.approx(least * np.arange(1, 2**BITS), rel=0.1)

    def missed(trim: Trim) -> np.ndarray:
        """Logarithms of how far the standard deviations are off, of four codes and a step."""
        codes, seeds = (1, 8, 31, 32, 63), range(1, 1001)
        drawn = np.array([[trim.value(code, seed) for code in codes] for seed in seeds])
        both = chips[:, codes], drawn
        found = [np.append(x.std(0) / x.mean(0), np.std(x[:, 3] - x[:, 2]) / least) for x in both]
        return np.abs(np.log(found[0] / found[1]))

    assert np.all(missed(Trim("i_leak", 0.0, least, sd)) < 3 / np.sqrt(118))
    half_of_the_area = Trim("i_leak", 0.0, least, np.sqrt(2) * sd)
    assert np.any(missed(half_of_the_area) > 3 / np.sqrt(118))


def test_the_spread_of_the_rate_falls_tenfold_at_currents_never_trained(studied: Study) -> None:
    """Six chips and two currents of what forty chips do at five: 24 to 28 times."""
    assert np.all(studied.reduction >= 10)
    assert studied.yields(0.05)[0] < studied.yields(0.05)[1] == 1.0


def test_codes_are_in_range_and_cost_few_measurements(studied: Study) -> None:
    for found in studied.calibrated:
        assert found.measurements <= ROUNDS * 3
        assert all(0 <= code < 2**BITS for code in found.codes)
    assert len({found.codes for found in studied.calibrated}) == len(studied.seeds)


def test_calibration_is_reproducible(matched: AnalogLIF, studied: Study) -> None:
    (chip,) = chips(matched, studied.seeds[:1])
    found = calibrate(chip, studied.plan)
    assert found == studied.calibrated[0]
    assert found.lif == apply(chip, studied.plan.trims, found.codes)


def test_a_trim_that_does_not_move_is_seen(matched: AnalogLIF, studied: Study) -> None:
    leak, threshold, refractory = studied.plan.trims
    middle = threshold.lowest + 2 ** (BITS - 1) * threshold.lsb
    stuck = replace(threshold, lowest=middle, lsb=0.0)
    faulty = replace(studied.plan, trims=(leak, stuck, refractory))

    def after(chip: AnalogLIF) -> Response:
        return measure(calibrate(chip, faulty).lif, studied.held_out)

    found = replace(studied, after=tuple(each(after, chips(matched, studied.seeds))))
    assert np.all(found.reduction < 10)
    assert found.yields(0.05)[1] < 1.0


def test_a_plan_that_cannot_be_is_refused(
    matched: AnalogLIF, training: tuple[float, ...], spread: Spread
) -> None:
    of_rates = spread.only(slice(3, None))
    with pytest.raises(ValueError, match="1 to 3 trims, no more than currents"):
        plan(matched, training[:2], of_rates.only(slice(2)), ("i_leak",) * 3)
    with pytest.raises(ValueError, match="rates > 0 Hz at 3 currents"):
        plan(matched, training, spread, ("i_leak",) * 3)
    with pytest.raises(ValueError, match="must have a seed"):
        apply(matched, (), ())
