"""The datapath of TrueNorth's neurons and of their relatives, one pipeline stage per function.

It computes the update stated at the head of ``rheobase.models.integer.truenorth``, in its letters
and in any of its modes. The random leak is 0 or 1 until its sign joins that of Omega. The reset of
every kind is one sum, of which `choose` leaves the terms that take part::

    V' = end(p + q)     p = b or 0,  q = N or v_reset or 0
         end(p - q)     where T or N is subtracted from b, or v_reset is negated
"""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed

from ...models.integer.truenorth import LEAK_BITS, RESETS, TrueNorth
from ..pipeline import Stage, Values

PERIOD = (1 << 30) - 1  # by which PAICORE corrects what leaves 30 bits


def add_or_subtract(x: Value, y: Value, subtract: Value) -> Value:
    """x - y = x + ~y + 1 or x + y: one adder, where a Mux of both takes two."""
    return x + (y ^ subtract.replicate(len(y) + 1).as_signed()) + subtract


class TrueNorthDatapath:
    """Pipeline stages of one neuron update.

    Parameters
    ----------
    kind : TrueNorth
        Its modes are built; its registers are fields.

    Attributes
    ----------
    stages : tuple of callable
    """

    def __init__(self, kind: TrueNorth) -> None:
        self.kind = kind
        self.stages: tuple[Stage, ...] = (
            self.integrate,
            self.direct,
            self.leak,
            self.compare,
            self.choose,
            self.reset,
        )

    def integrate(self, m: Module, f: Values) -> dict[str, Value]:
        """a = fit(V + i), and beside it what does not depend on V: the leak, T and N."""
        eta = f["x"][LEAK_BITS : LEAK_BITS + len(f["mask"])] & f["mask"]
        upper, lower = (Signal(signed(self.kind.width + 1), name=name) for name in "TN")
        m.d.comb += [
            upper.eq(f["threshold"] + eta),
            lower.eq(f["negative_threshold"] - Mux(f["negative_saturation"], 0, eta)),
        ]
        return {
            "a": self.fit(m, f["v"] + f["i"]),
            "d": Mux(f["leak_stochastic"], self.acts(m, f), f["leak"]),
            "minus": f["leak_stochastic"] & (f["leak"] < 0),
            "T": upper,
            "N": lower,
        }

    def acts(self, m: Module, f: Values) -> Value:
        """Whether F(leak) is not 0: `leak` moved towards 0 by rho is not carried across it."""
        rho = f["x"][:LEAK_BITS]
        low = f["leak"][: LEAK_BITS + 1].as_signed()
        large = f["leak"] != low  # than any rho
        negative = f["leak"] < 0
        moved = Signal(signed(LEAK_BITS + 2))
        m.d.comb += moved.eq(add_or_subtract(low, rho, ~negative))
        return large | (low.any() & ((moved == 0) | ((moved < 0) == negative)))

    def direct(self, m: Module, f: Values) -> dict[str, Value]:
        """Omega d, as 0 or d and a sign; and whether b must not cross 0."""
        charged = f["a"].any()
        return {
            "d": Mux(f["leak_reversal"] & ~charged, 0, f["d"]),
            "minus": f["minus"] ^ (f["leak_reversal"] & (f["a"] < 0)),
            "stops": f["no_ringing"] & charged,
        }

    def leak(self, m: Module, f: Values) -> dict[str, Value]:
        """b; where the sum is 0, so is b, and it does not matter what counts as crossed."""
        total = Signal(signed(self.kind.width + 1))
        m.d.comb += total.eq(add_or_subtract(f["a"], f["d"], f["minus"]))
        crossed = (total < 0) != (f["a"] < 0)
        return {"b": Mux(f["stops"] & crossed, 0, self.fit(m, total))}

    def compare(self, m: Module, f: Values) -> dict[str, Value]:
        """Whether c reaches T, or else falls below N."""
        c = f["a"] if self.kind.leak_after_compare else f["b"]
        above = c >= f["T"]
        below = c <= f["N"] if self.kind.symmetric else c < f["N"]
        return {"above": above, "below": ~above & below}

    def choose(self, m: Module, f: Values) -> dict[str, Value]:
        """The terms of V': those that take no part are 0."""
        clamped = f["below"] & f["negative_saturation"]
        passed = f["above"] | (f["below"] & ~f["negative_saturation"])
        to_value = passed & (f["reset"] == RESETS.index("value"))
        lowered = passed & (f["reset"] == RESETS.index("subtract"))
        return {
            "spike": f["above"],
            "p": Mux(clamped | to_value, 0, f["b"]),
            "T": Mux(lowered & f["above"], f["T"], 0),
            "N": Mux(clamped | (lowered & f["below"]), f["N"], 0),
            "v_reset": Mux(to_value, f["v_reset"], 0),
            "minus": lowered | (to_value & f["below"]),
        }

    def reset(self, m: Module, f: Values) -> dict[str, Value]:
        """V', the sum of the terms."""
        q = f["T"] | f["N"] | f["v_reset"]
        total = Signal(signed(self.kind.width + 2))
        m.d.comb += total.eq(add_or_subtract(f["p"], q, f["minus"]))
        v = total[: self.kind.width] if self.kind.overflow == "paicore" else self.fit(m, total)
        return {"v": v, "v_pre": f["b"]}

    def fit(self, m: Module, total: Value) -> Value:
        """What V holds of a sum."""
        width = self.kind.width
        v = Signal(signed(width))
        if self.kind.overflow == "saturate":
            high = total[width - 1 :]  # copies of the sign, if the sum fits
            end = Cat((~total[-1]).replicate(width - 1), total[-1]).as_signed()
            m.d.comb += v.eq(Mux(high.any() & ~high.all(), end, total))
        elif self.kind.overflow == "wrap":
            m.d.comb += v.eq(total)
        else:
            s = Signal(signed(width))
            m.d.comb += s.eq(total)
            above = (s >= 0) & s[29:31].any()
            below = (s < 0) & ~s[29:31].all()
            m.d.comb += v.eq(s + Mux(above, -PERIOD, Mux(below, PERIOD, 0)))
        return v
