"""Experiments: TOML with unit strings -> a neuron, its stimuli, the substrates and what to check.

The schema is the classes below (msgspec structs); `load` names file, key and value in every error.
"""

import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
import numpy as np

from ..analog.pdk import named
from ..analog.technology import Technology, generic180
from ..models import stimulus as st
from ..models.integer.laws import Rounding
from ..models.neuron import LIF
from .neuron_table import (
    Ampere,
    ExperimentError,
    Hertz,
    NeuronTable,
    Second,
    Table,
    Volt,
    make_neuron,
    quantity,
    read_toml,
    show_neuron,
)

Positive = Annotated[int, msgspec.Meta(ge=1)]
PositiveReal = Annotated[float, msgspec.Meta(gt=0)]
Seed = Annotated[int, msgspec.Meta(ge=0)]
Fraction = Annotated[float, msgspec.Meta(gt=0, lt=1)]
SubstrateName = Literal["theory", "reference", "rtl", "spice"]


class _StimulusTable(Table, kw_only=True, tag_field="kind", frozen=True):
    name: str
    on: tuple[SubstrateName, ...] = ("theory", "reference", "rtl", "spice")


class SweepTable(Table, rename={"start": "from", "stop": "to"}, frozen=True):
    """Equally spaced drives."""

    start: Volt
    stop: Volt
    count: Annotated[int, msgspec.Meta(ge=2)]


class ConstantTable(_StimulusTable, tag="constant current", frozen=True):
    """Constant drives: ``mu`` (R I) and a ``sweep`` of them, or ``current``."""

    mu: tuple[Volt, ...] = ()
    sweep: SweepTable | None = None
    current: tuple[Ampere, ...] = ()


class WhiteNoiseTable(_StimulusTable, tag="white noise", frozen=True):
    """Gaussian white noise in Brunel's convention."""

    mu: Volt
    sigma: Volt


class NoiseStepTable(_StimulusTable, tag="noise step", frozen=True):
    """White noise that changes at `at`: `mu` and `sigma` before and after it; many trials."""

    mu: tuple[Volt, Volt]
    sigma: tuple[Volt, Volt]
    at: Second
    duration: Second
    bin: Second


class PoissonTable(_StimulusTable, tag="poisson", frozen=True):
    """Poisson synapses."""

    rates: tuple[Hertz, ...]
    weights: tuple[Volt, ...]
    mu: Volt = Volt(0.0)


class SpikesTable(_StimulusTable, tag="input spikes", frozen=True):
    """Given input spikes, pulses of drive.

    `published` lists the output spikes, in time steps, that others found; `expect` names the one
    of them that a substrate must give.
    """

    times: tuple[Second, ...]
    amplitude: Volt
    width: Second
    duration: Second
    published: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)
    expect: dict[SubstrateName, str] = msgspec.field(default_factory=dict)


class RecordedTable(_StimulusTable, tag="recorded current", frozen=True):
    """A recorded current from ``.npz`` (arrays t, i) or CSV (columns t, i), in SI units."""

    file: str
    sweep: int = 0
    start: Second = Second(0.0)
    stop: Second | None = None


StimulusTable = (
    ConstantTable | WhiteNoiseTable | NoiseStepTable | PoissonTable | SpikesTable | RecordedTable
)


class ReferenceTable(Table, frozen=True):
    """``[reference]``: the floating-point simulation."""

    dt: Annotated[tuple[Second, ...], msgspec.Meta(min_length=1)]
    neurons: Positive = 256
    spikes: Positive = 20_000
    seed: Seed = 1


class RuleTable(Table, frozen=True):
    """``[rtl.rule]``: an integer rule stated outright instead of quantised from the neuron."""

    threshold: int
    leak_multiplier: int
    leak_bits: int
    gain: float
    v_reset: int = 0
    refractory: int = 0
    delay: Annotated[int, msgspec.Meta(ge=0)] = 0


class PlatformTable(Table, kw_only=True, tag_field="platform", frozen=True):
    """``[rtl]``: the integer core, of the neurons of a platform; options of all platforms."""

    dt: Annotated[tuple[Second, ...], msgspec.Meta(min_length=1)]
    neurons: Positive = 256
    spikes: Positive = 20_000
    seed: Annotated[int, msgspec.Meta(ge=1, lt=1 << 32)] = 1


class RtlTable(PlatformTable, tag="generic", kw_only=True, frozen=True):
    """The generic integer LIF.

    `widths` are played besides `width`, each with the range of voltages of `width`.
    """

    lsb: Volt
    width: int
    widths: tuple[int, ...] = ()
    leak: Literal["multiply", "shift"] = "multiply"
    leak_bits: int = 16
    rounding: Rounding = "nearest"
    input_width: int = 16
    icarus_steps: Annotated[int, msgspec.Meta(ge=0)] = 0
    rule: RuleTable | None = None


class LoihiTable(PlatformTable, tag="loihi", kw_only=True, frozen=True):
    """Loihi 1, with instantaneous synapses; the flavour is "nengo" with a t_ref, else "lava"."""

    lsb: Volt
    flavour: Literal["lava", "nengo"] | None = None


class TrueNorthTable(PlatformTable, tag="truenorth", kw_only=True, frozen=True):
    """TrueNorth; `mask_bits` random bits raise the threshold."""

    lsb: Volt
    width: int = 20
    mask_bits: int = 0


class SpiNNakerTable(PlatformTable, tag="spinnaker", kw_only=True, frozen=True):
    """SpiNNaker, with pulses of current; its LSB is 2**-15 mV."""

    rounding: Literal["floor", "nearest"] = "floor"


AnyRtlTable = RtlTable | LoihiTable | TrueNorthTable | SpiNNakerTable


class SpiceTable(Table, frozen=True):
    """``[spice]``: the transistor neuron.

    `technology` is "generic180" or a kit that ``PDK_ROOT`` leads to, "gf180mcu" or "sky130"; its
    typical corner unless `corner` names another; `celsius` is the chip's temperature. Gates are so
    large that mismatch gives rest and trip point, on the chip, the standard deviation `offset`; by
    default as small as speed wants. Of so many `chips` mismatch is drawn, at the first speed-up,
    and calibrated: see `rheobase.cosim.chips`.
    """

    speed_up: Annotated[tuple[PositiveReal, ...], msgspec.Meta(min_length=1)] = (1.0,)
    voltage_scale: PositiveReal = 1.0
    technology: str = generic180.name
    corner: str = ""
    celsius: float = generic180.temperature
    offset: Volt | None = None
    chips: Annotated[int, msgspec.Meta(ge=3)] | None = None
    dt: Second = Second(1e-4)
    spikes: Positive = 20
    seed: Seed = 1

    def process(self) -> Technology:
        """The technology at its corner and temperature."""
        return named(self.technology, self.corner, self.celsius)


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
_PLATFORMS: dict[str, type[AnyRtlTable]] = {
    str(table.__struct_config__.tag): table for table in get_args(AnyRtlTable)
}
_KINDS = {str(table.__struct_config__.tag): table for table in get_args(StimulusTable)}


def platform_table(rtl: dict[str, Any]) -> tuple[dict[str, Any], type[AnyRtlTable]]:
    """An ``[rtl]`` with its platform named, and the schema of that platform."""
    platform = rtl.get("platform", "generic")
    if platform not in _PLATFORMS:
        names = ", ".join(map(repr, _PLATFORMS))
        raise ValueError(f"platform = {platform!r} must be one of {names} - at `$.rtl`")
    return {**rtl, "platform": platform}, _PLATFORMS[platform]


def _convert(data: dict[str, Any]) -> ExperimentTable:
    """Check the file against the schema; errors say what is allowed."""
    stimuli = data.get("stimulus")
    for index, item in enumerate(stimuli if isinstance(stimuli, list) else ()):
        if isinstance(item, dict) and item.get("kind") not in _KINDS:
            kinds = ", ".join(map(repr, _KINDS))
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
            table, tag = _KINDS[data["stimulus"][int(at[1])]["kind"]], ("kind",)
        elif where.endswith("].sweep"):
            table = SweepTable
        elif where == "$.rtl":
            table, tag = platform_table(data["rtl"])[1], ("platform",)
        else:
            table = _SECTIONS[where]
        fields = ", ".join((*tag, *table.__struct_encode_fields__))
        raise ValueError(f"{error}; allowed: {fields}") from None


def _recorded(table: RecordedTable, folder: Path) -> st.RecordedCurrent:
    file = Path(table.file) if Path(table.file).is_absolute() else folder / table.file
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                t, i = np.asarray(arrays["t"], float), np.asarray(arrays["i"], float)
        elif file.suffix == ".csv":
            columns = np.genfromtxt(file, delimiter=",", names=True)
            t, i = np.asarray(columns["t"], float), np.asarray(columns["i"], float)
        else:
            raise ValueError("must end in .npz or .csv")
        if i.ndim == 2:
            i = i[table.sweep]
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise ValueError(f"file = {table.file!r} (arrays t and i are wanted): {error}") from None
    stop = t[-1] if table.stop is None else table.stop
    keep = (t >= table.start) & (t <= stop)
    return st.RecordedCurrent(t[keep], i[keep])


def _stimulus(table: StimulusTable, neuron: LIF, folder: Path) -> st.Stimulus:
    match table:
        case ConstantTable():
            drives = tuple(map(float, table.mu))
            if (sweep := table.sweep) is not None:
                step = (sweep.stop - sweep.start) / (sweep.count - 1)
                drives += tuple(sweep.start + k * step for k in range(sweep.count))
            if bool(drives) == bool(table.current):
                raise ValueError("give either mu (or sweep) or current")
            return st.Constant(drives or tuple(i * neuron.resistance for i in table.current))
        case WhiteNoiseTable():
            return st.WhiteNoise(table.mu, table.sigma)
        case NoiseStepTable():
            before, after = map(st.WhiteNoise, table.mu, table.sigma)
            return st.NoiseStep(before, after, table.at, table.duration, table.bin)
        case PoissonTable():
            return st.Poisson(table.rates, table.weights, table.mu)
        case SpikesTable():
            return st.InputSpikes(table.times, table.amplitude, table.width, table.duration)
        case RecordedTable():
            if neuron.c_m is None:
                raise ValueError("a recorded current needs c_m in [neuron]")
            return _recorded(table, folder)


def _others(item: StimulusTable) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """What others published for a stimulus, and whom each substrate must match."""
    if not isinstance(item, SpikesTable):
        return {}, {}
    return item.published, {str(substrate): name for substrate, name in item.expect.items()}


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
        stimulus = _located(where, lambda item=item: _stimulus(item, neuron, path.parent))  # type: ignore[misc]
        published, expect = _others(item)
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
PREDICTIONS = ("noise-step", "accelerated", "mismatch")
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
