"""The integer LIF, as stated at the head of ``rheobase.models.integer.lif``."""

from amaranth.hdl import Const, Mux, Value

from ....models.integer.lif import IntegerLIF
from ...pipeline import Values
from ..datapath import ALL, Product, Times
from ..exact import clip


class LIFSpecification:
    """The equations in given modes; see `Specification`.

    Parameters
    ----------
    kind : IntegerLIF
    """

    def __init__(self, kind: IntegerLIF) -> None:
        self.kind = kind
        legal = (0, 1 << kind.leak_bits)
        product = Product("v", "leak_multiplier", {"product": (ALL, ALL)}, legal)
        self.products = {"leaked": product} if kind.leak == "multiply" else {}

    def legal(self, f: Values) -> list[Value]:
        """leak_multiplier <= 2**leak_bits, v_reset < threshold or 0 < threshold."""
        least = f["v_reset"] if self.kind.reset == "value" else Const(0)
        return [f["leak_multiplier"] <= 1 << self.kind.leak_bits, least < f["threshold"]]

    def ranges(self, f: Values) -> dict[str, Value]:
        """v is below the threshold, unless a spike subtracts; r counts from `refractory`."""
        v = {"v": f["v"] < f["threshold"]} if self.kind.reset == "value" else {}
        return v | {"r": f["r"] <= f["refractory"]}

    def update(self, f: Values, times: Times) -> dict[str, Value]:
        """The update."""
        kind, bits = self.kind, self.kind.leak_bits
        d: Value = Const({"floor": 0, "nearest": 1 << (bits - 1), "stochastic": 0}[kind.rounding])
        if kind.rounding == "stochastic":
            d = f["x"] & ((1 << bits) - 1)
        if kind.leak == "multiply":
            u = (times("leaked", f["v"], f["leak_multiplier"]) + d) >> bits
        else:
            u = f["v"] - ((f["v"] + d) >> bits)
        s = clip(u + f["i"], -(1 << (kind.width - 1)), (1 << (kind.width - 1)) - 1)
        held = f["r"] > 0
        spike = ~held & (s >= f["threshold"])
        after = f["v_reset"] if kind.reset == "value" else s - f["threshold"]
        return {
            "v": Mux(held, f["v"], Mux(spike, after, s)),
            "r": Mux(held, f["r"] - 1, Mux(spike, f["refractory"], 0)),
            "spike": spike,
        }
