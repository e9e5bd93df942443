"""The integer LIF under independent integer input is a Markov chain; its rate, CV and ISI, exactly.

The state v of `lif` steps from v to leak(v) + i, saturating; at the threshold it spikes and starts
again from v_reset, so that spikes are renewals and the interspike interval is the time of first
passage from v_reset, plus the refractory updates. With Q the transition probabilities between the
states below the threshold, the mean T of that time solves (I - Q) T = 1, and the central moments
follow from the same matrix by the law of total cumulance, e.g. the variance from
(I - Q) V = E[(T' - E T')**2]. This is the exact discrete-time membrane distribution of Helias,
Deger, Diesmann and Rotter (2010, Front. Comput. Neurosci. 3:29), for a state that is an integer:
rounding, saturation and time step are the hardware's, bit for bit. Stochastic rounding makes
leak(v) one of two integers; its bits are taken as independent and uniform.

An interval of n steps: spike at step t, the next `refractory` updates skipped, spike at t + n;
so n >= refractory + 1.
"""

from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..interval import follow
from .elimination import Elimination, eliminate
from .input import IntegerInput
from .lif import IntegerLIF
from .transitions import (
    Transitions,
    check,
    interval,
    leak_one,
    leak_targets,
    smallest_and_largest_d,
    transitions,
)


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
        (`lost_mass`) times the longest mean time to a spike, and rounding. Where the rate is 0
        it is 0, and the true rate is at most that of the inputs left out, `lost_mass` per step.
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


def solve(neuron: IntegerLIF, source: IntegerInput) -> Chain:
    """Rate, CV and moments of the ISI of an integer neuron under independent integer input.

    Parameters
    ----------
    neuron : IntegerLIF
        With ``reset == "value"``.
    source : IntegerInput
        The input of each step, within the neuron's `input_width`.

    Returns
    -------
    Chain

    Raises
    ------
    ValueError
        A neuron with reset by subtraction (its spikes are no renewals), an input beyond
        `input_width`, or a chain too large for a matrix.
    """
    check(neuron, source)
    if source.values.size == 1 and neuron.rounding != "stochastic":
        return _orbit(neuron, int(source.values[0]))
    matrix = transitions(neuron, source)
    factors = eliminate(matrix.band, matrix.lower, matrix.hazard)
    if not factors.pivots.all():
        return Chain(inf, nan, nan, nan, 0.0)
    t, variance, third, fourth = _moments(matrix, factors)
    k = matrix.start
    mean = t[k] + neuron.refractory
    error = source.lost_mass * t.max() + t.size * np.finfo(float).eps
    return Chain(float(mean), float(variance[k]), float(third[k]), float(fourth[k]), float(error))


def isi_pmf(
    neuron: IntegerLIF, source: IntegerInput, n_max: int
) -> tuple[NDArray[np.float64], float]:
    """Distribution of the ISI, by following the state's distribution from the reset.

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
        As `solve`, but for the size, and for a negative `n_max`.
    """
    check(neuron, source)
    first, last = interval(neuron, source)
    targets = [
        (u - first, p) for u, p in leak_targets(neuron, np.arange(first, last + 1, dtype=np.int64))
    ]
    lowest = min(int(u[0]) for u, _ in targets)
    size = max(int(u[-1]) for u, _ in targets) - lowest + 1
    smallest = int(source.values[0])
    kernel = np.zeros(int(source.values[-1]) - smallest + 1)
    kernel[source.values - smallest] = source.probabilities
    state = np.zeros(last - first + 1)
    state[neuron.v_reset - first] = 1.0
    landing = np.arange(size + kernel.size - 1) + lowest + smallest
    spikes = landing >= neuron.threshold - first
    landing = np.where(spikes, 0, np.maximum(landing, 0))

    def advance() -> tuple[float, float]:
        nonlocal state
        leaked = np.zeros(size)
        for u, p in targets:
            leaked += np.bincount(u - lowest, state * p, size)
        landed = np.convolve(leaked, kernel)
        state = np.bincount(landing, landed * ~spikes, state.size).astype(float)
        return float(landed[spikes].sum()), float(state.sum())

    return follow(advance, neuron.refractory + 1, n_max)


def stationary(
    neuron: IntegerLIF, source: IntegerInput
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Distribution of v at the end of a step, given that the neuron is not refractory then (r = 0).

    Returns
    -------
    states : ndarray of int64, ascending
        Those that can be reached from the reset.
    probabilities : ndarray of float
        Each to relative accuracy; they add up to 1.

    Raises
    ------
    ValueError
        As `solve`, and where the neuron can be caught in states from which it never spikes.
    """
    check(neuron, source)
    matrix = transitions(neuron, source)
    factors = eliminate(matrix.band, matrix.lower, matrix.hazard)
    if not factors.pivots.all():
        raise ValueError("the neuron never spikes from some states: no renewals, no distribution")
    begin = np.zeros(matrix.states.size)
    begin[matrix.start] = 1.0
    visits = factors.solve_transposed(begin)
    return matrix.states, visits / visits.sum()


def _orbit(neuron: IntegerLIF, current: int) -> Chain:
    """A held current: follow the one orbit to the threshold, or to its fixed point."""
    d, _ = smallest_and_largest_d(neuron)
    leak = (neuron.leak == "shift", neuron.leak_bits, neuron.leak_multiplier, d)
    steps = _steps_to(neuron.threshold, neuron.v_reset, current, *leak, neuron.v_min)
    if steps == 0:
        return Chain(inf, nan, nan, nan, 0.0)
    return Chain(float(steps + neuron.refractory), 0.0, 0.0, 0.0, 0.0)


def _moments(matrix: Transitions, factors: Elimination) -> list[NDArray[np.float64]]:
    """Mean and central moments of the time to a spike, from every state.

    With X = 1 + X', delta = T' - (T - 1), X' - T' independent of delta given the next state, and
    E delta = 0: V = E[V' + delta**2], mu3 = E[mu3' + 3 (V' - V) delta + delta**3],
    mu4 = E[mu4' + 4 (mu3' - mu3) delta + 6 V' delta**2 + delta**4]; primes are 0 after a spike.
    """
    q = (matrix.band, matrix.lower, matrix.hazard)
    t = factors.solve(np.ones(matrix.states.size))
    nothing = np.zeros_like(t)
    variance = factors.solve(_expect(*q, t, nothing, nothing, 2))
    third = factors.solve(_expect(*q, t, variance, nothing, 3))
    fourth = factors.solve(_expect(*q, t, variance, third, 4))
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


@njit(cache=True)
def _steps_to(
    threshold: int,
    v: int,
    current: int,
    shift: bool,
    bits: int,
    multiplier: int,
    d: int,
    v_min: int,
) -> int:
    """Steps to the threshold; 0 if there is no way (a monotonous map: it stops, or turns back)."""
    steps = 0
    while True:
        steps += 1
        following = max(leak_one(v, shift, bits, multiplier, d) + current, v_min)
        if following >= threshold:
            return steps
        if following <= v:
            return 0
        v = following
