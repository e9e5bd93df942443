"""The transition probabilities of the integer LIF between the states below its threshold.

One step takes v to leak(v) + i, saturating from below, or to a spike. Stochastic rounding makes
leak(v) one of two integers: of the 2**leak_bits equally probable values of d, as many carry into
the quotient as there are units in the remainder. Only states that the reset can lead to are kept,
so that a wide neuron with a short reach stays small; numbered in ascending order they give a
banded matrix.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .input import IntegerInput
from .lif import IntegerLIF

MOST_STATES = 1 << 26
MOST_TRANSITIONS = 1 << 28
MOST_ELEMENTS = 1 << 27  # of the banded matrix: 1 GiB


@dataclass(frozen=True, eq=False)
class Transitions:
    """A neuron's steps under an input, among the states that its reset leads to.

    Parameters
    ----------
    states : ndarray of int64, shape (n,)
        Ascending.
    start : int
        Where the reset stands among them.
    band : ndarray of float, shape (n, width)
        Probability of a step from state i to state j at ``band[i, j - i + lower]``.
    lower : int
    hazard : ndarray of float, shape (n,)
        Probability of a spike.
    """

    states: NDArray[np.int64]
    start: int
    band: NDArray[np.float64]
    lower: int
    hazard: NDArray[np.float64]


def check(neuron: IntegerLIF, source: IntegerInput) -> None:
    """Refuse a neuron that its spikes do not renew, and an input that it cannot take."""
    if neuron.reset != "value":
        raise ValueError('the chain needs reset = "value": after "subtract" spikes do not renew it')
    bound = 1 << (neuron.input_width - 1)
    for value in (int(source.values[0]), int(source.values[-1])):
        if not -bound <= value < bound:
            raise ValueError(
                f"the source's values must be in {-bound} .. {bound - 1} (input_width"
                f" {neuron.input_width}), not {value}"
            )


def leak_targets(
    neuron: IntegerLIF, v: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Where the leak can take each v, ascending in v, and with what probability."""
    one = 1 << neuron.leak_bits
    numerator = v * neuron.leak_multiplier if neuron.leak == "multiply" else v
    if neuron.rounding == "nearest":
        numerator = numerator + one // 2
    quotient, remainder = np.divmod(numerator, one)
    sign, origin = (1, 0) if neuron.leak == "multiply" else (-1, v)
    down = origin + sign * quotient
    if neuron.rounding != "stochastic":
        return [(down, np.ones(v.size))]
    up = remainder / one  # of the `one` values of d, `remainder` carry into the quotient
    return [(down, 1 - up), (down + sign, up)]


def interval(neuron: IntegerLIF, source: IntegerInput) -> tuple[int, int]:
    """Bounds of the reachable states: the leak is monotonous, so that bounds step to bounds."""
    first, last = _bounds(
        neuron.v_reset,
        int(source.values[0]),
        int(source.values[-1]),
        neuron.leak == "shift",
        neuron.leak_bits,
        neuron.leak_multiplier,
        *smallest_and_largest_d(neuron),
        neuron.v_min,
        neuron.threshold - 1,
    )
    if last - first >= MOST_STATES:
        raise ValueError(
            f"the neuron reaches {last - first + 1} states, more than {MOST_STATES}:"
            f" take fewer bits"
        )
    return first, last


def smallest_and_largest_d(neuron: IntegerLIF) -> tuple[int, int]:
    """Bounds of the rounding number d."""
    one = 1 << neuron.leak_bits
    return {"floor": (0, 0), "nearest": (one // 2, one // 2), "stochastic": (0, one - 1)}[
        neuron.rounding
    ]


def transitions(neuron: IntegerLIF, source: IntegerInput) -> Transitions:
    """Find the states that the reset leads to, and the probabilities of the steps among them."""
    first, last = interval(neuron, source)
    if (last - first + 1) * source.values.size > MOST_TRANSITIONS:
        raise ValueError(
            f"{last - first + 1} states and {source.values.size} input values make too large a"
            f" matrix: take fewer bits, or follow the distribution with isi_pmf"
        )
    targets = leak_targets(neuron, np.arange(first, last + 1, dtype=np.int64))
    u = np.array([u - first for u, _ in targets])
    p = np.array([p for _, p in targets])
    begin, threshold = neuron.v_reset - first, neuron.threshold - first
    reached = _reached(u, p, source.values, begin, threshold)
    states = np.flatnonzero(reached)
    index = np.cumsum(reached) - 1
    u, p = u[:, states], p[:, states]
    lower, upper = _bandwidth(u, p, source.values, index, threshold)
    if states.size * (lower + upper + 1) > MOST_ELEMENTS:
        raise ValueError(
            f"{states.size} states with steps of -{lower} .. {upper} make too large a matrix:"
            f" take fewer bits, or follow the distribution with isi_pmf"
        )
    band, hazard = _fill(
        u, p, source.values, source.probabilities, index, threshold, lower, lower + upper + 1
    )
    return Transitions(states + first, int(index[begin]), band, lower, hazard)


@njit(cache=True)
def leak_one(v: int, shift: bool, bits: int, multiplier: int, d: int) -> int:
    return v - ((v + d) >> bits) if shift else (v * multiplier + d) >> bits


@njit(cache=True)
def _bounds(
    v_reset: int,
    smallest: int,
    largest: int,
    shift: bool,
    bits: int,
    multiplier: int,
    d_smallest: int,
    d_largest: int,
    v_min: int,
    v_max: int,
) -> tuple[int, int]:
    d_down, d_up = (d_largest, d_smallest) if shift else (d_smallest, d_largest)
    first = v_reset
    while True:
        v = max(leak_one(first, shift, bits, multiplier, d_down) + smallest, v_min)
        if v >= first:
            break
        first = v
    last = v_reset
    while True:
        v = min(leak_one(last, shift, bits, multiplier, d_up) + largest, v_max)
        if v <= last:
            break
        last = v
    return first, last


@njit(cache=True)
def _reached(
    u: NDArray[np.int64],
    p: NDArray[np.float64],
    values: NDArray[np.int64],
    begin: int,
    threshold: int,
) -> NDArray[np.bool_]:
    """All states (from 0 up) that `begin` leads to."""
    reached = np.zeros(u.shape[1], np.bool_)
    reached[begin] = True
    waiting = np.empty(u.shape[1], np.int64)
    waiting[0] = begin
    size = 1
    while size > 0:
        size -= 1
        v = waiting[size]
        for branch in range(u.shape[0]):
            if p[branch, v] == 0.0:
                continue
            for value in values:
                w = max(u[branch, v] + value, 0)
                if w >= threshold:
                    break
                if not reached[w]:
                    reached[w] = True
                    waiting[size] = w
                    size += 1
    return reached


@njit(cache=True)
def _bandwidth(
    u: NDArray[np.int64],
    p: NDArray[np.float64],
    values: NDArray[np.int64],
    index: NDArray[np.int64],
    threshold: int,
) -> tuple[int, int]:
    """How many places down and up a step leads; `index` numbers the reached states."""
    lower, upper = 0, 0
    for i in range(u.shape[1]):
        for branch in range(u.shape[0]):
            if p[branch, i] == 0.0:
                continue
            for value in values:
                w = max(u[branch, i] + value, 0)
                if w >= threshold:
                    break
                lower, upper = max(lower, i - index[w]), max(upper, index[w] - i)
    return lower, upper


@njit(cache=True)
def _fill(
    u: NDArray[np.int64],
    p: NDArray[np.float64],
    values: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    index: NDArray[np.int64],
    threshold: int,
    lower: int,
    width: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The banded matrix of Q, and the hazard."""
    n = u.shape[1]
    band, hazard = np.zeros((n, width)), np.zeros(n)
    for i in range(n):
        for branch in range(u.shape[0]):
            if p[branch, i] == 0.0:
                continue
            for k in range(values.size):
                w = max(u[branch, i] + values[k], 0)
                if w >= threshold:
                    hazard[i] += p[branch, i] * probabilities[k]
                else:
                    band[i, index[w] - i + lower] += p[branch, i] * probabilities[k]
    return band, hazard
