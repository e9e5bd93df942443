"""What extraction finds predicts what the transistors do, within the budget that it states."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog.extract import Extracted
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.simulate import simulate
from rheobase.models.theory import measured_leak
from rheobase.models.theory.measured_leak import MeasuredNeuron

from .conftest import Circuits

DRIVES = (1.2, 1.5, 2.0, 3.0, 6.0)


def predicted(found: Extracted, current: float) -> float:
    neuron = found.measured_neuron(found.slope(current))
    return 1 / float(measured_leak.rate(neuron, current)[0])


def interval(lif: AnalogLIF, current: float, expected: float, steps: int) -> float:
    """Last of three interspike intervals, simulated with at least `steps` time steps each."""
    trace = simulate(lif, current, 4.2 * expected, t_max=min(expected, lif.tau_m) / steps)
    assert len(trace.spike_times) == 4
    return float(np.diff(trace.spike_times)[-1])


@pytest.mark.parametrize("drive", DRIVES)
@pytest.mark.parametrize("name", ["brunel", "brunel x1000"])
def test_the_f_i_curve_lies_within_the_budget(circuits: Circuits, name: str, drive: float):
    """The solver's error is what halving its time step changes; all else is in the budget."""
    lif, found = circuits(name)
    current = drive * found.rheobase()
    expected = predicted(found, current)
    coarse, fine = (interval(lif, current, expected, steps) for steps in (100, 200))
    budget = sum(found.budget(current).values()) + abs(coarse / fine - 1)
    assert abs(fine / expected - 1) <= budget
    assert budget < 0.02 / 4


@pytest.mark.parametrize(
    "wrong",
    [
        lambda n: replace(n, c_m=1.05 * n.c_m),
        lambda n: replace(n, i_leak=1.05 * n.i_leak),
        lambda n: replace(n, v_trip=n.v_trip + 2e-3),
        lambda n: replace(n, v_reset=n.v_reset - 1e-3),
        lambda n: replace(n, t_dead=0.95 * n.t_dead),
    ],
    ids=["capacitance", "leak", "trip", "reset", "dead time"],
)
def test_a_wrong_parameter_is_out_of_budget(circuits: Circuits, wrong):
    lif, found = circuits("brunel x1000")
    current = 3.0 * found.rheobase()
    neuron: MeasuredNeuron = wrong(found.measured_neuron(found.slope(current)))
    expected = 1 / float(measured_leak.rate(neuron, current)[0])
    measured = interval(lif, current, predicted(found, current), 100)
    assert abs(measured / expected - 1) > 2 * sum(found.budget(current).values())


def test_ngspices_default_options_are_out_of_budget_in_biological_time(circuits: Circuits):
    lif, found = circuits("brunel")
    current = 1.05 * found.rheobase()
    expected = predicted(found, current)
    trace = simulate(replace(lif, options=""), current, 4.2 * expected, t_max=lif.tau_m / 100)
    intervals = np.diff(trace.spike_times)
    budget = sum(found.budget(current).values())
    assert len(intervals) < 2 or abs(intervals[-1] / expected - 1) > 10 * budget


@pytest.mark.parametrize("drive", [0.99, 1.02])
def test_the_rheobase_separates_silence_from_firing(circuits: Circuits, drive: float):
    lif, found = circuits("brunel x1000")
    trace = simulate(lif, drive * found.rheobase(), 12 * lif.tau_m)
    assert (len(trace.spike_times) > 0) == (drive > 1)


def test_the_leak_is_a_tanh_up_to_the_mirrors_error(circuits: Circuits):
    """``I tanh((v_rest - v)/(2 n U_T))``, I and n from the table's two plateaux and slope at rest.

    The plateaux differ by the error of the mirrors, which is also what the shape may be off by.
    """
    _, found = circuits("brunel x1000")
    top, bottom = found.i_leak[0], -found.i_leak[-1]
    # 60 mV below and 45 mV above rest are not yet the plateaux: solve for them, given the slope.
    ends = np.array([found.v_rest.value - found.v[0], found.v[-1] - found.v_rest.value])
    scales = [_plateau(found.g_m.value, d, i) for d, i in zip(ends, (top, bottom), strict=True)]
    mean, mirror = np.mean(scales), abs(scales[0] / scales[1] - 1)
    ideal = mean * np.tanh(found.g_m.value * (found.v_rest.value - found.v) / mean)
    assert np.max(np.abs(found.i_leak - ideal)) < mirror * mean


def _plateau(slope: float, distance: float, current: float) -> float:
    """I with ``I tanh(slope distance/I) = current``, by bisection."""
    low, high = current, 100 * current
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (low, middle)
            if middle * np.tanh(slope * distance / middle) > current
            else (middle, high)
        )
    return (low + high) / 2


@pytest.mark.parametrize("name", ["brunel", "brunel x1000", "nir x1000"])
def test_ranges(circuits: Circuits, name: str):
    _, found = circuits(name)
    low, high = found.linear_range
    assert low < found.v_reset.value < found.v_trip.value < high
    for v, inside in ((low, True), (high, True), (low - 5e-3, False), (high + 5e-3, False)):
        ratio = found.leak(v) / (found.g_m.value * (found.v_rest.value - v))
        assert (abs(ratio - 1) < 0.1) == inside
    low, high = found.swing
    assert 0 <= low < found.linear_range[0] and found.linear_range[1] < high <= 1.8


def test_the_charge_injection_is_of_the_size_of_the_switchs_own(circuits: Circuits):
    """Overlap charge alone, ``C_ov W V_dd``, and with half of the channel charge on top."""
    lif, found = circuits("brunel x1000")
    width, length = lif.reset_size.w, lif.reset_size.l
    overlap = 3e-10 * width * lif.technology.supply
    channel = 8.4e-3 * width * length * (lif.technology.supply - found.v_reset.value)
    assert overlap < -found.charge_injection.value < overlap + channel / 2
