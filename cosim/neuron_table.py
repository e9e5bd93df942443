"""The ``[neuron]`` table of a TOML file, with unit strings -> one of the neurons of `models`.

The schema is the classes below (msgspec structs); their fields are those of the neuron `kind`s.
"""

from collections.abc import Callable
from typing import Any

from ..models.neuron import EIF, LIF, QIF, ConductanceLIF
from ..models.units import show
from .tables import ExperimentError, Farad, Second, Table, Volt, convert


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
