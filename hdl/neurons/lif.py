"""The datapath of the integer LIF neuron, one pipeline stage per function.

It computes the update stated at the head of ``rheobase.models.integer.lif``.
"""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

from ...models.integer.lif import IntegerLIF
from ..pipeline import Stage, Values


class LIFDatapath:
    """Pipeline stages of one neuron update.

    Parameters
    ----------
    kind : IntegerLIF
        Its modes are built, all of them; its registers are fields.

    Attributes
    ----------
    stages : tuple of callable
        The multiplying leak has one stage more than the shifting one.
    """

    def __init__(self, kind: IntegerLIF) -> None:
        self.kind = kind
        leak = (self.product, self.rounded) if kind.leak == "multiply" else (self.shifted,)
        self.stages: tuple[Stage, ...] = (*leak, self.integrate, self.fire)

    def rounding_number(self, f: Values) -> Value:
        """The number ``d``."""
        bits = self.kind.leak_bits
        if self.kind.rounding == "stochastic":
            return f["x"][:bits]
        if self.kind.rounding == "truncate":
            return f["v"][-1].replicate(bits)
        return Const(1 << (bits - 1) if self.kind.rounding == "nearest" else 0, bits)

    def product(self, m: Module, f: Values) -> dict[str, Value]:
        """Leak by multiplication, first half: v * leak_multiplier."""
        product = Signal(signed(self.kind.width + self.kind.leak_bits))
        m.d.comb += product.eq(f["v"] * f["leak_multiplier"])
        return {"product": product}

    def rounded(self, m: Module, f: Values) -> dict[str, Value]:
        """Leak by multiplication, second half: u = (product + d) >> leak_bits."""
        leaked = (f["product"] + self.rounding_number(f)) >> self.kind.leak_bits
        return self.unless_refractory(m, f, leaked)

    def shifted(self, m: Module, f: Values) -> dict[str, Value]:
        """Leak by shift: u = v - ((v + d) >> leak_bits)."""
        leaked = f["v"] - ((f["v"] + self.rounding_number(f)) >> self.kind.leak_bits)
        return self.unless_refractory(m, f, leaked)

    def unless_refractory(self, m: Module, f: Values, leaked: Value) -> dict[str, Value]:
        """A refractory neuron keeps its state: neither leak nor input."""
        u = Signal(signed(self.kind.width))
        i = Signal.like(f["i"], name="i_open")
        with m.If(f["r"] != 0):
            m.d.comb += u.eq(f["v"])
        with m.Else():
            m.d.comb += [u.eq(leaked), i.eq(f["i"])]
        return {"i": i, "u": u}

    def integrate(self, m: Module, f: Values) -> dict[str, Value]:
        """s = u + i, saturated."""
        width = self.kind.width
        total = Signal(signed(max(width, self.kind.input_width) + 1))
        s = Signal(signed(width))
        m.d.comb += total.eq(f["u"] + f["i"])
        sign_bits = total[width - 1 :]  # all alike when the sum fits the state
        with m.If(sign_bits.all() | ~sign_bits.any()):
            m.d.comb += s.eq(total)
        with m.Else():
            m.d.comb += s.eq(Mux(total[-1], self.kind.v_min, self.kind.v_max))
        return {"s": s}

    def reached(self, f: Values) -> Value:
        """Whether the saturated sum fires."""
        return f["s"] >= f["threshold"]

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        """Spike, reset and the refractory counter."""
        s, r = f["s"], f["r"]
        v_next = Signal.like(s, name="v_next")
        r_next = Signal.like(r, name="r_next")
        spike = Signal()
        with m.If(r != 0):
            m.d.comb += [v_next.eq(s), r_next.eq(r - 1)]
        with m.Elif(self.reached(f)):
            after = f["v_reset"] if self.kind.reset == "value" else s - f["threshold"]
            m.d.comb += [spike.eq(1), v_next.eq(after), r_next.eq(f["refractory"])]
        with m.Else():
            m.d.comb += v_next.eq(s)
        return {"v": v_next, "r": r_next, "spike": spike}
