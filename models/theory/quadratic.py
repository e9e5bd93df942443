"""QIF neurons: f-I curve, rate under white noise, and the exact mean field of a population.

In ``x = (V - v_0) / v_scale``, time in units of tau_m and ``eta = mu / v_scale``:

    one neuron       dx/dt = x**2 + eta + s xi(t),  s = sigma / v_scale
    noiseless        T = int_{x_reset}^{x_peak} dx / (x**2 + eta)      (Ermentrout & Kopell 1986)
    white noise      T = sqrt(pi / D) int_0^oo dw / (2 sqrt(w)) exp(-w (w**2 / 12 + eta) / D)
                         (erf((x_peak - w/2) sqrt(w/D)) - erf((x_reset - w/2) sqrt(w/D))),
                     D = s**2 / 2                                      (Sigeti & Horsthemke 1989)

with rate = 1 / (t_ref + tau_m T). The second T is the mean first passage, a double integral over
x and y = x - w of ``exp((U(x) - U(y)) / D)``, U = -x**3 / 3 - eta x, done over x; from -infinity
to +infinity it is Brunel & Latham 2003's integral, ``pi**2 (Ai**2 + Bi**2)`` where D = 1.

    N -> oo neurons, all to all, with drives of Lorentzian density of centre eta, half-width Delta:
        dr/dt = Delta / pi + 2 r v
        dv/dt = v**2 + eta + J r + I(t) - (pi r)**2        (Montbrio, Pazo & Roxin 2015, eq. 12)

where r is the population's rate (times tau_m) and v its mean voltage; the voltages are Lorentzian
about v with half-width pi r.

Noise convention: ``tau_m dV/dt = (V - v_0)**2 / v_scale + mu + sigma sqrt(tau_m) xi(t)``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, exp, inf, isfinite, log, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import erf, erfcx, logsumexp

from ..neuron import QIF

_LARGEST = 1e50  # V
_SMALLEST_SIGMA = 1e-100
_MOST_NODES = 2**22
_UNDERFLOW = 800.0  # a barrier of so many D: the rate is below the smallest double


# --- one neuron ----------------------------------------------------------------------------------
def _checked(**values: ArrayLike) -> list[NDArray[np.float64]]:
    """Arrays of one shape and of sane size."""
    arrays = {name: np.asarray(value, float) for name, value in values.items()}
    for name, array in arrays.items():
        if array.size == 0:
            raise ValueError(f"{name} must not be empty")
        sane = np.abs(array) <= _LARGEST
        if not np.all(sane):
            raise ValueError(
                f"{name} must be finite, within +-{_LARGEST:g}, not {float(array[~sane][0])!r}"
            )
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"shapes must broadcast, not {shapes}") from None


def _bounds(neuron: QIF) -> tuple[float, float]:
    return tuple((v - neuron.v_0) / neuron.v_scale for v in (neuron.v_reset, neuron.v_peak))  # type: ignore[return-value]


def _passage(eta: float, low: float, high: float) -> float:
    """int_low^high dx / (x**2 + eta), bounds may be infinite; inf where the drift stops x."""
    k = sqrt(abs(eta))
    if eta <= 0 and not (low > k or high < -k):
        return inf
    if eta > 0:
        if high == inf:
            angle = pi if low == -inf else float(np.arctan2(k, low))
        elif low == -inf:
            angle = float(np.arctan2(k, -high))
        else:
            angle = float(np.arctan2(k * (high - low), eta + low * high))
        return angle / k
    if high == inf:
        between = 1 / (low - k)
    elif low == -inf:
        between = -1 / (high + k)
    else:
        between = (high - low) / (high + k) / (low - k)
    return float(np.log1p(2 * k * between)) / (2 * k) if k > 0 else between


def fi_curve(neuron: QIF, mu: ArrayLike) -> NDArray[np.float64]:
    """Noiseless rate in Hz against the drive `mu` in V; parameters and errors as for `rate`.

    From -infinity to +infinity ``sqrt(mu / v_scale) / (pi tau_m)`` if ``t_ref = 0``; 0 where a
    fixed point of the drift lies between reset and peak.
    """
    (mu,) = _checked(mu=mu)
    low, high = _bounds(neuron)
    out = np.empty(mu.shape)
    for i, drive in np.ndenumerate(mu):
        passage = _passage(float(drive) / neuron.v_scale, low, high)
        out[i] = 1 / (neuron.t_ref + neuron.tau_m * passage)
    return out[()]


def _log_passage(eta: float, low: float, high: float) -> float:
    """log of the mean first passage from low to high for D = 1.

    The integrand, as a function of log w, is analytic and dies off at both ends, so the trapezoidal
    rule converges exponentially: its step is halved until nothing changes. A well at -k keeps the
    neuron for exp(barrier), from w within 1 / sqrt(2 k) of ``top + k``: the first step resolves it.
    """
    k = sqrt(max(-eta, 0.0))
    top = min(max(k, low), high)
    barrier = (2 * k - top) * (top + k) ** 2 / 3 if k > 0 and top > -k else 0.0
    if barrier > _UNDERFLOW:
        return inf
    step = 1 / 8
    if k > 0 and top > -k and barrier > -40:
        step = min(step, 0.5 / (1 + sqrt(1 + 2 * k) * (top + k)))
    far = max([abs(x) for x in (low, high) if isfinite(x)], default=0.0)
    first = log(1e-34 / (1 + abs(eta) + far**2))
    last = log(max(sqrt(24) * k, 12.0))
    n = ceil((last - first) / step)
    previous = inf
    while n <= _MOST_NODES:
        log_w = np.linspace(first, last, n + 1)
        terms = _log_integrand(np.exp(log_w), eta, low, high)
        found = float(logsumexp(terms)) + log((last - first) / n)
        if abs(found - previous) < 1e-11:
            return found
        previous, n = found, 2 * n
    raise ValueError(f"sigma is too small to be resolved: mu is {eta!r} v_scale D**(2/3)")


def _log_integrand(w: NDArray, eta: float, low: float, high: float) -> NDArray:
    """log of sqrt(pi w) / 2 exp(-w (w**2 / 12 + eta)) (erf b - erf a), no factor ever overflowing.

    Where a and b have the same sign the difference is one of erfc, whose Gaussian joins the
    exponent: w (w**2 / 12 + eta) + a**2 = w (x**2 - x w + w**2 / 3 + eta) at that bound x.
    """
    root = np.sqrt(w)
    a, b = (low - w / 2) * root, (high - w / 2) * root
    exponent = -w * (w**2 / 12 + eta)
    bracket = erf(b) - erf(a)
    for x, near, far, side in ((low, a, b, a > 0), (high, -b, -a, b < 0)):
        u, v, ws = near[side], far[side], w[side]
        bracket[side] = erfcx(u) - np.exp(-(v - u) * (v + u)) * erfcx(v)
        exponent[side] = -ws * (x * x - x * ws + ws**2 / 3 + eta)
    with np.errstate(divide="ignore"):  # log 0: a term that underflows
        return np.log(sqrt(pi) / 2 * root * bracket) + exponent


def rate(neuron: QIF, mu: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """Stationary firing rate under white noise.

    Parameters
    ----------
    neuron : QIF
    mu, sigma : array_like, broadcast
        Drive and noise in V (convention at the head of this module); `sigma` 0 or >= 1e-100.

    Returns
    -------
    ndarray
        Hz, of the broadcast shape; 0 where it underflows. Relative error <= 1e-10 for
        ``v_peak - v_reset`` of more than 1e-3 of either's distance to v_0.

    Raises
    ------
    ValueError
        An argument is empty, out of range or not finite; shapes do not broadcast; the noise is so
        weak beside a well that hardly holds the neuron that 4 million points do not resolve it.
    """
    mu, sigma = _checked(mu=mu, sigma=sigma)
    allowed = (sigma == 0) | (sigma >= _SMALLEST_SIGMA)
    if not np.all(allowed):
        raise ValueError(
            f"sigma must be 0 or >= {_SMALLEST_SIGMA:g} V, not {float(sigma[~allowed][0])!r}"
        )
    low, high = _bounds(neuron)
    out = np.empty(mu.shape)
    for i in np.ndindex(mu.shape):
        if sigma[i] == 0:
            out[i] = fi_curve(neuron, mu[i])
            continue
        unit = (float(sigma[i]) / neuron.v_scale / sqrt(2)) ** (2 / 3)  # x in units of D**(1/3)
        eta = float(mu[i]) / neuron.v_scale / unit**2
        passage = _log_passage(eta, low / unit, high / unit) - log(unit / neuron.tau_m)
        out[i] = 1 / (neuron.t_ref + exp(passage)) if passage < 709.0 else 0.0
    return out[()]


# --- the population ------------------------------------------------------------------------------
@dataclass(frozen=True)
class FixedPoint:
    """A stationary state of the mean field.

    Attributes
    ----------
    rate : float
        Hz.
    voltage : float
        Mean voltage (the centre of the Lorentzian) in V.
    eigenvalues : tuple of complex
        Of the Jacobian, in 1/s.
    kind : str
        "node", "focus" or "saddle". Nodes and foci are stable: the trace is ``4 v < 0``.
    """

    rate: float
    voltage: float
    eigenvalues: tuple[complex, complex]
    kind: str

    @property
    def stable(self) -> bool:
        """Whether small perturbations die out."""
        return self.kind != "saddle"


def _scaled(neuron: QIF, mu: float, delta: float, coupling: float) -> tuple[float, float, float]:
    """(eta, Delta, J)."""
    if neuron.v_reset != -inf or neuron.v_peak != inf or neuron.t_ref != 0:
        raise ValueError(
            "the mean field holds for v_reset = -inf, v_peak = inf and t_ref = 0 only, not for "
            f"{neuron!r}"
        )
    for name, value in (("mu", mu), ("delta", delta), ("coupling", coupling)):
        if not abs(value) <= _LARGEST:
            raise ValueError(f"{name} must be finite, within +-{_LARGEST:g}, not {float(value)!r}")
    if delta < 1 / _LARGEST:
        raise ValueError(f"delta must be >= {1 / _LARGEST:g} V, not {float(delta)!r}")
    return mu / neuron.v_scale, delta / neuron.v_scale, coupling / neuron.v_scale


def _balance(u: float, half: float, a: float) -> float:
    """The eta at which u = pi r is stationary; half = Delta / 2, a = J / pi."""
    return u * u - a * u - (half / u) ** 2


def _folds(half: float, a: float) -> list[float]:
    """The u where `_balance` turns, ascending: none or two."""

    def slope(u: float) -> float:  # of _balance, times u**3
        return (2 * u - a) * u**3 + 2 * half**2

    least = 3 * a / 8
    if a <= 0 or slope(least) >= 0:
        return []
    return [_root(slope, 0.0, least), _root(slope, least, a)]


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-300, rtol=1e-15, maxiter=1000))


def fixed_points(neuron: QIF, mu: float, delta: float, coupling: float) -> list[FixedPoint]:
    """All stationary states of a population of QIF neurons, by ascending rate.

    Parameters
    ----------
    neuron : QIF
        From -infinity to +infinity, without refractory time.
    mu, delta : float
        Centre and half-width in V of the Lorentzian density of the neurons' drives, delta >= 1e-50.
    coupling : float
        J in V: each of N neurons lifts all others by J / N at each of its spikes, which is a drive
        of ``J tau_m rate`` for N -> oo. Negative for inhibition.

    Returns
    -------
    list of FixedPoint
        One, or three where the population is bistable: the positive roots of
        ``4 pi**4 r**4 - 4 pi**2 J r**3 - 4 pi**2 eta r**2 - Delta**2``. Relative error of the
        rates <= 1e-12 away from saddle-node bifurcations.

    Raises
    ------
    ValueError
        An argument is out of range, or `neuron` has a finite peak or reset or a refractory time.
    """
    eta, width, j = _scaled(neuron, mu, delta, coupling)
    half, a = width / 2, j / pi
    # Fujiwara's bounds of the roots of u**4 - a u**3 - eta u**2 - half**2, and of their inverses
    largest = 2 * max(abs(a), sqrt(abs(eta)), sqrt(half))
    largest_inverse = 2 * max(sqrt(abs(eta)) / half, (abs(a) / half**2) ** (1 / 3), half**-0.5)
    edges = [1 / largest_inverse, *_folds(half, a), largest]

    def excess(u: float) -> float:  # monotonic from edge to edge
        return _balance(u, half, a) - eta

    ends = [(low, high) for low, high in pairwise(edges) if excess(low) * excess(high) <= 0]
    roots = {_root(excess, low, high) for low, high in ends}
    return [_fixed_point(neuron, u / pi, -half / u, j) for u in sorted(roots)]


def _fixed_point(neuron: QIF, r: float, v: float, j: float) -> FixedPoint:
    """From the Jacobian ((2 v, 2 r), (J - 2 pi**2 r, 2 v))."""
    square = 2 * r * (j - 2 * pi**2 * r)
    split = sqrt(abs(square)) * (1 if square >= 0 else 1j)
    kind = "focus" if square < 0 else "node" if 2 * v + sqrt(square) < 0 else "saddle"
    return FixedPoint(
        r / neuron.tau_m,
        neuron.v_0 + neuron.v_scale * v,
        (complex(2 * v + split) / neuron.tau_m, complex(2 * v - split) / neuron.tau_m),
        kind,
    )


def bistable_range(neuron: QIF, delta: float, coupling: float) -> tuple[float, float] | None:
    """The drives between which the population is bistable.

    Parameters and errors as for `fixed_points`.

    Returns
    -------
    tuple of float, or None
        `mu` in V at the two saddle-node bifurcations, ascending; None where no drive makes the
        population bistable: ``delta / v_scale >= sqrt(27 / 1024) (coupling / (pi v_scale))**2`` or
        ``coupling <= 0``.
    """
    _, width, j = _scaled(neuron, 0.0, delta, coupling)
    folds = _folds(width / 2, j / pi)
    if not folds:
        return None
    high, low = (neuron.v_scale * _balance(u, width / 2, j / pi) for u in folds)
    return low, high


def evolve(
    neuron: QIF,
    mu: float,
    delta: float,
    coupling: float,
    t: ArrayLike,
    initial: tuple[float, float],
    drive: Callable[[float], float] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The population's rate and mean voltage over time.

    Parameters
    ----------
    neuron, mu, delta, coupling
        As for `fixed_points`.
    t : array_like, shape (n,)
        Times in s, ascending, n >= 2.
    initial : tuple of float
        Rate in Hz (>= 0) and mean voltage in V at ``t[0]``.
    drive : callable, optional
        ``drive(t)`` in V at t in s: adds to all neurons' drives. It may jump; what it does for a
        shorter time than the longest of the intervals of `t` may be missed.

    Returns
    -------
    rate, voltage : ndarray, shape (n,)
        Hz and V; relative error about 1e-8 (Dormand & Prince, order 8, adaptive).

    Raises
    ------
    ValueError
        An argument is out of range or the drive not finite.
    RuntimeError
        The integration failed.
    """
    eta, width, j = _scaled(neuron, mu, delta, coupling)
    (times,) = _checked(t=t)
    if times.ndim != 1 or times.size < 2 or np.any(np.diff(times) <= 0):
        raise ValueError(f"t must be one ascending series of 2 times or more, not {t!r}")
    rate_0, voltage_0 = initial
    if not (isfinite(rate_0) and rate_0 >= 0 and isfinite(voltage_0)):
        raise ValueError(f"initial must be a rate >= 0 Hz and a voltage, finite, not {initial!r}")

    def slope(s: float, y: NDArray) -> tuple[float, float]:
        r, v = float(y[0]), float(y[1])
        added = 0.0 if drive is None else float(drive(s * neuron.tau_m))
        if not isfinite(added):
            raise ValueError(f"drive must be finite, not {added!r} V at {s * neuron.tau_m!r} s")
        input_ = eta + j * r + added / neuron.v_scale
        return width / pi + 2 * r * v, v * v + input_ - (pi * r) ** 2

    s = times / neuron.tau_m
    solution = solve_ivp(
        slope,
        (s[0], s[-1]),
        (rate_0 * neuron.tau_m, (voltage_0 - neuron.v_0) / neuron.v_scale),
        method="DOP853",
        t_eval=s,
        max_step=inf if drive is None else float(np.diff(s).max()),
        rtol=1e-10,
        atol=1e-12,
    )
    if not solution.success:
        raise RuntimeError(f"the mean field could not be integrated: {solution.message}")
    return solution.y[0] / neuron.tau_m, neuron.v_0 + neuron.v_scale * solution.y[1]
