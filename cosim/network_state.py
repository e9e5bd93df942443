"""Regularity and synchrony of a network's spikes, and the state that they make (Brunel 2000).

    CV          of the intervals of each neuron, the mean over neurons that have ten or more
    synchrony   mean square of the modulation of the population's rate, x(t) in ``r (1 + x(t))``:
                `observables.synchrony` of the spike counts in bins of 0.5 ms
    state       synchronous (S) from a synchrony of `SYNCHRONOUS` on, else asynchronous (A);
                irregular (I) from a CV of `states.IRREGULAR` on, else regular (R): "AI", "AR", "SI"
                or "SR"

`SYNCHRONOUS` is the synchrony of the sinusoid that just takes the rate to 0 in each period: beyond
it, neurons fire in volleys. Unlike chi^2 (Golomb & Hansel 2000) of spike counts, it does not ask
whether a neuron takes part in each volley, which those of SI do not. The bins see 97 % of a
modulation at 200 Hz, and 81 % at 500 Hz, the highest rate that a refractory time of 2 ms allows.

Where a state ends is convention. Spikes of a finite network modulate its rate in an asynchronous
state, too, most near the onset of an oscillation (`models.theory.finite_size`), and its CV is below
that of its mean field: these numbers are shown beside the theory's, and no verdict hangs on them.
"""

from typing import NamedTuple

from ..models.reference.observables import counts, cvs, synchrony
from ..models.theory.states import IRREGULAR
from .observables import Ints

BIN = 0.5e-3  # s
INTERVALS = 10  # fewest of a neuron whose CV counts
SYNCHRONOUS = 0.5  # mean square of a sinusoid of amplitude 1


class NetworkState(NamedTuple):
    """What was measured; `name` as in the text above."""

    cv: float
    synchrony: float
    name: str


def network_state(
    steps: Ints, ids: Ints, n: int, dt: float, first: int, end: int
) -> NetworkState | None:
    """The state of a run of `n` neurons from the step `first` to before `end`.

    None if fewer than two neurons have enough intervals.

    Parameters
    ----------
    steps, ids : ndarray, shape (spikes,)
        In steps of `dt` s.

    Raises
    ------
    ValueError
        No two bins fit.
    """
    width = max(1, round(BIN / dt))
    first = end - (end - first) // width * width  # whole bins
    window = first * dt, end * dt
    times = (steps + 0.5) * dt
    regularity = cvs(times, ids, n, window, INTERVALS)[1]
    if regularity.size < 2:
        return None
    cv = float(regularity.mean())
    shared = synchrony(counts(times, ids, n, window, width * dt))
    name = ("S" if shared >= SYNCHRONOUS else "A") + ("I" if cv >= IRREGULAR else "R")
    return NetworkState(cv, shared, name)
