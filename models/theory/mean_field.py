"""Networks of LIF neurons in mean field (Amit & Brunel 1997; Brunel 2000, eqs 3-6, 21-23).

A neuron of population i gets the spikes of ``K_ij`` neurons of population j, each a jump of
``J_ij``, and Poisson spikes from outside. Many small independent jumps are white noise with

    mu_i       = mu_ext_i + tau_i (sum_j K_ij J_ij    r_j + K_ext J_ext    r_ext)
    sigma_i**2 =            tau_i (sum_j K_ij J_ij**2 r_j + K_ext J_ext**2 r_ext)

and the rates are those that reproduce themselves: ``r_i = Phi_i(mu_i, sigma_i)``, Phi the Siegert
rate. `fixed_points` finds all of them, by
`self_consistent`. A fixed point is stable if the rates ``tau dr/dt = -r + Phi(r)`` return to it:
if all eigenvalues of the slopes ``dPhi_i / dr_j`` have real parts < 1. That ignores the membranes'
dynamics and the delays, which can make it oscillate: see `stability`.

Noise convention: ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from ..neuron import LIF
from . import colored_noise, siegert
from .self_consistent import FASTEST, Equations


def _numbers(name: str, value: ArrayLike, shape: tuple[int, ...], least: float) -> NDArray:
    """`value` as finite floats >= `least`, broadcast to `shape`."""
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be numbers, not {value!r}") from None
    try:
        array = np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"{name} must broadcast to shape {shape}, one entry per population, not {array.shape}"
        ) from None
    wrong = ~(np.isfinite(array) & (array >= least))
    if wrong.any():
        bound = "" if least == -np.inf else f" and >= {least:g}"
        raise ValueError(f"{name} must be finite{bound}, not {float(array[wrong][0])!r}")
    return array


@dataclass(frozen=True, eq=False)
class Poisson:
    """Independent Poisson spikes from outside the network; each entry one number or one per target.

    Parameters
    ----------
    rate : array_like, shape () or (n,)
        Rate of each source in Hz, >= 0.
    in_degree : array_like, shape () or (n,)
        Sources per neuron, >= 0.
    weight : array_like, shape () or (n,)
        Jump of the membrane per spike in V.
    """

    rate: Any
    in_degree: Any
    weight: Any


_NOTHING = Poisson(0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Network:
    """Populations of LIF neurons joined by delta synapses; its numbers are kept as arrays.

    Parameters
    ----------
    neurons : tuple of LIF, length n
        The neuron of each population.
    in_degrees : array_like, broadcast to (n, n)
        ``in_degrees[i, j]``: synapses on a neuron of population i from population j, >= 0.
    weights : array_like, broadcast to (n, n)
        Jump of the membrane of i per spike of j in V; negative: inhibition.
    delays : array_like, broadcast to (n, n)
        From j to i in s, >= 0.
    mu_ext : array_like, broadcast to (n,)
        Constant drive in V.
    external : Poisson, optional
    sizes : array_like, broadcast to (n,), optional
        Neurons per population, >= 1; needed only for `finite_size`.
    dt, tau_s : float, optional
        Time step in s of a simulation, or time constant in s of exponential synapses of the same
        charge: raise the threshold, or threshold and reset, as in `siegert.rate`.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, its value and what is allowed.
    """

    neurons: tuple[LIF, ...]
    in_degrees: Any
    weights: Any
    delays: Any = 0.0
    mu_ext: Any = 0.0
    external: Poisson = _NOTHING
    sizes: Any = None
    dt: float | None = None
    tau_s: float | None = None

    def __post_init__(self) -> None:
        neurons = tuple(self.neurons)
        if not neurons:
            raise ValueError("neurons must hold at least one LIF, not ()")
        for neuron in neurons:
            if not isinstance(neuron, LIF):
                raise TypeError(f"neurons must be LIF, not {neuron!r}")
        n = len(neurons)
        external = self.external
        if not isinstance(external, Poisson):
            raise TypeError(f"external must be a Poisson, not {external!r}")
        if self.dt is not None and self.tau_s is not None:
            raise ValueError("dt and tau_s must not both be given: neither knows of the other")
        for name in ("dt", "tau_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise ValueError(f"{name} must be finite and > 0 s, not {value!r}")
        checked: dict[str, Any] = {
            "neurons": neurons,
            "in_degrees": _numbers("in_degrees", self.in_degrees, (n, n), 0.0),
            "weights": _numbers("weights", self.weights, (n, n), -np.inf),
            "delays": _numbers("delays", self.delays, (n, n), 0.0),
            "mu_ext": _numbers("mu_ext", self.mu_ext, (n,), -np.inf),
            "external": Poisson(
                _numbers("external.rate", external.rate, (n,), 0.0),
                _numbers("external.in_degree", external.in_degree, (n,), 0.0),
                _numbers("external.weight", external.weight, (n,), -np.inf),
            ),
        }
        if self.sizes is not None:
            checked["sizes"] = _numbers("sizes", self.sizes, (n,), 1.0)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def equations(self) -> Equations:
        """What the rates must solve, with ``a = tau_i K_ij J_ij``, ``b = tau_i K_ij J_ij**2``."""
        tau = np.array([neuron.tau_m for neuron in self.neurons])
        external = tau * self.external.rate * self.external.in_degree
        gain = tau[:, None] * self.in_degrees * self.weights
        reset, threshold = np.zeros((2, len(tau)))
        if self.dt is not None:
            threshold = siegert.THRESHOLD_SHIFT * np.sqrt(self.dt / tau)
        elif self.tau_s is not None:
            shifts = [colored_noise.shifts(neuron, self.tau_s) for neuron in self.neurons]
            threshold, reset = np.transpose(shifts)
        return Equations(
            self.neurons,
            a=gain,
            b=gain * self.weights,
            m=self.mu_ext + external * self.external.weight,
            v=external * self.external.weight**2,
            lift=threshold - reset,
            shift=reset,
        )

    def input(self, rates: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and noise of the input at given rates.

        Parameters
        ----------
        rates : array_like, shape (..., n)
            Hz, >= 0.

        Returns
        -------
        mu, sigma : ndarray, shape (..., n)
            V.
        """
        e, r = self.equations, _rates(rates, len(self.neurons))
        return e.m + r @ e.a.T, np.sqrt(e.v + r @ e.b.T)

    def response(self, rates: ArrayLike) -> NDArray[np.float64]:
        """Phi: the rates in Hz, shape (..., n), with which the populations answer to `rates`."""
        r = _rates(rates, len(self.neurons))
        return self.equations.response(r.reshape(-1, r.shape[-1])).reshape(r.shape)

    def slopes(self, rates: ArrayLike) -> NDArray[np.float64]:
        """``dPhi_i / dr_j``, shape (..., n, n), by mean and variance of the input."""
        r = _rates(rates, len(self.neurons))
        flat = r.reshape(-1, r.shape[-1])
        return self.equations.bounds(flat, flat)[1][0].reshape(*r.shape, r.shape[-1])


def _rates(rates: ArrayLike, n: int) -> NDArray[np.float64]:
    r = np.asarray(rates, float)
    if r.ndim == 0 or r.shape[-1] != n or r.size == 0:
        raise ValueError(f"rates must have shape (..., {n}), one per population, not {r.shape}")
    return _numbers("rates", r, r.shape, 0.0)


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """Rates that reproduce themselves.

    Attributes
    ----------
    rates : ndarray, shape (n,)
        Hz.
    mu, sigma : ndarray, shape (n,)
        Input in V.
    slopes : ndarray, shape (n, n)
        ``dPhi_i / dr_j``.
    eigenvalues : ndarray of complex, shape (n,)
        Of `slopes`.
    """

    rates: NDArray[np.float64]
    mu: NDArray[np.float64]
    sigma: NDArray[np.float64]
    slopes: NDArray[np.float64]
    eigenvalues: NDArray[np.complex128]

    @property
    def stable(self) -> bool:
        """Whether all eigenvalues have real parts < 1 (no delays, no membrane dynamics)."""
        return bool(np.all(self.eigenvalues.real < 1))


def _point(network: Network, rates: NDArray) -> FixedPoint:
    mu, sigma = network.input(rates)
    for neuron, m, s in zip(network.neurons, mu, sigma, strict=True):
        siegert.rate(neuron, m, s, network.dt, network.tau_s)  # warns outside the shift's domain
    slopes = network.slopes(rates)
    return FixedPoint(rates, mu, sigma, slopes, np.linalg.eigvals(slopes).astype(complex))


def fixed_points(network: Network, max_rate: float | None = None) -> tuple[FixedPoint, ...]:
    """All fixed points, lowest mean rate first.

    Parameters
    ----------
    network : Network
    max_rate : float, optional
        Upper end of the range searched in Hz, > 0. By default no population is searched beyond its
        ``1 / t_ref``, which it cannot exceed; needed if a population has no refractory time.

    Returns
    -------
    tuple of FixedPoint

    Raises
    ------
    ValueError
        No fixed point in the range; two that coincide within 1e-6 (a fold); a search that takes
        more than 200 000 boxes at a time.

    Notes
    -----
    That these are all is proved, up to rounding, by bounds over boxes of rates (`self_consistent`).
    Relative error of the rates ~1e-12 times the condition of ``1 - slopes``. Populations of the
    same kind count once. One unknown takes 10 ms of CPU, two 0.1 s, three about 1 s, four may be
    too many. Warns, as `siegert.rate`, at a fixed point outside the domain of `dt` or `tau_s`.
    """
    limits = [1 / neuron.t_ref if neuron.t_ref else np.inf for neuron in network.neurons]
    if max_rate is not None:
        if not 0 < max_rate <= FASTEST:
            raise ValueError(f"max_rate must be > 0 and <= {FASTEST:g} Hz, not {max_rate!r}")
        limits = [min(limit, max_rate) for limit in limits]
    elif np.inf in limits:
        raise ValueError("max_rate is needed where a neuron has t_ref = 0, not None")
    equations, kind = network.equations.fold()
    solutions = equations.solve(np.array([limits[kind.index(i)] for i in range(max(kind) + 1)]))
    if not solutions:
        raise ValueError(f"network has no fixed point with rates up to {limits} Hz")
    points = [_point(network, r[kind]) for r in solutions]
    return tuple(sorted(points, key=lambda point: float(point.rates.mean())))


def relax(network: Network, start: ArrayLike = 0.0) -> FixedPoint:
    """The fixed point that the rates reach from `start`; for networks of many populations.

    Follows ``dr/dt = -r + Phi(r)`` until Newton's method confirms that a fixed point is near.

    Parameters
    ----------
    network : Network
    start : array_like, broadcast to (n,)
        Rates in Hz, >= 0.

    Returns
    -------
    FixedPoint
        A stable one; it need not be the only one.

    Raises
    ------
    ValueError
        The rates do not settle by t = 1000: they oscillate or grow beyond all bounds.
    """
    r = _numbers("start", start, (len(network.neurons),), 0.0)
    equations = network.equations

    def change(_: float, x: NDArray) -> NDArray:
        return equations.response(np.clip(x, 0.0, FASTEST)[None])[0] - x

    for duration in (10.0, 90.0, 900.0):
        r = solve_ivp(change, (0.0, duration), r, method="LSODA", rtol=1e-6, atol=1e-9).y[:, -1]
        rates = equations.newton(np.clip(r, 0.0, FASTEST))
        if np.all(np.abs(rates - r) <= 1e-3 * rates + 1e-6):
            point = _point(network, rates)
            if point.stable:
                return point
    raise ValueError(f"network does not settle from start = {np.asarray(start).tolist()!r} Hz")
