"""Stationary rate and CV of the white-noise LIF neuron (Siegert 1951; Brunel 2000, eqs 21, 25).

Noise convention: ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``; the free membrane
has mean ``v_rest + mu`` and variance ``sigma**2 / 2``. With ``b = (v_th - v_rest - mu) / sigma``
and ``a = (v_reset - v_rest - mu) / sigma`` the first passage from reset to threshold has

    mean      M = tau_m sqrt(pi) int_a^b psi(x) dx,      psi(x) = exp(x**2) (1 + erf x)
    variance  S = 2 pi tau_m**2 int_a^b chi(x) dx,       chi(x) = exp(x**2) int_-oo^x exp(z**2)
                                                                  (1 + erf z)**2 dz

and rate = 1 / (t_ref + M), CV = sqrt(S) / (t_ref + M).

Both integrals overflow and cancel when written out. Here they are differences of functions of one
variable that are smooth and of one sign, tabulated once as piecewise polynomials:

    x <= 0:  F(x) = int_0^x psi(-t) dt             K(x) = int_x^oo chi(-t) dt
    x >= 0:  g(x) = exp(-x**2) int_0^x psi         k(x) = exp(-2 x**2) int_0^x chi

The factor ``exp(b**2)`` stays apart, as a logarithm. Intervals too short for a difference are
integrated directly (Gauss-Legendre, 6 points).
"""

from collections.abc import Callable
from math import exp, log, log1p, pi, sqrt

import numpy as np
from numba import njit
from numpy.polynomial import chebyshev, legendre
from numpy.typing import ArrayLike, NDArray
from scipy.special import dawsn, erf, erfcx

from ..neuron import LIF

THRESHOLD_SHIFT = 0.5825971579390107  # -zeta(1/2) / sqrt(2 pi)
_SMALLEST_SIGMA = 1e-200
_LARGEST_MU = 1e50

# --- the tables: a polynomial of degree 9 on each of 64 panels of u = C / (C + x), x = 0 .. oo ---
_C = 3.0
_PANELS = 64
_ORDER = 10
_LOG_SCALE = 2.0 * exp(0.5772156649015329 / 2)  # F(x) -> log(_LOG_SCALE x) / sqrt(pi)
_NODES, _WEIGHTS = legendre.leggauss(6)


def _fit(function: Callable[[NDArray], NDArray]) -> NDArray:
    """Coefficients (panels, order) of a function of u, from its values at Chebyshev nodes."""
    nodes = chebyshev.chebpts1(_ORDER)
    u = (np.arange(_PANELS)[:, None] + (nodes + 1) / 2) / _PANELS
    powers = nodes[:, None] ** np.arange(_ORDER)
    return np.ascontiguousarray(np.linalg.solve(powers, function(u).T).T)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _value(table: NDArray, u: float) -> float:
    panel = min(int(u * _PANELS), _PANELS - 1)
    z = 2.0 * (u * _PANELS - panel) - 1.0
    total = table[panel, _ORDER - 1]
    for i in range(_ORDER - 2, -1, -1):
        total = total * z + table[panel, i]
    return total


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _values(table: NDArray, u: NDArray) -> NDArray:
    out = np.empty_like(u)
    for i in range(u.size):
        out.flat[i] = _value(table, u.flat[i])
    return out


def _integrate(f: Callable[[NDArray], NDArray], low: NDArray, high: NDArray) -> NDArray:
    """Gauss-Legendre with 40 points, elementwise in `low` and `high`."""
    nodes, weights = legendre.leggauss(40)
    half = (high - low)[..., None] / 2
    return (half * weights * f(low[..., None] + half * (nodes + 1))).sum(-1)


def _build_f(u: NDArray) -> NDArray:
    """F less its logarithm."""
    x = _C * (1 - u) / u
    far = np.maximum(x, 30.0)
    y = far**-2
    tail = -np.log1p(1 / (_LOG_SCALE * far))
    tail += y * (1 / 4 - y * (3 / 16 - y * (15 / 48 - y * (105 / 128 - y * 945 / 320))))
    edges = np.linspace(0.0, 30.0, 121)
    pieces = np.append(0.0, np.cumsum(_integrate(erfcx, edges[:-1], edges[1:])))
    near = np.minimum(x, 30.0)
    cell = (near * 4).astype(int)
    body = pieces[cell] + _integrate(erfcx, edges[cell], near)
    return np.where(x < 30.0, body - np.log1p(_LOG_SCALE * x) / sqrt(pi), tail / sqrt(pi))


def _build_g(u: NDArray) -> NDArray:
    x = _C * (1 - u) / u
    f = np.log1p(_LOG_SCALE * x) / sqrt(pi) + _build_f(u)
    return (2 * dawsn(x) - np.exp(-x * x) * f) / u


def _build_chi_left(u: NDArray) -> NDArray:
    """chi(-x) / u**3, by z = -x - t."""
    x = _C * (1 - u) / u
    reach = 40.0 / (x + np.sqrt(x * x + 40.0))  # there exp(-2xt - tt) = exp(-40)
    inner = _integrate(
        lambda t: np.exp(-t * (2 * x[..., None] + t)) * erfcx(x[..., None] + t) ** 2,
        np.zeros_like(x),
        reach,
    )
    return inner / u**3


def _build_chi_right(u: NDArray) -> NDArray:
    """exp(-2 x**2) chi(x) / u, by z = x - t."""
    x = _C * (1 - u) / u
    below_zero = _integrate(
        lambda t: np.exp(-t * t) * erfcx(t) ** 2, np.zeros(1), np.full(1, sqrt(40.0))
    )
    reach = np.where(x * x > 40.0, 40.0 / (x + np.sqrt(np.maximum(x * x - 40.0, 0.0))), x)
    inner = _integrate(
        lambda t: np.exp(-t * (2 * x[..., None] - t)) * (1 + erf(x[..., None] - t)) ** 2,
        np.zeros_like(x),
        reach,
    )
    return (np.exp(-x * x) * below_zero + inner) / u


def _build_k_left(u: NDArray) -> NDArray:
    """K / u**2: in u the integrand is chi(-x) C / u**2 = C u (table)."""
    edges = np.arange(_PANELS) / _PANELS
    piece = _integrate(lambda w: _C * w * _values(_CHI_LEFT, w), edges, edges + 1 / _PANELS)
    start = np.append(0.0, np.cumsum(piece))[:-1, None] + np.zeros_like(u)
    low = edges[:, None] + np.zeros_like(u)
    return (start + _integrate(lambda w: _C * w * _values(_CHI_LEFT, w), low, u)) / u**2


def _build_k_right(u: NDArray) -> NDArray:
    """k / u**2, by x - t."""
    x = _C * (1 - u) / u
    reach = np.where(x * x > 20.0, 20.0 / (x + np.sqrt(np.maximum(x * x - 20.0, 0.0))), x)

    def integrand(t: NDArray) -> NDArray:
        w = _C / (_C + x[..., None] - t)
        return np.exp(-2 * t * (2 * x[..., None] - t)) * w * _values(_CHI_RIGHT, w)

    return _integrate(integrand, np.zeros_like(x), reach) / u**2


_PSI_LEFT = _fit(lambda u: erfcx(_C * (1 - u) / u) / u)
_F = _fit(_build_f)
_G = _fit(_build_g)
_CHI_LEFT = _fit(_build_chi_left)
_CHI_RIGHT = _fit(_build_chi_right)
_K_LEFT = _fit(_build_k_left)
_K_RIGHT = _fit(_build_k_right)


# --- the integrals, times exp(-b**2) and exp(-2 b**2) where b > 0 -------------------------------
@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _short(b: float, d: float) -> bool:
    """Whether [b - d, b] is too short for a difference of tabulated functions."""
    return d < 0.25 * (1.0 - b) if b <= 0.0 else d * (1.0 + 2.0 * b) < 0.5


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _mean_integral(b: float, d: float) -> float:
    """int_{b-d}^b psi."""
    scale = exp(-b * b) if b > 0.0 else 1.0
    if _short(b, d):
        total = 0.0
        for i in range(_NODES.size):
            t = 0.5 * d * (1.0 - _NODES[i])  # x = b - t
            u = _C / (_C + abs(b - t))
            psi = u * _value(_PSI_LEFT, u)
            if b > 0.0:
                psi *= scale
                if t < b:
                    psi = 2.0 * exp(-t * (2.0 * b - t)) - psi
            total += _WEIGHTS[i] * psi
        return 0.5 * d * total
    a = b - d
    ub = _C / (_C + abs(b))
    ua = _C / (_C + abs(a))
    if b <= 0.0:
        ratio = 1.0 + _LOG_SCALE * d / (1.0 - _LOG_SCALE * b)
        return log(ratio) / sqrt(pi) + _value(_F, ua) - _value(_F, ub)
    if a <= 0.0:
        left = log(1.0 - _LOG_SCALE * a) / sqrt(pi) + _value(_F, ua)
        return ub * _value(_G, ub) + scale * left
    return ub * _value(_G, ub) - exp(-d * (b + a)) * ua * _value(_G, ua)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _variance_integral(b: float, d: float) -> float:
    """int_{b-d}^b chi."""
    if _short(b, d):
        total = 0.0
        for i in range(_NODES.size):
            t = 0.5 * d * (1.0 - _NODES[i])
            u = _C / (_C + abs(b - t))
            if t < b:
                chi = u * _value(_CHI_RIGHT, u) * exp(-2.0 * t * (2.0 * b - t))
            else:
                chi = u**3 * _value(_CHI_LEFT, u)
                if b > 0.0:
                    chi *= exp(-2.0 * b * b)
            total += _WEIGHTS[i] * chi
        return 0.5 * d * total
    a = b - d
    ub = _C / (_C + abs(b))
    ua = _C / (_C + abs(a))
    if b <= 0.0:
        return ub**2 * _value(_K_LEFT, ub) - ua**2 * _value(_K_LEFT, ua)
    if a <= 0.0:
        left = _value(_K_LEFT, 1.0) - ua**2 * _value(_K_LEFT, ua)
        return ub**2 * _value(_K_RIGHT, ub) + exp(-2.0 * b * b) * left
    return ub**2 * _value(_K_RIGHT, ub) - exp(-2.0 * d * (b + a)) * ua**2 * _value(_K_RIGHT, ua)


# --- the neuron ----------------------------------------------------------------------------------
@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _gap(v_th: float, v_rest: float, mu: float) -> float:
    """v_th - v_rest - mu with one rounding: the errors of both subtractions are added back."""
    s = v_th - v_rest
    z = s - v_th
    error = (v_th - (s - z)) - (v_rest + z)
    r = s - mu
    z = r - s
    return r + (error + ((s - (r - z)) - (mu + z)))


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _log_mean(gap: float, span: float, sigma: float, shift: float) -> tuple[float, float]:
    """(m, w): the mean first passage takes tau_m exp(m) w."""
    if sigma == 0.0:
        return 0.0, log1p(span / -gap) if gap < 0.0 else np.inf
    b = gap / sigma + shift
    w = sqrt(pi) * _mean_integral(b, span / sigma + shift)
    return (b * b if b > 0.0 else 0.0), w


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _rates(mu: NDArray, sigma: NDArray, neuron: tuple, shift: float, logarithm: bool) -> NDArray:
    tau_m, v_th, v_reset, v_rest, t_ref = neuron
    out = np.empty(mu.size)
    for i in range(mu.size):
        gap = _gap(v_th, v_rest, mu[i])
        m, w = _log_mean(gap, v_th - v_reset, sigma[i], shift)
        if not logarithm:
            isi = t_ref + tau_m * exp(m) * w if m < 709.0 else exp(min(m - 700.0, 700.0)) * w
            out[i] = 1.0 / isi if m < 709.0 else exp(-700.0) / (tau_m * isi)
        elif m < 700.0:
            out[i] = -log(t_ref + tau_m * exp(m) * w)
        else:
            out[i] = -(m + log(tau_m * w))
    return out


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _cvs(mu: NDArray, sigma: NDArray, neuron: tuple) -> NDArray:
    tau_m, v_th, v_reset, v_rest, t_ref = neuron
    out = np.empty(mu.size)
    span = v_th - v_reset
    for i in range(mu.size):
        gap = _gap(v_th, v_rest, mu[i])
        if sigma[i] == 0.0:
            out[i] = 1.0 if gap > 0.0 else 0.0
            continue
        m, w = _log_mean(gap, span, sigma[i], 0.0)
        s = _variance_integral(gap / sigma[i], span / sigma[i])
        out[i] = sqrt(2.0 * pi * s) / (w + t_ref / tau_m * exp(-m))
    return out


def _inputs(mu: ArrayLike, sigma: ArrayLike) -> tuple[NDArray, NDArray, tuple[int, ...]]:
    mu, sigma = np.broadcast_arrays(np.asarray(mu, float), np.asarray(sigma, float))
    if not np.all(np.abs(mu) <= _LARGEST_MU):
        bad = mu[~(np.abs(mu) <= _LARGEST_MU)][0]
        raise ValueError(f"mu must be finite, within +-{_LARGEST_MU:g} V, not {bad!r}")
    allowed = (sigma == 0) | ((sigma >= _SMALLEST_SIGMA) & (sigma <= _LARGEST_MU))
    if not np.all(allowed):
        bad = sigma[~allowed][0]
        raise ValueError(
            f"sigma must be 0 or {_SMALLEST_SIGMA:g} .. {_LARGEST_MU:g} V, not {bad!r}"
        )
    return np.ascontiguousarray(mu).ravel(), np.ascontiguousarray(sigma).ravel(), mu.shape


def _shift(neuron: LIF, dt: float | None) -> float:
    if dt is None:
        return 0.0
    if not 0 < dt < np.inf:
        raise ValueError(f"dt must be > 0 s, not {dt!r}")
    return THRESHOLD_SHIFT * sqrt(dt / neuron.tau_m)


def _constants(neuron: LIF) -> tuple[float, float, float, float, float]:
    values = (neuron.tau_m, neuron.v_th, neuron.v_reset, neuron.v_rest, neuron.t_ref)
    return tuple(float(x) for x in values)  # type: ignore[return-value]


def rate(
    neuron: LIF, mu: ArrayLike, sigma: ArrayLike, dt: float | None = None
) -> NDArray[np.float64]:
    """Stationary firing rate under white noise.

    Parameters
    ----------
    neuron : LIF
    mu, sigma : array_like, broadcast
        Drive and noise in V (convention at the head of this module); `sigma` 0 or 1e-200 .. 1e50.
    dt : float, optional
        Time step in s of a simulation that tests its threshold only at steps: raises the threshold
        by ``0.5826 sigma sqrt(dt / tau_m)`` (Broadie, Glasserman & Kou 1997). It explains most of
        what a step does to the rate, and is off by 1 % where ``dt / tau_m = 0.05``: judge a
        simulation by `discrete_time`, not by this.

    Returns
    -------
    ndarray
        Rate in Hz, of the broadcast shape; 0 where it underflows.

    Raises
    ------
    ValueError
        `mu`, `sigma` or `dt` out of range.

    Notes
    -----
    Relative error <= 1e-12. With ``sigma = 0`` the rate is
    ``1 / (t_ref + tau_m log((v_rest + mu - v_reset) / (v_rest + mu - v_th)))``.
    """
    mu, sigma, shape = _inputs(mu, sigma)
    out = _rates(mu, sigma, _constants(neuron), _shift(neuron, dt), False)
    return out.reshape(shape)[()]


def log_rate(
    neuron: LIF, mu: ArrayLike, sigma: ArrayLike, dt: float | None = None
) -> NDArray[np.float64]:
    """Natural logarithm of `rate` in Hz; finite far below the smallest double.

    Parameters, errors and source as for `rate`; -inf where ``sigma = 0`` and the drive does not
    reach threshold.
    """
    mu, sigma, shape = _inputs(mu, sigma)
    out = _rates(mu, sigma, _constants(neuron), _shift(neuron, dt), True)
    return out.reshape(shape)[()]


def cv(neuron: LIF, mu: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """Coefficient of variation of the inter-spike interval under white noise (Brunel 2000).

    Parameters and errors as for `rate`.

    Returns
    -------
    ndarray
        CV of the broadcast shape. At ``sigma = 0`` the limit of vanishing noise: 0 where the drive
        reaches threshold, 1 (rare escapes are Poisson) below.
    """
    mu, sigma, shape = _inputs(mu, sigma)
    out = _cvs(mu, sigma, _constants(neuron))
    return out.reshape(shape)[()]


def fi_curve(neuron: LIF, mu: ArrayLike) -> NDArray[np.float64]:
    """Noiseless rate in Hz against the drive `mu` in V (Lapicque 1907; Knight 1972, eq. 2.3).

    ``1 / (t_ref + tau_m log((v_rest + mu - v_reset) / (v_rest + mu - v_th)))``, and 0 up to the
    rheobase ``mu = v_th - v_rest``; for a current, ``mu = neuron.resistance * current``.
    """
    return rate(neuron, mu, 0.0)
