# amaranth: UnusedElaboratable=no
"""The digital half of a mixed-signal chip: a network core between wires of analog neurons.

Spikes of analog neurons come in as address events (`aer`): that of wire k is an event of axon
``first + k`` of the network core. The core's spikes go out as pulses on the wires of synapses
(`pulses`). Time is real: a tick ends every `tick` clocks, and belongs to the tick that is open what
the core has been given by then. In a clock the core takes, in this order, the end of a tick, a
spike of an analog neuron, or an event from `i`.

A tick that ends before the core has begun with the one before is `late`: the core is too slow, or
`tick` too short.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..models.integer.kind import check_parameters
from .aer import Requests
from .core import COUNTER, Core
from .pulses import LOST, Pulses

LATE = 16  # bits of the counter, which stops at its largest value


class MixedCore(wiring.Component):
    """A network core with analog neighbours.

    Parameters
    ----------
    core : Core
    analog : int
        Analog neurons, >= 1.
    first : int
        The axon of analog neuron 0.
    routes, wires, width, gap, delay
        Synapses of analog neurons, as in `Pulses`.
    tick : int
        Clocks; more than the neurons of the core.

    Attributes
    ----------
    i : stream of unsigned, in
        Axons: events from elsewhere.
    spikes, acknowledge : Signal(analog), in and out
        As in `Requests`.
    announced, pulses : Signal(wires), out
        As in `Pulses`.
    arrival, spike : Signal, out
        What the core took last, and the neuron that fired last; the highest bit flips with each,
        so that every one of them is a change.
    dropped, saturated, lost, late : Signal, out
        Counters of the core and of `Pulses`; ticks that ended too early.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """

    def __init__(
        self,
        core: Core,
        analog: int,
        first: int,
        routes: Sequence[Sequence[int]],
        wires: int,
        width: int,
        gap: int,
        delay: int,
        tick: int,
    ) -> None:
        self.core, self.analog, self.first, self.tick = core, analog, first, tick
        axons, n = core.network.axons, core.network.n
        check_parameters(self, {"analog": (1, axons), "tick": (n + 1, 1 << 24)})
        check_parameters(SimpleNamespace(first=first), {"first": (0, axons - analog)})
        if len(routes) != n:
            raise ValueError(f"routes must be of {n} neurons, not of {len(routes)}")
        self.outputs = Pulses(routes, wires, width, gap, delay)
        axon = core.i.payload.shape()["axon"].shape
        super().__init__(
            {
                "i": In(stream.Signature(axon)),
                "spikes": In(analog),
                "acknowledge": Out(analog),
                "announced": Out(wires),
                "pulses": Out(wires),
                "arrival": Out(1 + core.i.payload.shape().size),
                "spike": Out(1 + len(self.outputs.addr)),
                "dropped": Out(COUNTER),
                "saturated": Out(COUNTER),
                "lost": Out(LOST),
                "late": Out(LATE),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.core = core = self.core
        m.submodules.requests = requests = Requests(self.analog)
        m.submodules.outputs = outputs = self.outputs
        for name in ("dropped", "saturated"):
            m.d.comb += getattr(self, name).eq(getattr(core, name))
        for name in ("announced", "pulses", "lost"):
            m.d.comb += getattr(self, name).eq(getattr(outputs, name))
        m.d.comb += [requests.spikes.eq(self.spikes), self.acknowledge.eq(requests.acknowledge)]

        # The end of a tick is due from its last clock until the core takes it.
        clock = Signal(range(self.tick))
        due = Signal()
        last = Signal()
        m.d.comb += last.eq(clock == self.tick - 1)
        m.d.sync += clock.eq(clock + 1)
        with m.If(last):
            m.d.sync += [clock.eq(0), due.eq(1)]
        with m.Elif(core.i.ready):
            m.d.sync += due.eq(0)
        with m.If(last & due & ~core.i.ready & ~self.late.all()):
            m.d.sync += self.late.eq(self.late + 1)

        # What the core is given.
        arrival = core.i.payload
        m.d.comb += core.i.valid.eq(due | requests.o.valid | self.i.valid)
        with m.If(due):
            m.d.comb += arrival.end.eq(1)
        with m.Elif(requests.o.valid):
            m.d.comb += [
                arrival.axon.eq(requests.o.payload + self.first),
                requests.o.ready.eq(core.i.ready),
            ]
        with m.Else():
            m.d.comb += [arrival.axon.eq(self.i.payload), self.i.ready.eq(core.i.ready)]

        with m.If(core.i.valid & core.i.ready):
            m.d.sync += self.arrival.eq(Cat(arrival, ~self.arrival[-1]))

        # What it gives.
        event = core.o.payload
        fired = Signal()
        m.d.comb += [
            core.o.ready.eq(1),
            fired.eq(core.o.valid & event.spike),
            outputs.valid.eq(fired),
            outputs.addr.eq(event.addr),
        ]
        with m.If(fired):
            m.d.sync += self.spike.eq(Cat(event.addr, ~self.spike[-1]))
        return m
