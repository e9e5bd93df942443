"""Lock-step: no spike lost or doubled, the same events each time, and every end has its reason."""

import math
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from rheobase.cosim.bench.lockstep import Ideal
from rheobase.cosim.lockstep import waves
from rheobase.cosim.lockstep.harness import CORE
from rheobase.cosim.lockstep.record import Events, Record, violations
from rheobase.cosim.lockstep.run import LockstepError, Simulator, run
from rheobase.cosim.lockstep.system import System
from rheobase.hdl import emit
from rheobase.hdl.core import Core
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses
from rheobase.models.neuron import LIF

N, ANALOG = 16, 3  # neurons of the core, and of the two groups
CLOCK, WIDTH, GAP, DELAY = 10_000, 40, 10, 100  # ps, then clocks
DT, SPEED_UP = 0.6e-3, 1000.0
T_STOP = 30_000_000  # ps
ISI_BUDGET = 5e-4


@pytest.fixture(scope="module")
def system() -> System:
    """Three neurons that fire by themselves, in two groups, each with two synapses from the core.

    A spike of theirs makes a few neurons of the core fire; so do events from elsewhere, which
    come five at once, when the end of a tick goes first.
    """
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
    lif = design(neuron, speed_up=SPEED_UP)
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
    events = tuple((1_200_000 * (4 + k // 5), ANALOG + k % 2) for k in range(25))
    return System(
        groups, Core(network), 0, routes, CLOCK, DT, WIDTH, GAP, DELAY, 0.2e-6, 4e-9, events
    )


@pytest.fixture(scope="module")
def small(system: System) -> System:
    """The same core with one ideal neuron in each of two groups, which is cheap."""
    lif, cells = system.groups[0].neurons[0], system.groups[0].synapses
    synapses = tuple(Synapse(0, each.design) for each in cells[:3])
    return replace(system, groups=tuple(Ideal((lif,), (i,), synapses) for i in (120e-9, 130e-9)))


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


FAULTS = {
    "a spike is acknowledged and not handed over": (
        r"o__valid <= o__valid_any;",
        "o__valid <= o__valid_any & (turn != 0);",
        "analog neuron 0: .* arrivals",
    ),
    "a latch is not cleared": (
        r"if \(acknowledge\[1\]\) latch1 <= 1'h0;",
        "if (1'h0) latch1 <= 1'h0;",
        "has not ended the handshake of the spike of analog neuron 1",
    ),
    "a wire gives two pulses for one": (
        r"assign waiting2_add = waiting2 \+ waiting2_and;",
        "assign waiting2_add = waiting2 + {waiting2_and, 1'h0};",
        "synapse 2: .* pulses",
    ),
    "no spike is acknowledged": (
        r"acknowledge\[(\d)\] <= 1'h1;",
        r"acknowledge[\1] <= 1'h0;",
        "has not ended the handshake of the spike of analog neuron",
    ),
    "the delay is a clock short": (
        r"assign pulses = line\[\d+:(\d+)\];",
        lambda found: f"assign pulses = line[{int(found[1]) - 1}:{int(found[1]) - 6}];",
        "had not announced",
    ),
    "no spike is taken": (
        r"o__ready = core_i__ready;",
        "o__ready = 1'h0;",
        "has not ended the handshake of the spike of analog neuron",
    ),
    "the core stands still in a sweep": (
        r"mixed_core_core core \(\n    .clk\(clk\)",
        "reg hangs = 0;\n  always @(negedge clk) if (fired) hangs <= 1;\n"
        "  mixed_core_core core (\n    .clk(clk & ~hangs)",
        r"the core: \d+ spikes .* of the integer network with these arrivals",
    ),
    "the simulator ends": (
        r"(module mixed_core\(.*\n)",
        r"\1  initial #15000 $finish;\n",
        "the Verilog simulator ended early",
    ),
}
BOTH = pytest.mark.parametrize("simulator", ["icarus", "verilator"])


@pytest.mark.parametrize(
    ("name", "simulator"),
    [*((name, "icarus") for name in FAULTS), ("the simulator ends", "verilator")],
)
def test_a_run_with_a_fault_ends_with_the_reason(
    name: str, simulator: Simulator, small: System, tmp_path: Path
) -> None:
    """Faults in the delivered Verilog; what was recorded until then is there."""
    old, new, message = FAULTS[name]
    path = emit.convert(small.circuit(), CORE).write(tmp_path)
    text, number = re.subn(old, new, path.read_text())
    assert number >= 1
    path.write_text(text)
    with pytest.raises(LockstepError, match=message) as caught:
        run(small, 20_000_000, tmp_path / "run", path, simulator=simulator)
    record = caught.value.record
    assert record.events["arrival"].times.size
    assert record.reached > 5_000_000
    assert record.voltages(0)["time"][-1] > (record.reached - 1) * PS


def test_a_neuron_that_fires_during_its_handshake_ends_the_run(
    small: System, tmp_path: Path
) -> None:
    """A latch that stays set holds the acknowledge; with long ticks one waits long for its end."""
    patient = replace(small, dt=10 * DT)
    path = emit.convert(patient.circuit(), CORE).write(tmp_path)
    old, new, _ = FAULTS["a latch is not cleared"]
    path.write_text(re.sub(old, new, path.read_text()))
    message = "analog neuron 1 fired while the handshake of its last spike was under way"
    with pytest.raises(LockstepError, match=message):
        run(patient, 20_000_000, tmp_path / "run", path)


@BOTH
def test_a_simulator_that_does_not_get_on_is_ended_and_the_record_kept(
    simulator: Simulator, small: System, tmp_path: Path
) -> None:
    """A loop without delay holds the time of the Verilog simulator."""
    path = emit.convert(small.circuit(), CORE).write(tmp_path)
    loop = "  reg turn = 0;\n  initial #10000 forever turn = ~turn;\n"
    path.write_text(path.read_text().replace(");\n", ");\n" + loop, 1))
    with pytest.raises(LockstepError, match="it needed too long for one step") as caught:
        run(small, 20_000_000, tmp_path / "run", path, timeout=3.0, simulator=simulator)
    assert 0 < caught.value.record.reached < 10_000_000
    assert caught.value.record.events["analog"].times.size


def processes(folder: Path, word: str) -> list[int]:
    """Processes that work in a folder and have a word of this end in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if (
                any(each.endswith(word.encode()) for each in words)
                and (entry / "cwd").resolve() == folder.resolve()
            ):
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.parametrize(
    ("program", "sent", "message"),
    [
        ("group1.cir", signal.SIGKILL, "group1: .* killed by signal 9"),
        ("group1.cir", signal.SIGSTOP, "group1: no answer within 5 s"),
        ("vvp", signal.SIGKILL, "the Verilog simulator ended early"),
        ("build/lockstep", signal.SIGKILL, "the Verilog simulator ended early"),
    ],
)
def test_a_simulator_that_dies_or_stands_ends_the_run_with_the_reason(
    program: str, sent: signal.Signals, message: str, small: System, tmp_path: Path
) -> None:
    log, endless = tmp_path / "events.csv", 1000 * T_STOP
    simulator: Simulator = "verilator" if "lockstep" in program else "icarus"

    def strike() -> None:
        while not (log.exists() and log.stat().st_size > 500):
            time.sleep(0.01)
        for each in processes(tmp_path, program):
            os.kill(each, sent)

    striker = threading.Thread(target=strike, daemon=True)
    striker.start()
    with pytest.raises(LockstepError, match=message) as caught:
        run(small, endless, tmp_path, timeout=5.0, simulator=simulator)
    striker.join()
    assert 0 < caught.value.record.reached < endless
    assert caught.value.record.events["arrival"].times.size
    deadline = time.monotonic() + 5
    while processes(tmp_path, "group0.cir") or processes(tmp_path, "group1.cir"):
        assert time.monotonic() < deadline  # no process is left behind
        time.sleep(0.01)


class Wrong(Ideal):
    """A group whose deck asks for a model that is not there."""

    def netlist(self, *given: Any) -> str:
        return super().netlist(*given).replace(".tran", "Dwrong m0 0 nowhere\n.tran")


def test_a_deck_that_ngspice_refuses_is_the_reason(small: System, tmp_path: Path) -> None:
    wrong = replace(small, groups=(small.groups[0], Wrong(**vars(small.groups[1]))))
    with pytest.raises(LockstepError, match=r"at 0 ps: group1: .*(?s:.*)nowhere"):
        run(wrong, T_STOP, tmp_path)


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
        ({"events": ((0, 2),)}, r"events\[0\] must not be of axon 2, that of analog neuron 2"),
        ({"events": ((9, 3), (8, 3))}, r"events\[1\] must be at 9 ps or later, not 8"),
        ({"dt": 0.16e-3}, "tick must be in 17"),
        ({"dt": 0.605e-3}, "dt = 0.000605 s must be .* of clocks of 1e-08 s at .* 1000, not 60.5"),
        ({"dt": 0.0}, "dt = 0.0 s must be a whole number of clocks"),
        ({"dt": math.nan}, "dt = nan s must be a whole number of clocks"),
        ({"ramp": 1e-6}, "ramp must be > 0 s and < 4e-07 s"),
        ({"delay": 0}, "delay must be in 1"),
    ],
)
def test_a_system_that_cannot_be_is_refused(change: dict, message: str, system: System) -> None:
    with pytest.raises(ValueError, match=message):
        replace(system, **change)


def test_neurons_of_two_speeds_are_refused(system: System) -> None:
    """No tick of the core could be a time step of both."""
    first, second = system.groups
    other = replace(second, neurons=(replace(second.neurons[0], speed_up=500.0),))
    with pytest.raises(ValueError, match="groups must have one speed-up, not 500 and 1000"):
        replace(system, groups=(first, other))


def test_a_stop_that_is_no_time_is_refused(system: System, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"t_stop must be a whole number of ps, >= 1, not 0"):
        run(system, 0, tmp_path)


def test_another_simulator_is_refused(system: System, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="simulator must be 'icarus' or 'verilator', not 'vcs'"):
        run(system, T_STOP, tmp_path, simulator="vcs")  # type: ignore[arg-type]


def test_verilog_that_verilator_refuses_is_one_error(small: System, tmp_path: Path) -> None:
    (tmp_path / "wrong.v").write_text("module mixed_core; nonsense endmodule\n")
    with pytest.raises(RuntimeError, match=r"verilator_bin failed: (?s:.*)core\.v:1"):
        run(small, T_STOP, tmp_path / "run", tmp_path / "wrong.v", simulator="verilator")


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
