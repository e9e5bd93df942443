"""An integer LIF behind a decaying integer synaptic current: rate, CV and ISI of the 2-D chain.

The input x of each step is independent of the others; the current i filters it, and drives v::

    i' = min(max(decay(i) + x, -2**(width-1)), 2**(width-1) - 1)     in every step
    v' = the update of `lif` with the input i'                       (skipped while refractory)

(i, v) is a Markov chain, but too wide a one for elimination (`markov`): 10 bits by 7 are 1e5 states
whose steps lead far. Here it is followed in time. The distribution q of (i, v) just after a spike
goes on until the next one, q -> q G; this is repeated until q is stationary, which takes few
intervals, as the current forgets. The steps of the last pass are the law of the interspike interval
(a Markov renewal process, Cinlar 1969). Once the hazard has settled the rest is geometric. Sums
of positive terms throughout: rare spikes cost no accuracy.

What bounds the work is time, not memory: a pass is a few intervals, or some ten time constants.
"""

from dataclasses import dataclass, field
from math import inf, nan, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from .input import IntegerInput
from .leak import Leak, mapped, targets
from .lif import IntegerLIF

MOST_TRANSITIONS = 1 << 25  # where they are looked through for traps: some 2 GiB
MOST_STEPS = 1 << 18
MOST_PASSES = 200
SETTLED = 1e-10  # relative distance of the hazard from its limit
STATIONARY = 1e-8  # distance from stationary of the distribution after a spike, sum of |..|
EPS = float(np.finfo(float).eps)
WINDOW = 32  # steps over which a change of the hazard is watched


@dataclass(frozen=True)
class Chain2D:
    """Statistics of the interspike interval (ISI) of an integer neuron with a synaptic current.

    Parameters
    ----------
    mean_isi : float
        In steps, refractory ones included; inf if the neuron can be caught where it never spikes.
    variance : float
        Of the ISI in steps**2; nan where `mean_isi` is inf.
    error : float
        Estimated relative error of `mean_isi`: how far the hazard is from its limit, how far the
        distribution after a spike is from stationary (both extrapolated from the last changes, as
        geometric), and the input's `lost_mass` times the longest mean time to a spike, that from
        the lowest state (for leak and decay that are monotonous).
    """

    mean_isi: float
    variance: float
    error: float
    _pmf: NDArray[np.float64] = field(repr=False)
    _left: float = field(repr=False)
    _hazard: float = field(repr=False)

    @property
    def rate(self) -> float:
        """Spikes per step."""
        return 1 / self.mean_isi

    @property
    def cv(self) -> float:
        """Coefficient of variation of the ISI; nan where the rate is 0."""
        return sqrt(self.variance) / self.mean_isi

    def isi_pmf(self, n_max: int) -> tuple[NDArray[np.float64], float]:
        """Probability of an ISI of 0, 1, ... `n_max` steps, shape (n_max + 1,), and of a longer.

        Raises
        ------
        ValueError
            A negative `n_max`, or a neuron that falls silent.
        """
        if n_max < 0:
            raise ValueError(f"n_max must be >= 0, not {n_max!r}")
        if self.mean_isi == inf:
            raise ValueError("the neuron never spikes from some states: no distribution")
        known = self._pmf[: n_max + 1]
        if known.size < self._pmf.size:
            return known.copy(), float(self._pmf[known.size :].sum()) + self._left
        beyond = n_max + 1 - known.size
        if self._left == 0:
            return np.concatenate((known, np.zeros(beyond))), 0.0
        stay = np.log1p(-self._hazard)
        later = self._left * self._hazard * np.exp(np.arange(beyond) * stay)
        return np.concatenate((known, later)), self._left * float(np.exp(beyond * stay))


SILENT = Chain2D(inf, nan, 0.0, np.zeros(0), 1.0, 0.0)


def solve(
    neuron: IntegerLIF, source: IntegerInput, width: int, decay: Leak, leak: Leak | None = None
) -> Chain2D:
    """Rate, CV and law of the ISI under integer input that an integer current filters.

    Parameters
    ----------
    neuron : IntegerLIF
    source : IntegerInput
        What each step adds to the current.
    width : int
        Bits of the signed current, 2 to the neuron's `input_width`.
    decay : callable or array_like of int, shape (2**width,)
        What a step leaves of a current: a function of an array of currents, or a table of all
        currents from the lowest up; either leads to currents.
    leak : callable or array_like of int, shape (2**neuron.width,), optional
        In place of the neuron's own leak and rounding, likewise for v.

    Returns
    -------
    Chain2D

    Raises
    ------
    TypeError, ValueError
        A `width`, `decay` or `leak` out of range; a chain too large for memory, or that does not
        settle (with its size); one that chance takes into one of several sets of states for good.
    """
    if not 2 <= width <= neuron.input_width:
        raise ValueError(f"width must be in 2 .. {neuron.input_width} (input_width), not {width!r}")
    grid = _Grid.of(neuron, source, width, decay, leak)
    lowest = grid.lowest()
    if lowest is None:
        return SILENT
    after, change, kept = np.zeros(grid.after.size), 1.0, 0.0
    found = grid.passage(grid.start(), 1e-2)
    for _ in range(MOST_PASSES):
        before, last = after, change
        after = found.after / found.after.sum()
        change = float(np.abs(after - before).sum())
        kept = min(change / last, 0.999) if change > 0 else 0.0
        close = change * kept / (1 - kept) < STATIONARY
        found = grid.passage(grid.begin(after), SETTLED if close else max(SETTLED, 1e-2 * change))
        if close:
            break
    else:
        raise ValueError(
            f"the state after a spike does not become stationary: after {MOST_PASSES} spikes its"
            f" distribution still changes by {change:.1g}"
        )
    longest = grid.passage(lowest, 0.1).moments()[0]
    mean, variance = found.moments()
    unsettled = change * kept / (1 - kept) + source.lost_mass * mean / (1 - kept)
    return Chain2D(
        mean + neuron.refractory,
        variance,
        float(found.unsettled + unsettled * longest / mean + found.pmf.size * EPS),
        np.concatenate((np.zeros(neuron.refractory + 1), found.pmf)),
        found.left,
        found.hazard,
    )


@dataclass(frozen=True, eq=False)
class _Pass:
    """What happened from a spike to the next: `left` is what `pmf` does not hold, `after` does."""

    pmf: NDArray[np.float64]
    left: float
    hazard: float
    after: NDArray[np.float64]
    unsettled: float

    def moments(self) -> tuple[float, float]:
        """Mean and variance of the time to the spike, its geometric tail included."""
        n = np.arange(1, self.pmf.size + 1)
        late = n.size + 1 / self.hazard if self.left > 0 else 0.0
        mean = float(self.pmf @ n) + self.left * late
        spread = (1 - self.hazard) / self.hazard**2 if self.left > 0 else 0.0
        return mean, float(self.pmf @ (n - mean) ** 2) + self.left * ((late - mean) ** 2 + spread)


@dataclass(frozen=True, eq=False)
class _Grid:
    """The states (i, v), v the faster index, and the steps among them.

    Parameters
    ----------
    currents, states : ndarray of int64, shapes (n_i,), (n_v,)
    filter : ndarray of float, shape (n_i, n_i)
        Probability of a step of the current from the second index to the first.
    lands : ndarray of int64, shape (branches, n_i * n_v)
        Where the leak, and the new current of the first index, take v: a state, or, from
        n_i * n_v up, one of the states after a spike.
    chance : ndarray of float, shape (branches, n_v)
        Of each branch of the leak.
    after : ndarray of int64, shape (m,)
        The states after a spike.
    """

    currents: NDArray[np.int64]
    states: NDArray[np.int64]
    filter: NDArray[np.float64]
    lands: NDArray[np.int64]
    chance: NDArray[np.float64]
    after: NDArray[np.int64]
    refractory: int
    v_reset: int

    @classmethod
    def of(
        cls, neuron: IntegerLIF, source: IntegerInput, width: int, decay: Leak, leak: Leak | None
    ) -> "_Grid":
        """Find the states that the currents and the neuron can be in, and their steps."""
        low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
        _check_size(f"{1 << width} currents", (1 << width) * source.values.size)
        everything = np.arange(low, high + 1, dtype=np.int64)
        decayed = mapped(low, high, everything, decay, "decay")
        lands_at = np.clip(decayed[:, None] + source.values, low, high) - low
        p = np.tile(source.probabilities / source.probabilities.sum(), everything.size)
        rows = np.repeat(np.arange(everything.size), source.values.size)
        steps = csr_array((p, (rows, lands_at.ravel())), shape=(everything.size, everything.size))
        used = np.sort(breadth_first_order(steps, -low, return_predecessors=False))
        currents, steps = everything[used], steps[used][:, used]
        _check_size(f"{currents.size} by {currents.size} currents", currents.size**2)
        states = _states(neuron, currents, steps.nnz, leak)
        branches = targets(neuron, states, leak)
        u = np.array([u for u, _ in branches])
        s = np.clip(u[:, None, :] + currents[:, None], neuron.v_min, neuron.v_max)
        spikes, row = s >= neuron.threshold, np.arange(currents.size)[:, None] * states.size
        reset = s - neuron.threshold if neuron.reset == "subtract" else neuron.v_reset
        lands = (np.where(spikes, reset, s) - states[0] + row).reshape(len(branches), -1)
        after, which = np.unique(lands[spikes.reshape(lands.shape)], return_inverse=True)
        lands[spikes.reshape(lands.shape)] = which + currents.size * states.size
        chance = np.array([p for _, p in branches])
        onward = steps.toarray().T.copy()
        return cls(
            currents, states, onward, lands, chance, after, neuron.refractory, neuron.v_reset
        )

    def start(self) -> NDArray[np.float64]:
        """The state after reset of the circuit: no current, v at its reset."""
        x = np.zeros((self.currents.size, self.states.size))
        x[self.currents == 0, self.states == self.v_reset] = 1.0
        return x

    def begin(self, after: NDArray[np.float64]) -> NDArray[np.float64]:
        """The states at the first step that is not refractory, from those after a spike."""
        x = np.zeros((self.currents.size, self.states.size))
        x.flat[self.after] = after
        for _ in range(self.refractory):
            x = _filtered(self.filter, x)
        return x

    def step(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """One step of all states: where they are then, and the spikes by the states after them."""
        y = _filtered(self.filter, x)
        z = _land(y, self.lands, self.chance, x.size + self.after.size)
        return z[: x.size].reshape(x.shape), z[x.size :]

    def passage(self, x: NDArray[np.float64], accuracy: float) -> _Pass:
        """Follow a distribution to the spike, until its hazard is settled to `accuracy`.

        Of changes of the hazard that shrink by a factor each window, the sum of all to come is
        what the hazard is away from its limit.
        """
        pmf: list[float] = []
        after, changes = np.zeros(self.after.size), [inf]
        left, hazard, unsettled = 1.0, 0.0, inf
        while left > 0 and unsettled > accuracy and len(pmf) < MOST_STEPS:
            changes.append(0.0)
            for _ in range(WINDOW):
                x, spikes = self.step(x)
                pmf.append(float(spikes.sum()))
                after += spikes
                at_risk, before, left = left, hazard, float(x.sum())
                hazard = pmf[-1] / at_risk
                change = abs(hazard - before) / hazard if hazard > 0 else inf
                changes[-1] = max(changes[-1], change)
                if left < 1e-30:
                    left = 0.0
                    break
            shrink = changes[-1] / changes[-2]
            unsettled = changes[-1] * WINDOW / (1 - shrink) if shrink < 1 else inf
        if left > 0 and unsettled > accuracy:
            raise ValueError(
                f"the chance of a spike does not settle in {MOST_STEPS} steps: it is still"
                f" {unsettled:.1g} from its limit, relatively"
            )
        if left > 0:
            after += left / pmf[-1] * spikes
        return _Pass(np.array(pmf), left, hazard, after, unsettled if left > 0 else 0.0)

    def lowest(self) -> NDArray[np.float64] | None:
        """The lowest state that the neuron comes back to; None if it never spikes from some.

        The graph's nodes are (i, v), then (i', v) between the two halves of a step, then those
        after a spike, with the refractory steps in one.
        """
        n, n_v = self.currents.size * self.states.size, self.states.size
        to, origin = np.nonzero(self.filter)
        v = np.arange(n_v)
        edges = [((origin[:, None] * n_v + v).ravel(), (to[:, None] * n_v + v).ravel() + n)]
        for lands, p in zip(self.lands, self.chance, strict=True):
            on = np.flatnonzero(np.tile(p, self.currents.size))
            edges.append((on + n, np.where(lands[on] < n, lands[on], lands[on] + n)))
        to, origin = np.nonzero(np.linalg.matrix_power(self.filter, self.refractory))
        for k, state in enumerate(self.after):
            ends = to[origin == state // n_v] * n_v + state % n_v
            edges.append((np.full(ends.size, 2 * n + k), ends))
        a, b = (np.concatenate(x) for x in zip(*edges, strict=True))
        size = 2 * n + self.after.size
        graph = csr_array((np.ones(a.size, np.int8), (a, b)), shape=(size, size))
        reached = breadth_first_order(graph, np.argmax(self.start()), return_predecessors=False)
        _, label = connected_components(graph, connection="strong")
        closed = np.setdiff1d(label[reached], label[a[label[a] != label[b]]])
        if closed.size > 1:
            raise ValueError(
                f"chance takes the neuron into one of {closed.size} sets of states that it never"
                f" leaves, so that it has no one rate"
            )
        if not np.any(label[2 * n :] == closed[0]):
            return None
        inside = (label[:n] == closed[0]).reshape(-1, n_v)
        x, column = np.zeros(inside.shape), int(np.argmax(inside.any(axis=0)))
        x[np.argmax(inside[:, column]), column] = 1.0
        return x


@njit(cache=True, fastmath={"contract"})
def _filtered(q: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The product q x, of four rows of x at a time (no BLAS: its threads would fight)."""
    n, n_v = x.shape
    y = np.zeros((n, n_v))
    for i in range(n):
        for k in range(0, n - n % 4, 4):
            a, b, c, d = q[i, k], q[i, k + 1], q[i, k + 2], q[i, k + 3]
            if a + b + c + d > 0:
                for v in range(n_v):
                    y[i, v] += (a * x[k, v] + b * x[k + 1, v]) + (c * x[k + 2, v] + d * x[k + 3, v])
        for k in range(n - n % 4, n):
            for v in range(n_v):
                y[i, v] += q[i, k] * x[k, v]
    return y


@njit(cache=True)
def _land(
    y: NDArray[np.float64], lands: NDArray[np.int64], chance: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Take the states, by the new current, to where leak and current lead, or to a spike."""
    z = np.zeros(size)
    for branch in range(chance.shape[0]):
        for i in range(y.shape[0]):
            for v in range(y.shape[1]):
                z[lands[branch, i * y.shape[1] + v]] += chance[branch, v] * y[i, v]
    return z


def _states(
    neuron: IntegerLIF, currents: NDArray[np.int64], filters: int, leak: Leak | None
) -> NDArray[np.int64]:
    """All v between the bounds of those that the reset leads to; each has `filters` transitions."""
    subtract = neuron.reset == "subtract"
    top = max(neuron.threshold - 1, neuron.v_max - neuron.threshold if subtract else neuron.v_min)
    first = last = neuron.v_reset
    new = np.array([neuron.v_reset])
    while new.size > 0:
        u = np.concatenate([u for u, _ in targets(neuron, new, leak)])
        low = min(max(int(u.min() + currents[0]), neuron.v_min), first)
        high = max(min(int(u.max() + currents[-1]), top), last)
        new = np.concatenate((np.arange(low, first), np.arange(last + 1, high + 1)))
        first, last = low, high
        _check_size(
            f"{currents.size} currents and {last - first + 1} states or more",
            (last - first + 1) * filters,
        )
    return np.arange(first, last + 1)


def _check_size(what: str, transitions: int) -> None:
    if transitions > MOST_TRANSITIONS:
        raise ValueError(
            f"{what} make {transitions} transitions, more than {MOST_TRANSITIONS}: take fewer bits"
        )
