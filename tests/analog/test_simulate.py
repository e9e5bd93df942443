"""Stimuli: a held current is played exactly, and under noise the transistors fire as predicted."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog import ngspice
from rheobase.analog.extract import Extracted
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.simulate import Trace, bench, simulate
from rheobase.models.reference import measured_leak
from rheobase.models.theory.measured_leak import MeasuredNeuron

from .conftest import Circuits


def noise(lif: AnalogLIF, samples: int, mean: float, sd: float, seed: int) -> np.ndarray:
    """Current for a drive of `mean` and `sd` (sigma of the free membrane, times sqrt 2), in A.

    Both in units of the distance from rest to threshold; held for 0.1 ms of the neuron's time.
    """
    distance = lif.neuron.v_th - lif.neuron.v_rest
    white = np.random.default_rng(seed).standard_normal(samples)
    mu = distance * (mean + sd * np.sqrt(lif.neuron.tau_m / 1e-4) * white)
    return lif.current(1.0) * mu


def unmatched(a: np.ndarray, b: np.ndarray, window: float) -> int:
    """Spikes of either train without a partner within `window` in the other, one to one."""
    i = j = pairs = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= window:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return len(a) + len(b) - 2 * pairs


RC = """rc
R1 m 0 {resistance}
C1 m 0 {capacitance}
Vspike spike 0 0
{lines}
.options reltol=1e-4 abstol=1e-18 gmin=1e-18 chgtol=1e-18
.end
"""


def played(lif: AnalogLIF, current: np.ndarray, dt: float, edit=lambda lines: lines) -> float:
    """Largest error of an RC membrane at the ends of the steps, against the exact solution."""
    tau = 200 * dt
    resistance = 1 / lif.g_m
    stimulus = bench(lif, current, len(current) * dt, dt)
    deck = RC.format(
        resistance=resistance, capacitance=tau / resistance, lines=edit(stimulus.lines)
    )
    result = ngspice.run(deck, ["time", "m"], stimulus.files)
    v, exact = lif.voltage(lif.neuron.v_reset), []
    for i in current:
        v = i * resistance + (v - i * resistance) * np.exp(-dt / tau)
        exact.append(v)
    at_ends = np.interp(dt * np.arange(1, len(current) + 1), result["time"], result["m"])
    return float(np.max(np.abs(at_ends - exact)))


def test_a_held_current_is_played_to_a_thousandth_of_a_step(circuits: Circuits):
    """Each jump comes dt/1000 late; without break points it would be smeared over a time step."""
    lif, _ = circuits("brunel x1000")
    current, dt = noise(lif, 2000, 1.0, 0.3, seed=1), 1e-7
    # A membrane that is dt/1000 late is off by at most that times its steepest slope, |RI - v|/tau;
    # on top comes ngspice's vntol of 1 uV.
    largest = np.max(np.abs(current)) / lif.g_m + lif.voltage(lif.neuron.v_reset)
    bound = largest / 200 / 1000 + 1e-6
    assert played(lif, current, dt) < bound
    smeared = played(
        lif, current, dt, lambda lines: "\n".join(x for x in lines.splitlines() if "clock" not in x)
    )
    assert smeared > 100 * bound


def compare(
    lif: AnalogLIF, found: Extracted, current: np.ndarray, dt: float
) -> tuple[Trace, MeasuredNeuron, float]:
    """The circuit's trace, the neuron that predicts it, and the comparator's lag in s.

    A typical crossing has the slope of the noise: one standard deviation of the current.
    """
    slope = float(np.std(current)) / found.c_m.value
    neuron = found.measured_neuron(slope)
    return simulate(lif, current, len(current) * dt, dt), neuron, found.lag(slope)


def alone(
    trace: Trace,
    found: Extracted,
    neuron: MeasuredNeuron,
    lag: float,
    current: np.ndarray,
    dt: float,
) -> tuple[int, int]:
    """Unmatched spikes of the circuit, and those that the ODE itself moves by its uncertainties.

    Partners are within half the smallest interval. The lag is between the smallest measured one and
    that on a ramp, the delay; the trip point is off by its error.
    """
    spikes, _ = measured_leak.run(neuron, current, dt, lag=lag)
    window = float(np.diff(spikes).min()) / 2
    delay = found.delay(float(np.std(current)) / found.c_m.value)
    others = [
        measured_leak.run(neuron, current, dt, lag=other)[0]
        for other in (found.lags.min(), max(delay, lag))
    ]
    for shift in (-found.v_trip.error, found.v_trip.error):
        moved = replace(neuron, v_trip=neuron.v_trip + shift)
        others.append(measured_leak.run(moved, current, dt, lag=lag)[0])
    return unmatched(trace.spike_times, spikes, window), max(
        unmatched(spikes, other, window) for other in others
    )


@pytest.mark.parametrize(
    ("name", "samples", "mean", "sd"),
    [
        ("brunel", 4000, 0.9, 0.25),
        ("brunel x1000", 4000, 0.9, 0.25),
        ("brunel x1000", 4000, 1.25, 0.1),
        ("nir x1000", 2000, 0.9, 0.25),
    ],
)
def test_under_noise_the_same_spikes_as_the_same_noise_in_the_ode(
    circuits: Circuits, name: str, samples: int, mean: float, sd: float
):
    """No more unmatched spikes than the ODE itself gains or loses by the comparator's lag."""
    lif, found = circuits(name)
    dt = 1e-4 / lif.speed_up
    current = noise(lif, samples, mean, sd, seed=3)
    trace, neuron, lag = compare(lif, found, current, dt)
    spikes, v = measured_leak.run(neuron, current, dt, lag=lag)
    found_alone, allowed = alone(trace, found, neuron, lag, current, dt)
    assert found_alone <= allowed
    assert len(spikes) >= 8
    # After spikes that are partners, the membrane follows the ODE to microvolts.
    ends = dt * np.arange(1, samples + 1)
    last = [np.append(0.0, t)[np.searchsorted(t, ends)] for t in (trace.spike_times, spikes)]
    alike = np.abs(last[0] - last[1]) < 5 * dt
    off = np.abs(np.interp(ends, trace.t, trace.v_m) - v)[alike]
    assert np.median(off) < 1e-3 * (neuron.v_trip - neuron.v_reset)
    assert alike.mean() > 0.5


@pytest.mark.parametrize(
    "fault",
    [
        lambda lif: replace(lif, c_m=1.05 * lif.c_m),
        lambda lif: replace(lif, i_leak=1.05 * lif.i_leak),
        lambda lif: replace(lif, v_th_reference=lif.v_th_reference + 2e-3),
    ],
    ids=["capacitor", "bias", "threshold"],
)
def test_under_noise_a_faulted_netlist_is_seen(circuits: Circuits, fault):
    lif, found = circuits("brunel x1000")
    dt = 1e-4 / lif.speed_up
    current = noise(lif, 4000, 1.25, 0.1, seed=3)
    trace, neuron, lag = compare(fault(lif), found, current, dt)
    found_alone, allowed = alone(trace, found, neuron, lag, current, dt)
    assert found_alone > allowed


def test_excursions_far_below_rest_are_played(circuits: Circuits):
    lif, found = circuits("brunel x1000")
    current = np.repeat([-1.0, 0.5], 400) * lif.current(lif.neuron.v_th)
    dt = 1e-4 / lif.speed_up
    trace, neuron, _ = compare(lif, found, current, dt)
    _, v = measured_leak.run(neuron, current, dt)
    at_ends = np.interp(dt * np.arange(1, 801), trace.t, trace.v_m)
    assert v.min() < lif.voltage(-15e-3)
    np.testing.assert_allclose(at_ends, v, rtol=0, atol=2e-3 * (neuron.v_trip - neuron.v_reset))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"current": 1e-9, "t_stop": 0.0}, "t_stop"),
        ({"current": 1e-9, "t_stop": 1e-5, "dt": 1e-7}, "goes with a current array"),
        ({"current": np.ones(9), "t_stop": 1e-5}, "needs its dt"),
        ({"current": np.ones(9), "t_stop": 1e-6, "dt": 1e-7}, r"at least t_stop/dt = 10"),
        ({"current": np.ones((9, 2)), "t_stop": 1e-7, "dt": 1e-7}, "shape"),
        ({"current": np.array([np.nan]), "t_stop": 1e-7, "dt": 1e-7}, "finite"),
        ({"current": np.ones(9), "t_stop": 1e-7, "dt": 1e-7, "t_max": 1e-9}, "t_max"),
    ],
)
def test_arguments_that_do_not_fit(circuits: Circuits, arguments: dict, message: str):
    lif, _ = circuits("brunel x1000")
    with pytest.raises(ValueError, match=message):
        simulate(lif, **arguments)
