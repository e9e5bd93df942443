"""Stationary rate and CV of the white-noise LIF neuron (Siegert 1951; Brunel 2000, eqs 21, 25).

Noise convention: ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``; the free membrane
has mean ``v_rest + mu`` and variance ``sigma**2 / 2``. With ``b = (v_th - v_rest - mu) / sigma``,
``a = (v_reset - v_rest - mu) / sigma`` and the psi, chi and h of `siegert_integrals` the first
passage from reset to threshold has

    mean      M = tau_m sqrt(pi) int_a^b psi(x) dx
    variance  S = 2 pi tau_m**2 int_a^b chi(x) dx

so that rate = 1 / (t_ref + M), CV = sqrt(S) / (t_ref + M), and

    d rate / d mu    = rate**2 tau_m sqrt(pi) / sigma (psi(b) - psi(a))
    d rate / d sigma = rate**2 tau_m sqrt(pi) / sigma (h(b) - h(a))

The factor ``exp(b**2)`` of all of them stays apart, as a logarithm.
"""

import warnings
from math import exp, expm1, log, log1p, pi, sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..neuron import LIF
from . import colored_noise
from .arguments import broadcast, check, check_noise, drive_and_noise, numbers
from .siegert_integrals import change_of_h, change_of_psi, integral_of_chi, integral_of_psi

THRESHOLD_SHIFT = 0.5825971579390107  # -zeta(1/2) / sqrt(2 pi)
_HIGHEST_B = 60.0  # exp(60**2): a first passage longer than any double can say
_WEAK = 1e8  # noise this many times below the distance past threshold: its square is lost


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def gap_to_threshold(v_th: float, v_rest: float, mu: float) -> float:
    """v_th - v_rest - mu with one rounding: the errors of both subtractions are added back."""
    s = v_th - v_rest
    z = s - v_th
    error = (v_th - (s - z)) - (v_rest + z)
    r = s - mu
    z = r - s
    return r + (error + ((s - (r - z)) - (mu + z)))


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _log_mean(b: float, d: float) -> tuple[float, float]:
    """(m, w): the mean first passage takes tau_m exp(m) w."""
    return (b * b if b > 0.0 else 0.0), sqrt(pi) * integral_of_psi(b, d)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _rates(
    mu: NDArray, sigma: NDArray, neuron: tuple, raised: float, widened: float, logarithm: bool
) -> NDArray:
    tau_m, v_th, v_reset, v_rest, t_ref = neuron
    span = v_th - v_reset
    out = np.empty(mu.size)
    for i in range(mu.size):
        gap = gap_to_threshold(v_th, v_rest, mu[i])
        if sigma[i] == 0.0:
            m, w = 0.0, log1p(span / -gap) if gap < 0.0 else np.inf
        else:
            m, w = _log_mean(gap / sigma[i] + raised, span / sigma[i] + widened)
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
        gap = gap_to_threshold(v_th, v_rest, mu[i])
        if sigma[i] == 0.0:
            out[i] = 1.0 if gap > 0.0 else 0.0
            continue
        b, d = gap / sigma[i], span / sigma[i]
        m, w = _log_mean(b, d)
        out[i] = sqrt(2.0 * pi * integral_of_chi(b, d)) / (w + t_ref / tau_m * exp(-m))
    return out


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _slopes(mu: NDArray, sigma: NDArray, neuron: tuple, of_sigma: bool) -> NDArray:
    tau_m, v_th, v_reset, v_rest, t_ref = neuron
    span = v_th - v_reset
    out = np.empty(mu.size)
    for i in range(mu.size):
        gap = gap_to_threshold(v_th, v_rest, mu[i])
        if gap < -_WEAK * sigma[i]:  # to leading order in sigma
            near, far = -gap, span - gap
            out[i] = tau_m * span / (near * far) / (t_ref + tau_m * log1p(span / near)) ** 2
            if of_sigma:
                out[i] *= sigma[i] * (near + far) / (2.0 * near * far)
        elif sigma[i] == 0.0:
            out[i] = 0.0 if gap > 0.0 else np.inf
        else:
            b, d = gap / sigma[i], span / sigma[i]
            if b > 100.0:  # exp(-1e4) is nothing, whatever sigma divides it
                out[i] = 0.0
                continue
            m, w = _log_mean(b, d)
            change = change_of_h(b, d) if of_sigma else change_of_psi(b, d)
            interval = w + t_ref / tau_m * exp(-m)
            half = exp(-m / 2.0)
            out[i] = half * (sqrt(pi) * change / (tau_m * interval**2 * sigma[i])) * half
    return out


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _drives(rate: NDArray, sigma: NDArray, neuron: tuple) -> NDArray:
    """Newton's method for log M as a function of b, kept inside a bracket."""
    tau_m, v_th, v_reset, v_rest, t_ref = neuron
    span = v_th - v_reset
    out = np.empty(rate.size)
    for i in range(rate.size):
        gap = -span / expm1((1.0 - rate[i] * t_ref) / (rate[i] * tau_m))  # without noise
        if sigma[i] > 0.0:
            target = log1p(-rate[i] * t_ref) - log(rate[i]) - log(tau_m)
            d = span / sigma[i]
            b = gap / sigma[i]
            low, high = b, _HIGHEST_B  # noise makes the neuron faster: b lies above
            for _ in range(100):
                m, w = _log_mean(b, d)
                error = target - (m + log(w))
                low, high = (b, high) if error > 0.0 else (low, b)
                nearer = b + error * w / (sqrt(pi) * change_of_psi(b, d))
                if not low <= nearer <= high:
                    nearer = 0.5 * (low + high)
                step = abs(nearer - b)
                b = nearer
                if step <= 4e-16 * (1.0 + abs(b)):
                    break
            gap = sigma[i] * b
        out[i] = gap_to_threshold(v_th, v_rest, gap)
    return out


def constants(neuron: LIF) -> tuple[float, float, float, float, float]:
    """tau_m, v_th, v_reset, v_rest, t_ref: what the compiled kernels take."""
    values = (neuron.tau_m, neuron.v_th, neuron.v_reset, neuron.v_rest, neuron.t_ref)
    return tuple(float(x) for x in values)  # type: ignore[return-value]


def _rate(
    neuron: LIF,
    mu: ArrayLike,
    sigma: ArrayLike,
    dt: float | None,
    tau_s: float | None,
    logarithm: bool,
) -> NDArray[np.float64]:
    mu, sigma = drive_and_noise(mu, sigma)
    raised = widened = 0.0  # threshold, and its distance from reset, in units of sigma
    if dt is not None and tau_s is not None:
        raise ValueError("dt and tau_s must not both be given: neither shift knows of the other")
    if dt is not None:
        if not 0 < dt < np.inf:
            raise ValueError(f"dt must be > 0 s, not {dt!r}")
        raised = widened = THRESHOLD_SHIFT * sqrt(dt / neuron.tau_m)
    if tau_s is not None:
        raised, reset = colored_noise.shifts(neuron, tau_s)
        widened = raised - reset
    out = _rates(mu.ravel(), sigma.ravel(), constants(neuron), raised, widened, logarithm)
    out = out.reshape(mu.shape)
    if dt is not None:
        far = (dt / neuron.tau_m) ** (-3 / 8) * 0.93 * sigma  # see Notes of rate
        outside = (np.exp(out) if logarithm else out) * dt > 0.01
        outside |= (sigma > 0) & (neuron.v_th - neuron.v_rest - mu > far)
        outside |= neuron.v_th - neuron.v_reset < sigma * sqrt(dt / neuron.tau_m)
        _warn(f"dt = {dt!r} s", outside, "1 %", "discrete_time.solve is exact")
    if tau_s is not None:
        outside = ~colored_noise.in_domain(neuron, mu, sigma, tau_s)
        _warn(f"tau_s = {tau_s!r} s", outside, "5 %", "simulate")
    return out[()]


def _warn(shift: str, outside: NDArray[np.bool_], error: str, instead: str) -> None:
    if outside.any():
        warnings.warn(
            f"the boundary shift for {shift} may be off by more than {error} of the rate at"
            f" {np.count_nonzero(outside)} of {outside.size} inputs; {instead}",
            stacklevel=4,
        )


def rate(
    neuron: LIF,
    mu: ArrayLike,
    sigma: ArrayLike,
    dt: float | None = None,
    tau_s: float | None = None,
) -> NDArray[np.float64]:
    """Stationary firing rate under white noise.

    Parameters
    ----------
    neuron : LIF
    mu, sigma : array_like, broadcast
        Drive and noise in V (convention at the head of this module); `sigma` 0 or 1e-200 .. 1e50.
    dt : float, optional
        Time step in s of a simulation that tests its threshold only at steps: raises the threshold
        by ``0.5826 sigma sqrt(dt / tau_m)`` (Broadie, Glasserman & Kou 1997).
    tau_s : float, optional
        Time constant in s of noise that is not white: moves threshold and reset as
        `colored_noise` says.

    Returns
    -------
    ndarray
        Rate in Hz, of the broadcast shape; 0 where it underflows.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or no number; shapes do not broadcast; `dt` and `tau_s` both
        given.

    Warns
    -----
    UserWarning
        A shift is used outside the domain in which it has been measured (Notes).

    Notes
    -----
    Relative error of the formula <= 1e-12. With ``sigma = 0`` the rate is
    ``1 / (t_ref + tau_m log((v_rest + mu - v_reset) / (v_rest + mu - v_th)))``.

    The shift for `dt`, against `discrete_time.solve`, is within 1 % where ``rate dt <= 0.01`` (the
    overshoot of a step is left out: at most one step an interval) and
    ``v_th - v_rest - mu <= 0.93 sigma (tau_m / dt)**(3/8)`` (deeper, the rate is exponentially
    sensitive) and ``v_th - v_reset >= sigma sqrt(dt / tau_m)`` (one step's noise). It explains a
    simulation; judge one by `discrete_time`. The shift for `tau_s` is within 5 % in the domain of
    `colored_noise.in_domain`.
    """
    return _rate(neuron, mu, sigma, dt, tau_s, logarithm=False)


def log_rate(
    neuron: LIF,
    mu: ArrayLike,
    sigma: ArrayLike,
    dt: float | None = None,
    tau_s: float | None = None,
) -> NDArray[np.float64]:
    """Natural logarithm of `rate` in Hz; finite far below the smallest double.

    Parameters, errors, warnings and source as for `rate`; -inf where ``sigma = 0`` and the drive
    does not reach threshold.
    """
    return _rate(neuron, mu, sigma, dt, tau_s, logarithm=True)


def cv(neuron: LIF, mu: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """Coefficient of variation of the inter-spike interval under white noise (Brunel 2000).

    Parameters and errors as for `rate`.

    Returns
    -------
    ndarray
        CV of the broadcast shape. At ``sigma = 0`` the limit of vanishing noise: 0 where the drive
        reaches threshold, 1 (rare escapes are Poisson) below.
    """
    mu, sigma = drive_and_noise(mu, sigma)
    return _cvs(mu.ravel(), sigma.ravel(), constants(neuron)).reshape(mu.shape)[()]


def rate_dmu(neuron: LIF, mu: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """Derivative of `rate` with respect to the drive, in Hz/V.

    Parameters and errors as for `rate`.

    Returns
    -------
    ndarray
        Of the broadcast shape, >= 0. At ``sigma = 0`` the slope of `fi_curve`: 0 below the
        rheobase, infinite at it.

    Notes
    -----
    Relative error <= 1e-12; 0 where it underflows.
    """
    mu, sigma = drive_and_noise(mu, sigma)
    return _slopes(mu.ravel(), sigma.ravel(), constants(neuron), False).reshape(mu.shape)[()]


def rate_dsigma(neuron: LIF, mu: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """Derivative of `rate` with respect to the noise, in Hz/V.

    Parameters and errors as for `rate`.

    Returns
    -------
    ndarray
        Of the broadcast shape, >= 0: noise never slows the neuron. At ``sigma = 0`` the limit of
        vanishing noise: 0, but infinite where the drive is the rheobase.

    Notes
    -----
    Relative error <= 1e-12; 0 where it underflows.
    """
    mu, sigma = drive_and_noise(mu, sigma)
    return _slopes(mu.ravel(), sigma.ravel(), constants(neuron), True).reshape(mu.shape)[()]


def fi_curve(neuron: LIF, mu: ArrayLike) -> NDArray[np.float64]:
    """Noiseless rate in Hz against the drive `mu` in V (Lapicque 1907; Knight 1972, eq. 2.3).

    ``1 / (t_ref + tau_m log((v_rest + mu - v_reset) / (v_rest + mu - v_th)))``, and 0 up to the
    rheobase ``mu = v_th - v_rest``; for a current, ``mu = neuron.resistance * current``.
    """
    return rate(neuron, mu, 0.0)


def mu_for_rate(neuron: LIF, rate: ArrayLike, sigma: ArrayLike) -> NDArray[np.float64]:
    """The drive in V at which the neuron fires at `rate`: the inverse of `rate` in `mu`.

    Parameters
    ----------
    neuron : LIF
    rate, sigma : array_like, broadcast
        Rate in Hz, > 0 and below ``1 / t_ref``; noise in V as for `rate`.

    Returns
    -------
    ndarray
        Of the broadcast shape.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or no number; shapes do not broadcast.

    Notes
    -----
    Without noise ``v_th - v_rest + (v_th - v_reset) / expm1((1 / rate - t_ref) / tau_m)``.
    The error of the distance ``v_th - v_rest - mu`` is below 1e-13 of the larger of itself and
    `sigma`, and what the rounding of `rate` makes of it, which grows as
    ``1 / (1 - rate t_ref)``.
    """
    rate, sigma = broadcast(rate=numbers("rate", rate), sigma=numbers("sigma", sigma))
    what = (
        "> 0 Hz and finite" if neuron.t_ref == 0 else f"> 0 and < 1 / t_ref = {1 / neuron.t_ref} Hz"
    )
    check("rate", rate, (rate > 0) & (rate < np.inf) & (rate * neuron.t_ref < 1), what)
    check_noise(sigma)
    return _drives(rate.ravel(), sigma.ravel(), constants(neuron)).reshape(rate.shape)[()]


def current_for_rate(neuron: LIF, rate: ArrayLike, sigma: ArrayLike = 0.0) -> NDArray[np.float64]:
    """The current in A into the membrane at which the neuron fires at `rate` in Hz.

    ``mu_for_rate / neuron.resistance``; parameters, errors and accuracy as there. The neuron needs
    `c_m`.
    """
    return mu_for_rate(neuron, rate, sigma) / neuron.resistance
