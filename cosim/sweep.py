"""Sweeps: one function of many points, on local processes or on a Dask cluster, bit for bit alike.

What a point gives depends on the point alone: not on the worker, on its neighbours or on when it
runs (chance is seeded by what stands in the point). Points travel in batches, so that sending one
costs little of the time it takes:

    size = min(BATCH / seconds of a point, points left / (2 workers)), 1 at least

where the seconds are those of the last batch that came back; the second term keeps all workers busy
to the end. Two batches for each worker are under way, so that none waits for its next one.

A point that raises is recorded with its error. If a process dies, whatever it ran is run again,
one point at a time and nothing beside it: a point whose process dies then, too, is recorded.
"""

import hashlib
import json
import os
import pickle
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from time import perf_counter
from typing import Any

from . import pools
from .point_file import PointFile, Record

BATCH = 0.5  # s that a batch is meant to take
PATIENCE = 30  # s without a result before one looks whether workers are left

Point = dict[str, Any]
_alone = threading.Lock()  # Dask workers have threads; simulators want the process to themselves


def _line(function: Callable[[Point], Any], number: int, point: Point) -> str:
    """One point as a line of JSON: with its result, or with the error that it raised."""
    record: Record = {"point": number, "parameters": point}
    try:
        return json.dumps({**record, "result": function(point)}, allow_nan=False)
    except Exception as error:
        return _failed(record, f"{type(error).__name__}: {error}")


def _failed(record: Record, error: str) -> str:
    return json.dumps({**record, "error": error})


def _run(
    function: Callable[[Point], Any], batch: list[tuple[int, Point]]
) -> tuple[list[str], float, dict[str, str]]:
    """Run a batch on a worker: its lines, the seconds that it took, the versions it ran in."""
    with _alone:
        started = perf_counter()
        lines = [_line(function, number, point) for number, point in batch]
        return lines, perf_counter() - started, pools.versions()


def sweep(
    function: Callable[[Point], Any],
    points: Sequence[Point],
    file: Path,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    content: str = "",
    progress: Callable[[str], None] = lambda text: None,
) -> list[Record]:
    """Call `function` with each point, but for those that `file` has a result of.

    Parameters
    ----------
    function : callable
        Of one point; picklable (a function of a module), and its results are what JSON can hold.
        A script that calls `sweep` does so below ``if __name__ == "__main__":``.
    points : sequence of dict
        What JSON can hold, too.
    file : Path
        Where results are appended as they come; `PointFile` says how. With the same sweep in it,
        only points that are missing or failed are run.
    workers : int, optional
        Processes on this machine; one for each core unless given.
    cluster : str, optional
        ``tcp://host:port`` of a Dask scheduler whose workers run the points instead. They need the
        same versions of Python, rheobase, numpy, numba and scipy.
    content : str
        What else the results depend on; a file that was written with another is refused.
    progress : callable
        Called with a line of text.

    Returns
    -------
    list of dict
        For each point ``point``, ``parameters``, and ``result`` or ``error``.

    Raises
    ------
    TypeError
        Function or points cannot be sent to workers.
    ValueError
        No points; `workers` below 1; `file` is of another sweep.
    OSError
        `file` cannot be written; the cluster cannot be reached.
    RuntimeError
        Workers of other versions, none left; what was finished is in `file`.
    """
    if not points:
        raise ValueError("points must be one at least")
    if workers is not None and cluster is not None:
        raise ValueError("workers are those of this machine: a cluster has its own")
    if workers is None:
        workers = os.cpu_count() or 1
    if workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    try:
        pickle.dumps(function)
        every = json.dumps(list(points), allow_nan=False)
    except (TypeError, ValueError, AttributeError, pickle.PicklingError) as error:
        raise TypeError(f"function and points must be fit to be sent to workers: {error}") from None
    module, name = function.__module__, getattr(function, "__qualname__", type(function).__name__)
    header = {
        "function": f"{module}.{name}",
        "versions": pools.versions(),
        "points": len(points),
        "sha256": hashlib.sha256(f"{every}\n{content}".encode()).hexdigest(),
    }
    pool_of = pools.local(workers) if cluster is None else pools.cluster(cluster)
    with pool_of as pool, PointFile(file, header) as done:
        _require_workers(function, pool)
        _Sweep(function, points, pool, done, progress).run()
        done.finish()
    return [done.records[number] for number in range(len(points))]


def _require_workers(function: Callable[[Point], Any], pool: pools.Pool) -> None:
    """Send an empty batch: a worker that cannot even have the function would fail every point."""
    try:
        pool.submit(_run, function, []).result()
    except pool.lost:
        raise RuntimeError(
            "no worker starts: a script calls `sweep` below `if __name__ == '__main__':`,"
            " and the function must stand in a file"
        ) from None


class _Sweep:
    """What is still to do, what is under way, and what a process died of."""

    def __init__(
        self,
        function: Callable[[Point], Any],
        points: Sequence[Point],
        pool: pools.Pool,
        done: PointFile,
        progress: Callable[[str], None],
    ) -> None:
        self.function, self.points, self.pool, self.done = function, points, pool, done
        self.progress = progress
        self.todo = deque(number for number in range(len(points)) if number not in done.records)
        self.left = len(self.todo)
        self.suspects: deque[int] = deque()  # of having killed a process; the first runs alone
        self.running: dict[Future[Any], list[int]] = {}
        self.seconds = BATCH  # that a point takes: until one is measured, batches are of one
        self.shown = -1

    def run(self) -> None:
        """Until every point has its line."""
        self._show()
        while self.todo or self.suspects or self.running:
            self._submit()
            finished, _ = wait(self.running, PATIENCE, FIRST_COMPLETED)
            if not finished:
                self.pool.require_alive()
            for future in finished:
                self._collect(future)
            self._show()

    def _submit(self) -> None:
        if self.suspects:
            if not self.running:
                self._start([self.suspects[0]])
            return
        while self.todo and len(self.running) < 2 * self.pool.workers:
            share = -(-len(self.todo) // (2 * self.pool.workers))
            size = max(1, min(int(BATCH / max(self.seconds, 1e-6)), share))
            self._start([self.todo.popleft() for _ in range(size)])

    def _start(self, batch: list[int]) -> None:
        numbered = [(number, self.points[number]) for number in batch]
        future = self.pool.submit(_run, self.function, numbered)
        self.running[future] = batch

    def _collect(self, future: Future[Any]) -> None:
        batch = self.running.pop(future)
        alone = bool(self.suspects) and batch == [self.suspects[0]]
        try:
            lines, seconds, versions = future.result()
            if wrong := pools.unlike(versions):  # a worker that came after the sweep had begun
                raise RuntimeError(f"a worker of the cluster has {wrong}")
            self.seconds = seconds / len(batch)
        except self.pool.lost:
            if not alone:
                self.suspects.extend(batch)
                return
            record = {"point": batch[0], "parameters": self.points[batch[0]]}
            lines = [_failed(record, "its process died")]
        if alone:
            self.suspects.popleft()
        self.done.append(lines)
        self.left -= len(batch)

    def _show(self) -> None:
        """Tell how far the sweep is, at most once for each percent."""
        count = len(self.points)
        done = count - self.left
        if (percent := 100 * done // count) != self.shown:
            failed = sum("error" in record for record in self.done.records.values())
            self.progress(f"{done} of {count} points" + (f", {failed} failed" if failed else ""))
            self.shown = percent
