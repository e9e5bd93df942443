# amaranth: UnusedElaboratable=no
"""Brunel's network of 1,250 neurons on one network core, in each of its states (Brunel 2000).

The core is compiled once; the synapses of each network are loaded into its empty memory. Weak
inhibition makes neurons fire regularly and together (SR), weak synapses regularly but not together
(AR), both strong irregularly (AI). Strong inhibition and input make a fast oscillation, and input
below threshold a slow one, in which neurons fire irregularly and rarely (SI). Each state is the
theory's, each spike the integer network's.

SI needs more synapses than a tenth of the neurons have: fast is the point of Brunel's figure 8 B
with its 1,250 synapses per neuron, slow has 500 of them. The fast oscillation has 190 Hz where
linear theory, which holds at the onset, says 188 Hz; the slow one 20 Hz instead of 30 Hz.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest

from rheobase.cosim.engines.network import NetworkEngine
from rheobase.cosim.network_state import network_state
from rheobase.hdl.core import Core
from rheobase.models.integer.quantise import quantise
from rheobase.models.integer.quantise_network import QuantisedNetwork, quantise_network
from rheobase.models.reference.connectivity import FixedInDegree
from rheobase.models.reference.elements import Poisson, Population, Projection
from rheobase.models.reference.observables import population_spectrum
from rheobase.models.theory import mean_field, states

DT, DELAY, SKIPPED = 0.5e-3, 1.5e-3, 200
EXCITATORY, N = 1000, 1250
SEGMENT = 0.1  # s: 10 Hz between the frequencies of a spectrum


class Point(NamedTuple):
    """Parameters of `states.brunel_network`, and how long the network runs."""

    name: str
    g: float
    eta: float
    weight: float
    in_degree: int
    steps: int

    def theory(self) -> mean_field.Network:
        return states.brunel_network(
            self.g, self.eta, weight=self.weight, in_degree=self.in_degree, delay=DELAY
        )


POINTS = [
    Point("SR", 2.0, 2.0, 0.7e-3, 100, 600),
    Point("AR", 5.0, 2.0, 0.1e-3, 100, 600),
    Point("AI", 5.0, 2.0, 0.5e-3, 100, 600),
    Point("SI fast", 6.0, 4.0, 0.1e-3, 1000, 600),
    Point("SI slow", 4.5, 0.8, 0.3e-3, 400, 3000),
]
SYNAPSES = N * (1000 + 250 + 1)  # of the most; one of a neuron's is a Poisson input's


def made(point: Point) -> QuantisedNetwork:
    neuron = point.theory().neurons[0]
    e, i = Population(neuron, EXCITATORY), Population(neuron, N - EXCITATORY)
    degree, weight = point.in_degree, point.weight
    projections = [
        Projection(pre, post, FixedInDegree(k), w, DELAY)
        for pre, k, w in ((e, degree, weight), (i, degree // 4, -point.g * weight))
        for post in (e, i)
    ]
    rate = point.eta * neuron.v_th / (weight * neuron.tau_m)
    inputs = [Poisson(post, rate, weight) for post in (e, i)]
    return quantise_network(
        [e, i], projections, inputs, DT, partial(quantise, width=13, lsb=25e-6), slots=4
    )


def core(network: QuantisedNetwork) -> Core:
    return Core(
        network.network, weight_width=8, events=32 * N, joint=10, words=SYNAPSES, filled=False
    )


@pytest.fixture(scope="module")
def engine() -> NetworkEngine:
    return NetworkEngine(core(made(POINTS[0])))


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_state_is_that_of_the_theory(engine: NetworkEngine, point: Point) -> None:
    network, steps = made(point), point.steps
    engine.core.contents.update(core(network).contents)
    events = network.events(steps, 1)
    done, wanted = engine.run(*events, steps), network.network.run(*events, steps)
    assert done.violations == ()
    assert (done.dropped, done.saturated) == (0, wanted.saturated)
    assert all(map(np.array_equal, done.spikes, wanted.spikes))
    found = network_state(*done.spikes, N, DT, SKIPPED, steps)
    assert found is not None
    name = found.name
    if name == "SI":  # as `states` tells fast from slow
        ticks, ids = done.spikes
        window = SKIPPED * DT, steps * DT
        times = (ticks + 0.5) * DT
        f, density = population_spectrum(times, ids, N, window, DT, SEGMENT)
        name += " fast" if f[density.argmax()] * 8 * DELAY > 1 else " slow"
    theory = point.theory()
    (fixed_point,) = mean_field.fixed_points(theory, 1 / DT)
    assert name == states.state(theory, fixed_point) == point.name
