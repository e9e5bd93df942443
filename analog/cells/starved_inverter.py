"""An inverter that may be driven slowly: a bias current starves it (after Indiveri et al. 2011)."""

import numpy as np

from ..subthreshold import SATURATION, gate, require_headroom, transistor
from ..technology import Technology
from .bench import Design
from .cell import Cell, Size


class StarvedInverter(Cell):
    """Inverter with a current source under its nMOS, nodes ``v_in out bias vdd``.

    A rising input turns the pMOS off; ``out`` falls where the pMOS carries just the bias current,

        V_trip = V_dd - V_SG,p(I_bias),

    and at the rate ``I_bias/C_out``. Between the rails the supply gives at most I_bias, however
    slow the input: a plain inverter would draw its crow-bar current, microamperes, all the time.
    """

    def __init__(self, name: str, technology: Technology, up: Size, down: Size) -> None:
        super().__init__(name, ("v_in", "out", "bias", "vdd"), technology)
        self.pmos("up", "out", "v_in", "vdd", up)
        self.nmos("down", "out", "v_in", "starve", down)
        self.nmos("starve", "starve", "bias", "0", down)
        self.nmos("bias", "bias", "bias", "0", down)


def design(technology: Technology, current: float) -> Design:
    """An inverter that is starved by a current in A.

    Raises
    ------
    ValueError
        The current is out of the subthreshold range, or the inverter would trip at an input at
        which its nMOS leave the current source no headroom.
    """
    n, p = transistor(technology, "n"), transistor(technology, "p")
    size = gate(technology, current)
    n.require_weak("the starving current", current, size)
    p.require_weak("the starving current", current, size)
    saturated = SATURATION * n.thermal_voltage
    require_headroom(
        "the trip voltage", trip_voltage(technology, current, size),
        n.gate_voltage(current, size) + n.n * saturated, technology.supply - saturated,
        "the current source below the nMOS needs 4 U_T, and so does the pMOS",
    )  # fmt: skip
    cell = StarvedInverter("starved_inverter", technology, size, size)
    return Design(cell, {"bias": current})


def trip_voltage(technology: Technology, current: float, up: Size) -> float:
    """The input in V at which a pMOS of gate `up` carries the starving `current` (A)."""
    return technology.supply - transistor(technology, "p", size=up).gate_voltage(current, up)


def transfer(design: Design, step: float = 1e-3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input (V), output (V) and current from the supply (A), without that of the bias, by DC."""
    supply = design.cell.technology.supply
    lines = f"Vin v_in 0 0\n.dc Vin 0 {supply!r} {step!r}\n.save v(v_in) v(out) i(Vdd)"
    found = design.measure(lines, ["v_in", "out", "vdd#branch"])
    return found["v_in"], found["out"], -found["vdd#branch"] - sum(design.currents.values())
