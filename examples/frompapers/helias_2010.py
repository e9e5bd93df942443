"""Jumps and time steps fill the threshold: a rate, a density and a response beyond diffusion.

M. Helias, M. Deger, M. Diesmann & S. Rotter, Equilibrium and response properties of the
integrate-and-fire neuron in discrete time, Frontiers in Computational Neuroscience 3:29 (2010).
Drawn: the rate against the time step, the density below the threshold, and the spikes that one
further input brings at once; theory as lines, simulation as points.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

from rheobase.models.neuron import LIF
from rheobase.models.reference import lif
from rheobase.models.theory import fokker_planck, siegert
from rheobase.models.theory.discrete_time import solve, solve_jumps

tau, v_th = 20e-3, 15e-3
neuron = LIF(tau, v_th, v_reset=0.0, t_ref=1e-3)
inputs, jumps = np.array([29800.0, 5950.0]), np.array([0.1e-3, -0.4e-3])
mu, sigma = tau * inputs @ jumps, np.sqrt(tau * inputs @ jumps**2)
np.testing.assert_allclose([mu, sigma], [12e-3, 5e-3])  # the authors' working point (recalled)

figure = Figure(figsize=(11, 3.5), layout="constrained")
left, middle, right = figure.subplots(1, 3)
steps, rates, improved, seconds = np.array([6e-4, 4e-4, 2e-4, 1e-4]), [], [], 10.0
for dt in steps:
    exact, a = solve_jumps(neuron, 0.0, inputs, jumps, dt), np.exp(-dt / tau)
    m, s = inputs @ jumps * dt / (1 - a), np.sqrt(2 * inputs @ jumps**2 * dt / (1 - a**2))
    rates.append(exact.rate)
    improved.append(siegert.rate(neuron, m, s, dt=dt))  # threshold 0.5826 s sqrt(dt / tau) higher
    white = solve(neuron, m, s, dt)
    assert abs(improved[-1] / white.rate - 1) < 0.01  # the bound in siegert.rate
    # At the threshold the density is its slope beyond, 2 tau rate / s**2, times 1 / sqrt(2) of the
    # standard deviation of a step (Spitzer 1956), up to relative order sqrt(dt / tau).
    at_v_th = np.polynomial.Polynomial.fit(white.v[-10:], white.density[-10:], 9)(v_th)
    assert abs(at_v_th / (np.sqrt(2 * tau * dt) * white.rate / s) - 1) < np.sqrt(dt / tau)
    n, k = 100, round(seconds / dt)
    run = lif.poisson(neuron, 0, inputs, jumps, dt=dt, steps=k, neurons=n, record=(*range(n),))
    counts = np.bincount(run.ids[run.steps * dt > 0.2], minlength=n) / (seconds - 0.2)
    sem = counts.std() / np.sqrt(n)
    assert abs(counts.mean() - exact.rate) < 4 * sem
    left.errorbar(dt * 1e3, counts.mean(), sem, fmt="ko", ms=4)
left.plot(steps * 1e3, rates, "k", label="exact")
left.plot(steps * 1e3, improved, "tab:blue", label="diffusion, moved threshold")
left.axhline(siegert.rate(neuron, mu, sigma), color="tab:red", label="diffusion")
v, size = run.recorded[2000::20], np.linspace(-1e-3, 2e-3, 61)
for theory, color in (fokker_planck.stationary(neuron, mu, sigma), "tab:red"), (exact, "k"):
    middle.plot(theory.v * 1e3, theory.density / 1e3, color)
    percent = 100 * (theory.v[1] - theory.v[0]) * theory.density
    right.plot(size * 1e3, [np.sum(percent[theory.v > v_th - x]) for x in size], color)
density, edges = np.histogram(v * 1e3, np.arange(11, 15.05, 0.2))
middle.plot(edges[1:] - 0.1, density / v.size / 0.2, "ko", ms=4)
right.plot(size[::5] * 1e3, [100 * np.mean(v > v_th - x) for x in size[::5]], "ko", ms=4)
left.set(xlabel="time step (ms)", ylabel="rate (Hz)", ylim=(12, 14.2))
middle.set(xlabel="V (mV)", ylabel="density (1/mV)", xlim=(11, 15.2), ylim=(0, 0.1))
right.set(xlabel="further input (mV)", ylabel="neurons that fire at once (%)")
left.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "helias_2010.png")
