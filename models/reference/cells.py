"""A population made ready to run: its state, its ring buffers, and where its spikes go.

Random numbers come from the child (3, j) of the seed for the j-th population.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import membrane, poisson_numbers
from .delivery import Spikes
from .elements import Drive, Poisson, Population
from .population import GROUP, State, advance
from .synapse import Channel, Delta, Synapse, channel
from .wiring import Wiring, refuse_beyond_memory

_LOG = 1 << 14


def shares(n: int, threads: int) -> NDArray[np.int64]:
    """The first group of neurons of each thread, and the end."""
    return np.arange(threads + 1) * (-(-n // GROUP)) // threads


def _weights(pairs: Iterable[tuple[float, int]]) -> NDArray[np.float64]:
    """Weights and channels, shape (n, 2)."""
    return np.array([*pairs], float).reshape(-1, 2)


def _rest(drives: Sequence[Drive], rest: float, steps: int) -> NDArray[np.float64]:
    total = np.full((1, 1), rest)
    for drive in drives:
        mu = np.atleast_2d(np.asarray(drive.mu, float))
        if mu.shape[0] not in (1, steps):
            raise ValueError(f"mu must have one row per step, {steps}, not shape {mu.shape}")
        total = total + mu
    return np.ascontiguousarray(total)


class Cells:
    """A population ready to run.

    Parameters
    ----------
    population : Population
    wirings : sequence of Wiring
        Those onto it.
    inputs : sequence of Poisson or Drive
        Those into it.
    steps, block : int
        Of the simulation, and between two exchanges of spikes.
    dt : float
    seed : numpy.random.SeedSequence
    threads : int
    recorded : ndarray of int64
        Neurons whose V is kept, sorted.
    offset, stride : int
        A spike is kept as ``step * stride + offset + neuron``.
    """

    def __init__(
        self,
        population: Population,
        wirings: Sequence[Wiring],
        inputs: Sequence[Poisson | Drive],
        steps: int,
        block: int,
        dt: float,
        seed: np.random.SeedSequence,
        threads: int,
        recorded: NDArray[np.int64],
        offset: int,
        stride: int,
    ) -> None:
        neuron, n = population.neuron, population.n
        self._offset, self._stride = offset, stride
        self._shares = shares(n, threads).tolist()
        channels: dict[Synapse, tuple[int, Channel]] = {Delta(): (0, channel(Delta(), neuron, dt))}
        poisson = [each for each in inputs if isinstance(each, Poisson)]
        for synapse in (*(w.projection.synapse for w in wirings), *(p.synapse for p in poisson)):
            channels.setdefault(synapse, (len(channels), channel(synapse, neuron, dt)))
        counted = [w for w in wirings if isinstance(w.delay, int)]
        summed = [w for w in wirings if not isinstance(w.delay, int)]
        count_rows = max((w.longest for w in counted), default=0)
        sum_rows = max((w.longest for w in summed), default=0)
        most = max((w.largest_in_degree() for w in counted), default=0)
        counts_kind = np.uint16 if most < 1 << 16 else np.uint32
        self._capacity = -(-block // (round(neuron.t_ref / dt) + 1)) * GROUP
        groups = self._shares[-1]
        refuse_beyond_memory(
            n * len(counted) * count_rows * np.dtype(counts_kind).itemsize
            + 4 * n * len(channels) * sum_rows
            + 8 * steps * recorded.size
            + 16 * groups * self._capacity,
            "the ring buffers and recordings",
        )
        counts = np.zeros((len(counted), count_rows, n), counts_kind)
        sums = np.zeros((len(channels), sum_rows, n), np.float32)
        self._rings = {id(w): counts[j] for j, w in enumerate(counted)}
        self._rings |= {id(w): sums[channels[w.projection.synapse][0]] for w in summed}
        means = [p.rate * dt for p in poisson]
        for p, mean in zip(poisson, means, strict=True):
            if mean > poisson_numbers.LARGEST_MEAN:
                raise ValueError(
                    f"rate must be <= {poisson_numbers.LARGEST_MEAN / dt:g} Hz, not {p.rate!r}"
                )
        below, guide = poisson_numbers.tables(means)
        kind, constants = membrane.constants(neuron, dt)
        drives = [each for each in inputs if isinstance(each, Drive)]
        v0: ArrayLike = neuron.v_reset if population.v0 is None else population.v0
        state = State(
            v=np.array(np.broadcast_to(np.asarray(v0, float), (n,))),
            counter=np.zeros(n, np.int32),
            x=np.zeros((len(channels), n)),
            counts=counts,
            sums=sums,
            random=poisson_numbers.streams(n, seed),
            kind=kind,
            refractory=round(neuron.t_ref / dt),
            constants=constants,
            channels=np.array([c for _, c in channels.values()]),
            counted=_weights((float(w.weight), channels[w.projection.synapse][0]) for w in counted),
            poisson=_weights((p.weight, channels[p.synapse][0]) for p in poisson),
            below=below,
            guide=guide,
            rest=_rest(drives, getattr(neuron, "v_rest", 0.0), steps),
            recorded=recorded,
        )
        self._state = tuple(state)
        self.trace = np.empty((steps, recorded.size))
        self._spikes = [
            Spikes(
                np.empty((groups, self._capacity), np.int32),
                np.zeros((groups, block + 1), np.int64),
            )
            for _ in range(2)
        ]
        worst = int(np.diff(self._shares).max()) * self._capacity
        self._logs = [np.empty(max(_LOG, 2 * worst), np.int64) for _ in range(threads)]
        self._logged = [0] * threads
        self._kept: list[list[NDArray[np.int64]]] = [[] for _ in range(threads)]

    def ring(self, wiring: Wiring) -> NDArray:
        """The ring buffer of a projection onto this population."""
        return self._rings[id(wiring)]

    def spikes(self, number: int) -> Spikes:
        """Those of block `number`; kept until block ``number + 2``."""
        return self._spikes[number % 2]

    def advance(self, thread: int, begin: int, number: int, steps: int) -> None:
        """Advance this thread's share by block `number`: so many steps from step `begin` on."""
        low, high = self._shares[thread : thread + 2]
        log, logged = self._logs[thread], self._logged[thread]
        if log.size - logged < (high - low) * self._capacity:
            self._kept[thread].append(log[:logged].copy())
            logged = 0
        self._logged[thread] = advance(
            self._state,
            low,
            high,
            begin,
            steps,
            *self.spikes(number),
            self.trace,
            log,
            logged,
            self._stride,
            self._offset,
        )

    def logged(self) -> list[NDArray[np.int64]]:
        """All spikes as kept, in no order."""
        rest = [log[:n] for log, n in zip(self._logs, self._logged, strict=True)]
        return [part for kept in self._kept for part in kept] + rest
