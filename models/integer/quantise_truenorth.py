"""From a neuron in physical units to the registers of `truenorth`; see `quantised`.

TrueNorth leaks a constant per tick, not a share of v: it cannot be the neuron that was wanted. The
constant is what the leak of that neuron is on average while v goes evenly from reset to threshold,

    L = (1 - exp(-dt / tau_m)) ((v_reset + v_th) / 2 - v_rest) / LSB

toward 0 from both sides and not across it. From 1 on it is rounded to an integer. Below 1 it is
stochastic: one LSB with a probability of (|leak| + 1) / 256, the nearest to L. At drives far above
the threshold the interval tau_m log(mu / (mu - v_th)) of the leaky neuron that is reset to rest is
v_th / (mu - v_th / 2) tau_m + O((v_th / mu)**3): the constant is right there, and more and more
wrong toward rheobase, which it halves.

    threshold = round(v_th / LSB - M / 2),   M = 2**mask_bits - 1: the mean of a random threshold
    v below negative_threshold = -(2**18 - 1), or the lowest v, stays there

There is no refractoriness. A held drive is part of the synaptic sum, of which a unit is one LSB.
"""

from dataclasses import dataclass, replace
from math import ceil, expm1
from typing import Any

from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

from ..neuron import LIF
from .input import IntegerInput
from .quantise import check_scale, losses
from .quantised import Loss, Quantised, Span, WeightFormat
from .truenorth import LEAK_BITS, TrueNorth

_THRESHOLD_BITS = 18  # without sign
_SUM_WIDTH = 17  # 256 axons of 9 bits


@dataclass(frozen=True)
class QuantisedTrueNorth(Quantised):
    """A `TrueNorth` neuron and its scale; see `Quantised`."""

    neuron: TrueNorth

    @property
    def leak(self) -> float:
        """LSB that a tick takes away from |v|, on average."""
        size = abs(self.neuron.leak)
        if not self.neuron.leak_stochastic:
            return float(size)
        return min(size + 1, 1 << LEAK_BITS) / (1 << LEAK_BITS) if size else 0.0

    @property
    def lost(self) -> tuple[Loss, ...]:
        """What was wanted and got of the mean leak, v_th, v_reset and t_ref."""
        threshold = self.neuron.threshold * self.lsb
        threshold += self.neuron.registers["mask"] * self.lsb / 2
        rest = self.ideal.v_rest
        _, _, *others = losses(self, 0.0, 0, self.neuron.v_reset, 0)
        return (
            Loss("leak", mean_leak(self.ideal, self.dt), self.leak * self.lsb, "V"),
            Loss("v_th", self.ideal.v_th, threshold + rest, "V"),
            *others,
        )

    @property
    def realised(self) -> LIF:
        """The neuron with the thresholds that the integers have, and still its own leak."""
        got = {loss.name: loss.got for loss in self.lost}
        return LIF(self.ideal.tau_m, got["v_th"], got["v_reset"], self.ideal.v_rest, got["t_ref"])

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest v."""
        return self.neuron.negative_threshold, (1 << (self.neuron.width - 1)) - 1

    @property
    def smallest_input(self) -> int:
        """What the leak of the same tick leaves something of."""
        return 1 + (0 if self.neuron.leak_stochastic else abs(self.neuron.leak))

    @property
    def kick(self) -> float:
        """One LSB."""
        return self.lsb

    @property
    def input_width(self) -> int:
        """Of the sum of 256 axons."""
        return _SUM_WIDTH

    def weight_format(self, mixed: bool) -> WeightFormat:
        """Nine bits, without the lowest number."""
        return WeightFormat(255, (1,))

    @property
    def bias(self) -> float:
        """The leak is not rounded to the state."""
        return 0.0

    @property
    def dead_zone(self) -> tuple[float, float]:
        """None: the leak acts on all v but 0."""
        return 0.0, 0.0

    @property
    def kicks(self) -> Span:
        """From one LSB that is left after the leak to the largest sum of weights, less the leak."""
        lost = 0 if self.neuron.leak_stochastic else abs(self.neuron.leak)
        largest = min((1 << (_SUM_WIDTH - 1)) - lost, -self.limits[0])
        return Span(self.lsb, largest * self.lsb)

    @property
    def drives(self) -> Span:
        """From one LSB per tick to the largest sum of weights."""
        return Span(1 / self.gain, ((1 << (_SUM_WIDTH - 1)) - 1) / self.gain)

    @property
    def cost(self) -> str:
        """Memory of a neuron; an update has no product."""
        return f"{self.neuron.width} bits, no product"

    def inputs(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The synaptic sum ``i``."""
        return {"i": values}

    def chain(self, source: IntegerInput) -> tuple[TrueNorth, IntegerInput]:
        """The neuron, but with a higher negative threshold, if it never comes near its own.

        Below 0 the leak L is upward: v is a random walk with steps i + L. It comes x below 0 with a
        probability of exp(-z x) at most, E[exp(-z (i + L))] = 1 (Lundberg's exponent): 1e-30 there.
        """
        up = 0 if self.neuron.leak_stochastic else abs(self.neuron.leak)  # a random one helps more
        values, p = source.values + float(up), source.probabilities

        def excess(z: float) -> float:
            return float(logsumexp(-z * values, b=p))

        if values[0] >= 0:
            reach = 0.0
        elif values @ p <= 0:
            return self.neuron, source
        else:
            high = 1e-6
            while excess(high) < 0:
                high *= 2
            reach = 70 / brentq(excess, high / 2, high)
        floor = -ceil(reach - min(values[0], 0) - min(self.neuron.v_reset, 0)) - 1
        lowest = max(self.neuron.negative_threshold, floor)
        return replace(self.neuron, negative_threshold=lowest), source


def mean_leak(neuron: LIF, dt: float) -> float:
    """V that a neuron's leak takes in a step, on average between reset and threshold."""
    middle = (neuron.v_reset + neuron.v_th) / 2 - neuron.v_rest
    return -expm1(-dt / neuron.tau_m) * middle


def quantise_truenorth(
    neuron: LIF, dt: float, lsb: float, width: int = 20, mask_bits: int = 0
) -> QuantisedTrueNorth:
    """The TrueNorth neuron nearest to a neuron in physical units.

    Parameters
    ----------
    neuron : LIF
        Its leak becomes a constant, and its refractory time is lost.
    dt : float
        Time of a tick in s.
    lsb : float
        V per LSB.
    width : int
        Bits of the state; the chip has 20.
    mask_bits : int
        Random bits of the threshold.

    Raises
    ------
    ValueError
        `dt` or `lsb` not above 0, a leak on average not above 0, or a threshold that does not fit.
    """
    check_scale(dt=dt, lsb=lsb)
    wanted = mean_leak(neuron, dt)
    if wanted <= 0:
        raise ValueError(
            f"v_reset = {neuron.v_reset} V is so far below rest that the leak is {wanted} V per"
            f" tick on average: TrueNorth's leak is toward rest"
        )
    leak = wanted / lsb
    mask = (1 << mask_bits) - 1
    threshold = round((neuron.v_th - neuron.v_rest) / lsb - mask / 2)
    v_reset = round((neuron.v_reset - neuron.v_rest) / lsb)
    largest = min((1 << _THRESHOLD_BITS) - 1, (1 << (width - 1)) - 1)
    if not max(v_reset, 0) < threshold <= largest - mask or abs(v_reset) > largest:
        raise ValueError(
            f"lsb = {lsb} V makes threshold {threshold} and reset {v_reset} LSB from rest: with"
            f" {mask_bits} mask_bits the threshold must be above the reset and at most"
            f" {largest - mask}"
        )
    stochastic = leak < 1
    size = max(1, round(leak * (1 << LEAK_BITS)) - 1) if stochastic else round(leak)
    made = TrueNorth(
        width=width,
        overflow="saturate",
        threshold=threshold,
        negative_threshold=-largest,
        mask_bits=mask_bits,
        leak=-size,
        leak_stochastic=stochastic,
        leak_reversal=True,
        no_ringing=True,
        v_reset=v_reset,
        negative_saturation=True,
    )
    return QuantisedTrueNorth(made, neuron, dt, lsb, -expm1(-dt / neuron.tau_m) / lsb)
