"""Sums of synaptic weights per neuron, for the tick that is swept and for ticks to come.

There is a bank of memory for each slot (a tick modulo the number of slots) and lane. Operations add
to the banks of the open tick and of later ones, one per clock and lane; meanwhile the sweep of the
tick before reads its banks in the order of the neurons and clears them. An addition takes a read, a
register behind the memory, the sum and a write; what is not yet written is forwarded. Sums are wide
enough for all operations that the core lets through, so they are exact.
"""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.memory import Memory, ReadPort, WritePort
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from .pipeline import clocked
from .synapses import Rows, places


class Accumulators(wiring.Component):
    """The banks, additions and the reading sweep.

    Parameters
    ----------
    rows : Rows
        Where operations come from; gives the sizes.
    width : int
        Bits of a sum, with its sign.

    Attributes
    ----------
    valid, o : Signal and array of Operation, in
        Operations.
    open : Signal, in
        The slot of the open tick.
    clear : Signal, in
        Clear place `place` of every bank; no operations meanwhile.
    sweep : Signal, in
        The banks of slot ``open - 1`` belong to the sweep.
    read : Signal, in
        Read the sums of `place` and `lane` for the sweep, and clear them.
    place, lane : Signal, in
    sums : array of signed(width), out
        Of each channel; two clocks after `read`, while `step` is high.
    step : Signal, in
        The sweep goes on; while it is low, `sums` stay.
    late : Signal, out
        Operations of this clock whose delay is more than the slots allow; they are left out.
    busy : Signal, out
        Additions are under way.
    """

    def __init__(self, rows: Rows, width: int) -> None:
        self.rows, self.width = rows, width
        self.network = rows.network
        self.places = places(self.network, rows.lanes)
        self.sums_shape = ArrayLayout(signed(width), len(self.network.kind.sums))
        super().__init__(
            {
                "valid": In(1),
                "o": In(rows.operations),
                "open": In(ceil_log2(self.network.slots)),
                "clear": In(1),
                "sweep": In(1),
                "read": In(1),
                "step": In(1),
                "place": In(ceil_log2(self.places)),
                "lane": In(ceil_log2(rows.lanes)),
                "sums": Out(self.sums_shape),
                "late": Out(range(rows.lanes + 1)),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes, slots = self.rows.lanes, self.network.slots
        banks = [[self.bank(m, slot, lane) for lane in range(lanes)] for slot in range(slots)]
        before = Signal(range(slots))
        swept = Signal(slots)
        m.d.comb += before.eq(self.open - 1)
        with m.If(self.sweep):
            m.d.comb += swept.eq(1 << before)
        stages: list[Value] = []
        for lane in range(lanes):
            stages.append(self.add(m, lane, swept, [banks[slot][lane] for slot in range(slots)]))
        late = [self.o[lane].delay == slots - 1 for lane in range(lanes)]
        m.d.comb += [
            self.busy.eq(Cat(stages).any()),
            self.late.eq(Mux(self.valid, sum(late, start=Const(0)), 0)),
        ]

        # The sweep: what was read in this clock is cleared in the next.
        cleared = Signal()
        place = Signal.like(self.place)
        lane = Signal.like(self.lane)
        m.d.sync += cleared.eq(self.read & self.step)
        with m.If(self.step):
            m.d.sync += [place.eq(self.place), lane.eq(self.lane)]
        for slot in range(slots):
            for number in range(lanes):
                read, write = banks[slot][number]
                with m.If(self.clear):
                    m.d.comb += [write.en.eq(1), write.addr.eq(self.place), write.data.eq(0)]
                with m.Elif(swept[slot]):
                    m.d.comb += [
                        read.addr.eq(self.place),
                        read.en.eq(self.step),
                        write.en.eq(cleared & (lane == number)),
                        write.addr.eq(place),
                        write.data.eq(0),
                    ]
        with m.If(self.step):
            found = Array([Array([read.data for read, _ in row])[lane] for row in banks])[before]
            m.d.sync += self.sums.eq(found)
        return m

    def bank(self, m: Module, slot: int, lane: int) -> tuple[ReadPort, WritePort]:
        """The ports of the memory of a slot and lane."""
        memory = Memory(shape=unsigned(self.sums_shape.size), depth=self.places, init=[])
        m.submodules[f"bank_{slot}_{lane}"] = memory
        return memory.read_port(), memory.write_port()

    def add(
        self, m: Module, lane: int, swept: Value, banks: list[tuple[ReadPort, WritePort]]
    ) -> Value:
        """The additions of one lane; whether any is under way."""
        slots = len(banks)
        given = self.o[lane]
        slot = Signal(range(slots), name=f"slot_{lane}")
        m.d.comb += slot.eq(self.open + given.delay)
        now = {
            "valid": self.valid & (given.delay != slots - 1),
            "slot": slot,
            "place": given.place,
            "channel": given.channel,
            "weight": given.weight,
        }
        for read, _ in banks:
            m.d.comb += read.addr.eq(given.place)  # unless it is swept
        asked = clocked(m, f"asked_{lane}", now)
        found = Array([read.data for read, _ in banks])[asked["slot"]]
        fetched = clocked(m, f"fetched_{lane}", asked | {"sums": found})
        total = Signal(self.sums_shape, name=f"total_{lane}")
        added = clocked(m, f"added_{lane}", fetched | {"sums": total})
        written = clocked(m, f"written_{lane}", added)
        gone = clocked(m, f"gone_{lane}", written)

        # The sums that the memory did not have yet when this one was read from it.
        present = self.sums_shape(fetched["sums"])
        for clocks, (before, after) in reversed(
            list(enumerate(((fetched, added), (added, written), (written, gone)), 1))
        ):
            if clocks < self.rows.apart:
                continue
            same = Signal(name=f"same_{lane}_{clocks}")
            m.d.sync += same.eq(
                before["valid"]
                & (before["slot"] == asked["slot"])
                & (before["place"] == asked["place"])
            )
            newest = Signal(self.sums_shape, name=f"newest_{lane}_{clocks}")
            m.d.comb += newest.eq(Mux(same, after["sums"], present.as_value()))
            present = newest
        for channel in range(len(self.network.kind.sums)):
            weight = Mux(fetched["channel"] == channel, fetched["weight"], 0)
            m.d.comb += total[channel].eq(present[channel] + weight)
        for slot, (_, write) in enumerate(banks):
            m.d.comb += [
                write.en.eq(added["valid"] & (added["slot"] == slot)),
                write.addr.eq(added["place"]),
                write.data.eq(added["sums"]),
            ]
        return asked["valid"] | fetched["valid"] | added["valid"]
