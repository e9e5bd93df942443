# amaranth: UnusedElaboratable=no
"""The circuits whose delivered files are tested: by name, how each is made, and its kind."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rheobase.hdl import verilog
from rheobase.hdl.core import Core
from rheobase.hdl.manifest import Circuit
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.hdl.neurons import datapath
from rheobase.hdl.neurons.kinds import KINDS
from rheobase.hdl.pipeline import Pipeline
from rheobase.models.integer.kind import IntegerNeuron
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses

LIF = IntegerLIF(
    10, 60, leak_bits=8, leak_multiplier=240, refractory=1, rounding="stochastic", input_width=8
)
PROFILES = (
    LIF,
    IntegerLIF(
        10, 45, 5, 1, leak_bits=8, leak_multiplier=200, rounding="stochastic", input_width=8
    ),
)
N, AXONS, SYNAPSES = 12, 30, 150


def network() -> Network:
    """A recurrent network of two kinds of neurons, with delays and sums that are cut."""
    rng = np.random.default_rng(2)
    synapses = Synapses(
        rng.integers(0, AXONS, SYNAPSES),
        rng.integers(0, N, SYNAPSES),
        rng.integers(-40, 80, SYNAPSES),
        rng.integers(0, 3, SYNAPSES),
    )
    neurons = [PROFILES[j % 2] for j in range(N)]
    return Network(neurons, AXONS, synapses, loop=AXONS - N, slots=4, seed=7)


CIRCUITS: dict[str, tuple[Callable[[], Circuit], IntegerNeuron]] = {
    "lif": (lambda: Pipeline(datapath(KINDS["lif"][0])), KINDS["lif"][0]),
    "loihi_lava": (lambda: Pipeline(datapath(KINDS["loihi-lava"][0])), KINDS["loihi-lava"][0]),
    "loihi_nengo": (lambda: Pipeline(datapath(KINDS["loihi-nengo"][0])), KINDS["loihi-nengo"][0]),
    "spinnaker": (lambda: Pipeline(datapath(KINDS["spinnaker"][0])), KINDS["spinnaker"][0]),
    "truenorth": (lambda: Pipeline(datapath(KINDS["truenorth"][0])), KINDS["truenorth"][0]),
    "lif_core": (lambda: NeuronCore(LIF, 12, 5), LIF),
    "network_core": (lambda: Core(network(), weight_width=8, lanes=2), LIF),
}


def deliver(folder: Path) -> Path:
    """Write the circuit of the folder's name into it; its source."""
    name = folder.name
    neurons = KINDS.get(name.replace("_", "-"), ())
    return verilog.write(folder, CIRCUITS[name][0](), name, neurons)[0]
