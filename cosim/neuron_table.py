"""The ``[neuron]`` table of a TOML file, with unit strings -> one of the neurons of `models`.

The schema is the classes below (msgspec structs); their fields are those of the neuron `kind`s.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ..models.neuron import EIF, LIF, QIF, ConductanceLIF
from ..models.units import parse, show


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


class NeuronTable(Table, tag_field="kind", tag="LIF", frozen=True):
    """``[neuron]``, by default a LIF neuron."""

    tau_m: Second
    v_th: Volt
    v_reset: Volt
    v_rest: Volt = Volt(0.0)
    t_ref: Second = Second(0.0)
    c_m: Farad | None = None


class EIFTable(Table, tag_field="kind", tag="EIF", frozen=True):
    """``[neuron]`` with ``kind = "EIF"``."""

    tau_m: Second
    v_th: Volt
    delta_t: Volt
    v_reset: Volt
    v_peak: Volt
    v_rest: Volt = Volt(0.0)
    t_ref: Second = Second(0.0)


class QIFTable(Table, tag_field="kind", tag="QIF", frozen=True):
    """``[neuron]`` with ``kind = "QIF"``; from -infinity to infinity unless it says otherwise."""

    tau_m: Second
    v_scale: Volt
    v_0: Volt = Volt(0.0)
    v_peak: Volt | None = None
    v_reset: Volt | None = None
    t_ref: Second = Second(0.0)


class ConductanceTable(Table, tag_field="kind", tag="conductance", frozen=True):
    """``[neuron]`` with ``kind = "conductance"``."""

    tau_m: Second
    v_th: Volt
    v_reset: Volt
    e_e: Volt
    e_i: Volt
    v_rest: Volt = Volt(0.0)
    t_ref: Second = Second(0.0)


Neuron = LIF | EIF | QIF | ConductanceLIF
AnyNeuronTable = NeuronTable | EIFTable | QIFTable | ConductanceTable
_NEURON: dict[type[Table], Callable[..., Neuron]] = {
    NeuronTable: LIF,
    EIFTable: EIF,
    QIFTable: QIF,
    ConductanceTable: ConductanceLIF,
}
NEURON_TABLES = {str(table.__struct_config__.tag): table for table in _NEURON}


def quantity(kind: type[float], value: Any) -> Any:
    """Decode a unit string for msgspec."""
    return kind(parse(value, _UNIT[kind]))


def make_neuron(table: AnyNeuronTable) -> Neuron:
    """The neuron that a table describes; what the table leaves out is the neuron's default."""
    given = {name: getattr(table, name) for name in table.__struct_fields__}
    return _NEURON[type(table)](**{k: float(v) for k, v in given.items() if v is not None})


def show_neuron(neuron: LIF) -> str:
    """A LIF neuron in words."""
    voltages = {name: show(getattr(neuron, name), "V") for name in ("v_rest", "v_reset", "v_th")}
    times = {name: show(getattr(neuron, name), "s") for name in ("tau_m", "t_ref")}
    words = times | voltages
    return ", ".join(f"{name} {words[name]}" for name in ("tau_m", *voltages, "t_ref"))


def convert_neuron(data: Any, where: str) -> Neuron:
    """The neuron of a parsed ``[neuron]`` table that stands at `where` in its file.

    Raises
    ------
    ExperimentError
        Key and value of the first mistake, and what is allowed.
    """
    try:
        if not isinstance(data, dict):
            raise ValueError(f"must be a table, not {data!r}")
        kind = data.get("kind", "LIF")
        if not isinstance(kind, str) or kind not in NEURON_TABLES:
            raise ValueError(
                f"kind = {kind!r} must be one of {', '.join(map(repr, NEURON_TABLES))}"
            )
        return make_neuron(convert(data, NEURON_TABLES[kind]))
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{where}: {error}") from None


def convert(data: dict[str, Any], table: type[Any]) -> Any:
    """Check one table against its schema; the error of an unknown field lists those allowed."""
    try:
        return msgspec.convert(data, table, dec_hook=quantity)
    except msgspec.ValidationError as error:
        if re.search(r"unknown field `\w*`$", str(error)) is None:
            raise
        tagged = ("kind",) if table.__struct_config__.tag else ()
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
