"""A transient in ngspice that advances as it is granted: one process for each group of neurons.

`write` puts the group's deck into a folder, `Granted` starts its process there. `Granted.grant`
lets it run up to a time, with the changes of its inputs until then; `Granted.answer` says how far
it came: up to that time, or to the first accepted time point behind a crossing, whose interpolated
time it gives. The process is `granted.cpp`, which states the protocol; it needs some microseconds
for a grant. Times are integers of picoseconds.
"""

import hashlib
import json
import os
import select
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import libngspice, ngspice
from .ngspice import NgspiceError

if TYPE_CHECKING:
    from .group import Group  # which needs PySpice: not within a simulator

PS = 1e-12
_PROGRAM = Path(__file__).with_name("granted.cpp")
_ANSWER, _EVENT = struct.Struct("=dqq"), struct.Struct("=dqq")


@dataclass(frozen=True, order=True)
class Change:
    """A wire gets a level (0 or 1) at a time in ps."""

    time: int
    wire: int
    level: int


def program() -> Path:
    """The compiled program, from the cache if it is there.

    Raises
    ------
    NgspiceError
        libngspice or g++ is missing, or g++ fails.
    """
    library = libngspice.find()
    if library is None:
        raise NgspiceError(ngspice.INSTALL)
    source = _PROGRAM.read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rheobase"
    path = cache / f"granted-{hashlib.sha256(source + library.encode()).hexdigest()}"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as scratch:
        built = Path(scratch) / "granted"
        command = ["g++", "-O2", f'-DLIBRARY="{library}"', str(_PROGRAM), "-o", str(built), "-ldl"]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            raise NgspiceError("g++ was not found; lock-step with ngspice needs it") from None
        if done.returncode:
            raise NgspiceError(f"g++ could not compile {_PROGRAM.name}: {done.stderr[-2000:]}")
        os.replace(built, path)
    return path


def write(group: "Group", name: str, folder: Path, t_stop: int, step: float, ramp: float) -> None:
    """Write what `Granted` needs to start: the deck, the model files, and a list of the wires.

    Parameters
    ----------
    group : Group
    name : str
        Of the group's files, and in messages.
    folder : Path
    t_stop : int
        End of the transient in ps.
    step, ramp : float
        Largest time step, and time that an input takes to change its level, in s.
    """
    for file, text in group.neurons[0].technology.texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    sources = ["external"] * len(group.inputs)
    (folder / f"{name}.cir").write_text(group.netlist(sources, t_stop * PS, step))
    wires = {
        "numbers": [group.high, ramp, group.high / 2],
        "inputs": group.inputs,
        "outputs": group.outputs,
        "recorded": [*group.membranes, *group.outputs],
    }
    (folder / f"{name}.json").write_text(json.dumps(wires))


class Granted:
    """A group of neurons in an ngspice process; use as a context manager.

    Its record is a file of every accepted time point (see `recorded`), its log what ngspice says.

    Parameters
    ----------
    name : str
    folder : Path
        Where `write` has put the group.
    timeout : float
        Wall-clock limit of a grant in s.

    Raises
    ------
    NgspiceError
        ngspice is missing, or refuses the deck.
    """

    def __init__(self, name: str, folder: Path, timeout: float = 600.0) -> None:
        self.name, self.timeout = name, timeout
        wires = json.loads((folder / f"{name}.json").read_text())
        names = [",".join(wires[each]) for each in ("inputs", "outputs", "recorded")]
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [program(), f"{name}.cir", f"{name}.f64", *map(repr, wires["numbers"]), *names],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is ours to handle: `close` then ends the process
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._to, self._from = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._granted = self.reached = 0
        try:
            self.answer()
        except NgspiceError:
            self.close()
            raise

    def __enter__(self) -> "Granted":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; its files stay."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def grant(self, until: int, changes: Sequence[Change]) -> None:
        """Let the group run up to a time; `answer` must follow.

        Parameters
        ----------
        until : int
            In ps, > `reached`.
        changes : sequence of Change
            Of inputs, in the order of their times; >= `reached`. Those after `until` may come too.
        """
        rows = b"".join(_EVENT.pack(each.time * PS, each.wire, each.level) for each in changes)
        self._granted = until
        try:
            os.write(self._to, struct.pack("=dq", until * PS, len(changes)) + rows)
        except BrokenPipeError:
            pass  # `answer` says what became of the process

    def answer(self) -> list[Change]:
        """Wait for the group; crossings by its spike nodes, in the order of their times.

        Raises
        ------
        NgspiceError
            The process died, ngspice failed, or time ran out; with the last messages.
        """
        reached, failed, n = _ANSWER.unpack(self._read(_ANSWER.size))
        if failed:
            raise NgspiceError(f"{self.name}: ngspice failed at {reached:g} s{self._messages()}")
        rows = _EVENT.iter_unpack(self._read(n * _EVENT.size))
        there = reached >= self._granted * PS
        self.reached = self._granted if there else int(reached / PS)
        return [Change(int(time / PS), wire, level) for time, wire, level in rows]

    def _read(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            if not select.select([self._from], [], [], self.timeout)[0]:
                raise NgspiceError(
                    f"{self.name}: no answer within {self.timeout:g} s{self._messages()}"
                )
            part = os.read(self._from, size - len(got))
            if not part:
                status = self.process.wait()
                why = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
                raise NgspiceError(
                    f"{self.name}: the ngspice process ended, {why}, after"
                    f" {self.reached * PS:g} s of the chip's time{self._messages()}"
                )
            got += part
        return got

    def _messages(self) -> str:
        return ngspice.messages(self._log)


def recorded(name: str, folder: Path) -> dict[str, np.ndarray]:
    """What a group's process recorded: ``time`` in s, then membranes and spike nodes in V."""
    names = ("time", *json.loads((folder / f"{name}.json").read_text())["recorded"])
    values = np.fromfile(folder / f"{name}.f64")
    rows = values[: len(values) // len(names) * len(names)].reshape(-1, len(names))
    return dict(zip(names, rows.T, strict=True))
