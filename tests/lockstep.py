# amaranth: UnusedElaboratable=no
"""Small mixed-signal chips, for tests of lock-step."""

from dataclasses import replace
from functools import cache

import numpy as np

from rheobase.analog.bias import design
from rheobase.analog.cells import dpi
from rheobase.analog.group import Group, Synapse
from rheobase.analog.technology import generic180
from rheobase.cosim.bench.lockstep import Ideal
from rheobase.cosim.lockstep.system import System
from rheobase.hdl.core import Core
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses
from rheobase.models.neuron import LIF

N, ANALOG = 16, 3  # neurons of the core, and of the two groups
CLOCK, WIDTH, GAP, DELAY = 10_000, 40, 10, 100  # ps, then clocks
DT, SPEED_UP = 0.6e-3, 1000.0
T_STOP = 30_000_000  # ps


@cache
def system() -> System:
    """Three neurons that fire by themselves, in two groups, each with two synapses from the core.

    A spike of theirs makes a few neurons of the core fire; so do events from elsewhere, which
    come five at once, when the end of a tick goes first.
    """
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
    lif = design(neuron, speed_up=SPEED_UP)
    kinds = ("excitatory", "inhibitory")
    cells = [dpi.design(generic180, kind, 5e-6, 0.5e-9, 0.4e-6, 0.2e-12)[0] for kind in kinds]
    drives = [lif.current(mu) for mu in (40e-3, 45e-3, 50e-3)]
    groups = (
        Group((lif, lif), tuple(drives[:2]), tuple(Synapse(j, c) for j in (0, 1) for c in cells)),
        Group((lif,), (drives[2],), tuple(Synapse(0, c) for c in cells)),
    )
    rng = np.random.default_rng(3)
    axon = np.repeat(np.arange(ANALOG + 2), 5)
    synapses = Synapses(axon, rng.integers(0, N, axon.size), rng.integers(60, 127, axon.size))
    digital = IntegerLIF(12, 100, 0, 1, "multiply", 8, 240, input_width=11)
    network = Network([digital] * N, ANALOG + 2, synapses)
    routes = tuple((j % 6, (j + 3) % 6) if j % 4 == 0 else (j % 6,) for j in range(N))
    events = tuple((1_200_000 * (4 + k // 5), ANALOG + k % 2) for k in range(25))
    return System(
        groups, Core(network), 0, routes, CLOCK, DT, WIDTH, GAP, DELAY, 0.2e-6, 4e-9, events
    )


@cache
def small() -> System:
    """The same core with one ideal neuron in each of two groups, which is cheap."""
    whole = system()
    lif, cells = whole.groups[0].neurons[0], whole.groups[0].synapses
    synapses = tuple(Synapse(0, each.design) for each in cells[:3])
    return replace(whole, groups=tuple(Ideal((lif,), (i,), synapses) for i in (120e-9, 130e-9)))
