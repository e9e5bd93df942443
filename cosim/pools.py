"""Where the points of a sweep run: processes of this machine, or the workers of a Dask cluster.

Both are a `Pool`: it takes pieces of work, one for each worker at a time, and gives back futures. A
piece whose process died fails with one of the pool's `lost`; on a cluster only after it has been
tried on several workers. Processes start afresh (``spawn``): they share neither locks nor threads
with this one.
"""

import multiprocessing
import os
import platform
import signal
import threading
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

    lost: type[Exception]

    def workers(self) -> int:
        """How many there are now."""

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have ``work(*args)`` run by a worker that is idle."""


@cache
def versions() -> dict[str, str]:
    """Of Python and `PACKAGES`, in this process."""
    return {"python": platform.python_version(), **{p: metadata.version(p) for p in PACKAGES}}


def require_same(there: Mapping[str, str | None], who: str) -> None:
    """Refuse another process whose versions are not those of this one.

    Raises
    ------
    RuntimeError
        Who has which versions, and which are wanted.
    """
    wrong = ", ".join(
        f"{name} {there.get(name) or '(none)'}, and {version} is wanted"
        for name, version in versions().items()
        if there.get(name) != version
    )
    if wrong:
        raise RuntimeError(f"{who} has {wrong}")


def _end_with_parent() -> None:
    """Have Ctrl-C end this process without a traceback, and its parent's death without a trace."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Local:
    """Processes of this machine. Each has an executor of its own: none dies of another's work."""

    lost: type[Exception] = BrokenProcessPool

    def __init__(self, count: int) -> None:
        self._executors = [self._process() for _ in range(count)]
        self._futures: list[Future[Any] | None] = [None] * count  # the last one of each

    def _process(self) -> Executor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, context, _end_with_parent)

    def workers(self) -> int:
        return len(self._executors)

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        idle = next(i for i, f in enumerate(self._futures) if f is None or f.done())
        try:
            future = self._executors[idle].submit(work, *args)
        except BrokenProcessPool:  # the last piece of work, or somebody, has killed it
            self._executors[idle] = self._process()
            future = self._executors[idle].submit(work, *args)
        self._futures[idle] = future
        return future

    def close(self) -> None:
        for executor in self._executors:
            executor.shutdown()


@contextmanager
def local(count: int) -> Iterator[Pool]:
    """Processes of this machine, which end with the context, at once if it fails."""
    others = multiprocessing.active_children()
    pool = _Local(count)
    try:
        yield pool
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        raise
    finally:
        pool.close()


class _Cluster:
    """The workers of a Dask cluster."""

    def __init__(self, client: Any) -> None:
        from distributed.scheduler import KilledWorker

        self.lost: type[Exception] = KilledWorker
        self._client, self._executor = client, client.get_executor(pure=False)

    def workers(self) -> int:
        try:
            return len(self._client.nthreads())
        except OSError:  # after a futile time
            raise CancelledError from None

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = self._executor.submit(work, *args)
        return future


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
    from distributed.comm import parse_address, parse_host_port

    try:
        parse_host_port(parse_address(address, strict=True)[1])  # a bad one breaks the client
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(f"--cluster {address}: cannot be reached: {error}") from None
    with client:
        if not client.nthreads():
            raise RuntimeError(f"--cluster {address}: has no workers")
        answer: Any = client.get_versions(packages=list(PACKAGES))
        for who, said in {"the scheduler": answer["scheduler"], **answer["workers"]}.items():
            python = ".".join(said["host"]["python"].split(".")[:3])  # of 3.11.2.final.0
            require_same({**said["packages"], "python": python}, f"--cluster {address}: {who}")
        try:
            yield _Cluster(client)
        except CancelledError:
            raise RuntimeError(f"--cluster {address}: the scheduler is gone") from None
