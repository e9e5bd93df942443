"""Sweeps: what a point of 10 ms costs beside its 10 ms, on two processes and on two Dask workers.

The cost is the time of the workers per point, from the start of the first process (the Dask workers
run before) to the last result; the points sleep, so other work on the machine disturbs little.
Beside it, the same points sent one by one, and what the points took by themselves: a sweep may add
a tenth to that.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

from ..doctor import MissingTool, require
from ..sweep import sweep
from .table import Cost, LeftOut

WORKERS, COUNT = 2, 2000
POINTS = [{"x": x} for x in range(COUNT)]
ALONE = "the points alone"


def point(_: dict[str, Any]) -> float:
    """Take 10 ms; return how long they were."""
    started = perf_counter()
    sleep(0.01)
    return perf_counter() - started


def timed(case: str, program: str, run: Callable[[], list[float]]) -> tuple[Cost, Cost]:
    """What a run costs, and the points alone."""
    started = perf_counter()
    slept = sum(run())
    spent = WORKERS * (perf_counter() - started)
    remark = f"overhead {spent / slept - 1:.1%}"
    return (
        Cost(case, program, 1e3 * spent / COUNT, "ms", None, remark),
        Cost(case, ALONE, 1e3 * slept / COUNT, "ms", 1 / 1.1),
    )


def ours(**where: Any) -> list[float]:
    """The points in a sweep."""
    with TemporaryDirectory() as folder:
        return [r["result"] for r in sweep(point, POINTS, Path(folder) / "r.jsonl", **where)]


def one_by_one() -> list[float]:
    """The points in the library's pool."""
    with ProcessPoolExecutor(WORKERS) as pool:
        return list(pool.map(point, POINTS))


def costs() -> Iterator[Cost | LeftOut]:
    case = "10 ms, 2 processes"
    yield from timed(case, "rheobase sweep", lambda: ours(workers=WORKERS))
    yield timed(case, "ProcessPoolExecutor", one_by_one)[0]
    try:
        require("distributed", "the sweep on a cluster")
    except MissingTool as error:
        yield LeftOut("Dask", str(error))
        return
    from distributed import Client, LocalCluster

    case = "10 ms, 2 Dask workers"
    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with LocalCluster(WORKERS, threads_per_worker=1, **quiet) as cluster:
        yield from timed(case, "rheobase sweep", lambda: ours(cluster=cluster.scheduler_address))
        with Client(cluster) as client:

            def gathered() -> list[float]:
                return list(client.gather(client.map(point, POINTS)))

            yield timed(case, "Client.map", gathered)[0]
