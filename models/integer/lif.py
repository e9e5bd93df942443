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
    rounding = "truncate":   d = 0 for v >= 0, 2**leak_bits - 1 for v < 0      (toward zero)

``x`` is a 32-bit word of the generator in ``rheobase.models.integer.noise``: one state for the
whole population, seeded with `seed`; every update, refractory ones included, uses the present ``x``
and then advances it once, in the order step by step and, within a step, neuron 0, 1, 2, ... The
rounding acts on the product for "multiply" and on the decrement for "shift" (so "shift" with
"floor" rounds the state up: it is the ``v - (v >> k)`` that hardware builds). After reset of the
circuit v = r = 0 and x = seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .kind import Field, Fields
from .lif_kernels import Rule, fixed_number, run_rows, sweep, used_bits


@dataclass(frozen=True, eq=False)
class IntegerRun:
    """What a population of integer neurons did.

    Parameters
    ----------
    spikes : (steps, ids)
        Two int64 arrays, sorted by step, then id; step 0 is the first row of the currents.
    v, r : ndarray of int64, shape (neurons,)
        State and refractory counter after the last step.
    x : int
        The rounding generator's state after the last step; it moves for "stochastic" only.
    voltages : ndarray of int64, shape (steps, neurons), or None
        The state after every step, where it was asked for.
    """

    spikes: tuple[NDArray[np.int64], NDArray[np.int64]]
    v: NDArray[np.int64]
    r: NDArray[np.int64]
    x: int
    voltages: NDArray[np.int64] | None


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
    rounding : {"floor", "nearest", "stochastic", "truncate"}
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
    rounding: Literal["floor", "nearest", "stochastic", "truncate"] = "nearest"
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
            "rounding": ("floor", "nearest", "stochastic", "truncate"),
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

    @property
    def modes(self) -> tuple[int, ...]:
        """The width, 1 for "shift", leak_bits, what d is, 1 for "subtract", the input's width.

        ``d`` is this number; `RANDOM` and `BY_SIGN` (`lif_kernels`) stand for those that none is.
        """
        d = fixed_number(self.rounding, self.leak_bits)
        shift, subtract = int(self.leak == "shift"), int(self.reset == "subtract")
        return self.width, shift, self.leak_bits, d, subtract, self.input_width

    @property
    def state(self) -> Fields:
        """``v``, and ``r`` with as many bits as `refractory` needs, one at least."""
        return {"v": Field(self.width), "r": self._counter}

    @property
    def _counter(self) -> Field:
        return Field(max(1, self.refractory.bit_length()), signed=False)

    @property
    def inputs(self) -> Fields:
        """``i``; with random rounding also ``x``, of which ``d`` is the low bits."""
        i, x = Field(self.input_width), Field(32, signed=False)
        return {"i": i, "x": x} if self.rounding == "stochastic" else {"i": i}

    @property
    def outputs(self) -> Fields:
        """``spike``."""
        return {"spike": Field(1, signed=False)}

    @property
    def register_fields(self) -> Fields:
        """Widths of the registers."""
        return {
            "leak_multiplier": Field(self.leak_bits + 1, signed=False),
            "threshold": Field(self.width),
            "v_reset": Field(self.width),
            "refractory": self._counter,
        }

    @property
    def registers(self) -> dict[str, int]:
        """The parameters as the datapath takes them."""
        return {name: getattr(self, name) for name in self.register_fields}

    @property
    def start(self) -> dict[str, str]:
        """All states start with 0."""
        return {}

    @property
    def sums(self) -> Fields:
        """The input ``i``."""
        return {"i": self.inputs["i"]}

    @property
    def kernel(self) -> Callable[..., None]:
        """The update of a population (see `kind`)."""
        return sweep

    def run(
        self,
        currents: ArrayLike,
        v0: ArrayLike | None = None,
        r0: ArrayLike | None = None,
        x: int | None = None,
        record: bool = False,
    ) -> IntegerRun:
        """Run a population on given integer inputs, from the state after reset or a given one.

        A run cut into pieces, each begun with the `v`, `r` and `x` of the one before, gives the
        spikes of the whole run.

        Parameters
        ----------
        currents : array_like of int, shape (steps, neurons)
            The inputs, each within `input_width` bits.
        v0, r0 : array_like of int, shape (neurons,), optional
            State and refractory counter before the first step; 0 by default.
        x : int, optional
            The rounding generator before the first step, 1 to 2**32 - 1; `seed` by default.
        record : bool
            Keep the state after every step.

        Raises
        ------
        TypeError
            An array that is not of integers.
        ValueError
            A shape that does not fit, or the first value out of range, with where it stands.
        """
        i = np.ascontiguousarray(_integers("currents", currents, 2))
        bound = 1 << (self.input_width - 1)
        if used_bits(i) >= bound:
            step, neuron = np.argwhere((i < -bound) | (i >= bound))[0]
            raise ValueError(
                f"currents must be in {-bound} .. {bound - 1} (input_width {self.input_width}),"
                f" not {i[step, neuron]} (step {step}, neuron {neuron})"
            )
        steps, n = i.shape
        v = _initial("v0", v0, n, self.v_min, self.v_max)
        r = _initial("r0", r0, n, 0, self.refractory)
        x0 = self.seed if x is None else x
        if not 1 <= x0 < 1 << 32:
            raise ValueError(f"x must be in 1 .. {2**32 - 1}, not {x0}")
        voltages = np.empty((steps if record else 0, n), np.int64)
        rule = Rule(
            self.leak == "shift", self.leak_bits, self.leak_multiplier, self.v_min, self.v_max,
            self.threshold, self.reset == "subtract", self.v_reset, self.refractory,
        )  # fmt: skip
        d = fixed_number(self.rounding, self.leak_bits)
        spike_steps, ids, x_end = run_rows(i, v, r, np.uint32(x0), d, rule, voltages)
        return IntegerRun((spike_steps, ids), v, r, int(x_end), voltages if record else None)


def _integers(name: str, values: ArrayLike, ndim: int) -> NDArray[Any]:
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.integer) or array.dtype == np.uint64:
        raise TypeError(f"{name} must be an array of signed integers, not of {array.dtype}")
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), not shape {array.shape}")
    return array


def _initial(name: str, values: ArrayLike | None, n: int, low: int, high: int) -> NDArray[np.int64]:
    """A checked copy of a population's state."""
    if values is None:
        return np.zeros(n, np.int64)
    array = _integers(name, values, 1)
    if array.shape != (n,):
        raise ValueError(f"{name} must have one value per neuron, {n}, not {array.size}")
    for neuron, value in enumerate(array):
        if not low <= value <= high:
            raise ValueError(f"{name} must be in {low} .. {high}, not {value} (neuron {neuron})")
    return array.astype(np.int64)
