"""A current that a digital word sets: the trim of a bias current in a calibrated chip."""

import numpy as np

from ..subthreshold import SATURATION, gate, require_headroom, transistor
from ..technology import Technology
from .bench import Design
from .cell import Cell, Size

MOST_BITS = 6


class CurrentDAC(Cell):
    """Binary-weighted current source, nodes ``bias out vdd b0 b1 ...``; b0 is the least bit.

        i_out = I_bias (b0 + 2 b1 + 4 b2 + ...)      out of ``out``; a bit is 0 V or the supply

    2**k unit nMOS per bit mirror the reference, for a wide gate has another threshold than a narrow
    one. A pair of switches steers each bit's current to a pMOS mirror or to the supply: a switch
    that is off has its source far above its gate, so that it leaks nothing, and the total current
    does not depend on the code. The reference's own mismatch only scales all codes.
    """

    def __init__(
        self, name: str, technology: Technology, bits: int, unit: Size, mirror: Size
    ) -> None:
        nodes = ("bias", "out", "vdd", *(f"b{k}" for k in range(bits)))
        super().__init__(name, nodes, technology)
        logic = Size(2 * technology.w_min, technology.l_min)
        self.nmos("bias", "bias", "bias", "0", unit)
        for k in range(bits):
            for j in range(2**k):
                self.nmos(f"unit{k}_{j}", f"s{k}", "bias", "0", unit)
            self.nmos(f"on{k}", "sum", f"b{k}", f"s{k}", logic)
            self.nmos(f"off{k}", "vdd", f"n{k}", f"s{k}", logic)
            self.pmos(f"up{k}", f"n{k}", f"b{k}", "vdd", Size(2 * logic.w, logic.l))
            self.nmos(f"down{k}", f"n{k}", f"b{k}", "0", logic)
        self.pmos("diode", "sum", "sum", "vdd", mirror)
        self.pmos("out", "out", "sum", "vdd", mirror)


def design(technology: Technology, least: float, bits: int) -> Design:
    """A DAC of a least step.

    Parameters
    ----------
    technology : Technology
    least : float
        The step in A; the largest output is ``(2**bits - 1) least``.
    bits : int
        1 .. 6.

    Raises
    ------
    ValueError
        Some output current is out of the subthreshold range, or the switches have no headroom.
    """
    if not 1 <= bits <= MOST_BITS:
        raise ValueError(f"bits must be in 1 .. {MOST_BITS}, not {bits!r}")
    n, p = transistor(technology, "n"), transistor(technology, "p")
    full = (2**bits - 1) * least
    unit = gate(technology, least)
    n.require_weak("the DAC's step", least, unit)
    mirror = gate(technology, float(np.sqrt(least * full)))
    p.require_weak("the DAC's step", least, mirror)
    p.require_weak("the DAC's full scale", full, mirror)
    saturated = SATURATION * n.thermal_voltage
    require_headroom(
        "the supply", technology.supply, n.v_th + n.n * saturated + saturated, np.inf,
        "the switches need their threshold and each source its 4 U_T",
    )  # fmt: skip
    return Design(CurrentDAC("dac", technology, bits, unit, mirror), {"bias": least})


def outputs(design: Design, v_out: float) -> np.ndarray:
    """Output current in A at every code, into a node held at `v_out` (V); shape (2**bits,).

    One run holds all codes: with a seed they are those of one chip.
    """
    supply, count = design.cell.technology.supply, 2 ** len(_bits(design.cell))
    words = [
        f"E{bit} {bit} 0 vol='{supply!r}*(floor(v(code)/{2**k}) - 2*floor(v(code)/{2 ** (k + 1)}))'"
        for k, bit in enumerate(_bits(design.cell))
    ]
    lines = [
        "Vcode code 0 0", *words, f"Vout out 0 {v_out!r}", f".dc Vcode 0 {count - 1} 1",
        ".save i(Vout)",
    ]  # fmt: skip
    return design.measure("\n".join(lines), ["vout#branch"])["vout#branch"]


def _bits(cell: Cell) -> tuple[str, ...]:
    return tuple(cell.external_nodes[3:])
