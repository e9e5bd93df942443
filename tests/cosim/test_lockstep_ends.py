"""Lock-step: every end that is no whole run has its reason; what cannot be one is refused."""

import math
import os
import re
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rheobase.analog.granted import PS
from rheobase.cosim.bench.lockstep import Ideal
from rheobase.cosim.lockstep.harness import CORE
from rheobase.cosim.lockstep.run import LockstepError, Simulator, run
from rheobase.cosim.lockstep.system import System
from rheobase.hdl import emit
from tests import lockstep
from tests.lockstep import DT, T_STOP, N


@pytest.fixture(scope="module")
def system() -> System:
    return lockstep.system()


@pytest.fixture(scope="module")
def small() -> System:
    return lockstep.small()


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
