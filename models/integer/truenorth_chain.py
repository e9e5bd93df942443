"""The transition probabilities of a TrueNorth neuron under independent integer input.

An update of `truenorth` adds the input, then leaks, then compares. Chance is in the input i, in
rho, which decides whether a stochastic leak acts, and in eta, which raises the threshold; the three
are taken as independent of each other and from update to update, rho and eta as uniform. So with
s = fit(v + i), a leak l(s) of one or two values, and c the value compared,

    P(spike) = P(eta <= c - threshold) = min(max(c - threshold + 1, 0), M + 1) / (M + 1)

and likewise below the negative threshold. States between
the lowest that v_reset leads to and the highest that may not fire are kept.
"""

import numpy as np
from numpy.typing import NDArray

from .input import IntegerInput
from .transitions import MOST_ELEMENTS, Transitions
from .truenorth import LEAK_BITS, TrueNorth

_RHOS = 1 << LEAK_BITS


def transitions(neuron: TrueNorth, source: IntegerInput) -> Transitions:
    """Find the states that the reset leads to, and the probabilities of the steps among them.

    Raises
    ------
    ValueError
        A reset other than "value", an overflow other than "saturate", thresholds in the wrong
        order, an input that does not fit, or a chain too large for memory.
    """
    low, high = _check(neuron, source)
    first, last = _bounds(neuron, source, low, high)
    v = np.arange(first, last + 1)
    lower, upper = _reach(neuron, source, v, low, high)
    width = lower + upper + 1
    if v.size * width > MOST_ELEMENTS:
        raise ValueError(
            f"{v.size} states with steps of -{lower} .. {upper} make too large a matrix, more than"
            f" {MOST_ELEMENTS} elements: take a larger LSB"
        )
    band, hazard, row = np.zeros((v.size, width)), np.zeros(v.size), np.arange(v.size)
    for value, probability in zip(source.values, source.probabilities, strict=True):
        for w, p, fires in _outcomes(neuron, np.clip(v + value, low, high)):
            hazard += probability * p * fires
            stays = probability * p * (1 - fires)
            seen = stays > 0
            np.add.at(band, (row[seen], w[seen] - v[seen] + lower), stays[seen])
    return Transitions(v, band, lower, hazard[:, None], np.array([neuron.v_reset - first]))


def _check(neuron: TrueNorth, source: IntegerInput) -> tuple[int, int]:
    """The range of the state."""
    if neuron.reset != "value" or neuron.overflow != "saturate":
        raise ValueError(
            f"the chain is of neurons with reset 'value' and overflow 'saturate', not"
            f" {neuron.reset!r} and {neuron.overflow!r}"
        )
    if not neuron.negative_threshold < neuron.v_reset < neuron.threshold:
        raise ValueError(
            f"negative_threshold, v_reset and threshold must rise, not {neuron.negative_threshold},"
            f" {neuron.v_reset}, {neuron.threshold}"
        )
    field = neuron.inputs["i"]
    for value in (int(source.values[0]), int(source.values[-1])):
        if not field.low <= value <= field.high:
            raise ValueError(
                f"the source's values must be in {field.low} .. {field.high}, not {value}"
            )
    return neuron.state["v"].low, neuron.state["v"].high


def _leaks(neuron: TrueNorth, s: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], float]]:
    """Where the leak takes each s, and with what probability, the same for all."""
    field, size = neuron.state["v"], abs(neuron.leak)
    omega = np.sign(s) if neuron.leak_reversal else np.ones_like(s)

    def leaked(d: int) -> NDArray[np.int64]:
        total = s + omega * d
        if neuron.no_ringing:
            total = np.where(np.sign(total) == -np.sign(s), 0, total)
        return np.clip(total, field.low, field.high)

    if not neuron.leak_stochastic or size == 0:
        return [(leaked(neuron.leak), 1.0)]
    acts = min(size + 1, _RHOS) / _RHOS
    branches = [(leaked(neuron.leak // size), acts), (leaked(0), 1 - acts)]
    return [branch for branch in branches if branch[1] > 0]


def _outcomes(
    neuron: TrueNorth, s: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
    """From the sums s: states without a spike, their probability, and that of a spike instead."""
    etas = neuron.registers["mask"] + 1
    found: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
    for b, p in _leaks(neuron, s):
        c = s if neuron.leak_after_compare else b
        fires = np.asarray(np.clip(c - neuron.threshold + 1, 0, etas) / etas)
        if neuron.negative_saturation:
            below = (c < neuron.negative_threshold) * 1.0
            floor = neuron.negative_threshold
        else:
            under = neuron.negative_threshold - c + neuron.symmetric
            below = np.asarray(np.clip(under, 0, etas) / etas)
            floor = -neuron.v_reset
        found.append((b, np.asarray(p * (1 - below)), fires))
        if below.any():
            found.append((np.full_like(b, floor), np.asarray(p * below), fires))
    return found


def _bounds(neuron: TrueNorth, source: IntegerInput, low: int, high: int) -> tuple[int, int]:
    """Bounds of the states that v_reset leads to; but for resets v' rises with v and i."""
    away = abs(neuron.leak) if neuron.leak_after_compare else 0  # of v from what is compared
    mask = neuron.registers["mask"]
    last = min(neuron.threshold + mask - 1 + away, high)
    lowest = neuron.negative_threshold - away - (0 if neuron.negative_saturation else mask)
    first = neuron.v_reset
    while first > lowest:
        branches = _leaks(neuron, np.clip(np.array([first + source.values[0]]), low, high))
        following = min(int(b[0]) for b, _ in branches)
        if following >= first:
            break
        first = following
    first = max(first, lowest)
    if first < neuron.negative_threshold and not neuron.negative_saturation:
        first = min(first, -neuron.v_reset)
    return first, last


def _reach(
    neuron: TrueNorth, source: IntegerInput, v: NDArray[np.int64], low: int, high: int
) -> tuple[int, int]:
    """How far down and up a step leads at most."""
    lower, upper = 0, 0
    for value in (int(source.values[0]), int(source.values[-1])):
        for w, _, _ in _outcomes(neuron, np.clip(v + value, low, high)):
            step = np.clip(w, v[0], v[-1]) - v
            lower, upper = max(lower, -int(step.min())), max(upper, int(step.max()))
    return lower, upper
