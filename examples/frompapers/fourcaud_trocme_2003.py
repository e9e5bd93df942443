"""What the onset of the spike does to a neuron's response: EIF beside LIF.

N. Fourcaud-Trocme, D. Hansel, C. van Vreeswijk & N. Brunel, How spike generation mechanisms
determine the neuronal response to fluctuating inputs, Journal of Neuroscience 23:11628 (2003); the
EIF fits to Wang & Buzsaki (1996), as in quanpeng0/BrainModels: brainmodels/neurons/ExpIF.py. Drawn:
f-I curves, simulated and in theory, and the response to an oscillating current, beside a LIF's.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

from rheobase.models.neuron import EIF, LIF
from rheobase.models.reference.network import Drive, Poisson, Population, simulate
from rheobase.models.theory import exponential, siegert
from rheobase.models.theory.linear_response import susceptibility

both = {"tau_m": 10e-3, "v_rest": -65e-3, "v_th": -59.9e-3, "v_reset": -68e-3, "t_ref": 1.7e-3}
eif, lif = EIF(**both, delta_t=3.48e-3, v_peak=0.0), LIF(**both)  # Table 1
tau, scale = eif.tau_m, 0.1e3  # leak conductance 0.1 mS/cm2: uA/cm2 per V of drive

# Threshold current of the Wang-Buzsaki model and of the fit: 0.16 uA/cm2 (recalled).
below, above = exponential.rate(eif, np.array([0.155, 0.165]) / scale, 0.0)
assert below == 0 < above

sigma, mu, frequency = 6e-3, 3e-3, np.geomspace(1, 1e4, 80)
rate = exponential.rate(eif, mu, sigma)
response = susceptibility(eif, mu, sigma, frequency)
response_lif = susceptibility(lif, siegert.mu_for_rate(lif, rate, sigma), sigma, frequency)
# At high frequency the EIF's response is rate / (i omega tau delta_t), the LIF's rate / sigma
# sqrt(2 / (i omega tau)) (Brunel et al. 2001), to relative order 1 / sqrt(omega tau) at least.
s = 2j * np.pi * frequency * tau
limit, limit_lif = rate / (s * eif.delta_t), rate / sigma * np.sqrt(2 / s)
for ratio in response / limit, response_lif / limit_lif:
    assert np.all(np.abs(ratio - 1)[frequency > 1000] < np.abs(s[frequency > 1000]) ** -0.5)

figure = Figure(figsize=(11, 3.5), layout="constrained")
left, middle, right = figure.subplots(1, 3)
drives, z = np.linspace(-2e-3, 6e-3, 81), []
for noise, color in (0.0, "k"), (2e-3, "tab:blue"), (6e-3, "tab:red"):
    rates = exponential.rate(eif, drives, noise)
    left.plot(drives * scale, rates, color, label=rf"$\sigma$ = {noise * 1e3:g} mV")
    for mean, expected in zip(drives[30::25], rates[30::25], strict=True) if noise else ():
        cells, jump = Population(eif, 100), noise / 60  # 3600 spikes in tau: nearly white
        inputs = [Drive(cells, mean), *(Poisson(cells, 1800 / tau, w) for w in (jump, -jump))]
        times, _, _ = simulate([cells], [], inputs, t_stop=2.2, dt=2e-5, seed=1)
        found = np.sum(times > 0.2) / 200  # in 2 s, 100 neurons
        z.append((found - expected) / np.sqrt(expected / 200))
        left.plot(mean * scale, found, "o", color=color, ms=4)
assert np.abs(z).max() < 4  # the counts of neurons more regular than Poisson vary less
left.set(xlabel=r"current ($\mu$A/cm$^2$)", ylabel="rate (Hz)")
for name, curve, end in ("EIF", response, limit), ("LIF", response_lif, limit_lif):
    (line,) = middle.loglog(frequency, np.abs(curve) / scale, label=name)
    middle.loglog(frequency[50:], np.abs(end[50:]) / scale, ":", color=line.get_color())
    right.semilogx(frequency, np.degrees(np.angle(curve)))
right.set(xlabel="frequency (Hz)", ylabel="phase (degrees)", yticks=[0, -45, -90])
middle.set(xlabel="frequency (Hz)", ylabel=r"response (Hz cm$^2$/$\mu$A)")
left.legend(), middle.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "fourcaud_trocme_2003.png")
