"""The updates of `lif`, compiled: a population on given inputs, and one step of a network's.

A rule is the parameters of all neurons of a population. In a network each neuron has registers of
its own, and the sweep of a step is as `kind` wants it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .kind import Rows
from .noise import xorshift32

RANDOM, BY_SIGN = -1, -2  # in place of a fixed rounding number


class Rule(NamedTuple):
    """The parameters of an update; `low` and `high` bound the state."""

    shift: bool
    bits: int
    multiplier: int
    low: int
    high: int
    threshold: int
    subtract: bool
    v_reset: int
    refractory: int


def fixed_number(rounding: str, leak_bits: int) -> int:
    """The rounding number ``d``, or what stands for a random one or one by the sign of v."""
    half = 1 << (leak_bits - 1)
    return {"floor": 0, "nearest": half, "stochastic": RANDOM, "truncate": BY_SIGN}[rounding]


@njit(cache=True)
def used_bits(values: NDArray[Any]) -> int:
    """The union of all values' bits, sign aside: < 2**b if and only if all fit b bits and sign."""
    used = np.int64(0)
    for value in values.flat:
        used |= np.int64(value) ^ (np.int64(value) >> 63)
    return int(used)


@njit(cache=True)
def run_rows(
    currents: NDArray[Any],
    v: NDArray[np.int64],
    r: NDArray[np.int64],
    x: np.uint32,
    d_fixed: int,
    rule: Rule,
    voltages: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], np.uint32]:
    """All steps: the rounding numbers of a row, its update, its spikes."""
    steps, n = currents.shape
    d = np.full(n, d_fixed)
    mask = np.uint32((1 << rule.bits) - 1)
    fired = np.zeros(n, np.bool_)
    spike_steps, ids, total = np.empty(1024, np.int64), np.empty(1024, np.int64), 0
    for t in range(steps):
        if d_fixed == RANDOM:
            for j in range(n):
                d[j] = x & mask
                x = xorshift32(x)
        elif d_fixed == BY_SIGN:
            for j in range(n):
                d[j] = (1 << rule.bits) - 1 if v[j] < 0 else 0
        count = _row(currents[t], v, r, fired, d, rule)
        if count > 0:
            if total + count > ids.size:
                spike_steps = np.concatenate((spike_steps, np.empty(total + count, np.int64)))
                ids = np.concatenate((ids, np.empty(total + count, np.int64)))
            spike_steps[total : total + count] = t
            _list(fired, ids[total : total + count])
            total += count
        if voltages.shape[0] > 0:
            voltages[t] = v
    return spike_steps[:total].copy(), ids[:total].copy(), x


@njit(cache=True)
def _row(
    currents: NDArray[Any],
    v: NDArray[np.int64],
    r: NDArray[np.int64],
    fired: NDArray[np.bool_],
    d: NDArray[np.int64],
    rule: Rule,
) -> int:
    """One step of all neurons; returns the number of spikes. Selects, not branches: it is SIMD."""
    count = 0
    for j in range(v.size):
        i = np.int64(currents[j])
        v[j], r[j], fired[j] = _update(v[j], r[j], i, d[j], rule)  # type: ignore[arg-type]
        count += fired[j]
    return count


@njit(cache=True)
def _list(fired: NDArray[np.bool_], ids: NDArray[np.int64]) -> None:
    """Fill `ids` with the neurons that fired."""
    k = 0
    for j in range(fired.size):
        if fired[j]:
            ids[k] = j
            k += 1


@njit(cache=True, inline="always")
def _update(v: int, r: int, i: int, d: int, rule: Rule) -> tuple[int, int, bool]:
    """One neuron: v', r' and whether it fires."""
    shift, bits, multiplier, low, high, threshold, subtract, v_reset, refractory = rule
    u = v - ((v + d) >> bits) if shift else (v * multiplier + d) >> bits
    s = min(max(u + i, low), high)
    active, above = r == 0, s >= threshold
    after = s - threshold if subtract else v_reset
    return (
        (after if above else s) if active else v,
        (refractory if above else 0) if active else r - 1,
        active & above,
    )


@njit(cache=True)
def sweep(
    modes: tuple[int, int, int, int, int, int],
    state: Rows,
    registers: Rows,
    profile: Rows,
    inputs: Rows,
    outputs: Rows,
) -> None:
    """One step of a network's neurons; see `kind`."""
    width, shift, bits, d_fixed, subtract, _ = modes
    half = 1 << (width - 1)
    for j in range(profile.size):
        multiplier, threshold, v_reset, refractory = registers[:, profile[j]]
        rule = Rule(
            shift == 1, bits, multiplier, -half, half - 1, threshold, subtract == 1, v_reset,
            refractory,
        )  # fmt: skip
        d = d_fixed
        if d == RANDOM:
            d = inputs[1, j] & ((1 << bits) - 1)
        elif d == BY_SIGN:
            d = (1 << bits) - 1 if state[0, j] < 0 else 0
        state[0, j], state[1, j], outputs[0, j] = _update(
            state[0, j], state[1, j], inputs[0, j], d, rule
        )
