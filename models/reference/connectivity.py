"""Who is connected to whom: random or given synapses, as one sorted list of targets per source.

    FixedInDegree   every target draws that many sources, uniformly, with repetition
    Bernoulli       every pair is connected with probability p, independently
    Pairs           given

(The first two are the random networks of Brunel 2000 and of van Vreeswijk & Sompolinsky 1998; a
neuron may be connected to itself.) The list is a compressed sparse row matrix: the targets of
source s are ``target[first[s]:first[s + 1]]``, in 2 bytes each where there are at most 65,536
targets, else in 4. The random rules draw everything twice, once to count and once to fill in, so
that nothing but the list itself is ever in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Stream = Callable[[], np.random.Generator]


@dataclass(frozen=True, eq=False)
class Targets:
    """Synapses sorted by source, then target.

    Attributes
    ----------
    first : ndarray of int64, shape (sources + 1,)
    target : ndarray of uint16 or uint32, shape (synapses,)
    order : ndarray of int64, shape (synapses,), or None
        Where each synapse stood in what was given; None if it was drawn.
    """

    first: NDArray[np.int64]
    target: NDArray[np.unsignedinteger]
    order: NDArray[np.int64] | None = None


def target_type(targets: int) -> type[np.unsignedinteger]:
    """The narrowest type that holds the numbers of this many targets."""
    return np.uint16 if targets <= 1 << 16 else np.uint32


@njit(cache=True)
def _fixed_in_degree(
    sources: int, targets: int, k: int, stream: np.random.Generator, at: NDArray, target: NDArray
) -> None:
    """Advance ``at[s]`` at each synapse of source s; where there is room, write its target."""
    for i in range(targets):
        for _ in range(k):
            s = int(stream.random() * sources)
            if target.size:
                target[at[s]] = i
            at[s] += 1


@njit(cache=True)
def _bernoulli(
    sources: int, targets: int, p: float, stream: np.random.Generator, at: NDArray, target: NDArray
) -> None:
    """The same; the gap to the next target has a geometric distribution."""
    scale = 1.0 / np.log1p(-p) if p < 1.0 else 0.0
    for s in range(sources):
        i = np.log1p(-stream.random()) * scale
        while i < targets:
            if target.size:
                target[at[s]] = int(i)
            at[s] += 1
            i = np.floor(i) + 1.0 + np.floor(np.log1p(-stream.random()) * scale)


def _count_then_fill(draw, sources: int, targets: int, p: float, stream: Stream) -> Targets:  # type: ignore[no-untyped-def]
    kind = target_type(targets)
    first = np.zeros(sources + 1, np.int64)
    draw(sources, targets, p, stream(), first[1:], np.empty(0, kind))
    np.cumsum(first, out=first)
    target = np.empty(first[-1], kind)
    if target.size:
        draw(sources, targets, p, stream(), first[:-1].copy(), target)
    return Targets(first, target)


@dataclass(frozen=True)
class FixedInDegree:
    """Every target has exactly `k` synapses, their sources uniform and independent.

    A source may be drawn more than once; so its number of synapses onto a target is binomial.
    """

    k: int

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int | np.integer):
            raise TypeError(f"k must be an integer, not {self.k!r}")
        if self.k < 0:
            raise ValueError(f"k must be >= 0, not {self.k!r}")

    def expected(self, sources: int, targets: int) -> int:
        """Number of synapses."""
        return int(self.k) * targets

    def draw(self, sources: int, targets: int, stream: Stream) -> Targets:
        """The synapses; `stream` gives the same generator, from its beginning, at each call."""
        return _count_then_fill(_fixed_in_degree, sources, targets, self.k, stream)


@dataclass(frozen=True)
class Bernoulli:
    """Every pair of source and target has a synapse with probability `p`."""

    p: float

    def __post_init__(self) -> None:
        if isinstance(self.p, bool) or not isinstance(self.p, int | float):
            raise TypeError(f"p must be a number, not {self.p!r}")
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must be 0 .. 1, not {self.p!r}")

    def expected(self, sources: int, targets: int) -> int:
        """Number of synapses, plus six standard deviations."""
        mean = self.p * sources * targets
        return int(mean + 6 * sqrt(mean * (1 - self.p)))

    def draw(self, sources: int, targets: int, stream: Stream) -> Targets:
        """As for `FixedInDegree`."""
        if self.p == 0:
            return Targets(np.zeros(sources + 1, np.int64), np.empty(0, target_type(targets)))
        return _count_then_fill(_bernoulli, sources, targets, float(self.p), stream)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Given synapses, from ``pre[j]`` to ``post[j]``; a pair may occur more than once.

    Parameters
    ----------
    pre, post : array_like of int, shape (synapses,)
        Numbers of the neurons within their populations, from 0.
    """

    pre: ArrayLike
    post: ArrayLike

    def __post_init__(self) -> None:
        for name in ("pre", "post"):
            ids = np.asarray(getattr(self, name))
            if ids.size == 0:
                ids = ids.astype(np.int64)
            if ids.dtype.kind not in "iu":
                raise TypeError(f"{name} must hold integers, not {ids.dtype}")
            if ids.ndim != 1:
                raise ValueError(f"{name} must have shape (synapses,), not {ids.shape}")
            object.__setattr__(self, name, ids.astype(np.int64))
        if self.pre.shape != self.post.shape:  # type: ignore[union-attr]
            raise ValueError(
                f"pre and post must pair up, not {np.shape(self.pre)} and {np.shape(self.post)}"
            )

    def expected(self, sources: int, targets: int) -> int:
        """Number of synapses."""
        return np.size(self.pre)

    def draw(self, sources: int, targets: int, stream: Stream) -> Targets:
        """The synapses in order; nothing is random."""
        pre, post = np.asarray(self.pre), np.asarray(self.post)
        for name, ids, n in (("pre", pre, sources), ("post", post, targets)):
            wrong = ids[(ids < 0) | (ids >= n)]
            if wrong.size:
                raise ValueError(f"{name} must name neurons 0 .. {n - 1}, not {wrong[0]}")
        order = np.lexsort((post, pre))
        first = np.searchsorted(pre[order], np.arange(sources + 1))
        return Targets(first, post[order].astype(target_type(targets)), order)
