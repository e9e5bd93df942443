"""Loihi's neurons, as stated at the head of ``rheobase.models.integer.loihi``."""

from amaranth.hdl import Mux, Value

from ....models.integer.loihi import Loihi
from ...pipeline import Values
from ..datapath import ALL, Piece, Product, Times
from ..exact import clip, towards_zero, wrap

LIMIT = 1 << 23


def parts(name: str) -> dict[str, tuple[Piece, Piece]]:
    """The two pieces of a state, by the whole decay factor."""
    return {f"{name}_low": ((0, 17), ALL), f"{name}_high": ((17, None), ALL)}


class LoihiSpecification:
    """The equations of a flavour; see `Specification`.

    Parameters
    ----------
    kind : Loihi
    """

    def __init__(self, kind: Loihi) -> None:
        self.kind = kind
        self.factors = (
            {"factor_u": (-1, 4095), "factor_v": (0, 4096)}
            if kind.flavour == "lava"
            else {"factor_u": (0, 4095), "factor_v": (1, 4096)}
        )
        self.products = {
            f"decayed_{name}": Product(name, factor, parts(name), legal)
            for name, (factor, legal) in zip("uv", self.factors.items(), strict=True)
        }

    def legal(self, f: Values) -> list[Value]:
        """Decay factors of the chip's and Lava's decays; nengo's ranges of what it has."""
        legal = [(low <= f[name]) & (f[name] <= high) for name, (low, high) in self.factors.items()]
        if self.kind.flavour == "nengo":
            legal += [
                (1 - LIMIT <= f["v_min"]) & (f["v_min"] <= 0),
                (511 <= f["v_max"]) & (f["v_max"] < LIMIT),
                (64 <= f["threshold"]) & (f["threshold"] < LIMIT),
                f["refractory"] >= 1,
            ]
        return legal

    def ranges(self, f: Values) -> dict[str, Value]:
        """u and v of 24 bits without -2**23, but Lava's u reaches 2**23; nengo's r."""
        if self.kind.flavour == "lava":
            return {
                "u": (-LIMIT < f["u"]) & (f["u"] <= LIMIT),
                "v": (-LIMIT < f["v"]) & (f["v"] < LIMIT),
            }
        return {
            "v": (f["v_min"] <= f["v"]) & (f["v"] <= f["v_max"]),
            "r": f["r"] < f["refractory"],
        }

    def update(self, f: Values, times: Times) -> dict[str, Value]:
        """The update."""
        u = towards_zero(times("decayed_u", f["u"], f["factor_u"]), 12)
        v = towards_zero(times("decayed_v", f["v"], f["factor_v"]), 12)
        return self.lava(f, u, v) if self.kind.flavour == "lava" else self.nengo(f, u, v)

    def lava(self, f: Values, u: Value, v: Value) -> dict[str, Value]:
        """From the decayed states; cleared ones decay to 0."""
        total = Mux(f["clear"], 0, u) + 64 * f["i"]
        u = Mux(total > LIMIT, total - 2 * LIMIT, Mux(total <= -LIMIT, total + 2 * LIMIT, total))
        v = clip(Mux(f["clear"], 0, v) + u + f["bias"], 1 - LIMIT, LIMIT - 1)
        above = v > f["threshold"]
        below = ~above & (v < f["threshold_low"]) if "threshold_low" in f else 0
        return {"u": u, "v": Mux(above | below, 0, v), "spike": Mux(below, -1, above)}

    def nengo(self, f: Values, u: Value, v: Value) -> dict[str, Value]:
        """From the decayed states."""
        at_membrane = f["noise_at_membrane"]
        u = wrap(u + wrap(f["i"] + Mux(at_membrane, 0, f["noise"]), 22), 24)
        drive = wrap(u + f["bias"] + Mux(at_membrane, f["noise"], 0), 24)
        v = Mux(f["r"] > 0, 0, clip(v + drive, f["v_min"], f["v_max"]))
        spike = v > f["threshold"]
        r = Mux(spike, f["refractory"], f["r"])
        return {"u": u, "v": Mux(spike, 0, v), "r": Mux(r > 1, r - 1, 0), "spike": spike}
