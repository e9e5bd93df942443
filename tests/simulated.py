"""Neurons, synapses and Brunel's network, for tests of the network simulator."""

import numpy as np

from rheobase.models.neuron import EIF, LIF, QIF, ConductanceLIF
from rheobase.models.reference.network import (
    Conductance,
    Exponential,
    FixedInDegree,
    Poisson,
    Population,
    Projection,
)

DT = 1e-4
L = LIF(20e-3, 20e-3, 10e-3, t_ref=2e-3)
E = EIF(20e-3, 15e-3, 2e-3, v_reset=5e-3, v_peak=30e-3, t_ref=1e-3)
Q = QIF(20e-3, 5e-3, v_0=2e-3, v_peak=60e-3, v_reset=-20e-3, t_ref=0.7e-3)
Q_INFINITE = QIF(20e-3, 5e-3)
C = ConductanceLIF(20e-3, -50e-3, -60e-3, e_e=0.0, e_i=-75e-3, v_rest=-65e-3, t_ref=2e-3)
FAST, SLOW, EQUAL = Exponential(2e-3), Exponential(10e-3), Exponential(20e-3)
G_E, G_I = Conductance("excitatory", 3e-3), Conductance("inhibitory", 8e-3)


def brunel(
    inhibitory: int, g: float, eta: float, j: float, individual: bool = False
) -> tuple[list, list, list]:
    """Brunel's network (2000): a tenth of each population is connected to each neuron."""
    start = np.random.default_rng(1)
    e, i = (Population(L, n, start.uniform(0, 20e-3, n)) for n in (4 * inhibitory, inhibitory))
    projections = []
    for pre, w in ((e, j), (i, -g * j)):
        weight = (lambda rng, n, w=w: rng.normal(w, abs(w) / 10, n)) if individual else w
        delay = (lambda rng, n: DT * rng.integers(5, 26, n)) if individual else 1.5e-3
        for post in (e, i):
            projections.append(Projection(pre, post, FixedInDegree(pre.n // 10), weight, delay))
    inputs = [Poisson(post, eta * 20e-3 / (j * 20e-3), j) for post in (e, i)]
    return [e, i], projections, inputs
