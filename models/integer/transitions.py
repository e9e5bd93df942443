"""The transition probabilities of an integer LIF between the states that it can be in.

One step takes v to leak(v) + i, saturating, which is the next state or a spike; after a spike the
state is v_reset or, with reset by subtraction, what the sum had beyond the threshold. Only states
that the reset can lead to are kept, so that a wide neuron with a short reach stays small; numbered
in ascending order they give a banded matrix, from which the spikes are held apart. With reset by
subtraction the states that are left for good, on the way in, are left out, too.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .input import IntegerInput
from .leak import Leak, leak_one, smallest_and_largest_d, targets
from .lif import IntegerLIF

MOST_STATES = 1 << 26
MOST_TRANSITIONS = 1 << 28
MOST_ELEMENTS = 1 << 27  # of the banded matrix and the spikes: 1 GiB


@dataclass(frozen=True, eq=False)
class Transitions:
    """A neuron's steps under an input, among the states that its reset leads to.

    Parameters
    ----------
    states : ndarray of int64, shape (n,)
        Ascending.
    band : ndarray of float, shape (n, width)
        Probability of a step from state i to state j at ``band[i, j - i + lower]``.
    lower : int
    spikes : ndarray of float, shape (n, m)
        Probability of a spike from state i to the state ``after[k]`` at ``spikes[i, k]``.
    after : ndarray of int64, shape (m,)
        Where the states after a spike stand among the states: one for reset to a value.
    """

    states: NDArray[np.int64]
    band: NDArray[np.float64]
    lower: int
    spikes: NDArray[np.float64]
    after: NDArray[np.int64]

    @property
    def hazard(self) -> NDArray[np.float64]:
        """Probability of a spike, shape (n,)."""
        return self.spikes.sum(axis=1)


def check(neuron: IntegerLIF, source: IntegerInput) -> None:
    """Refuse an input that the neuron cannot take."""
    bound = 1 << (neuron.input_width - 1)
    for value in (int(source.values[0]), int(source.values[-1])):
        if not -bound <= value < bound:
            raise ValueError(
                f"the source's values must be in {-bound} .. {bound - 1} (input_width"
                f" {neuron.input_width}), not {value}"
            )


def interval(neuron: IntegerLIF, source: IntegerInput, leak: Leak | None = None) -> tuple[int, int]:
    """Bounds of the states that the reset leads to.

    The neuron's own leak is monotonous, so that bounds step to bounds; of any other map they are
    the ends of the state's range.
    """
    subtract = neuron.reset == "subtract"
    if leak is None:
        first, last = _bounds(
            neuron.v_reset,
            int(source.values[0]),
            int(source.values[-1]),
            (neuron.leak == "shift", neuron.leak_bits, neuron.leak_multiplier),
            smallest_and_largest_d(neuron),
            (neuron.v_min, neuron.v_max, neuron.threshold),
            subtract,
        )
    else:
        highest_after = neuron.v_max - neuron.threshold if subtract else neuron.v_reset
        first, last = neuron.v_min, max(neuron.threshold - 1, highest_after)
    if last - first >= MOST_STATES:
        raise ValueError(
            f"the neuron reaches {last - first + 1} states, more than {MOST_STATES}:"
            f" take fewer bits"
        )
    return first, last


def transitions(neuron: IntegerLIF, source: IntegerInput, leak: Leak | None = None) -> Transitions:
    """Find the states that the reset leads to, and the probabilities of the steps among them.

    Raises
    ------
    ValueError
        A chain too large for memory, or one that chance takes into one of several sets of states
        that it never leaves: then there is no one rate.
    """
    first, last = interval(neuron, source, leak)
    if (last - first + 1) * source.values.size > MOST_TRANSITIONS:
        raise ValueError(
            f"{last - first + 1} states and {source.values.size} input values make too large a"
            f" matrix, more than {MOST_TRANSITIONS} transitions: take fewer bits"
        )
    branches = targets(neuron, np.arange(first, last + 1, dtype=np.int64), leak)
    u = np.array([u - first for u, _ in branches])
    p = np.array([p for _, p in branches])
    reset = (neuron.reset == "subtract", neuron.v_reset - first)
    limits = (neuron.threshold - first, neuron.v_max - first)
    kept = _reached(u, p, source.values, *reset, *limits)
    matrix = _matrix(u, p, source, kept, first, *reset, *limits)
    if neuron.reset == "subtract":
        recurrent = _recurrent(matrix)
        if not recurrent.all():
            kept[matrix.states[~recurrent] - first] = False
            matrix = _matrix(u, p, source, kept, first, *reset, *limits)
    return matrix


def _matrix(
    u: NDArray[np.int64],
    p: NDArray[np.float64],
    source: IntegerInput,
    kept: NDArray[np.bool_],
    first: int,
    subtract: bool,
    v_reset: int,
    threshold: int,
    v_max: int,
) -> Transitions:
    """The chain among the kept states; all from `first` up but what is returned."""
    states = np.flatnonzero(kept)
    index = np.cumsum(kept) - 1
    u, p = u[:, states], p[:, states]
    limits = (threshold, v_max)
    lower, upper, overshoot = _reach(u, p, source.values, index, *limits)
    columns = overshoot + 1 if subtract else 1
    elements = states.size * (lower + upper + 1 + columns)
    if elements > MOST_ELEMENTS:
        raise ValueError(
            f"{states.size} states with steps of -{lower} .. {upper} make too large a matrix,"
            f" {elements * 8 / 2**30:.2g} GiB for a limit of {MOST_ELEMENTS * 8 / 2**30:.2g} GiB:"
            f" take fewer bits, or with reset to a value follow the distribution by isi_pmf"
        )
    shape = (lower, lower + upper + 1, columns)
    band, spikes = _fill(u, p, source.values, source.probabilities, index, *limits, *shape)
    if not subtract:
        return Transitions(states + first, band, lower, spikes, index[[v_reset]])
    used = np.flatnonzero(spikes.any(axis=0))
    # what a sum has beyond the threshold counts from 0, the states here from `first`
    return Transitions(states + first, band, lower, spikes[:, used], index[used - first])


def _recurrent(matrix: Transitions) -> NDArray[np.bool_]:
    """The states that the neuron comes back to; all others it leaves for good."""
    row, offset = np.nonzero(matrix.band)
    spiking, k = np.nonzero(matrix.spikes)
    a = np.concatenate((row, spiking))
    b = np.concatenate((row + offset - matrix.lower, matrix.after[k]))
    n = matrix.states.size
    graph = csr_array((np.ones(a.size, np.bool_), (a, b)), shape=(n, n))
    count, label = connected_components(graph, connection="strong")
    closed = np.setdiff1d(np.arange(count), label[a[label[a] != label[b]]])
    if closed.size > 1:
        raise ValueError(
            f"chance takes the neuron into one of {closed.size} sets of states that it never"
            f" leaves, so that it has no one rate"
        )
    return np.asarray(label == closed[0])


@njit(cache=True)
def _bounds(
    v_reset: int,
    smallest: int,
    largest: int,
    leak: tuple[bool, int, int],
    d: tuple[int, int],
    limits: tuple[int, int, int],
    subtract: bool,
) -> tuple[int, int]:
    shift, bits, multiplier = leak
    v_min, v_max, threshold = limits
    d_down, d_up = (d[1], d[0]) if shift else d
    first = v_reset
    while True:
        v = max(leak_one(first, shift, bits, multiplier, d_down) + smallest, v_min)
        if v >= first:
            break
        first = v
    last = v_reset
    while True:
        s = min(leak_one(last, shift, bits, multiplier, d_up) + largest, v_max)
        v = min(s, threshold - 1)
        if subtract:
            v = max(v, s - threshold)
        if v <= last:
            break
        last = v
    return first, last


@njit(cache=True)
def _reached(
    u: NDArray[np.int64],
    p: NDArray[np.float64],
    values: NDArray[np.int64],
    subtract: bool,
    v_reset: int,
    threshold: int,
    v_max: int,
) -> NDArray[np.bool_]:
    """All states (from 0 up) that the reset leads to."""
    zero = v_reset  # with reset by subtraction, the state that stands for 0
    reached = np.zeros(u.shape[1], np.bool_)
    reached[v_reset] = True
    waiting = np.empty(u.shape[1], np.int64)
    waiting[0] = v_reset
    size = 1
    while size > 0:
        size -= 1
        v = waiting[size]
        for branch in range(u.shape[0]):
            if p[branch, v] == 0.0:
                continue
            for value in values:
                w = min(max(u[branch, v] + value, 0), v_max)
                if w >= threshold:
                    if not subtract:
                        break
                    w += zero - threshold
                if not reached[w]:
                    reached[w] = True
                    waiting[size] = w
                    size += 1
    return reached


@njit(cache=True)
def _reach(
    u: NDArray[np.int64],
    p: NDArray[np.float64],
    values: NDArray[np.int64],
    index: NDArray[np.int64],
    threshold: int,
    v_max: int,
) -> tuple[int, int, int]:
    """How many places down and up a step leads (`index` numbers the states), how far a spike."""
    lower, upper, overshoot = 0, 0, 0
    for i in range(u.shape[1]):
        for branch in range(u.shape[0]):
            if p[branch, i] == 0.0:
                continue
            for value in values:
                w = min(max(u[branch, i] + value, 0), v_max)
                if w >= threshold:
                    overshoot = max(overshoot, w - threshold)
                else:
                    lower, upper = max(lower, i - index[w]), max(upper, index[w] - i)
    return lower, upper, overshoot


@njit(cache=True)
def _fill(
    u: NDArray[np.int64],
    p: NDArray[np.float64],
    values: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    index: NDArray[np.int64],
    threshold: int,
    v_max: int,
    lower: int,
    width: int,
    columns: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The banded matrix of Q, and the spikes by how far they lead beyond the threshold."""
    n = u.shape[1]
    band, spikes = np.zeros((n, width)), np.zeros((n, columns))
    for i in range(n):
        for branch in range(u.shape[0]):
            if p[branch, i] == 0.0:
                continue
            for k in range(values.size):
                w = min(max(u[branch, i] + values[k], 0), v_max)
                q = p[branch, i] * probabilities[k]
                if w >= threshold:
                    spikes[i, min(w - threshold, columns - 1)] += q
                else:
                    band[i, index[w] - i + lower] += q
    return band, spikes
