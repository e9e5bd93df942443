"""A held current without random rounding: the one orbit of the state, as intervals between spikes.

The state after a spike decides the next interval and the state after the next spike. Reset to a
value makes it the same each time; with reset by subtraction the finitely many states after a spike
come round in a cycle (Brent 1980, BIT 20:176, finds it in constant memory).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .leak import leak_one, smallest_and_largest_d
from .lif import IntegerLIF


def intervals(neuron: IntegerLIF, current: int) -> NDArray[np.int64]:
    """Intervals of the cycle that the neuron comes to, in steps; empty if it falls silent."""
    d, _ = smallest_and_largest_d(neuron)
    found = _cycle(
        neuron.v_reset,
        current,
        (neuron.leak == "shift", neuron.leak_bits, neuron.leak_multiplier, d),
        (neuron.v_min, neuron.v_max, neuron.threshold),
        neuron.reset == "subtract",
        neuron.v_reset,
    )
    return found + neuron.refractory


@njit(cache=True)
def _passage(
    v: int,
    current: int,
    leak: tuple[bool, int, int, int],
    limits: tuple[int, int, int],
    subtract: bool,
    v_reset: int,
) -> tuple[int, int]:
    """Steps to the next spike and the state after it; 0 steps if there is no way to one.

    The leak is a monotonous map: an orbit that stops, or turns back, never comes up again.
    """
    shift, bits, multiplier, d = leak
    low, high, threshold = limits
    steps = 0
    while True:
        steps += 1
        following = min(max(leak_one(v, shift, bits, multiplier, d) + current, low), high)
        if following >= threshold:
            return steps, following - threshold if subtract else v_reset
        if following <= v:
            return 0, v
        v = following


@njit(cache=True)
def _cycle(
    v: int,
    current: int,
    leak: tuple[bool, int, int, int],
    limits: tuple[int, int, int],
    subtract: bool,
    v_reset: int,
) -> NDArray[np.int64]:
    """The intervals of the cycle; the marked state moves on after 1, 2, 4, ... spikes."""
    marked, length, until = v, 0, 1
    while True:
        steps, v = _passage(v, current, leak, limits, subtract, v_reset)
        if steps == 0:
            return np.empty(0, np.int64)
        length += 1
        if v == marked:
            break
        if length == until:
            marked, length, until = v, 0, 2 * until
    found = np.empty(length, np.int64)
    for k in range(length):
        found[k], v = _passage(v, current, leak, limits, subtract, v_reset)
    return found
