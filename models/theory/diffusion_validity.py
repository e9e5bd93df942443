"""Where Poisson spikes may be taken as white noise, and what that costs.

The diffusion approximation replaces spikes of rates R_j and jumps w_j by white noise with

    mu = tau_m sum_j R_j w_j,        sigma**2 = tau_m sum_j R_j w_j**2

(convention ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``; Tuckwell 1988; Brunel
2000). It asks for many spikes per tau_m, for jumps far smaller than the distance to threshold, and
for synaptic currents far shorter than tau_m. Here these three stand beside what they bring about:
the Siegert rate, and the rate without the approximation (`fixed_jumps`).
"""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike

from ..neuron import LIF
from ..units import show
from . import fixed_jumps, shot_noise, siegert


@dataclass(frozen=True)
class DiffusionValidity:
    """The three conditions, and what follows.

    Attributes
    ----------
    spikes_per_tau : float
        ``tau_m sum_j R_j``; should be >> 1.
    jump_to_threshold : float
        Largest ``|w_j|`` over ``v_th - v_rest``; should be << 1.
    tau_s_to_tau_m : float
        Synaptic over membrane time constant; should be << 1. 0 for instantaneous jumps.
    mu, sigma : float
        Drive and noise of the diffusion approximation in V.
    skewness : float
        Of the membrane without a threshold; a Gaussian has 0.
    siegert_rate : float
        Rate under white noise in Hz.
    exact_rate, exact_error : float
        Rate in Hz under instantaneous jumps without the approximation; bound on its relative error.
    colored_rate : float or None
        Rate in Hz under noise filtered with tau_s (Fourcaud & Brunel 2002), still Gaussian.
    """

    spikes_per_tau: float
    jump_to_threshold: float
    tau_s_to_tau_m: float
    mu: float
    sigma: float
    skewness: float
    siegert_rate: float
    exact_rate: float
    exact_error: float
    colored_rate: float | None

    @property
    def siegert_error(self) -> float:
        """Relative error of the Siegert rate; inf where only that one is not 0."""
        if self.exact_rate == 0:
            return inf if self.siegert_rate > 0 else 0.0
        return self.siegert_rate / self.exact_rate - 1

    def __str__(self) -> str:
        conditions = [
            ("input spikes per tau_m", self.spikes_per_tau, ">> 1"),
            ("largest jump / (v_th - v_rest)", self.jump_to_threshold, "<< 1"),
            ("tau_s / tau_m", self.tau_s_to_tau_m, "<< 1"),
            ("skewness of the free membrane", self.skewness, "0"),
        ]
        rates = [
            (
                "rate, white noise (Siegert)",
                self.siegert_rate,
                f"off by {100 * self.siegert_error:+.2f} %",
            ),
            ("rate, jumps (exact)", self.exact_rate, ""),
        ]
        if self.colored_rate is not None:
            rates.append(("rate, colored noise", self.colored_rate, ""))
        mu, sigma = show(self.mu, "V"), show(self.sigma, "V")
        lines = [f"diffusion approximation with mu = {mu}, sigma = {sigma}"]
        lines += [f"  {name:32}{x:<12.4g}should be {goal}" for name, x, goal in conditions]
        lines += [f"  {name:32}{show(x, 'Hz', 5):12}{note}" for name, x, note in rates]
        return "\n".join(line.rstrip() for line in lines)


def diffusion_validity(
    neuron: LIF, rates: ArrayLike, weights: ArrayLike, tau_s: float | None = None
) -> DiffusionValidity:
    """Judge the diffusion approximation of one neuron's input.

    Parameters
    ----------
    neuron : LIF
    rates : array_like (synapses,)
        Total spike rate of each kind of synapse in Hz, >= 0.
    weights : array_like (synapses,)
        Jump of the membrane at one spike in V, negative is inhibitory; with `tau_s`, the charge of
        a spike over the capacitance.
    tau_s : float, optional
        Time constant of the synaptic currents in s, > 0. `exact_rate` is that of instantaneous
        jumps all the same; `colored_rate` says what the filter does, and `siegert.rate` warns
        where it has not been found reliable.

    Returns
    -------
    DiffusionValidity

    Raises
    ------
    ValueError
        An argument is out of range; nothing arrives; or spikes are so rare that `fixed_jumps`
        cannot tell their rate.
    """
    exact = fixed_jumps.solve(neuron, rates, weights)
    if tau_s is not None and not 0 < tau_s < inf:
        raise ValueError(f"tau_s must be finite and > 0 s, not {tau_s!r}")
    skewness = shot_noise.skewness(neuron, rates, weights, tau_s or 0.0)
    r, w = np.atleast_1d(rates).astype(float), np.atleast_1d(weights).astype(float)
    mu, sigma = neuron.tau_m * float(r @ w), sqrt(neuron.tau_m * float(r @ w**2))
    colored = None if tau_s is None else float(siegert.rate(neuron, mu, sigma, tau_s=tau_s))
    return DiffusionValidity(
        spikes_per_tau=neuron.tau_m * float(r[w != 0].sum()),
        jump_to_threshold=float(np.abs(w[r > 0]).max() / (neuron.v_th - neuron.v_rest)),
        tau_s_to_tau_m=(tau_s or 0.0) / neuron.tau_m,
        mu=mu,
        sigma=sigma,
        skewness=skewness,
        siegert_rate=float(siegert.rate(neuron, mu, sigma)),
        exact_rate=exact.rate,
        exact_error=exact.error,
        colored_rate=colored,
    )
