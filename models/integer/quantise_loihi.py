"""From a neuron in physical units to the registers of `loihi`; see `quantised`.

Synapses are instantaneous: decay_u = 4095 makes u the input of the step alone, and the update

    v' = clip(tz(v (4096 - decay_v) / 4096) + unit i + bias),   spike: v' > 64 threshold,   v = 0

is that of an `IntegerLIF` with rounding "truncate", whose exact chain it has (`as_lif`); but for
the lowest state, which is one higher here. A synaptic unit is 64 LSB in the flavour "lava", one in
"nengo", which alone has refractory steps. A held drive goes to the bias, 13 bits and an exponent.

    threshold = round((v_th / LSB - 1) / 64)      fires from v = 64 threshold + 1 on
    decay_v   = round(4096 (1 - exp(-dt / tau_m)))
    bias      = round((1 - exp(-dt / tau_m)) mu / LSB), in multiples of 2**bias_exp
    refractory = round(t_ref / dt) + 1            steps from spike to spike, 1 in "lava"

The chip resets v to 0, which is v_rest.

A weight is m 2**exp units: in a projection of one sign |m| <= 255, else m is even and |m| <= 254.
The exponent is one for the projection: 0 .. 7 of Lava, whose Dense shifts the sum of its weights;
for nengo, which shifts each weight by 6 + exp, -6 .. 0, so that its unit is one LSB. Lower
exponents, which round sums, are not used.
"""

from dataclasses import dataclass, replace
from math import ceil, expm1
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..neuron import LIF
from .input import IntegerInput
from .laws import dead_zone, rounding_bias
from .lif import IntegerLIF
from .loihi import SCALE, Loihi
from .quantise import check_scale, losses
from .quantised import Loss, Quantised, Span, WeightFormat

_FRACTION = 12  # bits of a decay
_MANTISSA = 4095  # largest of a bias, in either sign
_LARGEST_EXP = 7


def as_lif(neuron: Loihi) -> IntegerLIF:
    """The integer LIF with the update of a Loihi neuron of instantaneous synapses, bias aside."""
    return IntegerLIF(
        width=24,
        threshold=(neuron.threshold << SCALE) + 1,
        refractory=neuron.refractory - 1,
        leak_bits=_FRACTION,
        leak_multiplier=(1 << _FRACTION) - neuron.decay_v,
        rounding="truncate",
        input_width=26,
    )


@dataclass(frozen=True)
class QuantisedLoihi(Quantised):
    """A `Loihi` neuron and its scale; see `Quantised`."""

    neuron: Loihi

    @property
    def lost(self) -> tuple[Loss, ...]:
        """What was wanted and what the integers mean: tau_m, v_th, v_reset, t_ref."""
        lif = as_lif(self.neuron)
        decay = lif.leak_multiplier / (1 << _FRACTION)
        return losses(self, decay, lif.threshold, 0, lif.refractory)

    @property
    def limits(self) -> tuple[int, int]:
        """24 bits without the lowest number."""
        return 1 - (1 << 23), (1 << 23) - 1

    @property
    def unit(self) -> int:
        """LSB of an input of 1."""
        return 1 << SCALE if self.neuron.flavour == "lava" else 1

    @property
    def kick(self) -> float:
        """64 LSB for "lava", one for "nengo"."""
        return self.unit * self.lsb

    @property
    def input_width(self) -> int:
        """What neither flavour wraps."""
        return 18 if self.neuron.flavour == "lava" else 22

    def weight_format(self, mixed: bool) -> WeightFormat:
        """Eight bits and the sign mode of the projection, or even numbers, and an exponent."""
        exponents = 8 if self.neuron.flavour == "lava" else 7
        return WeightFormat(127 if mixed else 255, [1 << exp + mixed for exp in range(exponents)])

    @property
    def bias(self) -> float:
        """Shift of the mean drive by rounding, above rest."""
        return rounding_bias(as_lif(self.neuron), self.lsb)

    @property
    def dead_zone(self) -> tuple[float, float]:
        """None."""
        return dead_zone(as_lif(self.neuron), self.lsb)

    @property
    def kicks(self) -> Span:
        """From a unit to the largest inhibitory sum of weights that does not wrap."""
        largest = 1 << (self.input_width - 1)
        if self.neuron.flavour == "lava":
            largest -= 1  # -2**23 is not a u
        return Span(self.kick, largest * self.kick)

    @property
    def drives(self) -> Span:
        """The bias."""
        return Span(1 / self.gain, (_MANTISSA << _LARGEST_EXP) / self.gain)

    @property
    def cost(self) -> str:
        """Memory of a neuron and products of an update."""
        n = self.neuron
        bits = sum(field.width for field in n.state.values())
        return f"{bits} bits, 2 products {n.state['u'].width} x 13 and 24 x 13"

    def hold(self, mu: float) -> tuple[Self, float]:
        """With the drive as its bias."""
        bias = round(self.drive(mu))
        exp = max(0, (abs(bias) // (_MANTISSA + 1)).bit_length())
        mantissa = round(bias / (1 << exp))
        if abs(mantissa) > _MANTISSA:  # rounded up to a power of two
            mantissa, exp = round(bias / (2 << exp)), exp + 1
        if exp > _LARGEST_EXP:
            raise ValueError(
                f"mu = {mu} V is a bias of {bias}, beyond {_MANTISSA} * 2**{_LARGEST_EXP}"
            )
        return replace(self, neuron=replace(self.neuron, bias_mant=mantissa, bias_exp=exp)), 0.0

    @property
    def held(self) -> float:
        """The drive that the bias is."""
        return self.neuron.registers["bias"] / self.gain

    def inputs(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The synaptic sum ``i``; neither noise nor clear."""
        other = "clear" if self.neuron.flavour == "lava" else "noise"
        return {"i": values, other: np.zeros_like(values)}

    def chain(self, source: IntegerInput) -> tuple[IntegerLIF, IntegerInput]:
        """The integer LIF of the same update, with the bias in its input.

        In as many bits as its threshold and its `lowest` state need: fewer than 24.
        """
        lif = as_lif(self.neuron)
        values = source.values * self.unit + self.neuron.registers["bias"]
        needed = max(lif.threshold, ceil(-self.lowest(source)))
        width = min(24, 1 + max(3, needed.bit_length()))
        return replace(lif, width=width), replace(source, values=values)


def quantise_loihi(
    neuron: LIF, dt: float, lsb: float, flavour: Literal["lava", "nengo"] | None = None
) -> QuantisedLoihi:
    """The Loihi neuron nearest to a neuron in physical units.

    Parameters
    ----------
    neuron : LIF
        The chip resets it to v_rest, whatever its v_reset.
    dt : float
        Time of one step in s.
    lsb : float
        V per unit of v.
    flavour : {"lava", "nengo"}, optional
        By default "nengo" with refractory steps, else "lava".

    Raises
    ------
    ValueError
        `dt` or `lsb` not above 0, or a register that cannot hold what is asked for.
    """
    check_scale(dt=dt, lsb=lsb)
    threshold = round(((neuron.v_th - neuron.v_rest) / lsb - 1) / (1 << SCALE))
    if not 1 <= threshold < 1 << 17:
        raise ValueError(
            f"lsb = {lsb} V makes the threshold {threshold} * 64 LSB, beyond 1 .. 131071"
        )
    decay_v = round(-expm1(-dt / neuron.tau_m) * (1 << _FRACTION))
    refractory = round(neuron.t_ref / dt) + 1
    if not 1 <= decay_v < 1 << _FRACTION or refractory > 63:
        raise ValueError(
            f"dt = {dt} s makes decay_v {decay_v}, in 1 .. 4095, or refractory {refractory}, in"
            f" 1 .. 63, too large or too small"
        )
    if flavour == "lava" and refractory > 1:
        raise ValueError(f"t_ref = {neuron.t_ref} s takes flavour 'nengo', not 'lava'")
    made = Loihi(
        flavour or ("lava" if refractory == 1 else "nengo"),
        (1 << _FRACTION) - 1,
        decay_v,
        threshold,
        refractory=refractory,
    )
    return QuantisedLoihi(made, neuron, dt, lsb, -expm1(-dt / neuron.tau_m) / lsb)
