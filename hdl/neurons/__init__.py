"""Datapaths: one file per kind of neuron, under the name of the kind's integer model."""

from ...models.integer.kind import IntegerNeuron
from ...models.integer.lif import IntegerLIF
from ...models.integer.loihi import Loihi
from ...models.integer.spinnaker import SpiNNaker
from ...models.integer.truenorth import TrueNorth
from ..pipeline import Datapath
from .lif import LIFDatapath
from .loihi import LoihiDatapath
from .spinnaker import SpiNNakerDatapath
from .truenorth import TrueNorthDatapath


def datapath(neuron: IntegerNeuron) -> Datapath:
    """The datapath of a neuron's kind and modes."""
    if isinstance(neuron, IntegerLIF):
        return LIFDatapath(neuron)
    if isinstance(neuron, Loihi):
        return LoihiDatapath(neuron)
    if isinstance(neuron, TrueNorth):
        return TrueNorthDatapath(neuron)
    if isinstance(neuron, SpiNNaker):
        return SpiNNakerDatapath(neuron)
    raise TypeError(f"neuron has no datapath: {neuron!r}")
