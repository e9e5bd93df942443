"""TrueNorth's neurons, as stated at the head of ``rheobase.models.integer.truenorth``."""

from collections.abc import Mapping

from amaranth.hdl import Const, Mux, Value

from ....models.integer.truenorth import TrueNorth
from ...pipeline import Values
from ..datapath import Product, Times
from ..exact import clip, times_sign, wrap

VALUE, SUBTRACT, NONE = range(3)  # the paper's gamma


class TrueNorthSpecification:
    """The equations in given modes; see `Specification`.

    Parameters
    ----------
    kind : TrueNorth
    """

    products: Mapping[str, Product] = {}

    def __init__(self, kind: TrueNorth) -> None:
        self.kind = kind

    def legal(self, f: Values) -> list[Value]:
        """gamma is one of three."""
        return [f["reset"] <= NONE]

    def ranges(self, f: Values) -> dict[str, Value]:
        """V may be any number of its width."""
        return {}

    def fit(self, x: Value) -> Value:
        """What V holds of x, before the reset."""
        width = self.kind.width
        if self.kind.overflow == "saturate":
            return clip(x, -(1 << (width - 1)), (1 << (width - 1)) - 1)
        s = wrap(x, width)
        if self.kind.overflow == "wrap":
            return s
        period = (1 << 30) - 1
        return Mux(s > (1 << 29) - 1, s - period, Mux(s < -(1 << 29), s + period, s))

    def end(self, x: Value) -> Value:
        """What V holds of x, after the reset."""
        return wrap(x, self.kind.width) if self.kind.overflow == "paicore" else self.fit(x)

    def update(self, f: Values, times: Times) -> dict[str, Value]:
        """The update, in the letters of the paper."""
        rho = f["x"] & 255
        eta = (f["x"] >> 8) & f["mask"]
        leak, N = f["leak"], f["negative_threshold"]
        acts = times_sign(leak, leak) >= rho
        d = Mux(f["leak_stochastic"], Mux(acts, times_sign(Const(1), leak), 0), leak)

        a = self.fit(f["v"] + f["i"])
        total = a + Mux(f["leak_reversal"], times_sign(d, a), d)
        opposite = ((a > 0) & (total < 0)) | ((a < 0) & (total > 0))
        b = Mux(f["no_ringing"] & opposite, 0, self.fit(total))
        c = a if self.kind.leak_after_compare else b
        T = f["threshold"] + eta
        N = Mux(f["negative_saturation"], N, N - eta)

        spike = c >= T
        below = (c <= N) if self.kind.symmetric else (c < N)
        reset = f["reset"]

        def after(value: Value, threshold: Value) -> Value:
            subtracted = self.end(b - threshold)
            return Mux(reset == VALUE, value, Mux(reset == SUBTRACT, subtracted, b))

        fallen = Mux(f["negative_saturation"], N, after(self.end(-f["v_reset"]), N))
        v = Mux(spike, after(f["v_reset"], T), Mux(below, fallen, b))
        return {"v": v, "spike": spike, "v_pre": b}
