"""Cost and error of the Fokker-Planck equation in time, in CPU seconds per simulated second.

Two sorts of cases: mu and sigma new in every step of 0.1 ms on 500 intervals, and responses to a
step, by tolerance. Errors are of mean rates in bins of 0.5 ms, relative to each bin and to the mean
rate, against a solution with a tolerance of 1e-6; what that is worth is in
tests/models/test_evolve.py.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...models.neuron import EIF, LIF
from ...models.theory.fokker_planck import evolve
from .clock import least
from .table import Cost

BIN, DT, STOP, AFTER = 0.5e-3, 0.1e-3, 0.2, 30e-3
NEURONS: dict[str, LIF | EIF] = {
    "LIF": LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3),
    "EIF": EIF(tau_m=20e-3, v_th=15e-3, delta_t=1.5e-3, v_reset=8e-3, v_peak=25e-3, t_ref=2e-3),
}
STEPS = {
    "mu up": ((15e-3, 5e-3), (20e-3, 5e-3)),
    "mu down": ((20e-3, 5e-3), (15e-3, 5e-3)),
    "sigma up": ((15e-3, 4e-3), (15e-3, 6e-3)),
    "sigma down": ((15e-3, 6e-3), (15e-3, 4e-3)),
}
TOLERANCES = (1e-3, 1e-5)
ROUNDS = 3

Floats = NDArray[np.float64]


def varying() -> tuple[Floats, Floats]:
    """Drive and noise that are new in every step."""
    t = DT * (np.arange(round(STOP / DT)) + 0.5)
    mu = 15e-3 + 4e-3 * np.sin(2 * np.pi * 10 * t)
    return mu, 5e-3 + 1e-3 * np.sin(2 * np.pi * 17 * t)


def errors(rate: Floats, exact: Floats) -> str:
    """Of the rates in bins."""
    off = np.abs(rate - exact)
    return f"error {np.max(off / exact):.0e} of each, {np.max(off) / np.mean(exact):.0e} of mean"


def binned(rate: Floats) -> Floats:
    """Mean rates in the bins."""
    return rate.reshape(-1, round(BIN / DT)).mean(1)


def costs() -> Iterator[Cost]:
    mu, sigma = varying()
    for name, neuron in NEURONS.items():
        run = partial(evolve, neuron, mu, sigma, STOP, DT)
        remark = errors(binned(run().rate), binned(run(tolerance=1e-6).rate))
        cost = least({"rheobase": run}, ROUNDS)["rheobase"] / STOP
        yield Cost(f"{name}, input new every 0.1 ms", "rheobase", cost, "s/s", None, remark)
    for name, neuron in NEURONS.items():
        for step, (before, after) in STEPS.items():
            run = partial(evolve, neuron, *after, AFTER, BIN, start=before)
            exact = run(tolerance=1e-6).rate
            programs = {each: partial(run, tolerance=each) for each in TOLERANCES}
            for tolerance, seconds in least(programs, ROUNDS).items():
                found = run(tolerance=tolerance)
                remark = f"{found.v.size - 1} intervals, {errors(found.rate, exact)}"
                program, cost = f"tolerance {tolerance:.0e}", seconds / AFTER
                yield Cost(f"{name}, a step: {step}", program, cost, "s/s", None, remark)
