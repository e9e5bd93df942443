"""A projection made ready to run: its synapses with weights and delays in time steps.

What is drawn is drawn from streams of its own: connections, weights and delays of the j-th
projection from the children (0, j), (1, j) and (2, j) of the seed.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import delivery
from .connectivity import Pairs, Targets, target_type
from .delivery import Spikes
from .elements import Projection, check_sign

_CHUNK = 1 << 20
_LONGEST_DELAY = (1 << 16) - 1  # individual delays are kept in 16 bits


def stream(seed: int, *key: int) -> np.random.Generator:
    """A random stream of its own for each seed and key."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def available_memory() -> int:
    """Bytes that can be had without swapping; where the system does not tell, all there are."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(int(at.split()[1]) << 10 for at in lines if at.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def refuse_beyond_memory(needed: int, what: str) -> None:
    """MemoryError if `needed` bytes are not there."""
    there = available_memory()
    if needed > there:
        raise MemoryError(f"{what} need {needed / 1e9:.3g} GB; {there / 1e9:.3g} GB are available")


def steps_of(name: str, seconds: ArrayLike, dt: float, least: int) -> NDArray[np.int64]:
    """Times as numbers of steps."""
    exact = np.asarray(seconds, float) / dt
    steps = np.rint(exact)
    wrong = ~(np.abs(exact - steps) <= 1e-6 * np.maximum(steps, 1.0)) | ~(steps >= least)
    if wrong.any():
        value = float(np.atleast_1d(np.asarray(seconds, float))[np.atleast_1d(wrong)][0])
        raise ValueError(
            f"{name} must be a multiple of dt = {dt!r} s, at least {least}, not {value!r} s"
        )
    return steps.astype(np.int64)


def is_homogeneous(projection: Projection) -> bool:
    """One weight, one delay."""
    return all(
        not callable(value) and np.ndim(value) == 0
        for value in (projection.weight, projection.delay)
    )


def expected_bytes(projection: Projection, threads: int) -> int:
    """Memory that a projection takes, and while it is made."""
    sources, targets = projection.pre.n, projection.post.n
    per_synapse = np.dtype(target_type(targets)).itemsize
    if not is_homogeneous(projection):
        per_synapse += 6
    if isinstance(projection.connect, Pairs):
        per_synapse += 5 * 8  # order, and what sorting takes
    per_source = 8 * (threads + 3)
    return projection.connect.expected(sources, targets) * per_synapse + sources * per_source


@dataclass(eq=False)
class Wiring:
    """A projection ready to run.

    Attributes
    ----------
    projection : Projection
    targets : Targets
    weight : float or ndarray of float32, shape (synapses,)
        A number if the projection is homogeneous.
    delay : int or ndarray of uint16, shape (synapses,)
        In steps.
    shortest, longest : int
        Delay in steps.
    cut : ndarray of int64, shape (threads + 1, sources)
        ``cut[q, s]:cut[q + 1, s]`` are the synapses of source s that thread q delivers.
    """

    projection: Projection
    targets: Targets
    weight: float | NDArray[np.float32]
    delay: int | NDArray[np.uint16]
    shortest: int
    longest: int
    cut: NDArray[np.int64]

    def deliver(self, thread: int, ring: NDArray, spikes: Spikes, begin: int) -> None:
        """Put the spikes of the block that began at step `begin` into the ring buffer."""
        low, high, target = self.cut[thread], self.cut[thread + 1], self.targets.target
        if isinstance(self.delay, int):
            delivery.count(ring, *spikes, begin, self.delay, target, low, high)
        else:
            delivery.add(
                ring, *spikes, begin, self.delay, np.asarray(self.weight), target, low, high
            )

    def largest_in_degree(self) -> int:
        """Most synapses that one target has."""
        in_degree = np.zeros(self.projection.post.n, np.int64)
        for at in range(0, self.targets.target.size, _CHUNK):
            part = self.targets.target[at : at + _CHUNK]
            in_degree += np.bincount(part, minlength=in_degree.size)
        return int(in_degree.max())


def draw(projection: Projection, seed: int, number: int) -> Targets:
    """The connections of the projection with this number."""
    pre, post = projection.pre.n, projection.post.n
    return projection.connect.draw(pre, post, lambda: stream(seed, 0, number))


def per_synapse(
    name: Literal["weight", "delay"],
    projection: Projection,
    targets: Targets,
    seed: int,
    number: int,
    convert: Callable[[NDArray], NDArray],
    kind: type,
) -> NDArray:
    """Weights or delays of a projection's connections, converted, in the order of `targets`."""
    given = projection.weight if name == "weight" else projection.delay
    random = stream(seed, 1 if name == "weight" else 2, number)
    values: NDArray = np.empty(targets.target.size, kind)
    for at in range(0, values.size, _CHUNK):
        part = slice(at, min(at + _CHUNK, values.size))
        n = part.stop - part.start
        if callable(given):
            drawn = np.asarray(given(random, n), float)
            if drawn.shape != (n,):
                raise ValueError(f"{name}(rng, {n}) must have shape ({n},), not {drawn.shape}")
            if not np.isfinite(drawn).all():
                raise ValueError(f"{name}(rng, {n}) must be finite")
        elif np.ndim(given):
            drawn = np.asarray(given, float)[targets.order[part]]  # type: ignore[index]
        else:
            drawn = np.full(n, float(given))  # type: ignore[arg-type]
        values[part] = convert(drawn)
    return values


def wire(
    projection: Projection, borders: NDArray[np.int64], dt: float, seed: int, number: int
) -> Wiring:
    """Draw the synapses of the projection with this number.

    Parameters
    ----------
    borders : ndarray of int64, shape (threads + 1,)
        Thread q has the targets ``borders[q]:borders[q + 1]``.
    """
    targets = draw(projection, seed, number)
    cut = np.empty((borders.size, projection.pre.n), np.int64)
    delivery.cuts(targets.first, targets.target, borders, cut)

    def delays(seconds: NDArray) -> NDArray[np.int64]:
        return steps_of("delay", seconds, dt, least=1)

    def individual_delays(seconds: NDArray) -> NDArray[np.int64]:
        steps = delays(seconds)
        if steps.size and steps.max() > _LONGEST_DELAY:
            raise ValueError(f"delay must be <= {_LONGEST_DELAY} dt, not {steps.max()} dt")
        return steps

    if is_homogeneous(projection):
        delay = int(delays(np.asarray(projection.delay, float)))
        weight = float(projection.weight)  # type: ignore[arg-type]
        return Wiring(projection, targets, weight, delay, delay, delay, cut)

    def weights(volts: NDArray) -> NDArray:
        check_sign(projection.synapse, volts)
        return volts

    drawn = projection, targets, seed, number
    each_delay = per_synapse("delay", *drawn, individual_delays, np.uint16)
    each_weight = per_synapse("weight", *drawn, weights, np.float32)
    shortest, longest = _LONGEST_DELAY, 1  # of no synapses at all
    if each_delay.size:
        shortest, longest = int(each_delay.min()), int(each_delay.max())
    return Wiring(projection, targets, each_weight, each_delay, shortest, longest, cut)
