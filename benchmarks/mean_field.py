"""Brunel's (2000) two-population fixed point: rheobase against NNMT (Layer et al. 2022), CPU time.

Run: ``python benchmarks/mean_field.py``. NNMT relaxes from zero to one fixed point; rheobase finds
all and proves it.
"""

from collections.abc import Iterator
from time import process_time

import numpy as np
from nnmt.lif import delta
from table import Cost, show

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


def milliseconds(function, network, repeats: int) -> float:
    out = []
    for _ in range(repeats):
        start = process_time()
        function(network)
        out.append(process_time() - start)
    return float(np.median(out)) * 1e3


def costs() -> Iterator[Cost]:
    for g, eta in [(5, 2), (5, 1.2), (8, 1.5), (4.5, 0.9), (6, 4)]:
        network, case = brunel_network(g, eta), f"fixed point, g = {g}, eta = {eta}"
        difference = np.max(np.abs(ours(network) / theirs(network) - 1))  # also compiles
        remark = f"relative difference {difference:.0e}"
        yield Cost(case, "rheobase", milliseconds(ours, network, 11), "ms")
        yield Cost(case, "NNMT", milliseconds(theirs, network, 5), "ms", 5, remark)


if __name__ == "__main__":
    show(costs())
