"""Where the leak takes the state of an integer neuron, and with what probability.

The neuron's own leak, with its rounding, or any other map v -> u. Stochastic rounding makes u one
of two integers: of the 2**leak_bits equally probable values of d, as many carry into the quotient
as there are units in the remainder. Truncation rounds |v| down and keeps the sign.
"""

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from .lif import IntegerLIF
from .lif_kernels import BY_SIGN, fixed_number

Leak = Callable[[NDArray[np.int64]], ArrayLike] | ArrayLike


def targets(
    neuron: IntegerLIF, v: NDArray[np.int64], leak: Leak | None = None
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Where the leak can take each v, and with what probability.

    Parameters
    ----------
    neuron : IntegerLIF
    v : ndarray of int64, shape (n,)
    leak : callable or array_like of int, optional
        In place of the neuron's own leak and rounding: a function from an array of states to an
        array of states, or a table of all 2**width of them, the lowest state's first.

    Returns
    -------
    list of (u, p)
        One or two pairs of arrays of shape (n,): with probability p[k] to u[k].
    """
    if leak is not None:
        return [(mapped(neuron.v_min, neuron.v_max, v, leak, "leak"), np.ones(v.size))]
    one = 1 << neuron.leak_bits
    numerator = v * neuron.leak_multiplier if neuron.leak == "multiply" else v
    if neuron.rounding == "nearest":
        numerator = numerator + one // 2
    if neuron.rounding == "truncate":
        numerator, sign_of_v = np.abs(numerator), np.sign(v)
    else:
        sign_of_v = np.ones_like(v)
    quotient, remainder = np.divmod(numerator, one)
    quotient = sign_of_v * quotient
    sign, origin = (1, 0) if neuron.leak == "multiply" else (-1, v)
    down = origin + sign * quotient
    if neuron.rounding != "stochastic":
        return [(down, np.ones(v.size))]
    up = remainder / one  # of the `one` values of d, `remainder` carry into the quotient
    return [(down, 1 - up), (down + sign, up)]


def mapped(low: int, high: int, v: NDArray[np.int64], leak: Leak, name: str) -> NDArray[np.int64]:
    """Apply a function, or a table of low .. high, to states, and check what comes out."""
    if callable(leak):
        u = np.asarray(leak(v.copy()))
        if u.shape != v.shape:
            raise ValueError(f"{name} must keep the shape {v.shape}, not return {u.shape}")
    else:
        table = np.asarray(leak)
        if table.shape != (high - low + 1,):
            raise ValueError(
                f"{name} must be a table of the {high - low + 1} states {low} .. {high},"
                f" not of shape {table.shape}"
            )
        u = table[v - low]
    if not np.issubdtype(u.dtype, np.integer):
        raise TypeError(f"{name} must lead to integers, not {u.dtype}")
    beyond = (u < low) | (u > high)
    if beyond.any():
        raise ValueError(
            f"{name} must lead to {low} .. {high}, not from {v[beyond][0]} to {u[beyond][0]}"
        )
    return u.astype(np.int64)


def smallest_and_largest_d(neuron: IntegerLIF) -> tuple[int, int]:
    """Bounds of the rounding number d, both `BY_SIGN` where the sign of v decides."""
    if neuron.rounding == "stochastic":
        return 0, (1 << neuron.leak_bits) - 1
    d = fixed_number(neuron.rounding, neuron.leak_bits)
    return d, d


@njit(cache=True)
def leak_one(v: int, shift: bool, bits: int, multiplier: int, d: int) -> int:
    """The neuron's own leak of one state, with a given rounding number or `BY_SIGN`."""
    if d == BY_SIGN:
        d = (1 << bits) - 1 if v < 0 else 0
    return v - ((v + d) >> bits) if shift else (v * multiplier + d) >> bits
