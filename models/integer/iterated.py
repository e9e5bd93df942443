"""The mean interval of a chain with too many states to eliminate (`markov`), by iteration.

A state goes to u by the leak, then an independent input is added. With Q the probabilities of the
steps among the states that are no spike, the mean number T of steps to a spike solves
``(I - Q) T = 1``. Q T is the convolution of T with the input's probabilities, by FFT, read where
the leak takes each state: no matrix is ever made, and GMRES (Saad & Schultz 1986) needs nothing
else. (Its sums are einsum's and not BLAS's: vectors of this length wait longer for threads than for
sums.) How far it came needs no estimate: ``(I - Q)**-1`` has no negative element and makes T of 1,
so if no residual ``1 - (S - Q S)`` is larger than r < 1, S is right to

    |S - T| <= r T.

FFT's rounding and the input's `lost_mass`, times the largest S, count as residuals.

Where there are more states than GMRES can keep vectors of, it solves a coarser chain, of blocks of
states, and T is interpolated between their middles; then ``S = 1 + Q T`` smooths over what that
leaves from state to state. In the coarser chain the leak takes the middle of a block to the two
blocks next to where it goes, with such probabilities that the mean is right, and so does the input.
That this is another chain makes S worse, not the bound on its error wrong: its residuals are those
of all states.

If it is known only that the leak takes a state to u_low, to u_high or between, whatever the input,
then S, made to fall with v, has ``Q S`` between those of the two, and so has its residual.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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
_MOST_STATES = 1 << 17  # of GMRES
_ROUNDING = 1e-12  # of the FFT, relative to the largest T


Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class MeanInterval(NamedTuple):
    """Mean interval in steps, refractory ones included, and a bound on its relative error."""

    steps: float
    error: float


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps between states 0, 1, ..., n - 1, from the lowest to the last below the threshold.

    Parameters
    ----------
    leaks : sequence of (u, probability)
        Where each state goes before its input, shape (n,); with probabilities of each or of all.
    low : int
        The smallest input.
    p : ndarray
        Probabilities of the inputs ``low, low + 1, ...``.
    """

    leaks: Sequence[tuple[Ints, Floats | float]]
    low: int
    p: Floats

    @property
    def n(self) -> int:
        """Number of states."""
        return self.leaks[0][0].size

    @cached_property
    def _reached(self) -> tuple[int, int]:
        """The least u, and how many sums of a u and an input there are."""
        least = min(int(u.min()) for u, _ in self.leaks)
        largest = max(int(u.max()) for u, _ in self.leaks)
        return least, largest - least + self.p.size

    @cached_property
    def _transformed(self) -> tuple[int, NDArray[np.complex128]]:
        """Length of the FFT, and that of the inputs' probabilities."""
        size = next_fast_len(self._reached[1] + self.p.size, real=True)
        return size, rfft(self.p[::-1], size)

    def without_spike(self, t: Floats) -> Floats:
        """Q t; below the lowest state, sums saturate."""
        (least, sums), (size, transformed) = self._reached, self._transformed
        reached = np.zeros(sums)  # t at least + low ..; 0 at a spike
        below = min(max(-least - self.low, 0), sums)
        reached[:below] = t[0]
        inside = t[max(least + self.low, 0) :][: sums - below]
        reached[below : below + inside.size] = inside
        summed = irfft(rfft(reached, size) * transformed, size)[self.p.size - 1 :]
        return sum(probability * summed[u - least] for u, probability in self.leaks)

    def residual(self, t: Floats) -> Floats:
        """``1 - (t - Q t)``."""
        return 1.0 - (t - self.without_spike(t))

    def middles(self, size: int) -> Floats:
        """The middles of blocks of `size` states, counted from the threshold; the last is below."""
        blocks = -(-self.n // size)
        return self.n - 1 - size * np.arange(blocks - 1, -1, -1.0) - (size - 1) / 2

    def coarser(self, size: int) -> "Steps":
        """A chain of blocks of states."""
        middles = self.middles(size)
        nearest = np.clip(np.rint(middles).astype(np.int64), 0, self.n - 1)
        leaks: list[tuple[Ints, Floats | float]] = []
        for u, probability in self.leaks:
            of = probability[nearest] if isinstance(probability, np.ndarray) else probability
            to = (u[nearest] - nearest + middles - middles[0]) / size
            lower = np.floor(to)
            blocks = lower.astype(np.int64)
            leaks += [(blocks, of * (1 - (to - lower))), (blocks + 1, of * (to - lower))]
        inputs = np.arange(self.low, self.low + self.p.size) / size
        lower = np.floor(inputs)
        at = (lower - lower[0]).astype(np.int64)
        p = np.zeros(at[-1] + 2)
        np.add.at(p, at, self.p * (1 - (inputs - lower)))
        np.add.at(p, at + 1, self.p * (inputs - lower))
        return Steps(leaks, int(lower[0]), p)

    def solve(self) -> Floats:
        """T, nearly."""
        if self.n <= _MOST_STATES:
            return _gmres(self)
        size = -(-self.n // (_MOST_STATES >> 2))
        middles, coarse = self.middles(size), self.coarser(size).solve()
        states = np.arange(self.n, dtype=float)
        found = np.interp(states, middles, coarse)
        beyond = np.maximum(states - middles[-1], 0)
        return 1.0 + self.without_spike(found + beyond * (coarse[-1] - coarse[-2]) / size)


def mean_interval(neuron: IntegerLIF, source: IntegerInput) -> MeanInterval:
    """The mean interval under independent integer input; reset to a value only.

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
    leaks = [(u - first, p) for u, p in targets(neuron, np.arange(first, last + 1))]
    steps = Steps(leaks, *probabilities(source.values, source.probabilities))
    try:
        found = bounded(steps, (steps,), neuron.v_reset - first, source.lost_mass)
    except ValueError as error:
        raise ValueError(f"{neuron!r} {error}") from None
    return MeanInterval(neuron.refractory + found.steps, found.error)


def probabilities(values: Ints, of_each: Floats) -> tuple[int, Floats]:
    """The smallest input, and the probabilities of all from it on."""
    low = int(values.min())
    p = np.zeros(int(values.max()) - low + 1)
    np.add.at(p, values - low, of_each)
    return low, p


def bounded(steps: Steps, ends: tuple[Steps, ...], begin: int, lost_mass: float) -> MeanInterval:
    """The mean interval from state `begin`, with the error that the residuals prove.

    Parameters
    ----------
    steps : Steps
        To iterate with.
    ends : tuple of Steps
        The chain, or the two that its leak lies between.
    lost_mass : float
        Probability of the inputs that were left out.

    Raises
    ------
    ValueError
        A mean that iteration does not find.
    """
    found = steps.solve()
    if len(ends) > 1:
        found = np.maximum.accumulate(found[::-1])[::-1]
    unknown = (_ROUNDING + lost_mass) * np.abs(found).max()
    error = max(float(np.abs(each.residual(found)).max()) for each in ends) + float(unknown)
    if error >= 0.5:
        raise ValueError(f"fires too rarely for iteration: residual {error:.2g}")
    return MeanInterval(float(found[begin]), error / (1 - error))


def _gmres(steps: Steps) -> Floats:
    """T, as far as some iterations come."""
    b = np.ones(steps.n)
    basis = np.empty((_MOST_ITERATIONS, steps.n))
    h = np.zeros((_MOST_ITERATIONS + 1, _MOST_ITERATIONS))
    wanted = np.zeros(_MOST_ITERATIONS + 1)
    wanted[0] = np.sqrt(np.einsum("i,i", b, b))
    new = b / wanted[0]
    for k in range(1, _MOST_ITERATIONS + 1):
        basis[k - 1] = new
        new = new - steps.without_spike(new)
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
