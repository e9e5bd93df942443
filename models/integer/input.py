"""Integer input that is independent from step to step: a distribution over integers.

The number of LSB that a synaptic drive adds in one step, for a held current (one value), Gaussian
white noise (a normal rounded to the nearest integer), and Poisson synapses of integer weights
(a compound Poisson). The probabilities keep their relative accuracy in the tails, where rare
spikes come from: they are sums of positive terms, never one minus something.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, inf, isfinite

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

TAIL = 1e-30  # probability below which a tail is cut off; `lost_mass` says how much was
MOST_VALUES = 1 << 24

_GAUSS = {order: np.polynomial.legendre.leggauss(order) for order in (4, 32)}
_NARROW = 2.0**-6  # bins in which 4 nodes err by 1e-15, at 11.5 standard deviations


@dataclass(frozen=True, eq=False)
class IntegerInput:
    """Independent integer input per step.

    Parameters
    ----------
    values : ndarray of int64, shape (n,)
        Distinct, ascending.
    probabilities : ndarray of float, shape (n,)
        Of each value, > 0; their sum is 1 less `lost_mass`, to rounding.
    lost_mass : float
        A bound on the probability of all values that were left out.

    Raises
    ------
    ValueError
        With the name and what is allowed.
    """

    values: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    lost_mass: float = 0.0

    def __post_init__(self) -> None:
        values, p = np.asarray(self.values), np.asarray(self.probabilities, float)
        if not np.issubdtype(values.dtype, np.integer):
            raise TypeError(f"values must be integers, not {values.dtype}")
        if values.ndim != 1 or values.size == 0 or values.shape != p.shape:
            raise ValueError(
                f"values and probabilities must be one-dimensional, not empty and equally long,"
                f" not of shapes {values.shape} and {p.shape}"
            )
        if np.any(values[1:] <= values[:-1]):
            raise ValueError("values must be distinct and ascending")
        if not np.all(p > 0):
            raise ValueError(f"probabilities must be > 0, not {p[~(p > 0)][0]}")
        if not 0 <= self.lost_mass < 1:
            raise ValueError(f"lost_mass must be in 0 .. 1, not {self.lost_mass}")
        total = float(p.sum()) + self.lost_mass
        if abs(total - 1) > 1e-12 + self.lost_mass:
            raise ValueError(f"probabilities must add up to 1 - lost_mass: with it, {total}")
        object.__setattr__(self, "values", values.astype(np.int64))
        object.__setattr__(self, "probabilities", p.copy())

    @property
    def mean(self) -> float:
        """Mean input per step in LSB."""
        return float(self.probabilities @ self.values)

    @property
    def variance(self) -> float:
        """Variance of the input of one step in LSB**2."""
        return float(self.probabilities @ (self.values - self.mean) ** 2)

    @classmethod
    def constant(cls, k: int) -> "IntegerInput":
        """The same integer `k` in every step."""
        return cls(np.array([k], np.int64), np.ones(1))

    @classmethod
    def gaussian(cls, mean: float, sd: float, width: int) -> "IntegerInput":
        """A normal variable rounded to the nearest integer, saturating at `width` signed bits.

        Parameters
        ----------
        mean, sd : float
            In LSB, before rounding; ``sd > 0``.
        width : int
            Bits of the signed input; what lies beyond is counted at the end of the range.
        """
        low, high = _range(width)
        if not isfinite(mean) or not 0 < sd < inf:
            raise ValueError(f"mean and sd must be finite, sd > 0, not {mean} and {sd}")
        reach = 11.5 * sd  # ndtr(-11.5) = 6.6e-31
        first = min(max(floor(mean - reach + 0.5), low), high)
        last = min(max(ceil(mean + reach - 0.5), low), high)
        _check_size(last - first + 1)
        values = np.arange(first, last + 1)
        p = _normal_bins((values - 0.5 - mean) / sd, 1 / sd)
        below, above = ndtr((first - 0.5 - mean) / sd), ndtr((mean - last - 0.5) / sd)
        lost = 0.0
        if first == low:
            p[0] += below
        else:
            lost += below
        if last == high:
            p[-1] += above
        else:
            lost += above
        seen = p > 0  # far outside the range only its end has any probability
        return cls(values[seen], p[seen], lost)

    @classmethod
    def poisson(
        cls, rates_dt: ArrayLike, weights: ArrayLike, offset: int = 0, width: int = 32
    ) -> "IntegerInput":
        """`offset` plus the jumps of Poisson synapses, saturating at `width` signed bits.

        Parameters
        ----------
        rates_dt : array_like of float, shape (synapses,)
            Mean number of events per step, > 0.
        weights : array_like of int, shape (synapses,)
            Jump of one event in LSB.
        """
        low, high = _range(width)
        rates, jumps = np.atleast_1d(rates_dt).astype(float), np.atleast_1d(weights)
        if rates.ndim != 1 or rates.shape != jumps.shape:
            raise ValueError(
                f"rates_dt and weights must be equally long, not {rates.shape} and {jumps.shape}"
            )
        if not np.issubdtype(jumps.dtype, np.integer):
            raise TypeError(f"weights must be integers, not {jumps.dtype}")
        values, p = np.array([offset]), np.ones(1)
        for rate, jump in zip(rates, jumps, strict=True):
            if not 0 < rate < inf:
                raise ValueError(f"rates_dt must be finite and > 0, not {rate}")
            if jump != 0:
                counts, p_counts = _poisson_counts(rate)
                values, p = _sum_of_two(values, p, counts * jump, p_counts)
        values, p, lost = _without_ends(values, p)
        values, where = np.unique(np.clip(values, low, high), return_inverse=True)
        return cls(values, np.bincount(where, p).astype(float), lost)

    def sample(self, rng: np.random.Generator, shape: int | tuple[int, ...]) -> NDArray[np.int32]:
        """Draw independent inputs, each probability met to 2**-53 (Walker 1977, alias method)."""
        out = np.empty(shape, np.int32)
        flat = out.reshape(-1)
        threshold, alias = self._alias
        values = self.values.astype(np.int32)
        for begin in range(0, flat.size, 1 << 14):  # blocks that stay in the cache
            block = flat[begin : begin + (1 << 14)]
            _draw(rng.random(block.size), values, threshold, alias, block)
        return out

    @cached_property
    def _alias(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        return _alias_table(self.probabilities / self.probabilities.sum())


def _range(width: int) -> tuple[int, int]:
    if not 2 <= width <= 32:
        raise ValueError(f"width must be in 2 .. 32, not {width}")
    return -(1 << (width - 1)), (1 << (width - 1)) - 1


def _check_size(n: int) -> None:
    if n > MOST_VALUES:
        raise ValueError(f"the input takes {n} values, more than {MOST_VALUES}: take a larger LSB")


def _normal_bins(z: NDArray[np.floating], h: float) -> NDArray[np.float64]:
    """Probability of each bin [z, z + h] of the standard normal, to relative accuracy.

    Narrow bins by Gauss-Legendre quadrature of the density; bins wider than 2, of which neighbours
    differ by orders of magnitude, by the distribution function on the side where it is small.
    """
    if h <= 2:
        nodes, weights = _GAUSS[4 if h <= _NARROW else 32]
        x = z[:, None] + 0.5 * h * (nodes + 1)
        return 0.5 * h / np.sqrt(2 * np.pi) * (np.exp(-0.5 * x * x) @ weights)
    flip = z > 0
    a, b = np.where(flip, -z - h, z), np.where(flip, -z, z + h)  # P(a < Z < b), a < 0
    return ndtr(b) - ndtr(a)


def _poisson_counts(rate: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts around the mode, by the ratios p[k+1] / p[k] = rate / (k+1), normalised.

    What lies beyond has a probability below e**-128, far below TAIL.
    """
    reach = 16 * np.sqrt(rate) + 80
    first, last = max(0, floor(rate - reach)), ceil(rate + reach)
    _check_size(last - first + 1)
    counts = np.arange(first, last + 1)
    mode = min(max(floor(rate), first), last)
    up = np.cumprod(rate / np.arange(mode + 1, last + 1))
    down = np.cumprod(np.arange(mode, first, -1) / rate)[::-1]
    p = np.concatenate((down, [1.0], up))
    p /= p.sum()
    return counts, p


def _sum_of_two(
    a: NDArray[np.int64], p_a: NDArray[np.float64], b: NDArray[np.int64], p_b: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Distribution of the sum of two independent integers; all terms positive."""
    first, last = int(a.min() + b.min()), int(a.max() + b.max())
    _check_size(last - first + 1)
    p = np.zeros(last - first + 1)
    for value, probability in zip(b, p_b, strict=True):
        p[a + value - first] += probability * p_a
    values = np.flatnonzero(p)
    return values + first, p[values]


def _without_ends(
    values: NDArray[np.int64], p: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Leave out both ends, as much as has probability TAIL or less each."""
    keep = (np.cumsum(p) > TAIL) & (np.cumsum(p[::-1])[::-1] > TAIL)
    return values[keep], p[keep], float(p[~keep].sum())


@njit(cache=True)
def _alias_table(p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Walker's table: column k holds k below its threshold and `alias[k]` above (Vose 1991)."""
    n = p.size
    height = p * n
    alias = np.arange(n)
    small, large = np.empty(n, np.int64), np.empty(n, np.int64)  # stacks
    few, many = 0, 0
    for k in range(n):
        if height[k] < 1:
            small[few] = k
            few += 1
        else:
            large[many] = k
            many += 1
    threshold = height.copy()
    while few > 0 and many > 0:
        few -= 1
        s, g = small[few], large[many - 1]
        threshold[s], alias[s] = height[s], g
        height[g] -= 1 - height[s]
        if height[g] < 1:
            many -= 1
            small[few] = g
            few += 1
    threshold[small[:few]] = 1.0  # full columns, and what rounding left over
    threshold[large[:many]] = 1.0
    return threshold, alias


@njit(cache=True)
def _draw(
    uniform: NDArray[np.float64],
    values: NDArray[np.int32],
    threshold: NDArray[np.float64],
    alias: NDArray[np.int64],
    out: NDArray[np.int32],
) -> None:
    """One uniform number per draw: the whole part picks the column, the rest compares in it."""
    n = values.size
    for j in range(out.size):
        column = uniform[j] * n
        k = int(column)
        out[j] = values[k] if column - k < threshold[k] else values[alias[k]]
