"""The rate of a neuron that feels single spikes, beside the diffusion approximation.

M. J. E. Richardson & R. Swarbrick, Firing-rate response of a neuron receiving excitatory and
inhibitory synaptic shot noise, Physical Review Letters 105:178102 (2010). Synapses make the
membrane jump by exponentially distributed sizes. Drawn: the exact rate, the diffusion approximation
of the same mean and variance, and simulation, against the rate of the excitatory spikes for three
sizes of jumps; and how the error vanishes with the jumps. The parameters are ours.
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import quad

from rheobase.models.neuron import LIF
from rheobase.models.reference import shot_noise as simulation
from rheobase.models.theory import shot_noise, siegert

tau, theta, reset = 20e-3, 10e-3, 5e-3
neuron = LIF(tau_m=tau, v_th=theta, v_reset=reset)
mu, sigma = 7e-3, 4e-3  # free membrane: mean mu, variance sigma**2 / 2


def inputs(jump, mu=mu):
    """(R_e, a_e, R_i, a_i) with mean mu, variance as above and a_e = -a_i = jump."""
    both, difference = sigma**2 / (2 * tau * jump**2), mu / (tau * jump)  # <a**2> = 2 jump**2
    return (both + difference) / 2, jump, (both - difference) / 2, -jump


# The published equation for the rate (recalled), as it stands: an integral over s to 1 / a_e.
rate_e, jump_e, rate_i, jump_i = inputs(0.5e-3)
mean_interval, bound = quad(
    lambda s: tau / s * (1 - jump_e * s) ** (tau * rate_e) * (1 - jump_i * s) ** (tau * rate_i)
    * (np.exp(s * theta) / (1 - jump_e * s) - np.exp(s * reset)), 0, 1 / jump_e, epsrel=1e-11,
)  # fmt: skip
exact = shot_noise.rate(neuron, *inputs(0.5e-3))
assert abs(exact * mean_interval - 1) < bound / mean_interval + 1e-9  # the module's own bound

# The paper's limit of small jumps is the diffusion: the error is of first order in the jump, so
# that two sizes cancel it and each further halving divides what is left by 4, to first order in
# the jump once more: relative to 4 by about jump / sigma.
diffusion = siegert.rate(neuron, mu, sigma)
sizes = sigma * 2.0 ** -np.arange(3, 10)
rates = np.array([shot_noise.rate(neuron, *inputs(a)) for a in sizes])
left = 2 * rates[1:] - rates[:-1] - diffusion
np.testing.assert_allclose(left[:-1] / left[1:], 4, rtol=4 * sizes[0] / sigma)
print(rates / diffusion - 1, left[:-1] / left[1:])

figure = Figure(figsize=(8, 3.5), layout="constrained")
left, right = figure.subplots(1, 2)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "richardson_swarbrick_2010.png")
