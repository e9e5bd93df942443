"""Mead's axon hillock, the smallest neuron that spikes.

C. Mead, Analog VLSI and Neural Systems (1989), chapter 12; G. Indiveri et al., Neuromorphic silicon
neuron circuits, Front. Neurosci. 5 (2011) 73.
"""

import numpy as np

from ..cells.bench import Design
from ..cells.cell import Cell, Size
from ..subthreshold import SATURATION, gate, require_headroom, transistor
from ..technology import Technology
from .neuron import Leg, Neuron


class AxonHillock(Cell):
    """Amplifier with capacitive feedback, nodes ``m spike i_reset vdd``.

    Two inverters raise ``spike`` when the input current I has charged the membrane to their
    threshold v_trip. The divider of C_fb and C_m lifts the membrane by

        dv = V_dd C_fb/(C_m + C_fb),

    which makes the edge sharp; now the reset transistor draws I_reset until the membrane is back at
    v_trip, ``spike`` falls and the divider takes the membrane down by dv. On both ways the charge
    is ``(C_m + C_fb) dv = C_fb V_dd``:

        width = C_fb V_dd/(I_reset - I),    1/rate = C_fb V_dd (1/I + 1/(I_reset - I))

    Neither v_trip nor C_m is in it, and there is no leak. Other than in the book the switch is
    below the transistor of I_reset, so that its gate, which is ``spike``, puts no charge on the
    membrane. The input of the first inverter is slow: its long gates keep its crow-bar current at a
    tenth of a microampere, which is most of what this circuit consumes.
    """

    def __init__(
        self, name: str, technology: Technology, c_m: float, c_fb: float, reset: Size
    ) -> None:
        super().__init__(name, ("m", "spike", "i_reset", "vdd"), technology)
        slow, fast = Size(technology.w_min, 8e-6), Size(2 * technology.w_min, technology.l_min)
        self.C("m", "m", "0", c_m)
        self.C("fb", "spike", "m", c_fb)
        self.pmos("first_up", "bar", "m", "vdd", slow)
        self.nmos("first_down", "bar", "m", "0", slow)
        self.pmos("second_up", "spike", "bar", "vdd", fast)
        self.nmos("second_down", "spike", "bar", "0", fast)
        self.nmos("bias", "i_reset", "i_reset", "0", reset)
        self.nmos("reset", "m", "i_reset", "foot", reset)
        self.nmos("switch", "foot", "spike", "0", Size(technology.w_min, 1e-6))


def design(
    technology: Technology, current: float, rate: float, width: float, swing: float = 0.5
) -> Neuron:
    """A neuron that fires at a rate, with spikes of a width, at an input current.

    Parameters
    ----------
    technology : Technology
    current : float
        Input at which `rate` and `width` hold, in A.
    rate : float
        In Hz.
    width : float
        Of a spike in s, below ``1/rate``.
    swing : float
        The membrane's, below and above v_trip, in V: sets C_m.

    Raises
    ------
    ValueError
        A parameter is out of range, I_reset is out of the subthreshold range, or the membrane would
        come too close to a rail.
    """
    given = {"current": current, "rate": rate, "width": width, "swing": swing}
    for name, value in given.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be finite and > 0, not {value!r}")
    if width * rate >= 1:
        raise ValueError(f"width must be below 1/rate = {1 / rate:.3g} s, not {width:.3g} s")
    charge = current * (1 / rate - width)
    i_reset = current + charge / width
    c_fb = charge / technology.supply
    c_m = charge / swing - c_fb
    if c_m <= 0:
        raise ValueError(f"swing must be below the supply, {technology.supply} V, not {swing!r} V")
    n = transistor(technology, "n")
    size = gate(technology, i_reset, n.most / 2)  # small, so that its junction takes little charge
    n.require_weak("I_reset", i_reset, size)
    found = Design(AxonHillock("axon_hillock", technology, c_m, c_fb, size), {"i_reset": i_reset})
    tripped, room = trip_voltage(found), SATURATION * n.thermal_voltage
    require_headroom(
        "swing", swing, 0.0, min(tripped - room, technology.supply - tripped),
        f"the amplifier trips at {tripped:.3f} V, and the reset transistor needs 4 U_T",
    )  # fmt: skip
    far, near = 0.85 * swing, 0.2 * swing  # but for the edges, where the amplifier has gain
    legs = Leg(tripped - far, tripped - near), Leg(tripped + far, tripped + near)
    return Neuron(found, "m", legs)


def trip_voltage(circuit: Design, step: float = 0.5e-3) -> float:
    """v_trip in V, where the held membrane brings ``spike`` to half of the supply, by DC."""
    supply = circuit.technology.supply
    lines = f"Vm m 0 0\n.dc Vm 0 {supply!r} {step!r}\n.save v(m) v(spike)"
    found = circuit.measure(lines, ["m", "spike"])
    return float(np.interp(supply / 2, found["spike"], found["m"]))


def interval(circuit: Design, current: float) -> float:
    """``1/rate`` in s by the equation, at a current in A: drawn C_fb, bias currents."""
    charge = float(circuit.cell["Cfb"].capacitance) * circuit.technology.supply
    return charge * (1 / current + 1 / (circuit.currents["i_reset"] - current))
