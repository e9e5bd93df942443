"""The differential-pair integrator, a synapse with linear dynamics.

C. Bartolozzi and G. Indiveri, Synaptic dynamics in analog VLSI, Neural Comput. 19 (2007) 2581.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..subthreshold import SATURATION, gate, raised, require_headroom, slope_factor, transistor
from ..technology import Technology
from .bench import TRANSIENT, Design
from .cell import Cell, Size

_DECOUPLING = 10e-12  # F, by default

Kind = Literal["excitatory", "inhibitory"]


@dataclass(frozen=True)
class Gates:
    """Of the transistors that carry I_w, of the pair, and of those of I_tau and I_gain, I_syn."""

    weight: Size
    pair: Size
    tau: Size
    gain: Size


class DPI(Cell):
    """Differential-pair integrator, nodes ``pulse out i_w i_tau i_gain vdd``.

    While ``pulse`` is high, the pair splits I_w between the capacitor and a rail; I_tau discharges
    the capacitor at all times, and the transistor that it drives gives I_syn:

        tau dI_syn/dt = -I_syn + [pulse] (I_w/I_tau) I_syn/(1 + (I_syn/I_gain)**(n'/n))
        tau = C n' U_T/I_tau

    n' is the slope factor of the output transistor, n that of the pair, whose source is far from
    its bulk. Where I_syn is far above I_gain, and n = n', this is the linear
    ``-I_syn + [pulse] I_gain I_w/I_tau``: responses to pulses add. As n' > n, a pulse adds less the
    larger I_syn is, by ``I_syn**(1 - n'/n)``. Below I_gain it is not linear at all: there I_syn
    grows exponentially, and a synapse that has been silent spends part of its first pulse on
    getting from its leakage to I_gain.

    Other than in the paper the pulse drives the source of the transistor of I_w, through an
    inverter: between pulses that source is far beyond the gate, so that no leakage, which is as
    large as a slow synapse's I_tau, reaches the capacitor. Bias lines that a pulse shakes are held
    by 10 pF, which the synapses of a chip would share: with 1 pF a train of pulses moves I_gain, so
    that what a pulse adds sinks by a tenth within the first hundred tau.

    An excitatory synapse puts I_syn into ``out``; its pair is of nMOS and its output of pMOS. An
    inhibitory one is the same circuit upside down and draws I_syn from ``out``.
    """

    def __init__(
        self,
        name: str,
        technology: Technology,
        kind: Kind,
        capacitance: float,
        gates: Gates,
        decoupling: float = _DECOUPLING,
    ) -> None:
        super().__init__(name, ("pulse", "out", "i_w", "i_tau", "i_gain", "vdd"), technology)
        excitatory = kind == "excitatory"
        pair, output = (self.nmos, self.pmos) if excitatory else (self.pmos, self.nmos)
        low, high = ("0", "vdd") if excitatory else ("vdd", "0")
        self._inverter("pulse", "pulse_bar")
        if not excitatory:
            self._inverter("pulse_bar", "pulse_again")
        foot = "pulse_bar" if excitatory else "pulse_again"
        weight = self._gate("i_w", gates.weight, folded=not excitatory)
        tau = self._gate("i_tau", gates.tau, folded=excitatory)
        threshold = self._gate("i_gain", gates.gain, folded=excitatory)
        pair("weight", "tail", weight, foot, gates.weight)
        pair("in", "v_syn", "v_syn", "tail", gates.pair)
        pair("threshold", high, threshold, "tail", gates.pair)
        output("tau", "v_syn", tau, high, gates.tau)
        output("out", "out", "v_syn", high, gates.gain)
        self.C("syn", high, "v_syn", capacitance)
        self.C("weight", low, weight, decoupling)
        self.C("threshold", high, threshold, decoupling)

    def _inverter(self, given: str, inverse: str) -> None:
        """It drives a source: a transistor whose source is beyond its gate leaks nothing."""
        width, length = 2 * self.technology.w_min, self.technology.l_min
        self.pmos(f"{inverse}_up", inverse, given, "vdd", Size(2 * width, length))
        self.nmos(f"{inverse}_down", inverse, given, "0", Size(width, length))

    def _gate(self, node: str, size: Size, folded: bool) -> str:
        """The gate voltage of mirrors of a bias current: of nMOS or, folded once more, of pMOS."""
        self.nmos(f"{node}_diode", node, node, "0", size)
        if not folded:
            return node
        self.nmos(f"{node}_copy", f"{node}_p", node, "0", size)
        self.pmos(f"{node}_fold", f"{node}_p", f"{node}_p", "vdd", size)
        return f"{node}_p"


@dataclass(frozen=True)
class Constants:
    """What the equation of a DPI needs; see `DPI`.

    Parameters
    ----------
    tau : float
        Time constant in s.
    i_w, i_tau, i_gain : float
        In A.
    exponent : float
        ``n'/n``, of the output transistor and of the pair.
    """

    tau: float
    i_w: float
    i_tau: float
    i_gain: float
    exponent: float

    def slope(self, i_syn: float, pulse: bool) -> float:
        """``dI_syn/dt`` in A/s."""
        share = 1 / (1 + (i_syn / self.i_gain) ** self.exponent)
        return i_syn * ((self.i_w / self.i_tau * share if pulse else 0.0) - 1) / self.tau

    @property
    def steady(self) -> float:
        """I_syn in A after a long pulse."""
        return self.i_gain * (self.i_w / self.i_tau - 1) ** (1 / self.exponent)


def design(
    technology: Technology,
    kind: Kind,
    tau: float,
    increment: float,
    width: float,
    capacitance: float = 1e-12,
    decoupling: float = _DECOUPLING,
) -> tuple[Design, Constants]:
    """A synapse of a time constant whose current a pulse raises by an increment.

    I_gain is a tenth of the increment, so that a pulse that finds the synapse at the increment or
    above meets linear dynamics; I_w follows from ``I_syn = increment``.

    Parameters
    ----------
    technology : Technology
    kind : ``excitatory`` or ``inhibitory``
    tau, width : float
        Time constant, and width of a pulse, much shorter, in s.
    increment : float
        In A.
    capacitance : float
        Of the node that integrates, in F; its gates' part of it is not drawn.
    decoupling : float
        Of the bias lines that a pulse shakes, in F.

    Returns
    -------
    design : Design
    constants : Constants
        For the equation.

    Raises
    ------
    ValueError
        A current that this needs is out of the subthreshold range, or a transistor has no headroom.
    """
    given = {
        "tau": tau,
        "increment": increment,
        "width": width,
        "capacitance": capacitance,
        "decoupling": decoupling,
    }
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, not {kind!r}")
    for name, value in given.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be finite and > 0, not {value!r}")
    pair_kind, output_kind = ("n", "p") if kind == "excitatory" else ("p", "n")
    i_gain = increment / 10
    out_gate = gate(technology, 2 * i_gain)
    output = transistor(technology, output_kind)
    n = slope_factor(technology, output_kind, increment * out_gate.l / out_gate.w)
    charge = capacitance * n * output.thermal_voltage
    threshold = technology.supply - output.gate_voltage(i_gain, out_gate)
    exponent = 1.0
    for _ in range(3):
        found = Constants(tau, charge / width * 10**exponent, charge / tau, i_gain, exponent)
        gates = Gates(
            gate(technology, found.i_w, 4e-9), gate(technology, found.i_w, 1e-9),
            gate(technology, found.i_tau), out_gate,
        )  # fmt: skip
        _require_weak(technology, kind, found, gates, increment)
        pair = raised(technology, pair_kind, "I_gain", threshold, found.i_w, gates.pair)
        exponent = output.n / pair.n
    require_headroom(
        "the tail of the synapse's pair", pair.v_sb, SATURATION * pair.thermal_voltage,
        technology.supply, "the transistor that carries I_w needs 4 U_T",
    )  # fmt: skip
    currents = {"i_w": found.i_w, "i_tau": found.i_tau, "i_gain": i_gain}

    def realise(drawn: float) -> Design:
        return Design(DPI(f"dpi_{kind}", technology, kind, drawn, gates, decoupling), currents)

    from_rail = output.gate_voltage(increment, out_gate)
    v_syn = technology.supply - from_rail if kind == "excitatory" else from_rail
    gates_alone = integrator(realise(capacitance), v_syn, 1 / tau)[0] - capacitance
    if gates_alone >= capacitance:
        raise ValueError(
            f"capacitance must be > {gates_alone:.3g} F, which the gates at the node have by"
            f" themselves, not {capacitance:.3g} F"
        )
    return realise(capacitance - gates_alone), found


def _require_weak(
    technology: Technology, kind: Kind, constants: Constants, gates: Gates, increment: float
) -> None:
    """Every current in what carries it: an nMOS diode, then the pair's or the output's kind."""
    n, p = transistor(technology, "n"), transistor(technology, "p")
    pair, output = (n, p) if kind == "excitatory" else (p, n)
    for name, current, size, carriers in (
        ("I_w", constants.i_w, gates.weight, (n, pair)),
        ("I_tau", constants.i_tau, gates.tau, (n, output)),
        ("I_gain", constants.i_gain, gates.gain, (n, output)),
        ("I_syn", increment, gates.gain, (output,)),
    ):
        for each in carriers:
            each.require_weak(f"the synapse's {name}", current, size)


def integrator(design: Design, v_syn: float, frequency: float) -> tuple[float, float]:
    """Capacitance (F) of the node that integrates and the current (A) that discharges it.

    Measured between pulses, with the node held at `v_syn` (V): by AC at `frequency` (Hz), and DC.
    """
    held = f"Vpulse pulse 0 0\nVout out 0 {design.cell.technology.supply / 2!r}\n"
    node = f"Vsyn xcell.v_syn 0 {v_syn!r}"
    ac = f"{held}{node} ac 1\n.ac lin 1 {frequency!r} {frequency!r}\n.save i(Vsyn)"
    admittance = -design.measure(ac, ["vsyn#branch"])["vsyn#branch"][0]
    current = design.measure(f"{held}{node}\n.op\n.save i(Vsyn)", ["vsyn#branch"])["vsyn#branch"]
    return float(admittance.imag / (2 * np.pi * frequency)), float(abs(current[0]))


def response(
    design: Design, pulses: Sequence[float], width: float, t_stop: float, v_out: float
) -> tuple[np.ndarray, np.ndarray]:
    """Time (s) and I_syn (A, positive for either kind) with `out` held at `v_out` (V).

    Parameters
    ----------
    design : Design
    pulses : sequence of float
        When pulses begin, in s, apart by more than `width`.
    width, t_stop : float
        In s.
    v_out : float
    """
    lines = (
        f"{train(design, pulses, width)}\nVout out 0 {v_out!r}\n"
        f".tran {width!r} {t_stop!r} 0 {width!r}\n.save i(Vout)"
    )
    found = design.measure(lines, ["time", "vout#branch"], TRANSIENT)
    return found["time"], abs(found["vout#branch"])


def train(design: Design, pulses: Sequence[float], width: float) -> str:
    """The source of a pulse train, with edges of a hundredth of the width."""
    high, edge = design.cell.technology.supply, width / 100
    corners = "".join(
        f" {t!r} 0 {t + edge!r} {high!r} {t + width!r} {high!r} {t + width + edge!r} 0"
        for t in pulses
    )
    return f"Vpulse pulse 0 pwl(0 0{corners})"


def steady(design: Design, v_out: float) -> float:
    """I_syn in A after a long pulse, with `out` held at `v_out` (V)."""
    high = design.cell.technology.supply
    lines = f"Vpulse pulse 0 {high!r}\nVout out 0 {v_out!r}\n.op\n.save i(Vout)"
    return float(abs(design.measure(lines, ["vout#branch"])["vout#branch"][0]))


def decay(t: np.ndarray, i: np.ndarray, after: float) -> float:
    """Time constant in s of the fall after `after` (s), from 90 to 30 % of the current there."""
    top = np.interp(after, t, i)
    falling = (t > after) & (i < 0.9 * top) & (i > 0.3 * top)
    return float(-1 / np.polyfit(t[falling], np.log(i[falling]), 1)[0])
