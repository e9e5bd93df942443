"""Oscillations of networks with delays (Brunel & Hakim 1999; Brunel 2000, section 4).

Near a fixed point a modulation of the rates, ``r_j + eps_j exp(i omega t)``, arrives after the
delays as a modulation of the mean and of the variance of the input, and the populations answer with
their susceptibilities N and N_sigma. Around the loop it is multiplied by

    M_ij(omega) = (N_i a_ij + N_sigma_i b_ij / (2 sigma_i)) exp(-i omega D_ij),

with the gains ``a_ij = tau_i K_ij J_ij`` and ``b_ij = tau_i K_ij J_ij**2``. Modes are the s with
``det(1 - M(s)) = 0``; they grow if Re s > 0. How many do, Nyquist's criterion tells from real
frequencies: 1/pi times the angle by which det(1 - M) turns clockwise about 0 as f goes from 0 to
infinity. An oscillation sets in with the frequency at which an eigenvalue of M is 1.

Noise convention: ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, linear_sum_assignment

from .linear_response import noise_susceptibility, susceptibility
from .mean_field import FixedPoint, Network, fixed_points

_HIGHEST = 20e3  # Hz
_TURN = 0.4  # largest change of the determinant between two frequencies, relative to itself
_CLOSEST = 1e-4  # of a frequency, between two


def loop_gain(network: Network, point: FixedPoint, frequency: ArrayLike) -> NDArray[np.complex128]:
    """The matrix M of the head of this module.

    Parameters
    ----------
    network : Network
        With `dt` or `tau_s`, the thresholds are shifted as for the rates (Schuecker, Diesmann &
        Helias 2015) and held there.
    point : FixedPoint
        Of this network, with all sigma > 0.
    frequency : array_like, shape (...)
        Hz.

    Returns
    -------
    ndarray of complex, shape (..., n, n)
        ``M[..., i, j]``, from population j to i; at frequency 0, without `dt` and `tau_s`, the
        slopes.
    """
    f = np.asarray(frequency, float)
    if f.size == 0 or not np.isfinite(f).all():
        raise ValueError(f"frequency must be finite Hz, at least one, not {f.tolist()!r}")
    e = network.equations
    if len(point.rates) != len(e.neurons):
        raise ValueError(
            f"point must have {len(e.neurons)} populations, as network has, not {len(point.rates)}"
        )
    if not np.all(point.sigma > 0):
        raise ValueError(f"point must have sigma > 0 everywhere, not {point.sigma.tolist()!r} V")
    answers: dict[tuple, tuple[NDArray, NDArray]] = {}
    out = np.empty((*f.shape, len(e.neurons), len(e.neurons)), complex)
    for i, neuron in enumerate(e.neurons):
        mu, sigma = float(point.mu[i]), float(point.sigma[i])
        v_reset = neuron.v_reset + e.shift[i] * sigma
        v_th = neuron.v_th + (e.shift[i] + e.lift[i]) * sigma
        shifted = replace(neuron, v_reset=float(v_reset), v_th=float(v_th))
        key = (shifted, mu, sigma)
        if key not in answers:
            answers[key] = (
                susceptibility(shifted, mu, sigma, f),
                noise_susceptibility(shifted, mu, sigma, f),
            )
        by_mean, by_noise = answers[key]
        out[..., i, :] = by_mean[..., None] * e.a[i] + by_noise[..., None] * e.b[i] / (2 * sigma)
    return out * np.exp(-2j * np.pi * f[..., None, None] * network.delays)


@dataclass(frozen=True)
class Stability:
    """What becomes of small modulations of the rates.

    Attributes
    ----------
    unstable : int
        Number of modes that grow, an oscillation counted twice.
    frequency : float
        Frequency in Hz at which a modulation comes back in phase and largest; nan if none comes
        back in phase.
    gain : float
        By how much it comes back larger, an eigenvalue of M; 0 if none.
    """

    unstable: int
    frequency: float
    gain: float


def _spectrum(network: Network, point: FixedPoint) -> tuple[NDArray, NDArray]:
    """Frequencies, dense enough to follow det(1 - M), and M there."""
    one = np.eye(len(network.neurons))
    top = 4 * max(250.0, point.rates.max())
    at_top = loop_gain(network, point, top)
    recurrent = point.rates[:, None] * network.equations.b / point.sigma[:, None] ** 2
    if np.abs(np.linalg.eigvals(recurrent)).max() >= 1 - 1e-9:
        raise ValueError("network must get noise from outside: without, no frequency is too high")
    while np.abs(np.linalg.eigvals(at_top)).max() >= 1:
        top *= 2
        if top > _HIGHEST:
            raise ValueError(f"stability is undecided: gains exceed 1 at {_HIGHEST:g} Hz")
        at_top = loop_gain(network, point, top)
    spacing = min(1 / (8 * network.delays.max() + 1e-12), top / 8, 50.0)
    f = np.unique([0.0, *np.geomspace(0.5, spacing, 8), *np.arange(spacing, top, spacing), top])
    gain = loop_gain(network, point, f)
    while True:
        d = np.linalg.det(one - gain)
        turn = np.abs(np.diff(d)) / np.minimum(np.abs(d[1:]), np.abs(d[:-1]))
        coarse = np.flatnonzero((turn > _TURN) & (np.diff(f) > _CLOSEST * f[1:]))
        if coarse.size == 0:
            return f, gain
        between = (f[coarse] + f[coarse + 1]) / 2
        f = np.insert(f, coarse + 1, between)
        gain = np.insert(gain, coarse + 1, loop_gain(network, point, between), axis=0)


def stability(network: Network, point: FixedPoint) -> Stability:
    """Unstable modes of a fixed point and the frequency of the most excited one.

    Parameters
    ----------
    network : Network
    point : FixedPoint
        Of this network, with all sigma > 0.

    Returns
    -------
    Stability
        Linear theory: the frequency is that of the oscillation where it sets in (gain 1).

    Raises
    ------
    ValueError
        All noise is recurrent, or gains exceed 1 up to 20 kHz: a modulated noise is answered at all
        frequencies, by ``r_i b_ij / sigma_i**2`` at the highest.
    """
    f, gain = _spectrum(network, point)
    one = np.eye(gain.shape[-1])
    angle = np.unwrap(np.angle(np.linalg.det(one - gain)))
    # beyond the last frequency no eigenvalue leaves the unit disc: the curve closes directly
    rest = np.angle(1 - np.linalg.eigvals(gain[-1])).sum()
    unstable = round((angle[0] - angle[-1] + rest) / np.pi)
    best = Stability(unstable, np.nan, 0.0)
    values = np.linalg.eigvals(gain)
    for k in range(len(f) - 1):
        cost = np.abs(values[k][:, None] - values[k + 1][None, :])
        values[k + 1] = values[k + 1][linear_sum_assignment(cost)[1]]
        for here, there in zip(values[k], values[k + 1], strict=True):
            if here.imag * there.imag < 0 and max(here.real, there.real) > best.gain:
                found = _crossing(network, point, (f[k], f[k + 1]), (here, there))
                if found[1] > best.gain:
                    best = Stability(unstable, *found)
    return best


def _crossing(
    network: Network, point: FixedPoint, f: tuple[float, float], value: tuple[complex, complex]
) -> tuple[float, float]:
    """Frequency between two at which an eigenvalue of M is real, and its value there."""

    def eigenvalue(x: float) -> complex:
        guess = value[0] + (value[1] - value[0]) * (x - f[0]) / (f[1] - f[0])
        values = np.linalg.eigvals(loop_gain(network, point, x))
        return complex(values[np.abs(values - guess).argmin()])

    x = brentq(lambda x: eigenvalue(x).imag, *f, xtol=1e-9, rtol=1e-9)
    return float(x), eigenvalue(x).real


def onset(
    network_at: Callable[[float], Network], low: float, high: float
) -> tuple[float, Stability]:
    """Where an oscillation sets in along a family of networks.

    Parameters
    ----------
    network_at : callable
        Network at a value of a parameter; its fixed point of lowest mean rate is taken.
    low, high : float
        Range of the parameter; the gain is below 1 at one end and above 1 at the other.

    Returns
    -------
    value : float
        Parameter at which the gain is 1, within 1e-7 of the larger of `low` and `high`.
    stability : Stability
        There; its frequency is that of the oscillation.

    Raises
    ------
    ValueError
        The gain is on the same side of 1 at both ends.
    """

    def at(x: float) -> Stability:
        network = network_at(x)
        return stability(network, fixed_points(network)[0])

    ends = [at(x).gain for x in (low, high)]
    if (ends[0] - 1) * (ends[1] - 1) > 0:
        raise ValueError(f"low and high must lie on both sides of the onset; gains are {ends!r}")
    close = 1e-7 * max(abs(low), abs(high))
    value = float(brentq(lambda x: at(x).gain - 1, low, high, xtol=close))
    return value, at(value)
