"""The datapath of SpiNNaker's LIF neurons, one pipeline stage per function.

It computes the update stated at the head of ``rheobase.models.integer.spinnaker``, in all modes. A
product of 32 bits by 32 takes three stages (`products`): its factors are cut after 16 bits, so that
each half by each half fits a multiplier of 18 by 18 bits, and the four parts are added. `floor`
takes bits 15 .. 46 of a product, ``>> 32`` those from 32 on. "nearest" adds its half to the lowest
part and takes one more stage to saturate. Sums keep their lowest 32 bits.
"""

from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed

from ...models.integer.spinnaker import SpiNNaker
from ..pipeline import Stage, Values

CUT = 16
WORD = 32
POINT = 15  # bits of fraction in s16.15
SHIFT = 5  # of a conductance, to the right


class Factors(NamedTuple):
    """The names of two factors, and what is added to their product: at most 2**17 - 2."""

    a: str
    b: str
    half: int = 0


def products(**named: Factors) -> tuple[Stage, Stage, Stage]:
    """Stages that give whole products under these names; bits that nobody uses, Yosys removes."""

    def multiply(m: Module, f: Values) -> dict[str, Value]:
        """Each half of one factor by each half of the other."""
        return {
            f"{name}_{half_a}_{half_b}": a * b
            for name, factors in named.items()
            for half_a, a in halves(f[factors.a]).items()
            for half_b, b in halves(f[factors.b]).items()
        }

    def cross(m: Module, f: Values) -> dict[str, Value]:
        """The sum of the two parts that weigh 2**16; the lowest part has room for `half`."""
        parts: dict[str, Value] = {}
        for name, factors in named.items():
            parts[f"{name}_cross"] = f[f"{name}_low_high"] + f[f"{name}_high_low"]
            parts[f"{name}_low_low"] = (f[f"{name}_low_low"] + factors.half)[:WORD]
        return parts

    def join(m: Module, f: Values) -> dict[str, Value]:
        """The highest part lies just above the lowest: only the cross is added."""
        whole: dict[str, Value] = {}
        for name in named:
            outer = Cat(f[f"{name}_low_low"], f[f"{name}_high_high"])
            above = (outer[CUT:] + f[f"{name}_cross"])[: len(outer) - CUT]
            whole[name] = Cat(outer[:CUT], above).as_signed()
        return whole

    return multiply, cross, join


def halves(value: Value) -> dict[str, Value]:
    """The low half has no sign, the high one has that of the whole."""
    high = value[CUT:]
    return {"low": value[:CUT], "high": high.as_signed() if value.shape().signed else high}


def floor(product: Value) -> Value:
    """An s16.15 product, wrapped."""
    return product[POINT : POINT + WORD].as_signed()


def scaled(product: Value) -> Value:
    """A product by a u0.32."""
    return product[WORD:].as_signed()


def wrapped(m: Module, name: str, value: Value) -> Signal:
    """The lowest 32 bits."""
    result = Signal(signed(WORD), name=name)
    m.d.comb += result.eq(value)
    return result


class SpiNNakerDatapath:
    """Pipeline stages of one neuron update.

    Parameters
    ----------
    kind : SpiNNaker
        Its modes are built; its registers are fields.

    Attributes
    ----------
    stages : tuple of callable
    """

    def __init__(self, kind: SpiNNaker) -> None:
        self.kind = kind
        nearest = kind.rounding == "nearest"
        half = 1 << (POINT - 1) if nearest else 0
        saturate = (self.saturate,) if nearest else ()
        conductances = (
            self.drive,
            *products(current_e=Factors("g_e", "drive_e"), current_i=Factors("g_i", "drive_i")),
            self.conductance_current,
        )
        self.stages: tuple[Stage, ...] = (
            *products(added_e=Factors("x_e", "init_e"), added_i=Factors("x_i", "init_i")),
            self.arrive,
            *((self.current,) if kind.e_rev_e is None else conductances),
            *products(
                product=Factors("current", "resistance", half),
                decayed_e=Factors("e", "decay_e"),
                decayed_i=Factors("i", "decay_i"),
            ),
            *saturate,
            self.target,
            *products(product=Factors("decay_v", "distance", half)),
            *saturate,
            self.update,
            self.fire,
        )

    def arrive(self, m: Module, f: Values) -> dict[str, Value]:
        """The synaptic sums before their decay."""
        e = wrapped(m, "e_next", f["e"] + scaled(f["added_e"]))
        i = wrapped(m, "i_next", f["i"] + scaled(f["added_i"]))
        return {"e": e, "i": i, "syn_e": e, "syn_i": i}

    def current(self, m: Module, f: Values) -> dict[str, Value]:
        """I + i_offset of the sums themselves."""
        return {"current": wrapped(m, "total", f["e"] - f["i"] + f["i_offset"])}

    def drive(self, m: Module, f: Values) -> dict[str, Value]:
        """The factors of both conductances' currents."""
        return {
            "g_e": f["e"] >> SHIFT,
            "g_i": -(f["i"] >> SHIFT),
            "drive_e": wrapped(m, "e_drive", f["e_rev_e"] - f["v"]),
            "drive_i": wrapped(m, "i_drive", f["e_rev_i"] - f["v"]),
        }

    def conductance_current(self, m: Module, f: Values) -> dict[str, Value]:
        """I + i_offset of the products."""
        total = floor(f["current_e"]) - floor(f["current_i"]) + f["i_offset"]
        return {"current": wrapped(m, "total", total)}

    def saturate(self, m: Module, f: Values) -> dict[str, Value]:
        """The product, clipped so that `floor` does not wrap it."""
        sign, top = f["product"][-1], POINT + WORD - 1
        fits = f["product"][top:] == sign.replicate(len(f["product"]) - top)
        end = Cat((~sign).replicate(top), sign)
        return {"product": Mux(fits, f["product"][: top + 1], end).as_signed()}

    def target(self, m: Module, f: Values) -> dict[str, Value]:
        """alpha, its distance from v, and the synaptic sums after their decay."""
        alpha = floor(f["product"]) + f["v_rest"]
        return {
            "alpha": wrapped(m, "alpha_next", alpha),
            "distance": wrapped(m, "distance_next", alpha - f["v"]),
            "e": scaled(f["decayed_e"]),
            "i": scaled(f["decayed_i"]),
        }

    def update(self, m: Module, f: Values) -> dict[str, Value]:
        """v, or one step of the timer that holds it."""
        v = wrapped(m, "v_next", f["alpha"] - floor(f["product"]))
        held = f["timer"] != 0
        return {"v": Mux(held, f["v"], v), "timer": (f["timer"] - held)[:17]}

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        """Spike and reset."""
        spike = f["v"] >= f["v_thresh"]
        return {
            "spike": spike,
            "v": Mux(spike, f["v_reset"], f["v"]),
            "timer": Mux(spike, f["refractory"], f["timer"]),
        }
