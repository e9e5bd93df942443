"""The comparator that tells when the membrane is above threshold."""

from ..technology import Technology
from .cell import Cell, Size


class Comparator(Cell):
    """OTA without feedback and three inverting stages, nodes ``v_m v_th q bias vdd``.

    ``q`` falls when ``v_m`` rises above ``v_th``. n stages of gain-bandwidth ``w`` answer a ramp of
    slope s after about ``(V_dd/(s w**n))**(1/(n + 1))``: on slow ramps several stages of low gain
    are faster than one of high gain, hence the short gates. The membrane drives the mirror side,
    whose node hardly moves, so that little charge is kicked back. Two stages are single pMOS loaded
    with the bias current, so that a slow membrane costs no crow-bar current; the last is a plain
    inverter, whose input is fast.
    """

    def __init__(self, name: str, technology: Technology, size: Size, load: Size) -> None:
        super().__init__(name, ("v_m", "v_th", "q", "bias", "vdd"), technology)
        self.nmos("bias", "bias", "bias", "0", size)
        self.nmos("tail", "tail", "bias", "0", size)
        self.nmos("plus", "mirror", "v_m", "tail", size)
        self.nmos("minus", "first", "v_th", "tail", size)
        self.pmos("diode", "mirror", "mirror", "vdd", load)
        self.pmos("out", "first", "mirror", "vdd", load)
        self.pmos("up1", "second", "first", "vdd", load)
        self.nmos("starve1", "second", "bias", "0", size)
        self.pmos("up2", "third", "second", "vdd", load)
        self.nmos("starve2", "third", "bias", "0", size)
        self.pmos("up3", "q", "third", "vdd", load)
        self.nmos("down3", "q", "third", "0", size)
