"""No event and no end of a tick is lost or invented in a small network core, under any traffic.

The core has five neurons, an axon for each, and one synapse, of weight 1, from axon 0 to neuron 2;
its queues hold two events. It treats all axons, neurons and weights alike, so these stand for any.
The neurons are replaced by ones that spike at will (`AnyNeurons`), as the proofs of the neuron core
say what the real ones do. One tick is watched, which one is free. Claimed are:

* in the sweep of the watched tick, neuron 2 gets as many as the tick has events of axon 0, from
  outside while the tick was open and from a spike of neuron 0 in the tick before; the other
  neurons get 0;
* a sweep begins only when the end of its tick was handed over;
* as many ends come out as went in, never more, and no fewer when the core is at rest;
* events on axons that do not exist are counted: when the core is at rest, all of them.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from ...models.integer.lif import IntegerLIF
from ...models.integer.network import Network, Synapses
from ..core import Core
from ..neuron_core import NeuronCore
from .circuit import Circuit
from .streams import driven

NEURONS, SOURCE, TARGET = 5, 0, 2
EVENTS = 15  # of a tick that the core lets through; from outside and the loop
TICKS = 2  # that are watched
COUNT = 6  # bits that no count exceeds


def small_core() -> Core:
    """The core of this proof; its neurons stand for nothing but their number."""
    neuron = IntegerLIF(4, 2, leak="shift", leak_bits=1, input_width=8)
    synapses = Synapses([SOURCE], [TARGET], [1])
    network = Network([neuron] * NEURONS, NEURONS, synapses, loop=0)
    core = Core(network, "sparse", weight_width=2, events=EVENTS)
    core.queue = 2
    return core


class AnyNeurons(wiring.Component):
    """A neuron core that spikes at will.

    Attributes
    ----------
    i, o : streams
        As in `NeuronCore`.
    spikes : Signal
        Whether the neuron whose input is taken fires.
    """

    def __init__(self, core: NeuronCore, spikes: Signal) -> None:
        self.n, self.spikes = core.n, spikes
        super().__init__(core.signature)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        neuron = Signal(range(self.n))
        last = neuron == self.n - 1
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        with m.If(self.i.ready):
            m.d.sync += [
                self.o.valid.eq(self.i.valid & (self.spikes | last)),
                self.o.payload.addr.eq(neuron),
                self.o.payload.spike.eq(self.spikes),
                self.o.payload.last.eq(last),
            ]
            with m.If(self.i.valid):
                m.d.sync += neuron.eq(Mux(last, 0, neuron + 1))
        return m


def network_events(core: Core) -> Circuit:
    """Claims about a core of `small_core`."""
    real, spikes = core.neurons, Signal()
    core.neurons = AnyNeurons(real, spikes)
    c = driven(core)
    c.m.submodules.replaced = real  # connected to nothing; Amaranth warns of what is not used
    c.drive(spikes, "spikes")
    m = c.m
    given, out = core.i.payload, core.o.payload
    watched = c.constant("tick", range(TICKS))

    event, end, spike, ended, step = Signal(), Signal(), Signal(), Signal(), Signal()
    m.d.comb += [
        event.eq(core.i.valid & core.i.ready & ~given.end),
        end.eq(core.i.valid & core.i.ready & given.end),
        spike.eq(core.o.valid & core.o.ready & out.spike),
        ended.eq(core.o.valid & core.o.ready & out.last),
        step.eq(core.neurons.i.valid & core.neurons.i.ready),
    ]
    ends_in, ends_out, sweeps, unknown, total = (
        Signal(COUNT, name=name) for name in ("ends_in", "ends_out", "sweeps", "unknown", "total")
    )
    neuron = Signal(range(NEURONS))
    of_tick = Signal(range(EVENTS + 1))
    from_outside = event & (given.axon == SOURCE) & (ends_in == watched)
    looped = spike & (out.addr == SOURCE) & (ends_out + 1 == watched)
    last = neuron == NEURONS - 1
    m.d.sync += [
        ends_in.eq(ends_in + end),
        ends_out.eq(ends_out + ended),
        unknown.eq(unknown + (event & (given.axon >= NEURONS))),
        total.eq(total + from_outside + looped),
        of_tick.eq(Mux(end, 0, of_tick + event)),
    ]
    c.assume(of_tick <= EVENTS - NEURONS)  # so that none is left out
    with m.If(step):
        m.d.sync += [neuron.eq(Mux(last, 0, neuron + 1)), sweeps.eq(sweeps + last)]

    wanted = Mux(neuron == TARGET, total, 0)
    c.claim(
        "sums are those of the events",
        ~(step & (sweeps == watched)) | (core.neurons.i.payload.i == wanted),
    )
    c.claim("no sweep comes before its end", ~step | (sweeps < ends_in))
    busy = core.rows.busy | core.accumulators.busy | core.accumulators.sweep
    quiet = (core.pending == 0) & ~busy
    at_rest = quiet & c.past(quiet)  # counters come a clock later
    c.claim("no end is lost", ~at_rest | (ends_out == ends_in))
    c.claim("no end is invented", ends_out <= ends_in)
    c.claim("unknown axons are counted", ~at_rest | (core.dropped == unknown))
    return c
