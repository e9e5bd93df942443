"""The balanced network on a network core (van Vreeswijk & Sompolinsky 1996, 1998).

With more synapses, each of them weaker, the rates go to those of the linear equations
``J r = -J_x r_x``, which do not know the neurons. Each rate is judged by the exact chain of the
integers in the mean field; what that leaves out, spikes that are neither independent nor Poisson,
is measured on the floating-point network (2 to 12 %).
"""

import numpy as np
import pytest

from rheobase.cosim.network_rates import predict
from rheobase.models.neuron import LIF
from rheobase.models.reference import network as floating
from rheobase.models.reference.connectivity import FixedInDegree
from rheobase.models.reference.elements import Poisson, Population, Projection
from rheobase.models.theory import balanced
from tests.on_core import played

pytestmark = pytest.mark.long

N, DT, DELAY = 500, 0.25e-3, 1e-3
NEURONS = (
    LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3),
    LIF(tau_m=10e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3),
)
WEIGHTS = 20e-3 * np.array([[1.0, -2.0], [1.0, -1.8]])  # V sqrt(K)
EXTERNAL, EXTERNAL_RATE = 20e-3 * np.array([1.0, 0.8]), 10.0
IN_DEGREES = (16, 36, 81)
BEGIN, END, SEEDS = 0.2, 2.2, range(2, 18)


def test_rates_approach_the_linear_equations_as_the_synapses_grow_in_number() -> None:
    limit = balanced.rates(WEIGHTS, EXTERNAL * EXTERNAL_RATE)
    found = []
    for k in IN_DEGREES:
        populations = [Population(neuron, N) for neuron in NEURONS]
        each = list(enumerate(populations))
        projections = [
            Projection(pre, post, FixedInDegree(k), WEIGHTS[i, j] / np.sqrt(k), DELAY)
            for i, post in each
            for j, pre in each
        ]
        noise = [Poisson(post, k * EXTERNAL_RATE, EXTERNAL[i] / np.sqrt(k)) for i, post in each]
        core = played(populations, projections, noise, DT, END, width=14, lsb=40e-6, slots=8)
        law = predict(core.made)
        reference = np.array([
            [
                np.count_nonzero((spikes.times >= BEGIN) & (spikes.ids // N == i))
                for i, _ in each
            ]
            for seed in SEEDS
            for spikes in [floating.simulate(populations, projections, noise, END, DT, seed)]
        ]) / (N * (END - BEGIN))  # fmt: skip
        rates = np.array([core.rate(i, BEGIN, END) for i, _ in each])
        predicted = law.quantised / law.ideal * reference.mean(0)
        # one run beside the mean of 16: Student's t of 15 degrees of freedom, 0.999, two sides
        spread = 4.07 * reference.std(0, ddof=1) * np.sqrt(1 + 1 / len(SEEDS))
        assert np.all(np.abs(rates - predicted) < spread), (k, rates, predicted, spread)
        found.append((rates - limit, law.quantised - limit))
    measured, expected = (np.array(column) for column in zip(*found, strict=True))
    for rest in (measured, expected):
        assert np.all(rest > 0) and np.all(np.diff(rest, axis=0) < 0)
