"""Siegert rates per CPU second: rheobase against NNMT 1.3 (Layer et al. 2022).

Run: ``python benchmarks/siegert.py``. Both get the same 200,000 inputs, inside NNMT's range.
"""

from time import process_time

import numpy as np
from nnmt.lif import delta

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


def seconds(function, repeats: int = 5) -> list[float]:
    out = []
    for _ in range(repeats):
        start = process_time()
        function()
        out.append(process_time() - start)
    return out


difference = np.max(np.abs(ours() / theirs() - 1))  # also compiles
ours_s, theirs_s = np.median(seconds(ours)), np.median(seconds(theirs))
print(f"rheobase {mu.size / ours_s:12.4g} rates/s")
print(f"NNMT     {mu.size / theirs_s:12.4g} rates/s")
print(f"ratio    {theirs_s / ours_s:12.1f}   largest relative difference {difference:.1e}")
