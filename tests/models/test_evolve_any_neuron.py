"""The Fokker-Planck equation in time for any neuron, both inputs varying.

Against explicit Euler steps on a fine, plainly centred grid, with reset split between two cells and
the outflow of each small step kept until it comes back.
"""

from functools import cache
from math import ceil, sqrt

import numpy as np
import pytest
from numba import njit
from scipy.interpolate import PchipInterpolator

from rheobase.models.neuron import EIF, LIF
from rheobase.models.theory import fokker_planck
from rheobase.models.theory.measured_leak import MeasuredNeuron

TAU, TOP, RESET, T_REF = 20e-3, 20e-3, 10e-3, 2e-3
NEURON = LIF(tau_m=TAU, v_th=TOP, v_reset=RESET, t_ref=T_REF)
BIN, BINS = 0.5e-3, 60


@njit(cache=True)
def explicit(drift, own, h, reset, push, noise, start, substeps, dt, delay):
    """Euler steps of dt / substeps with centred differences; cells with middles at (i + 1/2) h.

    `drift` at edges and `own` diffusion at middles and at threshold. The input changes with dt.
    """
    n = own.size - 1
    p, flux = start.copy(), np.zeros(n + 1)
    out = np.zeros(push.size * substeps)
    lower = int(reset / h - 0.5)
    share = reset / h - 0.5 - lower
    step = dt / substeps
    for k in range(out.size):
        a, d = push[k // substeps], noise[k // substeps]
        for i in range(1, n):
            flux[i] = (drift[i] + a) * (p[i - 1] + p[i]) / 2
            flux[i] -= ((own[i] + d) * p[i] - (own[i - 1] + d) * p[i - 1]) / h
        flux[n] = (own[n - 1] + d) * p[n - 1] / (h / 2)
        out[k] = flux[n]
        back = flux[n] if delay == 0 else (out[k - delay] if k >= delay else 0.0)
        for i in range(n):
            p[i] += step / h * (flux[i] - flux[i + 1])
        p[lower] += step / h * back * (1 - share)
        p[lower + 1] += step / h * back * share
    return out


def explicit_rate(drift, diffusion, ends, start, mu, sigma):
    """Extrapolated from two widths (Euler's step goes with their square), and what that changed."""
    low, reset, top = ends
    rates = []
    for n in (300, 600, 1200):
        h = (top - low) / n
        middles = low + h * (np.arange(n) + 0.5)
        own, noise = np.append(diffusion(middles), diffusion(top)), sigma**2 / (2 * TAU)
        width = (top - low) / 300
        substeps = (n // 300) ** 2 * ceil((own.max() + noise.max()) * BIN / (0.3 * width**2))
        out = explicit(
            *(drift(low + h * np.arange(n + 1)), own, h, reset - low, mu / TAU, noise),
            *(start(middles), substeps, BIN, round(T_REF / BIN * substeps)),
        )
        rates.append(out.reshape(mu.size, substeps).mean(1))
    coarse, fine = (4 * rates[1] - rates[0]) / 3, (4 * rates[2] - rates[1]) / 3
    return fine, np.abs(fine - coarse)


TIME = (np.arange(BINS) + 0.5) * BIN
MU = 18e-3 + 6e-3 * np.sin(2 * np.pi * 60 * TIME)
SIGMA = 4e-3 + 1e-3 * np.sin(2 * np.pi * 90 * TIME)
EXPONENTIAL = EIF(TAU, v_th=15e-3, delta_t=1.5e-3, v_reset=8e-3, v_peak=21e-3, t_ref=T_REF)
TABLE = np.linspace(-40e-3, 30e-3, 36)
MEASURED = MeasuredNeuron(TABLE, -100e-12 * np.tanh(TABLE / 15e-3), 200e-12, TOP, RESET, T_REF)
LEAK = PchipInterpolator(MEASURED.v, MEASURED.i_leak)


def linear(v):
    return -v / TAU


def upstroke(v):
    return (-v + 1.5e-3 * np.exp((v - 15e-3) / 1.5e-3)) / TAU


def measured(v):
    return LEAK(v) / MEASURED.c_m


def none(v):
    return np.zeros(np.shape(v))


def synapses(v):  # D = sum of rate (a (e - V))**2 / 2
    return 0.5 * (2000 * (0.004 * (70e-3 - v)) ** 2 + 1000 * (0.01 * (-30e-3 - v)) ** 2)


def bump(v):
    return np.exp(-(((v - 6e-3) / 2e-3) ** 2)) / (2e-3 * sqrt(np.pi))


PROCESSES = {
    "LIF": (NEURON, linear, none, (-25e-3, RESET, TOP)),
    "EIF": (EXPONENTIAL, upstroke, none, (-25e-3, 8e-3, 21e-3)),
    "measured leak": (NEURON, measured, none, (-40e-3, RESET, TOP)),
    "noisy synapses": (NEURON, linear, synapses, (-30e-3, RESET, TOP)),
}


@cache
def process_rate(name):
    _, drift, diffusion, ends = PROCESSES[name]
    return explicit_rate(drift, diffusion, ends, bump, MU, SIGMA)


@pytest.mark.parametrize("name", PROCESSES)
def test_both_inputs_varying(name):
    neuron, drift, diffusion, ends = PROCESSES[name]
    options = {}
    if name in ("measured leak", "noisy synapses"):
        options = dict(drift=drift, diffusion=diffusion, v_min=ends[0])
    exact, doubt = process_rate(name)
    found = fokker_planck.evolve(
        *(neuron, MU, SIGMA, BINS * BIN, BIN), start=bump, tolerance=1e-4, **options
    )
    off = np.abs(found.rate - exact)
    assert off.max() <= found.error.max() + doubt.max()
    seen = exact > 1e-2 * exact.max()
    assert np.max(off[seen] / exact[seen]) < 1e-4
    assert np.trapezoid(found.density, found.v) + found.refractory[-1] == pytest.approx(
        1, abs=1e-11
    )


def stratonovich(v):  # dD/dV / 2 in place of Ito's drift
    return linear(v) + 0.5 * (-2000 * 0.004**2 * (70e-3 - v) + 1000 * 0.01**2 * (30e-3 + v))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("measured leak", dict(drift=lambda v: LEAK(v + 1e-5) / MEASURED.c_m)),
        ("measured leak", dict(diffusion=lambda v: np.full(v.size, 1e-7))),
        ("noisy synapses", dict(drift=stratonovich)),
    ],
)
def test_another_process_is_told_apart(name, changes):
    neuron, drift, diffusion, ends = PROCESSES[name]
    options = dict(drift=drift, diffusion=diffusion, v_min=ends[0]) | changes
    exact, doubt = process_rate(name)
    found = fokker_planck.evolve(
        *(neuron, MU, SIGMA, BINS * BIN, BIN), start=bump, tolerance=1e-4, **options
    )
    assert (np.abs(found.rate - exact) > 3 * (found.error + doubt)).any()
