"""A curve measured at a few slopes of the membrane: between them interpolated, with its error.

Piecewise cubic (PCHIP) over the logarithm of the slope. What that misses between two points is
bounded by what it misses at the worse of them if every other point is left out: where the curve is
smooth, twice the spacing misses at least four times as much.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator


@dataclass(frozen=True, eq=False)
class Sampled:
    """A curve over slopes; constant beyond the first and the last.

    Parameters
    ----------
    slopes : ndarray, shape (points,)
        In V/s, ascending.
    values, errors : ndarray, shape (points,)
        What was measured, in any unit, and the bound of its numerical error.
    """

    slopes: np.ndarray
    values: np.ndarray
    errors: np.ndarray

    @cached_property
    def missed(self) -> np.ndarray:
        """By which the curve through every other point misses each one left out."""
        x, missed = np.log(self.slopes), np.zeros(len(self.slopes))
        for first in (0, 1):
            kept = slice(first, None, 2)
            through = PchipInterpolator(x[kept], self.values[kept], extrapolate=False)
            missed += np.nan_to_num(np.abs(through(x) - self.values))
        return missed

    def clip(self, slope: float) -> float:
        """The nearest slope within those measured."""
        return float(np.clip(slope, self.slopes[0], self.slopes[-1]))

    def __call__(self, slope: float) -> float:
        """The value at `slope` in V/s (> 0)."""
        return float(PchipInterpolator(np.log(self.slopes), self.values)(np.log(self.clip(slope))))

    def error(self, slope: float) -> float:
        """Bound of the error of that value, in its unit."""
        x, at = np.log(self.slopes), np.log(self.clip(slope))
        after = min(max(int(np.searchsorted(x, at)), 1), len(x) - 1)
        worse = self.missed[after - 1 : after + 1].max()
        return float(np.interp(at, x, self.errors) + worse)
