"""Exact rate, CV and interval distribution of the LIF neuron that is updated in steps of dt.

This is the floating-point simulator itself, not the diffusion it approximates. One step is::

    v' = m + a (v - m) + input,   m = v_rest + mu,  a = exp(-dt / tau_m);   v' >= v_th: a spike

then ``v_reset``, held for ``R = round(t_ref / dt)`` steps. Each spike forgets the past, so the
interval is R + T with T the first passage from v_reset. With the transition density q(v, v')
and the escape probability e(v) of one step, the mean N(v) of T and
W(v) = E[T (T + 1)] / 2 solve

    N(v) = 1 + int q(v, v') N(v') dv',        W(v) = N(v) + int q(v, v') W(v') dv'

(Helias, Deger, Diesmann & Rotter 2010 state the problem.)

* `solve`, white noise: q is Gaussian, the quadrature Gauss-Legendre (Nystroem 1930), converging
  geometrically. Writing ``N(v) = int q N(v) + e N(v)`` the equation needs e and the q between
  *different* nodes only, all positive, and elimination without a subtraction (Grassmann, Taksar &
  Heyman 1985) keeps full relative accuracy down to the rarest escapes.
* `solve_jumps`, Poisson synapses: q is a sum of atoms and N has steps where a jump just reaches
  threshold, so v is cut into cells within which it is taken as uniform (Ulam 1960). Joining
  cells gives the same method on a coarser grid, which preconditions the solver of the fine one.
"""

from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from math import ceil, exp, expm1, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr
from scipy.stats import poisson

from ..interval import follow
from ..neuron import LIF
from .escape import Chain

REACH = 9.0  # standard deviations kept: the Gaussian holds 2e-19 beyond
_SMALLEST_ESCAPE = 1e-300
PANEL, POINTS = 2.5, 10  # quadrature: panel in standard deviations of a step, points a panel
_PER_STEP = 32  # cells a standard deviation of a step, for jumps
_ROUNDING = 1e-12
_LARGEST_NODES = 100_000
_LARGEST_MATRIX = 20_000_000


@dataclass(frozen=True, eq=False)
class DiscreteTime:
    """The stationary neuron on a time grid.

    Attributes
    ----------
    rate : float
        Hz.
    cv : float
        Standard deviation over mean of the inter-spike interval; the absolute error of ``cv**2`` is
        a few times `error`.
    error : float
        Bound on the relative error of `rate`, from refinement and rounding.
    v, density : ndarray, shape (n,)
        Voltage in V and the probability density of v at the steps' ends in 1/V, without the atom at
        v_reset (the spiking and refractory steps, ``rate dt (1 + R)``); empty if ``sigma = 0``.
    """

    rate: float
    cv: float
    error: float
    v: NDArray[np.float64] = field(repr=False)
    density: NDArray[np.float64] = field(repr=False)
    _refractory: int = field(repr=False)
    _chain: Chain = field(repr=False)

    def isi(self, n_max: int) -> NDArray[np.float64]:
        """Probability that an interval lasts 0, 1, ... `n_max` steps, refractory steps included.

        Returns
        -------
        ndarray, shape (n_max + 1,)
        """
        chain, mass = self._chain, None
        onward = chain.transition.T.tocsr()

        def advance() -> tuple[float, float]:
            nonlocal mass
            if mass is None:
                mass = chain.first
                return chain.first_escape, float(mass.sum())
            escaped, mass = float(mass @ chain.escape), onward @ mass
            return escaped, float(mass.sum())

        return follow(advance, self._refractory + 1, n_max)[0]


# --- white noise ---------------------------------------------------------------------------------
def gaussian_chain(
    nodes: NDArray, weights: NDArray, m: float, a: float, noise: float, neuron: LIF
) -> Chain:
    def step(v: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        centre = m + a * (v - m)
        low = np.searchsorted(nodes, centre - REACH * noise)
        high = np.searchsorted(nodes, centre + REACH * noise)
        count = np.maximum(high - low, 0)
        rows = np.repeat(np.arange(v.size), count)
        start = np.cumsum(count) - count
        cols = np.arange(rows.size) - start[rows] + low[rows]
        z = (nodes[cols] - centre[rows]) / noise
        escape = np.maximum(ndtr((centre - neuron.v_th) / noise), _SMALLEST_ESCAPE)
        return rows, cols, weights[cols] * np.exp(-z * z / 2) / (noise * sqrt(2 * pi)), escape

    n = nodes.size
    rows, cols, values, escape = step(nodes)
    _, first_cols, first_values, first_escape = step(np.array([neuron.v_reset]))
    first = np.zeros(n)
    first[first_cols] = first_values
    matrix = csr_array((values, (rows, cols)), shape=(n, n))
    return Chain(matrix, escape, first, float(first_escape[0]))


def check_step(neuron: LIF, mu: float, dt: float) -> tuple[float, float, int]:
    """m, a and R."""
    if not np.isfinite(mu):
        raise ValueError(f"mu must be finite, not {mu!r}")
    if not 0 < dt < np.inf:
        raise ValueError(f"dt must be > 0 s, not {dt!r}")
    return neuron.v_rest + mu, exp(-dt / neuron.tau_m), round(neuron.t_ref / dt)


def _check_size(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise ValueError(
            f"the noise of one step is too small for the range of v: {size} {what}, at most"
            f" {limit}; increase dt or the noise"
        )


def solve(neuron: LIF, mu: float, sigma: float, dt: float) -> DiscreteTime:
    """Rate, CV and interval distribution under white noise.

    Parameters
    ----------
    neuron : LIF
    mu, sigma : float
        Drive and noise in V: one step adds ``sigma sqrt((1 - a**2) / 2) xi``, that is
        ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)`` seen at the steps.
    dt : float
        Time step in s.

    Returns
    -------
    DiscreteTime
        A hazard below 1e-300 per step is not resolved: the rate then is ``1e-300 / dt``.

    Raises
    ------
    ValueError
        An argument is out of range, or the noise of one step is so small against the range of v
        that the chain would not fit.

    Notes
    -----
    With ``sigma = 0`` the number of steps, ``ceil(tau_m / dt log((m - v_reset) / (m - v_th)))``, is
    decided in 60-digit arithmetic on the exact values of the doubles. A tie cannot occur:
    ``exp(-n dt / tau_m)`` is transcendental. (A simulator may still be one step off where its
    rounding exceeds its distance from threshold.)
    """
    m, a, refractory = check_step(neuron, mu, dt)
    if not (np.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma must be finite and >= 0 V, not {sigma!r}")
    if sigma == 0:
        return _deterministic(neuron, mu, dt)
    noise = sigma * sqrt(-expm1(-2 * dt / neuron.tau_m) / 2)
    lowest = min(neuron.v_reset, m) - REACH * sigma / sqrt(2)
    panels = ceil((neuron.v_th - lowest) / (PANEL * noise))
    _check_size("nodes", panels * POINTS, _LARGEST_NODES)
    intervals = []
    for points in (POINTS - 2, POINTS):
        x, w = np.polynomial.legendre.leggauss(points)
        half = (neuron.v_th - lowest) / (2 * panels)
        centres = lowest + half * (2 * np.arange(panels)[:, None] + 1)
        nodes, weights = (centres + half * x).ravel(), np.tile(half * w, panels)
        chain = gaussian_chain(nodes, weights, m, a, noise, neuron)
        steps, visits = chain.passage()
        mean, square = chain.moments(steps, visits)
        intervals.append(refractory + mean)
    interval = intervals[1]
    return DiscreteTime(
        rate=1 / (interval * dt),
        cv=_cv(mean, square, interval),
        error=abs(intervals[0] / interval - 1) + _ROUNDING,
        v=nodes,
        density=visits / weights / interval,
        _refractory=refractory,
        _chain=chain,
    )


def _cv(mean: float, square: float, interval: float) -> float:
    """CV from E[T], E[T**2] / E[T] and E[R + T]."""
    return sqrt(max(square / mean - 1.0, 0.0)) * mean / interval


def _deterministic(neuron: LIF, mu: float, dt: float) -> DiscreteTime:
    """Without noise the nodes are the steps themselves."""
    refractory = round(neuron.t_ref / dt)
    none = np.empty(0)
    drive = Fraction(neuron.v_rest) + Fraction(mu)
    if drive <= Fraction(neuron.v_th):
        stay = Chain(csr_array(np.ones((1, 1))), np.zeros(1), np.ones(1), 0.0)
        return DiscreteTime(0.0, 1.0, 0.0, none, none, refractory, stay)
    with localcontext() as context:
        context.prec = 60
        ratio = (drive - Fraction(neuron.v_reset)) / (drive - Fraction(neuron.v_th))
        time = (Decimal(ratio.numerator) / Decimal(ratio.denominator)).ln()
        n = ceil(time * Decimal(neuron.tau_m) / Decimal(dt))
    shift = csr_array(np.eye(n - 1, k=1)) if n > 1 else csr_array((0, 0))
    march = np.arange(n - 1)
    chain = Chain(shift, (march == n - 2).astype(float), (march == 0).astype(float), float(n == 1))
    return DiscreteTime(1 / ((refractory + n) * dt), 0.0, 0.0, none, none, refractory, chain)


# --- Poisson synapses ----------------------------------------------------------------------------
def _jumps(means: NDArray, weights: NDArray) -> tuple[NDArray, NDArray]:
    """Sizes and probabilities of one step's summed jump; those below 1e-17 are left out.

    Sizes that agree to a femtovolt are one: weights are often multiples of each other.
    """
    sizes: NDArray = np.zeros(1)
    mass: NDArray = np.ones(1)
    for mean, weight in zip(means, weights, strict=True):
        k = np.arange(mean + 12 * sqrt(mean) + 30)
        sizes = (sizes[:, None] + k * weight).ravel()
        mass = (mass[:, None] * poisson.pmf(k, mean)).ravel()
        distinct, same = np.unique(np.round(sizes, 15), return_inverse=True)
        summed = np.bincount(same, mass)
        keep = summed > 1e-17
        sizes, mass = distinct[keep], summed[keep]
    return sizes, mass


def _jump_chain(
    edges: NDArray, sizes: NDArray, mass: NDArray, m: float, a: float, neuron: LIF
) -> Chain:
    """Ulam's method: a cell's mass, uniform in it, is moved and shared out by overlap."""
    n, h = edges.size - 1, edges[1] - edges[0]
    centres = (edges[:-1] + edges[1:]) / 2
    place = ((m + a * (centres - m))[:, None] + sizes - edges[0]) / h - a / 2
    low = np.floor(place)  # the cell of the image's lower end; the image is a <= 1 cells long
    high_share = np.maximum(place + a - low - 1, 0.0) / a
    rows = np.tile(np.repeat(np.arange(n), sizes.size), 2)
    columns = np.concatenate([low.ravel(), low.ravel() + 1]).clip(0, n).astype(int)
    values = np.concatenate([(mass * (1 - high_share)).ravel(), (mass * high_share).ravel()])
    # column n is everything above threshold
    moved = csr_array((values, (rows, columns)), shape=(n, n + 1))
    moved.sum_duplicates()
    start = m + a * (neuron.v_reset - m) + sizes
    over = start >= neuron.v_th
    place = ((start - centres[0]) / h).clip(0.0, n - 1.0)
    low = np.minimum(place.astype(int), n - 2)
    first = np.zeros(n)
    first += np.bincount(low, mass * ~over * (1 - (place - low)), minlength=n)
    first += np.bincount(low + 1, mass * ~over * (place - low), minlength=n)
    return Chain(
        moved[:, :n].tocsr(),
        np.maximum(moved[:, [n]].toarray()[:, 0], _SMALLEST_ESCAPE),
        first,
        float(mass[over].sum()),
    )


def solve_jumps(
    neuron: LIF, mu: float, rates: ArrayLike, weights: ArrayLike, dt: float
) -> DiscreteTime:
    """Rate, CV and interval distribution under Poisson synapses on top of a constant drive.

    One step adds ``sum_j k_j w_j`` after the leak, ``k_j`` Poisson of mean ``rates[j] dt``.

    Parameters
    ----------
    neuron : LIF
    mu : float
        Constant drive in V.
    rates : array_like (synapses,)
        Total spike rate of each kind of synapse in Hz, >= 0.
    weights : array_like (synapses,)
        Jump at one spike in V; negative is inhibitory.
    dt : float
        Time step in s.

    Returns
    -------
    DiscreteTime
        Extrapolated from cells of two widths (second order). `error` is its distance from the
        finer of the two, plus twice what a third, coarser one changes (jumps that just reach
        threshold leave an irregular part), plus the residual of the linear solver. `density` and
        `isi` are those of the finest cells.

    Raises
    ------
    ValueError
        As for `solve`.
    """
    m, a, refractory = check_step(neuron, mu, dt)
    rates, weights = np.atleast_1d(np.asarray(rates, float)), np.atleast_1d(weights).astype(float)
    if rates.ndim != 1 or rates.shape != weights.shape:
        raise ValueError(f"rates and weights must pair up, not {rates.shape} and {weights.shape}")
    if not (np.isfinite(rates) & (rates >= 0)).all():
        raise ValueError(f"rates must be finite and >= 0 Hz, not {rates}")
    if not np.isfinite(weights).all():
        raise ValueError(f"weights must be finite, not {weights}")
    means = rates * dt
    step_sd = sqrt(means @ weights**2)
    if step_sd == 0:
        return _deterministic(neuron, mu, dt)
    sizes, mass = _jumps(means, weights)
    forget = -expm1(-dt / neuron.tau_m)
    mean_v = m + min(means @ weights, 0.0) / forget
    free_sd = step_sd / sqrt(forget * (1 + a))
    lowest = min(neuron.v_reset, mean_v) - REACH * (free_sd - min(weights.min(), 0.0))
    cells = 8 * ceil((neuron.v_th - lowest) / step_sd * _PER_STEP / 8)
    _check_size("cells times jump sizes", cells * sizes.size, _LARGEST_MATRIX)
    edges = np.linspace(lowest, neuron.v_th, cells + 1)
    chain = _jump_chain(edges, sizes, mass, m, a, neuron)
    found = []
    for grid, group in ((chain.grouped(4), 2), (chain.grouped(2), 4), (chain, 8)):
        steps, visits, residual = grid.passage_two_grid(group)
        found.append(grid.moments(steps, visits))
    # second order in the width of the cells
    (rough, _), (mean, square) = (
        ((4 * fine[0] - coarse[0]) / 3, (4 * fine[1] - coarse[1]) / 3)
        for coarse, fine in pairwise(found)
    )
    interval = refractory + mean
    return DiscreteTime(
        rate=1 / (interval * dt),
        cv=_cv(mean, square, interval),
        error=(abs(found[2][0] - mean) + 2 * abs(rough - mean)) / interval + residual + _ROUNDING,
        v=(edges[:-1] + edges[1:]) / 2,
        density=visits / (edges[1] - edges[0]) / interval,
        _refractory=refractory,
        _chain=chain,
    )
