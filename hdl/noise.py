"""Random numbers in hardware."""

from amaranth.hdl import Module, Signal, Value


def xorshift32(m: Module, x: Value) -> Value:
    """The next state of the 32-bit xorshift generator (Marsaglia 2003; shifts 13, 17, 5)."""
    a = Signal(32)
    b = Signal(32)
    m.d.comb += [a.eq(x ^ (x << 13)), b.eq(a ^ (a >> 17))]
    return (b ^ (b << 5))[:32]
