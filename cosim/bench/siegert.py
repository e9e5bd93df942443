"""Siegert rates: rheobase against NNMT 1.3 (Layer et al. 2022), in CPU time.

Both get the same 200,000 inputs, inside NNMT's range.
"""

from collections.abc import Iterator

import numpy as np

from ...models.neuron import LIF
from ...models.theory import siegert
from ..doctor import MissingTool, require
from .clock import least
from .table import Cost, LeftOut

INPUTS, ROUNDS = 200_000, 5


def costs() -> Iterator[Cost | LeftOut]:
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
    random = np.random.default_rng(1)
    mu = random.uniform(5e-3, 30e-3, INPUTS)
    sigma = random.uniform(1e-3, 8e-3, INPUTS)
    programs = {"rheobase": lambda: siegert.rate(neuron, mu, sigma)}
    try:
        require("nnmt", "the comparison with NNMT")
    except MissingTool as error:
        yield LeftOut("NNMT", str(error))
    else:
        from nnmt.lif import delta

        programs["NNMT"] = lambda: delta._firing_rates_for_given_input(
            mu, sigma, neuron.v_reset, neuron.v_th, neuron.tau_m, neuron.t_ref
        )
    rates = {name: run() for name, run in programs.items()}  # also compiles
    for name, seconds in least(programs, ROUNDS).items():
        difference = np.max(np.abs(rates["rheobase"] / rates[name] - 1))
        remark = "" if name == "rheobase" else f"largest relative difference {difference:.0e}"
        asked = 20 if name == "NNMT" else None
        yield Cost("Siegert rate", name, seconds / INPUTS * 1e6, "us", asked, remark)
