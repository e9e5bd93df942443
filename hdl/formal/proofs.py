"""All proofs: every datapath, every stream, and the events of a small neuron and network core."""

from collections.abc import Mapping

from ...models.integer.kind import IntegerNeuron
from ...models.integer.lif import IntegerLIF
from ...models.integer.loihi import Loihi
from ...models.integer.network import Network, Synapses
from ...models.integer.spinnaker import SpiNNaker
from ...models.integer.truenorth import TrueNorth
from ..core import Core
from ..neuron_core import NeuronCore
from ..neurons import datapath
from .core import network_events, small_core
from .datapath import meets_specification
from .neuron_core import neuron_events
from .neurons import specification
from .sby import Proof
from .streams import core_streams, neuron_core_streams

ZEROS = (0,) * 11
# Registers are free in the proofs: of these neurons only modes and widths matter.
NEURONS: Mapping[str, IntegerNeuron] = {
    "lif, multiply, stochastic, 16 bits": IntegerLIF(
        16, 1, refractory=1000, leak_bits=12, rounding="stochastic"
    ),
    "lif, multiply, nearest, subtract, 24 bits": IntegerLIF(24, 1, refractory=3, reset="subtract"),
    "lif, shift, stochastic, 12 bits": IntegerLIF(
        12, 1, refractory=7, leak="shift", leak_bits=9, rounding="stochastic"
    ),
    "lif, shift, floor, subtract, 32 bits": IntegerLIF(
        32, 1, leak="shift", leak_bits=5, rounding="floor", reset="subtract", input_width=32
    ),
    "loihi, lava": Loihi("lava", 0, 0, 1),
    "loihi, lava, ternary": Loihi("lava", 0, 0, 1, -1),
    "loihi, nengo": Loihi("nengo", 0, 0, 1),
    "truenorth, saturate, 20 bits": TrueNorth(20, "saturate", 1, -1),
    "truenorth, wrap, 9 bits, symmetric": TrueNorth(9, "wrap", 1, -1, symmetric=True),
    "truenorth, wrap, 32 bits": TrueNorth(32, "wrap", 1, -1),
    "truenorth, paicore, late leak": TrueNorth(32, "paicore", 1, -1, leak_after_compare=True),
    "spinnaker, currents, floor": SpiNNaker(*ZEROS),
    "spinnaker, currents, nearest": SpiNNaker(*ZEROS, rounding="nearest"),
    "spinnaker, conductances, floor": SpiNNaker(*ZEROS, 0, 0),
    "spinnaker, conductances, nearest": SpiNNaker(*ZEROS, 0, 0, "nearest"),
}
SMALL = IntegerLIF(4, 3, refractory=1, leak="shift", leak_bits=1, input_width=4)


def of_datapath(name: str) -> Proof:
    """The proof of one of `NEURONS`."""
    neuron = NEURONS[name]
    return Proof(name, lambda: meets_specification(datapath(neuron), specification(neuron)))


def large_core() -> Core:
    """A core of 1,024 neurons and 4,096 words of two synapses."""
    neuron = IntegerLIF(24, 1000, leak="shift", leak_bits=5)
    network = Network([neuron] * 1024, 2048, Synapses([], [], []), loop=1024)
    return Core(network, "sparse", lanes=2, words=4096)


PROOFS = (
    *(of_datapath(name) for name in NEURONS),
    Proof(
        "streams of the neuron core, 1,024 neurons",
        lambda: neuron_core_streams(NeuronCore(NEURONS["loihi, nengo"], 1024)),
        "induction",
        2,
    ),
    Proof(
        "streams of the network core, 1,024 neurons",
        lambda: core_streams(large_core()),
        "induction",
        2,
    ),
    Proof(
        "events of the neuron core, 5 neurons",
        lambda: neuron_events(NeuronCore(SMALL, 5)),
        "bounded",
        20,
        any_memory=True,
    ),
    Proof(
        "events of the network core, 5 neurons",
        lambda: network_events(small_core()),
        "bounded",
        28,
    ),
)
