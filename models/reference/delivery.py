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
def count(
    counts: NDArray,
    spikes: Spikes,
    begin: int,
    delay: int,
    target: NDArray,
    low: NDArray,
    high: NDArray,
) -> None:
    """Count the spikes of the block that began at step `begin`."""
    ids, first = spikes
    for k in range(first.shape[1] - 1):
        row = counts[(begin + k + delay) % counts.shape[0]]
        for g in range(first.shape[0]):
            for j in range(first[g, k], first[g, k + 1]):
                s = ids[g, j]
                for t in target[low[s] : high[s]]:
                    row[t] += 1


@njit(cache=True, nogil=True)
def add(
    sums: NDArray,
    spikes: Spikes,
    begin: int,
    delay: NDArray,
    weight: NDArray,
    target: NDArray,
    low: NDArray,
    high: NDArray,
) -> None:
    """Add the weights of the spikes of the block that began at step `begin`."""
    ids, first = spikes
    rows = sums.shape[0]
    for k in range(first.shape[1] - 1):
        now = (begin + k) % rows
        for g in range(first.shape[0]):
            for j in range(first[g, k], first[g, k + 1]):
                s = ids[g, j]
                after = delay[low[s] : high[s]]
                to, by = target[low[s] : high[s]], weight[low[s] : high[s]]
                for t in range(after.size):
                    row = now + np.int64(after[t])
                    if row >= rows:
                        row -= rows
                    sums[row, to[t]] += by[t]
