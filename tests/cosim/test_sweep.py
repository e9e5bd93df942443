"""Sweeps: the same bytes wherever they run, nothing lost, nothing repeated, one clear error."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rheobase.cosim import pools
from rheobase.cosim.cli import main
from rheobase.cosim.neuron_table import ExperimentError
from rheobase.cosim.sweep import sweep
from rheobase.cosim.sweep_file import read

SWEPT = """
    import os, signal, time
    from pathlib import Path
    import numpy as np

    CALLS = Path(__file__).with_name("calls")

    def noisy(point):
        "Notes each call in a file; takes 20 ms; has no result for every seventh point."
        with CALLS.open("a") as file:
            file.write(f"{point['x']}\\n")
        time.sleep(0.02)
        if point["x"] % 7 == 3:
            raise ValueError(f"x = {point['x']} is no good")
        return {"mean": float(np.random.default_rng(point["x"]).normal(size=100).mean())}

    def deadly(point):
        if point["x"] == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return point["x"]

    def endless(point):
        return float("nan")
"""
POINTS = [{"x": x} for x in range(60)]


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module that other processes can import, too."""
    (tmp_path / "swept.py").write_text(textwrap.dedent(SWEPT))
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module("swept")
    del sys.modules["swept"]


def calls(swept: ModuleType) -> Counter[str]:
    return Counter(swept.CALLS.read_text().split())


# ------------------------------------------------------------------ processes of this machine


def test_results_do_not_depend_on_the_number_of_workers(swept: ModuleType, tmp_path: Path) -> None:
    files = [tmp_path / f"{workers}.jsonl" for workers in (1, 2)]
    one, two = (sweep(swept.noisy, POINTS, file, workers=k) for k, file in enumerate(files, 1))
    assert one == two
    assert files[0].read_bytes() == files[1].read_bytes()
    assert [record["parameters"] for record in one] == POINTS
    assert one[5]["result"] == {"mean": swept.noisy(POINTS[5])["mean"]}


def test_a_failure_is_recorded_and_tried_again_by_the_next_run(
    swept: ModuleType, tmp_path: Path
) -> None:
    file = tmp_path / "r.jsonl"
    records = sweep(swept.noisy, POINTS[:8], file, workers=1)
    assert [r["point"] for r in records if "error" in r] == [3]
    assert records[3]["error"] == "ValueError: x = 3 is no good"
    assert sweep(swept.noisy, POINTS[:8], file, workers=1) == records
    assert calls(swept) == {str(x): 1 + (x == 3) for x in range(8)}


def test_a_point_that_kills_its_process_is_recorded(swept: ModuleType, tmp_path: Path) -> None:
    records = sweep(swept.deadly, POINTS[:9], tmp_path / "r.jsonl", workers=2)
    assert records[4]["error"] == "its process died"
    assert [r.get("result") for r in records] == [0, 1, 2, 3, None, 5, 6, 7, 8]


def test_a_result_that_json_cannot_hold_is_a_failure(swept: ModuleType, tmp_path: Path) -> None:
    (record,) = sweep(swept.endless, POINTS[:1], tmp_path / "r.jsonl", workers=1)
    assert record["error"].startswith("ValueError: Out of range float")


def test_a_sweep_cut_at_any_byte_runs_only_what_is_missing(
    swept: ModuleType, tmp_path: Path
) -> None:
    file, points = tmp_path / "r.jsonl", [{"x": x} for x in (11, 12, 13)]
    sweep(swept.noisy, points, file, workers=1)
    whole = file.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut, left in ((ends[0], 3), (ends[1] + 1, 2), (ends[3] - 1, 1), (ends[3], 0)):
        file.write_bytes(whole[:cut])
        swept.CALLS.write_text("")
        sweep(swept.noisy, points, file, workers=1)
        assert file.read_bytes() == whole
        assert sum(calls(swept).values()) == left


def test_ctrl_c_leaves_whole_lines(swept: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    script = tmp_path / "script.py"
    script.write_text(
        "import pathlib, swept\nfrom rheobase.cosim.sweep import sweep\n"
        "if __name__ == '__main__':\n"
        f"    points = [{{'x': x}} for x in range({len(POINTS)})]\n"
        f"    sweep(swept.noisy, points, pathlib.Path({str(file)!r}), workers=1)\n"
    )
    running = subprocess.Popen(
        [sys.executable, str(script)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until(lambda: file.exists() and file.read_bytes().count(b"\n") > 5)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert said.rstrip().endswith("KeyboardInterrupt")
    lines = file.read_text().splitlines()
    kept = [json.loads(line) for line in lines[1:]]
    assert 5 <= len(kept) < len(POINTS)
    swept.CALLS.write_text("")
    sweep(swept.noisy, POINTS, file, workers=2)
    again = calls(swept)
    assert all(again[str(r["point"])] == ("error" in r) for r in kept)
    assert sum(again.values()) == len(POINTS) - sum("result" in r for r in kept)


@pytest.mark.parametrize(
    ("points", "content", "message"),
    [
        (POINTS[:2], "other", "is of another sweep, with sha256"),
        (POINTS[:3], "", "is of another sweep, with points 2, not 3; sha256"),
        (POINTS[1:3], "", "is of another sweep, with sha256"),
    ],
)
def test_the_file_of_another_sweep_is_refused(
    swept: ModuleType, tmp_path: Path, points: list[Any], content: str, message: str
) -> None:
    file = tmp_path / "r.jsonl"
    sweep(swept.deadly, POINTS[:2], file, workers=1)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=message):
        sweep(swept.deadly, points, file, workers=1, content=content)
    assert file.read_bytes() == before


@pytest.mark.parametrize("text", ["", "notes\n", '{"sweep": 1}\n', '{"sweep": {}}\n', "[]\n"])
def test_a_file_that_is_no_sweep_is_refused_and_kept(
    swept: ModuleType, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(text)
    with pytest.raises(ValueError, match="is not the file of a sweep"):
        sweep(swept.deadly, POINTS[:2], file, workers=1)
    assert file.read_text() == text


def test_two_sweeps_do_not_write_one_file(swept: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"

    def meanwhile(text: str) -> None:
        if text.startswith("0 "):
            sweep(swept.deadly, POINTS[:2], file, workers=1)

    with pytest.raises(OSError, match="another sweep is writing it"):
        sweep(swept.deadly, POINTS[:2], file, workers=1, progress=meanwhile)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": []}, "points must be one at least"),
        ({"points": [{"x": float("nan")}]}, "must be fit to be sent to workers"),
        ({"points": [{"x": object()}]}, "must be fit to be sent to workers"),
        ({"function": lambda point: 1}, "must be fit to be sent to workers"),
        ({"workers": 0}, "workers must be 1 or more, not 0"),
        ({"workers": 1, "cluster": "tcp://127.0.0.1:1"}, "a cluster has its own"),
    ],
)
def test_a_mistake_is_one_clear_error(
    swept: ModuleType, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        sweep(**{"function": swept.deadly, "points": POINTS, "file": tmp_path / "r"} | change)
    assert not (tmp_path / "r").exists()


# ------------------------------------------------------------------ a Dask cluster


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, list[subprocess.Popen[bytes]]()
        file = folder / "scheduler.json"
        self._start("scheduler", "--port", "0", "--host", "127.0.0.1", "--scheduler-file", file)
        until(file.exists)
        self.address: str = json.loads(file.read_text())["address"]

    def _start(self, what: str, *words: str | Path, path: str = "") -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", *words]
        paths = [path or str(self.folder), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        with (self.folder / "log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
            )

    def add_workers(self, count: int, path: str = "", nanny: bool = False) -> None:
        """Start workers with one thread each, and wait for them."""
        from distributed import Client

        for _ in range(count):
            words = (self.address, "--nanny" if nanny else "--no-nanny", "--nthreads", "1")
            self._start("worker", *words, path=path)
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=30)

    def close(self) -> None:
        for process in self.processes:
            process.terminate()  # a nanny takes its worker along
        for process in self.processes:
            process.wait()


@pytest.fixture
def cluster(swept: ModuleType, tmp_path: Path) -> Iterator[Cluster]:
    started = Cluster(tmp_path)
    yield started
    started.close()


def test_a_cluster_gives_the_same_bytes_though_a_worker_and_then_the_scheduler_die(
    swept: ModuleType, tmp_path: Path, cluster: Cluster
) -> None:
    local, far, cut = (tmp_path / f"{name}.jsonl" for name in ("local", "far", "cut"))
    sweep(swept.noisy, POINTS, local, workers=2)
    swept.CALLS.write_text("")
    scheduler, first, _ = cluster.add_workers(2) or cluster.processes

    def kill(process: subprocess.Popen[bytes]) -> Callable[[str], None]:
        return lambda text: None if text.startswith("0 ") else process.kill()

    sweep(swept.noisy, POINTS, far, cluster=cluster.address, progress=kill(first))
    assert first.wait() == -signal.SIGKILL
    assert far.read_bytes() == local.read_bytes()

    with pytest.raises(RuntimeError, match="the scheduler is gone"):
        sweep(swept.noisy, POINTS, cut, cluster=cluster.address, progress=kill(scheduler))
    kept = [json.loads(line) for line in cut.read_text().splitlines()[1:]]
    assert 1 <= len(kept) < len(POINTS)
    swept.CALLS.write_text("")
    sweep(swept.noisy, POINTS, cut, workers=2)
    assert cut.read_bytes() == local.read_bytes()
    assert sum(calls(swept).values()) == len(POINTS) - sum("result" in r for r in kept)


def test_workers_of_another_version_are_one_clear_error_and_nothing_is_lost(
    swept: ModuleType, tmp_path: Path, cluster: Cluster
) -> None:
    file = tmp_path / "r.jsonl"
    other = tmp_path / "other" / "rheobase-9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rheobase\nVersion: 9.9\n")
    with pytest.raises(RuntimeError, match=f"^--cluster {cluster.address}: has no workers$"):
        sweep(swept.noisy, POINTS, file, cluster=cluster.address)

    def replace(text: str) -> None:
        if text.startswith("1 "):
            cluster.processes[1].kill()
            cluster.add_workers(1, f"{other.parent}{os.pathsep}{tmp_path}")

    cluster.add_workers(1)
    with pytest.raises(RuntimeError, match=r"^a worker of the cluster has rheobase 9\.9 where"):
        sweep(swept.noisy, POINTS, file, cluster=cluster.address, progress=replace)
    kept = file.read_bytes()
    assert len(kept.splitlines()) >= 2
    with pytest.raises(RuntimeError, match=r"^--cluster \S+: tcp\S+ has rheobase 9\.9 where"):
        sweep(swept.noisy, POINTS, file, cluster=cluster.address)
    assert file.read_bytes() == kept


def test_a_cluster_without_a_worker_left_is_one_clear_error(
    swept: ModuleType, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rheobase.cosim.sweep.PATIENCE", 1)
    cluster.add_workers(1)
    with pytest.raises(RuntimeError, match=f"^--cluster {cluster.address}: no worker is left$"):
        sweep(swept.deadly, POINTS, tmp_path / "r.jsonl", cluster=cluster.address)


def test_a_point_that_kills_workers_is_recorded(
    swept: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    cluster = Cluster(tmp_path)
    try:
        cluster.add_workers(1, nanny=True)
        file = tmp_path / "r.jsonl"
        records = sweep(swept.deadly, POINTS[:6], file, cluster=cluster.address)
    finally:
        cluster.close()
    assert [r.get("result") for r in records] == [0, 1, 2, 3, None, 5]
    assert records[4]["error"] == "its process died"


def test_a_cluster_that_cannot_be_reached_is_one_clear_error(
    swept: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "CONNECT", 1)
    for address in ("tcp://127.0.0.1:1", "no address"):
        with pytest.raises(OSError, match=f"^--cluster {address}: cannot be reached: "):
            sweep(swept.noisy, POINTS, tmp_path / "r.jsonl", cluster=address)
    assert not (tmp_path / "r.jsonl").exists()


# ------------------------------------------------------------------ sweep files

MINE = """
title = "small"

[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"

[[stimulus]]
name = "drives"
kind = "constant current"
mu = ["21 mV", "30 mV"]

[reference]
dt = ["0.1 ms"]
spikes = 200
"""


def planned(folder: Path, text: str) -> Path:
    (folder / "mine.toml").write_text(MINE)
    path = folder / "plan.toml"
    path.write_text(f'experiment = "mine.toml"\n{text}')
    return path


def test_a_grid_has_every_combination(tmp_path: Path) -> None:
    text = '[grid]\n"neuron.tau_m" = ["10 ms", "20 ms"]\n"stimulus.1.mu" = [["21 mV"], ["22 mV"]]'
    judge, points, _ = read(planned(tmp_path, text))
    assert [(p["neuron.tau_m"], p["stimulus.1.mu"]) for p in points] == [
        ("10 ms", ["21 mV"]), ("10 ms", ["22 mV"]), ("20 ms", ["21 mV"]), ("20 ms", ["22 mV"]),
    ]  # fmt: skip
    assert judge.confidence**4 == pytest.approx(0.999, abs=1e-12)


def test_a_key_leads_to_a_value_of_the_experiment(tmp_path: Path) -> None:
    text = '[[list]]\n"neuron.t_ref" = "2 ms"\n[[list]]\n"stimulus.drives.mu" = ["25 mV"]'
    judge, points, _ = read(planned(tmp_path, text))
    first, second = (judge.experiment(point) for point in points)
    assert (first.neuron.t_ref, second.neuron.t_ref) == (2e-3, 0.0)
    assert [e.stimuli[0].stimulus.mu for e in (first, second)] == [(0.021, 0.03), (0.025,)]


MONTE_CARLO = """
[monte_carlo]
points = {}
seed = 3
[monte_carlo.vary]
"neuron.v_th" = {{ normal = ["20 mV", "0.1 mV"] }}
"neuron.tau_m" = {{ uniform = ["10 ms", "20 ms"] }}
"reference.seed" = {{ integers = [1, 3] }}
"""


def test_a_monte_carlo_draws_each_point_by_itself(tmp_path: Path) -> None:
    judge, points, _ = read(planned(tmp_path, MONTE_CARLO.format(400)))
    assert read(planned(tmp_path, MONTE_CARLO.format(20)))[1] == points[:20]
    experiments = [judge.experiment(point) for point in points]
    v_th = [e.neuron.v_th for e in experiments]
    mean = sum(v_th) / 400
    spread = sum((v - mean) ** 2 for v in v_th) / 399
    assert abs(mean - 0.02) < 4 * 1e-4 / 20  # both within four standard errors
    assert abs(spread - 1e-8) < 4 * 1e-8 * (2 / 399) ** 0.5
    tau = [e.neuron.tau_m for e in experiments]
    assert 0.01 <= min(tau) < 0.0102 and 0.0198 < max(tau) <= 0.02
    assert {e.reference.seed for e in experiments} == {1, 2, 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"give one of \[grid\], \[\[list\]\] and \[monte_carlo\]"),
        ('[grid]\n"neuron.tau_m" = ["1 ms"]\n[[list]]\n"neuron.t_ref" = "1 ms"', "give one of"),
        ("[grid]", "length >= 1"),
        ('[grid]\n"neuron.tau_m" = []', r"\[grid\]: a key has no values"),
        ('[grid]\n"neuron.tau" = ["1 ms"]', "point 0, neuron.tau = 1 ms: .*unknown field `tau`"),
        ('[grid]\n"neuron.tau_m" = ["1 mV"]', "'1 mV' is a voltage: write a time"),
        ('[grid]\n"rtl.width" = [8]', "rtl.width: the experiment has no 'rtl'"),
        ('[grid]\n"stimulus.2.mu" = [["1 mV"]]', "stimulus.2.mu: the experiment has no '2'"),
        ('[grid]\n"stimulus.1" = [1]', "stimulus.1: must name a value of one of its tables"),
        ("[map]", "unknown field `map`; allowed: experiment, grid, list, monte_carlo"),
        (MONTE_CARLO.format(0), r"\[monte_carlo\]: .*>= 1.*points"),
        (MONTE_CARLO.format(1).replace('"0.1 mV"', '"-1 mV"'), "v_th: .*deviation must be >= 0"),
        (MONTE_CARLO.format(1).replace('"0.1 mV"', "1"), "v_th: 1 has no unit"),
        (MONTE_CARLO.format(1).replace('"10 ms"', '"30 ms"'), r"tau_m: .*must be \[low, high\]"),
        (MONTE_CARLO.format(1).replace("integers", "whole"), "seed: .*unknown field `whole`"),
    ],
)
def test_a_mistake_in_a_sweep_file_names_file_and_key(
    tmp_path: Path, text: str, message: str
) -> None:
    path = planned(tmp_path, text)
    with pytest.raises(ExperimentError, match=message) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: ")


def test_the_command_runs_an_experiment_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = planned(tmp_path, '[grid]\n"neuron.tau_m" = ["10 ms", "20 ms"]')
    words = ["sweep", str(path), "--output", str(tmp_path / "out"), "--workers", "1", "--quiet"]
    assert main(words) == 0
    assert "2 of 2 points agree; results: " in capsys.readouterr().out
    file = tmp_path / "out" / "results.jsonl"
    before = file.read_bytes()
    checks = json.loads(before.splitlines()[2])["result"]["checks"]
    assert {(c["substrate"], c["observable"]) for c in checks} == {("reference", "rate")}
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"points": 2, "agree": 2, "file": str(file)}
    assert file.read_bytes() == before
    (tmp_path / "mine.toml").write_text(MINE.replace("spikes = 200", "spikes = 300"))
    assert main(words) == 2
    assert "results.jsonl: is of another sweep, with sha256" in capsys.readouterr().err
