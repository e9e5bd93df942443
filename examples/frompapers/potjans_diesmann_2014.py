"""Stationary rates of a cortical microcircuit in mean field.

T. C. Potjans & M. Diesmann, The cell-type specific cortical microcircuit, Cerebral Cortex 24:785
(2014): eight populations below 1 mm^2, connected with the probabilities of Table 5. Drawn: their
rates as in Fig. 6, by the self-consistent Siegert equation with the synapses' time constant
(Fourcaud & Brunel 2002); beside them the same theory by NNMT (Layer et al. 2022).
"""

import sys
import warnings

import numpy as np
from matplotlib.figure import Figure

from rheobase.models.neuron import LIF
from rheobase.models.theory.mean_field import Network, Poisson, relax

NAMES = ["L2/3E", "L2/3I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"]
N = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])  # Table 5
PROBABILITY = np.array(  # Table 5: of a synapse from column to row
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
K_EXT = [1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100]  # Table 5, at 8 Hz
NNMT = [0.7541883, 2.7937084, 4.4402185, 5.8229256, 7.1535879, 8.469816, 1.1597372, 7.7557158]

synapses = np.rint(np.log1p(-PROBABILITY) / np.log1p(-1 / np.outer(N, N)))  # eq. 1
tau_s = 0.5e-3
jump = tau_s * 87.8e-12 / 250e-12  # V: the charge of a synaptic current of 87.8 pA on 250 pF
weights = np.tile([jump, -4 * jump], (8, 4))
weights[0, 2] = 2 * jump  # from L4E to L2/3E
neuron = LIF(tau_m=10e-3, v_th=-50e-3, v_reset=-65e-3, v_rest=-65e-3, t_ref=2e-3)  # Table 5
inputs = Poisson(8.0, K_EXT, jump)
circuit = Network((neuron,) * 8, synapses / N[:, None], weights, external=inputs, tau_s=tau_s)
warnings.filterwarnings("ignore", "the boundary shift")  # tau_s is 0.05 tau_m, more than its 0.03
rates = relax(circuit).rates

# NNMT 1.3, tests/fixtures/integration/data/std_results.h5 (INM-6/nnmt@a5cc295), method "shift". It
# raises the reset as far as the threshold; here it forgets exp(-t_ref / tau_s), a change below 1 %.
np.testing.assert_allclose(rates, NNMT, rtol=0.01)
# Section "Spontaneous activity": inhibitory rates exceed excitatory ones in every layer, L5E is the
# most active excitatory population, L2/3E and L6E fire at about 1 Hz.
assert np.all(rates[1::2] > rates[::2]) and rates[::2].argmax() == 2 and np.all(rates[[0, 6]] < 1.5)

figure = Figure(figsize=(6, 3.5), layout="constrained")
axes = figure.subplots()
axes.set(xlabel="rate (Hz)", title="Cortical microcircuit: stationary rates")
axes.barh(NAMES, rates, color=["tab:blue", "tab:red"] * 4, label="mean field")
axes.plot(NNMT, NAMES, "k|", ms=16, label="NNMT")
axes.invert_yaxis()
axes.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "potjans_diesmann_2014.png")
