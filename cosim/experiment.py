"""Experiments: TOML with unit strings -> a neuron, its stimuli, the substrates and what to check.

The schema is the classes below (msgspec structs); `load` names file, key and value in every error.
"""

import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from ..models import stimulus as st
from ..models.neuron import LIF
from .neuron_table import NeuronTable, make_neuron, show_neuron
from .stimulus_table import STIMULUS_TABLES, StimulusTable, SweepTable, make_stimulus, others
from .substrate_tables import AnyRtlTable, ReferenceTable, RuleTable, SpiceTable, platform_table
from .tables import ExperimentError, Fraction, Table, quantity, read_toml


class CheckTable(Table, frozen=True):
    """``[check]``: what to compare and how finely; the budget may not be wider than that.

    `psth` and `psth_spice` are shares of the trials; all others are relative.
    """

    observables: tuple[Literal["rate", "cv", "isi"], ...] = ("rate",)
    rate: Fraction = 0.02
    cv: Fraction = 0.03
    isi: Fraction = 0.03
    psth: Fraction = 0.03
    psth_spice: Fraction = 0.2
    design: Fraction = 0.03
    spikes: Fraction = 0.2
    range_error: Fraction = 0.05


class ExperimentTable(Table, frozen=True):
    """A whole file."""

    title: str
    neuron: NeuronTable
    stimulus: Annotated[tuple[StimulusTable, ...], msgspec.Meta(min_length=1)]
    check: CheckTable = CheckTable()
    source: str = ""
    reference: ReferenceTable | None = None
    rtl: AnyRtlTable | None = None
    spice: SpiceTable | None = None


class NamedStimulus(msgspec.Struct, frozen=True):
    """A stimulus, the substrates that play it, what others published for it and who is right."""

    name: str
    stimulus: st.Stimulus
    on: tuple[str, ...]
    published: dict[str, tuple[int, ...]]
    expect: dict[str, str]


class Experiment(msgspec.Struct, frozen=True):
    """An experiment ready to run; `path` and `name` say where it came from."""

    name: str
    path: str
    title: str
    source: str
    neuron: LIF
    stimuli: tuple[NamedStimulus, ...]
    check: CheckTable
    reference: ReferenceTable | None
    rtl: AnyRtlTable | None
    spice: SpiceTable | None

    @property
    def subject(self) -> str:
        """The neuron, in words."""
        return show_neuron(self.neuron)

    @property
    def stimulus_names(self) -> tuple[str, ...]:
        """The names of its stimuli."""
        return tuple(item.name for item in self.stimuli)

    @property
    def substrates(self) -> tuple[str, ...]:
        """Theory, and those that it has sections for."""
        sections = ("reference", "rtl", "spice")
        return ("theory", *(name for name in sections if getattr(self, name) is not None))

    @property
    def seeds(self) -> str:
        """Those of its substrates, in words."""
        return ", ".join(f"{name} {getattr(self, name).seed}" for name in self.substrates[1:])

    @property
    def dt(self) -> float:
        """The first time step in s: the grid on which given input is described."""
        for settings in (self.reference, self.rtl):
            if settings is not None:
                return float(settings.dt[0])
        return float(self.spice.dt) if self.spice is not None else self.neuron.tau_m / 200

    def seed(self, base: int, played: NamedStimulus, dt: float) -> int:
        """Seed of one run: another one for each stimulus and time step, the same everywhere."""
        words = [base, self.stimuli.index(played), round(dt * 1e12)]
        return int(np.random.SeedSequence(words).generate_state(1)[0])

    def played(self, substrate: str) -> list[NamedStimulus]:
        """The stimuli that `substrate` plays."""
        return [s for s in self.stimuli if substrate in s.on]


_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "$.neuron": NeuronTable,
    "$.reference": ReferenceTable,
    "$.rtl.rule": RuleTable,
    "$.spice": SpiceTable,
    "$.check": CheckTable,
    "$": ExperimentTable,
}


def _convert(data: dict[str, Any]) -> ExperimentTable:
    """Check the file against the schema; errors say what is allowed."""
    stimuli = data.get("stimulus")
    for index, item in enumerate(stimuli if isinstance(stimuli, list) else ()):
        if isinstance(item, dict) and item.get("kind") not in STIMULUS_TABLES:
            kinds = ", ".join(map(repr, STIMULUS_TABLES))
            raise ValueError(
                f"kind = {item.get('kind')!r} must be one of {kinds} - at `$.stimulus[{index}]`"
            )
    if "population" in data:
        raise ValueError("has a [[population]], and an experiment with one neuron was asked for")
    rtl = data.get("rtl")
    if isinstance(rtl, dict):
        rtl, _ = platform_table(rtl)
        data = {**data, "rtl": rtl}
    neuron = data.get("neuron")
    if isinstance(neuron, dict) and neuron.get("kind", "LIF") != "LIF":
        raise ValueError(
            f"kind = {neuron['kind']!r} must be 'LIF', the neuron of experiments"
            " (`rheobase theory` takes others) - at `$.neuron`"
        )
    try:
        return msgspec.convert(data, ExperimentTable, dec_hook=quantity)
    except msgspec.ValidationError as error:
        unknown = re.search(r"unknown field `.*?`(?: - at `(.*)`)?", str(error))
        if unknown is None:
            raise
        where = unknown[1] or "$"
        at = re.fullmatch(r"\$\.stimulus\[(\d+)\]", where)
        tag: tuple[str, ...] = ()
        if at:
            table, tag = STIMULUS_TABLES[data["stimulus"][int(at[1])]["kind"]], ("kind",)
        elif where.endswith("].sweep"):
            table = SweepTable
        elif where == "$.rtl":
            table, tag = platform_table(data["rtl"])[1], ("platform",)
        else:
            table = _SECTIONS[where]
        fields = ", ".join((*tag, *table.__struct_encode_fields__))
        raise ValueError(f"{error}; allowed: {fields}") from None


def _check_settings(table: ExperimentTable) -> None:
    if not (table.reference or table.rtl or table.spice):
        raise ValueError("name at least one of [reference], [rtl], [spice]")
    for section in ("reference", "rtl", "spice"):
        settings = getattr(table, section)
        if settings is None:
            continue
        for dt in settings.dt if isinstance(settings.dt, tuple) else (settings.dt,):
            if not 0 < dt < table.neuron.tau_m:
                raise ValueError(
                    f"[{section}] dt must be > 0 s and < tau_m = {table.neuron.tau_m!r} s,"
                    f" not {float(dt)!r}"
                )
    if table.spice is not None:
        _located("[spice]", table.spice.process)
        if table.spice.offset is not None and not table.spice.offset > 0:
            raise ValueError(f"[spice] offset must be > 0 V, not {float(table.spice.offset)!r}")
    lsb = getattr(table.rtl, "lsb", None)
    if lsb is not None and lsb <= 0:
        raise ValueError(f"[rtl] lsb must be > 0 V, not {float(lsb)!r}")


def _located(where: str, build: Callable[[], Any]) -> Any:
    """Run `build`; a mistake names `where` it stands."""
    try:
        return build()
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{where}: {error}") from None


def load(path: str | Path) -> Experiment:
    """Read an experiment file.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake, and what is allowed.
    """
    path = Path(path)
    return make_experiment(read_toml(path), path)


def make_experiment(data: dict[str, Any], path: Path) -> Experiment:
    """The experiment that the tables of the file `path` describe.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake, and what is allowed.
    """
    table: ExperimentTable = _located(str(path), lambda: _convert(data))
    neuron: LIF = _located(f"{path}: [neuron]", lambda: make_neuron(table.neuron))
    _located(str(path), lambda: _check_settings(table))
    stimuli = []
    for index, item in enumerate(table.stimulus):
        where = f"{path}: [[stimulus]] {index + 1} ({item.name})"
        stimulus = _located(where, lambda item=item: make_stimulus(item, neuron, path.parent))  # type: ignore[misc]
        published, expect = others(item)
        for name in expect.values():
            if name not in published:
                raise ExperimentError(f"{where}: expect = {name!r} is none of {[*published]}")
        stimuli.append(NamedStimulus(item.name, stimulus, item.on, published, expect))
    return Experiment(
        path.stem, str(path), table.title, table.source, neuron, tuple(stimuli),
        table.check, table.reference, table.rtl, table.spice,
    )  # fmt: skip


FIRST = ("fi-curve", "noise-driven", "published-trace")  # what `verify` runs unless told
PLATFORMS = ("precision", "loihi", "truenorth", "spinnaker")
PREDICTIONS = ("noise-step", "accelerated", "synapses", "shunt", "mismatch")
BUILT_IN = FIRST + PLATFORMS + PREDICTIONS


def experiment_path(name: str) -> Path:
    """The file of a built-in experiment, or the one that is named."""
    if name not in BUILT_IN:
        return Path(name)
    with resources.as_file(resources.files(__package__) / "experiments" / f"{name}.toml") as path:
        return path


def built_in(name: str) -> Experiment:
    """One of the experiments in `BUILT_IN`."""
    return load(experiment_path(name))
