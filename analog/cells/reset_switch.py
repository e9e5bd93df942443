"""The switch that brings the membrane to its reset voltage."""

from ..technology import Technology
from .cell import Cell, Size


class ResetSwitch(Cell):
    """nMOS switch that pulls ``v_m`` to ``v_reset`` while ``spike`` is high.

    When it opens, the overlap and channel charge leave a step of about
    ``-(C_ov V_dd + Q_ch/2)/C_m`` on the membrane.
    """

    def __init__(self, name: str, technology: Technology, size: Size) -> None:
        super().__init__(name, ("v_m", "spike", "v_reset", "vdd"), technology)
        self.nmos("switch", "v_m", "spike", "v_reset", size)
