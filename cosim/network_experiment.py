"""Networks: TOML with unit strings -> populations, projections, and how they are to be played.

A network has tables ``[[population]]`` (neuron, size, drive) and ``[[projection]]`` (source,
target, in_degree, weight, delay). Populations without a neuron of their own have ``[neuron]``.
That is all that theory needs. ``rheobase verify`` also needs the time step ``dt`` of all substrates
and the sections ``[run]``, how long and how often the network runs, and ``[rtl]``, the platform of
the network core. A population may be ``on = "spice"``: of transistor neurons, which ``[spice]``
describes, in a closed loop with the core.
"""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from ..analog.pdk import named
from ..analog.technology import Technology, generic180
from ..models.neuron import LIF
from ..models.reference import elements
from ..models.reference.connectivity import FixedInDegree
from ..models.theory import mean_field
from .neuron_table import convert_neuron, show_neuron
from .substrate_tables import AnyRtlTable, platform_table
from .tables import (
    ExperimentError,
    Fraction,
    Hertz,
    Positive,
    PositiveReal,
    Second,
    Table,
    Volt,
    convert,
    read_toml,
)

BUILT_IN_NETWORKS = ("ei-network", "brunel-ai", "brunel-12500", "brunel-network", "mixed-network")

Degree = Annotated[float, msgspec.Meta(ge=0)]
Elements = tuple[
    list[elements.Population],
    list[elements.Projection],
    list[elements.Poisson | elements.Drive],
]

_OF_ONE_NEURON = ("dt", "neurons", "spikes", "seed", "widths", "icarus_steps", "rule")  # of [rtl]


class DriveTable(Table, frozen=True):
    """``drive`` of a population: a constant one, and Poisson sources."""

    mu: Volt = Volt(0.0)
    rate: Hertz = Hertz(0.0)
    in_degree: Degree = 0.0
    weight: Volt = Volt(0.0)


class PopulationTable(Table, frozen=True):
    """``[[population]]``."""

    name: str
    on: Literal["rtl", "spice"] = "rtl"
    neuron: dict[str, Any] | None = None
    size: Positive | None = None
    drive: dict[str, Any] = msgspec.field(default_factory=dict)


class ProjectionTable(Table, frozen=True):
    """``[[projection]]``: each neuron of `target` has `in_degree` synapses from `source`."""

    source: str
    target: str
    in_degree: Degree
    weight: Volt
    delay: Second = Second(0.0)


class RunTable(Table, frozen=True):
    """``[run]``: runs of `seconds` each, counted after the `transient`.

    `seeds` runs, from seed `seed` on: of the connections and of the Poisson inputs.
    """

    seconds: Second
    transient: Second = Second(0.0)
    seeds: Annotated[int, msgspec.Meta(ge=2)] = 16
    seed: Positive = 1


class MixedSpiceTable(Table, frozen=True):
    """``[spice]``: the transistor neurons of a network, and how the core reaches them.

    The core's clock has a period `clock` of the chip's own time. Each of its spikes is a `pulse` at
    a DPI synapse of time constant `tau_s`; these are biological times, as everywhere.
    """

    tau_s: Second
    pulse: Second
    clock: Second
    speed_up: PositiveReal = 1.0
    voltage_scale: PositiveReal = 1.0
    technology: str = generic180.name
    corner: str = ""
    celsius: float = generic180.temperature

    def process(self) -> Technology:
        """The technology at its corner and temperature."""
        return named(self.technology, self.corner, self.celsius)


class RatesTable(Table, frozen=True):
    """``[check]``: how finely the rates are compared; the budget may not be wider than that."""

    rate: Fraction = 0.03


class NetworkTable(Table, frozen=True):
    """A whole file."""

    population: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(min_length=1)]
    projection: tuple[dict[str, Any], ...] = ()
    title: str = ""
    source: str = ""
    neuron: dict[str, Any] | None = None
    dt: Second | None = None
    tau_s: Second | None = None
    run: dict[str, Any] | None = None
    rtl: dict[str, Any] | None = None
    spice: dict[str, Any] | None = None
    check: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class NetworkExperiment:
    """A network ready to be predicted, and to run if it has `run`, `rtl`, `dt` and `sizes`.

    `name` and `path` say where it came from; `names`, `on`, `neurons`, `sizes` and `drives` have an
    entry for each population; the delta synapses of projections are in V.
    """

    name: str
    path: str
    title: str
    source: str
    names: tuple[str, ...]
    on: tuple[str, ...]
    neurons: tuple[LIF, ...]
    sizes: tuple[int, ...] | None
    drives: tuple[DriveTable, ...]
    projections: tuple[ProjectionTable, ...]
    dt: float | None
    tau_s: float | None
    run: RunTable | None
    rtl: AnyRtlTable | None
    spice: MixedSpiceTable | None
    check: RatesTable

    @property
    def subject(self) -> str:
        """The populations, in words."""
        sizes = self.sizes or ("",) * len(self.names)
        every = zip(self.names, sizes, self.neurons, strict=True)
        return "; ".join(f"{name}: {size} LIF, {show_neuron(lif)}" for name, size, lif in every)

    @property
    def stimulus_names(self) -> tuple[str, ...]:
        """None: what drives a network belongs to it."""
        return ()

    @property
    def substrates(self) -> tuple[str, ...]:
        """Those that play it."""
        if self.run is None:
            return ("theory",)
        return ("theory", "reference", "rtl") + (("spice",) if self.spice is not None else ())

    @property
    def seeds(self) -> str:
        """Those of its runs, in words."""
        if self.run is None:
            return "none"
        return f"{self.run.seed} to {self.run.seed + self.run.seeds - 1}"

    def mean_field(self) -> mean_field.Network:
        """The network of the theory.

        Raises
        ------
        TypeError, ValueError
            Of its numbers.
        """
        n = len(self.names)
        in_degrees, weights, delays = np.zeros((3, n, n))
        for link in self.projections:
            at = self.names.index(link.target), self.names.index(link.source)
            in_degrees[at], weights[at], delays[at] = link.in_degree, link.weight, link.delay
        external = mean_field.Poisson(
            *([getattr(d, key) for d in self.drives] for key in ("rate", "in_degree", "weight"))
        )
        return mean_field.Network(
            self.neurons, in_degrees, weights, delays, [d.mu for d in self.drives], external,
            self.sizes, self.dt, self.tau_s,
        )  # fmt: skip

    def elements(self) -> Elements:
        """Populations, projections and inputs, as simulators take them; neurons start from rest."""
        assert self.sizes is not None
        populations = [
            elements.Population(neuron, size, neuron.v_rest)
            for neuron, size in zip(self.neurons, self.sizes, strict=True)
        ]
        by_name = dict(zip(self.names, populations, strict=True))
        projections = [
            elements.Projection(
                by_name[link.source], by_name[link.target], FixedInDegree(int(link.in_degree)),
                float(link.weight), float(link.delay),
            )
            for link in self.projections
        ]  # fmt: skip
        inputs: list[elements.Poisson | elements.Drive] = []
        for population, drive in zip(populations, self.drives, strict=True):
            if (rate := float(drive.rate) * drive.in_degree) and drive.weight:
                inputs.append(elements.Poisson(population, rate, float(drive.weight)))
            if drive.mu:
                inputs.append(elements.Drive(population, float(drive.mu)))
        return populations, projections, inputs


def network_path(name: str) -> Path:
    """The file of a built-in network, or the one that is named."""
    if name not in BUILT_IN_NETWORKS:
        return Path(name)
    with resources.as_file(resources.files(__package__) / "experiments" / f"{name}.toml") as path:
        return path


def is_network(name: str) -> bool:
    """Whether a name is that of a built-in network, or a file that has a ``[[population]]``."""
    return name in BUILT_IN_NETWORKS or "population" in read_toml(Path(name))


def load_network(name: str) -> NetworkExperiment:
    """Read a network file, or a built-in network.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake, and what is allowed.
    """
    path = network_path(name)
    return make_network(read_toml(path), path)


def make_network(data: dict[str, Any], path: Path) -> NetworkExperiment:
    """The network that the tables of the file `path` describe.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake, and what is allowed.
    """
    whole: NetworkTable = _checked(data, NetworkTable, str(path))
    names: list[str] = []
    on: list[str] = []
    neurons: list[LIF] = []
    sizes: list[int] = []
    drives: list[DriveTable] = []
    for number, data in enumerate(whole.population, 1):
        where = f"{path}: [[population]] {number}"
        item: PopulationTable = _checked(data, PopulationTable, where)
        if item.name in names:
            raise ExperimentError(f"{where}: name = {item.name!r} is another's, too")
        given = whole.neuron if item.neuron is None else item.neuron
        if given is None:
            raise ExperimentError(f"{where} ({item.name}): has no neuron, nor has the file")
        neuron = convert_neuron(given, f"{where} ({item.name}): neuron")
        if not isinstance(neuron, LIF):
            raise ExperimentError(f"{where} ({item.name}): neuron: networks are of LIF neurons")
        neurons.append(neuron)
        names.append(item.name)
        on.append(item.on)
        if item.size is not None:
            sizes.append(item.size)
        drives.append(_checked(item.drive, DriveTable, f"{where} ({item.name}): drive"))
    if len(sizes) not in (0, len(names)):
        raise ExperimentError(f"{path}: [[population]] size: give that of all populations or none")
    network = NetworkExperiment(
        path.stem, str(path), whole.title, whole.source, tuple(names), tuple(on),
        tuple(neurons), tuple(sizes) or None, tuple(drives), _projections(whole, names, path),
        None if whole.dt is None else float(whole.dt),
        None if whole.tau_s is None else float(whole.tau_s),
        None if whole.run is None else _checked(whole.run, RunTable, f"{path}: [run]"),
        None if whole.rtl is None else _rtl(whole, path),
        _spice(whole, on, path),
        _checked(whole.check, RatesTable, f"{path}: [check]"),
    )  # fmt: skip
    try:
        network.mean_field()
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{path}: {error}") from None
    return network


def _checked(data: dict[str, Any], table: type[Any], where: str) -> Any:
    try:
        return convert(data, table)
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{where}: {error}") from None


def _projections(whole: NetworkTable, names: list[str], path: Path) -> tuple[ProjectionTable, ...]:
    links: list[ProjectionTable] = []
    for number, data in enumerate(whole.projection, 1):
        where = f"{path}: [[projection]] {number}"
        link: ProjectionTable = _checked(data, ProjectionTable, where)
        for end in ("source", "target"):
            if getattr(link, end) not in names:
                allowed = ", ".join(names)
                raise ExperimentError(
                    f"{where}: {end} = {getattr(link, end)!r} must be a population: {allowed}"
                )
        if any((link.source, link.target) == (each.source, each.target) for each in links):
            raise ExperimentError(f"{where}: {link.source} to {link.target} is there already")
        links.append(link)
    return tuple(links)


def _spice(whole: NetworkTable, on: list[str], path: Path) -> MixedSpiceTable | None:
    """The ``[spice]`` of a network that has a population of transistors."""
    if (whole.spice is not None) != ("spice" in on):
        raise ExperimentError(
            f'{path}: [spice] and a [[population]] with on = "spice" go together: give both or none'
        )
    if whole.spice is None:
        return None
    platform = (whole.rtl or {}).get("platform", "generic")
    if platform != "generic":
        raise ExperimentError(
            f"{path}: [rtl] platform = {platform!r} must be 'generic' beside transistor neurons,"
            " whose inputs pass through neurons of the core that fire in every tick"
        )
    table: MixedSpiceTable = _checked(whole.spice, MixedSpiceTable, f"{path}: [spice]")
    try:
        table.process()
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{path}: [spice]: {error}") from None
    return table


def _rtl(whole: NetworkTable, path: Path) -> AnyRtlTable:
    """The ``[rtl]`` of a network: that of a neuron, but for what the network says itself."""
    where = f"{path}: [rtl]"
    given = whole.rtl or {}
    try:
        data, table = platform_table(given)
    except ValueError as error:
        raise ExperimentError(f"{path}: {error}") from None
    fields = ("platform", *table.__struct_encode_fields__)
    allowed = [name for name in fields if name not in _OF_ONE_NEURON]
    for name, value in given.items():
        if name not in allowed:
            raise ExperimentError(
                f"{where}: {name} = {value!r} is not for a network's [rtl] with platform ="
                f" {data['platform']!r}; allowed: {', '.join(allowed)}"
            )
    step = f"{float(whole.dt or 0.0)!r} s"
    settings: AnyRtlTable = _checked({**data, "dt": [step]}, table, where)
    return settings
