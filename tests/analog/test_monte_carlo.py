"""Many variants of one circuit: the same numbers on any number of workers, and the right ones."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog.lif import AnalogLIF
from rheobase.analog.mismatch import Study
from rheobase.analog.monte_carlo import (
    Failed,
    Response,
    chips,
    each,
    environments,
    measure,
    rate,
    rheobase,
    tried,
)
from rheobase.analog.sensitivity import shifted
from rheobase.models.theory import measured_leak

from .conftest import Circuits


def static(lif: AnalogLIF) -> Response:
    return measure(lif, [])


def off(lif: AnalogLIF) -> AnalogLIF:
    """With a comparator that is off by 0.1 V."""
    return shifted(lif, {("comparator", "plus"): 0.1})


def test_chips_are_the_same_on_any_number_of_workers(matched: AnalogLIF) -> None:
    drawn = chips(matched, range(1, 7))
    one, many = (each(static, drawn, workers) for workers in (1, 3))
    assert one == many
    assert each(static, drawn[::-1], 2) == one[::-1]
    assert len(set(one)) == 6


def test_a_seed_gives_the_same_spikes_again(matched: AnalogLIF) -> None:
    (chip,) = chips(matched, [5])
    current = 2 * rheobase(matched)
    assert rate(chip, current) == rate(chip, current) != rate(matched, current)


def test_progress_is_told(matched: AnalogLIF) -> None:
    told: list[int] = []
    each(rheobase, chips(matched, range(1, 4)), 2, told.append)
    assert told == [1, 2, 3]


def test_an_interrupt_ends_it_at_once(matched: AnalogLIF) -> None:
    """The first chip is done in no time; the others would take minutes."""
    current = 2 * rheobase(matched)
    first, *others = chips(matched, range(1, 5))

    def long_unless_first(chip: AnalogLIF) -> float:
        slow = replace(chip, neuron=replace(chip.neuron, tau_m=1e3 * chip.neuron.tau_m))
        return 0.0 if chip is first else rate(slow, 0.3 * current)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        each(long_unless_first, [first, *others], 2, interrupt)
    assert time.perf_counter() - start < 10
    assert static(matched).tau_m > 0


def test_an_error_in_one_variant_goes_to_the_caller(matched: AnalogLIF) -> None:
    dead = off(matched)
    with pytest.raises(ValueError, match="the comparator does not trip between"):
        each(static, [matched, dead, matched])


def test_a_chip_that_fails_is_recorded_and_the_others_go_on(matched: AnalogLIF) -> None:
    """One whose comparator does not trip, and one that trips below rest."""
    spontaneous = shifted(matched, {("comparator", "plus"): -0.055})
    good, silent, active, again = each(tried(static), [matched, off(matched), spontaneous, matched])
    assert good == again == static(matched)
    assert isinstance(silent, Failed) and "comparator does not trip between" in silent.reason
    assert isinstance(active, Failed) and "it fires without a current: it trips" in active.reason


def test_a_failed_chip_counts_for_the_yield(studied: Study) -> None:
    """Three of six fail before calibration, the first one for good."""
    dead = Failed("it does not trip")
    worse = replace(
        studied, before=(dead,) * 3 + studied.before[3:], after=(dead, *studied.after[1:])
    )
    assert worse.failures == {
        1: (dead.reason, dead.reason), 2: (dead.reason, ""), 3: (dead.reason, ""),
    }  # fmt: skip
    assert worse.yields(np.inf) == (0.5, 5 / 6)
    assert np.all(worse.reduction > 1)


def test_a_response_is_what_extraction_finds(circuits: Circuits) -> None:
    """Two measurements by different analyses; the rate against the quadrature over the leak.

    One of them lifts the threshold, which takes the gate's channel, at most ``eps_ox W L/t_ox``,
    off the membrane.
    """
    lif, found = circuits("brunel x1000")
    gate = 8.4e-3 * lif.comparator_size.w * lif.comparator_size.l
    current = 2 * found.rheobase()
    response = measure(lif, [current])
    for name in ("tau_m", "v_rest", "v_trip"):
        wanted = getattr(found, name)
        resolution = (1e-4 + gate / lif.c_m) * wanted.value if name == "tau_m" else 1e-5
        assert abs(getattr(response, name) - wanted.value) <= wanted.error + resolution
    predicted, _ = measured_leak.rate(found.measured_neuron(found.slope(current)), current)
    assert response.rates[0] == pytest.approx(predicted, rel=sum(found.budget(current).values()))


def test_the_rheobase_is_where_it_begins_to_fire(matched: AnalogLIF) -> None:
    current = rheobase(matched)
    assert rate(matched, 0.99 * current) == 0.0
    assert rate(matched, 1.01 * current) > 0


def test_temperature_and_corner_of_a_fixed_design(matched: AnalogLIF) -> None:
    """``tau_m = 2 n U_T C/I_leak``: proportional to the absolute temperature, blind to thresholds.

    The slope factor moves by 0.5 % from -20 to 85 C; a leak of inversion 0.02 is 2 % short of weak
    inversion, which moves by less; the capacitance that the cells add moves by less than 1 %. A
    corner moves V_T by 40 mV: a gate biased by a voltage would carry ``exp(40 mV/n U_T)``, 3 times
    as much.
    """
    temperatures = (-20.0, 85.0)
    found = dict(
        zip(
            environments(matched, temperatures),
            each(static, list(environments(matched, temperatures).values())),
            strict=True,
        )
    )
    nominal = found["typical"].tau_m
    for celsius in temperatures:
        expected = nominal * (celsius + 273.15) / (27 + 273.15)
        assert found[f"{celsius:g} C"].tau_m == pytest.approx(expected, rel=0.035)
    for corner in matched.technology.corners:
        assert found[corner].tau_m == pytest.approx(nominal, rel=0.035)
    assert len({found[corner] for corner in matched.technology.corners}) == 5


@pytest.mark.parametrize("function", [static, rheobase])
def test_measurements_refuse_a_neuron_that_does_not_trip(
    matched: AnalogLIF, function: Callable[[AnalogLIF], object]
) -> None:
    with pytest.raises(ValueError, match="does not trip"):
        function(off(matched))


def test_rates_are_means_of_whole_intervals(matched: AnalogLIF) -> None:
    """At 1.05 and 6 rheobases the windows differ a hundredfold; both hold two intervals."""
    threshold = rheobase(matched)
    slow, fast = (rate(matched, x * threshold) for x in (1.05, 6.0))
    assert 0 < slow < 0.2 * fast
    assert np.isfinite(fast)
