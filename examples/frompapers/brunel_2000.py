"""Rates and states of a sparse network of excitatory and inhibitory neurons.

N. Brunel, Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons,
Journal of Computational Neuroscience 8:183-208 (2000). Drawn: the mean-field rate in the plane of
Fig. 2, four points named by linear response, and the activity of 12,500 neurons there (Fig. 8).
"""

import sys

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from rheobase.models.reference import network as net
from rheobase.models.theory.mean_field import fixed_points
from rheobase.models.theory.stability import stability
from rheobase.models.theory.states import brunel_network, state

POINTS = {"A": (3.0, 2.0), "B": (6.0, 4.0), "C": (5.0, 2.0), "D": (4.5, 0.9)}  # Fig. 8: g, eta
J, DT = 0.1e-3, 0.1e-3  # V, s


def activity(g: float, eta: float, t_stop: float = 0.25) -> np.ndarray:
    """Rate of the simulated network in each step, Hz."""
    e, i = map(net.Population, brunel_network(g, eta).neurons, (10_000, 2_500))
    synapses = [
        net.Projection(pre, post, net.FixedInDegree(k), weight, 1.5e-3)
        for pre, k, weight in ((e, 1000, J), (i, 250, -g * J))
        for post in (e, i)
    ]
    noise = [net.Poisson(post, eta * 10.0 * 1000, J) for post in (e, i)]
    times = net.simulate([e, i], synapses, noise, t_stop, DT, seed=1).times
    return np.histogram(times, np.arange(0.5, t_stop / DT + 1) * DT)[0] / 1.25


network = {name: brunel_network(*at) for name, at in POINTS.items()}
point = {name: fixed_points(n)[0] for name, n in network.items()}
rate = {name: activity(*at) for name, at in POINTS.items()}
# Table 2, theory: rates of B, C and D, frequencies of B and D
np.testing.assert_allclose([point[k].rates[0] for k in "BCD"], [55.8, 38.0, 6.5], atol=0.051)
frequency = [stability(network[k], point[k]).frequency for k in "BD"]
np.testing.assert_allclose(frequency, [190, 29], rtol=0.02)
batches = rate["C"][500:].reshape(10, 200).mean(axis=1)  # Table 2, simulation: 37.7 Hz in C
assert abs(batches.mean() - 37.7) < 4 * batches.std(ddof=1) / np.sqrt(10)

g, eta = np.linspace(2.5, 8, 12), np.linspace(0.9, 4.5, 10)
map_ = [[fixed_points(brunel_network(x, y))[-1].rates[0] for x in g] for y in eta]
figure = Figure(figsize=(9, 5), layout="constrained")
grid = figure.add_gridspec(4, 2)
plane = figure.add_subplot(grid[:, 0], xlabel="g", ylabel=r"$\nu_{ext}/\nu_{thr}$")
colours = plane.pcolormesh(g, eta, map_, norm=LogNorm(1, 400))
figure.colorbar(colours, ax=plane, label="rate (Hz)")
for row, (name, at) in enumerate(POINTS.items()):
    label = f"{name}: {state(network[name], point[name])}"
    plane.annotate(label, at, ha="center", bbox={"fc": "white", "alpha": 0.7, "ec": "none"})
    axes = figure.add_subplot(grid[row, 1], ylabel="Hz")
    axes.plot(np.arange(1500) * DT * 1e3, rate[name][1000:], lw=0.6, label=label)
    axes.legend(loc="upper right")
axes.set_xlabel("t (ms)")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "brunel_2000.png")
