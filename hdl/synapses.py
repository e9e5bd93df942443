"""Synapse memories, and how an event becomes synaptic operations: one word of memory per clock.

A word holds one entry for each lane. Lane l serves the neurons l, l + lanes, l + 2 lanes, ...; the
place of neuron j in its lane is ``j // lanes``. There are two layouts:

* dense: an axon has a weight for every neuron, entry k of its row for place k, and nothing else.
  The row begins at word ``axon << bits``.
* sparse: an entry has a weight, a place and a delay. A second memory has the first word of each
  axon's row and the number of its words. Entries that are not needed have weight 0.

Kinds of neurons with two channels have weights without sign and a bit that says the channel. All
memories can be written at any time; a row that is under way then has old words and new ones. The
memory of words may have a single port; then a write holds up the rows for a clock.
"""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2
from numpy.typing import NDArray

from ..models.integer.kind import Field, first_outside
from ..models.integer.network import Network
from .memory import single_port_table, table, write_port
from .pipeline import shape
from .words import Words, blank, packed, put

LANES = (1, 2, 4)
_CHUNK = 1 << 20  # synapses that are made into entries at a time

Ints = NDArray[np.integer]


class Operation(StructLayout):
    """One synaptic operation: what to add, to which place, how many ticks ahead.

    ``stochastic``: to add the sign of the weight with a probability (0 bits if none is).
    """

    def __init__(self, network: Network, weight: Shape, lanes: int) -> None:
        super().__init__(
            {
                "weight": weight,
                "stochastic": int(network.stochastic),
                "channel": ceil_log2(len(network.kind.sums)),
                "place": ceil_log2(places(network, lanes)),
                "delay": ceil_log2(network.slots),
            }
        )


class Rows(wiring.Component):
    """What both layouts have in common.

    Parameters
    ----------
    network : Network
        Gives the sizes and the contents.
    weight_width : int
        Bits of a weight, 1 .. 32: with sign for one channel, without for two.
    lanes : int
        Operations per clock: 1, 2 or 4.
    single_port : bool
        The memory of words is read and written through one port.
    filled : bool
        The memory of words starts with its contents; else it must be written first.

    Attributes
    ----------
    i : stream of unsigned, in
        Axons that exist.
    valid : Signal, out
        There are operations in this clock.
    o : array of Operation, out
        One for each lane.
    axon : Signal, out
        Whose operations they are.
    busy : Signal, out
        A row is under way or waits.
    write_weights : write port, in
        Of a word, entry for lane 0 lowest.
    apart : int
        Clocks between two operations of one place and lane, at least.
    joint : int
        How many operations of one event can meet at one neuron in one tick.
    contents : dict of str to Words
        The words of the memory behind each write port.

    Raises
    ------
    TypeError, ValueError
        Lanes or a width that are not allowed, or a weight that does not fit.
    """

    apart: int
    joint: int
    contents: dict[str, Words]

    def __init__(
        self,
        network: Network,
        weight_width: int,
        lanes: int,
        single_port: bool,
        filled: bool,
        extra: dict[str, int],
    ) -> None:
        if isinstance(weight_width, bool) or not isinstance(weight_width, int):
            raise TypeError(f"weight_width must be an integer, not {weight_width!r}")
        if not 1 <= weight_width <= 32:
            raise ValueError(f"weight_width must be in 1 .. 32, not {weight_width}")
        if lanes not in LANES:
            raise ValueError(f"lanes must be one of {LANES}, not {lanes!r}")
        self.network, self.lanes = network, lanes
        self.single_port, self.filled = single_port, filled
        channels = len(network.kind.sums)
        self.weight = Field(weight_width, signed=channels == 1)
        weights = network.synapses.weight
        if (bad := first_outside(weights, self.weight.low, self.weight.high)) is not None:
            raise ValueError(
                f"synapses.weight must be in {self.weight.low} .. {self.weight.high}"
                f" (weight_width {weight_width}), not {weights[bad]} (synapse {bad[0]})"
            )
        fields = {
            "weight": shape(self.weight),
            "stochastic": unsigned(int(network.stochastic)),
            "channel": unsigned(ceil_log2(channels)),
        }
        self.entry = StructLayout(fields | {name: unsigned(bits) for name, bits in extra.items()})
        self.word = ArrayLayout(self.entry, lanes)
        self.operations = ArrayLayout(Operation(network, shape(self.weight), lanes), lanes)

    def ports(self) -> dict[str, wiring.Member]:
        """The ports of both layouts."""
        words = {name: len(words) for name, words in self.contents.items()}
        return {
            "i": In(stream.Signature(unsigned(ceil_log2(self.network.axons)))),
            "valid": Out(1),
            "o": Out(self.operations),
            "axon": Out(unsigned(ceil_log2(self.network.axons))),
            "busy": Out(1),
            "write_weights": In(write_port(unsigned(self.word.size), words["weights"])),
        }

    def fetch(self, m: Module, address: Value) -> tuple[Value, Value]:
        """The word at an address, a clock later; whether it is read in this clock."""
        memory = m, "weights", self.contents["weights"], self.write_weights, self.filled
        if self.single_port:
            return single_port_table(*memory, address), ~self.write_weights.en
        read = table(*memory)
        m.d.comb += read.addr.eq(address)
        return read.data, Const(1)

    def fill(self, words: Words, at: Ints, **columns: Ints) -> None:
        """Put synapses, whose weight, place and so on are given, into the words `at`."""
        target = self.network.synapses.target
        for begin in range(0, at.size, _CHUNK):
            part = slice(begin, begin + _CHUNK)
            entries = packed(self.entry, {name: each[part] for name, each in columns.items()})
            lane = target[part] % self.lanes
            for number in range(self.lanes):
                own = lane == number
                put(words, at[part][own], number * self.entry.size, entries[own])


def places(network: Network, lanes: int) -> int:
    """Neurons of a lane."""
    return -(-network.n // lanes)


class DenseRows(Rows):
    """A weight for every axon and neuron; see `Rows`.

    Raises
    ------
    ValueError
        Delays, which dense rows do not have, or several synapses of one axon and neuron.
    """

    joint = 1

    def __init__(
        self,
        network: Network,
        weight_width: int,
        lanes: int = 1,
        single_port: bool = False,
        filled: bool = True,
    ) -> None:
        super().__init__(network, weight_width, lanes, single_port, filled, {})
        synapses = network.synapses
        if synapses.delay.any():
            raise ValueError("synapses.delay must be 0 in dense rows, which have no delays")
        pairs = synapses.axon.astype(np.int64) * network.n + synapses.target
        if np.unique(pairs).size < pairs.size:
            raise ValueError("synapses must be one per axon and target at most in dense rows")
        self.apart = places(network, lanes)
        self.bits = ceil_log2(self.apart)
        words = blank(network.axons << self.bits, self.word.size)
        at = (synapses.axon.astype(np.int64) << self.bits) + synapses.target // lanes
        columns = {name: getattr(synapses, name) for name in ("weight", "stochastic", "channel")}
        self.fill(words, at, **columns)
        self.contents = {"weights": words}
        wiring.Component.__init__(self, self.ports())

    def elaborate(self, platform: object) -> Module:
        m = Module()
        axon = Signal.like(self.i.payload)
        active = Signal()
        place = Signal(self.bits)
        last = Signal()
        word, step = self.fetch(m, Cat(place, axon))
        m.d.comb += [
            last.eq(place == places(self.network, self.lanes) - 1),
            self.i.ready.eq((~active | last) & step),
        ]
        with m.If(active & step):
            m.d.sync += place.eq(Mux(last, 0, place + 1))
        with m.If(self.i.ready):
            m.d.sync += [active.eq(self.i.valid), axon.eq(self.i.payload)]
        # The word two clocks later, through a register behind the memory.
        fetched = Signal()
        fetched_place = Signal.like(place)
        fetched_axon = Signal.like(axon)
        entries = Signal(self.word)
        at = Signal.like(place)
        m.d.sync += [
            fetched.eq(active & step),
            fetched_place.eq(place),
            fetched_axon.eq(axon),
            self.valid.eq(fetched),
            entries.eq(word),
            at.eq(fetched_place),
            self.axon.eq(fetched_axon),
        ]
        for lane in range(self.lanes):
            m.d.comb += [
                self.o[lane].weight.eq(entries[lane].weight),
                self.o[lane].stochastic.eq(entries[lane].stochastic),
                self.o[lane].channel.eq(entries[lane].channel),
                self.o[lane].place.eq(at),
                self.o[lane].delay.eq(0),
            ]
        m.d.comb += self.busy.eq(active | fetched | self.valid)
        return m


class SparseRows(Rows):
    """Entries with a target and a delay; see `Rows`.

    Parameters
    ----------
    words : int, optional
        Words of the memory; as many as the network needs, at least, by default.

    Attributes
    ----------
    write_rows : write port, in
        Of an axon's row: its first word, and above that the number of its words.

    Raises
    ------
    ValueError
        More words than there are.
    """

    apart = 1

    def __init__(
        self,
        network: Network,
        weight_width: int,
        lanes: int = 1,
        single_port: bool = False,
        filled: bool = True,
        words: int | None = None,
    ) -> None:
        delay = ceil_log2(network.slots)
        place = ceil_log2(places(network, lanes))
        fields = {"place": place, "delay": delay}
        super().__init__(network, weight_width, lanes, single_port, filled, fields)
        at, count = self.placed()
        used = int(count.sum())
        size = max(1, used) if words is None else words
        if used > size:
            raise ValueError(f"words must be >= {used} for these synapses, not {words}")
        self.row = StructLayout({"first": ceil_log2(size), "count": bits_for(size)})
        first = np.where(count, np.cumsum(count) - count, 0)  # an empty row's would not fit
        weights = blank(size, self.word.size)
        synapses = network.synapses
        self.fill(
            weights,
            at,
            weight=synapses.weight,
            stochastic=synapses.stochastic,
            channel=synapses.channel,
            place=synapses.target // lanes,
            delay=synapses.delay,
        )
        rows = packed(self.row, {"first": first, "count": count})
        self.contents = {"weights": weights, "rows": rows}
        ports = {"write_rows": In(write_port(unsigned(self.row.size), network.axons))}
        wiring.Component.__init__(self, self.ports() | ports)

    def placed(self) -> tuple[Ints, Ints]:
        """The word of each synapse, and how many words each axon's row has."""
        network, lanes = self.network, self.lanes
        synapses = network.synapses
        lane = synapses.target % lanes
        order = np.lexsort((synapses.delay, synapses.target, lane, synapses.axon))
        axon, lane = synapses.axon[order], lane[order]
        met = _runs(axon, synapses.target[order], synapses.delay[order])
        self.joint = int(np.diff(met).max(initial=1))
        # The rank of an entry among those of its axon and lane is its word in the row.
        begins = _runs(axon, lane)
        del met, lane  # which may be large
        word = np.arange(order.size)
        word -= np.repeat(begins[:-1], np.diff(begins))
        count = np.zeros(network.axons, np.int64)
        np.maximum.at(count, axon, word + 1)
        word += (np.cumsum(count) - count)[axon]
        at = np.empty_like(order)
        at[order] = word
        return at, count

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows = table(m, "rows", self.contents["rows"], self.write_rows)
        waiting = Signal()  # a row was looked up, and is not begun
        begun = Signal(self.row)
        address = Signal.like(self.write_weights.addr)
        word, step = self.fetch(m, address)
        left = Signal.like(begun.count)
        begin = Signal()
        m.d.comb += [
            begun.eq(rows.data),
            begin.eq(waiting & (left <= 1) & step),
            self.i.ready.eq(~waiting | begin),
            rows.addr.eq(self.i.payload),
            rows.en.eq(self.i.ready),
        ]
        waits, axon = Signal.like(self.axon), Signal.like(self.axon)
        with m.If(self.i.ready):
            m.d.sync += [waiting.eq(self.i.valid), waits.eq(self.i.payload)]
        with m.If(begin):
            m.d.sync += [address.eq(begun.first), left.eq(begun.count), axon.eq(waits)]
        with m.Elif((left != 0) & step):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
        # The word two clocks later, through a register behind the memory.
        fetched, fetched_axon = Signal(), Signal.like(axon)
        entries = Signal(self.word)
        m.d.sync += [
            fetched.eq((left != 0) & step),
            fetched_axon.eq(axon),
            self.valid.eq(fetched),
            entries.eq(word),
            self.axon.eq(fetched_axon),
        ]
        for lane in range(self.lanes):
            m.d.comb += [
                self.o[lane][name].eq(entries[lane][name])
                for name in ("weight", "stochastic", "channel", "place", "delay")
            ]
        m.d.comb += self.busy.eq(waiting | (left != 0) | fetched | self.valid)
        return m


def _runs(*columns: Ints) -> Ints:
    """Where runs of equal rows begin, and where the last ends."""
    size = columns[0].size
    changes = np.zeros(size + 1, bool)
    changes[[0, size]] = True
    for column in columns:
        changes[1:size] |= column[1:] != column[:-1]
    return np.flatnonzero(changes)
