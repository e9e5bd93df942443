"""The mean interval of an integer LIF with too many states to eliminate (`markov`), by iteration.

With Q the probabilities of the steps among the states that are no spike, the mean number T of steps
to a spike solves ``(I - Q) T = 1``. Q T is the convolution of T with the input's probabilities, by
FFT, read where the leak takes each state: no matrix is ever made, and GMRES (Saad & Schultz 1986)
needs nothing else. (Its sums are einsum's and not BLAS's: vectors of this length wait longer for
threads than for sums.) How far it came needs no estimate: ``(I - Q)**-1`` has no negative element
and makes T of 1, so if no residual ``1 - (S - Q S)`` is larger than r < 1, S is right to

    |S - T| <= r T.

FFT's rounding and the input's `lost_mass`, times the largest S, count as residuals. Reset to a
value only.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from .input import IntegerInput
from .leak import targets
from .lif import IntegerLIF
from .transitions import check, interval

_RESIDUAL = 1e-6  # in the root mean square
_MOST_ITERATIONS, _LOOK = 300, 10
_ROUNDING = 1e-12  # of the FFT, relative to the largest T


Floats = NDArray[np.float64]


class MeanInterval(NamedTuple):
    """Mean interval in steps, refractory ones included, and a bound on its relative error."""

    steps: float
    error: float


def mean_interval(neuron: IntegerLIF, source: IntegerInput) -> MeanInterval:
    """The mean interval under independent integer input.

    Raises
    ------
    ValueError
        An input beyond `input_width`, reset by subtraction, or a mean that iteration does not find:
        a neuron that hardly ever fires.
    """
    check(neuron, source)
    if neuron.reset != "value":
        raise ValueError(f"reset must be 'value', not {neuron.reset!r}")
    first, last = interval(neuron, source)
    n = last - first + 1
    leaks = targets(neuron, np.arange(first, last + 1))
    least = min(int(u.min()) for u, _ in leaks)
    reach = max(int(u.max()) for u, _ in leaks) - least + 1
    low, high = int(source.values[0]), int(source.values[-1])
    p = np.zeros(high - low + 1)
    p[source.values - low] = source.probabilities
    # T at least + low .. : the lowest state below the states, where sums saturate; 0 at a spike
    below = min(max(first - least - low, 0), reach + p.size - 1)
    skipped = max(least + low - first, 0)
    size = next_fast_len(reach + 2 * p.size, real=True)
    transformed = rfft(p[::-1], size)

    def without_spike(t: Floats) -> Floats:
        reached = np.zeros(reach + p.size - 1)
        reached[:below] = t[0]
        inside = t[skipped : skipped + reached.size - below]
        reached[below : below + inside.size] = inside
        summed = irfft(rfft(reached, size) * transformed, size)[p.size - 1 :]
        return sum(probability * summed[u - least] for u, probability in leaks)

    def residual(t: Floats) -> Floats:
        return 1.0 - (t - without_spike(t))

    found = _gmres(lambda t: t - without_spike(t), np.ones(n))
    unknown = (_ROUNDING + source.lost_mass) * np.abs(found).max()
    error = float(np.abs(residual(found)).max() + unknown)
    if error >= 0.5:
        raise ValueError(f"{neuron!r} fires too rarely for iteration: residual {error:.2g}")
    steps = float(found[neuron.v_reset - first])
    return MeanInterval(neuron.refractory + steps, error / (1 - error))


def _gmres(apply: Callable[[Floats], Floats], b: Floats) -> Floats:
    """x with apply(x) = b, as far as some iterations come."""
    basis = np.empty((_MOST_ITERATIONS, b.size))
    h = np.zeros((_MOST_ITERATIONS + 1, _MOST_ITERATIONS))
    wanted = np.zeros(_MOST_ITERATIONS + 1)
    wanted[0] = np.sqrt(np.einsum("i,i", b, b))
    new = b / wanted[0]
    for k in range(1, _MOST_ITERATIONS + 1):
        basis[k - 1] = new
        new = apply(new)
        for _ in range(2):  # Gram & Schmidt, once more for what rounding left
            along = np.einsum("ij,j", basis[:k], new)
            new -= np.einsum("i,ij", along, basis[:k])
            h[:k, k - 1] += along
        h[k, k - 1] = np.sqrt(np.einsum("i,i", new, new))
        new /= h[k, k - 1]
        if k % _LOOK == 0:
            y = np.linalg.lstsq(h[: k + 1, :k], wanted[: k + 1])[0]
            if np.linalg.norm(h[: k + 1, :k] @ y - wanted[: k + 1]) <= _RESIDUAL * wanted[0]:
                break
    return np.einsum("i,ij", y, basis[:k])
