# amaranth: UnusedElaboratable=no
"""Play a network on the network core, against the integer network; spikes and rates."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rheobase.cosim.engines.network import NetworkEngine
from rheobase.hdl.core import Core
from rheobase.models.integer.quantise import quantise
from rheobase.models.integer.quantise_network import QuantisedNetwork, quantise_network
from rheobase.models.reference.elements import Drive, Poisson, Population, Projection


class Played(NamedTuple):
    """The network of integers, and its spikes: times in s, populations."""

    made: QuantisedNetwork
    times: NDArray
    population: NDArray

    def rate(self, k: int, begin: float, end: float) -> float:
        """Of population k in Hz."""
        n = self.made.populations[k].population.n
        inside = (self.population == k) & (self.times >= begin) & (self.times < end)
        return float(inside.sum() / (n * (end - begin)))


def played(
    populations: Sequence[Population],
    projections: Sequence[Projection],
    inputs: Sequence[Poisson | Drive],
    dt: float,
    seconds: float,
    width: int,
    lsb: float,
    slots: int,
) -> Played:
    """A run with seed 1; the core's spikes must be those of the integer network."""
    quantiser = partial(quantise, width=width, lsb=lsb)
    made = quantise_network(populations, projections, inputs, dt, quantiser, slots, 1)
    steps = round(seconds / dt)
    events = made.events(steps, 1)
    largest = int(np.abs(made.network.synapses.weight).max())
    core = Core(made.network, weight_width=largest.bit_length() + 1)
    done, wanted = NetworkEngine(core).run(*events, steps), made.network.run(*events, steps)
    assert done.violations == ()
    assert (done.dropped, done.saturated) == (0, wanted.saturated)
    assert all(map(np.array_equal, done.spikes, wanted.spikes))
    ends = np.cumsum([population.n for population in populations])
    ticks, neurons = done.spikes[:2]
    return Played(made, ticks * dt, np.searchsorted(ends, neurons, side="right"))
