"""The accelerated neuron against the theory of EIF and LIF neurons, and its synapses."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from rheobase.analog import ngspice
from rheobase.analog.benches import without
from rheobase.analog.cells import dpi
from rheobase.analog.deck import deck
from rheobase.analog.extract import Extracted, extract
from rheobase.analog.neurons import brainscales, orbit
from rheobase.analog.neurons.brainscales import BrainScaleS, Synapse
from rheobase.analog.neurons.neuron import Leg, Neuron
from rheobase.analog.neurons.record import interval
from rheobase.analog.technology import generic180
from rheobase.models.neuron import EIF, LIF
from rheobase.models.theory import exponential, siegert

from .conftest import Examples


def circuit_of(neuron: Neuron) -> BrainScaleS:
    assert isinstance(neuron.circuit, BrainScaleS)
    return neuron.circuit


def model_error(neuron: Neuron, found: EIF, g_m: float, current: float) -> float:
    """Bound in s of what the equation leaves out, from the current into the held membrane.

    ``int C |1/i_measured - 1/i_equation| dv`` from reset to v_peak, C that of the equation.
    """
    top = found.v_peak - 5e-3  # the comparator is still silent
    v, i = orbit.held(neuron, Leg(found.v_reset, top), current)
    onset = found.delta_t * np.exp((v - found.v_th) / found.delta_t)
    equation = current + g_m * (found.v_rest - v + onset)
    return float(np.trapezoid(g_m * found.tau_m * np.abs(1 / i - 1 / equation), v))


@pytest.mark.parametrize("kind", ["brainscales-eif", "brainscales-eif-fast"])
@pytest.mark.parametrize("drive", [0.6, 1.0, 2.0])
def test_it_is_an_eif_neuron_with_the_extracted_parameters(
    examples: Examples, kind: str, drive: float
) -> None:
    """At both speed-ups; the budget is the leak's and the onset's distance from their equations.

    It also has the time in which the membrane runs from where the comparator trips to the spike's
    edge and the reset begins: that of the comparator, an eighth of the dead time or less.
    """
    example = examples(kind)
    neuron, current = example.neuron, drive * example.current
    found, g_m = brainscales.extracted(neuron, circuit_of(neuron), current)
    expected = 1 / float(exponential.rate(found, current / g_m, 0.0))
    measured, error = interval(neuron, current, expected)
    allowed = model_error(neuron, found, g_m, current) + error + found.t_ref / 8
    assert measured == pytest.approx(expected, abs=allowed)
    faulted = replace(found, tau_m=1.5 * found.tau_m)
    wrong = 1 / float(exponential.rate(faulted, current / g_m, 0.0))
    assert abs(measured - wrong) > allowed


def test_the_extracted_slope_is_that_of_the_transistor(examples: Examples) -> None:
    """delta_t is ``n U_T`` as designed, less what moderate inversion adds at the top of the leg."""
    neuron = examples("brainscales-eif").neuron
    circuit = circuit_of(neuron)
    found, _ = brainscales.extracted(neuron, circuit, examples("brainscales-eif").current)
    designed = 3.48e-3 * circuit.voltage_scale
    assert designed < found.delta_t < 1.15 * designed
    rest = circuit.voltage(circuit.neuron.v_rest)
    assert found.v_th == pytest.approx(rest + 5.1e-3 * circuit.voltage_scale, abs=0.1 * designed)


@pytest.mark.parametrize("drive", [20e-3, 40e-3])
def test_without_an_onset_it_is_a_lif_neuron(examples: Examples, drive: float) -> None:
    """With extracted parameters; the budget is theirs, and the leak's distance from its line."""
    neuron = examples("brainscales-lif").neuron
    circuit = circuit_of(neuron)
    current, found = circuit.current(drive), extracted(circuit)
    dead = found.dead_time(found.slope(current))
    lif = LIF(
        tau_m=found.tau_m.value, v_th=found.v_trip.value, v_reset=found.v_reset.value,
        v_rest=found.v_rest.value, t_ref=dead.value,
    )  # fmt: skip
    expected = 1 / float(siegert.fi_curve(lif, current / found.g_m.value))
    measured, error = interval(neuron, current, expected)
    inside = (found.v >= lif.v_reset) & (found.v <= lif.v_th)
    v, i = found.v[inside], current + found.i_leak[inside]
    line = current + found.g_m.value * (lif.v_rest - v)
    bound = float(np.trapezoid(found.c_m.value * np.abs(1 / i - 1 / line), v))
    settling = abs(found.settling) * found.c_m.value / i[0]
    budget = sum(found.budget(current).values()) * measured + settling
    assert measured == pytest.approx(expected, abs=bound + error + budget)
    assert bound + error + budget < 0.05 * measured


@cache
def extracted(circuit: BrainScaleS) -> Extracted:
    return extract(circuit)


def pulsed(
    neuron: Neuron, name: str, width: float, t_stop: float, lines: str, coarseness: int = 1
) -> dict[str, np.ndarray]:
    """Run with four pulses at a synapse: the first wake it, see `rheobase.analog.cells.dpi`."""
    circuit = circuit_of(neuron)
    step, reltol = coarseness * width / 20, 1e-5 * 10 ** (coarseness - 1)
    bench = (
        dpi.train(circuit.synapses[0][1], [t_stop * k / 20 for k in range(1, 5)], width).replace(
            "Vpulse pulse", f"Vpulse_{name} pulse_{name}"
        )
        + f"\n{lines}\n.tran {step!r} {t_stop!r} 0 {step!r}\n.save v(m) i(Vm)"
    )
    text = deck(
        circuit.technology, without(circuit, f"Vpulse_{name}"), bench, circuit.options, reltol
    )
    return ngspice.run(text, ["time", "m", "vm#branch"], circuit.technology.texts)


@pytest.mark.parametrize(("name", "sign"), [("excitatory", 1), ("inhibitory", -1)])
def test_pulses_move_the_membrane_by_the_current_of_its_synapse(
    examples: Examples, name: str, sign: int
) -> None:
    """The response lies between those to the currents of the synapse held at rest and at the peak.

    These are integrated with the leak and the capacitance of the held membrane, by Euler's method.
    Errors: half its step, twice ngspice's, and twice the slope of the ramp that gave the
    capacitance.
    """
    neuron = examples("brainscales-synapses").neuron
    circuit = circuit_of(neuron)
    rest = circuit.voltage(circuit.neuron.v_rest)
    width, t_stop = 1e-3 / circuit.speed_up, 40e-3 / circuit.speed_up
    free = pulsed(neuron, name, width, t_stop, "Vm unused 0 0")
    rest = float(free["m"][0])
    peak = sign * float(np.max(sign * (free["m"] - rest)))
    assert sign * peak > 1e-3
    leg = Leg(rest - 20e-3, rest + 30e-3)
    v, i, c = orbit.charge(neuron, leg, 0.0, circuit.tau_m)

    def response(at: float, steps: int) -> float:
        held = pulsed(neuron, name, width, t_stop, f"Vm m 0 {at!r}")
        dt, m, peak = t_stop / steps, rest, 0.0
        injected = np.interp(
            dt * np.arange(steps), held["time"], held["vm#branch"] - held["vm#branch"][0]
        )
        for current in injected:
            m += dt * (np.interp(m, v, i) + current) / np.interp(m, v, c)
            peak = max(peak, sign * (m - rest))
        return float(peak)

    coarse, *found = response(rest, 2000), response(rest, 4000), response(rest + peak, 4000)
    rough = pulsed(neuron, name, width, t_stop, "Vm unused 0 0", 2)["m"]
    faster = orbit.charge(neuron, leg, 0.0, circuit.tau_m, 2)[2]
    error = (
        abs(coarse - found[0])
        + abs(float(np.max(sign * (rough - rough[0]))) - abs(peak))
        + abs(float(np.mean(faster) / np.mean(c)) - 1) * found[0]
    )
    assert min(found) - error <= abs(peak) <= max(found) + error
    assert abs(found[0] / found[1] - 1) + error / found[0] < 0.05


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"speed_up": 1e5}, r"onset's current must be in .*weak inversion"),
        ({"voltage_scale": 2.0}, "voltage_scale follows from delta_t"),
    ],
)
def test_what_no_chip_can_do_is_told(given: dict[str, float], message: str) -> None:
    neuron = EIF(
        tau_m=10e-3, v_th=-59.9e-3, delta_t=3.48e-3, v_reset=-68e-3, v_peak=-45e-3, v_rest=-65e-3
    )
    with pytest.raises(ValueError, match=message):
        brainscales.design(neuron, generic180, **given)


def test_what_supply_and_inversion_do_not_allow_a_lif_neuron_is_told() -> None:
    lif = LIF(tau_m=10e-3, v_th=0.1, v_reset=-10e-3)
    with pytest.raises(
        ValueError, match=r"v_th = 0.1 V lies at 1.\d+ V on the chip.*voltage_scale"
    ):
        brainscales.design(lif, generic180, 1000.0, 9.5)
    with pytest.raises(ValueError, match=r"outside weak inversion \(strong inversion begins\)"):
        brainscales.design(lif, generic180, 1e4, 1.0, c_m=20e-12)


def test_a_current_synapse_has_the_sign_of_its_weight(examples: Examples) -> None:
    lif = circuit_of(examples("brainscales-lif").neuron).neuron
    _, circuit = brainscales.design(
        lif, voltage_scale=4.0, synapses=[Synapse("input", 10e-3, 1e-3, 4e-3)]
    )
    assert circuit.synapses[0][1].cell.name == "dpi_excitatory"
