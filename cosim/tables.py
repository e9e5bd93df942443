"""The tables of TOML files: unit strings -> SI numbers, and one error that says what is allowed.

Schemas are classes of `Table` (msgspec structs); the kind of a number is its dimension.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ..models.units import parse

Positive = Annotated[int, msgspec.Meta(ge=1)]
PositiveReal = Annotated[float, msgspec.Meta(gt=0)]
Seed = Annotated[int, msgspec.Meta(ge=0)]
Fraction = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Volt(float):
    """A voltage in V."""


class Second(float):
    """A time in s."""


class Ampere(float):
    """A current in A."""


class Hertz(float):
    """A frequency in Hz."""


class Farad(float):
    """A capacitance in F."""


_UNIT = {Volt: "V", Second: "s", Ampere: "A", Hertz: "Hz", Farad: "F"}


class ExperimentError(ValueError):
    """A mistake in an experiment file: file, key, value and what is allowed."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a file."""


def quantity(kind: type[float], value: Any) -> Any:
    """Decode a unit string for msgspec."""
    return kind(parse(value, _UNIT[kind]))


def convert(data: dict[str, Any], table: type[Any]) -> Any:
    """Check one table against its schema; the error of an unknown field lists those allowed."""
    try:
        return msgspec.convert(data, table, dec_hook=quantity)
    except msgspec.ValidationError as error:
        if re.search(r"unknown field `\w*`$", str(error)) is None:
            raise
        tag = table.__struct_config__.tag_field
        tagged = () if tag is None else (tag,)
        names = ", ".join((*tagged, *table.__struct_encode_fields__))
        raise ValueError(f"{error}; allowed: {names}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises
    ------
    ExperimentError
        It cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExperimentError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path}: not TOML: {error}") from None
