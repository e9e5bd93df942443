"""A neuron after BrainScaleS: wide leak, exponential onset, synapses, a thousand times real time.

S. A. Aamir et al., A mixed-signal structured AdEx neuron for accelerated neuromorphic cores, IEEE
Trans. Biomed. Circuits Syst. 12 (2018) 1027. Time runs a thousand (BrainScaleS-2) to ten thousand
times faster; the circuits here are our own, of its equation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import exp

import numpy as np
from PySpice.Spice.Netlist import Circuit

from ...models.neuron import EIF, LIF
from .. import bias, ngspice
from ..cells import dpi, exponential_onset
from ..cells.bench import STATIC, Design
from ..cells.cell import Cell
from ..lif import AnalogLIF
from ..technology import Technology, generic180
from . import orbit
from .neuron import Leg, Neuron

HOLDS = 2.0
"""So many delta_t above v_th the onset is still exponential; from there on a spike is certain."""

_C_SYN = 0.3e-12  # F
_C_BIAS = 1e-12  # F, on the bias lines of a synapse: a few pulses do not move them


@dataclass(frozen=True)
class Synapse:
    """A synaptic input, a current, in the neuron's own units.

    Parameters
    ----------
    name : str
        Its pulses come at node ``pulse_<name>``.
    tau, width : float
        Time constant, and width of the pulses, in s.
    weight : float
        What a pulse adds to the current, as a drive ``R I`` in V; excitatory if it is positive.
    """

    name: str
    tau: float
    width: float
    weight: float


@dataclass(frozen=True, kw_only=True)
class BrainScaleS(AnalogLIF):
    """The LIF circuit with a leak of wide linear range, an exponential onset and synapses.

        C dv/dt = I + g_m (v_rest - v) + g_m delta_t exp((v - v_t)/delta_t)
                    + sum_k I_k(t)

    v = v_th: spike, then v = v_reset for t_dead. The leak is `rheobase.analog.cells.wide_ota`, the
    onset `exponential_onset`, the synapses are `dpi`. v_th, the threshold of the comparator, is the
    EIF neuron's v_peak; without an onset it is the LIF neuron's v_th. Conductance synapses are too
    slow here: at these speeds their current does not charge the bias node of their OTA in time.

    Parameters
    ----------
    onset : Cell, optional
    v_exp : float
        The onset's reference in V.
    synapses : tuple of tuple
        Name and design of each input.
    """

    onset: Cell | None = None
    v_exp: float = 0.0
    synapses: tuple[tuple[str, Design], ...] = ()

    def circuit(self) -> Circuit:
        """The neuron with its supply, references and bias currents; no pulses at its synapses."""
        circuit = super().circuit()
        if self.onset is not None:
            circuit.subcircuit(self.onset)
            circuit.V("exp", "v_exp", "0", self.v_exp)
            circuit.X("onset", self.onset.name, "m", "v_exp", "vdd")
        for name, design in self.synapses:
            cell = design.cell
            circuit.subcircuit(cell)
            nodes = {node: f"{node}_{name}" for node in cell.external_nodes}
            nodes |= {"out": "m", "vdd": "vdd"}
            circuit.V(f"pulse_{name}", f"pulse_{name}", "0", 0)
            for node, current in design.currents.items():
                circuit.I(f"{node}_{name}", "vdd", f"{node}_{name}", current)
            circuit.X(name, cell.name, *(nodes[node] for node in cell.external_nodes))
        return circuit

    def measure(
        self, lines: str, vectors: Sequence[str], reltol: float = STATIC
    ) -> dict[str, np.ndarray]:
        """Simulate with the lines of a test bench; see `rheobase.analog.ngspice.run`."""
        return ngspice.run(self.netlist(lines, reltol), vectors, self.technology.texts)


def design(
    neuron: LIF | EIF,
    technology: Technology = generic180,
    speed_up: float = 1000.0,
    voltage_scale: float | None = None,
    c_m: float = 0.5e-12,
    synapses: Sequence[Synapse] = (),
) -> tuple[Neuron, BrainScaleS]:
    """Size and bias a circuit that realises `neuron`.

    Parameters
    ----------
    neuron : LIF or EIF
    technology : Technology
    speed_up : float
        Chip seconds per second; 1000 to 10000 on BrainScaleS.
    voltage_scale : float, optional
        Chip volts per volt; of a LIF neuron only, by default 1. An EIF neuron's delta_t is a slope
        that transistors have, ``n U_T``, and sets it.
    c_m : float
        Membrane capacitor in F. Faster and larger ones need a leak out of weak inversion, which is
        refused.
    synapses : sequence of Synapse

    Returns
    -------
    neuron : Neuron
    circuit : BrainScaleS

    Raises
    ------
    ValueError
        A parameter is out of range, or the supply or weak inversion stands against it.
    """
    if isinstance(neuron, LIF):
        scale = 1.0 if voltage_scale is None else voltage_scale
        return _finished(_with_synapses(_plain(neuron, technology, speed_up, scale, c_m), synapses))
    if voltage_scale is not None:
        raise ValueError("voltage_scale follows from delta_t: leave it out for an EIF neuron")
    lif = LIF(
        tau_m=neuron.tau_m, v_th=neuron.v_peak, v_reset=neuron.v_reset,
        v_rest=neuron.v_rest, t_ref=neuron.t_ref,
    )  # fmt: skip
    g_m, middle = c_m * speed_up / neuron.tau_m, technology.supply / 2
    delta_t = 1.3 * technology.thermal_voltage  # first guess only
    for _ in range(4):
        scale = delta_t / neuron.delta_t
        v_t = middle + scale * (neuron.v_th - neuron.v_rest)
        most = g_m * delta_t * exp(HOLDS)
        onset, v_exp, delta_t = exponential_onset.design(technology, g_m, v_t, most)
    plain = _plain(lif, technology, speed_up, scale, c_m)
    circuit = _trimmed(replace(plain, onset=onset, v_exp=v_exp), v_t, plain.g_m * delta_t)
    return _finished(_with_synapses(circuit, synapses), v_t + HOLDS * delta_t)


def _plain(
    neuron: LIF, technology: Technology, speed_up: float, scale: float, c_m: float
) -> BrainScaleS:
    lif = bias.design(neuron, technology, speed_up, scale, c_m, wide=True)
    return BrainScaleS(**{field.name: getattr(lif, field.name) for field in fields(lif)})


def _finished(circuit: BrainScaleS, top: float = np.inf) -> tuple[Neuron, BrainScaleS]:
    """With the leg: from where the leak has settled, to a tenth of the swing off v_th, or `top`."""
    low, high = (circuit.voltage(v) for v in (circuit.neuron.v_reset, circuit.neuron.v_th))
    leg = Leg(low + 0.35 * (high - low), min(high - 0.1 * (high - low), top))
    return Neuron(circuit, "m", (leg,)), circuit


def onset_current(circuit: BrainScaleS, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Membrane voltages (V) and the current (A) of the onset into the membrane held at each."""
    step = (high - low) / 100
    lines = f"Vm m 0 0\n.dc Vm {low!r} {high + step / 2!r} {step!r}\n.save v(m) i(Vm)"
    with_onset = circuit.measure(lines, ["m", "vm#branch"])
    without = replace(circuit, onset=None).measure(lines, ["vm#branch"])
    return with_onset["m"], with_onset["vm#branch"] - without["vm#branch"]


def _trimmed(circuit: BrainScaleS, v_t: float, current: float) -> BrainScaleS:
    """The reference moved so that the onset gives `current` (A) at `v_t` (V)."""
    for _ in range(3):
        v, i = onset_current(circuit, v_t - 0.05, v_t + 0.02)
        missed = float(np.interp(np.log(current), np.log(i), v)) - v_t
        circuit = replace(circuit, v_exp=circuit.v_exp - missed)
    return circuit


def _with_synapses(circuit: BrainScaleS, synapses: Sequence[Synapse]) -> BrainScaleS:
    made = []
    for each in synapses:
        kind: dpi.Kind = "excitatory" if each.weight > 0 else "inhibitory"
        current = abs(circuit.current(each.weight))
        tau, width = each.tau / circuit.speed_up, each.width / circuit.speed_up
        design, _ = dpi.design(circuit.technology, kind, tau, current, width, _C_SYN, _C_BIAS)
        made.append((each.name, design))
    return replace(circuit, synapses=tuple(made))


def extracted(neuron: Neuron, circuit: BrainScaleS, current: float) -> tuple[EIF, float]:
    """The EIF neuron that a circuit with an onset is, in chip volts and seconds; its leak in S.

    The leak's slope and zero at rest from a sweep without the onset, delta_t and v_t from the onset
    alone, the capacitance as the mean along the leg at `current` (A); reset, v_peak and dead time
    as designed, for the design has measured them.
    """
    rest, reset, peak = (
        circuit.voltage(getattr(circuit.neuron, name)) for name in ("v_rest", "v_reset", "v_th")
    )
    plain = Neuron(replace(circuit, onset=None), "m", (Leg(rest - 5e-3, rest + 5e-3),))
    v, i = orbit.held(plain, plain.legs[0], 0.0)
    slope, offset = np.polyfit(v, i, 1)
    onset_v, onset_i = onset_current(circuit, rest, peak)
    top = neuron.legs[0].end
    used = (onset_v > (rest + top) / 2) & (onset_v < top)
    steepness, log_i = np.polyfit(onset_v[used], np.log(onset_i[used]), 1)
    delta_t = 1 / steepness
    time, _ = orbit.slow_part(neuron, neuron.legs[0], current)
    _, _, c = orbit.charge(neuron, neuron.legs[0], current, time)
    found = EIF(
        tau_m=float(np.mean(c) / -slope),
        v_th=float((np.log(-slope * delta_t) - log_i) * delta_t),
        delta_t=float(delta_t),
        v_reset=reset,
        v_peak=peak,
        v_rest=float(-offset / slope),
        t_ref=circuit.t_dead,
    )
    return found, float(-slope)
