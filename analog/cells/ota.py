"""The five-transistor transconductance amplifier of Mead (1989), chapter 5."""

from ..technology import Technology
from .cell import Cell, Size


class OTA(Cell):
    """Five-transistor transconductance amplifier, nodes ``plus minus out bias vdd``.

    In weak inversion the current ``i = I_bias tanh((v_plus - v_minus)/(2 n U_T))`` leaves ``out``,
    with slope ``g_m = I_bias/(2 n U_T)``; with ``minus`` tied to ``out`` it is a leak towards
    ``v_plus``. The mirrors' gates are long and narrow: at picoamperes a wide diode would have less
    than the few ``U_T`` between drain and source that it needs, and a large one would be slow.
    """

    def __init__(self, name: str, technology: Technology, pair: Size, mirror: Size) -> None:
        super().__init__(name, ("plus", "minus", "out", "bias", "vdd"), technology)
        self.nmos("bias", "bias", "bias", "0", mirror)
        self.nmos("tail", "tail", "bias", "0", mirror)
        self.nmos("plus", "mirror", "plus", "tail", pair)
        self.nmos("minus", "out", "minus", "tail", pair)
        self.pmos("diode", "mirror", "mirror", "vdd", mirror)
        self.pmos("out", "out", "mirror", "vdd", mirror)
