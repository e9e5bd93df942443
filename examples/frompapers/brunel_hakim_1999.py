"""Fast oscillations of a sparse inhibitory network whose neurons fire rarely.

N. Brunel & V. Hakim, Fast global oscillations in networks of integrate-and-fire neurons with low
firing rates, Neural Computation 11:1621-1671 (1999). Drawn: activity of 5,000 neurons with little
external noise (as Fig. 1), and spectra where more noise damps the oscillation: theory, simulation.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

from rheobase.models.neuron import LIF
from rheobase.models.reference import network as net
from rheobase.models.reference.observables import population_spectrum
from rheobase.models.theory.finite_size import spectrum
from rheobase.models.theory.mean_field import Network, Poisson, fixed_points
from rheobase.models.theory.stability import onset

# The network of Fig. 1, as in brian-team/brian2: examples/frompapers/Brunel_Hakim_1999.py
n, degree, jump, delay, mu = 5000, 1000, -0.1e-3, 2e-3, 25e-3
dt, small = 0.1e-3, 0.01e-3
neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)


def rate(sigma: float) -> float:
    return sigma**2 / neuron.tau_m / small**2  # of jumps of +-`small` that make this noise


def theory(sigma: float) -> Network:
    noise, mean = Poisson(rate(sigma), 1, small), rate(sigma) * small * neuron.tau_m
    return Network((neuron,), degree, jump, delay, mu - mean, noise, sizes=n)


def simulated(sigma: float, t_stop: float) -> net.Recording:
    cells = net.Population(neuron, n)
    inhibition = net.Projection(cells, cells, net.FixedInDegree(degree), jump, delay)
    noise = [net.Poisson(cells, rate(sigma) / 2, size) for size in (small, -small)]
    return net.simulate([cells], [inhibition], [*noise, net.Drive(cells, mu)], t_stop, dt, seed=1)


critical, at_onset = onset(theory, 1e-3, 5e-3)
# Sections 4-5: the period lies between 2 delays (noise modulated) and 4 (mean modulated); recalled
assert 1 / (4 * delay) < at_onset.frequency < 1 / (2 * delay)
# Fig. 1: the neurons fire at some 5 Hz, the population oscillates at some 180 Hz; recalled
(point,) = fixed_points(theory(critical))
assert 3 < point.rates[0] < 7 and abs(at_onset.frequency - 180) < 20
left, right = (figure := Figure(figsize=(8, 3.5), layout="constrained")).subplots(1, 2)
counts, edges = np.histogram(simulated(1e-3, 0.3).times, np.arange(0.2, 0.3, dt))
left.plot((edges[1:] - 0.2) * 1e3, counts / n / dt, lw=0.8)
left.set(xlabel="t (ms)", ylabel="rate (Hz)", title="1 mV of external noise")
for sigma, colour in ((3e-3, "C1"), (5e-3, "C0")):
    (point,), (times, ids, _) = fixed_points(network := theory(sigma)), simulated(sigma, 2.1)
    f, density = population_spectrum(times, ids, n, (0.1, 2.1), 5 * dt, 0.1)
    right.loglog(f, density, ".", color=colour)
    right.loglog(f, spectrum(network, point, f)[:, 0, 0].real, colour, label=f"sigma {sigma} V")
right.axvline(at_onset.frequency, color="k", ls=":", lw=1)
right.set(xlabel="f (Hz)", ylabel="spectrum of the rate (Hz)", title="damped")
right.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "brunel_hakim_1999.png")
