"""The results of a sweep: a file of JSON lines that grows by whole lines.

The first line says which sweep it is. Each other line is one point: its number ``point``, its
``parameters``, and its ``result`` or the ``error`` that it ended with. Opening the file again drops
the line that an interruption tore and the points that failed. `finish` sorts the lines by point:
the file of a finished sweep does not tell who computed what when.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class PointFile:
    """The file of one sweep.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    header : dict
        What the results depend on.

    Attributes
    ----------
    records : dict of int to dict
        The points that the file has, by number.

    Raises
    ------
    ValueError
        The file is of another sweep, or of none.
    OSError
        It cannot be written.
    """

    def __init__(self, path: Path, header: Record) -> None:
        self._path, self._header = path, header
        self.records: dict[int, Record] = self._read() if path.exists() else {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self.finish()

    def _read(self) -> dict[int, Record]:
        whole, _, _ = self._path.read_bytes().rpartition(b"\n")
        try:
            first, *records = map(json.loads, whole.splitlines())
            there = dict(first["sweep"])
            finished = {record["point"]: record for record in records if "result" in record}
        except (ValueError, TypeError, LookupError):
            raise ValueError(f"{self._path}: is not the file of a sweep") from None
        if there != self._header:
            differences = (
                f"{name} {there.get(name)}, not {value}"
                for name, value in self._header.items()
                if there.get(name) != value
            )
            raise ValueError(f"{self._path}: is of another sweep, with {'; '.join(differences)}")
        return finished

    def append(self, lines: Iterable[str]) -> None:
        """Add points, each a line of JSON."""
        lines = list(lines)
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        self.records |= {record["point"]: record for record in map(json.loads, lines)}

    def finish(self) -> None:
        """Put a whole file with all lines, sorted, in the place of the one that grew."""
        draft = self._path.with_name(f".{os.getpid()}.{self._path.name}")
        try:
            with draft.open("w", encoding="utf-8") as file:
                for each in ({"sweep": self._header}, *map(self.records.get, sorted(self.records))):
                    file.write(f"{json.dumps(each)}\n")
            os.replace(draft, self._path)
        finally:
            draft.unlink(missing_ok=True)
