"""The rate of a neuron that feels single spikes, beside the diffusion approximation.

M. J. E. Richardson & R. Swarbrick, Firing-rate response of a neuron receiving excitatory and
inhibitory synaptic shot noise, Physical Review Letters 105:178102 (2010): synapses make the
membrane jump by exponentially distributed sizes. Drawn (parameters are ours): the exact rate,
the diffusion approximation of the same mean and variance, and a simulation; and how they differ.
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import quad

from rheobase.models.neuron import LIF
from rheobase.models.reference.shot_noise import spikes
from rheobase.models.theory import shot_noise, siegert

tau, theta, reset, sigma = 20e-3, 10e-3, 5e-3, 4e-3
neuron = LIF(tau, theta, reset)


def inputs(mu, jump):
    """R_e, a_e, R_i, a_i = -a_e: the free membrane has mean mu and variance sigma**2 / 2."""
    both, difference = sigma**2 / (2 * tau * jump**2), mu / (tau * jump)  # as <a**2> = 2 jump**2
    return (both + difference) / 2, jump, (both - difference) / 2, -jump


# The published equation of the rate (recalled) as it stands: an integral over s up to 1 / a_e.
rate_e, a_e, rate_i, a_i = inputs(7e-3, 0.5e-3)
interval, error = quad(
    lambda s: tau / s * (1 - a_e * s) ** (tau * rate_e) * (1 - a_i * s) ** (tau * rate_i)
    * (np.exp(s * theta) / (1 - a_e * s) - np.exp(s * reset)), 0, 1 / a_e, epsrel=1e-11,
)  # fmt: skip
rate = shot_noise.rate(neuron, rate_e, a_e, rate_i, a_i)
assert abs(rate * interval - 1) < 1e-9 + error / interval  # shot_noise.rate's bound, and quad's
# The limit of small jumps is the diffusion (the paper's): within the last step of extrapolation.
first, second, third = shot_noise.rate(neuron, *inputs(7e-3, sigma / np.array([128, 256, 512])))
linear, quadratic = 2 * third - second, (8 * third - 6 * second + first) / 3
assert abs(quadratic - siegert.rate(neuron, 7e-3, sigma)) < abs(quadratic - linear) < 1e-4 * third
figure = Figure(figsize=(8, 3.5), layout="constrained")
left, right = figure.subplots(1, 2)
means, sizes, z = np.linspace(0, 8e-3, 65), np.linspace(2e-5, 1e-3, 50), []
left.plot(means * 1e3, siegert.rate(neuron, means, sigma), "k--", label="diffusion")
for jump, color in (0.25e-3, "tab:blue"), (1e-3, "tab:red"):
    theory = shot_noise.rate(neuron, *inputs(means, jump))
    left.plot(means * 1e3, theory, color, label=f"mean jump {jump * 1e3:g} mV")
    for mu, expected in zip(means[::8], theory[::8], strict=True):
        rates = inputs(mu, jump)[::2]
        isi = np.diff(spikes(neuron, rates, [jump, -jump], t_stop=400.0, exponential=True))
        left.plot(mu * 1e3, 1 / isi.mean(), "o", ms=4, color=color)
        z.append((isi.mean() - 1 / expected) / isi.std() * isi.size**0.5)
assert np.abs(z).max() < 4  # 18 points: by chance once in 900
for mu, style in (2e-3, ":"), (4e-3, "--"), (7e-3, "-"):
    ratio = shot_noise.rate(neuron, *inputs(mu, sizes)) / siegert.rate(neuron, mu, sigma)
    right.plot(sizes * 1e3, ratio, "k" + style, label=f"mean {mu * 1e3:g} mV")
left.set(xlabel="mean of the membrane (mV)", ylabel="rate (Hz)")
right.set(xlabel="mean jump (mV)", ylabel="rate / rate of the diffusion")
left.legend(), right.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "richardson_swarbrick_2010.png")
