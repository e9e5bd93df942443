"""Gaussian elimination of an absorbing Markov chain without subtraction (GTH), banded, in blocks.

For transition probabilities Q between the living states and a hazard h of absorption from each,
(I - Q) is factored as L D U. Grassmann, Taksar and Heyman (1985) observed that the diagonal need
never be formed by 1 - Q[k, k]: it is what leaves state k, h[k] + sum_{j != k} Q[k, j], and if the
hazard is eliminated along with the columns this stays true to the last pivot. All is then sums,
products and quotients of positive numbers, and the solution keeps its relative accuracy however
small the hazard (O'Cinneide 1993). Eliminating k means watching the chain only while it is
elsewhere (a censored chain).

A row of the matrix is stored as its diagonals -lower .. upper, one after the other. States are
eliminated a block at a time, the rows beyond the block in one go, so that they pass through the
cache once per block. (No BLAS: its threads would fight with those of parallel tests and sweeps.)
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

BLOCK = 32  # states eliminated at a time, a multiple of 4


@dataclass(frozen=True, eq=False)
class Elimination:
    """The factors of ``I - Q``.

    Parameters
    ----------
    band : ndarray of float, shape (n, lower + upper + 1)
        Off the diagonal: multipliers below it, the censored chain's Q above it.
    lower : int
        Number of diagonals below the main one.
    pivots : ndarray of float, shape (n,)
        Probability of leaving a state for one that comes later, or for good. A pivot is 0
        exactly if the chain can be caught in states that have no way out.
    """

    band: NDArray[np.float64]
    lower: int
    pivots: NDArray[np.float64]

    def solve(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve ``(I - Q) x = b``, shape (n,) or (n, m): for b = 1 the mean time to absorption."""
        x = _solve(self.band, self.lower, self.pivots, b.reshape(b.shape[0], -1))
        return x.reshape(b.shape)

    def solve_transposed(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve ``x (I - Q) = b``: for a unit vector the mean visits that begin in its state."""
        return _solve_transposed(self.band, self.lower, self.pivots, b)


def eliminate(band: NDArray[np.float64], lower: int, hazard: NDArray[np.float64]) -> Elimination:
    """Factor ``I - Q``; the work is n * lower * upper, and the arguments are left as they are.

    Parameters
    ----------
    band : ndarray of float, shape (n, lower + upper + 1)
        ``Q[i, j]`` at ``band[i, j - i + lower]``, zero where j is no state.
    lower : int
        Number of diagonals below the main one.
    hazard : ndarray of float, shape (n,)
        Probability of absorption per step.
    """
    n, width = band.shape
    # a block's rectangles reach out of the band by a block: zeros there
    padded = np.zeros((n, width + 2 * BLOCK))
    padded[:, BLOCK : BLOCK + width] = band
    low, upper = lower + BLOCK, width - 1 - lower
    left, pivots = hazard.copy(), np.zeros(n)
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        _panel(padded, low, left, pivots, first, last, lower, upper, n)
        if last < n:
            _beyond(padded, low, first, last, min(lower, n - last), min(upper, n - last))
    return Elimination(padded, low, pivots)


def stationary(transition: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stationary distribution of an irreducible chain, each probability to relative accuracy.

    Parameters
    ----------
    transition : ndarray of float, shape (n, n)
        Probability of a step from i to j, off the diagonal; the diagonal is not used.

    Returns
    -------
    ndarray of float, shape (n,)
    """
    p = _stationary(transition.copy())
    return np.asarray(p / p.sum())


@njit(cache=True)
def _stationary(q: NDArray[np.float64]) -> NDArray[np.float64]:
    n = q.shape[0]
    for k in range(n - 1, 0, -1):
        pivot = np.sum(q[k, :k])
        for i in range(k):
            q[i, k] /= pivot
            q[i, :k] += q[i, k] * q[k, :k]
    p = np.zeros(n)
    p[0] = 1.0
    for k in range(1, n):
        p[k] = np.sum(p[:k] * q[:k, k])
    return p


@njit(cache=True)
def _panel(
    band: NDArray[np.float64],
    lower: int,
    left: NDArray[np.float64],
    pivots: NDArray[np.float64],
    first: int,
    last: int,
    reach_down: int,
    reach_right: int,
    n: int,
) -> None:
    """Eliminate the states first .. last - 1 from their own rows and columns and the hazard."""
    for k in range(first, last):
        end = min(k + reach_right + 1, n)
        row = band[k, lower + 1 : lower - k + end]
        pivots[k] = left[k] + np.sum(row)
        if pivots[k] == 0.0:
            continue
        for i in range(k + 1, min(k + reach_down + 1, n)):
            m = band[i, k - i + lower] / pivots[k]
            band[i, k - i + lower] = m
            if m == 0.0:
                continue
            left[i] += m * left[k]
            stop = end if i < last else min(end, last)
            target = band[i, lower - i + k + 1 : lower - i + stop]
            for j in range(target.size):
                target[j] += m * row[j]


@njit(cache=True, fastmath={"contract"})
def _beyond(
    band: NDArray[np.float64], lower: int, first: int, last: int, below: int, right: int
) -> None:
    """Add multipliers times rows of a whole block to the rectangle after it, four at a time."""
    for i in range(last, last + below):
        target = band[i, last - i + lower : last - i + lower + right]
        for k in range(first, last, 4):
            m = band[i, k - i + lower : k - i + lower + 4]
            start = last - k + lower
            row0 = band[k, start : start + right]
            row1 = band[k + 1, start - 1 : start - 1 + right]
            row2 = band[k + 2, start - 2 : start - 2 + right]
            row3 = band[k + 3, start - 3 : start - 3 + right]
            for j in range(right):
                target[j] += (m[0] * row0[j] + m[1] * row1[j]) + (m[2] * row2[j] + m[3] * row3[j])


@njit(cache=True)
def _solve(
    band: NDArray[np.float64], lower: int, pivots: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    n, width = pivots.size, band.shape[1]
    x = b.copy()
    for i in range(n):
        for j in range(max(0, i - lower), i):
            for c in range(x.shape[1]):
                x[i, c] += band[i, j - i + lower] * x[j, c]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, min(n, i + width - lower)):
            for c in range(x.shape[1]):
                x[i, c] += band[i, j - i + lower] * x[j, c]
        for c in range(x.shape[1]):
            x[i, c] /= pivots[i]
    return x


@njit(cache=True)
def _solve_transposed(
    band: NDArray[np.float64], lower: int, pivots: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    n, width = pivots.size, band.shape[1]
    x = b.copy()
    for i in range(n):
        x[i] /= pivots[i]
        for j in range(i + 1, min(n, i + width - lower)):
            x[j] += band[i, j - i + lower] * x[i]
    for i in range(n - 1, -1, -1):
        for j in range(max(0, i - lower), i):
            x[j] += band[i, j - i + lower] * x[i]
    return x
