"""A pulse of a set width, the neuron's refractory time (after Indiveri et al. 2011)."""

import numpy as np

from ..subthreshold import transistor
from ..technology import Technology
from .bench import TRANSIENT, Design
from .cell import Cell, Size

_CAPACITOR = 0.1e-12  # F, above the gates that it drives
_SLOW = Size(0.5e-6, 2e-6)

KICK = 1.5e-15
"""F for the shortest gates, and in proportion to their length: a few um of metal beside metal."""


class RefractoryPulse(Cell):
    """Pulse of a set width, nodes ``q spike bias speed vdd``.

    A low ``q`` charges ``c_ref`` to the supply at once and raises ``spike``; the bias current then
    discharges it, and ``spike`` falls after ``t = c_ref (V_dd - V_trip)/I_bias``, V_trip being that
    of a starved inverter, ``V_dd - V_SG,p(I_speed)``. The gates add to c_ref about a third.

    - Both inverters are starved by the current mirrored from ``speed``: the first watches a slow
      ramp, the second its slow answer, and plain inverters would draw crow-bar currents ten
      thousand times the bias. The first one trips where its pMOS carries just that current.
    - A slow membrane makes ``q`` fall slowly; the spike would come, and the reset take ``q`` back,
      while ``c_ref`` is charged in part, and the pulse would be shorter than after a fast membrane.
      A capacitance by which the falling inverter pulls ``q`` down completes the charge.
    - Between pulses the transistors ``clear`` empty ``c_ref``, or the next pulse would remember
      how long ago the last one was; they also make the pulse's end steeper.
    """

    def __init__(self, name: str, technology: Technology, c_ref: float, charge: Size) -> None:
        super().__init__(name, ("q", "spike", "bias", "speed", "vdd"), technology)
        slow, fast = _SLOW, Size(technology.w_min, charge.l)
        self.C("ref", "ramp", "0", c_ref)
        self.C("kick", "bar", "q", KICK * charge.l / technology.l_min)
        self.pmos("charge", "ramp", "q", "vdd", charge)
        self.nmos("bias", "bias", "bias", "0", slow)
        self.nmos("discharge", "ramp", "bias", "0", slow)
        self.pmos("up", "bar", "ramp", "vdd", fast)
        self.nmos("down", "bar", "ramp", "starve", fast)
        self.nmos("starve", "starve", "speed", "0", fast)
        self.nmos("clear", "ramp", "bar", "starve_clear", fast)
        self.nmos("starve_clear", "starve_clear", "speed", "0", fast)
        self.pmos("spike_up", "spike", "bar", "vdd", fast)
        self.nmos("spike_down", "spike", "bar", "starve_spike", fast)
        self.nmos("starve_spike", "starve_spike", "speed", "0", fast)


def design(technology: Technology, width: float, speed: float, length: float) -> Design:
    """A pulse of a width.

    Parameters
    ----------
    technology : Technology
    width : float
        In s, > 0.
    speed : float
        Current in A that starves the inverters, of the gate w_min by `length`.
    length : float
        Of the fast gates, in m.
    """
    current, c_ref, charge = sized(technology, width, speed, length)
    cell = RefractoryPulse("refractory", technology, c_ref, charge)
    return Design(cell, {"bias": current, "speed": speed})


def sized(
    technology: Technology, width: float, speed: float, length: float
) -> tuple[float, float, Size]:
    """Bias current (A), c_ref (F) and gate of the pMOS that charges it; see `design`.

    c_ref is so large that the bias is no less than the leakage that its mirror can copy.
    """
    if not 0 < width < float("inf"):
        raise ValueError(f"width must be finite and > 0, not {width!r}")
    swing = transistor(technology, "p").gate_voltage(speed, Size(technology.w_min, length))
    least = transistor(technology, "n").least * _SLOW.w / _SLOW.l
    c_ref = max(_CAPACITOR, least * width / swing)
    return c_ref * swing / width, c_ref, Size(0.5e-6, length)


def measured(design: Design, width: float) -> float:
    """Time in s from the fall of ``q`` to that of ``spike``; ``q`` rises after a tenth of `width`.

    The bench has the diode that turns the current of ``speed`` into a voltage.
    """
    technology = design.cell.technology
    supply, edge = technology.supply, width / 1000
    fast = Size(technology.w_min, design.cell["Xup"].parameters["l"] * technology.length_unit)
    diode = " ".join(f"{name}={value!r}" for name, value in fast.drawn(technology).items())
    lines = (
        f"Xspeed speed speed 0 0 {technology.nmos} {diode}\n"
        f"Vq q 0 pulse({supply!r} 0 {width!r} {edge!r} {edge!r} {width / 10!r})\n"
        f".tran {width / 200!r} {5 * width!r} 0 {width / 200!r}\n.save v(q) v(spike)"
    )
    found = design.measure(lines, ["time", "q", "spike"], TRANSIENT)
    fallen, spike = (found[name] < supply / 2 for name in ("q", "spike"))
    start = int(np.argmax(fallen))
    up = start + int(np.argmax(~spike[start:]))
    down = up + int(np.argmax(spike[up:]))
    return float(found["time"][down] - found["time"][start])
