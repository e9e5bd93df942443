"""The comparator that tells when the membrane is above threshold."""

from ..technology import Technology
from .cell import Cell, Size


class Comparator(Cell):
    """Three stages that draw only the current of two branches, nodes ``v_m v_th q bias vdd``.

    ``q`` falls when ``v_m`` rises above ``v_th``. Where the energy goes, and why it is not more:

    - An OTA (``first`` falls) and two common-source stages (``second`` rises, ``q`` falls). Below
      threshold the transistors ``up`` and ``down`` are off, so that these two stages draw nothing;
      above, their loads limit the current to the bias: no crow-bar current, however slow the
      membrane is. So the static current is that of the bias and of the tail.
    - Stages of gain-bandwidth ``w = g_m/C`` and gain A follow a slow ramp late by the sum of their
      ``A/w``: several stages of low gain are faster than one of high gain. Hence the gates are
      short, those behind the input (`branch`) narrow (C), and ``first`` has a weak diode (A).
      The input pair is wider: it matches better. As the gain is low, the tail and the second stage
      count for the offset, too: of the input's order, where they are as narrow as they can be.
    - What ``second`` puts back on ``first`` through the gate-drain overlap of ``up`` (Miller) would
      delay the edge most. The two overlaps of a transistor without a current, ``neutral``, bring
      the movement of ``q``, which goes the other way, and cancel it. Where they bring more,
      slow membranes get their edge some microvolts before the static trip point: the measured delay
      may be negative.
    - A cascode keeps the drain of the input transistor still, so that the membrane sees no Miller
      capacitance and gets no kick.
    - The load of ``q`` is a mirror of ``v_th``'s branch, which carries at least half of the bias
      when the membrane has been reset: ``q`` rises again soon.
    """

    def __init__(
        self, name: str, technology: Technology, size: Size, load: Size, branch: Size
    ) -> None:
        super().__init__(name, ("v_m", "v_th", "q", "bias", "vdd"), technology)
        self.nmos("bias", "bias", "bias", "0", branch)
        self.nmos("tail", "tail", "bias", "0", branch)
        self.nmos("plus", "cascode", "v_m", "tail", size)
        self.nmos("cascode", "first", "vdd", "cascode", branch)
        self.nmos("minus", "mirror", "v_th", "tail", size)
        self.pmos("diode", "mirror", "mirror", "vdd", load)
        self.pmos("out", "first", "mirror", "vdd", load)
        self.pmos("damp", "first", "first", "vdd", Size(technology.w_min, 4 * branch.l))
        self.pmos("up", "second", "first", "vdd", branch)
        self.nmos("starve", "second", "bias", "0", branch)
        self.nmos("down", "q", "second", "0", branch)
        self.pmos("load", "q", "mirror", "vdd", branch)
        self.pmos("neutral", "q", "first", "q", Size(branch.w, technology.l_min))
