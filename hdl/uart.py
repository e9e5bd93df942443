"""A serial line: 8 data bits, lowest first, between a start bit 0 and a stop bit 1, no parity."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

BITS = 10  # of a byte on the line


class Receiver(wiring.Component):
    """Bytes from a line.

    Parameters
    ----------
    divisor : int
        Clocks per bit, at least 4.

    Attributes
    ----------
    rx : Signal, in
        The line, from another clock.
    o : Signal(8), out
        A byte, in the clock in which `valid` or `broken` is high.
    valid, broken : Signal, out
        A byte came; one without a stop bit, which is none.
    """

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        super().__init__({"rx": In(1, init=1), "o": Out(8), "valid": Out(1), "broken": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rx = Signal(init=1)
        m.submodules += FFSynchronizer(self.rx, rx, init=1)
        bits = Signal(BITS)
        left = Signal(range(BITS + 1))
        timer = Signal(range(self.divisor))
        done = Signal()
        m.d.sync += done.eq(0)
        with m.If(left == 0):
            m.d.sync += timer.eq(self.divisor // 2 - 1)
            with m.If(~rx):
                m.d.sync += left.eq(BITS)
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():  # the middle of a bit
            m.d.sync += [
                timer.eq(self.divisor - 1),
                bits.eq(Cat(bits[1:], rx)),
                left.eq(left - 1),
                done.eq(left == 1),
            ]
            with m.If((left == BITS) & rx):
                m.d.sync += left.eq(0)  # too short for a start bit
        m.d.comb += [
            self.o.eq(bits[1:9]),
            self.valid.eq(done & bits[9]),
            self.broken.eq(done & ~bits[9]),
        ]
        return m


class Transmitter(wiring.Component):
    """Bytes to a line.

    Parameters
    ----------
    divisor : int
        Clocks per bit.

    Attributes
    ----------
    i : stream of 8 bits, in
    tx : Signal, out
        The line; a register.
    """

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = Signal(BITS - 1)
        left = Signal(range(BITS + 1))
        timer = Signal(range(self.divisor))
        m.d.comb += self.i.ready.eq(left == 0)
        with m.If(self.i.ready & self.i.valid):
            m.d.sync += [
                self.tx.eq(0),
                bits.eq(Cat(self.i.payload, 1)),
                left.eq(BITS),
                timer.eq(self.divisor - 1),
            ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(left != 0):
            m.d.sync += [
                self.tx.eq(bits[0]),
                bits.eq(Cat(bits[1:], 1)),
                left.eq(left - 1),
                timer.eq(self.divisor - 1),
            ]
        return m
