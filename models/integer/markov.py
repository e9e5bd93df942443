"""An integer LIF under independent integer input is a Markov chain; its rate, CV and ISI, exactly.

The state v of `lif` steps from v to leak(v) + i, saturating; at the threshold it spikes. With Q the
transition probabilities between the states without a spike, the mean time T to a spike solves
(I - Q) T = 1, and its central moments follow from the same matrix by the law of total cumulance,
e.g. the variance from (I - Q) V = E[(T' - E T')**2]. This is the exact discrete-time membrane
distribution of Helias, Deger, Diesmann and Rotter (2010, Front. Comput. Neurosci. 3:29), for a
state that is an integer: rounding, saturation and time step are the hardware's, bit for bit.
Stochastic rounding makes leak(v) one of two integers; its bits are taken as independent and
uniform. Any other map v -> u can stand in for the leak (`leak`). A TrueNorth neuron is such a
chain, too, its random leak and threshold included (`truenorth_chain`).

Reset to a value makes spikes renewals: each interspike interval (ISI) is the time of first passage
from v_reset, plus the refractory updates. Reset by subtraction leaves a state after the spike that
is what the sum had beyond the threshold. From spike to spike these states are a Markov chain with
the transition probabilities G = (I - Q)**-1 H, H those of spiking; with its stationary distribution
p the spikes are a Markov renewal process (Cinlar 1969, Adv. Appl. Probab. 1:123), whose intervals
are distributed as the first passages from p, and are correlated.

An interval of n steps: spike at step t, the next `refractory` updates skipped, spike at t + n;
so n >= refractory + 1.
"""

from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..interval import follow
from .elimination import Elimination, eliminate
from .elimination import stationary as stationary_of
from .input import IntegerInput
from .leak import Leak, targets
from .lif import IntegerLIF
from .orbit import intervals
from .transitions import Transitions, check, interval
from .transitions import transitions as transitions_of_lif
from .truenorth import TrueNorth
from .truenorth_chain import transitions as transitions_of_truenorth


@dataclass(frozen=True)
class Chain:
    """Statistics of the interspike interval (ISI) of an integer neuron.

    Parameters
    ----------
    mean_isi : float
        In steps, refractory ones included; inf if the neuron can be caught where it never spikes.
    variance, third, fourth : float
        Central moments of the ISI in steps**2, **3, **4; nan where `mean_isi` is inf. They lose
        accuracy where the square of the machine epsilon times `mean_isi` is not small (1e20 steps).
    error : float
        Bound on the relative error of `mean_isi`: the probability that the input left out
        (`lost_mass`) times what a step can change in the time to later spikes at most (for reset to
        a value the longest mean time to a spike), and rounding. Where the rate is 0 it is 0, and
        the true rate is at most that of the inputs left out, `lost_mass` per step.
    """

    mean_isi: float
    variance: float
    third: float
    fourth: float
    error: float

    @property
    def rate(self) -> float:
        """Spikes per step; exactly 0 if the neuron can be caught where it never spikes."""
        return 1 / self.mean_isi

    @property
    def cv(self) -> float:
        """Coefficient of variation of the ISI; nan where the rate is 0."""
        return sqrt(self.variance) / self.mean_isi


SILENT = Chain(inf, nan, nan, nan, 0.0)


def solve(neuron: IntegerLIF | TrueNorth, source: IntegerInput, leak: Leak | None = None) -> Chain:
    """Rate, CV and moments of the ISI of an integer neuron under independent integer input.

    Parameters
    ----------
    neuron : IntegerLIF or TrueNorth
    source : IntegerInput
        The input of each step, within the neuron's `input_width`.
    leak : callable or array_like of int, shape (2**width,), optional
        In place of the neuron's own leak and rounding: a function of an array of states, or a
        table of all states from the lowest up; either leads to states. Of an `IntegerLIF` only.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        An input beyond `input_width`, a leak beyond the states, a chain too large for memory (with
        its size), or, with reset by subtraction, one that chance takes into one of several sets
        of states for good: it has no one rate.
    """
    if isinstance(neuron, TrueNorth):
        return _moments(_Solved.of(transitions_of_truenorth(neuron, source)), 0, source)
    check(neuron, source)
    if leak is None and source.values.size == 1 and neuron.rounding != "stochastic":
        found = intervals(neuron, int(source.values[0]))
        if found.size == 0:
            return SILENT
        mean = float(found.mean())
        m2, m3, m4 = (float(np.mean((found - mean) ** k)) for k in (2, 3, 4))
        return Chain(mean, m2, m3, m4, 0.0)
    chain = _Solved.of(transitions_of_lif(neuron, source, leak))
    return _moments(chain, neuron.refractory, source)


def _moments(chain: "_Solved | None", refractory: int, source: IntegerInput) -> Chain:
    if chain is None:
        return SILENT
    t, variance, third, fourth = (x[chain.matrix.after] for x in chain.moments())
    p, mean, d = chain.begin, chain.mean, t - chain.mean
    return Chain(
        mean + refractory,
        float(p @ (variance + d**2)),
        float(p @ (third + 3 * variance * d + d**3)),
        float(p @ (fourth + 4 * third * d + 6 * variance * d**2 + d**4)),
        chain.error(source.lost_mass),
    )


def serial_correlation(
    neuron: IntegerLIF, source: IntegerInput, lags: int, leak: Leak | None = None
) -> NDArray[np.float64]:
    """Correlation coefficients of an ISI and the one `lag` intervals later.

    Parameters
    ----------
    neuron, source, leak
        As of `solve`.
    lags : int
        The largest lag, >= 1.

    Returns
    -------
    ndarray of float, shape (lags,)
        For lag 1, 2, ... `lags`; 0 with reset to a value, nan where the ISI does not vary or the
        neuron falls silent. Absolute error about the machine epsilon over the squared CV.

    Raises
    ------
    TypeError, ValueError
        As `solve`, and for `lags` below 1.
    """
    if lags < 1:
        raise ValueError(f"lags must be >= 1, not {lags!r}")
    check(neuron, source)
    if leak is None and source.values.size == 1 and neuron.rounding != "stochastic":
        isi = intervals(neuron, int(source.values[0]))
        if isi.size == 0 or np.all(isi == isi[0]):
            return np.full(lags, nan)
        x = isi - isi.mean()
        return np.array([np.mean(x * np.roll(x, -k)) for k in range(1, lags + 1)]) / np.mean(x**2)
    chain = _Solved.of(transitions_of_lif(neuron, source, leak))
    if chain is None:
        return np.full(lags, nan)
    after, factors = chain.matrix.after, chain.factors
    t, variance, _, _ = chain.moments()
    d = t[after] - chain.mean
    whole = float(chain.begin @ (variance[after] + d**2))
    if whole == 0:
        return np.full(lags, nan)
    later, found = d, np.empty(lags)
    for k in range(lags):
        # E[T times the mean of a later interval], by the time spent on the way to each next state
        weighted = factors.solve(factors.solve(chain.matrix.spikes @ later))[after]
        later = chain.onto[after] @ later
        found[k] = chain.begin @ (weighted - chain.mean * later)
    return found / whole


def isi_pmf(
    neuron: IntegerLIF | TrueNorth, source: IntegerInput, n_max: int, leak: Leak | None = None
) -> tuple[NDArray[np.float64], float]:
    """Distribution of the ISI, by following the state's distribution from after a spike.

    Where the hazard has settled, the rest is taken as geometric (`rheobase.models.interval`).

    Returns
    -------
    pmf : ndarray of float, shape (n_max + 1,)
        Probability of an ISI of n steps at index n.
    tail : float
        Probability of an ISI longer than `n_max`.

    Raises
    ------
    ValueError
        As `solve`, but with reset to a value not for the size, and for a negative `n_max`. With
        reset by subtraction also for a neuron that falls silent, whose spikes have no distribution.
    """
    if isinstance(neuron, TrueNorth):
        return _follow(transitions_of_truenorth(neuron, source), n_max)
    check(neuron, source)
    first, last = interval(neuron, source, leak)
    state = np.zeros(last - first + 1)
    if neuron.reset == "value":
        state[neuron.v_reset - first] = 1.0
    else:
        after, p = after_spike(neuron, source, leak)
        state[after - first] = p
    branches = [
        (u - first, p) for u, p in targets(neuron, np.arange(first, last + 1, dtype=np.int64), leak)
    ]
    lowest = min(int(u.min()) for u, _ in branches)
    size = max(int(u.max()) for u, _ in branches) - lowest + 1
    smallest = int(source.values[0])
    kernel = np.zeros(int(source.values[-1]) - smallest + 1)
    kernel[source.values - smallest] = source.probabilities
    landing = np.arange(size + kernel.size - 1) + lowest + smallest
    spikes = landing >= neuron.threshold - first
    landing = np.where(spikes, 0, np.maximum(landing, 0))

    def advance() -> tuple[float, float]:
        nonlocal state
        leaked = np.zeros(size)
        for u, p in branches:
            leaked += np.bincount(u - lowest, state * p, size)
        landed = np.convolve(leaked, kernel)
        state = np.bincount(landing, landed * ~spikes, state.size).astype(float)
        return float(landed[spikes].sum()), float(state.sum())

    return follow(advance, neuron.refractory + 1, n_max)


def _follow(matrix: Transitions, n_max: int) -> tuple[NDArray[np.float64], float]:
    """Distribution of the time to a spike from the one state after a spike."""
    n, hazard = matrix.states.size, matrix.hazard
    row, offset = np.nonzero(matrix.band)
    to = row + offset - matrix.lower
    onward = csr_array((matrix.band[row, offset], (to, row)), shape=(n, n))
    state = np.zeros(n)
    state[matrix.after] = 1.0

    def advance() -> tuple[float, float]:
        nonlocal state
        spiked, state = float(state @ hazard), onward @ state
        return spiked, float(state.sum())

    return follow(advance, 1, n_max)


def stationary(
    neuron: IntegerLIF, source: IntegerInput, leak: Leak | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Distribution of v at the end of a step, given that the neuron is not refractory then (r = 0).

    Returns
    -------
    states : ndarray of int64, ascending
        Those that can be reached from the reset, and reached again.
    probabilities : ndarray of float
        Each to relative accuracy; they add up to 1.

    Raises
    ------
    ValueError
        As `solve`, and where the neuron can be caught in states from which it never spikes.
    """
    chain = _firing(neuron, source, leak)
    begin = np.zeros(chain.matrix.states.size)
    begin[chain.matrix.after] = chain.begin
    visits = chain.factors.solve_transposed(begin)
    return chain.matrix.states, visits / visits.sum()


def after_spike(
    neuron: IntegerLIF, source: IntegerInput, leak: Leak | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Distribution of v just after a spike: of one value, unless it is reset by subtraction.

    Returns and raises as `stationary`.
    """
    chain = _firing(neuron, source, leak)
    return chain.matrix.states[chain.matrix.after], chain.begin


def _firing(neuron: IntegerLIF, source: IntegerInput, leak: Leak | None) -> "_Solved":
    check(neuron, source)
    chain = _Solved.of(transitions_of_lif(neuron, source, leak))
    if chain is None:
        raise ValueError("the neuron never spikes from some states: no spikes, no distribution")
    return chain


@dataclass(frozen=True, eq=False)
class _Solved:
    """A chain that spikes for ever, and what happens from spike to spike.

    Parameters
    ----------
    onto : ndarray of float, shape (n, m)
        Probability that the next spike leads from state i to the state ``after[k]``.
    begin : ndarray of float, shape (m,)
        Stationary distribution of the states after a spike.
    t : ndarray of float, shape (n,)
        Mean time to a spike, refractoriness aside, and `mean`, that from spike to spike.
    """

    matrix: Transitions
    factors: Elimination
    onto: NDArray[np.float64]
    begin: NDArray[np.float64]
    t: NDArray[np.float64]
    mean: float

    @classmethod
    def of(cls, matrix: Transitions) -> "_Solved | None":
        """Solve a chain; None if it can be caught where it never spikes."""
        factors = eliminate(matrix.band, matrix.lower, matrix.hazard)
        if not factors.pivots.all():
            return None
        t = factors.solve(np.ones(matrix.states.size))
        if matrix.after.size == 1:
            onto, begin = np.ones((t.size, 1)), np.ones(1)
        else:
            onto = factors.solve(matrix.spikes)
            begin = stationary_of(onto[matrix.after])
        return cls(matrix, factors, onto, begin, t, float(begin @ t[matrix.after]))

    def error(self, lost_mass: float) -> float:
        """Bound on the relative error of the mean interval.

        With z the spikes to come, less what the rate lets expect (Poisson's equation of the chain),
        a change of the transition probabilities changes the rate by the mean over the changed
        chain of what they change in z; so by `lost_mass` times the range of z at most.
        """
        own = self.onto[self.matrix.after]
        d = self.t[self.matrix.after] / self.mean - 1
        after = np.linalg.solve(np.eye(d.size) - own + self.begin, -d)
        lowest = np.min(1 - self.t / self.mean + self.onto @ after)
        steps = self.mean * (1 + after.max() - lowest)
        operations = (self.t.size + d.size) * (1 + np.ptp(after))
        return float(lost_mass * steps + operations * np.finfo(float).eps)

    def moments(self) -> list[NDArray[np.float64]]:
        """Mean and central moments of the time to a spike, from every state.

        With X = 1 + X', delta = T' - (T - 1), X' - T' independent of delta given the next state,
        and E delta = 0: V = E[V' + delta**2], mu3 = E[mu3' + 3 (V' - V) delta + delta**3],
        mu4 = E[mu4' + 4 (mu3' - mu3) delta + 6 V' delta**2 + delta**4]; primes are 0 after a spike.
        """
        q = (self.matrix.band, self.matrix.lower, self.matrix.hazard)
        solve, t, nothing = self.factors.solve, self.t, np.zeros_like(self.t)
        variance = solve(_expect(*q, t, nothing, nothing, 2))
        third = solve(_expect(*q, t, variance, nothing, 3))
        fourth = solve(_expect(*q, t, variance, third, 4))
        return [t, variance, third, fourth]


@njit(cache=True)
def _expect(
    band: NDArray[np.float64],
    lower: int,
    hazard: NDArray[np.float64],
    t: NDArray[np.float64],
    variance: NDArray[np.float64],
    third: NDArray[np.float64],
    order: int,
) -> NDArray[np.float64]:
    """What the next step alone adds to the central moment of the given order."""
    n, width = band.shape
    result = np.zeros(n)
    for i in range(n):
        here = t[i] - 1
        spike = (here**2, 3 * variance[i] * here - here**3, 4 * third[i] * here + here**4)
        total = hazard[i] * spike[order - 2]
        for j in range(max(0, i - lower), min(n, i + width - lower)):
            d = t[j] - here
            if order == 2:
                term = d * d
            elif order == 3:
                term = (3 * (variance[j] - variance[i]) + d * d) * d
            else:
                term = (4 * (third[j] - third[i]) + (6 * variance[j] + d * d) * d) * d
            total += band[i, j - i + lower] * term
        result[i] = total
    return result
