"""Synapses that take time: the rate falls, and the response becomes instantaneous.

N. Fourcaud & N. Brunel, Dynamics of the firing probability of noisy integrate-and-fire neurons,
Neural Computation 14:2057 (2002). Drawn against the synaptic time constant: the rate, by the
paper's law (threshold and reset move up by alpha / 2 sigma sqrt(tau_s / tau_m)) and by simulation;
and what is left of the response to an input of infinite frequency, 0 with white noise. The inputs
are ours.
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from scipy.signal import lfilter

from rheobase.models.neuron import LIF
from rheobase.models.reference import lif
from rheobase.models.theory import siegert
from rheobase.models.theory.colored_noise import shifts

tau, sigma, per = 20e-3, 5e-3, 20  # time steps in a tau_s
neuron = LIF(tau_m=tau, v_th=20e-3, v_reset=10e-3)
A = 1.3238  # of the response at high frequency, A rate / sigma sqrt(tau_s / tau_m) (recalled)
assert round(2 * shifts(neuron, tau)[0], 2) == 2.07  # alpha = sqrt(2) |zeta(1/2)|, after eq. 4.33


def simulate(mu, k):
    """Rate, response over rate / sigma, and their standard errors, with tau_s = k tau_m."""
    rng, decay, dt = np.random.default_rng(1), np.exp(-1 / per), k * tau / per
    noise = rng.standard_normal((round(60 / dt), 5))
    noise[1:] *= np.sqrt(1 - decay**2)
    s = sigma / np.sqrt(2 * k) * lfilter([1], [1, -decay], noise, axis=0)  # Ornstein-Uhlenbeck
    drive = mu + (s[1:] + s[:-1]) / 2  # mean over a step
    run = lif.given(neuron, drive, dt=dt)
    isi = np.concatenate([np.diff(run.steps[run.ids == i]) * dt for i in range(5)])
    # A step eps of the drive at once lifts the rate by eps / tau_m <1 / (dV/dt)>, over spikes.
    response = sigma / (drive[run.steps, run.ids] - neuron.v_th)
    sems = isi.std() / isi.mean() ** 2 / isi.size**0.5, response.std() / response.size**0.5
    return 1 / isi.mean(), response.mean(), *sems


figure = Figure(figsize=(8, 3.5), layout="constrained")
left, right = figure.subplots(1, 2)
ratios, few = np.array([0.02, 0.05, 0.1, 0.2, 0.5, 1.0]), np.append(0.02, np.linspace(0, 1, 101))
for mu, color in (20e-3, "tab:red"), (15e-3, "tab:blue"):
    data = [simulate(mu, k) for k in ratios]
    rate, response, rate_sem, response_sem = np.transpose(data)
    rises = [sigma * shifts(neuron, k * tau)[0] if k else 0.0 for k in few]
    law = [siegert.rate(LIF(tau, neuron.v_th + x, neuron.v_reset + x), mu, sigma) for x in rises]
    assert abs(rate[0] - law[0]) < 3 * rate_sem[0] + 0.05 * law[0]  # colored_noise.in_domain: 5 %
    # The law's relative correction is of the order of the small parameter, sqrt(tau_s / tau_m).
    assert abs(response[0] / A - ratios[0] ** 0.5) < 3 * response_sem[0] / A + ratios[0]
    left.plot(few[1:], law[1:], color, label=f"mean input {mu * 1e3:g} mV")
    left.errorbar(ratios, rate, rate_sem, fmt="o", ms=4, color=color)
    right.errorbar(ratios, response, response_sem, fmt="o", ms=4, color=color)
left.set(xlabel=r"$\tau_s / \tau_m$", ylabel="rate (Hz)", ylim=(0, None))
right.plot(few[1:], A * few[1:] ** 0.5, "k", label=r"$1.3238 \sqrt{\tau_s / \tau_m}$")
right.set(xlabel=r"$\tau_s / \tau_m$", ylabel=r"response at high frequency ($\nu / \sigma$)")
left.legend(), right.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "fourcaud_brunel_2002.png")
