"""Neurons and networks from TOML files."""

from typing import Any

from ...models.theory.mean_field import Network
from ..experiment import experiment_path
from ..network_experiment import load_network
from ..neuron_table import Neuron, convert_neuron
from ..tables import ExperimentError, read_toml


def read_neuron(name: str, *kinds: type) -> Any:
    """The ``[neuron]`` of a file or a built-in experiment.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake; a neuron that is none of `kinds`.
    """
    path = experiment_path(name)
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


def read_network(name: str) -> tuple[Network, tuple[str, ...]]:
    """A network file, or a built-in network: the network and the names of its populations.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake, and what is allowed.
    """
    described = load_network(name)
    return described.mean_field(), described.names
