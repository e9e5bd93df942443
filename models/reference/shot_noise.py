"""One LIF neuron under Poisson jumps in continuous time, from event to event: no time step.

Between two events the membrane relaxes, ``V = m + (V - m) exp(-t / tau_m)`` with ``m = v_rest +
mu``, and may cross the threshold on the way where m lies above it; at an event it jumps (Stein
1965). Both are exact, so the only errors are statistical. Input during the refractory time is
discarded.
"""

from math import exp, inf, log

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..neuron import LIF


@njit(cache=True)
def _run(
    theta: float,
    reset: float,
    tau: float,
    t_ref: float,
    rates: NDArray,
    jumps: NDArray,
    exponential: bool,
    t_stop: float,
    stream: np.random.Generator,
) -> NDArray:
    """Spike times; the voltages count from m."""
    spikes, count = np.empty(1024), 0
    total = rates.sum()
    t, x = 0.0, reset
    while True:
        wait = stream.exponential() / total if total > 0.0 else np.inf
        crossing = tau * log(x / theta) if theta < 0.0 else np.inf
        t += min(wait, crossing)
        if t > t_stop:
            return spikes[:count]
        if wait < crossing:
            pick = stream.random() * total
            j = 0
            while pick >= rates[j] and j < rates.size - 1:
                pick -= rates[j]
                j += 1
            size = jumps[j] * stream.exponential() if exponential else jumps[j]
            x = x * exp(-wait / tau) + size
            if x < theta:
                continue
        if count == spikes.size:
            spikes = np.append(spikes, np.empty(count))
        spikes[count] = t
        count += 1
        t += t_ref
        x = reset


def spikes(
    neuron: LIF,
    rates: ArrayLike,
    jumps: ArrayLike,
    mu: float = 0.0,
    *,
    t_stop: float,
    exponential: bool = False,
    seed: int = 1,
) -> NDArray[np.float64]:
    """Spike times of one neuron that starts at v_reset.

    Parameters
    ----------
    neuron : LIF
    rates : array_like (synapses,)
        Total spike rate of each kind of synapse in Hz, >= 0.
    jumps : array_like (synapses,)
        Jump of the membrane at one spike in V; negative is inhibitory.
    mu : float
        Constant drive in V.
    t_stop : float
        Duration in s, >= 0.
    exponential : bool
        Jump sizes are exponentially distributed, and `jumps` are their means.
    seed : int
        Non-negative.

    Returns
    -------
    ndarray, shape (spikes,)
        In s, ascending, up to `t_stop`.

    Raises
    ------
    ValueError
        With the name, the value and what is allowed.
    """
    rates, jumps = np.atleast_1d(rates).astype(float), np.atleast_1d(jumps).astype(float)
    if rates.ndim != 1 or rates.shape != jumps.shape or rates.size == 0:
        raise ValueError(f"rates and jumps must pair up, not {rates.shape} and {jumps.shape}")
    if not (np.isfinite(rates) & (rates >= 0)).all():
        raise ValueError(f"rates must be finite and >= 0 Hz, not {rates}")
    if not np.isfinite(jumps).all():
        raise ValueError(f"jumps must be finite, not {jumps}")
    if not np.isfinite(mu):
        raise ValueError(f"mu must be finite, not {mu!r}")
    if not 0 <= t_stop < inf:
        raise ValueError(f"t_stop must be finite and >= 0 s, not {t_stop!r}")
    m = neuron.v_rest + mu
    stream = np.random.Generator(np.random.PCG64(seed))
    theta, reset = float(neuron.v_th - m), float(neuron.v_reset - m)
    tau, t_ref = float(neuron.tau_m), float(neuron.t_ref)
    return _run(theta, reset, tau, t_ref, rates, jumps, exponential, float(t_stop), stream)
