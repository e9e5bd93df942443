"""Gaussian elimination of an absorbing Markov chain without subtraction (GTH), banded, in blocks.

For transition probabilities Q between the living states and a hazard h of absorption from each,
(I - Q) is factored as L D U. Grassmann, Taksar and Heyman (1985) observed that the diagonal need
never be formed by 1 - Q[k, k]: it is what leaves state k, h[k] + sum_{j != k} Q[k, j], and if the
hazard is eliminated along with the columns this stays true to the last pivot. All is then sums,
products and quotients of positive numbers, and the solution keeps its relative accuracy however
small the hazard (O'Cinneide 1993). Eliminating k means watching the chain only while it is
elsewhere (a censored chain).

A row of the matrix is stored as the diagonals -lower .. upper, one after the other; element (i, j)
then lies at i (lower + upper) + j + lower, so that a rectangle inside the band is an ordinary
strided matrix. The bulk of the work is the product of such rectangles, done by BLAS.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

BLOCK = 32  # states eliminated at a time


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
        """Solve ``(I - Q) x = b``, shape (n,): for b = 1 the mean time to absorption."""
        return _solve(self.band, self.lower, self.pivots, b)

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
    # room for the corners of the rectangles, which reach out of the band by a block
    padded = np.zeros((n + lower + BLOCK, width + 2 * BLOCK))
    padded[:n, BLOCK : BLOCK + width] = band
    low, upper = lower + BLOCK, width - 1 - lower
    left = np.concatenate((hazard, np.zeros(lower + BLOCK)))
    pivots = np.zeros(n)
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        _panel(padded, low, left, pivots, first, last, lower, upper, n)
        below, right = min(lower, n - last), min(upper, n - last)
        if below > 0 and right > 0:
            multipliers = _rectangle(padded, low, last, first, below, last - first)
            rows = _rectangle(padded, low, first, last, last - first, right)
            _rectangle(padded, low, last, last, below, right)[...] += multipliers @ rows
    return Elimination(padded[:n], low, pivots)


def _rectangle(
    band: NDArray[np.float64], lower: int, row: int, column: int, rows: int, columns: int
) -> NDArray[np.float64]:
    """The elements (row ..., column ...) as a view."""
    pitch, size = band.strides
    start = band[row:, column - row + lower :]
    return as_strided(start, (rows, columns), (pitch - size, size))


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


@njit(cache=True)
def _solve(
    band: NDArray[np.float64], lower: int, pivots: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    n, width = pivots.size, band.shape[1]
    x = b.copy()
    for i in range(n):
        start = max(0, i - lower)
        x[i] += np.dot(band[i, start - i + lower : lower], x[start:i])
    for i in range(n - 1, -1, -1):
        end = min(n, i + width - lower)
        x[i] += np.dot(band[i, lower + 1 : end - i + lower], x[i + 1 : end])
        x[i] /= pivots[i]
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
