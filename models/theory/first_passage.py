"""Law of the inter-spike interval of the white-noise LIF neuron (Siegert 1951).

The interval is t_ref plus the first passage of the membrane from reset to threshold. Noise
convention: ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``; with
``x = (V - v_rest - mu) / sigma``, ``a`` and ``b`` its values at reset and threshold and
``p = s tau_m``, the Laplace transform of the passage time is (Siegert 1951)

    L(p) = u(a) / u(b),    u'' = 2 x u' + 2 p u,    u -> |x|**-p as x -> -oo

where u(x) = exp(x**2 / 2) D_-p(-sqrt(2) x), D the parabolic cylinder function. As threshold and
reset need only u'/u = w, ``log L = -int_a^b w dx`` neither overflows nor cancels:

* far left w is a continued fraction, from u_p = 2 (p + 1) u_{p+2} - 2 x u_{p+1} and
  u_p' = 2 p u_{p+1} (Abramowitz & Stegun 1964, 19.6), and the integral a Gauss-Legendre sum;
* else u is followed to the right by its Taylor series, the direction in which it is the
  dominant of the two solutions, so that errors die out.

The density is the inverse transform along a parabola through the saddle point of
exp(p T) L(p), T = t / tau_m. The integrand has no cancellation there and the trapezoidal rule
converges geometrically (Trefethen & Weideman 2014), so that the *relative* error is small on both
tails.
"""

from math import exp, pi, sqrt

import numpy as np
from numba import njit
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray

from ..neuron import LIF
from .arguments import check, drive_and_noise, numbers
from .siegert import constants, cv, gap_to_threshold

_LEFT = 2.5  # the continued fraction serves x <= -_LEFT
_FRACTIONS = 40
_TERMS = 30  # of the Taylor series
_INVERSE = 1.0 / np.maximum(np.arange(_TERMS + 3), 1)
_NODES, _WEIGHTS = legendre.leggauss(14)
_FORGET = 20.0  # twice this many e-foldings and the start of the integration no longer matters
_UNDERFLOW = -760.0
_LEAST_CV = 1e-9
_STEP, _REACH = 0.17, 8.6  # of the trapezoidal rule, in units of sqrt(tau_m / t)


@njit(cache=True, error_model="numpy")
def _fraction(p: complex, x: float) -> complex:
    """w = u'/u at x, far left."""
    q = p + _FRACTIONS
    ratio = (x + np.sqrt(x * x + 2.0 * q)) / (2.0 * q)  # u_{q+1} / u_q
    for n in range(_FRACTIONS, 0, -1):
        ratio = 1.0 / (2.0 * (p + n) * ratio - 2.0 * x)
    return 2.0 * p * ratio


@njit(cache=True, error_model="numpy")
def _advance(p: complex, x: float, w: complex, length: float, floor: float) -> tuple:
    """From x to x + length: what log u gains, w there, and whether u (for real p) had a zero.

    Stops where -log u < floor.
    """
    log_u, t, zero = 0.0j, 0.0, False
    while t < length and -log_u.real >= floor:
        left = length - t
        h = min(left, 1.0 / (1.0 + abs(x + t) + sqrt(2.0 * abs(p))))
        previous, term = 1.0 + 0.0j, w * h  # terms of u, times h**n
        u, slope = previous + term, term
        for n in range(_TERMS):
            new = (x + t) * term + h * (n + p) * _INVERSE[n + 1] * previous
            previous, term = term, 2.0 * h * _INVERSE[n + 2] * new
            u += term
            slope += (n + 2) * term
        zero |= u.real <= 0.0
        log_u += np.log(u)
        w = slope / (u * h)
        t = length if h == left else t + h
    return log_u, w, zero


@njit(cache=True, error_model="numpy")
def _log_transform(p: complex, a: float, d: float, floor: float) -> tuple[complex, bool]:
    """log L(p) between a and a + d, and whether p (if real) lies beyond the first pole.

    Where log L is below `floor`, anything below it.
    """
    if p == 0.0:
        return 0.0j, False
    b = a + d
    edge = -max(_LEFT, 0.35 * sqrt(2.0 * abs(p)), 1.5 * sqrt(2.0 * max(0.0, -p.real)))
    total, zero = 0.0j, False
    if a < edge:
        top = min(b, edge)
        length = d if b <= edge else edge - a
        t = 0.0
        while t < length:
            width = min(length - t, abs(top - t))
            for i in range(_NODES.size):
                x = top - t - 0.5 * width * (1.0 + _NODES[i])
                total -= 0.5 * width * _WEIGHTS[i] * _fraction(p, x)
            t = length if width == length - t else t + width
        if b <= edge or total.real < floor:
            return total, False
        w = _fraction(p, edge)
        a, d = edge, b - edge
    else:
        damping = np.sqrt(2.0 * p).real  # at least so fast errors die out ...
        if a > 2.0 * _FORGET:
            damping = max(damping, a)
        back = _FORGET / damping if damping > 1.8 else np.inf  # ... whence w may start roughly
        if a - back > edge:
            w = a - back + np.sqrt((a - back) ** 2 + 2.0 * p)
        else:
            back = a - edge
            w = _fraction(p, edge)
        _, w, zero = _advance(p, a - back, w, back, -np.inf)
    gain, _, another = _advance(p, a, w, d, floor - total.real)
    return total - gain, zero or another


@njit(cache=True, error_model="numpy")
def _saddle(time: float, a: float, d: float) -> tuple[float, float, float]:
    """c where c T + log L(c) is least, that least value, and the variance of T tilted by c.

    Newton's method for 1 / m(c) = 1 / T, m = -d log L / dc the tilted mean: nearly linear in c
    between the first pole of L and far to the right. m and the variance come from one difference.
    """
    c, pole, inside, variance = 1.0 / time, -np.inf, np.inf, 1.0
    eps = 0.1 / time
    for _ in range(200):
        floor = 2.0 * _UNDERFLOW - c * time
        at_c, beyond = _log_transform(complex(c, 0.0), a, d, floor)
        if beyond:
            pole, c = c, 0.5 * (c + inside)
            continue
        level = c * time + at_c.real
        if level < _UNDERFLOW:
            break
        beside = _log_transform(complex(c, eps), a, d, floor)[0]
        drop = at_c.real - beside.real  # eps**2 variance / 2
        if not 1e-4 < drop < 0.05:
            eps *= min(max(sqrt(0.005 / max(drop, 0.0)), 0.01), 100.0)
            continue
        mean, variance = -beside.imag / eps, 2.0 * drop / eps**2
        if abs(mean - time) < 0.01 * sqrt(variance):
            break
        inside = c
        step = mean / variance * (mean / time - 1.0)
        longest = -4.0 * _UNDERFLOW / abs(mean - time)  # beyond, the density has underflowed
        c += min(max(step, -longest), longest)
        if c <= pole:
            c = 0.5 * (pole + inside)
    return c, level, variance


@njit(cache=True, error_model="numpy")
def _density(time: float, a: float, d: float) -> float:
    """Of the first passage time in units of tau_m."""
    c, level, variance = _saddle(time, a, d)
    if level < _UNDERFLOW:
        return 0.0
    z = sqrt(time / variance)
    step = _STEP / sqrt(time)
    total = 0.0
    for i in range(int(_REACH / _STEP)):
        y = (i + 0.5) * step
        p = complex(c - 0.5 * y * y, z * y)
        floor = level - 45.0 - p.real * time
        exponent = p * time + _log_transform(p, a, d, floor)[0] - level
        total += (np.exp(exponent) * complex(z, y)).real
    return total * step / pi * exp(level)


@njit(cache=True, error_model="numpy")
def _densities(t: NDArray, mu: NDArray, sigma: NDArray, neuron: tuple) -> NDArray:
    tau_m, v_th, v_reset, v_rest, t_ref = neuron
    out = np.zeros(t.size)
    for i in range(t.size):
        if t[i] > t_ref:
            d = (v_th - v_reset) / sigma[i]
            b = gap_to_threshold(v_th, v_rest, mu[i]) / sigma[i]
            out[i] = _density((t[i] - t_ref) / tau_m, b - d, d) / tau_m
    return out


@njit(cache=True, error_model="numpy")
def _transforms(s: NDArray, mu: NDArray, sigma: NDArray, neuron: tuple) -> NDArray:
    tau_m, v_th, v_reset, v_rest, t_ref = neuron
    out = np.empty(s.size, np.complex128)
    for i in range(s.size):
        d = (v_th - v_reset) / sigma[i]
        b = gap_to_threshold(v_th, v_rest, mu[i]) / sigma[i]
        out[i] = np.exp(_log_transform(s[i] * tau_m, b - d, d, _UNDERFLOW)[0] - s[i] * t_ref)
    return out


def isi_density(neuron: LIF, mu: ArrayLike, sigma: ArrayLike, t: ArrayLike) -> NDArray[np.float64]:
    """Probability density of the inter-spike interval under white noise.

    Parameters
    ----------
    neuron : LIF
    mu, sigma, t : array_like, broadcast
        Drive and noise in V (convention at the head of this module), sigma > 0 and not so small
        that the CV falls below 1e-9; interval in s.

    Returns
    -------
    ndarray
        In 1/s, of the broadcast shape; 0 up to t_ref and where it underflows.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or no number; shapes do not broadcast.

    Notes
    -----
    Relative error <= 1e-10 + 1e-14 / CV, wherever the density exceeds 1e-300 / t; weak noise
    makes it sensitive to the rounding of `t` itself.
    """
    mu, sigma, t = drive_and_noise(mu, sigma, t=numbers("t", t))
    check("t", t, np.isfinite(t), "finite")
    check("sigma", sigma, sigma > 0, "> 0 V")
    check("sigma", sigma, cv(neuron, mu, sigma) >= _LEAST_CV, f"enough for a CV of {_LEAST_CV:g}")
    return _densities(t.ravel(), mu.ravel(), sigma.ravel(), constants(neuron)).reshape(t.shape)[()]


def isi_laplace(
    neuron: LIF, mu: ArrayLike, sigma: ArrayLike, s: ArrayLike
) -> NDArray[np.complex128]:
    """Laplace transform E[exp(-s T)] of the law of the inter-spike interval T (Siegert 1951).

    Parameters
    ----------
    neuron : LIF
    mu, sigma : array_like, broadcast
        As for `isi_density`.
    s : array_like, broadcast
        In 1/s, real or complex. On the imaginary axis it is the characteristic function, real
        negative s are rates of growth; left of the first pole (which is about -rate when spikes
        are rare) the mean diverges and the result is the analytic continuation.

    Returns
    -------
    ndarray
        Complex, of the broadcast shape; 0 where it underflows.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or no number; shapes do not broadcast.

    Notes
    -----
    The error of its logarithm is <= 1e-12 of the larger of that and 1, to the right of the poles.
    Moments are derivatives at 0: the mean is ``1 / siegert.rate``.
    """
    mu, sigma, s = drive_and_noise(mu, sigma, s=numbers("s", s, "iufc"))
    check("s", s, np.isfinite(s), "finite")
    check("sigma", sigma, sigma > 0, "> 0 V")
    return _transforms(s.ravel(), mu.ravel(), sigma.ravel(), constants(neuron)).reshape(s.shape)[()]
