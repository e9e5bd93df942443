"""libngspice by ctypes, in a process of its own: reads jobs on stdin, answers on stdout.

The shared library keeps global state, may exit or crash, and prints where it likes. So one process
holds one library, runs one deck after another, and is thrown away after the first failure.
`rheobase.analog.ngspice` starts it and speaks with it; ngspice manual, chapter "ngspice as shared
library", describes the calls.
"""

import ctypes as c
import ctypes.util
import os
import pickle
import queue
import sys
import threading
from typing import Any, BinaryIO

import numpy as np

LOG = "ngspice.log"
"""File in the working folder to which every line that ngspice prints is written at once."""

_SEND_CHAR = c.CFUNCTYPE(c.c_int, c.c_char_p, c.c_int, c.c_void_p)
_EXIT = c.CFUNCTYPE(c.c_int, c.c_int, c.c_bool, c.c_bool, c.c_int, c.c_void_p)
_SEND_DATA = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int, c.c_int, c.c_void_p)
_SEND_INIT = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int, c.c_void_p)
_RUNNING = c.CFUNCTYPE(c.c_int, c.c_bool, c.c_int, c.c_void_p)
_FATAL = ("aborted", "timestep too small", "no such", "fatal")


class _Vector(c.Structure):
    _fields_ = (
        ("name", c.c_char_p),
        ("type", c.c_int),
        ("flags", c.c_short),
        ("real", c.POINTER(c.c_double)),
        ("complex", c.POINTER(c.c_double)),
        ("length", c.c_int),
    )


def find() -> str | None:
    """Name under which the dynamic loader finds libngspice, or None."""
    return ctypes.util.find_library("ngspice")


class Library:
    """The loaded library; `run` simulates one deck."""

    def __init__(self) -> None:
        self._lib = c.CDLL(find() or "libngspice.so.0")
        self._lib.ngGet_Vec_Info.restype = c.POINTER(_Vector)
        self._log = open(LOG, "w", buffering=1, encoding="utf-8")
        self._lines: list[str] = []
        self._callbacks = (
            _SEND_CHAR(self._print),
            _SEND_CHAR(self._status),
            _EXIT(self._exit),
            _SEND_DATA(lambda *_: 0),
            _SEND_INIT(lambda *_: 0),
            _RUNNING(lambda *_: 0),
        )
        self._lib.ngSpice_Init(*self._callbacks, None)
        # Two OpenMP threads that wait for each other cost up to 25 times on a busy machine.
        self._command("set num_threads=1")

    def _print(self, text: bytes, _id: int, _user: Any) -> int:
        line = text.decode("utf-8", "replace").removeprefix("stdout ").removeprefix("stderr ")
        self._lines.append(line)
        self._log.write(line + "\n")
        return 0

    def _status(self, text: bytes, _id: int, _user: Any) -> int:
        self._log.write(f"[{text.decode('utf-8', 'replace')}]\n")
        return 0

    def _exit(self, status: int, _now: bool, _quit: bool, _id: int, _user: Any) -> int:
        self._log.write(f"ngspice gave up (exit status {status})\n")
        os._exit(70)

    def _command(self, text: str) -> None:
        if self._lib.ngSpice_Command(text.encode()):
            raise RuntimeError(f"{text!r} failed")
        if wrong := [line for line in self._lines if any(w in line.lower() for w in _FATAL)]:
            raise RuntimeError(wrong[0])

    def run(self, deck: str, vectors: list[str]) -> dict[str, np.ndarray]:
        """Load `deck`, run its analysis and return the named vectors; RuntimeError if it fails."""
        self._lines.clear()
        self._log.seek(0)
        self._log.truncate()
        lines = [line.encode() for line in deck.splitlines() if line.strip()]
        if self._lib.ngSpice_Circ((c.c_char_p * (len(lines) + 1))(*lines, None)) or any(
            "error" in line.lower() for line in self._lines
        ):
            raise RuntimeError("the deck was not accepted")
        self._command("run")
        results = {name: self._vector(name) for name in vectors}
        self._command("destroy all")
        self._command("remcirc")
        return results

    def _vector(self, name: str) -> np.ndarray:
        found = self._lib.ngGet_Vec_Info(name.encode())
        if not found or not found.contents.length:
            raise RuntimeError(f"there is no vector {name!r} in the result")
        vector = found.contents
        if vector.real:
            return np.ctypeslib.as_array(vector.real, (vector.length,)).copy()
        pairs = np.ctypeslib.as_array(vector.complex, (vector.length, 2))
        return pairs[:, 0] + 1j * pairs[:, 1]


def _read(jobs: BinaryIO, inbox: "queue.SimpleQueue[Any]") -> None:
    """Pass jobs on; end the process when whoever started it is gone, even in mid-run."""
    while True:
        try:
            inbox.put(pickle.load(jobs))
        except EOFError:
            os._exit(0)


def serve() -> None:
    """Answer jobs (deck, vector names) with (True, results) or (False, message), until EOF."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the C library prints by itself must not mix with the answers
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, inbox), daemon=True).start()
    library = Library()
    while True:
        deck, vectors = inbox.get()
        try:
            answer: tuple[bool, Any] = (True, library.run(deck, vectors))
        except RuntimeError as error:
            answer = (False, str(error))
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    serve()
