"""Stationary rate of the LIF neuron under shot noise with exponentially distributed jumps.

Richardson & Swarbrick 2010 (Phys. Rev. Lett. 105, 178102). Poisson spikes of rates R_e and R_i make
the membrane jump by sizes drawn from exponential distributions of means a_e > 0 and a_i < 0, and
between them ``tau_m dV/dt = -(V - v_rest) + mu``. With the voltages counted from v_rest + mu,
threshold theta and reset rho, and u = a_e s for the variable s of the Laplace transform, their
result reads

    1 / rate = t_ref + tau_m int_0^1 Z(u) [(1 - exp(-u (theta - rho) / a_e)) / u + k / (1 - u)] du
    Z(u) = (1 - u)**(tau_m R_e) (1 + u |a_i| / a_e)**(tau_m R_i) exp(u theta / a_e)

with k, the fraction of spikes that a jump makes, equal to 1 where theta >= 0. For theta < 0 the
drive alone reaches threshold, and k follows because the transform of the density is as regular
at u > 1:

    k = <(1 - 1 / u) (1 - exp(-u (theta - rho) / a_e))>,  averaged with |Z(u)| / (u - 1) on u > 1

(Z's powers then of u - 1). Without excitation the transform has no pole: k / (1 - u) goes, and the
integral extends to infinity.

`skewness` measures how far the free membrane is from Gaussian (Campbell 1909; Rice 1944).
"""

from collections.abc import Callable
from math import exp, inf, log

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ..neuron import LIF

_TAIL = 45.0  # what is exp(-45) below the largest value of an integrand is left out
_FEWEST, _MOST = 1e-200, 1e12  # spikes per tau_m; with fewer a synapse is silent
_SMALLEST_JUMP, _LARGEST_MU = 1e-6, 1e6  # against v_th - v_reset
_SILENT = 700.0  # log of the mean interval over tau_m from which on the rate is 0
_NODES, _MOST_NODES = 128, 2**17

_Function = Callable[[NDArray], NDArray]


def _window(log_f: _Function, left: float, right: float) -> tuple[float, float]:
    """Where f matters: the range of t, w = sinh t, within w in (-left, right)."""
    tail = _TAIL + np.log(left + right)
    low, high, before = -np.arcsinh(left), np.arcsinh(right), inf
    while high - low < 0.9 * before:
        t, before = np.linspace(low, high, _NODES), high - low
        values = log_f(np.sinh(t))
        inside = np.flatnonzero(values > values.max() - tail)
        low, high = t[max(inside[0] - 1, 0)], t[min(inside[-1] + 1, _NODES - 1)]
    return low, high


def _refine(estimate: Callable[[NDArray, NDArray], float], window: tuple[float, float]) -> float:
    """The value of a quadrature, given nodes w and weights.

    The trapezoidal rule in t, w = sinh t, with nodes added until two values agree to 1e-9.
    Halving the step squares its error (Takahasi & Mori 1974), so that the second is then exhausted.
    """
    nodes, before = _NODES, inf
    while nodes < _MOST_NODES:
        t, step = np.linspace(*window, nodes, retstep=True)
        value = estimate(np.sinh(t), step * np.cosh(t))
        if abs(value - before) <= 1e-9 * abs(value):
            return value
        nodes, before = 2 * nodes, value
    raise ValueError(
        "the quadrature did not converge: rates, jumps and voltages lie too many orders apart"
    )


def _log_integral(log_f: _Function, left: float, right: float) -> float:
    window = _window(log_f, left, right)
    top = float(log_f(np.sinh(np.linspace(*window, _NODES))).max())
    if top > _SILENT:
        return top
    return top + log(_refine(lambda w, weight: float(weight @ np.exp(log_f(w) - top)), window))


def _jump_fraction(p: float, q: float, b: float, theta: float, span: float) -> float:
    """k for theta < 0; by u = 1 + exp(w)."""

    def log_z(w: NDArray) -> NDArray:
        return p * w + q * np.log1p(b * (1 + np.exp(w))) + theta * np.exp(w)

    def average(w: NDArray, weight: NDArray) -> float:
        z = log_z(w)
        f = -expit(w) * np.expm1(-(1 + np.exp(w)) * span)
        return float(np.average(f, weights=weight * np.exp(z - z.max())))

    left = _TAIL * max(1.0, 1 / p) + np.log1p(-theta)
    right = np.log1p((p + q + _TAIL) / -theta) + 5.0
    return _refine(average, _window(log_z, left, right))


def _log_mean_excited(p: float, q: float, b: float, theta: float, span: float) -> float:
    """Log of the integral, voltages in units of a_e; by u = 1 / (1 + exp(-w))."""
    k = _jump_fraction(p, q, b, theta, span) if theta < 0 else 1.0

    def log_f(w: NDArray) -> NDArray:
        u = expit(w)
        log_z = -p * np.logaddexp(0.0, w) + q * np.log1p(b * u) + theta * u
        bracket = k * u - expit(-w) * np.expm1(-u * span)  # times u (1 - u) = du/dw
        return log_z + np.log(bracket)

    reach = np.log1p(p + q * (1 + b) + abs(theta) + span)
    return _log_integral(log_f, _TAIL + reach, _TAIL * max(1.0, 1 / p) + reach)


def _log_mean_inhibited(q: float, b: float, span: float) -> float:
    """The same without excitation, voltages in units of -theta > 0; by u = exp(w)."""

    def log_f(w: NDArray) -> NDArray:
        u = np.exp(w)
        return q * np.log1p(b * u) - u + np.log(-np.expm1(-u * span))

    return _log_integral(log_f, _TAIL + np.log1p(span + q * b), np.log1p(q + _TAIL) + 5.0)


def _rate(
    neuron: LIF, rate_e: float, jump_e: float, rate_i: float, jump_i: float, mu: float
) -> float:
    p, q = neuron.tau_m * rate_e, neuron.tau_m * rate_i
    theta = neuron.v_th - neuron.v_rest - mu
    span = neuron.v_th - neuron.v_reset
    if p > _FEWEST and jump_e > 0:
        if jump_e < _SMALLEST_JUMP * span:
            raise ValueError(
                f"jump_e must be 0 or at least {_SMALLEST_JUMP:g} (v_th - v_reset), not"
                f" {jump_e!r} V; jumps so small are a diffusion: use siegert.rate"
            )
        log_mean = _log_mean_excited(p, q, -jump_i / jump_e, theta / jump_e, span / jump_e)
    elif theta < 0:
        log_mean = _log_mean_inhibited(q, jump_i / theta, span / -theta)
    else:
        return 0.0
    return 1 / (neuron.t_ref + neuron.tau_m * exp(log_mean)) if log_mean < _SILENT else 0.0


def rate(
    neuron: LIF,
    rate_e: ArrayLike,
    jump_e: ArrayLike,
    rate_i: ArrayLike = 0.0,
    jump_i: ArrayLike = 0.0,
    mu: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Stationary firing rate under exponentially distributed jumps.

    Parameters
    ----------
    neuron : LIF
    rate_e, rate_i : array_like, broadcast
        Total rates of the excitatory and the inhibitory spikes in Hz, 0 .. 1e12 / tau_m; excitation
        below 1e-200 / tau_m counts as none.
    jump_e, jump_i : array_like, broadcast
        Mean jumps of the membrane in V, ``jump_e >= 0 >= jump_i``: inhibition is negative. `jump_e`
        is 0 or at least ``1e-6 (v_th - v_reset)``.
    mu : array_like, broadcast
        Constant drive in V, at most 1e6 times ``v_th - v_reset`` in size.

    Returns
    -------
    ndarray
        Rate in Hz, of the broadcast shape; 0 where it underflows (below 1e-304 / tau_m) or
        nothing can bring the membrane to threshold.

    Raises
    ------
    ValueError
        An argument is not finite or out of range.

    Notes
    -----
    Relative error <= 1e-9 (Richardson & Swarbrick 2010 for ``v_rest + mu <= v_th``; beyond, the
    extension at the head of this module).
    """
    largest_rate = _MOST / neuron.tau_m
    largest_mu = _LARGEST_MU * (neuron.v_th - neuron.v_reset)
    limits = {
        "rate_e": (rate_e, 0.0, largest_rate, "Hz"),
        "jump_e": (jump_e, 0.0, inf, "V"),
        "rate_i": (rate_i, 0.0, largest_rate, "Hz"),
        "jump_i": (jump_i, -inf, 0.0, "V"),
        "mu": (mu, -largest_mu, largest_mu, "V"),
    }
    given = [_within(name, *limit) for name, limit in limits.items()]
    try:
        arrays = np.broadcast_arrays(*given)
    except ValueError:
        shapes = ", ".join(f"{n} {x.shape}" for n, x in zip(limits, given, strict=True))
        raise ValueError(f"shapes must broadcast, not {shapes}") from None
    columns = (x.ravel().tolist() for x in arrays)
    rates = [_rate(neuron, *point) for point in zip(*columns, strict=True)]
    return np.reshape(rates, arrays[0].shape)


def _within(name: str, value: ArrayLike, low: float, high: float, unit: str) -> NDArray:
    x = np.asarray(value, float)
    if x.size == 0:
        raise ValueError(f"{name} must not be empty")
    wrong = x[~(np.isfinite(x) & (low <= x) & (x <= high))]
    if wrong.size:
        allowed = f"finite and within {low:g} .. {high:g} {unit}"
        raise ValueError(f"{name} must be {allowed}, not {float(wrong[0])!r}")
    return x


def skewness(
    neuron: LIF,
    rates: ArrayLike,
    jumps: ArrayLike,
    tau_s: float = 0.0,
    *,
    exponential: bool = False,
) -> float:
    """Skewness of the membrane potential without a threshold; 0 in the diffusion approximation.

    By Campbell's theorem the n-th cumulant is ``sum_j rates[j] <jump_j**n> int h(t)**n dt`` with h
    the response to a unit jump: ``exp(-t / tau_m)``, or where the synapses filter,
    ``(exp(-t / tau_m) - exp(-t / tau_s)) tau_m / (tau_m - tau_s)``. One kind of synapse with fixed
    jumps has ``2**1.5 / 3 / sqrt(rate tau_m)``.

    Parameters
    ----------
    neuron : LIF
    rates : array_like (synapses,)
        Total spike rate of each kind of synapse in Hz, >= 0.
    jumps : array_like (synapses,)
        Jump of the membrane at one spike in V, negative is inhibitory; where the synapses filter,
        the charge of a spike over the capacitance.
    tau_s : float
        Time constant of the synaptic current in s, >= 0; 0 for instantaneous jumps.
    exponential : bool
        Jump sizes are exponentially distributed, and `jumps` are their means.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        An argument is out of range, or nothing arrives and there is no skewness.
    """
    r, a = np.atleast_1d(rates).astype(float), np.atleast_1d(jumps).astype(float)
    if r.ndim != 1 or r.shape != a.shape:
        raise ValueError(f"rates and jumps must pair up, not {r.shape} and {a.shape}")
    r, a = _within("rates", r, 0.0, inf, "Hz"), _within("jumps", a, -inf, inf, "V")
    tau = neuron.tau_m
    tau_s = float(_within("tau_s", tau_s, 0.0, inf, "s"))
    if not (r * a).any():
        raise ValueError(f"a rate with a jump must be > 0, not {r} Hz with {a} V")
    moment_2, moment_3 = (2.0, 6.0) if exponential else (1.0, 1.0)
    a = a / np.abs(a).max()
    variance = moment_2 * (r @ a**2) * tau**2 / (2 * (tau + tau_s))
    third = moment_3 * (r @ a**3) * 2 * tau**3 / (3 * (tau + 2 * tau_s) * (2 * tau + tau_s))
    return float(third / variance**1.5)
