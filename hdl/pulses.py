"""Spikes of a core as pulses on the wires of synapses that know no clock.

A spike of neuron j asks for a pulse on every wire of ``routes[j]``. Each wire has a counter of the
pulses that wait, and a shaper: a pulse is high for `width` clocks, then low for `gap` clocks, then
the next one begins. So pulses that come together do not melt into one. A counter holds `WAITING`
pulses; what comes beyond is left out and counted.

All wires then pass a delay of `delay` clocks, that of the axons. What goes into it is `announced`:
the wires do the same exactly `delay` clocks later. Who simulates the synapses thus knows their
pulses for that long in advance.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..models.integer.kind import check_parameters

WAITING = 15
LOST = 16  # bits of the counter, which stops at its largest value


class Pulses(wiring.Component):
    """The wires of synapses.

    Parameters
    ----------
    routes : sequence of sequences of int
        The wires of each neuron.
    wires : int
        How many, >= 1.
    width, gap, delay : int
        In clocks; 1 .. 2**16.

    Attributes
    ----------
    valid, addr : Signal, in
        There is a spike in this clock; whose it is.
    announced, pulses : Signal(wires), out
    lost : Signal(16), out
        Pulses that were left out.

    Raises
    ------
    TypeError, ValueError
        A length that is not allowed; a wire that does not exist, or twice in one route.
    """

    def __init__(
        self, routes: Sequence[Sequence[int]], wires: int, width: int, gap: int, delay: int
    ) -> None:
        self.routes, self.wires = routes, wires
        self.width, self.gap, self.delay = width, gap, delay
        longest = (1, 1 << 16)
        check_parameters(self, {name: longest for name in ("wires", "width", "gap", "delay")})
        for neuron, route in enumerate(routes):
            for wire in route:
                where = f"routes[{neuron}]"
                check_parameters(SimpleNamespace(**{where: wire}), {where: (0, wires - 1)})
            if len(set(route)) < len(route):
                raise ValueError(f"routes[{neuron}] must have each wire once, not {list(route)!r}")
        super().__init__(
            {
                "valid": In(1),
                "addr": In(ceil_log2(len(routes))),
                "announced": Out(wires),
                "pulses": Out(wires),
                "lost": Out(LOST),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = [sum(1 << wire for wire in route) for route in self.routes]
        m.submodules.routes = memory = Memory(shape=self.wires, depth=len(words), init=words)
        read = memory.read_port()
        spike = Signal()
        asked = Signal(self.wires)
        m.d.comb += [read.addr.eq(self.addr), asked.eq(read.data & spike.replicate(self.wires))]
        m.d.sync += spike.eq(self.valid)

        full = Signal(self.wires)
        for wire in range(self.wires):
            waiting = Signal(range(WAITING + 1), name=f"waiting{wire}")
            left = Signal(range(self.width + self.gap), name=f"left{wire}")  # clocks until the next
            begin = Signal(name=f"begin{wire}")
            m.d.comb += [
                begin.eq((waiting != 0) & (left == 0)),
                full[wire].eq(asked[wire] & (waiting == WAITING) & ~begin),
            ]
            m.d.sync += [
                waiting.eq(waiting + (asked[wire] & ~full[wire]) - begin),
                self.announced[wire].eq(begin | (left > self.gap)),
            ]
            with m.If(begin):
                m.d.sync += left.eq(self.width + self.gap - 1)
            with m.Elif(left != 0):
                m.d.sync += left.eq(left - 1)

        more = sum(full, start=Const(0))
        total = Signal(LOST + 1)
        m.d.comb += total.eq(self.lost + more)
        m.d.sync += self.lost.eq(total | total[-1].replicate(LOST))

        line = Signal(self.wires * self.delay)
        m.d.sync += line.eq(Cat(self.announced, line))
        m.d.comb += self.pulses.eq(line[-self.wires :])
        return m
