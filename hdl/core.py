# amaranth: UnusedElaboratable=no
"""The network core: integer neurons, event-driven synapses and address events (AER).

It computes what ``rheobase.models.integer.network`` states. A stream of axons and of ends of ticks
comes in; an event belongs to the tick that is open when it is handed over. Its row of synapses adds
to the sums of that tick and of later ones, one word of synapses per clock. When a tick has ended
and its operations are done, a sweep updates the neurons, one per clock, while events of the next
tick come in already. Spikes go out, and loop back as events of the next tick.

Nothing is lost without a trace: events on axons that do not exist, events beyond the number that a
tick's sums are sure to hold, and operations with too long a delay are left out and counted.
"""

from typing import Literal

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import ceil_log2

from ..models.integer.network import Network
from .accumulators import Accumulators
from .neuron_core import Event, NeuronCore
from .noise import NoiseSource
from .stochastic import StochasticSynapses
from .synapses import DenseRows, Rows, SparseRows

QUEUE = 16  # events that wait, from outside and from the loop each
COUNTER = 32  # bits of the counters, which stop at their largest value


class Arrival(StructLayout):
    """What comes in, least significant field first: ``axon``, ``end``.

    ``end``: the tick ends; there is no event then.
    """

    def __init__(self, axons: int) -> None:
        super().__init__({"axon": ceil_log2(axons), "end": 1})


class Core(wiring.Component):
    """A network core.

    Parameters
    ----------
    network : Network
        Gives the sizes, and the contents of all memories.
    layout : {"sparse", "dense"}
    weight_width : int
        Bits of a weight: with sign, but without for kinds with two channels.
    lanes : int
        Synaptic operations per clock: 1, 2 or 4.
    events : int, optional
        Events of a tick, those of the loop included, for which the sums are wide enough; twice the
        axons by default. What comes beyond is left out.
    joint : int, optional
        Operations of one event that may meet in one sum: synapses that share axon, target and
        delay. As many as in the network, by default: give it for networks that are loaded later.
    words : int, optional
        Words of a sparse synapse memory; as many as the network needs, by default.
    single_port : bool
        The synapse memory is read and written through one port, as iCE40's SPRAM is.
    filled : bool
        The synapse memory starts with its contents. Else it must be written before it is used, and
        the core cannot be delivered or simulated by Amaranth, but may be as large as one likes.

    Attributes
    ----------
    i : stream of Arrival, in
    o : stream of Event, out
        Spikes, and the end of each tick's sweep.
    dropped, saturated : Signal(32), out
        Events and operations that were left out; sums that were cut.
    pending : Signal, out
        Events that were taken and not yet begun.
    write_weights, write_rows, write_registers, write_profile : write ports, in
        As in `Rows` and `NeuronCore`, where the core has such memories.
    contents : dict of str to Words
        The words of the memory behind each write port.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """

    def __init__(
        self,
        network: Network,
        layout: Literal["sparse", "dense"] = "sparse",
        weight_width: int = 8,
        lanes: int = 1,
        events: int | None = None,
        joint: int | None = None,
        words: int | None = None,
        single_port: bool = False,
        filled: bool = True,
    ) -> None:
        self.network = network
        if layout not in ("sparse", "dense"):
            raise ValueError(f"layout must be 'sparse' or 'dense', not {layout!r}")
        if layout == "dense" and words is not None:
            raise ValueError("words must be left out for dense rows")
        self.rows: Rows = (
            DenseRows(network, weight_width, lanes, single_port, filled)
            if layout == "dense"
            else SparseRows(network, weight_width, lanes, single_port, filled, words)
        )
        self.events = 2 * network.axons if events is None else events
        if self.events < 1:
            raise ValueError(f"events must be >= 1, not {events!r}")
        self.joint = self.rows.joint if joint is None else joint
        if self.joint < self.rows.joint:
            raise ValueError(f"joint must be >= {self.rows.joint} for these synapses, not {joint}")
        met = self.events * self.joint * (network.slots - 1)  # operations in one sum
        largest = max(-self.rows.weight.low, self.rows.weight.high)
        self.accumulators = Accumulators(self.rows, 1 + (met * largest).bit_length())
        self.neurons = NeuronCore(network.neurons, network.n, network.seed)
        self.queue = QUEUE
        ports = {
            name: port
            for component in (self.rows, self.neurons)
            for name, port in component.signature.members.items()
            if name.startswith("write_")
        }
        self.contents = self.rows.contents | self.neurons.contents
        super().__init__(
            {
                "i": In(stream.Signature(Arrival(network.axons))),
                "o": Out(stream.Signature(Event(network.n))),
                "dropped": Out(COUNTER),
                "saturated": Out(COUNTER),
                "pending": Out(range(2 * QUEUE + 1)),
            }
            | ports
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        network = self.network
        m.submodules.synapses = rows = self.rows
        m.submodules.accumulators = accumulators = self.accumulators
        m.submodules.neurons = neurons = self.neurons
        for component in (rows, neurons):
            for name in component.signature.members:
                if name.startswith("write_"):
                    connect(m, flipped(getattr(self, name)), getattr(component, name))
        m.submodules.queue = queue = SyncFIFOBuffered(
            width=self.i.payload.shape().size, depth=self.queue
        )
        m.submodules.loop = loop = SyncFIFOBuffered(width=ceil_log2(network.n), depth=self.queue)

        # After reset the sums are cleared.
        clearing = Signal(init=1)
        cleared = Signal(range(accumulators.places))
        with m.If(clearing):
            m.d.sync += cleared.eq(cleared + 1)
            with m.If(cleared == accumulators.places - 1):
                m.d.sync += clearing.eq(0)

        # Stochastic synapses get their random numbers on the way to the sums.
        end = Signal()
        operations: Rows | StochasticSynapses = rows
        busy = rows.busy
        if network.stochastic:
            m.submodules.stochastic = stochastic = StochasticSynapses(rows)
            m.d.comb += [
                stochastic.i_valid.eq(rows.valid),
                stochastic.i_axon.eq(rows.axon),
                stochastic.i.eq(rows.o),
                stochastic.end.eq(end),
            ]
            operations, busy = stochastic, rows.busy | stochastic.busy

        # Arrivals wait in one queue, spikes that loop back in another, which goes first.
        head = Signal(Arrival(network.axons))
        m.d.comb += [
            queue.w_data.eq(self.i.payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            head.eq(queue.r_data),
            self.pending.eq(queue.level + loop.level),
        ]
        taken = Signal(range(self.events + 1))
        room = Signal()
        exists = Signal()
        drop = Signal()
        sweep = Signal()
        axon = Mux(loop.r_rdy, loop.r_data + (network.loop or 0), head.axon)
        m.d.comb += [
            room.eq(taken != self.events),
            exists.eq(loop.r_rdy | (head.axon < network.axons)),
            rows.i.payload.eq(axon),
            end.eq(
                queue.r_rdy & head.end & ~sweep & ~clearing & (loop.level == 0)
                & ~busy & ~accumulators.busy
            ),
        ]  # fmt: skip
        with m.If(loop.r_rdy | (queue.r_rdy & ~head.end)):
            served = Signal()
            m.d.comb += [
                rows.i.valid.eq(room & exists & ~clearing),
                drop.eq(~(room & exists) & ~clearing),
                served.eq(drop | (rows.i.valid & rows.i.ready)),
                loop.r_en.eq(served & loop.r_rdy),
                queue.r_en.eq(served & ~loop.r_rdy),
            ]
        with m.If(rows.i.valid & rows.i.ready):
            m.d.sync += taken.eq(taken + 1)
        with m.If(end):
            m.d.comb += queue.r_en.eq(1)
            m.d.sync += taken.eq(0)

        # Operations, and the sweep: two clocks from a read to the input of the neurons.
        slot = Signal(range(network.slots))
        neuron = Signal(range(network.n))
        reading = Signal()
        read = Signal()
        summed = Signal()
        lane_bits = ceil_log2(rows.lanes)
        m.d.comb += [
            accumulators.valid.eq(operations.valid),
            accumulators.o.eq(operations.o),
            accumulators.open.eq(slot),
            accumulators.clear.eq(clearing),
            accumulators.sweep.eq(sweep),
            accumulators.read.eq(reading),
            accumulators.step.eq(~summed | neurons.i.ready),
            accumulators.lane.eq(neuron[:lane_bits]),
            accumulators.place.eq(Mux(clearing, cleared, neuron[lane_bits:])),
            neurons.i.valid.eq(summed),
        ]
        with m.If(end):
            m.d.sync += [slot.eq(slot + 1), sweep.eq(1), reading.eq(1), neuron.eq(0)]
        with m.Elif(accumulators.step):
            m.d.sync += [read.eq(reading), summed.eq(read)]
            with m.If(reading):
                m.d.sync += neuron.eq(neuron + 1)
                with m.If(neuron == network.n - 1):
                    m.d.sync += reading.eq(0)
        cut = self.cut(m)
        cuts = Mux(neurons.i.valid & neurons.i.ready, sum(cut, start=Const(0)), 0)

        # Spikes go out and loop back; the last event of a sweep ends it.
        spike = Signal()
        room_to_loop = Signal()
        m.d.comb += [
            spike.eq(neurons.o.payload.spike if network.loop is not None else 0),
            room_to_loop.eq(~spike | loop.w_rdy),
            self.o.payload.eq(neurons.o.payload),
            self.o.valid.eq(neurons.o.valid & room_to_loop),
            neurons.o.ready.eq(self.o.ready & room_to_loop),
            loop.w_data.eq(neurons.o.payload.addr),
            loop.w_en.eq(neurons.o.valid & self.o.ready & spike),
        ]
        with m.If(self.o.valid & self.o.ready & self.o.payload.last):
            m.d.sync += sweep.eq(0)

        for name, more in (("dropped", drop + accumulators.late), ("saturated", cuts)):
            counter = getattr(self, name)
            counted = Signal(Value.cast(more).shape(), name=f"{name}_now")
            total = Signal(COUNTER + 1, name=f"{name}_total")
            m.d.comb += total.eq(counter + counted)
            m.d.sync += counted.eq(more)  # a clock later, for the sake of the sweep's path
            m.d.sync += counter.eq(Mux(total[-1], (1 << COUNTER) - 1, total))
        return m

    def cut(self, m: Module) -> list[Value]:
        """Connect the sums to the inputs of the neurons; which of them had to be cut."""
        cut: list[Value] = []
        channels = zip(self.network.cuts.items(), self.network.shift, strict=True)
        for number, ((name, (low, high)), shift) in enumerate(channels):
            total = self.accumulators.sums[number]
            if number == 0 and self.network.noise is not None:
                m.submodules.noise = noise = NoiseSource(self.network.noise, self.network.seeds[2])
                m.d.comb += noise.o.ready.eq(self.neurons.i.valid & self.neurons.i.ready)
                total = total + noise.o.payload
            fit = Signal(total.shape(), name=f"{name}_fit")
            below, above = total < low, total > high
            m.d.comb += [
                fit.eq(Mux(below, low, Mux(above, high, total))),
                self.neurons.i.payload[name].eq(fit << shift),
            ]
            cut.append(below | above)
        return cut
