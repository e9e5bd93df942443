"""The network of integer neurons against a naive simulator, and what it refuses."""

from collections import defaultdict
from random import Random
from typing import Any

import numpy as np
import pytest

from rheobase.models.integer import network as module
from rheobase.models.integer.kind import run
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.loihi import Loihi
from rheobase.models.integer.network import Network, NetworkRun, Synapses
from rheobase.models.integer.noise import synapse_random
from rheobase.models.integer.spinnaker import SpiNNaker
from tests.networks import FAMILIES, random_events, random_network

STEPS = 40
Events = tuple[list[int], list[int]]


def naive(network: Network, events: Events, steps: int) -> dict[str, Any]:
    """The equations one by one, in integers of any size; a neuron's update is `kind.run`."""
    kind = network.kind
    names = ("axon", "target", "weight", "delay", "channel", "stochastic")
    synapses = list(zip(*(getattr(network.synapses, n).tolist() for n in names), strict=True))
    states = [
        {name: neuron.registers[neuron.start[name]] if name in neuron.start else 0
         for name in neuron.state}
        for neuron in network.neurons
    ]  # fmt: skip
    outside = defaultdict(list)
    for tick, axon in zip(*events, strict=True):
        outside[tick].append(axon)
    sums: dict[tuple[int, int, int], int] = defaultdict(int)
    found: dict[str, Any] = {"spikes": [], "states": [], "saturated": 0, "operations": 0}
    looped: list[int] = []
    x, key, word = network.seeds
    for tick in range(steps):
        for event in outside[tick] + looped:
            for axon, target, weight, delay, channel, stochastic in synapses:
                if axon == event:
                    if stochastic:
                        address = axon * 2 ** (network.n - 1).bit_length() + target
                        acts = abs(weight) >= synapse_random(key, address)
                        weight = acts * ((weight > 0) - (weight < 0))
                    sums[tick + delay, channel, target] += weight
                    found["operations"] += 1
        looped = []
        key = following(key)
        if network.noise is not None:
            for number in range(network.n):
                (value,), word = network.noise.run(1, word)
                sums[tick, 0, number] += int(value)
        for number, neuron in enumerate(network.neurons):
            inputs = {}
            for channel, (name, field) in enumerate(kind.sums.items()):
                factor = 2 ** network.shift[channel]
                most = min(field.high, kind.inputs[name].high // factor)
                least = max(field.low, -(-kind.inputs[name].low // factor))
                total = sums[tick, channel, number]
                cut = min(max(total, least), most)
                found["saturated"] += cut != total
                inputs[name] = [[cut * factor]]
            if "x" in kind.inputs:
                inputs["x"] = [[x]]
                x = following(x)
            done = run(neuron, inputs, {name: [value] for name, value in states[number].items()})
            states[number] = {name: int(value[0]) for name, value in done.state.items()}
            if done.spikes[0].size:
                found["spikes"].append((tick, number))
                if network.loop is not None:
                    looped.append(network.loop + number)
        found["states"].append([dict(state) for state in states])
    return found


def following(x: int) -> int:
    """The word of xorshift32 after x."""
    x ^= x << 13 & 0xFFFFFFFF
    x ^= x >> 17
    return x ^ (x << 5 & 0xFFFFFFFF)


def faults(done: NetworkRun, wanted: dict[str, Any]) -> list[str]:
    """In what a run differs from the naive simulator's."""
    spikes = list(zip(*(part.tolist() for part in done.spikes), strict=True))
    recorded = [
        [{name: int(rows[t, j]) for name, rows in done.recorded.items()} for j in range(len(row))]
        for t, row in enumerate(wanted["states"])
    ]
    last = [{name: int(rows[j]) for name, rows in done.state.items()}
            for j in range(len(recorded[-1]))]  # fmt: skip
    found = {
        "spikes": spikes == wanted["spikes"],
        "states": recorded == wanted["states"],
        "last state": last == wanted["states"][-1],
        "saturated": done.saturated == wanted["saturated"],
        "operations": done.operations == wanted["operations"],
    }
    return [name for name, same in found.items() if not same]


@pytest.mark.parametrize("name", FAMILIES)
def test_random_networks_run_as_stated(name: str) -> None:
    """Delays, several synapses of a pair, several events of an axon, sums that are cut."""
    rng, totals = Random(name), [0, 0]
    for slots in (2, 4, 8):
        network = random_network(FAMILIES[name], rng, rng.randint(1, 12), 3, 4, slots)
        events = random_events(network, rng, STEPS, 5)
        wanted = naive(network, events, STEPS)
        assert faults(network.run(*events, STEPS, record=True), wanted) == []
        totals[0] += len(wanted["spikes"])
        totals[1] += wanted["saturated"]
    assert min(totals) > 0


def test_without_a_loop_spikes_have_no_effect() -> None:
    rng = Random(1)
    looped = random_network(FAMILIES["lif shift"], rng, 8, 2, 4, 2)
    network = Network(looped.neurons, looped.axons, looped.synapses)
    events = random_events(network, rng, STEPS, 5)
    done = network.run(*events, STEPS, record=True)
    assert faults(done, naive(network, events, STEPS)) == []
    assert faults(looped.run(*events, STEPS, record=True), naive(network, events, STEPS)) != []


def test_the_order_of_events_and_synapses_does_not_matter() -> None:
    rng = Random(1)
    network = random_network(FAMILIES["truenorth"], rng, 8, 2, 4, 4)
    ticks, axons = random_events(network, rng, STEPS, 5)
    wanted = naive(network, (ticks, axons), STEPS)
    s = network.synapses
    order = np.random.default_rng(1).permutation(s.axon.size)
    turned = Synapses(
        s.axon[order], s.target[order], s.weight[order], s.delay[order], s.channel[order],
        s.stochastic[order],
    )  # fmt: skip
    network = Network(
        network.neurons, network.axons, turned, network.loop, network.shift, 4, network.seed,
        network.noise,
    )  # fmt: skip
    assert faults(network.run(ticks[::-1], axons[::-1], STEPS, record=True), wanted) == []


def test_a_run_starts_anew() -> None:
    rng = Random(1)
    network = random_network(FAMILIES["lif stochastic"], rng, 8, 2, 4, 4)
    events = random_events(network, rng, STEPS, 5)
    wanted = naive(network, events, STEPS)
    for _ in range(2):
        assert faults(network.run(*events, STEPS, record=True), wanted) == []


def test_nothing_is_recorded_unless_asked() -> None:
    network = random_network(FAMILIES["lif shift"], Random(1), 8, 2, 4, 4)
    assert network.run([], [], 3).recorded == {}


@pytest.mark.parametrize("shift", range(32))
def test_a_cut_and_shifted_sum_fits_the_input(shift: int) -> None:
    """`kind.run` refuses an input out of range; a shift may leave no more than 0."""
    neuron = IntegerLIF(16, 100, input_width=11)
    for weight in (-(1 << 31), (1 << 32) - 1):
        network = Network([neuron], 1, Synapses([0], [0], [weight]), shift=shift)
        wanted = naive(network, ([0], [0]), 2)
        assert faults(network.run([0], [0], 2, record=True), wanted) == []
        assert wanted["saturated"] == 1


# ------------------------------------------------------------------ faults that must show


def wrong_slot(*arguments):
    """Adds to the slot of the next tick."""
    return original(*arguments[:-1], arguments[-1] + 1)


def one_event_each(events, *arguments):
    """Serves an axon once in a tick."""
    return original(np.unique(events), *arguments)


def first_synapse(events, first, target, weight, delay, channel, *others):
    """Serves the first synapse of an axon only."""
    sums, tick = others[-2:]
    last = np.minimum(first[:-1] + 1, first[1:])
    for event in events:
        k = slice(first[event], last[event])
        sums[(tick + delay[k]) % len(sums), channel[k], target[k]] += weight[k]
    return events.size


def one_key(*arguments):
    """Draws the numbers of stochastic synapses with the same key in every tick."""
    return original(*arguments[:8], np.uint32(1), *arguments[9:])


def stale_words(x, out):
    """Does not move the generator on between ticks."""
    random_words(x, out)
    return x


original, random_words = module._deliver, module._words


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("_deliver", wrong_slot),
        ("_deliver", one_event_each),
        ("_deliver", first_synapse),
        ("_deliver", one_key),
        ("_words", stale_words),
    ],
)
def test_a_fault_shows(monkeypatch: pytest.MonkeyPatch, name: str, fault: Any) -> None:
    monkeypatch.setattr(module, name, fault)
    rng = Random(1)
    network = random_network(
        FAMILIES["truenorth" if fault is one_key else "lif stochastic"], rng, 8, 2, 4, 4
    )
    events = random_events(network, rng, STEPS, 5)
    found = faults(network.run(*events, STEPS, record=True), naive(network, events, STEPS))
    assert "states" in found


# ------------------------------------------------------------------ what is refused

NEURON = IntegerLIF(16, 100)
CHANNELS = SpiNNaker.from_parameters(
    ts=1 << 15, tau_m=1 << 19, c_m=1 << 15, t_refract=0, tau_e=1 << 17, tau_i=1 << 17,
    v_rest=0, v_reset=-1, v_thresh=1 << 19,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"neurons": NEURON}, TypeError, "neurons must be a sequence of neurons, not IntegerLIF"),
        ({"neurons": []}, ValueError, "neurons must be at least one"),
        ({"neurons": 3}, TypeError, "neurons must be integer neurons, not 3"),
        ({"neurons": [3, 3]}, TypeError, "neurons must be integer neurons, not 3"),
        ({"neurons": [NEURON, 3]}, ValueError, "must share their modes: .* neuron 1 is 3"),
        ({"neurons": [NEURON, IntegerLIF(17, 100)]}, ValueError, "must share their modes"),
        ({"neurons": [Loihi("lava", 0, 0, 1, -1)]}, ValueError, "must have spikes without sign"),
        ({"synapses": [(0, 0, 1)]}, TypeError, r"synapses must be Synapses, not \[\(0, 0, 1\)\]"),
        ({"axons": 0}, ValueError, r"axons must be in 1 \.\. 2147483648, not 0"),
        ({"axons": 5.0}, TypeError, r"axons must be an integer, not 5\.0"),
        ({"axons": True}, TypeError, "axons must be an integer, not True"),
        ({"loop": -1}, ValueError, r"loop must be in 0 \.\. 3, not -1"),
        ({"loop": 4}, ValueError, r"loop must be in 0 \.\. 3, not 4"),
        ({"loop": 0.0}, TypeError, r"loop must be an integer, not 0\.0"),
        ({"loop": False}, TypeError, "loop must be an integer, not False"),
        ({"loop": 0, "axons": 1}, ValueError, "axons must be >= 2, as neurons loop back, not 1"),
        ({"shift": 32}, ValueError, r"shift must be in 0 \.\. 31, not 32"),
        ({"shift": -1}, ValueError, r"shift must be in 0 \.\. 31, not -1"),
        ({"shift": 1.0}, TypeError, r"shift must be an integer, not 1\.0"),
        ({"shift": True}, TypeError, "shift must be an integer, not True"),
        ({"shift": (1, 2)}, ValueError, r"shift must be of 1 channel\(s\), not \(1, 2\)"),
        ({"shift": "1"}, TypeError, "shift must be an integer, not '1'"),
        ({"slots": 1}, ValueError, r"slots must be in 2 \.\. 65536, not 1"),
        ({"slots": 6}, ValueError, "slots must be a power of two, not 6"),
        ({"slots": 4.0}, TypeError, r"slots must be an integer, not 4\.0"),
        ({"slots": True}, TypeError, "slots must be an integer, not True"),
        ({"seed": 0}, ValueError, r"seed must be in 1 \.\. 4294967295, not 0"),
        ({"seed": 1 << 32}, ValueError, r"seed must be in 1 \.\. 4294967295, not 4294967296"),
        ({"seed": 1.0}, TypeError, r"seed must be an integer, not 1\.0"),
        ({"seed": True}, TypeError, "seed must be an integer, not True"),
    ],
)
def test_networks_that_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    given = {"neurons": [NEURON] * 2, "axons": 5, "synapses": Synapses([0], [0], [1])}
    with pytest.raises(error, match=message):
        Network(**given | change)


@pytest.mark.parametrize(
    ("column", "value", "high"),
    [("axon", 5, 4), ("target", 2, 1), ("delay", 3, 2), ("channel", 2, 1), ("delay", -1, 2)],
)
def test_synapses_beyond_the_network_are_refused(column: str, value: int, high: int) -> None:
    columns = dict.fromkeys(("axon", "target", "weight", "delay", "channel"), (0, 0))
    synapses = Synapses(**columns | {column: [0, value]})
    message = rf"synapses\.{column} must be in 0 \.\. {high}, not {value} \(synapse 1\)"
    with pytest.raises(ValueError, match=message):
        Network([CHANNELS] * 2, 5, synapses, slots=4)


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"axon": [0.0, 1.0]}, TypeError, "axon must be signed integers, not float64"),
        ({"target": [True, False]}, TypeError, "target must be signed integers, not bool"),
        ({"weight": np.ones(2, np.uint64)}, TypeError, "weight must be signed .*, not uint64"),
        ({"weight": [1]}, ValueError, r"weight must have shape \(2,\), as axon, not \(1,\)"),
        ({"delay": 0}, ValueError, r"delay must have shape \(2,\), as axon, not \(\)"),
        ({"channel": [[0, 0]]}, ValueError, r"channel must have shape \(2,\), .* \(1, 2\)"),
        ({"axon": 0}, ValueError, r"axon must have shape \(1,\), as axon, not \(\)"),
        ({"weight": [0, 1 << 32]}, ValueError, r"weight must be in .*, not 4294967296 .*synapse 1"),
        ({"axon": [1 << 32, 0]}, ValueError, r"axon must be in .*, not 4294967296 \(synapse 0\)"),
        ({"channel": [0, 256]}, ValueError, r"channel must be in -128 .. 127, not 256 .*synapse 1"),
    ],
)
def test_synapses_that_are_refused(
    columns: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Synapses(**{"axon": [0, 1], "target": [0, 1], "weight": [1, 1]} | columns)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"ticks": [0, 9]}, ValueError, r"ticks must be in 0 \.\. 8, not 9 \(event 1\)"),
        ({"ticks": [-1, 0]}, ValueError, r"ticks must be in 0 \.\. 8, not -1 \(event 0\)"),
        ({"axons": [0, 5]}, ValueError, r"axons must be in 0 \.\. 4, not 5 \(event 1\)"),
        ({"axons": [0]}, ValueError, r"axons must have shape \(2,\), as ticks, not \(1,\)"),
        ({"ticks": [0.0, 1.0]}, TypeError, "ticks must be signed integers, not float64"),
        ({"axons": [True, True]}, TypeError, "axons must be signed integers, not bool"),
        ({"steps": 0}, ValueError, r"steps must be in 1 \.\. 2147483648, not 0"),
        ({"steps": 9.0}, TypeError, r"steps must be an integer, not 9\.0"),
        ({"steps": True}, TypeError, "steps must be an integer, not True"),
    ],
)
def test_events_that_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    network = Network([NEURON] * 2, 5, Synapses([0], [0], [1]))
    given = {"ticks": [0, 8], "axons": [0, 4], "steps": 9}
    network.run(**given)
    with pytest.raises(error, match=message):
        network.run(**given | change)
