"""Stationary rate, CV and density of the white-noise EIF neuron (Fourcaud-Trocme et al. 2003).

The density p0 at unit flux from v_peak to v_reset, zero below (threshold integration, Richardson
2007), has the mass M: the mean passage from reset to peak. The rate is 1 / (t_ref + M).

The variance of the passage is 2 int D p0 (dT/dV)**2 dV, with T(V) the mean passage from V. By
parts it is twice the mass of a density q, of which no part is negative:

    D dq/dV = A q - D p0**2                        above the reset
    D dq/dV = A q - D p0**2 - (mass of p0 below V)     below

Without noise the interval is ``t_ref + int dV / A(V)`` from reset to peak.

Noise convention: ``tau_m dV/dt = -(V - v_rest) + delta_t exp((V - v_th) / delta_t) + mu
+ sigma sqrt(tau_m) xi(t)``.
"""

from math import asinh, cosh, expm1, inf, isnan, sinh, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad

from ..neuron import EIF
from .threshold_integration import (
    CAP,
    GIANT,
    NOTHING,
    VARIANCE,
    M,
    Q,
    constants,
    depth,
    descend,
    inputs,
    march,
    membrane,
)


def _passage(cell: tuple[float, ...], mu: float, sigma: float) -> float:
    """Mean passage from reset to peak in s; inf above 1e290 s."""
    state, _, h = descend(cell, mu, sigma, np.array([[1.0], [0.0]]), np.zeros(1))
    if isnan(h):
        raise ValueError(f"sigma = {sigma!r} V is too small for the density to be resolved")
    return state[M, 0] if h > 0.0 else inf


def _half_variance(cell: tuple[float, ...], mu: float, sigma: float, mean: float) -> float:
    """Half the variance of the passage over its mean, in s."""
    fluxes = np.array([[1.0, 0.0], [0.0, 0.0]])
    state, power, _ = descend(cell, mu, sigma, fluxes, np.zeros(2), VARIANCE, mean)
    return state[M, 1] * GIANT ** float(power[1])


def _densities(cell: tuple[float, ...], mu: float, sigma: float, v: NDArray) -> NDArray:
    """p0 at the voltages v."""
    _, top, v_reset, _, _, _, delta_t = cell
    equation = membrane(cell, mu, sigma)
    x, reset, h = depth(equation, top), depth(equation, v_reset), 0.0
    flux, none, power = np.ones(1), np.zeros(1), np.zeros(1, np.int64)
    state, out = np.zeros((4, 1)), np.zeros(v.shape)
    for i in np.argsort(-v, axis=None):
        if v.flat[i] >= top:
            continue
        stops = [depth(equation, v.flat[i])]
        if x < reset < stops[0]:
            stops.insert(0, reset)
        for stop in stops:
            if x == reset:
                flux[0], h = 0.0, 0.0
            h = march(equation, x, stop - x, h, flux, none, NOTHING, 1.0, state, power)
            x = stop
        out.flat[i] = state[Q, 0] * -expm1(-x / delta_t)
    return out


def _noiseless(neuron: EIF, mu: float) -> float:
    """Passage from reset to peak without noise, in s.

    With ``y = (V - v_th) / delta_t`` the drift is ``(excess + exp(y) - 1 - y) delta_t / tau_m``.
    """
    excess = (mu - (neuron.v_th - neuron.v_rest)) / neuron.delta_t + 1.0
    low = (neuron.v_reset - neuron.v_th) / neuron.delta_t
    slowest = max(low, 0.0)
    high = min((neuron.v_peak - neuron.v_th) / neuron.delta_t, slowest + CAP)
    if excess + expm1(slowest) - slowest <= 0.0:
        return inf
    width = min(sqrt(2.0 * abs(excess)), 1.0)  # of the bottleneck at v_th; y = width sinh(z)

    def slowness(z: float) -> float:
        y = width * sinh(z)
        return width * cosh(z) / (excess + expm1(y) - y)

    ends = asinh(low / width), asinh(high / width)
    return neuron.tau_m * quad(slowness, *ends, epsabs=0.0, epsrel=1e-10, limit=1000)[0]


def _checked(neuron: EIF) -> tuple[float, ...]:
    if not isinstance(neuron, EIF):
        raise TypeError(f"neuron must be an EIF, not {neuron!r}")
    return constants(neuron)


def rate(neuron: EIF, mu: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """Stationary firing rate under white noise.

    Parameters
    ----------
    neuron : EIF
    mu, sigma : array_like, broadcast
        Drive and noise in V (convention at the head of this module); `sigma` 0 or 1e-12 .. 1e12.

    Returns
    -------
    ndarray
        Rate in Hz, of the broadcast shape; 0 where it is below 1e-290 Hz.

    Raises
    ------
    TypeError, ValueError
        An argument is not what it must be; v_reset is above ``v_th + 200 delta_t``.

    Notes
    -----
    Relative error <= 1e-8 for rates above 1e-10 Hz, and <= 2e-7 below.
    """
    cell = _checked(neuron)
    mu, sigma = inputs(mu=mu, sigma=sigma)
    out = np.empty(mu.shape)
    for i in np.ndindex(mu.shape):
        m, s = float(mu[i]), float(sigma[i])
        out[i] = 1.0 / (neuron.t_ref + (_passage(cell, m, s) if s > 0.0 else _noiseless(neuron, m)))
    return out[()]


def cv(neuron: EIF, mu: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """Coefficient of variation of the inter-spike interval under white noise.

    Parameters and errors as for `rate`.

    Returns
    -------
    ndarray
        CV of the broadcast shape, within 2e-7. At ``sigma = 0``, and where the rate vanishes, the
        limit: 0 where the drive makes the neuron fire, 1 (rare escapes are Poisson) elsewhere.
    """
    cell = _checked(neuron)
    mu, sigma = inputs(mu=mu, sigma=sigma)
    out = np.empty(mu.shape)
    for i in np.ndindex(mu.shape):
        m, s = float(mu[i]), float(sigma[i])
        mean = _passage(cell, m, s) if s > 0.0 else _noiseless(neuron, m)
        if s == 0.0 or mean == inf:
            out[i] = 1.0 if mean == inf else 0.0
        else:
            half = _half_variance(cell, m, s, mean)
            out[i] = sqrt(2.0 * half / mean) / (1.0 + neuron.t_ref / mean)
    return out[()]


def density(neuron: EIF, mu: float, sigma: float, v: ArrayLike) -> NDArray[np.float64]:
    """Stationary probability density of the membrane.

    Parameters
    ----------
    neuron : EIF
    mu, sigma : float
        Drive and noise in V, ``sigma > 0``.
    v : array_like
        Voltages in V.

    Returns
    -------
    ndarray
        Density in 1/V at `v`; its integral is ``1 - rate t_ref``, the rest is refractory. 0 above
        v_peak, and where voltages are not reached. Error <= 1e-8 of the largest density.

    Raises
    ------
    TypeError, ValueError
        An argument is not what it must be, or the rate is below 1e-290 Hz.
    """
    cell = _checked(neuron)
    v, _, _ = inputs(v=v, mu=mu, sigma=sigma)
    if np.ndim(mu) or np.ndim(sigma) or not sigma > 0:
        raise ValueError(f"mu and sigma must be single numbers, sigma > 0 V, not {mu!r}, {sigma!r}")
    mu, sigma = float(mu), float(sigma)
    passage = _passage(cell, mu, sigma)
    if passage == inf:
        raise ValueError(f"the rate vanishes at mu = {mu!r} V, sigma = {sigma!r} V")
    return _densities(cell, mu, sigma, v) / (passage + neuron.t_ref)
