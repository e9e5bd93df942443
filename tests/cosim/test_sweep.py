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
from rheobase.cosim.sweep import sweep
from tests.cosim.test_sweep_file import MINE, planned

SWEPT = """
    import os, signal, time
    from hashlib import sha256
    from pathlib import Path
    import numpy as np

    CALLS = Path(__file__).with_name("calls")

    def noisy(point):
        "Notes each call in a file; has no result for every seventh point."
        with CALLS.open("a") as file:
            file.write(f"{point['x']}\\n")
        time.sleep(0.02)
        if point["x"] % 7 == 3:
            raise ValueError(f"x = {point['x']} is no good")
        return {"mean": float(np.random.default_rng(point["x"]).normal(size=100).mean())}

    def product(point):
        "Its last bits depend on the number of threads."
        a = np.random.default_rng(point["x"]).normal(size=(700, 700))
        return sha256((a @ a).tobytes()).hexdigest()

    def timed(point):
        started = time.perf_counter()
        time.sleep(0.01)
        return time.perf_counter() - started

    def deadly(point):
        if point["x"] == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return point["x"]

    def exits(point):
        raise SystemExit("enough")

    def endless(point):
        return float("nan")
"""
POINTS = [{"x": x} for x in range(60)]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A module that other processes can import, too."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "swept.py").write_text(textwrap.dedent(SWEPT))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield import_module("swept")
        del sys.modules["swept"]


@pytest.fixture(autouse=True)
def no_calls(swept: ModuleType) -> None:
    swept.CALLS.write_text("")


def calls(swept: ModuleType) -> Counter[str]:
    return Counter(swept.CALLS.read_text().split())


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


# ------------------------------------------------------------------ processes of this machine


def test_results_do_not_depend_on_the_number_of_workers(swept: ModuleType, tmp_path: Path) -> None:
    files = [tmp_path / f"{workers}.jsonl" for workers in (1, 2)]
    one, two = (sweep(swept.noisy, POINTS, file, workers=k) for k, file in enumerate(files, 1))
    assert one == two
    assert files[0].read_bytes() == files[1].read_bytes()
    assert [record["parameters"] for record in one] == POINTS
    assert one[5]["result"] == swept.noisy(POINTS[5])


def test_a_failure_is_recorded_and_tried_again_by_the_next_run(
    swept: ModuleType, tmp_path: Path
) -> None:
    file = tmp_path / "r.jsonl"
    records = sweep(swept.noisy, POINTS[:8], file, workers=1)
    assert [r["point"] for r in records if "error" in r] == [3]
    assert records[3]["error"] == "ValueError: x = 3 is no good"
    assert sweep(swept.noisy, POINTS[:8], file, workers=1) == records
    assert calls(swept) == {str(x): 1 + (x == 3) for x in range(8)}


def test_a_point_that_kills_its_process_is_recorded_and_no_other(
    swept: ModuleType, tmp_path: Path
) -> None:
    records = sweep(swept.deadly, POINTS, tmp_path / "r.jsonl", workers=2)
    assert [r.get("result") for r in records] == [None if x == 4 else x for x in range(60)]
    assert records[4]["error"] == "its process died"


@pytest.mark.parametrize(
    ("function", "error"),
    [("endless", "ValueError: Out of range"), ("exits", "SystemExit: enough")],
)
def test_what_is_no_result_is_a_failure(
    swept: ModuleType, tmp_path: Path, function: str, error: str
) -> None:
    (record,) = sweep(getattr(swept, function), POINTS[:1], tmp_path / "r.jsonl", workers=1)
    assert record["error"].startswith(error)


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


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_leaves_whole_lines_and_no_process(
    swept: ModuleType, tmp_path: Path, sent: signal.Signals
) -> None:
    file, script = tmp_path / "r.jsonl", tmp_path / "script.py"
    script.write_text(
        "import pathlib, swept\nfrom rheobase.cosim.sweep import sweep\n"
        "if __name__ == '__main__':\n"
        f"    points = [{{'x': x}} for x in range({len(POINTS)})]\n"
        f"    sweep(swept.noisy, points, pathlib.Path({str(file)!r}), workers=1)\n"
    )
    path = os.pathsep.join(filter(None, (str(swept.CALLS.parent), os.environ.get("PYTHONPATH"))))
    running = subprocess.Popen(
        [sys.executable, str(script)], stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    until(lambda: file.exists() and file.read_bytes().count(b"\n") > 5)
    running.send_signal(sent)
    _, said = running.communicate(timeout=20)  # and its processes have closed its standard error
    assert sent == signal.SIGKILL or said.rstrip().endswith("KeyboardInterrupt")
    kept = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert 5 <= len(kept) < len(POINTS)
    swept.CALLS.write_text("")
    sweep(swept.noisy, POINTS, file, workers=2)
    again = calls(swept)
    assert all(again[str(r["point"])] == ("error" in r) for r in kept)
    assert sum(again.values()) == len(POINTS) - sum("result" in r for r in kept)


@pytest.mark.parametrize(
    ("points", "content", "message"),
    [
        (POINTS[:2], "other", r"is of another sweep, with sha256 \w+, not \w+$"),
        (POINTS[:3], "", "is of another sweep, with points 2, not 3; sha256"),
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


@pytest.mark.parametrize("text", ["", "notes\n", '{"sweep": 1}\n', "[]\n"])
def test_a_file_that_is_no_sweep_is_refused_and_kept(
    swept: ModuleType, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(text)
    with pytest.raises(ValueError, match="is not the file of a sweep"):
        sweep(swept.deadly, POINTS[:2], file, workers=1)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": []}, "points must be one at least"),
        ({"points": [{"x": float("nan")}]}, "points must be what JSON can hold"),
        ({"points": [{"x": object()}]}, "points must be what JSON can hold"),
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


def test_a_function_that_no_worker_can_have_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^a worker cannot run points: .*lambda"):
        sweep(lambda point: 1, POINTS, tmp_path / "r.jsonl", workers=1)


# ------------------------------------------------------------------ a Dask cluster


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path, paths: str, allowed_failures: int = 3) -> None:
        self.processes = list[subprocess.Popen[bytes]]()
        self._folder, self._paths, self._failures = folder, paths, str(allowed_failures)
        file = folder / "scheduler.json"
        self._start("scheduler", "--port", "0", "--host", "127.0.0.1", "--scheduler-file", file)
        until(lambda: file.exists() and file.read_text().rstrip().endswith("}"))
        self.address: str = json.loads(file.read_text())["address"]

    def _start(self, what: str, *words: str | Path, path: str = "") -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", *words]
        paths = [path, self._paths, os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": self._failures,
        }
        with (self._folder / "log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(command, cwd=self._folder, env=environment, stdout=log, stderr=log)
            )

    def set_workers(self, count: int, path: str = "", nanny: bool = False) -> None:
        """Have `count` new workers, one thread each, and no old ones."""
        from distributed import Client

        self._end(self.processes[1:])
        with Client(self.address, set_as_default=False) as client:
            until(lambda: not client.nthreads())
            for _ in range(count):
                words = (self.address, "--nanny" if nanny else "--no-nanny", "--nthreads", "1")
                self._start("worker", *words, path=path)
            until(lambda: len(client.nthreads()) == count)

    def _end(self, processes: list[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            process.terminate()  # a nanny takes its worker along
        for process in processes:
            process.wait()
            self.processes.remove(process)

    def close(self) -> None:
        self._end(self.processes[::-1])


@pytest.fixture
def cluster(swept: ModuleType, tmp_path: Path) -> Iterator[Cluster]:
    started = Cluster(tmp_path, str(swept.CALLS.parent))
    yield started
    started.close()


@pytest.fixture(scope="module")
def strict(swept: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that gives up on work after the first worker that it has killed."""
    folder = tmp_path_factory.mktemp("strict")
    started = Cluster(folder, str(swept.CALLS.parent), allowed_failures=0)
    yield started
    started.close()


def after(count: int, do: Callable[[], object]) -> Callable[[str], None]:
    """Do something once, when so many points are done."""
    waiting = [do]

    def told(text: str) -> None:
        if waiting and int(text.split()[0]) >= count:
            waiting.pop()()

    return told


def test_a_cluster_gives_the_same_bytes_though_a_worker_and_then_the_scheduler_die(
    swept: ModuleType, tmp_path: Path, cluster: Cluster
) -> None:
    local, far, cut = (tmp_path / f"{name}.jsonl" for name in ("local", "far", "cut"))
    sweep(swept.noisy, POINTS, local, workers=2)
    cluster.set_workers(2)
    scheduler, first, _ = cluster.processes
    kill = after(5, first.kill)
    sweep(swept.noisy, POINTS, far, cluster=cluster.address, progress=kill)
    assert first.wait() == -signal.SIGKILL
    assert far.read_bytes() == local.read_bytes()

    kill = after(5, scheduler.kill)
    with pytest.raises(RuntimeError, match=f"^--cluster {cluster.address}: the scheduler is gone$"):
        sweep(swept.noisy, POINTS, cut, cluster=cluster.address, progress=kill)
    kept = [json.loads(line) for line in cut.read_text().splitlines()[1:]]
    assert 5 <= len(kept) < len(POINTS)
    swept.CALLS.write_text("")
    sweep(swept.noisy, POINTS, cut, workers=2)
    assert cut.read_bytes() == local.read_bytes()
    assert sum(calls(swept).values()) == len(POINTS) - sum("result" in r for r in kept)


def test_a_point_that_kills_workers_is_recorded_and_no_other(
    swept: ModuleType, tmp_path: Path, strict: Cluster
) -> None:
    strict.set_workers(1, nanny=True)
    records = sweep(swept.deadly, POINTS[:20], tmp_path / "r.jsonl", cluster=strict.address)
    assert [r.get("result") for r in records] == [None if x == 4 else x for x in range(20)]
    assert records[4]["error"] == "its process died"


def test_linear_algebra_has_the_same_bits_in_a_worker_that_has_one_thread_for_it(
    swept: ModuleType, tmp_path: Path, strict: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict.set_workers(1, nanny=True)  # a nanny sets OPENBLAS_NUM_THREADS=1
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    far = sweep(swept.product, POINTS[:2], tmp_path / "far.jsonl", cluster=strict.address)
    assert sweep(swept.product, POINTS[:2], tmp_path / "local.jsonl", workers=1) == far


def test_overhead_is_below_ten_percent_for_points_of_ten_milliseconds(
    swept: ModuleType, tmp_path: Path, strict: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overhead(count: int) -> float:
        times = list[float]()
        records = sweep(
            swept.timed, POINTS[:1] * count, tmp_path / f"{count}.jsonl", cluster=strict.address,
            progress=lambda text: times.append(time.monotonic()),
        )  # fmt: skip
        return (times[-1] - times[0]) / sum(record["result"] for record in records) - 1

    strict.set_workers(1)
    assert overhead(1000) < 0.1
    monkeypatch.setattr("rheobase.cosim.sweep.BATCH", 0.0)  # so that each point travels alone
    assert overhead(50) > 0.1


def test_workers_of_another_version_are_one_clear_error_and_nothing_is_lost(
    swept: ModuleType, tmp_path: Path, strict: Cluster
) -> None:
    file, other = tmp_path / "r.jsonl", tmp_path / "rheobase-9.9.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rheobase\nVersion: 9.9\n")
    strict.set_workers(0)
    with pytest.raises(RuntimeError, match=f"^--cluster {strict.address}: has no workers$"):
        sweep(swept.noisy, POINTS, file, cluster=strict.address)

    strict.set_workers(1)
    replace = after(5, lambda: strict.set_workers(1, str(tmp_path)))
    said = r"has rheobase 9\.9, and \d\S+ is wanted$"
    with pytest.raises(RuntimeError, match=f"^a worker {said}"):
        sweep(swept.noisy, POINTS, file, cluster=strict.address, progress=replace)
    kept = file.read_bytes()
    assert len(kept.splitlines()) > 5
    with pytest.raises(RuntimeError, match=rf"^--cluster {strict.address}: tcp:\S+ {said}"):
        sweep(swept.noisy, POINTS, file, cluster=strict.address)
    assert file.read_bytes() == kept


def test_a_cluster_without_a_worker_left_is_one_clear_error_and_nothing_is_lost(
    swept: ModuleType, tmp_path: Path, strict: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rheobase.cosim.sweep.PATIENCE", 1)
    strict.set_workers(1)
    kill = after(5, strict.processes[1].kill)
    with pytest.raises(RuntimeError, match=r"^no worker is left$"):
        sweep(swept.noisy, POINTS, tmp_path / "r.jsonl", cluster=strict.address, progress=kill)
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) > 5


def test_a_cluster_that_cannot_be_reached_is_one_clear_error(
    swept: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "CONNECT", 1)
    for address in ("tcp://127.0.0.1:1", "tcp://no-port", "no-scheme:1"):
        with pytest.raises(OSError, match=f"^--cluster {address}: cannot be reached: "):
            sweep(swept.noisy, POINTS, tmp_path / "r.jsonl", cluster=address)
    assert not (tmp_path / "r.jsonl").exists()


# ------------------------------------------------------------------ the command


def test_the_command_runs_an_experiment_and_resumes_and_a_cluster_gives_the_same_bytes(
    tmp_path: Path, strict: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    path = planned(tmp_path, '[grid]\n"neuron.tau_m" = ["10 ms", "20 ms"]')
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    words = ["sweep", str(path), "--output", str(here), "--workers", "1", "--quiet"]
    assert main(words) == 0
    assert capsys.readouterr().out == f"2 points: 2 agree; results: {here}\n"
    before = here.read_bytes()
    checks = json.loads(before.splitlines()[2])["result"]["checks"]
    assert {(c["substrate"], c["observable"]) for c in checks} == {("reference", "rate")}
    assert main([*words, "--json"]) == 0
    numbers = {"agree": 2, "disagree": 0, "inconclusive": 0, "failed": 0}
    assert json.loads(capsys.readouterr().out) == {"points": 2, **numbers, "file": str(here)}
    assert here.read_bytes() == before

    strict.set_workers(1, nanny=True)
    far = ["--output", str(there), "--cluster", strict.address, "--quiet"]
    assert main(["sweep", str(path), *far]) == 0
    assert there.read_bytes() == before

    (tmp_path / "mine.toml").write_text(MINE.replace("spikes = 200", "spikes = 300"))
    assert main(words) == 2
    assert "here.jsonl: is of another sweep, with sha256" in capsys.readouterr().err
