"""Stationary density and rate of the white-noise LIF neuron from its Fokker-Planck equation.

The flux ``J = A(V) p - D dp/dV`` with drift A and ``D = sigma**2 / (2 tau_m)`` is the rate between
v_reset and v_th and zero below; ``p(v_th) = 0`` (Brunel 2000, eqs 12-15). From threshold downwards
(threshold integration, Richardson 2007) each interval of width h is solved exactly for its
mid-point drift (Scharfetter & Gummel 1969), with ``x = A h / D`` and ``B(x) = x / (exp(x) - 1)``::

    J = D / h (B(-x) p_i - B(x) p_{i+1})

Reset and threshold are grid points, so the error is of second order in h and extrapolates.

Noise convention: ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, expm1, isfinite, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..neuron import LIF

_REACH = 9.0  # standard deviations of the free membrane below reset and mean
_LARGEST_N = 4_000_000
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Stationary:
    """The stationary state.

    Attributes
    ----------
    v : ndarray, shape (n,)
        Voltage in V, uniform, from far below reset to threshold.
    density : ndarray, shape (n,)
        Probability density of the membrane in 1/V; its integral (trapezoidal) is
        ``1 - rate t_ref``, the rest is refractory.
    rate : float
        Hz; extrapolated from grids of two spacings. 0 where it underflows.
    error : float
        Bound on the relative error of `rate`: what a third, coarser grid changes, plus rounding.
    """

    v: NDArray[np.float64]
    density: NDArray[np.float64]
    rate: float
    error: float


@njit(cache=True)
def _bernoulli(x: float) -> float:
    if abs(x) < 1e-5:
        return 1.0 - x / 2 + x * x / 12
    if x > 700.0:
        return 0.0
    return x / expm1(x)


@njit(cache=True)
def _march(drift: NDArray, h: float, diffusion: float, above_reset: int) -> tuple[NDArray, float]:
    """Density (unnormalised) and the flux that goes with it; drift at mid-points."""
    n = drift.size
    p = np.zeros(n + 1)
    flux = 1.0
    for i in range(n - 1, -1, -1):
        flow = flux if i >= n - above_reset else 0.0
        x = drift[i] * h / diffusion
        p[i] = (flow * h / diffusion + _bernoulli(x) * p[i + 1]) / _bernoulli(-x)
        if p[i] > 1e200:
            for j in range(i, n):
                p[j] *= 1e-200
            flux *= 1e-200
    return p, flux


def stationary(
    neuron: LIF,
    mu: float,
    sigma: float,
    *,
    n: int | None = None,
    drift: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    v_min: float | None = None,
) -> Stationary:
    """Stationary density and rate.

    Parameters
    ----------
    neuron : LIF
    mu, sigma : float
        Drive and noise in V, ``sigma > 0``.
    n : int, optional
        About how many grid intervals, >= 100 and enough for ``|A| h / D <= 1/2`` everywhere. By
        default that many, at least 4000.
    drift : callable, optional
        dV/dt in V/s of the undriven membrane as a function of an array of V, in place of
        ``-(V - v_rest) / tau_m``; ``mu / tau_m`` is added to it.
    v_min : float, optional
        Lower end of the grid in V, below reset; where the density has vanished. Needed with
        `drift`; else 9 standard deviations below reset and mean.

    Returns
    -------
    Stationary

    Raises
    ------
    ValueError
        An argument is out of range, or the noise so weak that more than 4 million intervals would
        be needed to resolve it.
    """
    if not isfinite(mu):
        raise ValueError(f"mu must be finite, not {mu!r}")
    if not (isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma must be finite and > 0 V, not {sigma!r}")
    if v_min is None:
        if drift is not None:
            raise ValueError("v_min is needed with drift")
        v_min = min(neuron.v_reset, neuron.v_rest + mu) - _REACH * sigma / sqrt(2)
    if not v_min < neuron.v_reset:
        raise ValueError(f"v_min must be < v_reset = {neuron.v_reset!r} V, not {v_min!r}")
    leak = drift if drift is not None else lambda v: -(v - neuron.v_rest) / neuron.tau_m

    def velocity(v: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(leak(v) + mu / neuron.tau_m, float)

    diffusion = sigma**2 / (2 * neuron.tau_m)
    steepest = float(np.max(np.abs(velocity(np.linspace(v_min, neuron.v_th, 1001)))))
    needed = ceil(2 * steepest * (neuron.v_th - v_min) / diffusion)
    n = max(needed, 4000) if n is None else n
    if not max(needed, 100) <= n <= _LARGEST_N:
        raise ValueError(
            f"n must be {max(needed, 100)} .. {_LARGEST_N} for sigma = {sigma!r} V, not {n!r}"
        )
    span = neuron.v_th - neuron.v_reset
    # multiples of 4, so that both coarser grids have reset and threshold as points too
    above = 4 * max(1, round(n * span / (neuron.v_th - v_min) / 4))
    below = 4 * ceil(above * (neuron.v_reset - v_min) / span / 4)
    rates = []
    for coarser in (4, 2, 1):
        upper, lower = above // coarser, below // coarser
        h = span / upper
        v = neuron.v_reset + h * np.arange(-lower, upper + 1, dtype=float)
        p, flux = _march(velocity((v[:-1] + v[1:]) / 2), h, diffusion, upper)
        mass = h * (p.sum() - p[0] / 2)
        rates.append(flux / (mass + flux * neuron.t_ref))
    coarse, fine = ((4 * rates[i + 1] - rates[i]) / 3 for i in (0, 1))
    if not 0 < fine < np.inf:
        return Stationary(v, p / mass, 0.0, 0.0)
    density = p / mass * (1 - fine * neuron.t_ref)
    return Stationary(v, density, fine, abs(coarse / fine - 1) + _ROUNDING)
