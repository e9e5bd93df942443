"""From the spikes of one block of steps to what arrives at each target at each later step.

What is on its way waits in ring buffers, one row per step, row ``step % rows``. Synapses of one
weight and one delay are counted; others are summed in single precision, which takes half the time
of double precision: the buffer stays in the second-level cache. A block is no longer than the
shortest delay, so that whoever reads a row finds it complete (Morrison et al. 2005).

Each thread delivers to its own targets only: it takes the part ``low[s]:high[s]`` of the targets of
source s. The order in which a target gets its spikes does not depend on the number of threads.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .prefetch import CACHE_LINE, prefetch


class Spikes(NamedTuple):
    """Spikes of one block of steps, of one population.

    Attributes
    ----------
    ids : ndarray of int32, shape (groups, capacity)
        Neurons, for each group of neurons sorted by step.
    first : ndarray of int64, shape (groups, steps + 1)
        ``ids[g, first[g, k]:first[g, k + 1]]`` spiked at step k of the block.
    """

    ids: NDArray[np.int32]
    first: NDArray[np.int64]


@njit(cache=True)
def cuts(first: NDArray, target: NDArray, borders: NDArray, cut: NDArray) -> None:
    """Where the targets of each source reach each border: cut[b, s]."""
    for s in range(first.size - 1):
        part = target[first[s] : first[s + 1]]
        for b in range(borders.size):
            cut[b, s] = first[s] + np.searchsorted(part, borders[b])


@njit(cache=True, nogil=True)
def _fetch(array: NDArray, low: int, high: int) -> None:
    for t in range(low, high, CACHE_LINE // array.itemsize):
        prefetch(array, t)  # type: ignore[call-arg]


@njit(cache=True, nogil=True)
def _at_step(ids: NDArray, first: NDArray, k: int, sources: NDArray) -> int:
    """Write into `sources` who spiked at step k of the block; how many."""
    found = 0
    for g in range(first.shape[0]):
        for j in range(first[g, k], first[g, k + 1]):
            sources[found] = ids[g, j]
            found += 1
    return found


@njit(cache=True, nogil=True)
def count(
    counts: NDArray,
    ids: NDArray,
    first: NDArray,
    begin: int,
    delay: int,
    target: NDArray,
    low: NDArray,
    high: NDArray,
) -> None:
    """Count the spikes of the block that began at step `begin`."""
    sources = np.empty(low.size + 1, np.int32)
    for k in range(first.shape[1] - 1):
        row = counts[(begin + k + delay) % counts.shape[0]]
        found = _at_step(ids, first, k, sources)
        sources[found] = sources[0]
        for j in range(found):
            s, after = sources[j], sources[j + 1]
            _fetch(target, low[after], high[after])
            for t in target[low[s] : high[s]]:
                row[t] += 1


@njit(cache=True, nogil=True)
def add(
    sums: NDArray,
    ids: NDArray,
    first: NDArray,
    begin: int,
    delay: NDArray,
    weight: NDArray,
    target: NDArray,
    low: NDArray,
    high: NDArray,
) -> None:
    """Add the weights of the spikes of the block that began at step `begin`."""
    rows = sums.shape[0]
    sources = np.empty(low.size + 1, np.int32)
    for k in range(first.shape[1] - 1):
        now = (begin + k) % rows
        found = _at_step(ids, first, k, sources)
        sources[found] = sources[0]
        for j in range(found):
            s, after = sources[j], sources[j + 1]
            _fetch(target, low[after], high[after])
            _fetch(weight, low[after], high[after])
            _fetch(delay, low[after], high[after])
            to, by = target[low[s] : high[s]], weight[low[s] : high[s]]
            late = delay[low[s] : high[s]]
            for t in range(late.size):
                row = now + np.int64(late[t])
                if row >= rows:
                    row -= rows
                sums[row, to[t]] += by[t]
