"""Brunel's (2000) two-population fixed point: rheobase against NNMT (Layer et al. 2022), CPU time.

NNMT relaxes from zero to one fixed point; rheobase finds all and proves it.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...models.theory.mean_field import Network, fixed_points
from ...models.theory.states import brunel_network
from ..doctor import MissingTool, require
from .clock import least
from .table import Cost, LeftOut

POINTS = [(5, 2), (5, 1.2), (8, 1.5), (4.5, 0.9), (6, 4)]  # (g, eta)
ROUNDS = 5


def theirs(network: Network) -> NDArray[np.float64]:
    """The rates of NNMT."""
    from nnmt.lif import delta

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


def ours(network: Network) -> NDArray[np.float64]:
    """The rates of rheobase."""
    (point,) = fixed_points(network)
    return point.rates


def costs() -> Iterator[Cost | LeftOut]:
    programs = {"rheobase": ours, "NNMT": theirs}
    try:
        require("nnmt", "the comparison with NNMT")
    except MissingTool as error:
        yield LeftOut("NNMT", str(error))
        del programs["NNMT"]
    for g, eta in POINTS:
        network = brunel_network(g, eta)
        rates = {name: run(network) for name, run in programs.items()}  # also compiles
        runs = {name: partial(run, network) for name, run in programs.items()}
        for name, seconds in least(runs, ROUNDS).items():
            difference = np.max(np.abs(rates["rheobase"] / rates[name] - 1))
            remark = "" if name == "rheobase" else f"relative difference {difference:.0e}"
            asked = 5 if name == "NNMT" else None
            case = f"fixed point, g = {g}, eta = {eta}"
            yield Cost(case, name, seconds * 1e3, "ms", asked, remark)
