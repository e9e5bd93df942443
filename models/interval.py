"""Distribution of a waiting time whose hazard settles: step by step, then geometric.

A chain that is followed from its start forgets it: its state reaches the quasi-stationary law, from
then on it escapes with the same probability in every step, and the rest needs no more steps.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SETTLED = 1e-12  # change of the hazard in a step, relatively, below which it counts as settled
STEPS = 100  # after so many of them on end; what follows then differs by less than about 1e-10


def follow(
    advance: Callable[[], tuple[float, float]], first: int, n_max: int
) -> tuple[NDArray[np.float64], float]:
    """Follow a chain until it has escaped or its hazard has settled.

    Parameters
    ----------
    advance : callable
        Makes one step; returns the probability to escape in just this step, and to be left.
    first : int
        The number of the first step.
    n_max : int
        The last step asked for.

    Returns
    -------
    pmf : ndarray of float, shape (n_max + 1,)
        Probability to escape in step n at index n.
    tail : float
        Probability to escape later than in step `n_max`.

    Raises
    ------
    ValueError
        A negative `n_max`.
    """
    if n_max < 0:
        raise ValueError(f"n_max must be >= 0, not {n_max!r}")
    pmf = np.zeros(n_max + 1)
    left, hazard, settled = 1.0, 0.0, 0
    for n in range(first, n_max + 1):
        before, at_risk = hazard, left
        pmf[n], left = advance()
        hazard = pmf[n] / at_risk if at_risk > 0 else 0.0
        settled = settled + 1 if abs(hazard - before) < SETTLED * hazard else 0
        if settled == STEPS:
            stay = np.log1p(-hazard)
            pmf[n + 1 :] = left * hazard * np.exp(np.arange(n_max - n) * stay)
            return pmf, left * float(np.exp((n_max - n) * stay))
    return pmf, left
