"""A population that advances by a block of steps: inputs, membranes, spikes.

The population is cut into groups of 512 neurons, whose state stays in the first-level cache for the
whole block. A thread has whole groups, and a neuron's arithmetic does not depend on which thread
has it. Of the arrivals at a step, the jumps of V act at its end, and so do the jumps of currents
and conductances: what a spike at step k does after a delay of d steps shows at the end of step
``k + d``, or for currents and conductances one step later.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .membrane import CONDUCTANCE_KIND, EIF_KIND, LIF_KIND, conductance_lif, eif, lif, qif
from .poisson_numbers import add_poisson
from .synapse import CURRENT, EXCITATORY

GROUP = 512


class State(NamedTuple):
    """All that a population carries from step to step, and its constants.

    Attributes
    ----------
    v, counter : ndarray, shape (neurons,)
        Membrane in V; steps still refractory.
    x : ndarray, shape (channels, neurons)
        Currents in V and conductances; channel 0 is the delta synapses and has none.
    counts : ndarray, shape (counted projections, rows, neurons)
    sums : ndarray, shape (channels, rows, neurons)
        Arrivals; no rows where there are no such projections.
    random : ndarray of uint64, shape (2, neurons)
    kind, refractory : int
    constants : ndarray
    channels : ndarray, shape (channels, 4)
        `Channel` of each.
    counted : ndarray, shape (counted projections, 2)
        Weight and channel.
    poisson : ndarray, shape (Poisson inputs, 2)
        Weight and channel.
    below, guide : ndarray, shape (Poisson inputs, ...)
        Their tables.
    rest : ndarray, shape (1 or steps, 1 or neurons)
        Drive in V, on top of v_rest.
    recorded : ndarray, shape (recorded neurons,)
        Sorted.
    """

    v: NDArray[np.float64]
    counter: NDArray[np.int32]
    x: NDArray[np.float64]
    counts: NDArray[np.unsignedinteger]
    sums: NDArray[np.float32]
    random: NDArray[np.uint64]
    kind: int
    refractory: int
    constants: NDArray[np.float64]
    channels: NDArray[np.float64]
    counted: NDArray[np.float64]
    poisson: NDArray[np.float64]
    below: NDArray[np.uint64]
    guide: NDArray[np.uint16]
    rest: NDArray[np.float64]
    recorded: NDArray[np.int64]


@njit(cache=True, nogil=True)
def _add_counts(total: NDArray, counts: NDArray, weight: float) -> None:
    for i in range(total.size):
        total[i] += weight * counts[i]
        counts[i] = 0


@njit(cache=True, nogil=True)
def _add_sums(total: NDArray, sums: NDArray) -> None:
    for i in range(total.size):
        total[i] += sums[i]
        sums[i] = 0.0


@njit(cache=True, nogil=True)
def _list_spikes(spiked: NDArray, low: int, ids: NDArray, found: int) -> int:
    eights = spiked.view(np.uint64)
    for e in range(eights.size):
        if eights[e] != 0:
            for i in range(8 * e, 8 * e + 8):
                if spiked[i]:
                    ids[found] = low + i
                    found += 1
    return found


@njit(cache=True, nogil=True)
def advance(
    state: tuple,
    first_group: int,
    end: int,
    begin: int,
    steps: int,
    ids: NDArray,
    first: NDArray,
    trace: NDArray,
    log: NDArray,
    logged: int,
    stride: int,
    offset: int,
) -> int:
    """Advance groups ``first_group .. end - 1`` by a block of `steps` that begins at step `begin`.

    `state` is a plain tuple of `State`: at a named one numba would look twice as long. The spikes
    go into `ids` and `first` (see `Spikes`), and as ``step * stride + offset + neuron`` into `log`
    from `logged` on; the new `logged` is returned.
    """
    (
        all_v,
        all_counter,
        x,
        counts,
        sums,
        random,
        kind,
        refractory,
        constants,
        channels,
        counted,
        poisson,
        below,
        guide,
        rest,
        recorded,
    ) = state
    arrived = np.empty((x.shape[0], GROUP))
    m, current, g_e, g_i = np.empty(GROUP), np.zeros(GROUP), np.zeros(GROUP), np.zeros(GROUP)
    spiked = np.zeros(GROUP, np.uint8)
    scratch = np.empty(GROUP, np.uint64)
    for group in range(first_group, end):
        low = group * GROUP
        high = min(low + GROUP, all_v.size)
        n = high - low
        v, counter = all_v[low:high], all_counter[low:high]
        s0, s1 = random[0, low:high], random[1, low:high]
        spiked[:] = 0
        found = 0
        traced = np.searchsorted(recorded, np.array([low, high]))
        for k in range(steps):
            step = begin + k
            for c in range(x.shape[0]):
                arrived[c, :n] = 0.0
                if sums.shape[1]:
                    _add_sums(arrived[c, :n], sums[c, step % sums.shape[1], low:high])
            for p in range(counted.shape[0]):
                row = counts[p, step % counts.shape[1], low:high]
                _add_counts(arrived[int(counted[p, 1]), :n], row, counted[p, 0])
            for p in range(poisson.shape[0]):
                add_poisson(
                    arrived[int(poisson[p, 1]), :n],
                    poisson[p, 0],
                    s0,
                    s1,
                    below[p],
                    guide[p],
                    scratch,
                )
            if x.shape[0] > 1:
                current[:] = 0.0
                g_e[:] = 0.0
                g_i[:] = 0.0
                for c in range(1, x.shape[0]):
                    sort, decay, effect, gain = channels[c]
                    to = current if sort == CURRENT else g_e if sort == EXCITATORY else g_i
                    own = x[c, low:high]
                    for i in range(n):
                        to[i] += effect * own[i]
                        own[i] = decay * own[i] + gain * arrived[c, i]
            if k == 0 or rest.shape[0] > 1:
                drive = rest[min(step, rest.shape[0] - 1)]
                for i in range(n):
                    m[i] = drive[min(low + i, drive.size - 1)]
            if kind == LIF_KIND:
                lif(v, counter, spiked, m, current, arrived[0], constants, refractory)
            elif kind == EIF_KIND:
                eif(v, counter, spiked, m, current, arrived[0], constants, refractory)
            elif kind == CONDUCTANCE_KIND:
                conductance_lif(
                    v, counter, spiked, m, current, g_e, g_i, arrived[0], constants, refractory
                )
            else:
                qif(v, counter, spiked, m, current, arrived[0], constants, refractory)
            first[group, k] = found
            new = _list_spikes(spiked, low, ids[group], found)
            for j in range(found, new):
                log[logged] = step * stride + offset + ids[group, j]
                logged += 1
            found = new
            for r in range(traced[0], traced[1]):
                trace[step, r] = all_v[recorded[r]]
        first[group, steps] = found
    return logged
