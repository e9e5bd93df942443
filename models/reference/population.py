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

from .delivery import Spikes
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
    state: State,
    groups: tuple[int, int],
    begin: int,
    steps: int,
    spikes: Spikes,
    trace: NDArray,
    log: NDArray,
    logged: int,
    stride: int,
    offset: int,
) -> int:
    """Advance these groups of neurons by a block of `steps` that begins at step `begin`.

    The spikes go into `spikes`, and as ``step * stride + offset + neuron`` into `log` from `logged`
    on; the new `logged` is returned.
    """
    ids, first = spikes
    channels = state.x.shape[0]
    arrived = np.empty((channels, GROUP))
    m, current, g_e, g_i = np.empty(GROUP), np.zeros(GROUP), np.zeros(GROUP), np.zeros(GROUP)
    spiked = np.zeros(GROUP, np.uint8)
    scratch = np.empty(GROUP, np.uint64)
    for group in range(groups[0], groups[1]):
        low = group * GROUP
        high = min(low + GROUP, state.v.size)
        n = high - low
        v, counter = state.v[low:high], state.counter[low:high]
        spiked[:] = 0
        found = 0
        recorded = np.searchsorted(state.recorded, np.array([low, high]))
        for k in range(steps):
            step = begin + k
            for c in range(channels):
                arrived[c, :n] = 0.0
                if state.sums.shape[1]:
                    _add_sums(arrived[c, :n], state.sums[c, step % state.sums.shape[1], low:high])
            for p in range(state.counted.shape[0]):
                row = state.counts[p, step % state.counts.shape[1], low:high]
                _add_counts(arrived[int(state.counted[p, 1]), :n], row, state.counted[p, 0])
            for p in range(state.poisson.shape[0]):
                add_poisson(
                    arrived[int(state.poisson[p, 1]), :n],
                    state.poisson[p, 0],
                    state.random[0, low:high],
                    state.random[1, low:high],
                    state.below[p],
                    state.guide[p],
                    scratch,
                )
            if channels > 1:
                current[:] = 0.0
                g_e[:] = 0.0
                g_i[:] = 0.0
                for c in range(1, channels):
                    kind, decay, effect, gain = state.channels[c]
                    to = current if kind == CURRENT else g_e if kind == EXCITATORY else g_i
                    x = state.x[c, low:high]
                    for i in range(n):
                        to[i] += effect * x[i]
                        x[i] = decay * x[i] + gain * arrived[c, i]
            if k == 0 or state.rest.shape[0] > 1:
                drive = state.rest[min(step, state.rest.shape[0] - 1)]
                for i in range(n):
                    m[i] = drive[min(low + i, drive.size - 1)]
            constants, refractory = state.constants, state.refractory
            if state.kind == LIF_KIND:
                lif(v, counter, spiked, m, current, arrived[0], constants, refractory)
            elif state.kind == EIF_KIND:
                eif(v, counter, spiked, m, current, arrived[0], constants, refractory)
            elif state.kind == CONDUCTANCE_KIND:
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
            for r in range(recorded[0], recorded[1]):
                trace[step, r] = state.v[state.recorded[r]]
        first[group, steps] = found
    return logged
