"""The datapath of the current-based Loihi neurons, one pipeline stage per function.

It computes the update stated at the head of ``rheobase.models.integer.loihi``, in either flavour.
The products of 25 or 24 bits by 13 are cut after 17 bits, so that each part fits a multiplier of 18
by 18 bits. Truncation toward zero rounds down and adds one to what was negative and not whole.
"""

from amaranth.hdl import Module, Mux, Signal, Value, signed

from ...models.integer.loihi import SCALE, Loihi
from ..pipeline import Stage, Values

CUT = 17
FRACTION = 12
LIMIT = 1 << 23


class LoihiDatapath:
    """Pipeline stages of one neuron update.

    Parameters
    ----------
    kind : Loihi
        Its modes are built; its registers are fields.

    Attributes
    ----------
    stages : tuple of callable
    """

    def __init__(self, kind: Loihi) -> None:
        self.kind = kind
        self.stages: tuple[Stage, ...] = (
            (self.multiply, self.add, self.truncate)
            + (
                (self.lava_current, self.lava_wrap, self.lava_voltage)
                if kind.flavour == "lava"
                else (self.nengo_input, self.nengo_current, self.nengo_drive, self.nengo_voltage)
            )
            + (self.compare, self.clip, self.fire)
        )

    def multiply(self, m: Module, f: Values) -> dict[str, Value]:
        """Each half of u and v by its decay factor."""
        return {
            f"{name}_{half}": f[name][part] * f[f"factor_{name}"]
            if half == "low"
            else f[name][part].as_signed() * f[f"factor_{name}"]
            for name in ("u", "v")
            for half, part in (("low", slice(0, CUT)), ("high", slice(CUT, None)))
        }

    def add(self, m: Module, f: Values) -> dict[str, Value]:
        """The products from their halves."""
        return {
            f"{name}_product": (f[f"{name}_high"] << CUT) + f[f"{name}_low"] for name in ("u", "v")
        }

    def truncate(self, m: Module, f: Values) -> dict[str, Value]:
        """tz(product / 4096), or 0 where the neuron is cleared."""
        decayed: dict[str, Value] = {}
        for name in ("u", "v"):
            product = f[f"{name}_product"]
            result = Signal(signed(25), name=f"{name}_truncated")
            m.d.comb += result.eq((product >> FRACTION) + (product[-1] & product[:FRACTION].any()))
            if "clear" in f:
                decayed[f"{name}_decayed"] = Mux(f["clear"], 0, result)
            else:
                decayed[f"{name}_decayed"] = result
        return decayed

    def lava_current(self, m: Module, f: Values) -> dict[str, Value]:
        """u before its wrap, and what v gets beside it."""
        total = Signal(signed(26), name="u_total")
        m.d.comb += total.eq(f["u_decayed"] + (f["i"] << SCALE))
        return {"u": total, "biased": f["v_decayed"] + f["bias"]}

    def lava_wrap(self, m: Module, f: Values) -> dict[str, Value]:
        """One correction by 2**24 into -2**23 < u <= 2**23."""
        u = Signal(signed(25), name="u_wrapped")
        with m.If(f["u"] > LIMIT):
            m.d.comb += u.eq(f["u"] - 2 * LIMIT)
        with m.Elif(f["u"] <= -LIMIT):
            m.d.comb += u.eq(f["u"] + 2 * LIMIT)
        with m.Else():
            m.d.comb += u.eq(f["u"])
        return {"u": u}

    def lava_voltage(self, m: Module, f: Values) -> dict[str, Value]:
        """v before it is clipped."""
        return {"v": f["biased"] + f["u"]}

    def nengo_input(self, m: Module, f: Values) -> dict[str, Value]:
        """q, and what joins behind the current."""
        q = Signal(signed(22))
        drive = Signal(signed(24))
        with m.If(f["noise_at_membrane"]):
            m.d.comb += [q.eq(f["i"]), drive.eq(f["bias"] + f["noise"])]
        with m.Else():
            m.d.comb += [q.eq(f["i"] + f["noise"]), drive.eq(f["bias"])]
        return {"q": q, "drive": drive}

    def nengo_current(self, m: Module, f: Values) -> dict[str, Value]:
        """u, in 24 bits that wrap."""
        u = Signal(signed(24), name="u_next")
        m.d.comb += u.eq(f["u_decayed"] + f["q"])
        return {"u": u}

    def nengo_drive(self, m: Module, f: Values) -> dict[str, Value]:
        """What v gets, in 24 bits that wrap."""
        drive = Signal(signed(24), name="drive_next")
        m.d.comb += drive.eq(f["u"] + f["drive"])
        return {"drive": drive}

    def nengo_voltage(self, m: Module, f: Values) -> dict[str, Value]:
        """v before it is clipped."""
        return {"v": f["v_decayed"] + f["drive"]}

    def compare(self, m: Module, f: Values) -> dict[str, Value]:
        """Whether v lies beyond its limits."""
        low, high = (f["v_min"], f["v_max"]) if "v_min" in f else (1 - LIMIT, LIMIT - 1)
        return {"below": f["v"] < low, "above": f["v"] > high}

    def clip(self, m: Module, f: Values) -> dict[str, Value]:
        """v within its limits; a refractory neuron has 0."""
        v = Signal(signed(24), name="v_clipped")
        low, high = (f["v_min"], f["v_max"]) if "v_min" in f else (1 - LIMIT, LIMIT - 1)
        m.d.comb += v.eq(Mux(f["below"], low, Mux(f["above"], high, f["v"])))
        return {"v": Mux(f["r"] != 0, 0, v) if "r" in f else v}

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        """Spike and reset."""
        above = f["v"] > f["threshold"]
        if "threshold_low" in f:
            below = ~above & (f["v"] < f["threshold_low"])
            spike = Signal(signed(2))
            m.d.comb += spike.eq(Mux(below, -1, above))
        else:
            spike = Signal()
            m.d.comb += spike.eq(above)
        state: dict[str, Value] = {"spike": spike, "v": Mux(spike.any(), 0, f["v"])}
        if "r" in f:
            count = Mux(spike, f["refractory"], f["r"])
            r = Signal(6, name="r_next")
            m.d.comb += r.eq(Mux(count == 0, 0, count - 1))
            state["r"] = r
        return state
