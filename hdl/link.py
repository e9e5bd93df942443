# amaranth: UnusedElaboratable=no
"""A network core behind a serial line: load it, send events, receive spikes, read its counters.

Both ways go frames as in RFC 1055 (SLIP): the bytes of a frame, then END = 0xC0; an END among them
is ESC 0xDC, and an ESC = 0xDB is ESC 0xDD. A frame has its kind, items, and the CRC-16/IBM-3740 of
these, high byte first. An item is a number in as many bytes as it needs, lowest first. To the
core::

    0       arrivals (`Arrival`), handed over as fast as the core takes them
    1       asks for the counters
    2       resets the core, which keeps its memories and registers, between two ticks
    3 + k   writes memory k of ``core.contents``: an address of 3 bytes, then words from there on

From the core::

    0       a tick: its spikes (`Event`) in the order of the neurons; the last item ends the tick
    1       counters: dropped, saturated (4 bytes each) and refused (2 bytes), in one item

Frames are kept in a memory until their CRC has been seen, and are then done one after the other. So
counters say that all that was sent before is done, and a host loses nothing that keeps less than
`BUFFER` bytes under way and reads what comes: spikes that wait for the line stall the core.

Nothing that is wrong touches the core. `refused` counts frames that are broken, of wrong CRC, of
unknown kind or too long for the memory, items cut off by the end of their frame, items with surplus
bits, and words for addresses that do not exist. Axons that do not exist are `dropped` by the core.
"""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.crc import Processor
from amaranth.lib.crc.catalog import CRC16_IBM_3740
from amaranth.lib.data import StructLayout
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect

from .core import COUNTER, Core
from .uart import Receiver, Transmitter

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
ARRIVALS, COUNTERS, RESET, WRITE = range(4)  # kinds; WRITE is that of the first memory
TICK = 0
ADDRESS_BYTES = 3
CRC_BYTES = 2
BUFFER = 512  # bytes
REFUSED = 16  # bits of the counter, which stops at its largest value


def size(bits: int) -> int:
    """Bytes of an item."""
    return max(1, -(-bits // 8))


def crc() -> Processor:
    """The checksum of a frame, byte by byte."""
    return CRC16_IBM_3740(data_width=8).create()


class Frames(wiring.Component):
    """Whole and sound frames out of bytes.

    Attributes
    ----------
    byte, valid, broken : as of `Receiver`, in
    o : stream of ``byte`` and ``end``, out
        The bytes of a frame but its CRC, then ``end`` without a byte.
    refused : Signal, out
        A frame was left out.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "byte": In(8),
                "valid": In(1),
                "broken": In(1),
                "o": Out(stream.Signature(StructLayout({"byte": 8, "end": 1}))),
                "refused": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.o.payload.shape()
        m.submodules.memory = memory = Memory(shape=shape, depth=BUFFER, init=[])
        write, read = memory.write_port(), memory.read_port()
        m.submodules.crc = check = crc()

        # Bytes go to the memory; a frame counts only when `begin` moves behind it.
        begin, at, done = (Signal(range(BUFFER), name=name) for name in ("begin", "at", "done"))
        length = Signal(range(CRC_BYTES + 2))  # stops at its largest value: a kind and the CRC
        escape, wrong, full = Signal(), Signal(), Signal()
        byte = Signal(8)
        ends = Signal()
        m.d.comb += [
            full.eq((at + 1)[: len(at)] == done),
            ends.eq(self.valid & (self.byte == END)),
            byte.eq(Mux(escape, Mux(self.byte == ESC_END, END, ESC), self.byte)),
            check.data.eq(byte),
            check.start.eq(ends),
            write.addr.eq(at),
            write.data.byte.eq(byte),
        ]
        with m.If(self.broken):
            m.d.sync += wrong.eq(1)
        with m.If(ends):
            sound = ~wrong & ~escape & (length == CRC_BYTES + 1) & check.match_detected
            m.d.sync += [length.eq(0), escape.eq(0), wrong.eq(0), at.eq(begin)]
            with m.If(sound):  # the end takes the place of the CRC
                m.d.comb += [write.en.eq(1), write.addr.eq(at - CRC_BYTES), write.data.end.eq(1)]
                m.d.sync += [begin.eq(at - CRC_BYTES + 1), at.eq(at - CRC_BYTES + 1)]
            with m.Elif(wrong | escape | (length != 0)):
                m.d.comb += self.refused.eq(1)
        with m.Elif(self.valid & (self.byte == ESC) & ~escape):
            m.d.sync += escape.eq(1)
        with m.Elif(self.valid):
            m.d.sync += escape.eq(0)
            m.d.comb += [check.valid.eq(1), write.en.eq(~full)]
            with m.If(full | (escape & (self.byte != ESC_END) & (self.byte != ESC_ESC))):
                m.d.sync += wrong.eq(1)
            with m.Else():
                m.d.sync += at.eq(at + 1)
            with m.If(length != CRC_BYTES + 1):
                m.d.sync += length.eq(length + 1)

        # The way out: a word is there a clock after its address, and in a register after another.
        read_at_done = Signal()
        m.d.comb += read.addr.eq(done)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.o.valid.eq(0), read_at_done.eq(0), done.eq(done + 1)]
        with m.Else():
            m.d.sync += [
                read_at_done.eq(done != begin),
                self.o.valid.eq(read_at_done),
                self.o.payload.eq(read.data),
            ]
        return m


class Reports(wiring.Component):
    """Frames with ticks and counters, as bytes.

    Parameters
    ----------
    event : StructLayout
        Of the core.

    Attributes
    ----------
    event : stream of Event, in
    ask : Signal, in
        Counters are wanted; held until `answer` is high.
    answer : Signal, out
        They were read.
    counters : Signal, in
    idle : Signal, out
        No frame is under way.
    o : stream of 8 bits, out
    """

    def __init__(self, event: StructLayout) -> None:
        self.sizes = size(event.size), 2 * size(COUNTER) + size(REFUSED)
        super().__init__(
            {
                "event": In(stream.Signature(event)),
                "ask": In(1),
                "answer": Out(1),
                "counters": In(8 * self.sizes[COUNTERS]),
                "idle": Out(1),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = check = crc()
        item = Signal(8 * max(self.sizes))
        left = Signal(range(max(self.sizes) + 1))
        counters, last = Signal(), Signal()
        byte, offered, taken, escape = Signal(8), Signal(), Signal(), Signal()

        # A byte of the frame becomes one or two of the line.
        special = (byte == END) | (byte == ESC)
        m.d.comb += [
            self.o.payload.eq(Mux(escape, Mux(byte == END, ESC_END, ESC_ESC), byte)),
            taken.eq(offered & self.o.ready & (~special | escape)),
            check.data.eq(byte),
        ]
        with m.If(offered):
            m.d.comb += self.o.valid.eq(1)
            with m.If(special & ~escape):
                m.d.comb += self.o.payload.eq(ESC)
            with m.If(self.o.ready):
                m.d.sync += escape.eq(special & ~escape)

        with m.FSM() as states:
            m.d.comb += self.idle.eq(states.ongoing("idle"))
            with m.State("idle"):
                m.d.comb += check.start.eq(1)
                m.d.sync += counters.eq(self.ask)
                with m.If(self.ask | self.event.valid):
                    m.next = "kind"
            with m.State("kind"):
                m.d.comb += [byte.eq(Mux(counters, COUNTERS, TICK)), offered.eq(1)]
                m.d.comb += check.valid.eq(taken)
                with m.If(taken):
                    m.next = "item"
            with m.State("item"):
                with m.If(counters):
                    m.d.comb += self.answer.eq(1)
                    m.d.sync += [item.eq(self.counters), left.eq(self.sizes[COUNTERS]), last.eq(1)]
                    m.next = "bytes"
                with m.Elif(self.event.valid):
                    m.d.comb += self.event.ready.eq(1)
                    m.d.sync += [
                        item.eq(self.event.payload),
                        left.eq(self.sizes[TICK]),
                        last.eq(self.event.payload.last),
                    ]
                    m.next = "bytes"
            with m.State("bytes"):
                m.d.comb += [byte.eq(item[:8]), offered.eq(1), check.valid.eq(taken)]
                with m.If(taken):
                    m.d.sync += [item.eq(item[8:]), left.eq(left - 1)]
                    with m.If(left == 1):
                        m.next = "item"
                        with m.If(last):
                            m.next = "high"
            for name, part, after in (("high", slice(8, 16), "low"), ("low", slice(0, 8), "end")):
                with m.State(name):
                    m.d.comb += [byte.eq(check.crc[part]), offered.eq(1)]
                    with m.If(taken):
                        m.next = after
            with m.State("end"):
                m.d.comb += [self.o.payload.eq(END), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.next = "idle"
        return m


class Link(wiring.Component):
    """A core and its line.

    Parameters
    ----------
    core : Core
    divisor : int
        Clocks per bit of the line, at least 4.

    Attributes
    ----------
    rx, tx : Signal, in and out

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """

    def __init__(self, core: Core, divisor: int) -> None:
        if isinstance(divisor, bool) or not isinstance(divisor, int):
            raise TypeError(f"divisor must be an integer, not {divisor!r}")
        if divisor < 4:
            raise ValueError(f"divisor must be >= 4, not {divisor}")
        self.core, self.divisor = core, divisor
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, reset = self.core, Signal()
        m.submodules.core = ResetInserter(reset)(core)
        m.submodules.receiver = receiver = Receiver(self.divisor)
        m.submodules.transmitter = transmitter = Transmitter(self.divisor)
        m.submodules.frames = frames = Frames()
        m.submodules.reports = reports = Reports(core.o.payload.shape())
        connect(m, core.o, reports.event)
        connect(m, reports.o, transmitter.i)
        refused = Signal(REFUSED)
        wrong = Signal()  # an item or a frame is refused below
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            frames.byte.eq(receiver.o),
            frames.valid.eq(receiver.valid),
            frames.broken.eq(receiver.broken),
            reports.counters.eq(Cat(core.dropped, core.saturated, refused)),
        ]
        counted, total = Signal(2), Signal(REFUSED + 1)
        m.d.comb += total.eq(refused + counted)
        m.d.sync += [
            counted.eq(frames.refused + wrong),
            refused.eq(Mux(total[-1], (1 << REFUSED) - 1, total)),
        ]

        # Items: the last bytes of `item`, as many as the kind has.
        widths = {ARRIVALS: core.i.payload.shape().size}
        for number, name in enumerate(core.contents):
            widths[WRITE + number] = getattr(core, f"write_{name}").data.shape().width
        bytes_of = {kind: size(width) for kind, width in widths.items()}
        most = max(ADDRESS_BYTES, *bytes_of.values())
        item = Signal(8 * most)
        kind, count = Signal(8), Signal(range(most + 1))
        wanted = Signal.like(count)
        address, addressed = Signal(8 * ADDRESS_BYTES), Signal()
        given = frames.o.payload

        m.d.sync += [getattr(core, f"write_{name}").en.eq(0) for name in core.contents]

        def last(count: int) -> Value:
            return item[8 * (most - count) :]

        with m.FSM():
            with m.State("kind"):
                m.d.comb += frames.o.ready.eq(1)
                m.d.sync += [kind.eq(given.byte), count.eq(0), addressed.eq(0)]
                with m.If(frames.o.valid):
                    m.next = "items"
            with m.State("items"):
                with m.Switch(kind):
                    for each, number in bytes_of.items():
                        with m.Case(each):
                            m.d.comb += wanted.eq(number)
                            if each >= WRITE:
                                with m.If(~addressed):
                                    m.d.comb += wanted.eq(ADDRESS_BYTES)
                with m.If(frames.o.valid & given.end):
                    m.next = "end"
                with m.Elif(frames.o.valid):
                    m.d.comb += frames.o.ready.eq(1)
                    m.d.sync += [item.eq(Cat(item[8:], given.byte)), count.eq(count + 1)]
                    with m.If(wanted == 0):  # this kind has no items
                        m.d.sync += count.eq(1)
                    with m.Elif(count + 1 == wanted):
                        m.d.sync += count.eq(0)
                        m.next = "item"
            with m.State("item"):
                m.next = "items"
                with m.If((kind >= WRITE) & ~addressed):
                    m.d.sync += [address.eq(last(ADDRESS_BYTES)), addressed.eq(1)]
                with m.Else():
                    with m.Switch(kind):
                        with m.Case(ARRIVALS):
                            value = last(bytes_of[ARRIVALS])
                            fits = ~value[widths[ARRIVALS] :].any()
                            m.d.comb += [
                                core.i.valid.eq(fits),
                                core.i.payload.eq(value),
                                wrong.eq(~fits),
                            ]
                            with m.If(fits & ~core.i.ready):
                                m.next = "item"
                        for number, (name, words) in enumerate(core.contents.items()):
                            port = getattr(core, f"write_{name}")
                            with m.Case(WRITE + number):
                                value = last(bytes_of[WRITE + number])
                                fits = (address < len(words)) & ~value[len(port.data) :].any()
                                m.d.comb += wrong.eq(~fits)
                                m.d.sync += [
                                    port.en.eq(fits),
                                    port.addr.eq(address),
                                    port.data.eq(value),
                                ]
                    m.d.sync += address.eq(address + 1)
            with m.State("end"):
                m.d.comb += frames.o.ready.eq(1)
                m.next = "kind"
                with m.Switch(kind):
                    with m.Case(COUNTERS):
                        m.d.comb += reports.ask.eq(count == 0)
                        with m.If(~reports.answer & (count == 0)):
                            m.d.comb += frames.o.ready.eq(0)
                            m.next = "end"
                    with m.Case(RESET):
                        m.d.comb += reset.eq(reports.idle & ~core.o.valid & (count == 0))
                        with m.If(~reset & (count == 0)):
                            m.d.comb += frames.o.ready.eq(0)
                            m.next = "end"
                known = [COUNTERS, RESET, *widths]
                unknown = Cat(kind != each for each in known).all()
                m.d.comb += wrong.eq((count != 0) | unknown)
        return m
