"""Cost and error of the Fokker-Planck equation in time, in CPU seconds per simulated second.

Run: ``python benchmarks/fokker_planck.py``. Two tables: mu and sigma new in every step of 0.1 ms on
500 intervals, and responses to a step, by tolerance. Errors are of mean rates in bins of 0.5 ms,
relative to each bin and to the mean rate, against a solution with a tolerance of 1e-6; what that is
worth is in tests/models/test_evolve.py.
"""

from time import process_time

import numpy as np

from rheobase.models.neuron import EIF, LIF
from rheobase.models.theory import fokker_planck

BIN = 0.5e-3
DT = 0.1e-3
NEURONS = {
    "LIF": LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3),
    "EIF": EIF(tau_m=20e-3, v_th=15e-3, delta_t=1.5e-3, v_reset=8e-3, v_peak=25e-3, t_ref=2e-3),
}
STEPS = {
    "mu up": ((15e-3, 5e-3), (20e-3, 5e-3)),
    "mu down": ((20e-3, 5e-3), (15e-3, 5e-3)),
    "sigma up": ((15e-3, 4e-3), (15e-3, 6e-3)),
    "sigma down": ((15e-3, 6e-3), (15e-3, 4e-3)),
}


def timed(repeats: int, *arguments, **options) -> tuple[fokker_planck.Evolution, float]:
    """A solution, and the least of some CPU times."""
    fokker_planck.evolve(*arguments, **options)  # compiles
    costs = []
    for _ in range(repeats):
        start = process_time()
        found = fokker_planck.evolve(*arguments, **options)
        costs.append(process_time() - start)
    return found, min(costs)


def errors(rate: np.ndarray, exact: np.ndarray) -> str:
    off = np.abs(rate - exact)
    return f"{np.max(off / exact):9.1e} {np.max(off) / np.mean(exact):9.1e}"


def binned(rate: np.ndarray) -> np.ndarray:
    return rate.reshape(-1, round(BIN / DT)).mean(1)


t = DT * (np.arange(2000) + 0.5)
mu = 15e-3 + 4e-3 * np.sin(2 * np.pi * 10 * t)
sigma = 5e-3 + 1e-3 * np.sin(2 * np.pi * 17 * t)
print("both inputs varying, 500 intervals, steps of 0.1 ms, 0.2 s")
print("       CPU s/s   of each   of mean")
for name, neuron in NEURONS.items():
    found, cost = timed(5, neuron, mu, sigma, 0.2, DT)
    exact = fokker_planck.evolve(neuron, mu, sigma, 0.2, DT, tolerance=1e-6)
    print(f"{name}    {cost / 0.2:9.3f} {errors(binned(found.rate), binned(exact.rate))}")

print("a step, 30 ms in bins of 0.5 ms")
print("                 tolerance  CPU s/s intervals   of each   of mean")
for name, neuron in NEURONS.items():
    for step, (before, after) in STEPS.items():
        arguments = (neuron, *after, 30e-3, BIN)
        exact = fokker_planck.evolve(*arguments, start=before, tolerance=1e-6)
        for tolerance in (1e-3, 1e-4, 1e-5):
            found, cost = timed(3, *arguments, start=before, tolerance=tolerance)
            print(
                f"{name} {step:12} {tolerance:9.0e} {cost / 30e-3:8.3f} {found.v.size - 1:9d}"
                f" {errors(found.rate, exact.rate)}"
            )
