"""From a neuron in physical units to the registers of `spinnaker`; see `quantised`.

An LSB is 2**-15 mV, always. The registers are those that the chip's C code makes of times in ms
and a capacitance in nF (`SpiNNaker.from_parameters`); a neuron without c_m has a resistance of
1 MOhm. Synapses are pulses of current, one step long: decay = 0 and init = 2**32 - 1, the nearest
to 1, so that x_e adds x_e - 1 LSB of current. Weights are shifted to the left by the least that
lets one ring buffer, 65535, carry v from rest to threshold in a step. A held drive is i_offset.

With a = decay_v / 2**15 and "floor", the update v' = alpha - ((a (alpha - v)) >> 15) rounds v up:
a mean error of (1 - 2**-15) / 2 LSB per step, as a drive that much / (1 - a). The product that
makes alpha rounds down, by the same where the resistance is no multiple of 1 MOhm; that is a drive
at once, not per step. "nearest" rounds halves of the products up, which is an error of 2**-16.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..neuron import LIF
from .input import IntegerInput
from .quantise import check_scale, losses
from .quantised import Loss, Quantised, Span, WeightFormat
from .spinnaker import SpiNNaker

ONE = 1 << 15
LSB = 1e-3 / ONE  # V
_INIT = (1 << 32) - 1
_LARGEST = (1 << 31) - 1
_BUFFER = (1 << 16) - 1


@dataclass(frozen=True)
class QuantisedSpiNNaker(Quantised):
    """A `SpiNNaker` neuron and its scale; see `Quantised`.

    Parameters
    ----------
    shift : int
        By which weights are shifted to the left.
    """

    neuron: SpiNNaker
    shift: int

    @property
    def decay(self) -> float:
        """The factor a."""
        return self.neuron.decay_v / ONE

    @property
    def _resistance(self) -> float:
        """LSB of voltage per LSB of current."""
        return self.neuron.resistance / ONE

    @property
    def lost(self) -> tuple[Loss, ...]:
        """What was wanted and what the integers mean: tau_m, v_th, v_reset, t_ref."""
        n = self.neuron
        at = (n.v_thresh - n.v_rest, n.v_reset - n.v_rest)
        return losses(self, self.decay, *at, n.refractory)

    @property
    def limits(self) -> tuple[int, int]:
        """32 bits, counted from rest."""
        return -_LARGEST - 1 - self.neuron.v_rest, _LARGEST - self.neuron.v_rest

    def from_rest(self, v: NDArray[np.int64]) -> NDArray[np.int64]:
        """The chip's voltage less v_rest."""
        return v - self.neuron.v_rest

    @property
    def largest_input(self) -> int:
        """What fills a ring buffer."""
        return _BUFFER

    @property
    def kick(self) -> float:
        """What a weight of 1 does in its step."""
        return (1 - self.decay) * self._resistance * (1 << self.shift) * LSB

    @property
    def input_width(self) -> int:
        """A ring buffer of 16 bits for each sign; both stay below half of it here."""
        return 16

    def weight_format(self, mixed: bool) -> WeightFormat:
        """16 bits; the sign says in which ring buffer."""
        return WeightFormat(_BUFFER, (1,))

    @property
    def bias(self) -> float:
        """Shift of the mean drive by the two products."""
        parts = ONE // np.gcd(ONE, self.neuron.decay_v)
        coarse = ONE // np.gcd(ONE, self.neuron.resistance)
        if self.neuron.rounding == "nearest":
            half = [1 / (2 * p) if p > 1 else 0.0 for p in (parts, coarse)]
            return float(half[1] - half[0] / (1 - self.decay)) * LSB
        floor = [(p - 1) / (2 * p) for p in (parts, coarse)]
        return float(floor[0] / (1 - self.decay) - floor[1]) * LSB

    @property
    def dead_zone(self) -> tuple[float, float]:
        """Above rest for "floor", which rounds v up; about rest for "nearest"."""
        whole = LSB / (1 - self.decay)
        return (0.0, whole) if self.neuron.rounding == "floor" else (-whole / 2, whole / 2)

    @property
    def kicks(self) -> Span:
        """Of inhibitory weights of 1 and of 65535 at rest, rounding included."""
        return Span(*(LSB * self._below_rest(weight) for weight in (1, _BUFFER)))

    def _below_rest(self, weight: int) -> int:
        """How far an inhibitory weight takes v below rest in its step."""
        current = -((weight << self.shift) * _INIT >> 32)
        half = ONE // 2 if self.neuron.rounding == "nearest" else 0
        target = (current * self.neuron.resistance + half) >> 15
        return ((self.neuron.decay_v * target + half) >> 15) - target

    @property
    def drives(self) -> Span:
        """From one LSB of current to the largest voltage of alpha."""
        return Span(self._resistance * LSB, min(1.0, self._resistance) * _LARGEST * LSB)

    @property
    def cost(self) -> str:
        """Memory of a neuron and products of an update."""
        bits = sum(field.width for field in self.neuron.state.values())
        return f"{bits} bits, 6 products 32 x 32"

    def hold(self, mu: float) -> tuple[Self, float]:
        """With the drive as i_offset."""
        offset = round(mu / (self._resistance * LSB))
        if abs(offset) > _LARGEST:
            raise ValueError(f"mu = {mu} V is an i_offset of {offset}, beyond 32 bits")
        return replace(self, neuron=replace(self.neuron, i_offset=offset)), 0.0

    @property
    def held(self) -> float:
        """The drive that i_offset is."""
        return self.neuron.i_offset * self._resistance * LSB

    def inputs(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Positive inputs excite, negative ones inhibit."""
        return {
            "x_e": np.maximum(values, 0).astype(np.int64) << self.shift,
            "x_i": np.maximum(-values, 0).astype(np.int64) << self.shift,
        }

    def chain(self, source: IntegerInput) -> None:
        """None: 2**32 states are too many."""


def quantise_spinnaker(
    neuron: LIF, dt: float, rounding: Literal["floor", "nearest"] = "floor"
) -> QuantisedSpiNNaker:
    """The SpiNNaker neuron nearest to a neuron in physical units.

    Parameters
    ----------
    neuron : LIF
    dt : float
        Time of one step in s.
    rounding : {"floor", "nearest"}
        Of its products.

    Raises
    ------
    ValueError
        `dt` not above 0, or a number that s16.15 cannot hold.
    """
    check_scale(dt=dt)
    scaled = {
        "ts": 1e3 * dt,
        "tau_m": 1e3 * neuron.tau_m,
        "c_m": 1e3 * neuron.tau_m if neuron.c_m is None else 1e9 * neuron.c_m,
        "t_refract": 1e3 * neuron.t_ref,
        "tau_e": 1e3 * dt,  # not used
        "tau_i": 1e3 * dt,
        "v_rest": 1e3 * neuron.v_rest,
        "v_reset": 1e3 * neuron.v_reset,
        "v_thresh": 1e3 * neuron.v_th,
    }
    fixed = {name: round(value * ONE) for name, value in scaled.items()}
    made = SpiNNaker.from_parameters(rounding=rounding, **fixed)
    made = replace(made, decay_e=0, init_e=_INIT, decay_i=0, init_i=_INIT)
    if not 0 < made.decay_v < ONE or made.resistance == 0:
        raise ValueError(
            f"dt = {dt} s makes decay_v {made.decay_v}, in 1 .. {ONE - 1}, and resistance"
            f" {made.resistance}, above 0"
        )
    per_weight = (1 - made.decay_v / ONE) * made.resistance / ONE  # LSB
    wanted = (made.v_thresh - made.v_rest) / per_weight
    shift = next((k for k in range(16) if _BUFFER << k >= wanted), 15)
    gain = (1 - made.decay_v / ONE) / LSB
    return QuantisedSpiNNaker(made, neuron, dt, LSB, gain, shift)


def interval(neuron: SpiNNaker) -> int | None:
    """Steps from spike to spike without synaptic input; None if it falls silent.

    v goes by a monotonous map: where it stops or turns back, it never comes up again.
    """
    half = ONE // 2 if neuron.rounding == "nearest" else 0
    alpha = ((neuron.i_offset * neuron.resistance + half) >> 15) + neuron.v_rest
    v, steps = neuron.v_reset, neuron.refractory
    while True:
        following = alpha - ((neuron.decay_v * (alpha - v) + half) >> 15)
        steps += 1
        if following >= neuron.v_thresh:
            return steps
        if following <= v:
            return None
        v = following
