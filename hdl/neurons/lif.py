"""The datapath of the integer LIF neuron, one pipeline stage per function.

It computes the update stated at the head of ``rheobase.models.integer.lif``. A stage maps named
values to named values; the core puts registers between two stages. The fields:

    i : signed(input_width)    input current
    d : unsigned(leak_bits)    rounding number
    v : signed(width)          membrane state
    r : unsigned               refractory counter
"""

from collections.abc import Callable

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.utils import bits_for

from ...models.integer.lif import IntegerLIF
from ..noise import xorshift32

Fields = dict[str, Value]
Stage = Callable[[Module, Fields], Fields]


class LIFDatapath:
    """Pipeline stages of one neuron update.

    Parameters
    ----------
    neuron : IntegerLIF
        The parameters; all modes are implemented.

    Attributes
    ----------
    stages : tuple of callable
        In order; the first takes the fields ``i, d, v, r``, the last gives ``v, r, spike``.
        The multiplying leak has one stage more than the shifting one.
    state_widths : dict
        Bits of ``v`` and of ``r``.
    """

    def __init__(self, neuron: IntegerLIF) -> None:
        self.neuron = neuron
        self.state_widths = {"v": neuron.width, "r": bits_for(neuron.refractory)}
        leak = (self.product, self.rounded) if neuron.leak == "multiply" else (self.shifted,)
        self.stages: tuple[Stage, ...] = (*leak, self.integrate, self.fire)

    def rounding_number(self, m: Module, advance: Value) -> Value:
        """The ``d`` of the present update; the generator moves on when `advance` is high."""
        bits = self.neuron.leak_bits
        if self.neuron.rounding == "floor":
            return Const(0, bits)
        if self.neuron.rounding == "nearest":
            return Const(1 << (bits - 1), bits)
        x = Signal(32, init=self.neuron.seed)
        with m.If(advance):
            m.d.sync += x.eq(xorshift32(m, x))
        return x[:bits]

    def product(self, m: Module, f: Fields) -> Fields:
        """Leak by multiplication, first half: v * leak_multiplier."""
        product = Signal(signed(self.neuron.width + self.neuron.leak_bits))
        m.d.comb += product.eq(f["v"] * Const(self.neuron.leak_multiplier))
        return f | {"product": product}

    def rounded(self, m: Module, f: Fields) -> Fields:
        """Leak by multiplication, second half: u = (product + d) >> leak_bits."""
        return self.unless_refractory(m, f, (f["product"] + f["d"]) >> self.neuron.leak_bits)

    def shifted(self, m: Module, f: Fields) -> Fields:
        """Leak by shift: u = v - ((v + d) >> leak_bits)."""
        return self.unless_refractory(m, f, f["v"] - ((f["v"] + f["d"]) >> self.neuron.leak_bits))

    def unless_refractory(self, m: Module, f: Fields, leaked: Value) -> Fields:
        """A refractory neuron keeps its state: neither leak nor input."""
        u = Signal(signed(self.neuron.width))
        i = Signal.like(f["i"], name="i_open")
        with m.If(f["r"] != 0):
            m.d.comb += u.eq(f["v"])
        with m.Else():
            m.d.comb += [u.eq(leaked), i.eq(f["i"])]
        return {"i": i, "u": u, "r": f["r"]}

    def integrate(self, m: Module, f: Fields) -> Fields:
        """s = u + i, saturated."""
        width = self.neuron.width
        total = Signal(signed(max(width, self.neuron.input_width) + 1))
        s = Signal(signed(width))
        m.d.comb += total.eq(f["u"] + f["i"])
        sign_bits = total[width - 1 :]  # all alike when the sum fits the state
        with m.If(sign_bits.all() | ~sign_bits.any()):
            m.d.comb += s.eq(total)
        with m.Else():
            m.d.comb += s.eq(Mux(total[-1], self.neuron.v_min, self.neuron.v_max))
        return {"s": s, "r": f["r"]}

    def reached(self, s: Value) -> Value:
        """Whether the saturated sum fires."""
        return s >= self.neuron.threshold

    def fire(self, m: Module, f: Fields) -> Fields:
        """Spike, reset and the refractory counter."""
        neuron, s, r = self.neuron, f["s"], f["r"]
        v_next = Signal.like(s, name="v_next")
        r_next = Signal.like(r, name="r_next")
        spike = Signal()
        with m.If(r != 0):
            m.d.comb += [v_next.eq(s), r_next.eq(r - 1)]
        with m.Elif(self.reached(s)):
            after = neuron.v_reset if neuron.reset == "value" else s - neuron.threshold
            m.d.comb += [spike.eq(1), v_next.eq(after), r_next.eq(neuron.refractory)]
        with m.Else():
            m.d.comb += v_next.eq(s)
        return {"v": v_next, "r": r_next, "spike": spike}
