# amaranth: UnusedElaboratable=no
"""Random runs of a small network core, and what the integer model says of each.

The core: 24 LIF neurons of 8 profiles with a stochastic leak, sparse rows of two lanes, delays of
up to two ticks, spikes that loop back. The contents of all memories are written through its ports,
anew for each run, and it was at work before its reset. In some runs the neurons fire together, so
that spikes wait for the loop; in some all events are on one axon, so that sums are large. What is
left out is counted: events on axons that do not exist, events of the first tick beyond those that
its sums can hold (later, it would depend on the clocks which these are), and the operations of one
axon, whose delay no slot is kept for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..hdl import core as core_module
from ..hdl.core import Core
from ..hdl.synapses import SparseRows
from ..hdl.words import Words, from_numbers, to_numbers
from ..models.integer.lif import IntegerLIF
from ..models.integer.network import Network, Synapses
from .engines.network import NetworkEngine

N, AXONS, CARRIED = 24, 29, 32  # neurons; axons, the last of which are the neurons'; what i carries
LATE, HEAVY = 3, 4  # an axon whose delay is too long; one with equal synapses to all, at all delays
PROFILES, SLOTS, EVENTS, WORDS, WEIGHT = 8, 4, 32, 63, 4
STEPS = 80

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Run:
    """What the memories of the core hold, what comes in and when, and what must come out."""

    contents: dict[str, Words]
    ticks: Ints
    axons: Ints
    valid: NDArray[np.bool_]
    ready: NDArray[np.bool_]
    spikes: tuple[Ints, Ints]
    dropped: int
    saturated: int

    def pace(self, engine: NetworkEngine, mutant: int = 0) -> tuple[int, int] | None:
        """The clocks that a core takes, and how long events waited in it, all of them together.

        None if a spike or a counter is not what it must be, or the protocol is broken.
        """
        engine.core.contents.update(self.contents)
        done = engine.run(self.ticks, self.axons, STEPS, False, self.valid, self.ready, mutant, 50)
        most = (1 << core_module.COUNTER) - 1  # where counters stop
        fits = (
            done.violations == ()
            and (done.dropped, done.saturated, done.pending)
            == (min(self.dropped, most), min(self.saturated, most), 0)
            and all(map(np.array_equal, done.spikes, self.spikes))
        )
        return (done.cycles, done.waited) if fits else None


def runs(number: int, seed: int) -> list[Run]:
    """Random runs, of each sort in turn: whatever comes; neurons that fire together; one sum."""
    rng = np.random.default_rng(seed)
    return [_run(rng, number % 3) for number in range(number)]


def core() -> Core:
    """The core, with whatever contents."""
    return _networks(np.random.default_rng(1), 0)[0]


def _networks(rng: np.random.Generator, sort: int) -> tuple[Core, Network]:
    """A core, and a network that does the same: without the operations that are late."""
    refractory = [7, *rng.integers(0, 1 if sort == 1 else 5, PROFILES - 1).tolist()]
    profiles = [_neuron(rng, sort == 1, clocks) for clocks in refractory]
    chosen = np.append(np.arange(PROFILES), rng.integers(0, PROFILES, N - PROFILES))
    neurons = [profiles[k] for k in rng.permutation(chosen)]
    synapses = _synapses(rng)
    there = synapses.axon != LATE
    network, meant = (
        Network(neurons, AXONS, _some(synapses, kept), AXONS - N, slots=SLOTS, seed=7)
        for kept in (np.ones_like(there), there)
    )
    core = Core(network, "sparse", WEIGHT, 2, EVENTS, 1, WORDS)
    _delay(core)
    return core, meant


def _run(rng: np.random.Generator, sort: int) -> Run:
    core, meant = _networks(rng, sort)
    ticks, axons = _events(rng, only_heavy=sort == 2)
    exist = axons < AXONS
    kept = exist & ((ticks > 0) | (np.cumsum(exist) <= EVENTS))
    done = meant.run(ticks[kept], axons[kept], STEPS)
    dropped = int(np.count_nonzero(~kept | (axons == LATE)))
    share = rng.choice([0.3, 0.7, 1.0], 2)
    valid, ready = rng.random(997) < share[0], rng.random(991) < share[1]
    return Run(core.contents, ticks, axons, valid, ready, done.spikes, dropped, done.saturated)


def _neuron(rng: np.random.Generator, lively: bool, refractory: int) -> IntegerLIF:
    """A lively neuron fires at small sums."""
    threshold = int(rng.integers(1, 6 if lively else 60))
    lowest = -50 if lively or rng.random() < 0.7 else -512
    return IntegerLIF(
        10,
        threshold,
        int(rng.integers(lowest, threshold)),
        refractory,
        leak_bits=8,
        leak_multiplier=int(rng.integers(0, 257)) if rng.random() < 0.3 else 256 - refractory,
        rounding="stochastic",
        input_width=8,
    )


def _synapses(rng: np.random.Generator) -> Synapses:
    """All words of the memory: 36 of the heavy axon, 1 that is late, 26 of two synapses each."""
    others = np.delete(np.arange(AXONS), [LATE, HEAVY])
    axon, place = np.divmod(rng.choice(others.size * N // 2, 26, replace=False), N // 2)
    axon = np.concatenate(([HEAVY] * 3 * N, [LATE], others[axon], others[axon]))
    target = np.concatenate((np.tile(np.arange(N), 3), [0], 2 * place, 2 * place + 1))
    delay = rng.integers(0, SLOTS - 1, axon.size)
    delay[: 3 * N + 1] = np.append(np.repeat([0, 1, 2], N), 0)
    weight = rng.choice([7, *rng.integers(-8, 8, 3)], axon.size)
    weight[: 3 * N] = rng.choice([-8, -4, 4, 7])
    return Synapses(axon, target, weight, delay)


def _some(synapses: Synapses, kept: NDArray[np.bool_]) -> Synapses:
    names = ("axon", "target", "weight", "delay")
    return Synapses(*(getattr(synapses, name)[kept] for name in names))


def _delay(core: Core) -> None:
    """Give the one synapse of the axon `LATE`, which is in lane 0, the delay that has no slot."""
    assert isinstance(core.rows, SparseRows)
    first = to_numbers(core.contents["rows"])[LATE] % (1 << core.rows.row["count"].offset)
    late = from_numbers([(SLOTS - 1) << core.rows.entry["delay"].offset], core.rows.word.size)
    core.contents["weights"][first] |= late[0]


def _events(rng: np.random.Generator, only_heavy: bool) -> tuple[Ints, Ints]:
    """More in the first tick than are let through; later no more, if all neurons spike."""
    number = rng.integers(0, EVENTS - N + 1, STEPS)
    number[0] += EVENTS
    ticks = np.repeat(np.arange(STEPS), number)
    exist = np.full(ticks.size, HEAVY) if only_heavy else rng.integers(0, AXONS, ticks.size)
    more = rng.integers(0, rng.choice([2, 12]), STEPS)
    ticks = np.append(ticks, np.repeat(np.arange(STEPS), more))
    axons = np.append(exist, rng.integers(AXONS, CARRIED, more.sum()))
    order = rng.permutation(ticks.size)
    order = order[np.argsort(ticks[order], kind="stable")]
    return ticks[order], axons[order]
