"""A memory held by activity: spontaneous and persistent states of one network.

D. J. Amit & N. Brunel, Model of global spontaneous activity and local structured activity during
delay periods in the cerebral cortex, Cerebral Cortex 7:237-252 (1997). Drawn: the self-consistent
rates of a selective population against its potentiation (as Fig. 5), and the rates' way from
spontaneous to persistent activity. The connectivity is ours.
"""

import sys
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

from rheobase.models.neuron import LIF
from rheobase.models.theory.mean_field import Network, Poisson, fixed_points

F, J, G = 0.1, 0.2e-3, 7.0  # selective fraction, weight (V), relative inhibition
TAU = np.array([20e-3, 20e-3, 10e-3])  # Table 1, as is the neurons' refractory time; recalled
e, i = (LIF(tau_m=tau, v_th=20e-3, v_reset=10e-3, t_ref=2e-3) for tau in TAU[1:].tolist())


def memory(p: float) -> Network:
    """Selective, other and inhibitory neurons; depression keeps the mean weight (section 2)."""
    m = 1 - F * (p - 1) / (1 - F)
    weights = J * np.array([[p, m, -G], [m, (1 - F * m) / (1 - F), -G], [1.5, 1.5, -1.5 * G]])
    noise = Poisson(2400.0, 1, np.array([0.3e-3, 0.3e-3, 0.45e-3]))
    return Network((e, e, i), [[80, 720, 200]] * 3, weights, external=noise)


def slope(t: float, r: np.ndarray, cue: float) -> np.ndarray:
    """Of the rates, while a cue (V) drives the selective neurons from 0.2 s to 0.3 s."""
    network = replace(memory(2.05), mu_ext=[cue if 0.2 <= t < 0.3 else 0.0, 0.0, 0.0])
    return (network.response(np.maximum(r, 0)) - r) / TAU


strengths = np.array([1.0, *np.linspace(1.8, 2.08, 9)])
states = [(p, s) for p in strengths for s in fixed_points(memory(p), max_rate=250.0)]
number = np.array([sum(p == each for each, _ in states) for p in strengths])
# Sections 3-4: one state for weak potentiation; beyond a critical one three, the middle unstable
assert number[0] == 1 and number[-1] == 3 and np.all(np.diff(number) >= 0)
assert [s.stable for _, s in states[-3:]] == [True, False, True]
# Abstract and Fig. 5: spontaneous rates of 1 to 5 Hz, which potentiation hardly changes; recalled
assert all(1 < s.rates[0] < 5.05 for p, s in states if s.rates[0] < 10)
left, right = (figure := Figure(figsize=(8, 3.5), layout="constrained")).subplots(1, 2)
for stable, marker in ((True, "o"), (False, "x")):
    points = [(p, s.rates[0]) for p, s in states if s.stable == stable]
    left.semilogy(*np.transpose(points), marker, label="stable" if stable else "unstable")
left.set(xlabel="potentiation", ylabel="rate of the selective neurons (Hz)")
left.legend()
for cue in (1e-3, 4e-3):
    way = solve_ivp(slope, (0, 0.8), states[-3][1].rates, args=(cue,), max_step=5e-3)
    right.plot(way.t, way.y[0], label=f"cue of {cue * 1e3:g} mV")
right.axvspan(0.2, 0.3, color="0.9")
right.set(
    xlabel="t (s)", ylabel="rate of the selective neurons (Hz)", title="a cue is kept, or not"
)
right.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "amit_brunel_1997.png")
