"""What rounding the leak does to an integer LIF, in closed form.

The leak of `lif` computes v - (1 - a) v with a decay a < 1, rounded to an integer. Taking the
fraction that is rounded away as uniform, every step adds a mean error e (in LSB), and a constant e
per step is a constant drive: the mean drive mu shifts by e / (1 - a), e.g. by -LSB / (2 (1 - a)),
about -LSB tau / (2 dt), for a floored product. Where the leak is smaller than what rounding
swallows there is none at all: rounding to nearest leaves |v| < LSB / (2 (1 - a)) alone, a dead zone
in which the neuron is a perfect integrator.
"""

from fractions import Fraction

from .lif import IntegerLIF


def decay(neuron: IntegerLIF) -> float:
    """The factor a that one step of the leak would apply to v without rounding."""
    return float(_decay(neuron))


def rounding_bias(neuron: IntegerLIF, lsb: float) -> float:
    """Shift of the mean drive mu, in V, by which rounding the leak acts where v varies by many LSB.

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
    sign = 1 if neuron.leak == "multiply" else -1  # the shift's rounded part is subtracted
    return sign * error[neuron.rounding] * lsb / _lost_per_step(neuron)


def dead_zone(neuron: IntegerLIF, lsb: float) -> tuple[float, float]:
    """The v, in V from rest, between which the leak does nothing, as an open interval.

    For "nearest" symmetric about 0; for "floor" below 0 ("multiply": values above 0 leak at least
    an LSB per step) or above it ("shift"); for "stochastic" empty, both ends 0.

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
    return (-whole, 0.0) if neuron.leak == "multiply" else (0.0, whole)


def _decay(neuron: IntegerLIF) -> Fraction:
    one = 1 << neuron.leak_bits
    return Fraction(neuron.leak_multiplier if neuron.leak == "multiply" else one - 1, one)


def _lost_per_step(neuron: IntegerLIF) -> float:
    if _decay(neuron) == 1:
        raise ValueError(f"leak_multiplier = {neuron.leak_multiplier} is no leak: nothing to round")
    return float(1 - _decay(neuron))
