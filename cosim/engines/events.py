"""The event stream of a core: what came out, decoded, and what is wrong with its form.

A core gives one event per spike and one marker at the end of each time step (both in one event
when the last neuron fires). So a lost, doubled or misplaced event shows by itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...models.integer.lif import IntegerLIF

Spikes = tuple[NDArray[np.int64], NDArray[np.int64]]

SETTLE = 64  # clocks after the last marker: the write-back, and whatever a faulty core still emits
PATIENCE = 1000  # clocks per neuron without a transfer, after which a core counts as hung
PERIODS = 10  # of the patterns, which are waited for besides


@dataclass(frozen=True)
class CoreRun:
    """What a core did.

    Attributes
    ----------
    spikes : tuple of int64 arrays, each of shape (spikes,)
        Time steps and neurons, in the order in which the events came.
    state : dict of int64 arrays of shape (n,), or None
        Each state after the last step; None where they cannot be read.
    updates : int
        Inputs that the core took.
    cycles : int
        Clocks since the end of reset, with the clearing sweep.
    stalls, gaps : int
        Clocks in which an event waited for ``ready``; in which the core waited for ``valid``.
    violations : tuple of str
        What broke the protocol; empty for a sound core.
    """

    spikes: Spikes
    state: dict[str, NDArray[np.int64]] | None
    updates: int
    cycles: int
    stalls: int
    gaps: int
    violations: tuple[str, ...]


def decode(events: NDArray[np.uint32], n: int, steps: int) -> tuple[Spikes, list[str]]:
    """Spikes of an event stream, and everything that is wrong with it.

    Parameters
    ----------
    events : uint32 array of shape (events,)
        Payloads: the address from bit 0, then ``spike``, then ``last``.
    n, steps : int
        Neurons, and time steps that were asked for.
    """
    address_bits = (n - 1).bit_length()
    address = (events & ((1 << address_bits) - 1)).astype(np.int64)
    spike = (events >> address_bits & 1).astype(bool)
    last = (events >> (address_bits + 1) & 1).astype(bool)
    step = np.cumsum(last) - last
    order = np.diff(step * n + address) <= 0
    faults = {
        "events of a neuron that does not exist": address >= n,
        "events that are neither spike nor marker": ~(spike | last),
        f"markers away from neuron {n - 1}": last & (address != n - 1),
        f"events of neuron {n - 1} without marker": ~last & (address == n - 1),
        "events out of order": order,
    }
    violations = [f"{np.count_nonzero(bad)} {what}" for what, bad in faults.items() if bad.any()]
    if (markers := np.count_nonzero(last)) != steps:
        violations.append(f"{markers} end-of-step markers for {steps} time steps")
    return (step[spike], address[spike]), violations


def checked_currents(neuron: IntegerLIF, n: int, currents: ArrayLike) -> NDArray[np.int32]:
    """The currents as a contiguous array of shape (steps, n).

    Raises
    ------
    TypeError, ValueError
        Not integers, not of that shape, or the first value that does not fit the input.
    """
    array = np.asarray(currents)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"currents must be an array of integers, not of {array.dtype}")
    if array.ndim != 2 or array.shape[1] != n or not array.size:
        raise ValueError(f"currents must have shape (steps, {n}), not {array.shape}")
    bound = 1 << (neuron.input_width - 1)
    if array.min() < -bound or array.max() >= bound:
        step, address = np.argwhere((array < -bound) | (array >= bound))[0]
        raise ValueError(
            f"currents must be in {-bound} .. {bound - 1} (input_width {neuron.input_width}),"
            f" not {array[step, address]} (step {step}, neuron {address})"
        )
    return np.ascontiguousarray(array, np.int32)


def checked_pattern(name: str, pattern: ArrayLike | None) -> NDArray[np.uint8]:
    """What happens clock by clock, repeated; always, if `pattern` is None.

    Raises
    ------
    ValueError
        It is not one-dimensional, or never true.
    """
    array = np.atleast_1d(np.asarray(True if pattern is None else pattern, bool)).astype(np.uint8)
    if array.ndim != 1 or not array.any():
        raise ValueError(f"{name} must be one-dimensional with at least one true, not {pattern!r}")
    return array
