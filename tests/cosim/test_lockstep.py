"""Lock-step: no spike lost or doubled, the same events each time, and every end has its reason."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import vcd.reader

from rheobase.analog import ngspice
from rheobase.analog.benches import crossing
from rheobase.analog.bias import design
from rheobase.analog.cells import dpi
from rheobase.analog.granted import PS
from rheobase.analog.group import Group, Synapse
from rheobase.analog.technology import generic180
from rheobase.cosim.lockstep import waves
from rheobase.cosim.lockstep.record import Events, Record, violations
from rheobase.cosim.lockstep.run import TOP, LockstepError, run
from rheobase.cosim.lockstep.system import System
from rheobase.hdl import emit
from rheobase.hdl.core import Core
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses
from rheobase.models.neuron import LIF

N, ANALOG = 16, 3  # neurons of the core, and of the two groups
CLOCK, TICK, WIDTH, GAP, DELAY = 10_000, 60, 40, 10, 100  # ps, then clocks
T_STOP = 30_000_000  # ps
ISI_BUDGET = 5e-4


@pytest.fixture(scope="module")
def system() -> System:
    """Three neurons that fire by themselves, in two groups, each with two synapses from the core.

    A spike of theirs makes a few neurons of the core fire; so do events from elsewhere.
    """
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
    lif = design(neuron, speed_up=1000.0)
    kinds = ("excitatory", "inhibitory")
    cells = [dpi.design(generic180, kind, 5e-6, 0.5e-9, 0.4e-6, 0.2e-12)[0] for kind in kinds]
    drives = [lif.current(mu) for mu in (40e-3, 45e-3, 50e-3)]
    groups = (
        Group((lif, lif), tuple(drives[:2]), tuple(Synapse(j, c) for j in (0, 1) for c in cells)),
        Group((lif,), (drives[2],), tuple(Synapse(0, c) for c in cells)),
    )
    rng = np.random.default_rng(3)
    axon = np.repeat(np.arange(ANALOG + 2), 5)
    synapses = Synapses(axon, rng.integers(0, N, axon.size), rng.integers(60, 127, axon.size))
    digital = IntegerLIF(12, 100, 0, 1, "multiply", 8, 240, input_width=11)
    network = Network([digital] * N, ANALOG + 2, synapses)
    routes = tuple((j % 6, (j + 3) % 6) if j % 4 == 0 else (j % 6,) for j in range(N))
    events = tuple((5_000_000 + 1_234_567 * k, ANALOG + k % 2) for k in range(25))
    return System(
        groups, Core(network), 0, routes, CLOCK, TICK, WIDTH, GAP, DELAY, 0.2e-6, 4e-9, events
    )


@pytest.fixture(scope="module")
def small(system: System) -> System:
    """The same core with one neuron in each group, which is cheap: 0 and 1 of the analog ones."""
    lif, cells = system.groups[0].neurons[0], system.groups[0].synapses
    groups = tuple(
        Group((lif,), (current,), tuple(Synapse(0, each.design) for each in cells[:3]))
        for current in system.groups[0].currents
    )
    return replace(system, groups=groups)


@pytest.fixture(scope="module")
def record(system: System, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return run(system, T_STOP, tmp_path_factory.mktemp("run"))


# ------------------------------------------------------------------ spikes


def test_every_spike_comes_through_once(system: System, record: Record) -> None:
    """`run` has held the trails of all spikes; here is that there were some, in both directions."""
    assert violations(system, record) == []
    assert record.reached == T_STOP
    assert record.counters == {"dropped": 0, "saturated": 0, "lost": 0, "late": 0}
    fired = record.events["analog"].rises[1]
    assert all(np.count_nonzero(fired == k) >= 2 for k in range(ANALOG))
    assert record.events["spike"].numbers.size >= 30
    assert set(record.events["pulse"].numbers) == set(range(6))


def test_the_core_does_what_the_integer_network_does_with_these_arrivals(
    system: System, record: Record
) -> None:
    end = 1 << 3  # above the bits of five axons
    arrivals = record.events["arrival"].numbers
    ends = arrivals == end
    tick = np.cumsum(ends)
    steps = int(tick[-1])
    taken = ~ends & (tick < steps)
    network = system.core.network
    expected = network.run(tick[taken], arrivals[taken], steps).spikes[1]
    found = record.events["spike"].numbers
    assert steps == pytest.approx(T_STOP / (TICK * CLOCK), abs=1)
    assert 0 <= expected.size - found.size <= N  # the last sweep may not be through
    assert np.array_equal(found, expected[: found.size])


def test_wires_carry_what_the_membranes_did(system: System, record: Record) -> None:
    """The crossings of the record, found anew, are the edges of the wires: at their times."""
    events, first = record.events["analog"], 0
    for number, group in enumerate(system.groups):
        found = record.voltages(number)
        for j in range(len(group.neurons)):
            mine = events.numbers == first + j
            for level, sign in ((1, 1), (0, -1)):
                times = crossing(found["time"], sign * found[f"spike{j}"], sign * group.high / 2)
                on_wire = events.times[mine & (events.levels == level)] * PS
                assert len(on_wire) == len(times)
                assert np.all(np.abs(on_wire - times) < 1.5 * PS)
        first += len(group.neurons)


def test_plain_ngspice_gives_the_same_intervals_with_the_same_pulses(
    system: System, record: Record
) -> None:
    """Group 0, with the pulses of the closed loop as PWL sources, without any grant."""
    pulses, group = record.events["pulse"], system.groups[0]
    sources = []
    for wire in range(len(group.synapses)):
        corners = "0 0"
        mine = pulses.numbers == wire
        for at, level in zip(pulses.times[mine], pulses.levels[mine], strict=True):
            low, high = (group.high * int(x) for x in (1 - level, level))
            corners += f" {float(at * PS)!r} {low!r} {float(at * PS) + system.ramp!r} {high!r}"
        sources.append(f"pwl({corners})")
    deck = group.netlist(sources, T_STOP * PS, system.step)
    names = ["time", *group.outputs]
    found = ngspice.run(deck, names, group.neurons[0].technology.texts)
    times, fired = record.events["analog"].rises
    for j, node in enumerate(group.outputs):
        expected = crossing(found["time"], found[node], group.high / 2)
        expected = expected[expected <= T_STOP * PS]
        spikes = times[fired == j] * PS
        assert len(spikes) == len(expected) >= 2
        assert np.max(np.abs(np.diff(spikes) / np.diff(expected) - 1)) < ISI_BUDGET


def test_two_runs_give_the_same_events(system: System, record: Record, tmp_path: Path) -> None:
    again = run(system, T_STOP, tmp_path)
    for name in ("events.csv", "outcome.json", "group0.f64", "group1.f64"):
        assert (tmp_path / name).read_bytes() == (record.folder / name).read_bytes()
    assert again.grants == record.grants


def test_half_the_lookahead_changes_no_interval(
    system: System, record: Record, tmp_path: Path
) -> None:
    """How far the groups may lead is a matter of cost only. The delay itself stays."""

    class Shorter(System):
        @property
        def lookahead(self) -> int:
            return super().lookahead // 2

    other = run(Shorter(**vars(system)), T_STOP, tmp_path)
    assert other.rounds > 1.5 * record.rounds
    assert np.array_equal(other.events["spike"].numbers, record.events["spike"].numbers)
    for k in range(ANALOG):
        mine, theirs = (
            each.events["analog"].rises[0][each.events["analog"].rises[1] == k]
            for each in (record, other)
        )
        assert np.max(np.abs(np.diff(theirs) / np.diff(mine) - 1)) < ISI_BUDGET


# ------------------------------------------------------------------ planted faults


def without(events: Events, index: int) -> Events:
    return Events(*(np.delete(column, index) for column in vars(events).values()))


def twice(events: Events, index: int) -> Events:
    return Events(*(np.insert(c, index, c[index]) for c in vars(events).values()))


@pytest.mark.parametrize("kind", ["analog", "acknowledge", "arrival", "spike", "pulse"])
@pytest.mark.parametrize("fault", [without, twice])
def test_a_record_with_a_spike_lost_or_doubled_is_found_out(
    kind: str, fault: Callable[[Events, int], Events], system: System, record: Record
) -> None:
    events = record.events[kind]
    wanted = (events.levels == 1) & (events.numbers < ANALOG)
    index = int(np.flatnonzero(wanted)[0])
    changed = replace(record, events=record.events | {kind: fault(events, index)})
    assert violations(system, changed)


@pytest.mark.parametrize("name", ["dropped", "lost", "late"])
def test_a_counter_of_the_core_is_heard(name: str, system: System, record: Record) -> None:
    changed = replace(record, counters=record.counters | {name: 2})
    assert [each for each in violations(system, changed) if "has counted 2" in each]


FAULTS = {
    "a spike is acknowledged and not handed over": (
        r"o__valid <= o__valid_any;",
        "o__valid <= o__valid_any & (turn != 0);",
        "analog neuron 0: .* arrivals",
    ),
    "a latch is not cleared": (
        r"if \(acknowledge\[1\]\) latch1 <= 1'h0;",
        "if (1'h0) latch1 <= 1'h0;",
        "analog neuron 1 fired while the handshake of its last spike was under way",
    ),
    "a wire gives two pulses for one": (
        r"assign waiting2_add = waiting2 \+ waiting2_and;",
        "assign waiting2_add = waiting2 + {waiting2_and, 1'h0};",
        "synapse 2: .* pulses",
    ),
    "no spike is acknowledged": (
        r"acknowledge\[(\d)\] <= 1'h1;",
        r"acknowledge[\1] <= 1'h0;",
        "has not acknowledged the spike of analog neuron",
    ),
    "the delay is a clock short": (
        r"assign pulses = line\[\d+:(\d+)\];",
        lambda found: f"assign pulses = line[{int(found[1]) - 1}:{int(found[1]) - 6}];",
        "had not announced",
    ),
    "the simulator ends": (
        r"(module mixed_core\(.*\n)",
        r"\1  initial #20000 $finish;\n",
        "the Verilog simulator ended early",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), FAULTS.values(), ids=FAULTS)
def test_a_run_with_a_fault_ends_with_the_reason(
    old: str, new: str, message: str, small: System, tmp_path: Path
) -> None:
    """Faults in the delivered Verilog; what was recorded until then is there."""
    path = emit.convert(small.circuit(), TOP).write(tmp_path)
    text, number = re.subn(old, new, path.read_text())
    assert number >= 1
    path.write_text(text)
    with pytest.raises(LockstepError, match=message) as caught:
        run(small, 20_000_000, tmp_path / "run", path)
    record = caught.value.record
    assert record.events["analog"].times.size
    assert record.voltages(0)["time"][-1] >= record.events["analog"].times[-1] * PS


def processes(folder: Path, deck: str) -> list[int]:
    """Processes that work in a folder on a deck."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if deck.encode() in words and (entry / "cwd").resolve() == folder.resolve():
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


def test_a_group_that_dies_ends_the_run_with_the_reason(small: System, tmp_path: Path) -> None:
    log = tmp_path / "events.csv"

    def kill() -> None:
        while not (log.exists() and log.stat().st_size > 500):
            time.sleep(0.01)
        for each in processes(tmp_path, "group1.cir"):
            os.kill(each, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(LockstepError, match=r"group1: .* killed by signal 9") as caught:
        run(small, 100 * T_STOP, tmp_path)
    killer.join()
    assert 0 < caught.value.record.reached < 100 * T_STOP
    assert caught.value.record.events["arrival"].times.size
    deadline = time.monotonic() + 5
    while processes(tmp_path, "group0.cir"):
        assert time.monotonic() < deadline  # no process is left behind
        time.sleep(0.01)


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clock": 300_000}, r"clock must be < 2.5e-07 s, not 3e-07 s: with 3 analog neurons"),
        ({"clock": 3}, "clock must be an even number of ps"),
        ({"groups": ()}, "groups must be one or more"),
        ({"first": 3}, r"first must be in 0 .. 2, not 3"),
        ({"routes": ((6,),) * N}, r"routes\[0\] must be in 0 .. 5, not 6"),
        ({"routes": ((1, 1),) * N}, r"routes\[0\] must have each wire once"),
        ({"routes": ((),)}, "routes must be of 16 neurons, not of 1"),
        ({"events": ((0, 5),)}, r"events\[0\] must be of axon 0 .. 4, which exist, not 5"),
        ({"events": ((9, 0), (8, 0))}, r"events\[1\] must be at 9 ps or later, not 8"),
        ({"tick": 16}, "tick must be in 17"),
        ({"ramp": 1e-6}, "ramp must be > 0 s and < 4e-07 s"),
        ({"delay": 0}, "delay must be in 1"),
    ],
)
def test_a_system_that_cannot_be_is_refused(change: dict, message: str, system: System) -> None:
    with pytest.raises(ValueError, match=message):
        replace(system, **change)


def test_a_stop_that_is_no_time_is_refused(system: System, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"t_stop must be a whole number of ps, >= 1, not 0"):
        run(system, 0, tmp_path)


# ------------------------------------------------------------------ waves


@dataclass
class Variable:
    """A variable of a VCD file."""

    times: list[int]
    values: list[object]


def read_vcd(path: Path) -> dict[str, Variable]:
    """Every variable of a VCD file by its full name."""
    scope: list[str] = []
    named: dict[str, list[str]] = {}
    found: dict[str, Variable] = {}
    time = -1
    with path.open("rb") as file:
        for token in vcd.reader.tokenize(file):
            if token.kind is vcd.reader.TokenKind.SCOPE:
                scope.append(token.scope.ident)
            elif token.kind is vcd.reader.TokenKind.UPSCOPE:
                scope.pop()
            elif token.kind is vcd.reader.TokenKind.VAR:
                name = ".".join((*scope, token.var.reference))
                named.setdefault(token.var.id_code, []).append(name)
                found[name] = Variable([], [])
            elif token.kind is vcd.reader.TokenKind.CHANGE_TIME:
                assert token.time_change > time  # one axis, each time once
                time = token.time_change
            elif hasattr(token.data, "id_code"):
                for name in named[token.data.id_code]:
                    found[name].times.append(time)
                    found[name].values.append(token.data.value)
    return found


def test_waves_show_both_halves_on_one_axis(system: System, record: Record) -> None:
    """Spike wires rise in the file when the spike nodes pass half the supply there."""
    path, saved = waves.write(system, record)
    found = read_vcd(path)
    wires = found["mixed_core.spikes"]
    half = system.groups[0].high / 2
    for k in range(ANALOG):
        node = found[f"analog.spike{k}"]
        times, volts = np.array(node.times, float), np.array(node.values, float)
        words = [word if isinstance(word, int) else 0 for word in wires.values]  # x before reset
        levels = np.array(words) >> k & 1
        rises = np.array(wires.times)[1:][levels[1:] > levels[:-1]]
        assert len(rises) >= 2
        assert np.all(np.abs(crossing(times, volts, half) - rises) < 100)  # ps
        assert found[f"analog.m{k}"].times == node.times
    assert any(word for word in found["mixed_core.pulses"].values if isinstance(word, int))
    for line in saved.read_text().splitlines():
        if line.startswith(("analog.", "mixed_core.")):
            assert re.sub(r"\[.*", "", line) in found
    assert "analog.m2" in saved.read_text() and "mixed_core.pulses[5:0]" in saved.read_text()
