"""Siegert rates: rheobase against NNMT 1.3 (Layer et al. 2022), in CPU time.

Run: ``python benchmarks/siegert.py``. Both get the same 200,000 inputs, inside NNMT's range.
"""

from collections.abc import Iterator
from time import process_time

import numpy as np
from nnmt.lif import delta
from table import Cost, show

from rheobase.models.neuron import LIF
from rheobase.models.theory import siegert

neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
random = np.random.default_rng(1)
mu = random.uniform(5e-3, 30e-3, 200_000)
sigma = random.uniform(1e-3, 8e-3, 200_000)


def ours() -> np.ndarray:
    return siegert.rate(neuron, mu, sigma)


def theirs() -> np.ndarray:
    return delta._firing_rates_for_given_input(
        mu, sigma, neuron.v_reset, neuron.v_th, neuron.tau_m, neuron.t_ref
    )


def microseconds(function, repeats: int = 5) -> float:
    out = []
    for _ in range(repeats):
        start = process_time()
        function()
        out.append(process_time() - start)
    return float(np.median(out)) / mu.size * 1e6


def costs() -> Iterator[Cost]:
    difference = np.max(np.abs(ours() / theirs() - 1))  # also compiles
    remark = f"largest relative difference {difference:.0e}"
    yield Cost("Siegert rate", "rheobase", microseconds(ours), "us")
    yield Cost("Siegert rate", "NNMT", microseconds(theirs), "us", 20, remark)


if __name__ == "__main__":
    show(costs())
