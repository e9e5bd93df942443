"""Mean time to escape from a Markov chain whose steps leave it only rarely.

With Q the sub-stochastic matrix of one step, the mean steps to escape are ``(I - Q)^-1 1`` and the
mean visits from a start f are ``f (I - Q)^-1``. I - Q is nearly singular when escapes are rare;
elimination that takes its diagonal as the sum of what leaves a node, other nodes and escape, never
subtracts, and keeps full relative accuracy (Grassmann, Taksar & Heyman 1985). For chains too large
to eliminate: GMRES, preconditioned by joining nodes (aggregation, two grids).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, gmres

_LARGEST_COST = 2e10


# Q is stored by bands: q[i, j - i + width] is the weight of the step from node i to node j.
@njit(cache=True)
def _eliminate(q: NDArray, escape: NDArray) -> NDArray:
    """Factor I - Q = U L in place, node by node from the top; returns the pivots.

    The diagonal of I - Q is taken as `escape` plus the weights to the other nodes.
    """
    n, width = q.shape[0], q.shape[1] // 2
    pivots = np.empty(n)
    for k in range(n - 1, -1, -1):
        low = max(0, k - width)
        total = escape[k]
        for j in range(low, k):
            total += q[k, j - k + width]
        pivots[k] = total
        for i in range(low, k):
            factor = q[i, k - i + width] / total
            if factor > 0.0:
                escape[i] += factor * escape[k]
                for j in range(low, k):
                    q[i, j - i + width] += factor * q[k, j - k + width]
    return pivots


@njit(cache=True)
def _solve_right(q: NDArray, pivots: NDArray, y: NDArray) -> NDArray:
    """x with (I - Q) x = y >= 0."""
    n, width = q.shape[0], q.shape[1] // 2
    x = y.copy()
    for k in range(n - 1, -1, -1):
        for i in range(max(0, k - width), k):
            x[i] += q[i, k - i + width] * x[k] / pivots[k]
    for k in range(n):
        for j in range(max(0, k - width), k):
            x[k] += q[k, j - k + width] * x[j]
        x[k] /= pivots[k]
    return x


@njit(cache=True)
def _solve_left(q: NDArray, pivots: NDArray, y: NDArray) -> NDArray:
    """x with x (I - Q) = y >= 0."""
    n, width = q.shape[0], q.shape[1] // 2
    x = y.copy()
    for k in range(n - 1, -1, -1):
        x[k] /= pivots[k]
        for j in range(max(0, k - width), k):
            x[j] += x[k] * q[k, j - k + width]
    for k in range(n):
        for i in range(max(0, k - width), k):
            x[k] += x[i] * q[i, k - i + width] / pivots[k]
    return x


@dataclass(frozen=True, eq=False)
class Chain:
    """One step on the nodes: the sub-stochastic matrix, the escapes, and the step from v_reset."""

    transition: csr_array
    escape: NDArray[np.float64]
    first: NDArray[np.float64]
    first_escape: float

    def factor(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bands and pivots of I - Q."""
        q = self.transition.tocoo()
        n = self.escape.size
        width = int(np.max(np.abs(q.col - q.row), initial=0))
        if n * width**2 > _LARGEST_COST:
            raise ValueError(
                f"the noise of one step is too small for the range of v: {n} nodes coupled over"
                f" {width} cost more than {_LARGEST_COST:g} operations; increase dt or the noise"
            )
        bands = np.zeros((n, 2 * width + 1))
        bands[q.row, q.col - q.row + width] = q.data
        return bands, _eliminate(bands, self.escape.copy())

    def passage(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean steps to escape from each node; mean visits to each node on the way from v_reset."""
        bands, pivots = self.factor()
        ones = np.ones(self.escape.size)
        return _solve_right(bands, pivots, ones), _solve_left(bands, pivots, self.first)

    def passage_two_grid(self, cells: int) -> tuple[NDArray, NDArray, float]:
        """`passage` by GMRES, preconditioned with the chain whose nodes are groups of `cells`.

        The third value bounds the relative error of the mean steps: the largest residual.
        """
        n = self.escape.size
        coarse = self.grouped(cells)
        bands, pivots = coarse.factor()

        def solve(q: csr_array, coarse_solve: Callable, up: float, down: float, y: NDArray):  # type: ignore[no-untyped-def]
            def precondition(r: NDArray) -> NDArray:
                grouped = r.reshape(-1, cells).sum(1) * down
                z = np.repeat(coarse_solve(bands, pivots, grouped), cells) * up
                for _ in range(4):
                    z = r + q @ z
                return z

            x, _ = gmres(
                LinearOperator((n, n), lambda x: x - q @ x),
                y,
                M=LinearOperator((n, n), precondition),
                rtol=1e-11,
                restart=50,
                maxiter=4,
            )
            return x, float(np.max(np.abs(y - (x - q @ x))))

        ones = np.ones(n)
        steps, residual = solve(self.transition, _solve_right, 1.0, 1 / cells, ones)
        visits, _ = solve(self.transition.T.tocsr(), _solve_left, 1 / cells, 1.0, self.first)
        return steps, visits, residual

    def grouped(self, cells: int) -> "Chain":
        """The chain of groups of `cells` neighbouring nodes, the mass in a group spread evenly."""
        n = self.escape.size
        sums = csr_array((np.ones(n), (np.arange(n) // cells, np.arange(n))))
        return Chain(
            (sums @ self.transition @ sums.T) / cells,
            sums @ self.escape / cells,
            sums @ self.first,
            self.first_escape,
        )

    def moments(self, steps: NDArray, visits: NDArray) -> tuple[float, float]:
        """E[T] and E[T**2] / E[T] from v_reset."""
        mean = 1.0 + float(self.first @ steps)
        return mean, 1.0 + 2.0 * float(visits / mean @ steps)
