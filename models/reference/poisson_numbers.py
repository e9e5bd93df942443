"""Poisson numbers for many neurons, each from a random stream of its own.

A uniform number u of 64 bits gives the smallest k with ``u <= 2**64 P(number <= k)``: inversion,
exact to the 53 bits of the distribution function. A guide table (Chen & Asau 1974), addressed by
the first 12 bits of u, says where to begin the search, which therefore seldom takes a step.

The stream is xoroshiro128+ (Blackman & Vigna 2018), its state 128 bits per neuron from numpy's
SeedSequence; neighbouring neurons advance together, in the lanes of one vector instruction.
"""

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray
from scipy.stats import poisson

_GUIDE_BITS = 12
LARGEST_MEAN = 5e4


def streams(neurons: int, seed: np.random.SeedSequence) -> NDArray[np.uint64]:
    """Their states, shape (2, neurons)."""
    state = np.random.Generator(np.random.PCG64(seed)).integers(
        0, 2**64, (2, neurons), dtype=np.uint64
    )
    state[0] |= np.uint64(1)  # a state of zeros would stay
    return state


def tables(means: list[float]) -> tuple[NDArray[np.uint64], NDArray[np.uint16]]:
    """Distribution functions times 2**64, and guides, one row per mean.

    The upper end of a row is filled with 2**64 - 1, which no u exceeds.
    """
    lengths = [int(mean + 12 * np.sqrt(mean) + 25) for mean in means]
    below = np.full((len(means), max(lengths, default=0) + 1), 2**64 - 1, np.uint64)
    lowest = np.arange(1 << _GUIDE_BITS, dtype=np.uint64) << np.uint64(64 - _GUIDE_BITS)
    guide = np.empty((len(means), lowest.size), np.uint16)
    for row, (mean, length) in enumerate(zip(means, lengths, strict=True)):
        cdf = poisson.cdf(np.arange(length), mean)
        below[row, :length] = [min(int(p * 2**64), 2**64 - 1) for p in cdf]
        guide[row] = np.searchsorted(below[row], lowest, side="left")
    return below, guide


@njit(cache=True, nogil=True)
def _uniform(s0: NDArray, s1: NDArray, u: NDArray) -> None:
    for i in range(u.size):
        a, b = s0[i], s1[i]
        u[i] = a + b
        b ^= a
        s0[i] = ((a << uint64(24)) | (a >> uint64(40))) ^ b ^ (b << uint64(16))
        s1[i] = (b << uint64(37)) | (b >> uint64(27))


@njit(cache=True, nogil=True)
def add_poisson(
    total: NDArray,
    weight: float,
    s0: NDArray,
    s1: NDArray,
    below: NDArray,
    guide: NDArray,
    scratch: NDArray,
) -> None:
    """Add `weight` times a Poisson number to each total; `s0` and `s1` are the streams' states."""
    n = total.size
    _uniform(s0, s1, scratch[:n])
    for i in range(n):
        u = scratch[i]
        k = uint64(guide[u >> uint64(64 - _GUIDE_BITS)])
        while u > below[k]:
            k += uint64(1)
        total[i] += weight * k
