"""The switch that brings the membrane to its reset voltage."""

from math import log

import numpy as np

from ..subthreshold import require_headroom, transistor
from ..technology import Technology
from .bench import TRANSIENT, Design
from .cell import Cell, Size

_DOWN_TO = 0.1e-3  # V, to which a membrane that was 0.1 V away settles


class ResetSwitch(Cell):
    """nMOS switch that pulls ``v_m`` to ``v_reset`` while ``spike`` is high.

    Closed it conducts ``G = mu C_ox (W/L) (V_dd - v_reset - V_T)`` with ``mu C_ox = I0/(2 n
    U_T**2)``, and the membrane settles with ``C_m/G``. When it opens, the overlap and channel
    charge leave a step of about ``-(C_ov V_dd + Q_ch/2)/C_m`` on the membrane.
    """

    def __init__(self, name: str, technology: Technology, size: Size) -> None:
        super().__init__(name, ("v_m", "spike", "v_reset", "vdd"), technology)
        self.nmos("switch", "v_m", "spike", "v_reset", size)


def design(technology: Technology, c_m: float, v_reset: float, time: float) -> Design:
    """A switch that brings a membrane to its reset voltage in a time.

    Parameters
    ----------
    technology, c_m, v_reset, time
        As `sized` takes them.
    """
    size = sized(technology, c_m, v_reset, time)
    return Design(ResetSwitch("reset", technology, size), {})


def sized(technology: Technology, c_m: float, v_reset: float, time: float) -> Size:
    """The shortest gate, as wide as it must be; so the step that it leaves does not grow with C_m.

    Parameters
    ----------
    technology : Technology
    c_m : float
        Membrane capacitor in F.
    v_reset : float
        In V.
    time : float
        In s, in which the membrane comes from 0.1 V to within 0.1 mV of `v_reset`.

    Raises
    ------
    ValueError
        The supply, on its gate, does not close the switch at `v_reset`.
    """
    highest = technology.supply / 2  # V_T can be measured there, and beyond it hardly changes
    n = transistor(technology, "n", v_sb=round(min(max(v_reset, 0.0), highest), 2))
    room = technology.supply - n.v_th
    require_headroom(
        "v_reset on the chip",
        v_reset,
        0.0,
        room - 0.1,
        "a switch with the supply on its gate needs V_T there",
    )
    square = n.i0 / (2 * n.n_0 * n.thermal_voltage**2) * (room - v_reset)
    ratio = c_m / time * log(0.1 / _DOWN_TO) / square
    return Size(max(ratio * technology.l_min, technology.w_min), technology.l_min)


def response(design: Design, c_m: float, v_reset: float, time: float) -> tuple[float, float]:
    """What the membrane lacks of `v_reset` after `time` (s), and the step at release; in V.

    A membrane of `c_m` (F), 0.1 V above `v_reset`, is reset for twice the time.
    """
    supply, edge = design.cell.technology.supply, time / 100
    lines = (
        f"Vreset v_reset 0 {v_reset!r}\nCm v_m 0 {c_m!r}\n.ic v(v_m)={v_reset + 0.1!r}\n"
        f"Vspike spike 0 pwl(0 0 {edge!r} {supply!r} {2 * time!r} {supply!r}"
        f" {2 * time + edge!r} 0)\n"
        f".tran {time / 200!r} {3 * time!r} 0 {time / 200!r} uic\n.save v(v_m)"
    )
    found = design.measure(lines, ["time", "v_m"], TRANSIENT)
    late, before, after = np.interp([time, 2 * time, 3 * time], found["time"], found["v_m"])
    return float(late) - v_reset, float(after - before)
