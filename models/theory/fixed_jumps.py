"""Stationary rate of the LIF neuron under Poisson spikes of fixed jumps, in continuous time.

With x the voltage counted from v_rest + mu, theta the threshold and rho the reset there, the mean
time T(x) to threshold obeys the backward equation of Stein's model (Stein 1965; Tuckwell 1988)

    x T'(x) + tau_m sum_j R_j [T(x) - T(x + w_j)] = tau_m,        T = 0 from theta on

and the rate is ``1 / (t_ref + T(rho))``. The membrane drifts towards 0, so that T(x) follows from
the T between x and 0: at 0 the equation loses its derivative and needs no boundary value, and where
theta < 0 the drift itself arrives at ``T(theta) = 0``.

T jumps at theta, its slope at theta - w_j, its curvature at theta - w_i - w_j and so on. These
points divide the range of x into panels. On each, T is a sum of Chebyshev polynomials that
satisfies the equation at Chebyshev nodes and is continuous with the next panel towards 0.

Between the nodes the equation holds with ``tau_m (1 + r(x))`` on the right, r known: T is the mean
of a time that runs 1 + r times as fast. So it is off by at most the time spent in each panel, which
solves the transposed equation, times the largest size of r there. Panels that contribute too much
to this bound are halved (Becker & Rannacher 2001 weigh residuals so for any linear problem).
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb, inf, log

import numpy as np
from numpy.polynomial.chebyshev import chebder, chebvander
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import splu
from scipy.special import expi

from ..neuron import LIF

_ORDER = 12  # Chebyshev polynomials a panel
_NODES = -np.cos(np.pi * np.arange(_ORDER) / (_ORDER - 1))
_BETWEEN = -np.cos(np.pi * (np.arange(3 * _ORDER) + 0.5) / (3 * _ORDER))
_TOLERANCE = 1e-8  # of the bound
_LARGEST_ERROR = 1e-3
_MOST_PANELS = 1000
_SAME = 1e-12  # voltages that differ by less, against the range of x, are one
_KINKS = 40  # sums of jumps that are followed from each end of the range, about
_CHERNOFF = 40.0  # the membrane goes below the range of x with probability exp(-40)


@dataclass(frozen=True)
class FixedJumps:
    """The stationary neuron: `rate` in Hz, and `error`, a bound on its relative error."""

    rate: float
    error: float


@dataclass(frozen=True)
class _Problem:
    """Voltages in V from v_rest + mu; mean numbers of spikes per tau_m."""

    theta: float
    rho: float
    low: float
    spikes: NDArray
    weights: NDArray


def _depth(spikes: NDArray, weights: NDArray) -> float:
    """How far inhibition pushes the free membrane down (Chernoff's bound), in V.

    Its cumulant generating function is ``sum_j R_j tau_m int_0^1 (exp(s |w_j| u) - 1) du / u``
    (Campbell's theorem).
    """
    down = weights < 0
    if not down.any():
        return 0.0
    s = np.geomspace(1e-6, 30.0, 400) / -weights.min()
    z = -s[:, None] * weights[down]
    cumulant = (expi(z) - np.log(z) - np.euler_gamma) @ spikes[down]
    return float(((cumulant + _CHERNOFF) / s).min())


def _first_edges(problem: _Problem) -> NDArray:
    """The ends of the range, 0, the points that jumps take to an end, and some in between."""
    theta, low, weights = problem.theta, problem.low, problem.weights
    span = theta - low
    most = 1
    while most < 8 and comb(weights.size + most + 1, most + 1) <= _KINKS:
        most += 1
    points = [low, 0.0]
    for n in range(1, most + 1):
        for jumps in combinations_with_replacement(weights.tolist(), n):
            points += [theta - sum(jumps), low - sum(jumps)]
    free_sd = float(np.sqrt(problem.spikes @ weights**2 / 2))
    points += np.arange(low, theta, max(free_sd, span / 200)).tolist()
    edges = np.unique([x for x in points if low <= x < theta - _SAME * span])
    edges[np.abs(edges) < _SAME * span] = 0.0
    edges = edges[np.append(True, np.diff(edges) > _SAME * span)]
    return np.append(edges, theta)


def _operator(problem: _Problem, edges: NDArray, z: NDArray) -> csr_array:
    """The equation's left side at the places z in -1 .. 1 of each panel, panel by panel.

    It acts on the Chebyshev coefficients of T / tau_m, likewise panel by panel.
    """
    half, centre = np.diff(edges) / 2, (edges[:-1] + edges[1:]) / 2
    panel = np.repeat(np.arange(half.size), z.size)
    x = centre[panel] + half[panel] * np.tile(z, half.size)
    values = np.tile(chebvander(z, _ORDER - 1), (half.size, 1))
    slopes = np.tile(chebvander(z, _ORDER - 2) @ chebder(np.eye(_ORDER)), (half.size, 1))
    # which side of a jump in T an edge belongs to, is decided a little inside its panel
    within = centre[panel] + half[panel] * np.tile(np.clip(z, -0.99, 0.99), half.size)
    blocks = [(x / half[panel])[:, None] * slopes + problem.spikes.sum() * values]
    sources = [panel]
    for spikes, weight in zip(problem.spikes, problem.weights, strict=True):
        y = x + weight
        source = np.clip(np.searchsorted(edges, y, side="right") - 1, 0, half.size - 1)
        place = np.clip((y - centre[source]) / half[source], -1.0, 1.0)
        stays = (within + weight < problem.theta)[:, None]
        blocks.append(np.where(stays, -spikes * chebvander(place, _ORDER - 1), 0.0))
        sources.append(source)
    columns = np.concatenate(sources)[:, None] * _ORDER + np.arange(_ORDER)
    rows = np.tile(np.repeat(np.arange(x.size), _ORDER), len(blocks))
    entries = np.concatenate(blocks).ravel()
    return csr_array((entries, (rows, columns.ravel())), shape=(x.size, half.size * _ORDER))


def _continuity(edges: NDArray) -> tuple[csr_array, NDArray]:
    """Rows that equate T at a panel's end towards 0 with T there in the next panel; which rows."""
    right = edges[:-1] >= 0
    panel = np.flatnonzero(np.where(right, edges[:-1], edges[1:]) != 0)
    right = right[panel]
    row = panel * _ORDER + np.where(right, 0, _ORDER - 1)
    neighbour = panel + np.where(right, -1, 1)
    inside = neighbour < edges.size - 1  # the last panel below theta < 0 ends in T(theta) = 0
    side, degrees = np.where(right, -1.0, 1.0)[:, None], np.arange(_ORDER)
    entries = np.concatenate([side**degrees, -((-side[inside]) ** degrees)])
    rows = np.repeat(np.concatenate([row, row[inside]]), _ORDER)
    columns = np.concatenate([panel, neighbour[inside]])[:, None] * _ORDER + degrees
    n = (edges.size - 1) * _ORDER
    return csr_array((entries.ravel(), (rows, columns.ravel())), shape=(n, n)), row


def _mean_time(problem: _Problem, edges: NDArray) -> tuple[float, NDArray, NDArray]:
    """T(rho) / tau_m, the error that each panel may contribute, and that part which is rounding."""
    operator = _operator(problem, edges, _NODES)
    continuity, row = _continuity(edges)
    right_side = np.ones(operator.shape[0])
    right_side[row] = 0.0
    matrix = (operator.multiply(right_side[:, None]) + continuity).tocsc()
    factors = splu(matrix)
    t = factors.solve(right_side)
    t += factors.solve(right_side - matrix @ t)

    k = min(int(np.searchsorted(edges, problem.rho, side="right")) - 1, edges.size - 2)
    place = (2 * problem.rho - edges[k] - edges[k + 1]) / (edges[k + 1] - edges[k])
    at_rho = np.zeros(t.size)
    at_rho[k * _ORDER : (k + 1) * _ORDER] = chebvander(place, _ORDER - 1)
    spent = np.abs(factors.solve(at_rho, "T") * right_side).reshape(-1, _ORDER).sum(1)

    between = _operator(problem, edges, _BETWEEN)
    residual = np.abs(between @ t - 1).reshape(spent.size, -1).max(1)
    rounding = 1e-15 * (abs(between) @ np.abs(t)).reshape(spent.size, -1).max(1)
    return float(at_rho @ t), spent * residual, spent * rounding


def _refine(problem: _Problem) -> tuple[float, float]:
    """T(rho) / tau_m and its relative error, on panels halved where that helps."""
    edges = _first_edges(problem)
    while True:
        time, share, rounding = _mean_time(problem, edges)
        error = float(share.sum() / abs(time))
        halve = share > np.maximum(rounding, _TOLERANCE * abs(time) / share.size)
        if error < _TOLERANCE or not halve.any() or edges.size > _MOST_PANELS:
            return time, error
        edges = np.sort(np.append(edges, (edges[:-1] + edges[1:])[halve] / 2))


def solve(neuron: LIF, rates: ArrayLike, weights: ArrayLike, mu: float = 0.0) -> FixedJumps:
    """Stationary rate under Poisson synapses on top of a constant drive.

    Parameters
    ----------
    neuron : LIF
    rates : array_like (synapses,)
        Total spike rate of each kind of synapse in Hz, >= 0.
    weights : array_like (synapses,)
        Jump of the membrane at one spike in V; negative is inhibitory.
    mu : float
        Constant drive in V.

    Returns
    -------
    FixedJumps
        Its `error` is at most 1e-8, but more where more than 1e7 spikes make one interval
        (rounding; 1e12 are too many), or where balanced jumps of incommensurate sizes are smaller
        than a 500th of the distance to threshold. A jump that ends within ``1e-12 (v_th -
        v_reset)`` of the threshold reaches it.

    Raises
    ------
    ValueError
        An argument is out of range, or `error` would exceed 1e-3.
    """
    r, w = np.atleast_1d(rates).astype(float), np.atleast_1d(weights).astype(float)
    if r.ndim != 1 or r.shape != w.shape or r.size == 0:
        raise ValueError(f"rates and weights must pair up, not {r.shape} and {w.shape}")
    if not (np.isfinite(r) & (r >= 0)).all():
        raise ValueError(f"rates must be finite and >= 0 Hz, not {r}")
    if not np.isfinite(w).all():
        raise ValueError(f"weights must be finite, not {w}")
    if not np.isfinite(mu):
        raise ValueError(f"mu must be finite, not {mu!r}")
    heard = (r > 0) & (w != 0)
    w, kind = np.unique(w[heard], return_inverse=True)
    spikes = neuron.tau_m * np.bincount(kind, r[heard])
    same = _SAME * (neuron.v_th - neuron.v_reset)
    theta, rho = (v - neuron.v_rest - mu for v in (neuron.v_th, neuron.v_reset))
    theta, rho = (0.0 if abs(v) < same else v for v in (theta, rho))
    if theta >= 0 and not (w > 0).any():
        return FixedJumps(0.0, 0.0)
    if not w.size:
        return FixedJumps(1 / (neuron.t_ref + neuron.tau_m * log(rho / theta)), 1e-15)
    low = min(rho, 0.0, theta) - _depth(spikes, w)
    problem = _Problem(theta, rho, low, spikes, w)
    try:
        time, error = _refine(problem)
    except RuntimeError:  # from splu: singular to all digits
        time, error = inf, inf
    if not (time > 0 and error <= _LARGEST_ERROR):
        raise ValueError(
            f"rates {r} Hz, weights {w} V: the error of the rate would be {error:.1g}; spikes are"
            " too rare, or the jumps too small, to be resolved"
        )
    return FixedJumps(1 / (neuron.t_ref + neuron.tau_m * time), error)
