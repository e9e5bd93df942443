"""From a neuron in physical units to the integers of `lif`; see `quantised`.

A held drive is part of the integer input, of which one unit is one LSB.
"""

from dataclasses import dataclass
from math import exp, expm1, inf, log, log1p
from typing import Any, Literal

from numpy.typing import NDArray

from ..neuron import LIF
from .input import IntegerInput
from .laws import Rounding, dead_zone, decay, rounding_bias
from .lif import IntegerLIF
from .quantised import Loss, Quantised, Span, WeightFormat


@dataclass(frozen=True)
class QuantisedLIF(Quantised):
    """An `IntegerLIF` and its scale; see `Quantised`."""

    neuron: IntegerLIF

    @property
    def lost(self) -> tuple[Loss, ...]:
        """What was wanted and what the integers mean: tau_m, v_th, v_reset, t_ref."""
        return losses(
            self,
            decay(self.neuron),
            self.neuron.threshold,
            self.neuron.v_reset,
            self.neuron.refractory,
        )

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest v."""
        return self.neuron.v_min, self.neuron.v_max

    @property
    def kick(self) -> float:
        """One LSB."""
        return self.lsb

    @property
    def input_width(self) -> int:
        """As of the neuron."""
        return self.neuron.input_width

    def weight_format(self, mixed: bool) -> WeightFormat:
        """What fits the input."""
        return WeightFormat(self.largest_input, (1,))

    @property
    def bias(self) -> float:
        """Shift of the mean drive by rounding."""
        return rounding_bias(self.neuron, self.lsb)

    @property
    def dead_zone(self) -> tuple[float, float]:
        """Where the leak does nothing."""
        return dead_zone(self.neuron, self.lsb)

    @property
    def kicks(self) -> Span:
        """From one LSB to what ends at the lowest state or fills the input."""
        return Span(self.lsb, self.lsb * (1 << (min(self.input_width, self.neuron.width) - 1)))

    @property
    def drives(self) -> Span:
        """From one LSB per step to what fills the input."""
        return Span(1 / self.gain, ((1 << (self.input_width - 1)) - 1) / self.gain)

    @property
    def cost(self) -> str:
        """Memory of a neuron and products of an update."""
        n = self.neuron
        products = f"1 product {n.width} x {n.leak_bits + 1}" if n.leak == "multiply" else "shifts"
        return f"{sum(field.width for field in n.state.values())} bits, {products}"

    def inputs(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The input ``i``."""
        return {"i": values}

    def chain(self, source: IntegerInput) -> tuple[IntegerLIF, IntegerInput]:
        """The neuron itself."""
        return self.neuron, source


def losses(
    made: Quantised, decay: float, threshold: int, v_reset: int, refractory: int
) -> tuple[Loss, ...]:
    """What was wanted of tau_m, v_th, v_reset and t_ref, and what integers make of them.

    Parameters
    ----------
    made : Quantised
        For the neuron that was wanted and the scale.
    decay : float
        Factor of v in a step.
    threshold : int
        The smallest v that fires.
    v_reset, refractory : int
        In LSB; updates that are skipped after a spike.
    """
    ideal = made.ideal
    got = {
        "tau_m": inf if decay == 1 else 0.0 if decay == 0 else -made.dt / log(decay),
        "v_th": threshold * made.lsb + ideal.v_rest,
        "v_reset": v_reset * made.lsb + ideal.v_rest,
        "t_ref": refractory * made.dt,
    }
    units = {"tau_m": "s", "v_th": "V", "v_reset": "V", "t_ref": "s"}
    return tuple(
        Loss(name, float(getattr(ideal, name)), value, units[name]) for name, value in got.items()
    )


def check_scale(**scale: float) -> None:
    """Refuse a time step or an LSB that is not finite and above 0."""
    for name, value in scale.items():
        if not 0 < value < inf:
            raise ValueError(f"{name} must be finite and > 0, not {value}")


def quantise(
    neuron: LIF,
    dt: float,
    lsb: float,
    width: int,
    leak: Literal["multiply", "shift"] = "multiply",
    leak_bits: int = 16,
    rounding: Rounding = "nearest",
    reset: Literal["value", "subtract"] = "value",
    input_width: int = 16,
) -> QuantisedLIF:
    """The integer neuron nearest to a neuron in physical units.

    Parameters
    ----------
    neuron : LIF
    dt : float
        Time of one step in s.
    lsb : float
        V per LSB.
    width, leak, leak_bits, rounding, reset, input_width
        As of `IntegerLIF`; for "shift" the shift follows from `dt` and tau_m, and `leak_bits` is
        not used. With "subtract" a threshold met exactly leads to v_rest.

    Raises
    ------
    ValueError
        `dt` or `lsb` not above 0, or a `width` that cannot hold threshold and reset, with the
        smallest that can.
    """
    check_scale(dt=dt, lsb=lsb)
    threshold = round((neuron.v_th - neuron.v_rest) / lsb)
    v_reset = round((neuron.v_reset - neuron.v_rest) / lsb) if reset == "value" else 0
    lowest = -v_reset - 1 if v_reset < 0 else v_reset  # -2**b .. 2**b - 1 are b bits and a sign
    sufficient = 1 + max(threshold.bit_length(), lowest.bit_length(), 3)
    if width < sufficient:
        raise ValueError(
            f"width = {width} holds {-(1 << (width - 1))} .. {(1 << (width - 1)) - 1}, not the"
            f" threshold of {threshold} LSB and the reset at {v_reset} LSB: the smallest"
            f" sufficient width is {sufficient}"
        )
    if threshold <= v_reset:
        raise ValueError(
            f"lsb = {lsb} V is too large: threshold and reset are both {threshold} LSB from rest"
        )
    if leak == "shift":
        leak_bits, multiplier = _nearest_shift(dt, neuron.tau_m), 0
    else:
        multiplier = round(exp(-dt / neuron.tau_m) * 2**leak_bits)
    integer = IntegerLIF(
        width=width,
        threshold=threshold,
        v_reset=v_reset,
        refractory=round(neuron.t_ref / dt),
        leak=leak,
        leak_bits=leak_bits,
        leak_multiplier=multiplier,
        rounding=rounding,
        reset=reset,
        input_width=input_width,
    )
    return QuantisedLIF(integer, neuron, dt, lsb, -expm1(-dt / neuron.tau_m) / lsb)


def _nearest_shift(dt: float, tau_m: float) -> int:
    """The k of 1 .. 24 whose leak v - v / 2**k comes nearest to tau_m."""
    return min(range(1, 25), key=lambda k: abs(-dt / log1p(-(2.0**-k)) - tau_m))
