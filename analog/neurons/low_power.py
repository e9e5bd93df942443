"""A low-power neuron that leaks, has positive feedback and adapts.

After P. Livi & G. Indiveri, A current-mode conductance-based silicon neuron for address-event
neuromorphic systems, ISCAS 2009; G. Indiveri et al., Neuromorphic silicon neuron circuits, Front.
Neurosci. 5 (2011) 73, which has it as the generalised integrate-and-fire neuron.
"""

from dataclasses import dataclass, replace
from math import pi

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ...models.theory import measured_leak
from ...models.theory.measured_leak import MeasuredNeuron
from ..benches import crossing
from ..cells import dpi
from ..cells.bench import TRANSIENT, Design
from ..cells.cell import Cell, Size
from ..cells.refractory_pulse import RefractoryPulse
from ..subthreshold import gate, raised, transistor
from ..technology import Technology
from .neuron import Leg, Neuron

SHARE = 8
"""The membrane gets an eighth of x: so many diodes share the mirror's input."""

TRIP = 10.0
"""Of the feedback at the trip point, in I_tau."""

_C_REF = 0.5e-12  # F
_C_ADAPT = 8e-12  # F


@dataclass(frozen=True)
class Gates:
    """Of the input pair, of the transistors of I_tau, I_gain and x, and of those of I_amp."""

    pair: Size
    tau: Size
    gain: Size
    sense: Size
    amp: Size


class LowPower(Cell):
    """DPI as membrane, with a copy of its own current as feedback.

    Nodes ``m spike i_in i_tau i_gain i_amp i_ref vdd``, with adaptation also ``a_w a_tau a_gain``.

    The membrane's voltage v sets the current x of a transistor. A pair splits the input I between
    the membrane and ground, I_tau discharges it, and an eighth of x comes back:

        C dv/dt = I/(1 + exp((v - v_gain)/(n U_T))) - I_tau (1 - exp(-v/U_T)) - I_a + x/8
        x = I_0 exp(v/(n' U_T)),     tau = C n' U_T/I_tau

    n is the pair's slope factor and n' that of x. In terms of x, for n = n' and above ``x_gain =
    x(v_gain)``, this is a quadratic integrate-and-fire neuron,

        tau dx/dt = x_gain I/I_tau - x (1 + I_a/I_tau) + x**2/(8 I_tau)

    which fires above ``I = (I_tau + x_gain/8)**2/(x_gain/2)``. Where x reaches I_amp the amplifier
    trips: ``q`` falls. On its way it opens ``snap``, which gives the membrane up to I_amp more: a
    sharp edge. The refractory pulse then resets the membrane to ground for t_ref.

    No branch carries more than the copies of x and of I_amp, and between spikes only the bias
    currents flow: that is where the energy goes. With adaptation each pulse also adds to I_a, the
    current of an inhibitory DPI (`rheobase.analog.cells.dpi`).

    Other than in the papers the amplifier compares x with I_amp, in place of an inverter whose
    supply current is mirrored: a diode in an inverter's supply keeps its output off the rail.
    """

    def __init__(
        self,
        name: str,
        technology: Technology,
        c_m: float,
        gates: Gates,
        adaptation: Cell | None = None,
    ) -> None:
        nodes: tuple[str, ...] = ("m", "spike", "i_in", "i_tau", "i_gain", "i_amp", "i_ref", "vdd")
        if adaptation is not None:
            nodes += ("a_w", "a_tau", "a_gain")
        super().__init__(name, nodes, technology)
        w_min = technology.w_min
        unit = Size(2 * w_min, 2e-6)
        self.C("m", "m", "0", c_m)
        self.nmos("amp_diode", "i_amp", "i_amp", "0", gates.amp)
        self.pmos("amp_fold", "amp", "amp", "vdd", gates.amp)
        self.nmos("amp_copy", "amp", "i_amp", "0", gates.amp)
        self.pmos("load", "q", "amp", "vdd", gates.amp)
        self.nmos("trip", "q", "m", "0", gates.sense)
        self.nmos("sense", "copy", "m", "0", gates.sense)
        for k in range(SHARE):
            self.pmos(f"diode{k}", "copy", "copy", "vdd", unit)
        self.pmos("feedback", "m", "copy", "vdd", unit)
        self.pmos("limit", "limited", "amp", "vdd", gates.amp)
        self.pmos("snap", "m", "q", "limited", unit)
        self.nmos("tau", "m", "i_tau", "0", gates.tau)
        self.nmos("tau_diode", "i_tau", "i_tau", "0", gates.tau)
        self.nmos("reset", "m", "spike", "0", Size(w_min, 2e-6))
        self.pmos("in", "m", "m", "i_in", gates.pair)
        self.pmos("gain", "0", "i_gain", "i_in", gates.pair)
        self.nmos("gain_diode", "i_gain", "i_gain", "0", gates.gain)
        pulse = RefractoryPulse("pulse", technology, _C_REF, Size(0.5e-6, gates.amp.l))
        self.subcircuit(pulse)
        self.X("pulse", pulse.name, "q", "spike", "i_ref", "i_amp", "vdd")
        if adaptation is not None:
            self.subcircuit(adaptation)
            self.X("adapt", adaptation.name, "spike", "m", "a_w", "a_tau", "a_gain", "vdd")


@dataclass(frozen=True)
class Constants:
    """What the equation of the neuron needs; see `LowPower`.

    Parameters
    ----------
    c_m : float
        Membrane's capacitance with its gates, in F.
    i_tau, i_amp : float
        In A.
    v_gain : float
        In V.
    i_0 : float
        x at v = 0 in A.
    n_pair, n : float
        Slope factors of the pair and of x.
    thermal_voltage : float
        In V.
    t_ref : float
        From the edge of a spike to the release of the membrane, in s.
    """

    c_m: float
    i_tau: float
    i_amp: float
    v_gain: float
    i_0: float
    n_pair: float
    n: float
    thermal_voltage: float
    t_ref: float

    @property
    def v_trip(self) -> float:
        """v at which x is I_amp, in V."""
        return float(self.n * self.thermal_voltage * np.log(self.i_amp / self.i_0))

    def x(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Current in A of the transistor that senses the membrane, at v in V."""
        return np.asarray(self.i_0 * np.exp(v / (self.n * self.thermal_voltage)))

    def passed(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the input current that the pair gives to the membrane, at v in V."""
        return 1 / (1 + np.exp((v - self.v_gain) / (self.n_pair * self.thermal_voltage)))

    def drain(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Leak minus feedback in A, at v in V."""
        return np.asarray(self.i_tau * -np.expm1(-v / self.thermal_voltage) - self.x(v) / SHARE)

    def current(self, v: NDArray[np.float64], drive: float) -> NDArray[np.float64]:
        """Current into the membrane in A at v in V, without adaptation; `drive` is I in A."""
        return drive * self.passed(v) - self.drain(v)

    @property
    def rheobase(self) -> float:
        """Smallest input current in A that makes the neuron fire."""
        v = np.linspace(0.0, self.v_trip, 2001)
        return float(np.max(self.drain(v) / self.passed(v)))

    def interval(self, drive: float) -> float:
        """Interspike interval in s without adaptation at an input of `drive` (A); or infinite."""
        v = np.linspace(0.0, self.v_trip, 401)
        path = MeasuredNeuron(v, self.current(v, drive), self.c_m, self.v_trip, 0.0, self.t_ref)
        rate = float(measured_leak.rate(path, 0.0)[0])
        return 1 / rate if rate > 0 else np.inf


@dataclass(frozen=True)
class Adaptation:
    """What a spike adds to I_a, in A, and the time constant in s with which I_a decays."""

    increment: float
    tau: float


def design(
    technology: Technology,
    tau: float,
    rheobase: float,
    t_ref: float,
    capacitance: float = 4e-12,
    adaptation: Adaptation | None = None,
) -> tuple[Neuron, Constants]:
    """A neuron of a time constant that fires above an input current.

    Parameters
    ----------
    technology : Technology
    tau, t_ref : float
        Time constant of x without feedback, and refractory time, in s.
    rheobase : float
        Smallest input current in A that makes the neuron fire; above that of ``I_gain = 8 I_tau``,
        which is ``I_tau``.
    capacitance : float
        Of the membrane, in F; its gates' part of it is not drawn.
    adaptation : Adaptation, optional

    Returns
    -------
    neuron : Neuron
    constants : Constants
        For the equation.

    Raises
    ------
    ValueError
        A parameter is out of range, or a current out of the subthreshold range.
    """
    given = {"tau": tau, "rheobase": rheobase, "t_ref": t_ref, "capacitance": capacitance}
    for name, value in given.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be finite and > 0, not {value!r}")
    n, p, u_t = transistor(technology, "n"), transistor(technology, "p"), technology.thermal_voltage
    i_tau = capacitance * n.n * u_t / tau
    i_amp = TRIP * SHARE * i_tau
    n.require_weak("I_tau", i_tau, gate(technology, i_tau))
    sense = _long(technology, i_amp, n.most, 20 * technology.w_min)
    amp = _long(technology, i_amp, p.most, 10 * technology.l_min)
    n = transistor(technology, "n", size=sense)
    found = Constants(
        c_m=capacitance,
        i_tau=i_tau,
        i_amp=i_amp,
        v_gain=0.0,
        i_0=1e-9 * sense.w / sense.l * float(np.exp(-n.v_1 / (n.n * u_t))),
        n_pair=p.n,
        n=n.n,
        thermal_voltage=u_t,
        t_ref=t_ref,
    )
    pair = gate(technology, rheobase)
    for _ in range(3):
        found = _with_rheobase(found, rheobase)
        source = technology.supply - found.v_gain  # how far the pair's gate is from its bulk
        raised_pair = raised(technology, "p", "rheobase", source, rheobase / 2, pair)
        found = replace(found, n_pair=raised_pair.n)
    gain = Size(2e-6, 2e-6)
    square = transistor(technology, "n", size=gain)
    i_gain = 1e-9 * float(np.exp((found.v_gain - square.v_1) / (square.n * u_t)))
    gates = Gates(pair, gate(technology, i_tau), gain, sense, amp)
    for name, current, size, carriers in (
        ("I_gain", i_gain, gain, (square,)),
        ("I_amp", i_amp, amp, (transistor(technology, "n"), p)),
        ("I_amp, which x reaches,", i_amp, sense, (n,)),
        ("the rheobase", rheobase, pair, (p,)),
    ):
        for carrier in carriers:
            carrier.require_weak(name, current, size)
    currents = {
        "i_tau": i_tau,
        "i_gain": i_gain,
        "i_amp": i_amp,
        "i_ref": _C_REF * p.gate_voltage(i_amp, amp) / t_ref,
    }
    cell = None
    if adaptation is not None:
        synapse, _ = dpi.design(
            technology, "inhibitory", adaptation.tau, adaptation.increment, t_ref, _C_ADAPT
        )
        cell = synapse.cell
        currents |= {f"a_{name[2:]}": value for name, value in synapse.currents.items()}

    def realise(drawn: float, i_ref: float) -> Design:
        return Design(
            LowPower("low_power", technology, drawn, gates, cell), currents | {"i_ref": i_ref}
        )

    legs = (Leg(2 * u_t, found.v_trip - 0.5 * found.n * u_t),)
    circuit = realise(capacitance, currents["i_ref"])
    gates_alone = membrane(circuit, legs[0].end, 1 / tau) - capacitance
    if gates_alone >= capacitance:
        raise ValueError(
            f"capacitance must be > {gates_alone:.3g} F, which the gates at the membrane have by"
            f" themselves, not {capacitance:.3g} F"
        )
    for _ in range(4):
        circuit = realise(capacitance - gates_alone, circuit.currents["i_ref"])
        measured = pulse_width(Neuron(circuit, "i_in", legs), 4 * rheobase, t_ref, tau)
        circuit = realise(capacitance - gates_alone, circuit.currents["i_ref"] * measured / t_ref)
    return Neuron(circuit, "i_in", legs), found


def _long(technology: Technology, current: float, most: float, length: float) -> Size:
    """A narrow gate of a length, or shorter or wider: `current` is 2/3 of its `most` a square.

    W/L is at most 20.
    """
    ratio = min(1.5 * current / most, 20.0)
    length = min(length, max(technology.w_min / ratio, technology.l_min))
    return Size(max(technology.w_min, ratio * length), length)


def _with_rheobase(found: Constants, rheobase: float) -> Constants:
    """The v_gain at which the equation has the rheobase asked for."""
    top = found.v_trip

    def excess(v_gain: float) -> float:
        return float(np.log(replace(found, v_gain=v_gain).rheobase / rheobase))

    if excess(top) > 0:
        raise ValueError(
            f"rheobase must be above I_tau = {found.i_tau:.3g} A, not {rheobase:.3g} A"
        )
    return replace(found, v_gain=float(brentq(excess, -1.0, top)))


def membrane(circuit: Design, v: float, frequency: float) -> float:
    """Capacitance in F of the membrane held at `v` (V), by AC at `frequency` (Hz)."""
    lines = f"Vm m 0 {v!r} ac 1\n.ac lin 1 {frequency!r} {frequency!r}\n.save i(Vm)"
    admittance = -circuit.measure(lines, ["vm#branch"])["vm#branch"][0]
    return float(admittance.imag / (2 * pi * frequency))


def pulse_width(neuron: Neuron, drive: float, t_ref: float, tau: float) -> float:
    """Width in s of the spike that follows when the membrane comes from the end of its leg."""
    t_stop, step = tau + 3 * t_ref, t_ref / 100
    lines = (
        f"Istimulus 0 {neuron.source} {drive!r}\n.ic v(m)={neuron.legs[0].end!r}\n"
        f".tran {step!r} {t_stop!r} 0 {step!r}\n.save v(spike)"
    )
    circuit = neuron.circuit
    found = circuit.measure(lines, ["time", "spike"], TRANSIENT)
    half = circuit.technology.supply / 2
    t, spike = found["time"], found["spike"]
    up, down = crossing(t, spike, half), crossing(t, -spike, -half)
    if not (up.size and down.size):
        raise ValueError(f"t_ref = {t_ref:.3g} s: no spike, or one that does not end")
    return float(down[0] - up[0])
