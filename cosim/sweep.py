"""Sweeps: one function of many points, on local processes or on a Dask cluster, bit for bit alike.

What a point gives depends on the point alone: not on the worker, on its neighbours or on when it
runs. Chance is seeded by what stands in the point, and linear algebra keeps to one thread, for the
number of threads changes the last bits of a sum. (So does another type of CPU: a cluster whose
machines differ may differ in the last bits.)

Points travel in batches, so that sending one costs little of the time it takes:

    size = min(BATCH / seconds of a point, points left / (2 workers)), 1 at least

where the seconds are those of the last batch that came back; the second term keeps all workers busy
to the end. A point that raises is recorded with its error. The points of a batch whose process died
are run again, one at a time, and one whose process dies then, too, is recorded.
"""

import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from pathlib import Path
from time import perf_counter
from typing import Any

from threadpoolctl import threadpool_limits

from . import pools
from .point_file import PointFile, Record

BATCH = 1.0  # s that a batch is meant to take
PATIENCE = 30  # s without a result before one looks whether workers are left

Point = dict[str, Any]
_alone = threading.Lock()  # Dask workers have threads; simulators want the process to themselves


def _line(function: Callable[[Point], Any], number: int, point: Point) -> str:
    """One point as a line of JSON: with its result, or with the error that it raised."""
    record: Record = {"point": number, "parameters": point}
    try:
        return json.dumps({**record, "result": function(point)}, allow_nan=False)
    except (Exception, SystemExit) as error:
        return json.dumps({**record, "error": f"{type(error).__name__}: {error}"})


def _run(
    function: Callable[[Point], Any], batch: list[tuple[int, Point]]
) -> tuple[list[str], float, dict[str, str]]:
    """Run a batch on a worker: its lines, the seconds that it took, the versions it ran in."""
    with _alone, threadpool_limits(1):
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
        ``tcp://host:port`` of a Dask scheduler whose workers run the points instead, each one point
        at a time. They need the same versions of Python, rheobase, numpy, numba and scipy.
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
        Points that JSON cannot hold.
    ValueError
        No points; `workers` below 1 or beside a `cluster`; `file` is of another sweep.
    OSError
        `file` cannot be written; the cluster cannot be reached.
    RuntimeError
        A worker that cannot run points, or none left; what was finished is in `file`.
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
        every = json.dumps(list(points), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"points must be what JSON can hold: {error}") from None
    header = {
        "versions": pools.versions(),
        "points": len(points),
        "sha256": hashlib.sha256(f"{every}\n{content}".encode()).hexdigest(),
    }
    with pools.local(workers) if cluster is None else pools.cluster(cluster) as pool:
        done = PointFile(file, header)
        _Sweep(function, points, pool, done, progress).run()
        done.finish()
    return [done.records[number] for number in range(len(points))]


class _Sweep:
    """What is still to do and what is under way."""

    def __init__(
        self,
        function: Callable[[Point], Any],
        points: Sequence[Point],
        pool: pools.Pool,
        done: PointFile,
        progress: Callable[[str], None],
    ) -> None:
        self._function, self._points, self._pool, self._done = function, points, pool, done
        self._progress, self._shown = progress, -1
        self._todo = deque(number for number in range(len(points)) if number not in done.records)
        self._suspects: deque[int] = deque()  # whose batch was lost; they run one by one
        self._running: dict[Future[Any], list[int]] = {}
        self._seconds = BATCH  # that a point takes: until one is measured, batches are of one

    def run(self) -> None:
        """Until every point has its line."""
        self._show()
        while self._todo or self._suspects or self._running:
            workers = self._pool.workers()
            while (self._todo or self._suspects) and len(self._running) < max(workers, 1):
                self._start(self._next(workers))
            finished, _ = wait(self._running, PATIENCE, FIRST_COMPLETED)
            if not finished and self._pool.workers() == 0:
                raise RuntimeError("no worker is left")
            for future in finished:
                self._collect(future)
            self._show()

    def _next(self, workers: int) -> list[int]:
        if self._suspects:
            return [self._suspects.popleft()]
        share = len(self._todo) // (2 * max(workers, 1))
        size = max(1, min(int(BATCH / max(self._seconds, 1e-6)), share))
        return [self._todo.popleft() for _ in range(size)]

    def _start(self, batch: list[int]) -> None:
        numbered = [(number, self._points[number]) for number in batch]
        self._running[self._pool.submit(_run, self._function, numbered)] = batch

    def _collect(self, future: Future[Any]) -> None:
        batch = self._running.pop(future)
        try:
            lines, seconds, versions = future.result()
        except self._pool.lost:
            if len(batch) > 1:
                self._suspects.extend(batch)
                return
            record = {"point": batch[0], "parameters": self._points[batch[0]]}
            lines = [json.dumps({**record, "error": "its process died"})]
        except CancelledError:
            raise
        except Exception as error:  # not the function's: `_line` records those
            raise RuntimeError(f"a worker cannot run points: {error}") from error
        else:
            pools.require_same(versions, "a worker")  # it may be one that came later
            self._seconds = seconds / len(batch)
        self._done.append(lines)

    def _show(self) -> None:
        """Tell how far the sweep is, at most once for each percent."""
        count, records = len(self._points), self._done.records
        if (percent := 100 * len(records) // count) != self._shown:
            failed = sum("error" in record for record in records.values())
            told = f", {failed} failed" if failed else ""
            self._progress(f"{len(records)} of {count} points{told}")
            self._shown = percent
