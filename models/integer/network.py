"""A network of integer neurons with event-driven synapses: what the network core computes.

Time is cut into ticks. An event names an axon; an axon has synapses, each with a target, a weight
and a delay of d >= 0 ticks. Tick t goes like this::

    events of tick t:   from outside, and the spikes of tick t - 1
    each synapse of each event's axon:   sums[t + d, channel, target] += weight
    sweep, neuron 0, 1, 2, ...:   input = cut(sums[t]) << shift;  one update;  spikes of tick t

A spike of neuron j is an event of axon ``loop + j`` in the next tick. A kind of neuron has one or
more channels, the inputs that are sums of weights (SpiNNaker: excitatory, inhibitory). ``cut``
saturates at the width that the kind states for a sum, and at what the input can hold after the
shift; what was cut is counted. The sums themselves are exact, so the order of events never matters.
Random numbers x, for kinds that take them, come from one xorshift32 generator, one per update.

Noise may be added to the sums of the first channel before they are cut: one integer per neuron and
tick. A stochastic synapse adds the sign of its weight instead of the weight, if the weight's
magnitude is at least a random number of 8 bits, else nothing; the number is drawn by axon, target
and tick (`noise.synapse_random`, key: one word of a generator per tick), so here, too, the order of
events does not matter, and two events of one axon in one tick act alike.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from .kind import IntegerNeuron, check_parameters, first_outside, gather
from .noise import ADDRESS_BITS, Noise, synapse_random, xorshift32

Array = NDArray[np.int64]
Block = tuple[
    ArrayLike, ArrayLike, int
]  # ticks and axons of events, all before the tick given last

WEIGHTS = -(1 << 31), (1 << 32) - 1  # 32 bits, with or without sign: sums fit 64 bits
_TYPES: dict[str, type[np.signedinteger]] = {
    "axon": np.int32,
    "target": np.int32,
    "weight": np.int64,
    "delay": np.int32,
    "channel": np.int8,
    "stochastic": np.int8,
}


class Synapses:
    """Synapses, in any order; several may join the same axon and target.

    Parameters
    ----------
    axon, target, weight, delay, channel, stochastic : array_like of int, shape (synapses,)
        `delay` in ticks, `channel` and `stochastic` (0 or 1) are 0 by default. Weights are in
        -2**31 .. 2**32 - 1.

    Raises
    ------
    TypeError, ValueError
        Arrays that are not of integers or not equally long; the first weight out of range, or
        another number that its type cannot hold: 8 bits for `channel` and `stochastic`, else 32.
    """

    axon: NDArray[np.int32]
    target: NDArray[np.int32]
    weight: Array
    delay: NDArray[np.int32]
    channel: NDArray[np.int8]
    stochastic: NDArray[np.int8]

    def __init__(
        self,
        axon: ArrayLike,
        target: ArrayLike,
        weight: ArrayLike,
        delay: ArrayLike | None = None,
        channel: ArrayLike | None = None,
        stochastic: ArrayLike | None = None,
    ) -> None:
        nothing = np.zeros(np.size(axon), np.int8)
        columns = _columns(
            axon=axon,
            target=target,
            weight=weight,
            delay=nothing if delay is None else delay,
            channel=nothing if channel is None else channel,
            stochastic=nothing if stochastic is None else stochastic,
        )
        for (name, kind), values in zip(_TYPES.items(), columns, strict=True):
            limits = np.iinfo(kind)
            low, high = WEIGHTS if name == "weight" else (int(limits.min), int(limits.max))
            if (bad := first_outside(values, low, high)) is not None:
                raise ValueError(
                    f"{name} must be in {low} .. {high}, not {values[bad]} (synapse {bad[0]})"
                )
            setattr(self, name, values.astype(kind))


@dataclass(frozen=True, eq=False)
class NetworkRun:
    """What a network did.

    Attributes
    ----------
    spikes : (ticks, ids)
        Two int64 arrays, sorted by tick, then id.
    state : dict of int64 arrays of shape (neurons,)
        After the last tick.
    recorded : dict of int64 arrays of shape (ticks, neurons)
        Each state after every tick; empty if nothing was recorded.
    saturated : int
        Sums that were cut.
    operations : int
        Synapses that were served.
    """

    spikes: tuple[Array, Array]
    state: dict[str, Array]
    recorded: dict[str, Array]
    saturated: int
    operations: int


class Network:
    """A network of integer neurons.

    Parameters
    ----------
    neurons : sequence of IntegerNeuron
        Of one kind and the same modes.
    axons : int
        Number of axons, 1 .. 2**31.
    synapses : Synapses
    loop : int, optional
        The axon of neuron 0; that of neuron j is ``loop + j``. By default spikes do not loop back.
    shift : int or sequence of int
        By which a sum is shifted to the left, of each channel; 0 .. 31.
    slots : int
        Ticks for which sums are kept: delays are 0 .. slots - 2. A power of two, 2 .. 2**16.
    seed : int
        Of all random numbers, 1 .. 2**32 - 1.
    noise : Noise, optional
        Its integers are added to the sums of the first channel.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """

    def __init__(
        self,
        neurons: Sequence[IntegerNeuron],
        axons: int,
        synapses: Synapses,
        loop: int | None = None,
        shift: int | Sequence[int] = 0,
        slots: int = 2,
        seed: int = 1,
        noise: Noise | None = None,
    ) -> None:
        self.kind, self.registers, profile = gather(neurons)
        if profile is None:
            raise TypeError(f"neurons must be a sequence of neurons, not {neurons!r}")
        if self.kind.outputs["spike"].width != 1:
            raise ValueError(f"neurons must have spikes without sign, not {self.kind!r}")
        if not isinstance(synapses, Synapses):
            raise TypeError(f"synapses must be Synapses, not {synapses!r}")
        self.neurons, self.profile = neurons, profile
        self.n = len(neurons)
        self.axons, self.synapses, self.loop = axons, synapses, loop
        self.slots, self.seed, self.noise = slots, seed, noise
        channels = len(self.kind.sums)
        self.shift = tuple(shift) if isinstance(shift, Sequence) else (shift,) * channels
        given = SimpleNamespace(axons=axons, slots=slots, seed=seed, loop=loop)
        ranges = {"axons": (1, 1 << 31), "slots": (2, 1 << 16), "seed": (1, (1 << 32) - 1)}
        check_parameters(given, ranges)
        if slots & (slots - 1):
            raise ValueError(f"slots must be a power of two, not {slots}")
        if loop is not None:
            if axons < self.n:
                raise ValueError(f"axons must be >= {self.n}, as neurons loop back, not {axons}")
            check_parameters(given, {"loop": (0, axons - self.n)})
        if len(self.shift) != channels:
            raise ValueError(f"shift must be of {channels} channel(s), not {shift!r}")
        for each in self.shift:
            check_parameters(SimpleNamespace(shift=each), {"shift": (0, 31)})
        for name, high in (
            ("axon", axons - 1),
            ("target", self.n - 1),
            ("delay", slots - 2),
            ("channel", channels - 1),
            ("stochastic", 1),
        ):
            values = getattr(synapses, name)
            if (bad := first_outside(values, 0, high)) is not None:
                raise ValueError(
                    f"synapses.{name} must be in 0 .. {high}, not {values[bad]} (synapse {bad[0]})"
                )
        self.stochastic = bool(synapses.stochastic.any())
        self.target_bits = (self.n - 1).bit_length()
        if self.stochastic and (axons - 1).bit_length() + self.target_bits > ADDRESS_BITS:
            raise ValueError(
                f"axons and neurons must have {ADDRESS_BITS} address bits together at most, for"
                f" stochastic synapses, not {axons} and {self.n}"
            )
        self.start = np.zeros((len(self.kind.state), self.n), np.int64)
        names = list(self.kind.register_fields)
        for row, name in zip(self.start, self.kind.state, strict=True):
            if name in self.kind.start:
                row[:] = self.registers[names.index(self.kind.start[name])][profile]
        axon = synapses.axon
        sort: Array | slice = slice(None)  # if they are sorted already, nothing is copied
        if (axon[1:] < axon[:-1]).any():
            sort = np.argsort(axon, kind="stable")
        self._sorted = tuple(
            getattr(synapses, name)[sort]
            for name in ("target", "weight", "delay", "channel", "stochastic")
        )
        self._first = np.searchsorted(axon[sort], np.arange(axons + 1)).astype(np.int64)

    @property
    def seeds(self) -> tuple[int, int, int]:
        """Of the random numbers x, of the keys of stochastic synapses, and of the noise."""
        return self.seed, self.seed * 0x9E3779B1 % 2**32, self.seed * 0x85EBCA6B % 2**32

    @property
    def cuts(self) -> dict[str, tuple[int, int]]:
        """Smallest and largest sum of each channel, before its shift."""
        limits = {}
        for (name, sums), shift in zip(self.kind.sums.items(), self.shift, strict=True):
            field = self.kind.inputs[name]
            low, high = -(-field.low >> shift), field.high >> shift
            limits[name] = max(sums.low, low), min(sums.high, high)
        return limits

    def run(
        self, ticks: ArrayLike, axons: ArrayLike, steps: int, record: bool = False
    ) -> NetworkRun:
        """Run the network from its start.

        Parameters
        ----------
        ticks, axons : array_like of int, shape (events,)
            Events from outside, in any order; ticks 0 .. steps - 1.
        steps : int
            Number of ticks, 1 .. 2**31.
        record : bool
            Keep the states of every tick.

        Raises
        ------
        TypeError, ValueError
            See `sorted_events`.
        """
        return self.run_blocks([(ticks, axons, steps)], steps, record)

    def run_blocks(self, blocks: Iterable[Block], steps: int, record: bool = False) -> NetworkRun:
        """The same with events that come in blocks, of which only one is kept at a time.

        Parameters
        ----------
        blocks : iterable of (ticks, axons, end)
            Ticks and axons as those of `run`; ticks are in `end` of the block before .. ``end -
            1``. The last end is `steps`.
        steps, record
            As of `run`.

        Raises
        ------
        TypeError, ValueError
            See `sorted_events`.
        """
        kind, n = self.kind, self.n
        names = list(kind.inputs)
        rows = np.array([names.index(name) for name in kind.sums])
        cuts, shift = np.array(list(self.cuts.values())), np.array(self.shift)
        state = self.start.copy()
        x, key, word = np.uint32(self.seeds[0]), np.uint32(self.seeds[1]), self.seeds[2]
        inputs = np.zeros((len(names), n), np.int64)
        outputs = np.zeros((len(kind.outputs), n), np.int64)
        sums = np.zeros((self.slots, len(rows), n), np.int64)
        traces = np.zeros((len(kind.state), steps if record else 0, n), np.int64)
        looped = np.empty(0, np.int64)
        spikes, saturated, operations = [], 0, 0
        target, weight, delay, channel, stochastic = self._sorted
        outside = (
            axons[first:end]
            for axons, bounds in sorted_events(blocks, steps, self.axons)
            for first, end in pairwise(bounds)
        )
        for t, given in enumerate(outside):
            for events in (given, looped):
                operations += _deliver(
                    events, self._first, target, weight, delay, channel, stochastic,
                    self.target_bits, key, sums, t,
                )  # fmt: skip
            key = xorshift32(key)
            now = sums[t % self.slots]
            if self.noise is not None:
                added, word = self.noise.run(n, word)
                now[0] += added
            saturated += _collect(now, cuts, shift, rows, inputs)
            if "x" in names:
                x = _words(x, inputs[names.index("x")])
            kind.kernel(kind.modes, state, self.registers, self.profile, inputs, outputs)
            (ids,) = outputs[0].nonzero()
            spikes.append(ids)
            if self.loop is not None:
                looped = ids + self.loop
            if record:
                traces[:, t] = state
        return NetworkRun(
            (np.repeat(np.arange(steps), [ids.size for ids in spikes]), np.concatenate(spikes)),
            dict(zip(kind.state, state, strict=True)),
            dict(zip(kind.state, traces, strict=True)) if record else {},
            saturated,
            operations,
        )


def sorted_events(
    blocks: Iterable[Block], steps: int, exist: int
) -> Iterator[tuple[Array, NDArray[np.intp]]]:
    """Axons of the events of each block, by tick; where each tick begins among them, and the end.

    Raises
    ------
    TypeError, ValueError
        Arrays that are not of integers or not equally long; the first event beyond the ticks of its
        block or the axons that `exist`; `steps` that is no integer or out of range, or not where
        the blocks end.
    """
    check_parameters(SimpleNamespace(steps=steps), {"steps": (1, 1 << 31)})
    begin = 0
    for ticks, axons, end in blocks:
        at, on = _columns(ticks=ticks, axons=axons)
        for name, values, low, high in (("ticks", at, begin, end - 1), ("axons", on, 0, exist - 1)):
            if (bad := first_outside(values, low, high)) is not None:
                raise ValueError(
                    f"{name} must be in {low} .. {high}, not {values[bad]} (event {bad[0]})"
                )
        order = np.argsort(at, kind="stable")
        yield on[order].astype(np.int64), np.searchsorted(at[order], np.arange(begin, end + 1))
        begin = end
    if begin != steps:
        raise ValueError(f"blocks must end at steps = {steps}, not {begin}")


def _columns(**columns: ArrayLike) -> tuple[NDArray[np.integer], ...]:
    """Arrays of integers, one-dimensional, all as long as the first."""
    arrays = []
    for name, values in columns.items():
        array = np.asarray(values)
        if array.size and (array.dtype == np.uint64 or not np.issubdtype(array.dtype, np.integer)):
            raise TypeError(f"{name} must be signed integers, not {array.dtype}")
        arrays.append(array if array.size else array.astype(np.int64))
        if array.shape != (arrays[0].size,):
            raise ValueError(
                f"{name} must have shape ({arrays[0].size},), as {next(iter(columns))},"
                f" not {array.shape}"
            )
    return tuple(arrays)


@njit(cache=True)
def _deliver(
    events: Array,
    first: Array,
    target: NDArray[np.int32],
    weight: Array,
    delay: NDArray[np.int32],
    channel: NDArray[np.int8],
    stochastic: NDArray[np.int8],
    target_bits: int,
    key: np.uint32,
    sums: Array,
    tick: int,
) -> int:
    """Add the weights of the events' synapses; how many there were."""
    slots, operations = sums.shape[0], 0
    tick_key: int = np.int64(key)  # type: ignore[assignment]  # signed, as addresses are
    for axon in events:
        for k in range(first[axon], first[axon + 1]):
            added = weight[k]
            if stochastic[k]:
                number = synapse_random(tick_key, axon << target_bits | target[k])
                added = np.sign(added) if abs(added) >= number else 0
            sums[(tick + delay[k]) & (slots - 1), channel[k], target[k]] += added
        operations += first[axon + 1] - first[axon]
    return operations


@njit(cache=True)
def _collect(sums: Array, cuts: Array, shift: Array, rows: Array, inputs: Array) -> int:
    """Make inputs of the sums of a tick, and clear them; how many were cut."""
    saturated = 0
    for k in range(rows.size):
        low, high = cuts[k]
        for j in range(sums.shape[1]):
            cut = min(max(sums[k, j], low), high)
            saturated += cut != sums[k, j]
            inputs[rows[k], j] = cut << shift[k]
            sums[k, j] = 0
    return saturated


@njit(cache=True)
def _words(x: np.uint32, out: Array) -> np.uint32:
    """Write one random number per neuron; the generator's next state."""
    for j in range(out.size):
        out[j] = x
        x = xorshift32(x)
    return x
