"""Address events from wires of another time: latch, synchroniser, arbiter, acknowledge.

Each wire is that of a neuron that knows no clock; its rising edge is a spike. What happens to it::

    latch        set by the rising edge of the wire, at once; cleared by the acknowledge, at once
    request      the latch through a synchroniser of two flip-flops
    arbiter      one request in a clock, of the wire that follows the last one in turn
    acknowledge  rises when the event is in the register of `o`, falls when the request has fallen

So a spike is never missed because its pulse is short, never counted twice because it is long, and
waits while nobody takes it. Its wire may rise again when its acknowledge has fallen, `LATENCY`
clocks after the spike, later by one for each other wire that has its turn before, and by those for
which `o` waits. A spike before that is lost: its latch is set already, or held clear.
"""

from amaranth.hdl import Cat, ClockDomain, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

LATENCY = 6
"""Clocks from a spike to its acknowledge's end: 2 to the request, 1 to its turn, 2 back, 1."""


class Requests(wiring.Component):
    """Spikes of `n` wires as a stream of their numbers.

    Parameters
    ----------
    n : int
        >= 1.

    Attributes
    ----------
    spikes : Signal(n), in
        The wires, of any time.
    acknowledge : Signal(n), out
    o : stream of unsigned, out
        Registered; held while ``valid & ~ready``.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__(
            {
                "spikes": In(n),
                "acknowledge": Out(n),
                "o": Out(stream.Signature(unsigned(max(1, ceil_log2(n))))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        latches = [Signal(name=f"latch{k}") for k in range(self.n)]
        for k, latch in enumerate(latches):
            domain = ClockDomain(f"spike{k}", async_reset=True, local=True)
            m.domains += domain
            m.d.comb += [domain.clk.eq(self.spikes[k]), domain.rst.eq(self.acknowledge[k])]
            m.d[domain.name] += latch.eq(1)
        sampled = Signal(self.n)  # may hang between 0 and 1 for a while: nothing else reads it
        request = Signal(self.n)
        m.d.sync += [sampled.eq(Cat(latches)), request.eq(sampled)]

        # In turn: the first that waits behind the last one served, else the first of all.
        waiting = Signal(self.n)
        behind = Signal(self.n)
        sooner = Signal(self.n)
        turn = Signal(self.o.payload.shape())
        m.d.comb += [waiting.eq(request & ~self.acknowledge), sooner.eq(waiting & behind)]
        for those in (waiting, sooner):
            for k in reversed(range(self.n)):
                with m.If(those[k]):
                    m.d.comb += turn.eq(k)

        m.d.sync += self.acknowledge.eq(self.acknowledge & request)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [self.o.valid.eq(waiting.any()), self.o.payload.eq(turn)]
            with m.If(waiting.any()):
                m.d.sync += [
                    self.acknowledge.bit_select(turn, 1).eq(1),
                    behind.eq(~0 << (turn + 1)),
                ]
        return m
