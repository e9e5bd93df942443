"""The points of a sweep that are done: a file of JSON lines that grows by whole lines.

The first line says which sweep it is. Each other line is one point: its number ``point``, its
``parameters``, and its ``result`` or the ``error`` that it ended with. A line that an interruption
tore is dropped when the file is opened again; a point with an error may come again, and then its
last line counts. `finish` sorts the lines by point: the file of a finished sweep does not tell who
computed what when.
"""

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

Record = dict[str, Any]


class PointFile:
    """The file, open for one sweep; use as a context manager.

    Attributes
    ----------
    records : dict of int to dict
        The points that are there with a result, and those that were appended, by number.

    Raises
    ------
    ValueError
        The file is of another sweep, or of none.
    OSError
        It cannot be written, or another sweep is writing it.
    """

    def __init__(self, path: Path, header: Record) -> None:
        self.path, self.header = path, header
        self.records: dict[int, Record] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                self._replace([])
            self._file = os.open(path, os.O_RDWR | os.O_APPEND)
        except OSError as error:
            raise OSError(f"cannot write {path}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BlockingIOError:
            os.close(self._file)
            raise OSError(f"{path}: another sweep is writing it") from None
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> "PointFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def _read(self) -> None:
        whole, _, _ = self.path.read_bytes().rpartition(b"\n")
        try:
            there, *records = map(json.loads, whole.splitlines())
            there = there["sweep"]
            self.records = {r["point"]: r for r in records if "result" in r}
            other = [
                f"{name} {there[name]!r}, not {value!r}"
                for name, value in self.header.items()
                if there[name] != value
            ]
        except (ValueError, TypeError, LookupError):
            raise ValueError(f"{self.path}: is not the file of a sweep") from None
        if other:
            raise ValueError(f"{self.path}: is of another sweep, with {'; '.join(other)}")
        os.ftruncate(self._file, len(whole) + 1)

    def _replace(self, records: Iterable[Record]) -> None:
        """Put a whole new file in the place of the old one."""
        draft = self.path.with_name(f".{os.getpid()}.{self.path.name}")
        try:
            with draft.open("w", encoding="utf-8") as file:
                for each in ({"sweep": self.header}, *records):
                    file.write(f"{json.dumps(each)}\n")
            os.replace(draft, self.path)
        finally:
            draft.unlink(missing_ok=True)

    def append(self, lines: Iterable[str]) -> None:
        """Add points, each a line of JSON."""
        lines = list(lines)
        data = "".join(f"{line}\n" for line in lines).encode()
        while data:
            data = data[os.write(self._file, data) :]
        self.records |= {record["point"]: record for record in map(json.loads, lines)}

    def finish(self) -> None:
        """Sort the lines by point."""
        self._replace(record for _, record in sorted(self.records.items()))
