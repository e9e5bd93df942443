"""How often an integer LIF spikes in each step from a release at v_reset: the exact chain in time.

The distribution of v is followed step by step. In a step v goes to leak(v) + i with i of that
step's distribution, saturating; what reaches the threshold spikes, is at v_reset, and takes part
again in the step `refractory` + 1 later (see `markov`). Stochastic rounding makes leak(v) one of
two integers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .input import IntegerInput
from .leak import targets
from .lif import IntegerLIF
from .transitions import check, interval


def spikes(
    neuron: IntegerLIF, phases: Sequence[tuple[IntegerInput, int]]
) -> tuple[NDArray[np.float64], float]:
    """Probability of a spike in each step.

    Parameters
    ----------
    neuron : IntegerLIF
        With reset to a value.
    phases : sequence of (IntegerInput, int)
        The input, and for how many steps it has this distribution; one after the other.

    Returns
    -------
    probability : ndarray of float, shape (steps,)
    error : float
        Bound on the absolute error of the sum over any steps: the probability that an input was
        left out, and rounding.

    Raises
    ------
    ValueError
        An input beyond `input_width`, a chain too large, or reset by subtraction.
    """
    if neuron.reset != "value":
        raise ValueError(f"reset must be 'value', not {neuron.reset!r}")
    for source, _ in phases:
        check(neuron, source)
    smallest = min(int(source.values[0]) for source, _ in phases)
    largest = max(int(source.values[-1]) for source, _ in phases)
    ends = sorted({smallest, largest})
    first, last = interval(neuron, IntegerInput(np.array(ends), np.full(len(ends), 1 / len(ends))))
    branches = targets(neuron, np.arange(first, last + 1, dtype=np.int64))
    lowest = min(int(u.min()) for u, _ in branches)
    size = max(int(u.max()) for u, _ in branches) - lowest + 1
    state = np.zeros(last - first + 1)
    state[neuron.v_reset - first] = 1.0
    found = np.empty(sum(steps for _, steps in phases))
    now = 0
    for source, steps in phases:
        kernel = np.zeros(int(source.values[-1] - source.values[0]) + 1)
        kernel[source.values - source.values[0]] = source.probabilities
        landing = np.arange(size + kernel.size - 1) + lowest + int(source.values[0]) - first
        spiking = landing >= neuron.threshold - first
        landing = np.where(spiking, 0, np.maximum(landing, 0))
        for _ in range(steps):
            leaked = np.zeros(size)
            for u, p in branches:
                leaked += np.bincount(u - lowest, state * p, size)
            landed = np.convolve(leaked, kernel)
            state = np.bincount(landing, landed * ~spiking, state.size).astype(float)
            found[now] = landed[spiking].sum()
            if now >= neuron.refractory:
                state[neuron.v_reset - first] += found[now - neuron.refractory]
            now += 1
    lost = sum(source.lost_mass * steps for source, steps in phases)
    return found, lost + found.size * state.size * float(np.finfo(float).eps)
