"""A neuron with a measured leak under a given current, integrated in time.

``c_m dV/dt = I_k + i_leak(V)`` with I_k held during step k: classical Runge-Kutta of fourth order
in equal substeps. A crossing of v_trip within a substep is placed on the cubic through its two ends
and slopes; the membrane then is held at v_reset for t_dead, in continuous time.

A comparator is late and misses short excursions. With a lag it sees the membrane through one pole,
``lag dU/dt = V - U``, and U is what must reach v_trip: exact for a membrane that is linear within
a substep. A steady ramp then has its spike a lag after its crossing, and t_dead still counts from
the crossing.
"""

from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from ..theory.measured_leak import MeasuredNeuron


@njit(cache=True)
def _slope(v: float, current: float, table: NDArray, cubics: NDArray, c_m: float) -> float:
    """dV/dt; the cubics are given by their local coefficients, highest power first."""
    cell, above = 0, table.size - 1  # bisection
    while above - cell > 1:
        middle = (cell + above) // 2
        if table[middle] <= v:
            cell = middle
        else:
            above = middle
    t = v - table[cell]
    leak = ((cubics[0, cell] * t + cubics[1, cell]) * t + cubics[2, cell]) * t + cubics[3, cell]
    return (current + leak) / c_m


@njit(cache=True)
def _crossing(v0: float, v1: float, s0: float, s1: float, trip: float) -> float:
    """Where in 0 .. 1 the Hermite cubic reaches `trip`, by bisection; slopes per unit."""
    low, high = 0.0, 1.0
    for _ in range(52):
        x = (low + high) / 2
        y = 1.0 - x
        v = y * y * ((1.0 + 2.0 * x) * v0 + x * s0) + x * x * ((3.0 - 2.0 * x) * v1 - y * s1)
        if v < trip:
            low = x
        else:
            high = x
    return (low + high) / 2


@njit(cache=True)
def _seen(v0: float, v1: float, u0: float, time: float, x: float, lag: float) -> float:
    """U at x in 0 .. 1 of a substep of length `time`, over which V goes from v0 to v1."""
    behind = (v1 - v0) * lag / time
    return v0 + (v1 - v0) * x - behind + (u0 - v0 + behind) * np.exp(-x * time / lag)


@njit(cache=True)
def _late_crossing(v0: float, v1: float, u0: float, time: float, lag: float, trip: float) -> float:
    """Where in 0 .. 1 U reaches `trip`, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(52):
        x = (low + high) / 2
        if _seen(v0, v1, u0, time, x, lag) < trip:
            low = x
        else:
            high = x
    return (low + high) / 2


@njit(cache=True)
def _run(
    current: NDArray,
    dt: float,
    v: float,
    substeps: int,
    table: NDArray,
    cubics: NDArray,
    c_m: float,
    v_trip: float,
    v_reset: float,
    t_dead: float,
    lag: float,
) -> tuple[list[float], NDArray, int]:
    times = []
    trace = np.empty(current.size)
    free_from = 0.0
    u = v
    for k in range(current.size):
        t, stop = k * dt, (k + 1) * dt
        while t < stop:
            if free_from > t:
                t = min(free_from, stop)
                continue
            h = min(dt / substeps, stop - t)
            k1 = _slope(v, current[k], table, cubics, c_m)
            k2 = _slope(v + h / 2 * k1, current[k], table, cubics, c_m)
            k3 = _slope(v + h / 2 * k2, current[k], table, cubics, c_m)
            k4 = _slope(v + h * k3, current[k], table, cubics, c_m)
            after = v + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            seen = after if lag == 0.0 else _seen(v, after, u, h, 1.0, lag)
            if seen >= v_trip:
                k5 = _slope(after, current[k], table, cubics, c_m)
                if lag == 0.0:
                    t += h * _crossing(v, after, h * k1, h * k5, v_trip)
                else:
                    t += h * _late_crossing(v, after, u, h, lag, v_trip)
                times.append(t)
                v = v_reset
                free_from = t + t_dead - lag
                u = v_reset + (v_trip - v_reset) * np.exp(-(t_dead - lag) / lag) if lag else v
                continue
            if after < table[0]:
                return times, trace, k
            v, u = after, seen
            t = t + h if stop - t > h * (1 + 1e-9) else stop
        trace[k] = v
    return times, trace, -1


def run(
    neuron: MeasuredNeuron,
    current: ArrayLike,
    dt: float,
    *,
    substeps: int = 4,
    v0: float | None = None,
    lag: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Integrate under a given current.

    Parameters
    ----------
    neuron : MeasuredNeuron
    current : array_like, shape (steps,)
        Drive in A, into the membrane, held during each step.
    dt : float
        Length of a step in s.
    substeps : int
        Runge-Kutta steps a step, >= 1.
    v0 : float, optional
        Membrane at time 0 in V, within the table and below v_trip; `v_reset` unless given.
    lag : float
        Time constant of the comparator in s, from 0 up to t_dead.

    Returns
    -------
    times : ndarray, shape (spikes,)
        Times of the spikes in s: v_trip is crossed or, with a lag, seen to be crossed.
    v : ndarray, shape (steps,)
        Membrane at the end of each step in V.

    Raises
    ------
    ValueError
        An argument is out of range, or the membrane falls below the table.
    """
    drive = np.asarray(current, float)
    if drive.ndim != 1:
        raise ValueError(f"current must have shape (steps,), not {drive.shape}")
    ((times, trace),) = _each(neuron, drive[None], dt, substeps, v0, lag)
    return times, trace


def trials(
    neuron: MeasuredNeuron,
    currents: ArrayLike,
    dt: float,
    *,
    substeps: int = 4,
    v0: float | None = None,
    lag: float = 0.0,
) -> list[NDArray[np.float64]]:
    """Spike times in s of `run` under each of many currents, shape (trials, steps)."""
    drives = np.asarray(currents, float)
    if drives.ndim != 2:
        raise ValueError(f"currents must have shape (trials, steps), not {drives.shape}")
    return [times for times, _ in _each(neuron, drives, dt, substeps, v0, lag)]


def _each(
    neuron: MeasuredNeuron, drives: NDArray, dt: float, substeps: int, v0: float | None, lag: float
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    if not np.isfinite(drives).all():
        raise ValueError("current must be finite")
    if not 0 < dt < np.inf:
        raise ValueError(f"dt must be > 0 s, not {dt!r}")
    if substeps < 1:
        raise ValueError(f"substeps must be >= 1, not {substeps!r}")
    if not 0 <= lag <= neuron.t_dead:
        raise ValueError(f"lag must be in 0 .. t_dead = {neuron.t_dead!r} s, not {lag!r}")
    start = neuron.v_reset if v0 is None else v0
    if not neuron.v[0] <= start < neuron.v_trip:
        raise ValueError(f"v0 must be {neuron.v[0]:g} .. {neuron.v_trip!r} V, not {start!r}")
    cubics = np.ascontiguousarray(PchipInterpolator(neuron.v, neuron.i_leak).c)
    numbers = (neuron.c_m, neuron.v_trip, neuron.v_reset, neuron.t_dead, lag)
    for drive in np.ascontiguousarray(drives):
        times, trace, left = _run(
            drive, float(dt), float(start), substeps, neuron.v, cubics, *map(float, numbers)
        )
        if left >= 0:
            raise ValueError(
                f"the membrane fell below the measured table ({neuron.v[0]:g} V) in step {left}:"
                " measure the leak further down"
            )
        yield np.array(times, float), trace
