"""Run SPICE decks on ngspice: isolated processes, kept warm, with a time limit.

`run` simulates one deck and returns the vectors asked for; threads may call it at the same time. A
deck is plain text with exactly one analysis (.op, .dc, .ac, .tran); it runs the same under
`ngspice -b`.
"""

import atexit
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from . import libngspice


def options(abstol: float = 1e-18) -> str:
    """Solver options for subthreshold currents; `abstol` (A) is about 1e-7 of the smallest bias.

    They belong together. ngspice's default gmin of 1e-12 S is 1 % of a 1e-10 S leak per junction,
    its default abstol of 1 pA is the bias itself and its default chgtol of 1e-14 C is a quarter of
    a whole membrane swing; changing only one of the three gives garbage. An abstol far below 1e-7
    of the bias only makes the solver fail on rounding errors at fast edges.
    """
    return f"abstol={abstol:g} vntol=1e-7 chgtol=1e-16 gmin=1e-18 method=gear"


INSTALL = (
    "libngspice was not found; simulating a transistor netlist needs it. Install it with "
    "'apt install libngspice0 ngspice' (Debian, Ubuntu) or 'brew install libngspice' (macOS)"
)


class NgspiceError(RuntimeError):
    """ngspice is missing, refused a deck, failed, crashed, or ran out of time."""


def messages(log: Path) -> str:
    """What ngspice last printed into a log, ready to append to an error message."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    told = [line for line in lines if re.search("error|warning|small|abort", line, re.I)]
    progress = [line for line in lines if "%]" in line]
    return "".join(f"\n  ngspice: {line}" for line in (told or lines)[-8:] + progress[-1:])


class Session:
    """One process with one libngspice; use as a context manager.

    Raises
    ------
    NgspiceError
        The library is not installed.
    """

    def __init__(self) -> None:
        if libngspice.find() is None:
            raise NgspiceError(INSTALL)
        self._folder = Path(tempfile.mkdtemp(prefix="rheobase-ngspice-"))
        self._process = subprocess.Popen(
            [sys.executable, "-P", libngspice.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            start_new_session=True,  # Ctrl-C is ours to handle: `close` then ends the process
        )
        _live.setdefault(os.getpid(), set()).add(self)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def kill(self) -> None:
        """End the process, from any thread: a `run` that waits for it in another one then fails."""
        self._process.kill()

    def close(self) -> None:
        """End the process, whatever it does, and remove its working folder."""
        self.kill()
        self._process.wait()
        _live.get(os.getpid(), set()).discard(self)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(
        self,
        deck: str,
        vectors: Sequence[str],
        files: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> dict[str, np.ndarray]:
        """Simulate `deck` and return `vectors`; see `run`. After an error the session is closed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        for name, text in (files or {}).items():
            (self._folder / name).write_text(text, encoding="utf-8")
        late = threading.Event()

        def stop() -> None:
            late.set()
            self.kill()

        timer = threading.Timer(timeout, stop)
        timer.start()
        try:
            pickle.dump((deck, list(vectors)), self._process.stdin)
            self._process.stdin.flush()
            good, answer = pickle.load(self._process.stdout)
            if good:
                return dict(answer)
            if re.search("timestep too small|singular", str(answer), re.I):
                answer = (
                    "the netlist does not converge, as with a loop of voltage sources, a node that"
                    f" only gates touch, or a model that jumps ({answer})"
                )
            raise NgspiceError(f"ngspice failed: {answer}{messages(self._folder / libngspice.LOG)}")
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            status = self._process.wait()
            what = (
                f"ngspice did not finish within {timeout:g} s"
                if late.is_set()
                else f"ngspice died (exit status {status})"
            )
            raise NgspiceError(what + messages(self._folder / libngspice.LOG)) from error
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            timer.join()
            if self._process.poll() is not None:
                self.close()


# by process id: a forked child must not share our pipes
_live: dict[int, set[Session]] = {}  # not closed yet
_idle: dict[int, list[Session]] = {}  # those of them that wait for a deck


def _take() -> Session:
    try:
        return _idle[os.getpid()].pop()
    except (KeyError, IndexError):
        return Session()


def _give_back(session: Session) -> None:
    _idle.setdefault(os.getpid(), []).append(session)


@atexit.register
def close() -> None:
    """End all processes; the next `run` starts a new one.

    A `run` that another thread waits for raises an NgspiceError there.
    """
    for session in _idle.pop(os.getpid(), []):
        session.close()
    for session in list(_live.get(os.getpid(), ())):
        session.kill()


def run(
    deck: str,
    vectors: Sequence[str],
    files: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> dict[str, np.ndarray]:
    """Simulate one deck.

    Parameters
    ----------
    deck : str
        A complete deck with one analysis; files that it names are looked up in `files`.
    vectors : sequence of str
        ngspice vector names, such as ``time``, ``m`` (a node) or ``vdd#branch`` (a current).
    files : mapping of str to str, optional
        Name and content of the files that the deck includes or plays.
    timeout : float
        Wall-clock limit in s.

    Returns
    -------
    dict of str to ndarray
        Each vector, shape (points,); complex after .ac. SI units.

    Raises
    ------
    NgspiceError
        With ngspice's own last messages.
    """
    session = _take()
    result = session.run(deck, vectors, files, timeout)
    _give_back(session)
    return result
