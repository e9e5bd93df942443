"""The integrals behind Siegert's formula, free of overflow and cancellation.

    psi(x) = exp(x**2) (1 + erf x) = 2/sqrt(pi) int_0^oo exp(2 x t - t**2) dt
    h(x) = psi'(x) / 2 = x psi(x) + 1/sqrt(pi),      q(x) = h'(x)
    chi(x) = exp(x**2) int_-oo^x exp(z**2) (1 + erf z)**2 dz

(Brunel 2000, eqs 21 and 25; h and q have t and 2 t**2 under the integral of psi). Integrals and
differences over [b - d, b] overflow and cancel when written out. Here they are differences of
functions of one variable that are smooth and of one sign, tabulated once as piecewise polynomials:

    x <= 0:  F(x) = int_0^x psi(-t) dt             K(x) = int_x^oo chi(-t) dt
    x >= 0:  g(x) = exp(-x**2) int_0^x psi         k(x) = exp(-2 x**2) int_0^x chi

Where b > 0 every result is scaled: by exp(-b**2), that of chi by exp(-2 b**2). Intervals too short
for a difference are integrated directly (Gauss-Legendre, 6 points).
"""

from collections.abc import Callable
from math import exp, log, pi, sqrt

import numpy as np
from numba import njit
from numpy.polynomial import chebyshev, legendre
from numpy.typing import NDArray
from scipy.special import dawsn, erf, erfcx

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


def _build_moment(n: int) -> Callable[[NDArray], NDArray]:
    """2**n / sqrt(pi) int t**n exp(-2 x t - t**2) dt / u**(n + 1): h(-x) and q(-x), n = 1 and 2."""

    def build(u: NDArray) -> NDArray:
        x = _C * (1 - u) / u
        reach = 40.0 / (x + np.sqrt(x * x + 40.0))
        moment = _integrate(
            lambda t: t**n * np.exp(-t * (2 * x[..., None] + t)), np.zeros_like(x), reach
        )
        return 2**n / sqrt(pi) * moment / u ** (n + 1)

    return build


_PSI_LEFT = _fit(lambda u: erfcx(_C * (1 - u) / u) / u)
_H_LEFT = _fit(_build_moment(1))
_Q_LEFT = _fit(_build_moment(2))
_F = _fit(_build_f)
_G = _fit(_build_g)
_CHI_LEFT = _fit(_build_chi_left)
_CHI_RIGHT = _fit(_build_chi_right)
_K_LEFT = _fit(_build_k_left)
_K_RIGHT = _fit(_build_k_right)


# --- the integrals, scaled where b > 0 -----------------------------------------------------------
@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _short(b: float, d: float) -> bool:
    """Whether [b - d, b] is too short for a difference of tabulated functions."""
    return d < 0.25 * (1.0 - b) if b <= 0.0 else d * (1.0 + 2.0 * b) < 0.5


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _scale(b: float) -> float:
    return exp(-b * b) if b > 0.0 else 1.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _psi(b: float, t: float, scale: float) -> float:
    """psi(b - t); above zero psi(x) = 2 exp(x**2) - psi(-x)."""
    u = _C / (_C + abs(b - t))
    left = scale * u * _value(_PSI_LEFT, u)
    return 2.0 * exp(-t * (2.0 * b - t)) - left if t < b else left


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _h(b: float, t: float, scale: float) -> float:
    """h(b - t); above zero h(x) = 2 x exp(x**2) + h(-x)."""
    u = _C / (_C + abs(b - t))
    left = scale * u**2 * _value(_H_LEFT, u)
    return 2.0 * (b - t) * exp(-t * (2.0 * b - t)) + left if t < b else left


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _q(b: float, t: float, scale: float) -> float:
    """q(b - t); above zero q(x) = (2 + 4 x**2) exp(x**2) - q(-x)."""
    u = _C / (_C + abs(b - t))
    left = scale * u**3 * _value(_Q_LEFT, u)
    return (2.0 + 4.0 * (b - t) ** 2) * exp(-t * (2.0 * b - t)) - left if t < b else left


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _chi(b: float, t: float, scale: float) -> float:
    """chi(b - t); the tables differ on the two sides."""
    u = _C / (_C + abs(b - t))
    if t < b:
        return u * _value(_CHI_RIGHT, u) * exp(-2.0 * t * (2.0 * b - t))
    return scale**2 * u**3 * _value(_CHI_LEFT, u)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def integral_of_psi(b: float, d: float) -> float:
    """int_{b-d}^b psi."""
    scale = _scale(b)
    if _short(b, d):
        total = 0.0
        for i in range(_NODES.size):
            total += _WEIGHTS[i] * _psi(b, 0.5 * d * (1.0 - _NODES[i]), scale)
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
def integral_of_chi(b: float, d: float) -> float:
    """int_{b-d}^b chi."""
    scale = _scale(b)
    if _short(b, d):
        total = 0.0
        for i in range(_NODES.size):
            total += _WEIGHTS[i] * _chi(b, 0.5 * d * (1.0 - _NODES[i]), scale)
        return 0.5 * d * total
    a = b - d
    ub = _C / (_C + abs(b))
    ua = _C / (_C + abs(a))
    if b <= 0.0:
        return ub**2 * _value(_K_LEFT, ub) - ua**2 * _value(_K_LEFT, ua)
    if a <= 0.0:
        left = _value(_K_LEFT, 1.0) - ua**2 * _value(_K_LEFT, ua)
        return ub**2 * _value(_K_RIGHT, ub) + scale**2 * left
    return ub**2 * _value(_K_RIGHT, ub) - exp(-2.0 * d * (b + a)) * ua**2 * _value(_K_RIGHT, ua)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def change_of_psi(b: float, d: float) -> float:
    """psi(b) - psi(b - d), the integral of 2 h."""
    scale = _scale(b)
    if not _short(b, d):
        return _psi(b, 0.0, scale) - _psi(b, d, scale)
    total = 0.0
    for i in range(_NODES.size):
        total += _WEIGHTS[i] * _h(b, 0.5 * d * (1.0 - _NODES[i]), scale)
    return d * total


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def change_of_h(b: float, d: float) -> float:
    """h(b) - h(b - d), that is b psi(b) - (b - d) psi(b - d); the integral of q."""
    scale = _scale(b)
    if not _short(b, d):
        return _h(b, 0.0, scale) - _h(b, d, scale)
    total = 0.0
    for i in range(_NODES.size):
        total += _WEIGHTS[i] * _q(b, 0.5 * d * (1.0 - _NODES[i]), scale)
    return 0.5 * d * total
