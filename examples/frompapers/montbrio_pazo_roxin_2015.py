"""The exact mean field of a population of QIF neurons, bistable and ringing.

E. Montbrio, D. Pazo & A. Roxin, Macroscopic description for networks of spiking neurons, Physical
Review X 5:021028 (2015). Drawn: where the population is bistable (as Fig. 1c), and how rate and
mean voltage answer a step of the input in theory and in a network of 2,000 neurons (as Fig. 2).
"""

import sys

import numpy as np
from matplotlib.figure import Figure

from rheobase.models.neuron import QIF
from rheobase.models.reference.network import Bernoulli, Drive, Population, Projection, simulate
from rheobase.models.theory import quadratic

tau, unit, n, dt = 20e-3, 10e-3, 2000, 0.1e-3  # the paper's unit of time; of voltage: any
neuron = QIF(tau_m=tau, v_scale=unit)
eta, delta, coupling, step = -5 * unit, 1 * unit, 15 * unit, 3 * unit  # Fig. 2
# (so in halgurdtaher/MeanfieldQIF: Examples/MPR2015)

rest, saddle, ringing = quadratic.fixed_points(neuron, eta, delta, coupling)
# Roots of eq. 12's quartic at these parameters, in 1/tau, and their kinds (section IV):
found = [point.rate * tau for point in (rest, saddle, ringing)]
np.testing.assert_allclose(found, [0.081134, 0.472980, 1.030597], atol=5e-7)
assert [p.kind for p in (rest, saddle, ringing)] == ["node", "saddle", "focus"]
# Eq. 16: without coupling the rate is sqrt(eta + sqrt(eta**2 + Delta**2)) / (sqrt(2) pi)
(free,) = quadratic.fixed_points(neuron, 2 * unit, delta, 0.0)
np.testing.assert_allclose(free.rate * tau, np.sqrt(2 + np.sqrt(5)) / (np.sqrt(2) * np.pi))

t = np.arange(0, 1.6, dt)
drive = np.where((t >= 0.4) & (t < 1.0), step, 0.0)  # I = 3 for 30 tau
rate, _ = quadratic.evolve(
    neuron, eta, delta, coupling, t, (rest.rate, rest.voltage),
    lambda s: step if 0.4 <= s < 1.0 else 0.0,
)  # fmt: skip

quantile = (2 * np.arange(1, n + 1) - n - 1) / (n + 1)
lorentzian = np.tan(np.pi / 2 * quantile)
cells = Population(neuron, n, v0=rest.voltage + unit * np.pi * rest.rate * tau * lorentzian[::-1])
all_to_all = Projection(cells, cells, Bernoulli(1.0), coupling / n, dt)
inputs = [Drive(cells, eta + delta * lorentzian), Drive(cells, drive[:, None])]
times, _, _ = simulate([cells], [all_to_all], inputs, t_stop=1.6, dt=dt, seed=1)
counts, edges = np.histogram(times, np.arange(0, 1.6, tau / 5))
middle = (edges[1:] + edges[:-1]) / 2
network = counts / (n * tau / 5)

figure = Figure(figsize=(8, 3.5), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=[1, 2])
strength = np.linspace(0, 25, 200)
ranges = [quadratic.bistable_range(neuron, delta, j * unit) for j in strength]
low, high = np.array([r or (np.nan, np.nan) for r in ranges]).T / unit
left.fill_betweenx(strength, low, high, alpha=0.4)
left.set(xlabel=r"$\eta/\Delta$", ylabel=r"$J/\Delta$", title="bistable", xlim=(-15, 0))
right.plot(middle, network, ".", ms=3, color="gray", label=f"{n} neurons")
right.plot(t, rate, "k", lw=1, label="exact mean field")
right.set(xlabel="t (s)", ylabel="rate (Hz)", title="I = 3 between 0.4 s and 1 s")
right.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "montbrio_pazo_roxin_2015.png")
