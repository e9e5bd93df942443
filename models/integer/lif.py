"""A leaky integrate-and-fire neuron in fixed-width integers: the arithmetic, stated once.

One update takes the state ``v`` (signed, `width` bits), the refractory counter ``r``, the
integer input ``i`` (signed, `input_width` bits) and the rounding number ``d``::

    r > 0:   v' = v, r' = r - 1, no spike, the input is discarded
    r == 0:  u  = leak(v)
             s  = min(max(u + i, -2**(width-1)), 2**(width-1) - 1)       saturating
             s >= threshold: spike, r' = refractory,
                             v' = v_reset   (reset = "value")
                             v' = s - threshold  (reset = "subtract")
             else:           v' = s, r' = 0

    leak = "multiply":  u = (v * leak_multiplier + d) >> leak_bits        (>> is floor)
    leak = "shift":     u = v - ((v + d) >> leak_bits)

    rounding = "floor":      d = 0
    rounding = "nearest":    d = 2**(leak_bits-1)      (halves up)
    rounding = "stochastic": d = x & (2**leak_bits - 1)

``x`` is a 32-bit xorshift generator (Marsaglia 2003, shifts 13, 17, 5), ``x ^= x << 13;
x ^= x >> 17; x ^= x << 5``: one state for the whole population, seeded with `seed`; every update,
refractory ones included, uses the present ``x`` and then advances it once, in the order step by
step and, within a step, neuron 0, 1, 2, ... The rounding acts on the product for "multiply" and on
the decrement for "shift" (so "shift" with "floor" rounds the state up: it is the ``v - (v >> k)``
that hardware builds). After reset of the circuit v = r = 0 and x = seed.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class IntegerLIF:
    """Parameters of the integer LIF neuron; the equations are at the head of this module.

    Parameters
    ----------
    width : int
        Bits of the signed membrane state, 4 to 32.
    threshold : int
        Spike when the saturated sum is >= this; within the state's range and > `v_reset`.
    v_reset : int
        State after a spike when ``reset == "value"``.
    refractory : int
        Updates after a spike that are skipped, 0 to 65535.
    leak : {"multiply", "shift"}
    leak_bits : int
        The shift: fraction bits of the multiplier, or k of ``v >> k``; 1 to 24.
    leak_multiplier : int
        For "multiply": 0 to 2**leak_bits; must be 0 for "shift".
    rounding : {"floor", "nearest", "stochastic"}
    reset : {"value", "subtract"}
        "subtract" needs ``threshold > 0`` and ignores `v_reset`, which must be 0.
    input_width : int
        Bits of the signed input, 2 to 32.
    seed : int
        Seed of the rounding generator, 1 to 2**32 - 1.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """

    width: int
    threshold: int
    v_reset: int = 0
    refractory: int = 0
    leak: Literal["multiply", "shift"] = "multiply"
    leak_bits: int = 16
    leak_multiplier: int = 0
    rounding: Literal["floor", "nearest", "stochastic"] = "nearest"
    reset: Literal["value", "subtract"] = "value"
    input_width: int = 16
    seed: int = 1

    @property
    def v_min(self) -> int:
        """Smallest state, ``-2**(width-1)``."""
        return -(1 << (self.width - 1))

    @property
    def v_max(self) -> int:
        """Largest state, ``2**(width-1) - 1``."""
        return (1 << (self.width - 1)) - 1

    def __post_init__(self) -> None:
        ranges = {
            "width": (4, 32),
            "refractory": (0, 65535),
            "leak_bits": (1, 24),
            "input_width": (2, 32),
            "seed": (1, 2**32 - 1),
        }
        choices = {
            "leak": ("multiply", "shift"),
            "rounding": ("floor", "nearest", "stochastic"),
            "reset": ("value", "subtract"),
        }
        for name in (*ranges, "threshold", "v_reset", "leak_multiplier"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an integer, not {value!r}")
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, not {getattr(self, name)!r}")
        ranges["leak_multiplier"] = (0, 1 << self.leak_bits if self.leak == "multiply" else 0)
        ranges["threshold"] = (1 if self.reset == "subtract" else self.v_min + 1, self.v_max)
        ranges["v_reset"] = (0, 0) if self.reset == "subtract" else (self.v_min, self.threshold - 1)
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"{name} must be in {low} .. {high} (width {self.width}, leak {self.leak},"
                    f" reset {self.reset}), not {getattr(self, name)}"
                )
