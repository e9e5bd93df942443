"""Pearson's test of counts, with rare cells taken together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2


def chi2_fails(counts: Sequence[int], expected: NDArray[np.float64], alpha: float) -> bool:
    """Whether counts are too far from expected ones; the rare are counted together."""
    order = np.argsort(expected)
    e, o = expected[order], np.asarray(counts)[order]
    rare = int(np.searchsorted(np.cumsum(e), 10)) + 1
    e, o = np.append(e[:rare].sum(), e[rare:]), np.append(o[:rare].sum(), o[rare:])
    return bool(((o - e) ** 2 / e).sum() > chi2.isf(alpha, e.size - 1))
