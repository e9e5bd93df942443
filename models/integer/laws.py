"""What rounding does to an integer LIF, in closed form, and the bits that an accuracy needs.

The leak of `lif` computes v - (1 - a) v with a decay a < 1, rounded to an integer. Taking the
fraction that is rounded away as uniform, every step adds a mean error e (in LSB), and a constant e
per step is a constant drive: the mean drive mu shifts by e / (1 - a), e.g. by -LSB / (2 (1 - a)),
about -LSB tau / (2 dt), for a floored product; a truncated one does the same above rest and the
opposite below. Where the leak is smaller than what rounding
swallows there is none at all: rounding to nearest leaves |v| < LSB / (2 (1 - a)) alone, a dead zone
in which the neuron is a perfect integrator.

`width_for` turns these into a width. That a threshold is only tested at steps is no matter of the
width: `rheobase.models.theory.siegert` takes it into account by its `dt`.
"""

from dataclasses import replace
from fractions import Fraction
from math import expm1, inf, log, pi, sqrt
from typing import Literal, NamedTuple, get_args

from scipy.special import erfcx, log_ndtr, ndtri_exp

from ..neuron import LIF
from ..theory import siegert
from .lif import IntegerLIF

Rounding = Literal["floor", "nearest", "stochastic", "truncate"]

_LARGEST_ACCURACY = 0.1  # beyond, errors of first and second order in the LSB do not suffice
_SATURATION = 0.01  # the share of the accuracy that goes to the lower end of the range


class Width(NamedTuple):
    """A scale and a number of bits: V per LSB, and bits of the signed state."""

    lsb: float
    bits: int


def decay(neuron: IntegerLIF) -> float:
    """The factor a that one step of the leak would apply to v without rounding."""
    return float(_decay(neuron))


def rounding_bias(neuron: IntegerLIF, lsb: float) -> float:
    """Shift of the mean drive mu, in V, by which rounding the leak acts where v varies by many LSB.

    For "truncate" while v is above rest; below, the shift has the opposite sign.

    Parameters
    ----------
    lsb : float
        V per LSB.

    Raises
    ------
    ValueError
        A neuron without leak, which has nothing to round.
    """
    parts = _decay(neuron).denominator
    # mean of round(y) - y over the fractions 0, 1/parts, ..., (parts - 1)/parts, halves up
    nearest = 1 / (2 * parts) if parts % 2 == 0 else 0.0
    error = {"floor": -(parts - 1) / (2 * parts), "nearest": nearest, "stochastic": 0.0}
    error["truncate"] = error["floor"]
    sign = 1 if neuron.leak == "multiply" else -1  # the shift's rounded part is subtracted
    return sign * error[neuron.rounding] * lsb / _lost_per_step(neuron)


def dead_zone(neuron: IntegerLIF, lsb: float) -> tuple[float, float]:
    """The v, in V from rest, between which the leak does nothing, as an open interval.

    For "nearest" symmetric about 0; for "floor" below 0 ("multiply": values above 0 leak at least
    an LSB per step) or above it ("shift"); for "truncate" empty ("multiply") or symmetric
    ("shift"); for "stochastic" empty. An empty one has both ends 0.

    Parameters
    ----------
    lsb : float
        V per LSB.

    Raises
    ------
    ValueError
        A neuron without leak: its dead zone is everything.
    """
    whole = lsb / _lost_per_step(neuron)
    if neuron.rounding == "stochastic":
        return 0.0, 0.0
    if neuron.rounding == "nearest":
        return -whole / 2, whole / 2
    if neuron.rounding == "truncate":
        return (0.0, 0.0) if neuron.leak == "multiply" else (-whole, whole)
    return (-whole, 0.0) if neuron.leak == "multiply" else (0.0, whole)


def width_for(
    neuron: LIF,
    mu: float,
    sigma: float,
    dt: float,
    accuracy: float,
    rounding: Rounding = "nearest",
) -> Width:
    """Largest LSB, and bits, with which the rate under white noise is right to an accuracy.

    Right compares with the same neuron in floating point at the same `dt` (`discrete_time`), for
    `quantise` and `input_white_noise`, the leak's multiplier in enough bits of its own. Of what
    the LSB changes, the sum of the sizes is held below the accuracy:

    * threshold and reset are rounded, by half an LSB at most, and a threshold that is reached by
      integers counts half an LSB lower than one that is reached by reals;
    * a floored or truncated leak shifts the drive (`rounding_bias`);
    * all but the stochastic rounding make the leak a staircase. Along the state its error is a
      sawtooth of slope 1 and period w = LSB / (1 - a), whose integral, a potential, goes up and
      down by w**2 / 8. The mean time to a spike (Siegert 1951) is an integral over
      exp(2 (U(x) - U(y)) / sigma**2): so the rate changes by a factor between exp(-D) and exp(D),
      D = w**2 / (4 sigma**2);
    * rounding of the input, and stochastic rounding of the leak, add noise: LSB**2 / 12 and, over
      uniform fractions, LSB**2 / 6 per step;
    * the range ends where the free membrane has gone below it with a probability that is small
      against that of being below the reset, which bounds the relative change by the lower limit
      of the inner of Siegert's integrals.

    Parameters
    ----------
    neuron : LIF
    mu, sigma : float
        Drive and noise in V (Brunel 2000); ``sigma > 0``.
    dt : float
        Time of a step in s.
    accuracy : float
        Relative, 0 to 0.1.
    rounding : {"floor", "nearest", "stochastic", "truncate"}
        Of the leak; "multiply" or "shift" are alike.

    Returns
    -------
    Width

    Raises
    ------
    ValueError
        An argument out of range, a rate too low for a double, or more than 32 bits.

    Notes
    -----
    Measured against the exact chain for ``dt / tau_m`` of 0.01 to 0.1, rates of 0.5 to 45 Hz and
    accuracies of 1 % and 5 %: the rate is always right to the accuracy.
    """
    if not 0 < accuracy <= _LARGEST_ACCURACY:
        raise ValueError(f"accuracy must be > 0 and <= {_LARGEST_ACCURACY}, not {accuracy!r}")
    first, second = _by_lsb(neuron, mu, sigma, dt, rounding)
    allowed = (1 - _SATURATION) * accuracy
    lsb = 2 * allowed / (first + sqrt(first**2 + 4 * second * allowed))
    a = (neuron.v_reset - neuron.v_rest - mu) / sigma
    below = log(_SATURATION * accuracy) + float(log_ndtr(a * sqrt(2)))
    lowest = mu + sigma / sqrt(2) * float(ndtri_exp(below))
    reach = max(neuron.v_th - neuron.v_rest, abs(neuron.v_reset - neuron.v_rest), -lowest)
    bits = 1 + max(3, (round(reach / lsb) + 1).bit_length())
    if bits > 32:
        raise ValueError(f"accuracy = {accuracy} takes {bits} bits, more than 32 (LSB {lsb:.3g} V)")
    return Width(lsb, bits)


def rate_error(
    neuron: LIF, mu: float, sigma: float, dt: float, lsb: float, rounding: Rounding = "nearest"
) -> float:
    """Size of the relative change of the rate that an LSB makes, saturation aside.

    The sum of the sizes that `width_for` holds below its accuracy: an estimate of second order in
    the LSB. The chain's rate was never found beyond it, but that is measured and not proved.

    Parameters
    ----------
    neuron, mu, sigma, dt, rounding
        As of `width_for`.
    lsb : float
        V per LSB.

    Raises
    ------
    ValueError
        As `width_for`.
    """
    first, second = _by_lsb(neuron, mu, sigma, dt, rounding)
    return first * lsb + second * lsb**2


def _by_lsb(
    neuron: LIF, mu: float, sigma: float, dt: float, rounding: Rounding
) -> tuple[float, float]:
    """Coefficients of LSB and LSB**2 in the relative change of the rate."""
    if rounding not in get_args(Rounding):
        raise ValueError(
            f"rounding must be floor, nearest, stochastic or truncate, not {rounding!r}"
        )
    if not 0 < sigma < inf:
        raise ValueError(f"sigma must be finite and > 0 V, not {sigma!r}")
    if not 0 < dt < inf:
        raise ValueError(f"dt must be finite and > 0 s, not {dt!r}")
    shift = siegert.THRESHOLD_SHIFT * sigma * sqrt(dt / neuron.tau_m)
    stepped = replace(neuron, v_th=neuron.v_th + shift)  # tested at the steps only
    b = (stepped.v_th - neuron.v_rest - mu) / sigma
    a = (neuron.v_reset - neuron.v_rest - mu) / sigma
    scale = float(siegert.rate(stepped, mu, sigma)) * neuron.tau_m * sqrt(pi)
    at_threshold, at_reset = scale * float(erfcx(-b)), scale * float(erfcx(-a))
    if not 0 < at_threshold < inf:
        raise ValueError(f"mu = {mu} V and sigma = {sigma} V leave no rate that a double can hold")
    # d log(rate) by d log(sigma); by a shift of threshold or reset it is at_... / sigma
    by_sigma = abs(b * at_threshold - a * at_reset)
    leak, forgotten = -expm1(-dt / neuron.tau_m), -expm1(-2 * dt / neuron.tau_m)
    first = (at_threshold + at_reset / 2) / sigma
    if rounding in ("floor", "truncate"):  # truncation shifts the drive by no more than floor
        first += abs(at_threshold - at_reset) / (2 * sigma * leak)
    noise = 1 / 12 + (1 / 6 if rounding == "stochastic" else 0)
    second = by_sigma * noise / (sigma**2 * forgotten)
    if rounding != "stochastic":
        second += 1 / (2 * sigma * leak) ** 2
    return first, second


def _decay(neuron: IntegerLIF) -> Fraction:
    one = 1 << neuron.leak_bits
    return Fraction(neuron.leak_multiplier if neuron.leak == "multiply" else one - 1, one)


def _lost_per_step(neuron: IntegerLIF) -> float:
    if _decay(neuron) == 1:
        raise ValueError(f"leak_multiplier = {neuron.leak_multiplier} is no leak: nothing to round")
    return float(1 - _decay(neuron))
