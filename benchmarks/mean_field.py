"""Brunel's (2000) two-population fixed point, CPU time: rheobase against NNMT (Layer et al. 2022).

Run: ``python benchmarks/mean_field.py``. NNMT relaxes from zero to one fixed point; rheobase finds
all and proves it.
"""

from time import process_time

import numpy as np
from nnmt.lif import delta

from rheobase.models.theory.mean_field import fixed_points
from rheobase.models.theory.states import brunel_network


def theirs(network) -> np.ndarray:
    neuron, e = network.neurons[0], network.external
    both = np.ones(2)
    return delta._firing_rates(
        network.weights,
        network.in_degrees,
        neuron.v_reset * both,
        neuron.v_th * both,
        neuron.tau_m * both,
        neuron.t_ref * both,
        e.weight[:, None],
        e.in_degree[:, None],
        e.rate[:1],
    )


def ours(network) -> np.ndarray:
    (point,) = fixed_points(network)
    return point.rates


def seconds(function, network, repeats: int) -> float:
    out = []
    for _ in range(repeats):
        start = process_time()
        function(network)
        out.append(process_time() - start)
    return float(np.median(out))


for g, eta in [(5, 2), (5, 1.2), (8, 1.5), (4.5, 0.9), (6, 4)]:
    network = brunel_network(g, eta)
    difference = np.max(np.abs(ours(network) / theirs(network) - 1))  # also compiles
    ours_s, theirs_s = seconds(ours, network, 11), seconds(theirs, network, 5)
    print(
        f"g {g:3} eta {eta:3}: rheobase {ours_s * 1e3:5.1f} ms, NNMT {theirs_s * 1e3:6.1f} ms, "
        f"ratio {theirs_s / ours_s:5.1f}, relative difference {difference:.0e}"
    )
