"""The low-power neuron against its equation: current of the membrane, times, adaptation, energy."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog.cells import dpi
from rheobase.analog.cells.bench import Design
from rheobase.analog.neurons import adaptation, low_power, orbit
from rheobase.analog.neurons.low_power import SHARE, Constants
from rheobase.analog.neurons.record import record
from rheobase.analog.subthreshold import gate, transistor
from rheobase.analog.technology import generic180

from .conftest import Examples

TAU, RHEOBASE, T_REF = 10e-3, 80e-12, 2e-3


def budget(found: Constants, v: np.ndarray, drive: float, i_gain: float) -> np.ndarray:
    """Of the held current in A: mirrors, slope factors away from where they were taken, leakage."""
    n, p, u_t = transistor(generic180, "n"), transistor(generic180, "p"), generic180.thermal_voltage
    v_gs = n.gate_voltage(found.i_tau, gate(generic180, found.i_tau))
    mirror = found.i_tau * (np.abs(v - v_gs) / n.early + np.exp(-v_gs / u_t))
    leakage = 0.5 * p.i_off + 0.2 * n.i_off  # feedback and snap, W/L 0.22 each, and the reset
    passed = found.passed(v)
    gain = n.spread * abs(np.log(i_gain / 1e-9)) + np.exp(-found.v_gain / u_t)
    pair = gain + p.spread * np.abs(v - found.v_gain) / (found.n_pair * u_t)
    x = found.x(v)
    square = np.abs(np.log(x * 20 / 1e-9))
    feedback = x / SHARE * (n.spread * square + generic180.supply / p.early)
    return np.asarray(mirror + leakage + drive * passed * (1 - passed) * pair + feedback)


@pytest.mark.parametrize("drive", [0.0, 0.5, 1.0, 2.0])
def test_the_current_into_the_held_membrane_is_the_equations(drive: float) -> None:
    """Up to a tenth of I_amp, above which the snap sets in; 3/4 of I_tau would be seen."""
    neuron, found = low_power.design(generic180, TAU, RHEOBASE, T_REF)
    v, i = orbit.held(neuron, neuron.legs[0], drive * RHEOBASE)
    kept = found.x(v) < found.i_amp / 10
    v, i = v[kept], i[kept]
    assert isinstance(neuron.circuit, Design)
    allowed = budget(found, v, drive * RHEOBASE, neuron.circuit.currents["i_gain"])
    difference = np.abs(i - found.current(v, drive * RHEOBASE))
    assert (difference <= allowed).all()
    wrong = replace(found, i_tau=0.75 * found.i_tau).current(v, drive * RHEOBASE)
    assert (np.abs(i - wrong) > allowed).any()


def test_the_rheobase_of_the_equation_is_the_one_of_a_quadratic_neuron() -> None:
    """With one slope factor: ``(I_tau + x_gain/8)**2/(x_gain/2)``."""
    _, found = low_power.design(generic180, TAU, RHEOBASE, T_REF)
    assert found.rheobase == pytest.approx(RHEOBASE, rel=1e-6)
    same = replace(found, n_pair=found.n, thermal_voltage=found.thermal_voltage)
    x_gain = float(same.x(np.array(same.v_gain)))
    saturated = 1 - np.exp(-same.v_gain / same.thermal_voltage)
    quadratic = (same.i_tau + x_gain / SHARE) ** 2 / (x_gain / 2)
    assert saturated * quadratic < same.rheobase < quadratic


def test_the_pulse_has_the_refractory_time_and_the_membrane_waits_for_it(
    examples: Examples,
) -> None:
    example = examples("low-power")
    width = low_power.pulse_width(example.neuron, 2 * example.current, T_REF, TAU)
    assert width == pytest.approx(T_REF, rel=0.01)
    found = record(example.neuron, example.current, 3 * example.interval, T_REF / 50)
    held = np.interp(found.spike_times[0] + np.array([0.2, 0.9]) * T_REF, found.t, found.m)
    free = np.interp(found.spike_times[0] + 2 * T_REF, found.t, found.m)
    assert (np.abs(held) < 5e-3).all() and free > 20e-3


def test_the_energy_is_that_of_the_bias_currents_and_the_charges(examples: Examples) -> None:
    """Per spike: static power times the interval, below twice the charge of all capacitors more."""
    example = examples("low-power")
    circuit, supply = example.neuron.circuit, generic180.supply
    assert isinstance(circuit, Design)
    rest = circuit.measure("Vm m 0 0\n.op\n.save i(Vdd)", ["vdd#branch"])
    static = -supply * float(rest["vdd#branch"][0])
    biases = supply * sum(circuit.currents.values())
    assert biases < static < 2.5 * biases  # I_amp has one more branch, the fold
    found = record(example.neuron, example.current, 4 * example.interval, T_REF / 50)
    period = float(np.diff(found.spike_times)[-1])
    over = float(found.energies[-1]) - static * period
    assert 0 < over < 50e-12


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tau": 0.0}, "tau must be finite and > 0"),
        ({"tau": 10.0}, r"I_tau must be in .*its leakage"),
        ({"tau": 1e-6, "rheobase": 0.3e-6}, r"I_amp must be in .*leaves weak inversion"),
        ({"rheobase": 5e-12}, r"rheobase must be above I_tau = 1.42e-11 A"),
        ({"rheobase": 1e-8}, r"I_gain must be in .*leakage|rheobase leaves no headroom"),
        ({"capacitance": 10e-15, "tau": 20e-6}, r"capacitance must be > .* gates"),
    ],
)
def test_what_no_low_power_neuron_can_do_is_told(given: dict[str, float], message: str) -> None:
    wanted = {"tau": TAU, "rheobase": RHEOBASE, "t_ref": T_REF} | given
    with pytest.raises(ValueError, match=message):
        low_power.design(generic180, **wanted)


A_TAU, A_STEP, A_REF, C_ADAPT = 50e-3, 50e-12, 1e-3, 8e-12


def test_the_adapted_rate_closes_the_loop_of_two_open_parts(
    examples: Examples,
) -> None:
    """The budget: what the shape of the pulse, an edge of a hundredth of it, and the solver change.

    An interval without adaptation would be seen, and so would one with half of it.
    """
    neuron, current = examples("low-power-adapting").neuron, 2e-9
    synapse, _ = dpi.design(generic180, "inhibitory", A_TAU, A_STEP, A_REF, C_ADAPT)
    expected, wider = (
        adaptation.predict(neuron, synapse, width, A_TAU, current)
        for width in (A_REF, 1.01 * A_REF)
    )
    spikes = [
        record(neuron, current, 6 * A_TAU + 3 * expected, expected / steps, reltol).spike_times
        for steps, reltol in ((100, 1e-4), (200, 1e-5))
    ]
    coarse, fine = (float(np.diff(each)[-1]) for each in spikes)
    allowed = abs(wider / expected - 1) + abs(coarse / fine - 1) + adaptation.TOLERANCE
    assert fine == pytest.approx(expected, rel=allowed)
    assert allowed < 0.015
    first = float(np.diff(spikes[1])[0])
    assert first < 0.75 * fine


def test_the_adaptation_builds_up_with_its_time_constant(examples: Examples) -> None:
    """Intervals approach their last one as I_a does, by exp(-T/tau) a spike or faster.

    I_a follows dI_a = -I_a/tau + pulses, and the longer the intervals get the fewer pulses come:
    a negative loop that is faster than the synapse alone.
    """
    neuron = examples("low-power-adapting").neuron
    found = np.diff(record(neuron, 2e-9, 6 * A_TAU, 2e-4, 1e-5).spike_times)
    last = found[-1]
    missing = 1 - found / last
    assert (np.diff(found[:4]) > 0).all()
    early = missing[missing > 0.02]
    for before, after, length in zip(early, early[1:], found[1:], strict=False):
        assert after < before * np.exp(-length / A_TAU)


def test_a_neuron_without_adaptation_is_refused(examples: Examples) -> None:
    synapse, _ = dpi.design(generic180, "inhibitory", A_TAU, A_STEP, A_REF, C_ADAPT)
    with pytest.raises(TypeError, match="neuron must be a low-power neuron with adaptation"):
        adaptation.predict(examples("low-power").neuron, synapse, A_REF, A_TAU, 1e-9)
