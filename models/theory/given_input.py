"""Spikes of the LIF neuron under a given drive, without simulating it step by step.

The drive is x[k], in V, held during step k: ``tau_m dV/dt = -(V - v_rest) + x[k]``. Then

* in continuous time V relaxes exponentially towards ``m = v_rest + x[k]`` and crosses threshold
  after ``tau_m log((m - V) / (m - v_th))`` (Lapicque 1907): `spike_times`;
* in discrete time, with threshold tested at the ends of steps, V between two spikes is a
  first-order linear filter of the drive: `spike_steps`.
"""

from math import exp, expm1, log1p

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from ..neuron import LIF


@njit(cache=True)
def _spike_times(
    x: NDArray,
    dt: float,
    v: float,
    tau_m: float,
    v_th: float,
    v_reset: float,
    v_rest: float,
    t_ref: float,
) -> list[float]:
    times = []
    free_from = 0.0  # the end of the refractory time
    for k in range(x.size):
        start, stop = k * dt, (k + 1) * dt
        m = v_rest + x[k]
        t = max(start, free_from)
        while t < stop:
            crossing = t + tau_m * log1p((v_th - v) / (m - v_th)) if m > v_th else np.inf
            if crossing > stop:
                v = m + (v - m) * exp(-(stop - t) / tau_m)
                break
            times.append(crossing)
            v = v_reset
            free_from = crossing + t_ref
            t = free_from
    return times


def _drive(x: ArrayLike, dt: float, neuron: LIF, v0: float | None) -> tuple[NDArray, float]:
    drive = np.asarray(x, float)
    if drive.ndim != 1:
        raise ValueError(f"x must have shape (steps,), not {drive.shape}")
    if not np.isfinite(drive).all():
        raise ValueError("x must be finite")
    if not 0 < dt < np.inf:
        raise ValueError(f"dt must be > 0 s, not {dt!r}")
    v = neuron.v_reset if v0 is None else v0
    if not v < neuron.v_th:
        raise ValueError(f"v0 must be < v_th = {neuron.v_th!r} V, not {v!r}")
    return drive, float(v)


def spike_times(
    neuron: LIF, x: ArrayLike, dt: float, v0: float | None = None
) -> NDArray[np.float64]:
    """Spike times in continuous time: exact crossings, reset and refractory time.

    Parameters
    ----------
    neuron : LIF
    x : array_like, shape (steps,)
        Drive in V, held during each step.
    dt : float
        Length of a step in s.
    v0 : float, optional
        Membrane at time 0 in V, below threshold; `v_reset` unless given.

    Returns
    -------
    ndarray, shape (spikes,)
        Times in s, from 0 to ``steps dt``.

    Raises
    ------
    ValueError
        An argument is out of range.
    """
    drive, v = _drive(x, dt, neuron, v0)
    constants = (neuron.tau_m, neuron.v_th, neuron.v_reset, neuron.v_rest, neuron.t_ref)
    return np.array(_spike_times(drive, float(dt), v, *map(float, constants)), float)


def spike_steps(
    neuron: LIF, x: ArrayLike, dt: float, v0: float | None = None
) -> tuple[NDArray[np.int64], float]:
    """Spikes in discrete time: threshold is tested at the end of each step.

    After a spike the membrane is v_reset and the next ``round(t_ref / dt)`` steps are skipped.

    Parameters
    ----------
    neuron, x, dt, v0
        As for `spike_times`; so are the errors.

    Returns
    -------
    steps : ndarray of int64, shape (spikes,)
        The steps at whose end threshold was reached.
    margin : float
        Smallest distance ``|v - v_th|`` in V that a test met: arithmetic that errs by less gives
        the same spikes. inf without any test.
    """
    drive, v = _drive(x, dt, neuron, v0)
    refractory = round(neuron.t_ref / dt)
    keep, gain = exp(-dt / neuron.tau_m), -expm1(-dt / neuron.tau_m)
    steps, margin, start, block = [], np.inf, 0, 256
    while start < drive.size:
        target = neuron.v_rest + drive[start : start + block]
        trace, _ = lfilter([gain], [1.0, -keep], target, zi=[keep * v])
        over = np.flatnonzero(trace >= neuron.v_th)
        tested = trace[: over[0] + 1] if over.size else trace
        margin = min(margin, float(np.min(np.abs(tested - neuron.v_th))))
        start += tested.size
        if over.size:
            steps.append(start - 1)
            start += refractory
            v, block = neuron.v_reset, 256
        else:
            v, block = float(trace[-1]), min(2 * block, 65536)
    return np.array(steps, np.int64), margin
