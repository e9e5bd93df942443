"""Specifications: the equations of each kind of neuron, word for word, in exact arithmetic."""

from ....models.integer.kind import IntegerNeuron
from ....models.integer.lif import IntegerLIF
from ....models.integer.loihi import Loihi
from ....models.integer.spinnaker import SpiNNaker
from ....models.integer.truenorth import TrueNorth
from ..datapath import Specification
from .lif import LIFSpecification
from .loihi import LoihiSpecification
from .spinnaker import SpiNNakerSpecification
from .truenorth import TrueNorthSpecification


def specification(neuron: IntegerNeuron) -> Specification:
    """The specification of a neuron's kind and modes."""
    if isinstance(neuron, IntegerLIF):
        return LIFSpecification(neuron)
    if isinstance(neuron, Loihi):
        return LoihiSpecification(neuron)
    if isinstance(neuron, TrueNorth):
        return TrueNorthSpecification(neuron)
    if isinstance(neuron, SpiNNaker):
        return SpiNNakerSpecification(neuron)
    raise TypeError(f"neuron has no specification: {neuron!r}")
