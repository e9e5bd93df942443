"""Datapaths: one file per kind of neuron, under the name of the kind's integer model."""

from ...models.integer.kind import IntegerNeuron
from ...models.integer.loihi import Loihi
from ...models.integer.spinnaker import SpiNNaker
from ..pipeline import Datapath
from .loihi import LoihiDatapath
from .spinnaker import SpiNNakerDatapath


def datapath(neuron: IntegerNeuron) -> Datapath:
    """The datapath of a neuron's kind and modes."""
    if isinstance(neuron, Loihi):
        return LoihiDatapath(neuron)
    if isinstance(neuron, SpiNNaker):
        return SpiNNakerDatapath(neuron)
    raise TypeError(f"neuron has no datapath: {neuron!r}")
