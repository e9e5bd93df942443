"""Sweeps: what a point of 10 ms costs beside its 10 ms, on two processes and on two Dask workers.

Run: ``python benchmarks/sweep.py``. The cost is the time of the workers per point, from the start
of the first process (the Dask workers run before) to the last result; the points sleep, so other
work on the machine disturbs little. Beside it, the same points sent one by one.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from table import Cost, show

from rheobase.cosim.sweep import sweep

WORKERS, COUNT = 2, 2000
POINTS = [{"x": x} for x in range(COUNT)]


def point(_: dict[str, Any]) -> float:
    """Take 10 ms; return how long they were."""
    started = time.perf_counter()
    time.sleep(0.01)
    return time.perf_counter() - started


def cost(case: str, program: str, run: Callable[[], list[float]]) -> Cost:
    started = time.perf_counter()
    slept = sum(run())
    spent = WORKERS * (time.perf_counter() - started)
    remark = f"overhead {spent / slept - 1:.1%}"
    return Cost(case, program, 1e3 * spent / COUNT, "ms", remark=remark)


def ours(**where: Any) -> list[float]:
    with TemporaryDirectory() as folder:
        return [r["result"] for r in sweep(point, POINTS, Path(folder) / "r.jsonl", **where)]


def one_by_one() -> list[float]:
    with ProcessPoolExecutor(WORKERS) as pool:
        return list(pool.map(point, POINTS))


def costs() -> Iterator[Cost]:
    from distributed import Client, LocalCluster  # not in each process: it takes a second

    case = "10 ms, 2 processes"
    yield cost(case, "rheobase sweep", lambda: ours(workers=WORKERS))
    yield cost(case, "ProcessPoolExecutor", one_by_one)
    case = "10 ms, 2 Dask workers"
    with LocalCluster(WORKERS, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cost(case, "rheobase sweep", lambda: ours(cluster=cluster.scheduler_address))
        with Client(cluster) as client:
            yield cost(case, "Client.map", lambda: client.gather(client.map(point, POINTS)))


if __name__ == "__main__":
    show(costs())
