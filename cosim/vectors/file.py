"""Read a file of golden vectors.

A file is JSON: ``{"source": ..., "semantics": ..., "vectors": [...]}``. `source` names the public
model that was run, with its commit; `semantics` says what was recorded when. Which format the
vectors have shows by the names of their inputs; each is described in a module beside this one.
"""

import json
import os
from pathlib import Path
from typing import Any, Protocol

import msgspec

from .case import Case
from .loihi import LavaVector, NengoVector
from .own import OwnVector
from .spinnaker import SpiNNakerVector
from .truenorth import PaiboxVector, RancHardwareVector, RancSimulatorVector


class Vector(Protocol):
    """A vector of any format."""

    name: str

    def case(self) -> Case:
        """What it means."""


FORMATS: dict[str, type[Vector]] = {
    "a_in": LavaVector,
    "q": NengoVector,
    "axon_spikes": RancSimulatorVector,
    "axon_type_sequence": RancHardwareVector,
    "syn_sum": PaiboxVector,
    "x_exc": SpiNNakerVector,
    "inputs": OwnVector,
}


class File(msgspec.Struct, forbid_unknown_fields=True):
    """The frame of a file."""

    source: str
    semantics: str
    vectors: list[Any]


def read(path: str | os.PathLike[str]) -> list[Case]:
    """The vectors of a file.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is not such a file: with the vector, the field and what is allowed.
    """
    text = Path(path).read_bytes()
    try:
        file = msgspec.json.decode(text, type=File)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path}: {error}") from None
    if not file.vectors:
        raise ValueError(f"{path}: has no vectors")
    cases = []
    for number, raw in enumerate(file.vectors):
        name = raw.get("name", "without a name") if isinstance(raw, dict) else json.dumps(raw)[:40]
        try:
            cases.append(_case(raw))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: vectors[{number}] ({name}): {error}") from None
    return cases


def _case(raw: Any) -> Case:
    kinds = [kind for key, kind in FORMATS.items() if isinstance(raw, dict) and key in raw]
    if len(kinds) != 1:
        raise ValueError(f"must have one of the inputs {', '.join(FORMATS)}")
    case = msgspec.convert(raw, kinds[0]).case()
    lengths = {name: array.size for name, (_, array) in case.expected.items()}
    lengths |= {name: array.size for name, array in case.inputs.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"its lists must be equally long and not empty: {shown}")
    return case
