"""Lock-step: no spike lost or doubled, the same events each time, waves of both halves."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import vcd.reader

from rheobase.analog import ngspice
from rheobase.analog.benches import crossing
from rheobase.analog.granted import PS
from rheobase.cosim.lockstep import waves
from rheobase.cosim.lockstep.record import Events, Record, violations
from rheobase.cosim.lockstep.run import run
from rheobase.cosim.lockstep.system import System
from tests import lockstep
from tests.lockstep import ANALOG, DT, SPEED_UP, T_STOP

ISI_BUDGET = 5e-4


@pytest.fixture(scope="module")
def system() -> System:
    return lockstep.system()


@pytest.fixture(scope="module")
def record(system: System, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return run(system, T_STOP, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def verilated(system: System, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return run(system, T_STOP, tmp_path_factory.mktemp("verilated"), simulator="verilator")


# ------------------------------------------------------------------ spikes


def test_every_spike_comes_through_once(system: System, record: Record) -> None:
    """`run` has held the trails of all spikes; here is that there were some, in both directions."""
    assert violations(system, record) == []
    assert record.reached == T_STOP
    assert record.counters == {"dropped": 0, "saturated": 0, "lost": 0, "late": 0}
    fired = record.events["analog"].rises[1]
    assert all(np.count_nonzero(fired == k) >= 2 for k in range(ANALOG))
    assert record.events["spike"].numbers.size >= 30
    assert record.events["arrival"].numbers.size > T_STOP * PS // (DT / SPEED_UP)
    assert set(record.events["pulse"].numbers) == set(range(6))


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


def test_a_second_run_in_another_simulator_gives_the_same_events(
    record: Record, verilated: Record
) -> None:
    logs = [(each.folder / "events.csv").read_text() for each in (record, verilated)]
    assert sorted(logs[0].splitlines()) == sorted(logs[1].splitlines())
    for name in ("begun.json", "outcome.json", "group0.f64", "group1.f64"):
        assert (verilated.folder / name).read_bytes() == (record.folder / name).read_bytes()


class Shorter(System):
    """Groups that may lead half as far. The delay itself stays."""

    @property
    def lookahead(self) -> int:
        return super().lookahead // 2


@pytest.mark.parametrize("half", ["lookahead", "step"])
def test_half_the_lookahead_or_largest_step_changes_no_interval(
    half: str, system: System, record: Record, tmp_path: Path
) -> None:
    """How far the groups may lead is a matter of cost only, and so is their largest step."""
    if half == "lookahead":
        other = run(Shorter(**vars(system)), T_STOP, tmp_path)
        assert other.rounds > 1.5 * record.rounds
    else:
        other = run(replace(system, step=system.step / 2), T_STOP, tmp_path)
        steps = [float(np.max(np.diff(each.voltages(0)["time"]))) for each in (record, other)]
        assert steps[1] < 0.51 * system.step < steps[0]
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


@pytest.mark.parametrize("fault", [without, twice])
def test_an_event_from_elsewhere_that_is_lost_or_doubled_is_found_out(
    fault: Callable[[Events, int], Events], system: System, record: Record
) -> None:
    arrivals = record.events["arrival"]
    index = int(np.flatnonzero(arrivals.numbers == ANALOG)[0])
    changed = replace(record, events=record.events | {"arrival": fault(arrivals, index)})
    assert [each for each in violations(system, changed) if "events from elsewhere" in each]


def test_a_spike_of_another_neuron_of_the_core_is_found_out(system: System, record: Record) -> None:
    """One that drives the same synapse: every pulse is as before."""
    spikes = record.events["spike"]
    numbers = spikes.numbers.copy()
    index = int(np.flatnonzero(numbers % 6 == 1)[0])
    numbers[index] = 8 - numbers[index] if numbers[index] < 8 else 7
    assert system.routes[numbers[index]] == system.routes[spikes.numbers[index]]
    changed = replace(record, events=record.events | {"spike": replace(spikes, numbers=numbers)})
    (wrong,) = violations(system, changed)
    assert wrong.startswith("the core: ")


@pytest.mark.parametrize("name", ["dropped", "lost", "late"])
def test_a_counter_of_the_core_is_heard(name: str, system: System, record: Record) -> None:
    changed = replace(record, counters=record.counters | {name: 2})
    assert [each for each in violations(system, changed) if "has counted 2" in each]


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


@pytest.mark.parametrize("simulated", ["record", "verilated"])
def test_waves_show_both_halves_on_one_axis(
    simulated: str, system: System, request: pytest.FixtureRequest
) -> None:
    """Spike wires rise in the file when the spike nodes pass half the supply there."""
    record = request.getfixturevalue(simulated)
    path, saved = waves.write(system, record)
    found = read_vcd(path)
    wires = found["lockstep.core.spikes"]
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
    assert any(word for word in found["lockstep.core.pulses"].values if isinstance(word, int))
    for line in saved.read_text().splitlines():
        if line.startswith(("analog.", "lockstep.core.")):
            assert re.sub(r"\[.*", "", line) in found
    assert "analog.m2" in saved.read_text() and "lockstep.core.pulses[5:0]" in saved.read_text()
