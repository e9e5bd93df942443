"""Noise in a circuit: a stream of random integers, and a random number per synapse.

Both make the numbers stated at the head of ``rheobase.models.integer.noise``, one per clock.

Measured on an ECP5-25 of speed 6 (Yosys 0.70 ``synth_ecp5``, nextpnr 0.11 ``--25k --speed 6 --freq
100 --seed 1``; a CCU2C is two LUT4 with a carry):

====================================  =====  =====  ===  ==========  ====
                                      LUT4   CCU2C  FF   MULT18X18D  MHz
====================================  =====  =====  ===  ==========  ====
synapse numbers                       68     29     68   0           224
signed uniform, 8 bits                130    0      50   0           273
Bernoulli                             131    8      36   0           242
Poisson, mean 1 (8 tails), weight     58     61     49   1           150
Poisson, mean 4 (15 tails), weight    66     110    51   1           126
Gaussian                              114    5      54   0           176
Gaussian, weight and shift            113    11     56   1           122
====================================  =====  =====  ===  ==========  ====
"""

from amaranth.hdl import Const, Module, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..models.integer.noise import Noise


class NoiseSource(wiring.Component):
    """A stream of random integers.

    Parameters
    ----------
    noise : Noise
        Their law.
    seed : int
        The first word, 1 .. 2**32 - 1.

    Attributes
    ----------
    o : stream of signed(noise.width), out
        The first number two clocks after reset, then one per clock; held while
        ``valid & ~ready``.

    Raises
    ------
    ValueError
        A seed out of range.
    """

    def __init__(self, noise: Noise, seed: int = 1) -> None:
        if not 1 <= seed < 1 << 32:
            raise ValueError(f"seed must be in 1 .. {2**32 - 1}, not {seed}")
        self.noise = noise
        self.seed = seed
        super().__init__({"o": Out(stream.Signature(signed(noise.width)))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word = Signal(32, init=self.seed)
        draw = self.draw(word)
        drawn = Signal.like(draw)
        drawn_valid = Signal()
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                word.eq(xorshift32(m, word)),
                drawn.eq(draw),
                drawn_valid.eq(1),
                self.o.payload.eq(self.scaled(drawn)),
                self.o.valid.eq(drawn_valid),
            ]
        return m

    def draw(self, word: Value) -> Value:
        """The draw of a word."""
        noise = self.noise
        if noise.kind == "uniform":
            return word[: noise.bits]
        if noise.kind == "signed uniform":
            return word[: noise.bits].as_signed()
        if noise.kind == "count":
            return sum_of([word[:16] < tail for tail in noise.tails])
        return sum_of([word[k : k + 8].as_signed() for k in range(0, 32, 8)]) + 2

    def scaled(self, draw: Value) -> Value:
        """The value of a draw: (draw * weight + h) >> shift."""
        return (draw * self.noise.weight + ((1 << self.noise.shift) >> 1)) >> self.noise.shift


class SynapseRandom(wiring.Component):
    """The number of a synapse in a tick, by a pipeline of three additions.

    Attributes
    ----------
    key : unsigned(32), in
        The tick's word; it travels with the address, so that it may change in any clock.
    address : unsigned(20), in
        Of the synapse.
    advance : in
        Moves the pipeline on.
    number : unsigned(8), out
        That of the key and address of `latency` advances before; registered.
    """

    latency = 3

    def __init__(self) -> None:
        super().__init__({"key": In(32), "address": In(20), "advance": In(1), "number": Out(8)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        key = self.key
        second = Signal(20)
        with m.If(self.advance):
            m.d.sync += second.eq(key[12:])
        h = (self.address ^ key ^ (key >> 20))[:20]
        for k in (key[:20], second, Const(0, 20)):
            total = Signal(20)
            mixed = Signal(20)
            m.d.comb += total.eq(h + h.rotate_left(13))
            with m.If(self.advance):
                m.d.sync += mixed.eq(total ^ total.rotate_left(15) ^ total.rotate_left(11) ^ k)
            h = mixed
        m.d.comb += self.number.eq(h[:8])
        return m


def sum_of(terms: list[Value]) -> Value:
    """The sum by a tree of adders, each as narrow as its operands allow."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return sum_of(terms[:half]) + sum_of(terms[half:])


def xorshift32(m: Module, x: Value) -> Value:
    """The word that follows `x` (Marsaglia 2003; shifts 13, 17, 5)."""
    a = Signal(32)
    b = Signal(32)
    m.d.comb += [a.eq(x ^ (x << 13)), b.eq(a ^ (a >> 17))]
    return (b ^ (b << 5))[:32]
