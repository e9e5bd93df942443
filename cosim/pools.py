"""Where the points of a sweep run: processes of this machine, or the workers of a Dask cluster.

Both are a `Pool`: it takes pieces of work and gives back futures. A piece that was running in a
process that died fails with one of `LOST`, on a cluster only after it has been tried on several
workers. Processes start afresh (``spawn``): they share neither locks nor threads with this one.
"""

import multiprocessing
import platform
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from typing import Any, Protocol

from .doctor import require

PACKAGES = ("rheobase", "numpy", "numba", "scipy")  # what the bits of a result depend on
CONNECT = 10  # s to wait for a scheduler


class Pool(Protocol):
    """Workers that run one piece of work each at a time."""

    workers: int
    lost: tuple[type[Exception], ...]

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have ``work(*args)`` run by any worker."""

    def require_alive(self) -> None:
        """Raise RuntimeError if there is nobody left who could do the work."""


@cache
def versions() -> dict[str, str]:
    """Of Python and `PACKAGES`, in this process."""
    return {"python": platform.python_version(), **{p: metadata.version(p) for p in PACKAGES}}


def unlike(there: Mapping[str, str | None]) -> str:
    """How the versions of another process differ from those of this one; empty if they do not."""
    return ", ".join(
        f"{name} {there.get(name) or '(none)'} where {version} is wanted"
        for name, version in versions().items()
        if there.get(name) != version
    )


class _Local:
    """Processes of this machine; those that die are replaced."""

    lost: tuple[type[Exception], ...] = (BrokenProcessPool,)

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._start()

    def _start(self) -> None:
        # Ctrl-C ends this process and, from a terminal, its children: without their tracebacks
        self.executor = ProcessPoolExecutor(
            self.workers, multiprocessing.get_context("spawn"),
            signal.signal, (signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        try:
            return self.executor.submit(work, *args)
        except BrokenProcessPool:
            self._start()
            return self.executor.submit(work, *args)

    def require_alive(self) -> None:
        """They are replaced."""


@contextmanager
def local(workers: int) -> Iterator[Pool]:
    """Processes of this machine, which end with the context, at once if it fails."""
    others = multiprocessing.active_children()
    pool = _Local(workers)
    try:
        yield pool
        pool.executor.shutdown()
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        pool.executor.shutdown(cancel_futures=True)
        raise


class _Cluster:
    """The workers of a Dask cluster."""

    def __init__(self, client: Any, executor: Executor, address: str) -> None:
        from distributed.scheduler import KilledWorker

        self.lost: tuple[type[Exception], ...] = (KilledWorker,)
        self._client, self._executor, self._address = client, executor, address
        self.workers = len(client.nthreads())

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        return self._executor.submit(work, *args)

    def require_alive(self) -> None:
        if not self._client.nthreads():
            raise RuntimeError(f"--cluster {self._address}: no worker is left")


def _require_same_versions(address: str, answer: Any) -> None:
    """Refuse a cluster whose scheduler or workers have other versions than this process."""
    for who, said in {"the scheduler": answer["scheduler"], **answer["workers"]}.items():
        # Dask writes Python's version as 3.11.2.final.0
        python = ".".join(said["host"]["python"].split(".")[:3])
        if wrong := unlike({**said["packages"], "python": python}):
            raise RuntimeError(f"--cluster {address}: {who} has {wrong}")


@contextmanager
def cluster(address: str) -> Iterator[Pool]:
    """The workers of the Dask cluster whose scheduler is at `address`, ``tcp://host:port``.

    Raises
    ------
    MissingTool
        The extra ``cluster`` is not installed.
    OSError
        The scheduler cannot be reached.
    RuntimeError
        There are no workers, or they have other versions; the connection is lost.
    """
    require("distributed", "rheobase sweep --cluster")
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(f"--cluster {address}: cannot be reached: {error}") from None
    with client:
        if not client.nthreads():
            raise RuntimeError(f"--cluster {address}: has no workers")
        _require_same_versions(address, client.get_versions(packages=list(PACKAGES)))
        executor = client.get_executor(pure=False)
        try:
            yield _Cluster(client, executor, address)
        except CancelledError:
            raise RuntimeError(f"--cluster {address}: the scheduler is gone") from None
        finally:
            executor.shutdown(wait=False)
