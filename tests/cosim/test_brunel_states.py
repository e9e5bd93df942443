# amaranth: UnusedElaboratable=no
"""Brunel's network of 1,250 neurons on one network core, in three of its states (Brunel 2000).

The core is compiled once; the synapses of each network are loaded into its empty memory. Weak
inhibition makes neurons fire regularly and together (SR), weak synapses regularly but not together
(AR), both strong irregularly (AI). Each state is the theory's, each spike the integer network's.
"""

from functools import partial

import numpy as np
import pytest

from rheobase.cosim.engines.network import NetworkEngine
from rheobase.cosim.network_state import network_state
from rheobase.hdl.core import Core
from rheobase.models.integer.quantise import quantise
from rheobase.models.integer.quantise_network import QuantisedNetwork, quantise_network
from rheobase.models.reference.connectivity import FixedInDegree
from rheobase.models.reference.elements import Poisson, Population, Projection
from rheobase.models.theory import states
from rheobase.models.theory.mean_field import fixed_points

DT, DELAY, STEPS, SKIPPED = 0.5e-3, 1.5e-3, 600, 200
EXCITATORY, IN_DEGREE, N = 1000, 100, 1250
SYNAPSES = N * (IN_DEGREE + IN_DEGREE // 4 + 1)  # one of them is a Poisson input's
STATES = [("SR", 2.0, 0.7e-3), ("AR", 5.0, 0.1e-3), ("AI", 5.0, 0.5e-3)]  # at eta = 2


def made(g: float, weight: float) -> QuantisedNetwork:
    neuron = states.brunel_network(g, 2.0).neurons[0]
    e, i = Population(neuron, EXCITATORY), Population(neuron, N - EXCITATORY)
    projections = [
        Projection(pre, post, FixedInDegree(k), w, DELAY)
        for pre, k, w in ((e, IN_DEGREE, weight), (i, IN_DEGREE // 4, -g * weight))
        for post in (e, i)
    ]
    rate = 2 * neuron.v_th / (weight * neuron.tau_m)
    inputs = [Poisson(post, rate, weight) for post in (e, i)]
    return quantise_network(
        [e, i], projections, inputs, DT, partial(quantise, width=13, lsb=20e-6), slots=4
    )


def core(network: QuantisedNetwork) -> Core:
    return Core(
        network.network, weight_width=8, events=16 * N, joint=10, words=SYNAPSES, filled=False
    )


@pytest.fixture(scope="module")
def engine() -> NetworkEngine:
    return NetworkEngine(core(made(5.0, 0.5e-3)))


@pytest.mark.parametrize(("name", "g", "weight"), STATES)
def test_a_state_is_that_of_the_theory(
    engine: NetworkEngine, name: str, g: float, weight: float
) -> None:
    network = made(g, weight)
    engine.core.contents.update(core(network).contents)
    events = network.events(STEPS, 1)
    done, wanted = engine.run(*events, STEPS), network.network.run(*events, STEPS)
    assert done.violations == ()
    assert (done.dropped, done.saturated) == (0, wanted.saturated)
    assert all(map(np.array_equal, done.spikes, wanted.spikes))
    found = network_state(*done.spikes, N, DT, SKIPPED, STEPS)
    assert found is not None
    assert found.name == name
    theory = states.brunel_network(g, 2.0, weight=weight, in_degree=IN_DEGREE, delay=DELAY)
    (point,) = fixed_points(theory, 1 / DT)
    assert states.state(theory, point) == name
