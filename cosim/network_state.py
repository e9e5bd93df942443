"""Regularity and synchrony of a network's spikes, and the state that they make (Brunel 2000).

    CV          of the intervals of each neuron, the mean over neurons that have ten or more
    synchrony   chi^2 (Golomb & Hansel 2000) of the spike counts in bins of 2 ms: 1 / n for
                independent neurons, 1 if all do the same
    state       synchronous (S) from chi^2 = `SYNCHRONOUS` on, else asynchronous (A); irregular (I)
                from a CV of `states.IRREGULAR` on, else regular (R): "AI", "AR", "SI" or "SR"

Where a state ends is convention, and the CV of a finite network is below that of its mean field:
these numbers are shown beside the theory's, and no verdict hangs on them.
"""

from typing import NamedTuple

from ..models.reference.observables import counts, cvs, synchrony
from ..models.theory.states import IRREGULAR
from .observables import Ints

BIN = 2e-3  # s
INTERVALS = 10  # fewest of a neuron whose CV counts
SYNCHRONOUS = 0.1  # chi^2


class NetworkState(NamedTuple):
    """What was measured; `name` as in the text above."""

    cv: float
    synchrony: float
    name: str


def network_state(
    steps: Ints, ids: Ints, n: int, dt: float, first: int, end: int
) -> NetworkState | None:
    """The state of a run of `n` neurons from the step `first` to before `end`.

    None if no neuron has enough intervals.

    Parameters
    ----------
    steps, ids : ndarray, shape (spikes,)
        In steps of `dt` s.

    Raises
    ------
    ValueError
        No two bins fit, or each has the same spikes.
    """
    width = max(1, round(BIN / dt))
    first = end - (end - first) // width * width  # whole bins
    window = first * dt, end * dt
    times = (steps + 0.5) * dt
    regularity = cvs(times, ids, n, window, INTERVALS)[1]
    if not regularity.size:
        return None
    cv = float(regularity.mean())
    chi2 = synchrony(counts(times, ids, n, window, width * dt).T)
    name = ("S" if chi2 >= SYNCHRONOUS else "A") + ("I" if cv >= IRREGULAR else "R")
    return NetworkState(cv, chi2, name)
