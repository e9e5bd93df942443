# amaranth: UnusedElaboratable=no
"""The network core against the integer model: every spike and every state of every tick."""

from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Module

from rheobase.cosim.engines import model as engine_model
from rheobase.cosim.engines.network import TOP, NetworkEngine
from rheobase.hdl import memory
from rheobase.hdl import synapses as synapses_module
from rheobase.hdl.core import Core
from rheobase.hdl.synapses import SparseRows
from rheobase.hdl.words import from_numbers, packed, to_numbers
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, NetworkRun, Synapses
from tests.core_runs import differences, stalls
from tests.networks import FAMILIES, Family, random_events, random_network

STEPS = 200
Events = tuple[Any, Any]


def weight_width(family: Family) -> int:
    """Bits that hold the family's weights; two channels have weights without sign."""
    low, high = family.weights
    return high.bit_length() + (low < 0)


def checked(core: Core, events: Events, steps: int) -> NetworkRun:
    """A run of the model that the core repeats, with stalls and without."""
    wanted = core.network.run(*events, steps, record=True)
    engine = NetworkEngine(core)
    for patterns in ({}, stalls(1)):
        assert differences(wanted, engine.run(*events, steps, record=True, **patterns)) == []
    return wanted


# ------------------------------------------------------------------ against the model


@pytest.mark.parametrize(
    ("name", "layout", "lanes", "neurons", "profiles", "slots"),
    [
        ("lif shift", "sparse", 1, 37, 1, 4),
        ("lif shift", "dense", 2, 33, 37, 2),
        ("lif stochastic", "sparse", 2, 32, 3, 4),
        ("lif stochastic", "dense", 4, 11, 1, 2),
        ("loihi lava", "sparse", 4, 42, 40, 4),
        ("loihi lava", "dense", 1, 20, 1, 4),
        ("loihi nengo", "sparse", 2, 23, 3, 2),
        ("loihi nengo", "dense", 4, 30, 30, 2),
        ("truenorth", "sparse", 4, 9, 9, 8),
        ("truenorth", "dense", 1, 64, 2, 2),
        ("spinnaker", "sparse", 4, 31, 3, 4),
        ("spinnaker", "dense", 2, 35, 35, 2),
    ],
)
def test_the_core_equals_the_model(
    name: str, layout: Any, lanes: int, neurons: int, profiles: int, slots: int
) -> None:
    """Delays, loops, stalls, random numbers, profiles; sizes that are no powers of two."""
    family, rng = FAMILIES[name], Random(name)
    dense = layout == "dense"
    network = random_network(family, rng, neurons, 3, 6, slots, profiles, dense)
    core = Core(network, layout, weight_width(family), lanes)
    done = checked(core, random_events(network, rng, STEPS, 6), STEPS)
    rate = done.spikes[0].size / (STEPS * neurons)
    assert 0.003 < rate < 0.7
    assert done.saturated > 0


def test_a_recurrent_network_of_1024_neurons_equals_the_model() -> None:
    """1200 ticks; it is in an asynchronous state, 6 % of the neurons firing in a tick.

    820 excitatory and 204 inhibitory neurons, each with its own threshold, and 256 axons from
    outside have 40 synapses each, with delays of 0 .. 6 ticks.
    """
    n, outside, each, slots, steps = 1024, 256, 40, 8, 1200
    rng = np.random.default_rng(1)
    neurons = [
        IntegerLIF(16, int(threshold), 0, 2, leak="shift", leak_bits=4)
        for threshold in rng.integers(1800, 2200, n)
    ]
    axon = np.repeat(np.arange(n + outside), each)
    inhibitory = (axon >= 820) & (axon < n)
    weight = np.where(inhibitory, -5, 1) * rng.integers(80, 121, axon.size)
    target, delay = rng.integers(0, n, axon.size), rng.integers(0, slots - 1, axon.size)
    synapses = Synapses(axon, target, weight, delay)
    network = Network(neurons, n + outside, synapses, loop=0, slots=slots)
    ticks = np.repeat(np.arange(steps), rng.poisson(60, steps))
    done = checked(
        Core(network, weight_width=11),
        (ticks, rng.integers(n, n + outside, ticks.size)),
        steps,
    )
    counts = np.bincount(done.spikes[0], minlength=steps)[100:]
    assert 0.05 < counts.mean() / n < 0.07
    assert counts.var() < 2 * counts.mean()  # independent neurons at this rate: 0.94
    assert np.unique(done.spikes[1]).size > 0.9 * n
    assert done.saturated == 0


@pytest.mark.parametrize("lanes", [1, 4])
def test_operations_go_on_during_the_sweep(lanes: int) -> None:
    """Synaptic operations in all clocks of a run; those of a tick last 512 clocks, the sweep 64.

    One after the other, they would be 0.89 per clock and lane at most.
    """
    rng = np.random.default_rng(1)
    axons, n, steps, each = 64, 64, 200, 8
    axon, target = (part.ravel() for part in np.indices((axons, n)))
    weight = rng.integers(-100, 128, axon.size)
    neurons = [IntegerLIF(16, 400, leak="shift", leak_bits=4)] * n
    network = Network(neurons, axons, Synapses(axon, target, weight))
    core = Core(network, "dense", lanes=lanes)
    events = np.repeat(np.arange(steps), each * lanes), rng.integers(0, axons, steps * each * lanes)
    wanted = network.run(*events, steps, record=True)
    got = NetworkEngine(core).run(*events, steps, record=True)
    assert differences(wanted, got) == []
    assert wanted.operations == steps * each * lanes * n
    assert 0.95 * lanes < wanted.operations / got.cycles < lanes


@pytest.mark.parametrize("layout", ["sparse", "dense"])
@pytest.mark.parametrize("lanes", [1, 4])
def test_one_evaluation_is_a_clock(layout: Any, lanes: int) -> None:
    """The compiled core has no feedback, so that the engine takes its fast path."""
    dense = layout == "dense"
    network = random_network(FAMILIES["lif shift"], Random(1), 20, 2, 3, 2, dense=dense)
    core = Core(network, layout, 10, lanes)
    assert engine_model.single_eval(engine_model.from_component(core, TOP))


# ------------------------------------------------------------------ limits and counters


def ramp(n: int, axons: int, synapses: Synapses, **options: Any) -> Network:
    """Neurons that keep their sum for a while and never fire."""
    neuron = IntegerLIF(32, 2**31 - 1, leak="shift", leak_bits=24, input_width=32)
    return Network([neuron] * n, axons, synapses, **options)


def test_events_on_axons_that_do_not_exist_are_counted_and_change_nothing() -> None:
    rng = Random(1)
    network = random_network(FAMILIES["lif shift"], rng, 13, 3, 4, 4)
    assert network.axons == 19
    ticks, axons = random_events(network, rng, STEPS, 4)
    wanted = network.run(ticks, axons, STEPS, record=True)
    wrong = [(rng.randrange(STEPS), rng.randrange(19, 32)) for _ in range(500)]
    both = [*zip(ticks, axons, strict=True), *wrong]
    rng.shuffle(both)
    engine = NetworkEngine(Core(network, weight_width=10))
    for patterns in ({}, stalls(1)):
        got = engine.run(*zip(*both, strict=True), STEPS, record=True, **patterns)
        assert differences(wanted, got, dropped=len(wrong)) == []


def test_events_beyond_what_sums_can_hold_are_counted_and_change_nothing() -> None:
    """The first `events` of a tick count; axons that do not exist are not among them."""
    rng = Random(1)
    synapses = Synapses(range(5), [0] * 5, range(1, 6))
    network, most, steps = ramp(8, 5, synapses), 3, 50
    ticks, axons, kept = [], [], []
    for tick in range(steps):
        found = [rng.randrange(8) for _ in range(rng.randint(0, 9))]
        ticks += [tick] * len(found)
        axons += found
        kept += [(tick, axon) for axon in found if axon < 5][:most]
    wanted = network.run(*zip(*kept, strict=True), steps, record=True)
    got = NetworkEngine(Core(network, events=most)).run(ticks, axons, steps, record=True)
    assert differences(wanted, got, dropped=len(ticks) - len(kept)) == []
    assert 50 < got.dropped < len(ticks) - 50


@pytest.mark.parametrize("weight", [-128, 127])
def test_sums_hold_all_that_is_let_through(weight: int) -> None:
    """Every event of seven ticks adds the extreme weight twice to one sum."""
    slots, events, delays = 8, 5, np.repeat(np.arange(7), 2)
    synapses = Synapses(delays * 0, delays * 0, delays * 0 + weight, delays)
    network = ramp(8, 1, synapses, slots=slots)
    core = Core(network, events=events)
    largest = events * 2 * 7 * weight
    width = core.accumulators.width
    assert -(1 << (width - 1)) <= largest < 1 << (width - 1)
    assert not -(1 << (width - 2)) <= largest < 1 << (width - 2)
    given = np.repeat(np.arange(20), events), np.zeros(20 * events, int)
    done = checked(core, given, 20)
    assert np.abs(np.diff(done.recorded["v"][:, 0])).max() >= abs(largest) - 1  # less the leak


def test_operations_with_too_long_a_delay_are_counted_and_change_nothing() -> None:
    """No network has such synapses, but the write port can."""
    rng = Random(1)
    network = random_network(FAMILIES["lif shift"], rng, 13, 3, 4, 4)
    core = Core(network, weight_width=10)
    assert isinstance(core.rows, SparseRows)
    s = network.synapses
    columns = {"weight": s.weight, "channel": s.channel, "place": s.target, "delay": s.delay}
    entries = to_numbers(packed(core.rows.entry, columns | {"stochastic": s.stochastic}))
    late = [np.flatnonzero(s.axon == axon)[0] for axon in (1, 2, 17)]  # axons without a neuron
    words, rows = (to_numbers(core.contents[name]) for name in ("weights", "rows"))
    for synapse in late:
        first = rows[s.axon[synapse]] % (1 << core.rows.row["count"].offset)
        words[words.index(entries[synapse], first)] |= 3 << core.rows.entry["delay"].offset
    core.contents["weights"] = from_numbers(words, core.rows.word.size)
    names = ("axon", "target", "weight", "delay")
    without = Synapses(*(np.delete(getattr(s, name), late) for name in names))
    other = Network(network.neurons, network.axons, without, network.loop, network.shift, 4)
    events = random_events(network, rng, STEPS, 4)
    wanted = other.run(*events, STEPS, record=True)
    got = NetworkEngine(core).run(*events, STEPS, record=True)
    assert differences(wanted, got, dropped=int(np.isin(events[1], (1, 2, 17)).sum())) == []
    assert got.dropped > 50


@pytest.mark.parametrize(("layout", "profiles"), [("sparse", 4), ("dense", 1)])
def test_the_write_ports_make_it_another_network(layout: Any, profiles: int) -> None:
    """All memories are written: rows, weights, registers and profiles."""
    rng, family = Random(1), FAMILIES["truenorth"]
    built, meant = (
        random_network(family, rng, 17, 3, 5, 2, profiles, layout == "dense") for _ in range(2)
    )
    meant = Network(
        meant.neurons, meant.axons, meant.synapses, built.loop, built.shift, 2, built.seed,
        built.noise,
    )  # fmt: skip
    size = {"words": 200} if layout == "sparse" else {}
    cores = [Core(network, layout, lanes=2, events=60, **size) for network in (built, meant)]
    events = random_events(meant, rng, STEPS, 5)
    wanted = meant.run(*events, STEPS, record=True)
    engine = NetworkEngine(cores[0])
    assert "spikes" in differences(wanted, engine.run(*events, STEPS, record=True))
    assert cores[0].contents.keys() == cores[1].contents.keys()
    cores[0].contents.update(cores[1].contents)
    assert differences(wanted, engine.run(*events, STEPS, record=True)) == []


@pytest.mark.parametrize(
    ("layout", "lanes", "single_port"),
    [("sparse", 1, False), ("sparse", 2, True), ("dense", 4, False)],
)
def test_a_memory_that_starts_empty_is_loaded(layout: Any, lanes: int, single_port: bool) -> None:
    """Through its port; a core that was loaded with one word altered is another."""
    family, rng = FAMILIES["lif shift"], Random(3)
    network = random_network(family, rng, 21, 3, 5, 2, dense=layout == "dense")
    core = Core(network, layout, 10, lanes, single_port=single_port, filled=False)
    events = random_events(network, rng, STEPS, 5)
    wanted = checked(core, events, STEPS)
    word = int(np.flatnonzero(core.contents["weights"].any(axis=1))[-1])
    core.contents["weights"][word, 0] ^= 1 << 8  # of a weight
    got = NetworkEngine(core).run(*events, STEPS, record=True)
    assert "spikes" in differences(wanted, got)


def test_events_may_come_in_blocks() -> None:
    family, rng = FAMILIES["lif shift"], Random(4)
    network = random_network(family, rng, 20, 3, 5, 4)
    ticks, axons = map(np.array, random_events(network, rng, STEPS, 5))
    blocks = [
        (ticks[own], axons[own], end)
        for begin, end in ((0, 1), (1, 90), (90, STEPS))
        for own in [(ticks >= begin) & (ticks < end)]
    ]
    wanted = network.run(ticks, axons, STEPS, record=True)
    engine = NetworkEngine(Core(network, "sparse", 10))
    for patterns in ({}, stalls(2)):
        got = engine.run_blocks(iter(blocks), STEPS, record=True, **patterns)
        assert differences(wanted, got) == []
    parts = network.run_blocks(iter(blocks), STEPS, record=True)
    assert all(map(np.array_equal, parts.spikes, wanted.spikes))
    assert all(
        np.array_equal(parts.recorded[name], wanted.recorded[name]) for name in wanted.recorded
    )
    for wrong, error in (
        (blocks[:2], "blocks must end at steps = 200, not 90"),
        ([blocks[0], (ticks[:0], axons[:0], 0)], "blocks must end at steps = 200, not 0"),
        (
            [blocks[0], ([150], [0], 90), blocks[2]],
            r"ticks must be in 1 .. 89, not 150 \(event 0\)",
        ),
    ):
        for run in (engine.run_blocks, network.run_blocks):
            with pytest.raises(ValueError, match=error):
                run(wrong, STEPS)


@pytest.mark.parametrize("always", [False, True])
def test_work_before_a_reset_and_words_written_again_change_nothing(
    monkeypatch: pytest.MonkeyPatch, always: bool
) -> None:
    """Unless memories are written when nobody enables it, which nothing else shows."""
    rng = Random(1)
    network = random_network(FAMILIES["lif shift"], rng, 37, 3, 12, 4, profiles=3)
    events = random_events(network, rng, STEPS, 6)
    core = Core(network, weight_width=10)
    wanted = network.run(*events, STEPS, record=True)

    def written(m: Module, name: str, words: Any, port: Any, filled: bool = True) -> Any:
        every = SimpleNamespace(en=Const(1), addr=port.addr, data=port.data)
        return memory.table(m, name, words, every, filled)

    if always:
        monkeypatch.setattr(synapses_module, "table", written)
    engine = NetworkEngine(core)
    assert differences(wanted, engine.run(*events, STEPS, record=True)) == []
    again = {"before": 300, "rewrites": 1, **stalls(1)}
    assert bool(differences(wanted, engine.run(*events, STEPS, record=True, **again))) == always


def test_neurons_without_synapses_run() -> None:
    neurons = [IntegerLIF(16, 100)] * 10
    network = Network(neurons, 1, Synapses([], [], []))
    assert checked(Core(network), ([0, 3], [0, 0]), 5).operations == 0


# ------------------------------------------------------------------ what is refused


@pytest.fixture(scope="module")
def engine() -> NetworkEngine:
    network = random_network(FAMILIES["lif shift"], Random(1), 13, 3, 4, 4)
    return NetworkEngine(Core(network, weight_width=10))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"ticks": [0, 9]}, ValueError, r"ticks must be in 0 \.\. 8, not 9 \(event 1\)"),
        ({"axons": [0, 32]}, ValueError, r"axons must be in 0 \.\. 31, not 32 \(event 1\)"),
        ({"axons": [0]}, ValueError, r"axons must have shape \(2,\), as ticks, not \(1,\)"),
        ({"axons": [0.0, 1.0]}, TypeError, "axons must be signed integers, not float64"),
        ({"steps": 0}, ValueError, r"steps must be in 1 \.\. 2147483648, not 0"),
        ({"valid_pattern": [0, 0]}, ValueError, r"valid_pattern must be .*, not \[0, 0\]"),
        ({"ready_pattern": False}, ValueError, "ready_pattern must be .*, not False"),
        ({"ready_pattern": [[1]]}, ValueError, r"ready_pattern must be .*, not \[\[1\]\]"),
    ],
)
def test_runs_that_are_refused(
    engine: NetworkEngine, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    given = {"ticks": [0, 8], "axons": [0, 4], "steps": 9}
    with pytest.raises(error, match=message):
        engine.run(**given | change)


def test_spikes_of_the_last_tick_with_long_rows_are_served_before_a_run_ends() -> None:
    """Eight neurons fire in the last tick: what they deliver takes more clocks than all else."""
    loop = np.repeat(np.arange(8), 300)
    axon, target = np.append(loop, np.full(8, 8)), np.append(loop, np.arange(8))
    weight = np.append(np.ones(loop.size, int), np.full(8, 100))
    network = Network([IntegerLIF(16, 50)] * 8, 9, Synapses(axon, target, weight), loop=0)
    core = Core(network)
    done = NetworkEngine(core).run([2], [8], 3)
    assert done.spikes[1].tolist() == list(range(8))
    assert done.pending == 0
    assert done.cycles > 6 * 300
