"""The comparator that tells when the membrane is above threshold."""

import numpy as np

from ..subthreshold import transistor
from ..technology import Technology, matching_of
from .bench import TRANSIENT, Design
from .cell import Cell, Size

# With a bias below so many times what a square leaks at V_GS = 0, gates are ten times longer.
_LEAKY = 100
# The bias in the time of the answer, C: what it costs to answer within a tenth of that time.
_SHORT_GATE_CHARGE, _LONG_GATE_CHARGE = 0.2e-12, 5e-12


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


def design(technology: Technology, time: float, offset: float | None = None) -> Design:
    """A comparator that answers within a tenth of a time.

    Parameters
    ----------
    technology, time, offset
        As `sized` takes them.
    """
    current, *gates = sized(technology, time, offset)
    return Design(Comparator("comparator", technology, *gates), {"bias": current})


def sized(
    technology: Technology, time: float, offset: float | None = None
) -> tuple[float, Size, Size, Size]:
    """Bias current in A and gates of the pair, the loads and the other branches.

    The delay is that of charging gates by the bias, so ``I = Q/time``, with Q in proportion to the
    area of the gates. By Pelgrom's law the trip point has a variance of ``A_n**2/(W L)`` of the
    pair and ``(n_n/n_p)**2 A_p**2/(W L)`` of the loads; with n_n = n_p, which is the larger one,
    this allows for the other branches, too. Gates grow more in width than in length, for a larger
    bias is to leave them near weak inversion. So power times ``offset**2`` times `time` is a
    constant of the technology (Kinget, IEEE JSSC 40 (2005) 1212).

    Parameters
    ----------
    technology : Technology
    time : float
        In s, > 0.
    offset : float, optional
        Standard deviation in V that the trip point may have from chip to chip; by default gates are
        the smallest ones.
    """
    if not 0 < time < float("inf"):
        raise ValueError(f"time must be finite and > 0, not {time!r}")
    slow = _SHORT_GATE_CHARGE / time < _LEAKY * transistor(technology, "n").i_off
    charge = _LONG_GATE_CHARGE if slow else _SHORT_GATE_CHARGE
    length = 10 * technology.l_min if slow else technology.l_min
    pair, load, branch = (Size(w, length) for w in (2e-6, 1e-6, technology.w_min))
    if offset is not None:
        matching = matching_of(technology)
        variance = matching.nmos**2 / (pair.w * pair.l) + matching.pmos**2 / (load.w * load.l)
        times = max(variance / offset**2, 1.0)
        charge *= times
        pair, load, branch = (
            Size(times**0.75 * each.w, times**0.25 * each.l) for each in (pair, load, branch)
        )
    return charge / time, pair, load, branch


def trip(design: Design, v_th: float) -> tuple[float, float]:
    """Input in V at which ``q`` falls, and current in A from the supply far below it, by DC."""
    low, high = v_th - 0.1, v_th + 0.05
    lines = (
        f"Vth v_th 0 {v_th!r}\nVm v_m 0 0\n.dc Vm {low!r} {high!r} 1e-4\n.save v(v_m) v(q) i(Vdd)"
    )
    found = design.measure(lines, ["v_m", "q", "vdd#branch"])
    middle = design.cell.technology.supply / 2
    return float(np.interp(-middle, -found["q"], found["v_m"])), -float(found["vdd#branch"][0])


def delay(design: Design, v_th: float, tripped: float, slope: float) -> float:
    """Time in s from a ramp's crossing of `tripped` (V) to the fall of ``q``; `slope` in V/s.

    Raises
    ------
    ValueError
        ``q`` does not fall until the ramp is 16 mV beyond.
    """
    low, high = tripped - 4e-3, tripped + 16e-3
    end = (high - low) / slope
    lines = (
        f"Vth v_th 0 {v_th!r}\nVm v_m 0 pwl(0 {low!r} {end!r} {high!r})\n"
        f".tran {end / 2000!r} {end!r} 0 {end / 2000!r}\n.save v(q)"
    )
    found = design.measure(lines, ["time", "q"], TRANSIENT)
    middle = design.cell.technology.supply / 2
    k = int(np.argmax(found["q"] < middle))
    if k == 0:
        raise ValueError(f"the comparator does not answer a ramp of {slope:.3g} V/s")
    fall = np.interp(-middle, -found["q"][k - 1 : k + 1], found["time"][k - 1 : k + 1])
    return float(fall) - 4e-3 / slope
