"""Balance of strong excitation and inhibition: linear rates, irregular spikes.

C. van Vreeswijk & H. Sompolinsky, Chaotic balanced state in a model of cortical circuits, Neural
Computation 10:1321 (1998); Science 274:1724 (1996). Their weights, LIF neurons in place of binary
units. Drawn: rates linear in the external rate (Fig. 3) that approach their limit as 1/sqrt(K).
"""

import sys

import numpy as np
from matplotlib.figure import Figure

from rheobase.models.neuron import LIF
from rheobase.models.reference import network as net
from rheobase.models.reference.observables import cvs, rates
from rheobase.models.theory import balanced
from rheobase.models.theory.mean_field import fixed_points

# 1996, Fig. 1: J_EE = J_IE = 1, J_EI = -2, J_II = -1.8, E = 1, I = 0.8 (of v_th = 20 mV)
weights, external = np.array([[1, -2], [1, -1.8]]), np.array([1, 0.8])
# 1998, eqs 4.3-4.4: m_E = (J_I E - J_E I)/(J_E - J_I) m_0 = m_0 and m_I = (E - I)/(J_E - J_I) m_0
np.testing.assert_allclose(balanced.rates(weights, external), [1, 1])
assert balanced.balance(weights, external).exists  # eqs 4.9-4.10: E/I = 1.25 > J_E/J_I = 1.11 > 1
neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
pair, j, x = (neuron, neuron), weights * neuron.v_th, external * neuron.v_th


def theory(rate: float, k: float) -> np.ndarray:
    return fixed_points(balanced.network(pair, j, x, rate, k))[0].rates


def simulated(rate: float, k: int) -> tuple[float, float]:
    cells, window = [net.Population(neuron, 2000), net.Population(neuron, 2000)], (0.1, 0.4)
    lines = [
        net.Projection(cells[b], cells[a], net.FixedInDegree(k), j[a, b] / np.sqrt(k), 0.1e-3)
        for a, b in np.ndindex(2, 2)
    ]
    noise = [net.Poisson(cells[i], rate * k, x[i] / np.sqrt(k)) for i in (0, 1)]
    times, ids, _ = net.simulate(cells, lines, noise, window[1], 0.1e-3, seed=1)
    return rates(times, ids, 4000, window)[:2000].mean(), cvs(times, ids, 4000, window)[1].mean()


drives, degrees = np.linspace(6, 30, 7), np.logspace(2, 6, 9)
left, right = (figure := Figure(figsize=(8, 3.5), layout="constrained")).subplots(1, 2)
for k in (100, 1000, 10_000):
    left.plot(drives, [theory(r, k)[0] for r in drives], label=f"K = {k}")
left.plot(drives, drives, "k--", lw=1, label="balance")
points, irregular = zip(*[simulated(r, 100) for r in (10.0, 25.0)], strict=True)
left.plot((10, 25), points, "o", label="4,000 neurons")
left.set(xlabel="external rate (Hz)", ylabel="excitatory rate (Hz)", title="linear")
left.legend()
assert min(irregular) > 0.8  # 1996: "strongly irregular", close to Poisson
distance = np.array([theory(10.0, k) - 10.0 for k in degrees])
limit = balanced.correction(balanced.network(pair, j, x, 10.0, 1.0))
# 1998, section 4: corrections are of order 1/sqrt(K); at K = 1e6 the next order is left
np.testing.assert_allclose(distance[-1] * 1e3, limit, rtol=0.01)
right.loglog(degrees, distance, label=["E", "I"])
right.loglog(degrees, limit / np.sqrt(degrees)[:, None], "k--", lw=1)
right.set(xlabel="K", ylabel="rate - balanced rate (Hz)", title=r"E above I: $1/\sqrt{K}$")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "van_vreeswijk_sompolinsky_1998.png")
