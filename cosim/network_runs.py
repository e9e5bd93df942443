# amaranth: UnusedElaboratable=no
"""Random runs of a small network core, and what the integer model says of each.

The core: 24 LIF neurons of 8 profiles with a stochastic leak, sparse rows of two lanes, delays of
up to two ticks, spikes that loop back. The contents of all memories are written through its ports,
anew for each run: rows of any length at any place in the memory of words. It was at work for some
time before a reset of one clock; while it runs, words are written again, as they are. Events come
and are taken in bursts and after pauses. In some runs the neurons fire together, so that spikes
wait for the loop; in some all events are on one axon, so that sums are large. What is left out is
counted: events on axons that do not exist, events of the first tick beyond those that its sums can
hold (later, it would depend on the clocks which these are), and the operations of one axon whose
delay no slot is kept for.
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
LATE, HEAVY = 3, 4  # an axon with a delay that is too long; one with a long row of equal weights
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
    before: int
    rewrites: int
    spikes: tuple[Ints, Ints]
    dropped: int
    saturated: int

    def pace(self, engine: NetworkEngine, mutant: int = 0) -> tuple[int, int] | None:
        """The clocks that a core takes, and how long events waited in it, all of them together.

        None if a spike or a counter is not what it must be, or the protocol is broken.
        """
        engine.core.contents.update(self.contents)
        done = engine.run(
            self.ticks, self.axons, STEPS, False, self.valid, self.ready,
            mutant, self.before, self.rewrites,
        )  # fmt: skip
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


def _networks(rng: np.random.Generator, sort: int) -> tuple[Core, Network, int]:
    """A core, a network that does the same, and how many operations of `LATE` are left out."""
    refractory = [7, *rng.integers(0, 1 if sort == 1 else 5, PROFILES - 1).tolist()]
    profiles = [_neuron(rng, sort == 1, clocks) for clocks in refractory]
    chosen = np.append(np.arange(PROFILES), rng.integers(0, PROFILES, N - PROFILES))
    neurons = [profiles[k] for k in rng.permutation(chosen)]
    synapses = _synapses(rng)
    lanes = [(0,), (1,), (0, 1)][rng.integers(3)]  # in which the synapses of `LATE` are late
    late = (synapses.axon == LATE) & np.isin(synapses.target % 2, lanes)
    network, meant = (
        Network(neurons, AXONS, _some(synapses, kept), AXONS - N, slots=SLOTS, seed=7)
        for kept in (np.ones_like(late), ~late)
    )
    core = Core(network, "sparse", WEIGHT, 2, EVENTS, 1, WORDS)
    _delay(core, lanes)
    _move(rng, core)
    return core, meant, len(lanes)


def _run(rng: np.random.Generator, sort: int) -> Run:
    core, meant, late = _networks(rng, sort)
    ticks, axons = _events(rng, only_heavy=sort == 2)
    exist = axons < AXONS
    kept = exist & ((ticks > 0) | (np.cumsum(exist) <= EVENTS))
    done = meant.run(ticks[kept], axons[kept], STEPS)
    dropped = int(np.count_nonzero(~kept) + late * np.count_nonzero(kept & (axons == LATE)))
    before, rewrites = int(rng.integers(0, 400)), int(rng.integers(1, 1 << 32))
    return Run(
        core.contents, ticks, axons, _bursts(rng), _bursts(rng), before, rewrites,
        done.spikes, dropped, done.saturated,
    )  # fmt: skip


def _bursts(rng: np.random.Generator) -> NDArray[np.bool_]:
    """When a stream moves: always, at random, or in bursts."""
    longest = rng.choice([1, 1, 40])
    moves = rng.random(200) < rng.choice([0.1, 0.3, 0.7, 1.0])
    moves[0] = True
    return np.repeat(moves, rng.integers(1, longest + 1, moves.size))


def _neuron(rng: np.random.Generator, lively: bool, refractory: int) -> IntegerLIF:
    """A lively neuron fires at small sums."""
    threshold = int(rng.integers(1, 6 if lively else rng.choice([60, 60, 512])))
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
    """Rows of any length, of two synapses in each word: one word of `LATE`, many of `HEAVY`."""
    spots = N // 2 * (SLOTS - 1)  # what an axon can have in a lane: places and delays
    heavy = rng.choice([spots, int(rng.integers(1, spots + 1))])
    share = rng.dirichlet(np.full(AXONS, 0.3))  # of each axon in the words that are left
    share[[LATE, HEAVY]] = 0
    words = np.minimum(rng.multinomial(WORDS - 1 - heavy, share / share.sum()), spots)
    words[[LATE, HEAVY]] = 1, heavy
    axon = np.repeat(np.arange(AXONS), words)
    chosen = [[rng.permutation(spots)[:count] for count in words] for _ in range(2)]
    place, delay = np.divmod([np.concatenate(lane) for lane in chosen], SLOTS - 1)
    weight = rng.choice([7, *rng.integers(-8, 8, 3)], place.shape)
    weight[:, axon == HEAVY] = rng.choice([-8, -4, 4, 7])
    delay[:, axon == LATE] = 0
    target = 2 * place + [[0], [1]]
    return Synapses(np.tile(axon, 2), target.ravel(), weight.ravel(), delay.ravel())


def _some(synapses: Synapses, kept: NDArray[np.bool_]) -> Synapses:
    names = ("axon", "target", "weight", "delay")
    return Synapses(*(getattr(synapses, name)[kept] for name in names))


def _delay(core: Core, lanes: tuple[int, ...]) -> None:
    """Give synapses in the one word of the axon `LATE` the delay that has no slot."""
    assert isinstance(core.rows, SparseRows)
    first = to_numbers(core.contents["rows"])[LATE] % (1 << core.rows.row["count"].offset)
    for lane in lanes:
        offset = core.rows.word[lane].offset + core.rows.entry["delay"].offset
        late = from_numbers([(SLOTS - 1) << offset], core.rows.word.size)
        core.contents["weights"][first] |= late[0]


def _move(rng: np.random.Generator, core: Core) -> None:
    """Bring the rows into another order in the memory of words."""
    assert isinstance(core.rows, SparseRows)
    words = core.contents["weights"]
    bits = core.rows.row["count"].offset
    rows = to_numbers(core.contents["rows"])
    moved: list[int] = []
    for axon in rng.permutation(AXONS).tolist():
        count, first = divmod(rows[axon], 1 << bits)
        rows[axon] = len(moved) | count << bits
        moved += list(range(first, first + count))
    core.contents["rows"][:] = from_numbers(rows, core.rows.row.size)
    words[: len(moved)] = words[moved]


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
