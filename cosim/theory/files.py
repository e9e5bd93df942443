"""Neurons and networks from TOML files.

A network has tables ``[[population]]`` (neuron, size, drive) and ``[[projection]]`` (source,
target, in_degree, weight, delay). Populations without a neuron of their own have ``[neuron]``.
"""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from ...models.neuron import LIF
from ...models.theory.mean_field import Network, Poisson
from ..experiment import BUILT_IN
from ..neuron_table import (
    ExperimentError,
    Hertz,
    Neuron,
    Second,
    Table,
    Volt,
    convert,
    convert_neuron,
    read_toml,
)

BUILT_IN_NETWORK = "brunel-network"

Degree = Annotated[float, msgspec.Meta(ge=0)]


class DriveTable(Table, frozen=True):
    """``drive`` of a population: a constant one, and Poisson sources."""

    mu: Volt = Volt(0.0)
    rate: Hertz = Hertz(0.0)
    in_degree: Degree = 0.0
    weight: Volt = Volt(0.0)


class PopulationTable(Table, frozen=True):
    """``[[population]]``."""

    name: str
    neuron: dict[str, Any] | None = None
    size: Annotated[int, msgspec.Meta(ge=1)] | None = None
    drive: dict[str, Any] = msgspec.field(default_factory=dict)


class ProjectionTable(Table, frozen=True):
    """``[[projection]]``: each neuron of `target` has `in_degree` synapses from `source`."""

    source: str
    target: str
    in_degree: Degree
    weight: Volt
    delay: Second = Second(0.0)


class NetworkTable(Table, frozen=True):
    """A whole file."""

    population: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(min_length=1)]
    projection: tuple[dict[str, Any], ...] = ()
    title: str = ""
    source: str = ""
    neuron: dict[str, Any] | None = None
    dt: Second | None = None
    tau_s: Second | None = None


def _path(name: str, built_in: tuple[str, ...]) -> Path:
    if name not in built_in:
        return Path(name)
    package = resources.files(__package__.rpartition(".")[0])
    with resources.as_file(package / "experiments" / f"{name}.toml") as path:
        return path


def read_neuron(name: str, *kinds: type) -> Any:
    """The ``[neuron]`` of a file or a built-in experiment.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake; a neuron that is none of `kinds`.
    """
    path = _path(name, BUILT_IN)
    data = read_toml(path)
    if "neuron" not in data:
        raise ExperimentError(f"{path}: has no [neuron]")
    neuron: Neuron = convert_neuron(data["neuron"], f"{path}: [neuron]")
    if not isinstance(neuron, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise ExperimentError(
            f"{path}: [neuron] is {type(neuron).__name__}; this prediction is for {wanted}"
        )
    return neuron


def _checked(data: dict[str, Any], table: type[Any], where: str) -> Any:
    try:
        return convert(data, table)
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{where}: {error}") from None


def read_network(name: str) -> tuple[Network, tuple[str, ...]]:
    """A network file: the network and the names of its populations.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake, and what is allowed.
    """
    path = _path(name, (BUILT_IN_NETWORK,))
    whole: NetworkTable = _checked(read_toml(path), NetworkTable, str(path))
    neurons: list[LIF] = []
    names: list[str] = []
    sizes: list[int | None] = []
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
        sizes.append(item.size)
        drives.append(_checked(item.drive, DriveTable, f"{where} ({item.name}): drive"))
    if None in sizes and any(sizes):
        raise ExperimentError(f"{path}: [[population]] size: give that of all populations or none")
    n = len(names)
    in_degrees, weights, delays = np.zeros((3, n, n))
    met = set()
    for number, data in enumerate(whole.projection, 1):
        where = f"{path}: [[projection]] {number}"
        link: ProjectionTable = _checked(data, ProjectionTable, where)
        for end in ("source", "target"):
            if getattr(link, end) not in names:
                allowed = ", ".join(names)
                raise ExperimentError(
                    f"{where}: {end} = {getattr(link, end)!r} must be a population: {allowed}"
                )
        at = names.index(link.target), names.index(link.source)
        if at in met:
            raise ExperimentError(f"{where}: {link.source} to {link.target} is there already")
        met.add(at)
        in_degrees[at], weights[at], delays[at] = link.in_degree, link.weight, link.delay
    try:
        external = Poisson(
            *([getattr(d, key) for d in drives] for key in ("rate", "in_degree", "weight"))
        )
        network = Network(
            tuple(neurons), in_degrees, weights, delays, [d.mu for d in drives], external,
            None if None in sizes else sizes, whole.dt, whole.tau_s,
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{path}: {error}") from None
    return network, tuple(names)
