"""How often a LIF neuron on a time grid spikes in each step after a release at v_reset.

The floating-point simulator itself (`discrete_time`), followed in time while its white noise
changes: with the density p of v after a step, the transition density q(v, v') of a step, the
probability e(v) to spike in it, and s the probability of a spike,

    s_k = int p_k(v) e(v) dv + b_k e(v_reset)
    p_{k+1}(v') = int p_k(v) q(v, v') dv + b_k q(v_reset, v')

where b_k is the probability to leave v_reset in step k: 1 in the first one, then ``s_{k-R-1}``,
with ``R = round(t_ref / dt)``. Quadrature by Gauss-Legendre, on nodes that serve all noise.

Convention: ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``.
"""

from collections.abc import Sequence
from math import ceil, expm1, sqrt

import numpy as np
from numpy.typing import NDArray

from ..neuron import LIF
from ..stimulus import WhiteNoise
from .discrete_time import PANEL, POINTS, REACH, check_step, gaussian_chain


def spikes(
    neuron: LIF, phases: Sequence[tuple[WhiteNoise, int]], dt: float
) -> tuple[NDArray[np.float64], float]:
    """Probability of a spike in each step.

    Parameters
    ----------
    neuron : LIF
    phases : sequence of (WhiteNoise, int)
        The noise, sigma > 0, and how many steps it lasts; one after the other.
    dt : float
        Time step in s.

    Returns
    -------
    probability : ndarray, shape (steps,)
    error : float
        Estimate of the absolute error of each, from quadratures with fewer points.

    Raises
    ------
    ValueError
        An argument is out of range.
    """
    if not phases or any(noise.sigma <= 0 or steps < 1 for noise, steps in phases):
        raise ValueError(f"phases need sigma > 0 V and at least one step, not {phases!r}")
    fine, coarse = (_follow(neuron, phases, dt, points) for points in (POINTS, POINTS - 2))
    return fine, float(np.abs(fine - coarse).max())


def _follow(
    neuron: LIF, phases: Sequence[tuple[WhiteNoise, int]], dt: float, points: int
) -> NDArray[np.float64]:
    per_step = sqrt(-expm1(-2 * dt / neuron.tau_m) / 2)
    lowest = min(
        min(neuron.v_reset, neuron.v_rest + noise.mu) - REACH * noise.sigma / sqrt(2)
        for noise, _ in phases
    )
    smallest = per_step * min(noise.sigma for noise, _ in phases)
    panels = ceil((neuron.v_th - lowest) / (PANEL * smallest))
    x, w = np.polynomial.legendre.leggauss(points)
    half = (neuron.v_th - lowest) / (2 * panels)
    nodes = (lowest + half * (2 * np.arange(panels)[:, None] + 1 + x)).ravel()
    weights = np.tile(half * w, panels)
    mass = np.zeros(nodes.size)
    found = np.empty(sum(steps for _, steps in phases))
    now = 0
    for noise, steps in phases:
        m, a, refractory = check_step(neuron, noise.mu, dt)
        chain = gaussian_chain(nodes, weights, m, a, per_step * noise.sigma, neuron)
        onward = chain.transition.T.tocsr()
        for _ in range(steps):
            begin = 1.0 if now == 0 else found[now - refractory - 1] if now > refractory else 0.0
            found[now] = mass @ chain.escape + begin * chain.first_escape
            mass = onward @ mass + begin * chain.first
            now += 1
    return found
