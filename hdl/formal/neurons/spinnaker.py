"""SpiNNaker's neurons, as stated at the head of ``rheobase.models.integer.spinnaker``."""

from amaranth.hdl import Mux, Value

from ....models.integer.spinnaker import SpiNNaker
from ...pipeline import Values
from ..datapath import Piece, Product, Times
from ..exact import clip, wrap

HALVES: dict[str, Piece] = {"low": (0, 16), "high": (16, None)}


def product(a: str, b: str, name: str) -> Product:
    """Of two factors of 32 bits: half by half."""
    return Product(
        a,
        b,
        {
            f"{name}_{half_a}_{half_b}": (of_a, of_b)
            for half_a, of_a in HALVES.items()
            for half_b, of_b in HALVES.items()
        },
    )


class SpiNNakerSpecification:
    """The equations in given modes; see `Specification`.

    Parameters
    ----------
    kind : SpiNNaker
    """

    def __init__(self, kind: SpiNNaker) -> None:
        self.kind = kind
        conductances = {
            "current_e": product("g_e", "drive_e", "current_e"),
            "current_i": product("g_i", "drive_i", "current_i"),
        }
        self.products = {
            "added_e": product("x_e", "init_e", "added_e"),
            "added_i": product("x_i", "init_i", "added_i"),
            **({} if kind.e_rev_e is None else conductances),
            "driven": product("current", "resistance", "product"),
            "decayed_e": product("e", "decay_e", "decayed_e"),
            "decayed_i": product("i", "decay_i", "decayed_i"),
            "decayed_v": product("decay_v", "distance", "product"),
        }

    def legal(self, f: Values) -> list[Value]:
        """refractory <= 2**16."""
        return [f["refractory"] <= 1 << 16]

    def ranges(self, f: Values) -> dict[str, Value]:
        """The timer counts from `refractory`."""
        return {"timer": f["timer"] <= f["refractory"]}

    def update(self, f: Values, times: Times) -> dict[str, Value]:
        """The update."""
        e = wrap(f["e"] + (times("added_e", f["x_e"], f["init_e"]) >> 32), 32)
        i = wrap(f["i"] + (times("added_i", f["x_i"], f["init_i"]) >> 32), 32)
        v = f["v"]
        if self.kind.e_rev_e is None:
            total = e - i
        else:
            current_e = times("current_e", e >> 5, wrap(f["e_rev_e"] - v, 32))
            current_i = times("current_i", -(i >> 5), wrap(f["e_rev_i"] - v, 32))
            total = wrap(current_e >> 15, 32) - wrap(current_i >> 15, 32)
        driven = times("driven", wrap(total + f["i_offset"], 32), f["resistance"])
        alpha = wrap(self.mul(driven) + f["v_rest"], 32)
        decayed = times("decayed_v", f["decay_v"], wrap(alpha - v, 32))
        held = f["timer"] > 0
        v = Mux(held, v, wrap(alpha - self.mul(decayed), 32))
        spike = v >= f["v_thresh"]
        return {
            "e": times("decayed_e", e, f["decay_e"]) >> 32,
            "i": times("decayed_i", i, f["decay_i"]) >> 32,
            "v": Mux(spike, f["v_reset"], v),
            "timer": Mux(spike, f["refractory"], Mux(held, f["timer"] - 1, 0)),
            "spike": spike,
            "syn_e": e,
            "syn_i": i,
        }

    def mul(self, whole: Value) -> Value:
        """What ``mul`` makes of a whole product."""
        if self.kind.rounding == "nearest":
            return clip((whole + (1 << 14)) >> 15, -(1 << 31), (1 << 31) - 1)
        return wrap(whole >> 15, 32)
