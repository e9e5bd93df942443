"""The Fokker-Planck equation in time: the rate of a population of neurons under changing input.

Each neuron obeys ``tau_m dV/dt = -(V - v_rest) + mu(t) + sigma(t) sqrt(tau_m) xi(t)`` (an EIF with
its spike current, or any other drift and diffusion), with independent noise. What leaves at the
threshold is the rate; it comes back at v_reset after t_ref (Brunel & Hakim 1999, eqs 3.1-3.5).

In space, the cells of `scharfetter_gummel`: of second order, conserving probability. In time, the
L-stable diagonally implicit Runge-Kutta method of second order with two stages (Alexander 1977).
It looks at one step only, so that a jump of the input between two steps costs no order there. The
outflow of each step is kept until t_ref has passed, then flows in at a constant rate over as long
as it took to flow out; t_ref need not be a multiple of the step.

A jump of the input makes the rate change as the square root of time. With a tolerance, steps are
therefore cut into substeps that begin small, and grids and substeps are halved together until the
extrapolated rate no longer changes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite, sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from . import scharfetter_gummel as sg

_REACH = 7.0  # standard deviations below reset and mean: 1e-12 of the probability lies beyond
_LARGEST_X = 1.0
_LARGEST_N = 100_000
_LEVELS = 8
_GAMMA = 1 - 1 / sqrt(2)  # the implicit share of each stage, that makes the method L-stable


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _factorise(
    up: NDArray, down: NDArray, gh: float, inverse: NDArray, on: NDArray, off: NDArray
) -> None:
    """``1 - gh A`` of the chain, eliminated from the bottom without a subtraction.

    Reciprocal pivots, and what cell i + 1 gets from i and i from i + 1. A pivot is a ratio of
    two determinants; these are carried along, so that no division waits for the one before.
    """
    stay, before, here = 1.0, 1.0, 1.0 + gh * up[0]
    on[0] = 0.0
    for i in range(up.size):
        inverse[i] = before / here
        on[i + 1] = gh * up[i] * inverse[i]
        off[i] = gh * down[i + 1] * inverse[i]
        stay = here + gh * down[i + 1] * stay
        before = here
        if i + 1 < up.size:
            here = stay + gh * up[i + 1] * here
        if here > 1e150:
            stay, before, here = stay * 1e-150, before * 1e-150, here * 1e-150


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _solve(inverse: NDArray, on: NDArray, off: NDArray, right: NDArray, x: NDArray) -> None:
    below = 0.0
    for i in range(x.size):
        below = right[i] + on[i] * below
        x[i] = below
    above = 0.0
    for i in range(x.size - 1, -1, -1):
        above = x[i] * inverse[i] + off[i] * above
        x[i] = above


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _evolve(
    drift: NDArray,
    diffusion: NDArray,
    diffusion_at_points: NDArray,
    h: float,
    reset: int,
    push: NDArray,
    noise: NDArray,
    dt: float,
    parts: NDArray,
    t_ref: float,
    mass: NDArray,
    before: float,
) -> tuple[NDArray, NDArray]:
    """Outflow of each step and the refractory probability after it; `mass` becomes the final one.

    `parts` are the edges of substeps in units of dt; `before` is the constant rate before time 0.
    """
    n, steps, substeps = drift.size, push.size, parts.size - 1
    up, down = np.empty(n), np.empty(n + 1)
    inverse, on, off = np.empty(n), np.empty(n + 1), np.empty(n)
    right, first, second, pulse = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    out, refractory = np.zeros(steps), np.empty(steps)
    # outflow k left between edge[k] and edge[k + 1]; the first is that of the past t_ref
    edge, flow = np.empty(steps * substeps + 2), np.empty(steps * substeps + 1)
    edge[0], edge[1], flow[0] = -t_ref, 0.0, before * t_ref
    oldest, gone = 0, 0.0  # the oldest outflow not yet back, and which part of it is
    waiting = flow[0]
    last = 0  # the current substep is the one after
    for k in range(steps):
        changed = k == 0 or push[k] != push[k - 1] or noise[k] != noise[k - 1]
        if changed:
            sg.rates(drift, diffusion, diffusion_at_points, h, push[k], noise[k], up, down)
        for s in range(substeps):
            start, stop = edge[last + 1], dt * (k + parts[s + 1])
            step = stop - start
            gh = _GAMMA * dt * (parts[s + 1] - parts[s])
            own = (stop - t_ref - start) / step  # of this step's outflow, what comes back in it
            if own < 1e-9:
                own = 0.0
            if changed or substeps > 1:
                _factorise(up, down, gh, inverse, on, off)
                pulse[:] = 0.0
                if own > 0:
                    right[:] = 0.0
                    right[reset] = 1.0
                    _solve(inverse, on, off, right, pulse)

            # the outflow of earlier steps that comes back in this one
            until = min(stop - t_ref, start)
            back = 0.0
            while edge[oldest + 1] <= until and oldest <= last:
                back += flow[oldest] * (1.0 - gone)
                oldest += 1
                gone = 0.0
            if oldest <= last:
                part = (until - edge[oldest]) / (edge[oldest + 1] - edge[oldest])
                if part > gone:
                    back += flow[oldest] * (part - gone)
                    gone = part
            again = own * gh * up[n - 1]
            again /= 1.0 - again * pulse[n - 1]

            right[:] = mass
            right[reset] += _GAMMA * back
            _solve(inverse, on, off, right, first)
            more = again * first[n - 1]
            for i in range(n):
                first[i] += more * pulse[i]
                right[i] = mass[i] + (1.0 / _GAMMA - 1.0) * (first[i] - mass[i])
            right[reset] += _GAMMA * back
            _solve(inverse, on, off, right, second)
            more = again * second[n - 1]
            for i in range(n):
                mass[i] = second[i] + more * pulse[i]

            left = gh * up[n - 1] * ((1.0 / _GAMMA - 1.0) * first[n - 1] + mass[n - 1])
            last += 1
            flow[last] = left
            edge[last + 1] = stop
            if own > 0:
                gone = own
            waiting += left * (1.0 - own) - back
            out[k] += left
        refractory[k] = waiting
    return out, refractory


@dataclass(frozen=True, eq=False)
class Evolution:
    """What `evolve` finds.

    Attributes
    ----------
    t : ndarray, shape (steps + 1,)
        Edges of the steps in s.
    rate : ndarray, shape (steps,)
        Mean rate in each step in Hz.
    error : ndarray, shape (steps,), or None
        With a tolerance, how much `rate` changed with the last refinement, in Hz.
    refractory : ndarray, shape (steps,)
        Probability of being refractory at the end of each step.
    v : ndarray, shape (n + 1,)
        Voltage in V, from far below reset to threshold.
    density : ndarray, shape (n + 1,)
        Probability density of the membrane in 1/V at the end of the last step; its integral
        (trapezoidal) is ``1 - refractory[-1]``.
    """

    t: NDArray[np.float64]
    rate: NDArray[np.float64]
    error: NDArray[np.float64] | None
    refractory: NDArray[np.float64]
    v: NDArray[np.float64]
    density: NDArray[np.float64]


Start = tuple[float, float] | str | Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _first_masses(grid: sg.Grid, membrane: sg.Membrane, start: Start) -> tuple[NDArray, float]:
    """Probability of each cell at time 0, and the rate before it."""
    n = grid.drift.size
    if isinstance(start, tuple):
        push, noise = start[0] / membrane.tau_m, start[1] ** 2 / (2 * membrane.tau_m)
        density, flux = sg.stationary(grid, push, noise)
        total = np.trapezoid(density, grid.v) + flux * membrane.t_ref
        density, before = density / total, flux / total
    else:
        before = 0.0
        if callable(start):
            density = sg.sample("start", start, grid.v)
            density[-1] = 0.0
            total = np.trapezoid(density, grid.v)
            if density.min() < 0 or abs(total - 1) > 0.01:
                raise ValueError(
                    f"start must be >= 0 and integrate to 1 over {grid.v[0]:g} .. {grid.v[-1]:g} V,"
                    f" not {total:.6g}"
                )
            density /= total
        else:
            density = np.zeros(n + 1)
            density[grid.reset] = 1 / grid.h
    mass = grid.h * density[:-1]
    mass[0] /= 2
    return mass, before


def _steps(name: str, values: ArrayLike, steps: int) -> NDArray[np.float64]:
    array = np.asarray(values, float)
    if array.shape not in ((), (steps,)):
        raise ValueError(f"{name} must be a number or have shape ({steps},), not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return np.array(np.broadcast_to(array, (steps,)))


def evolve(
    neuron: sg.Neuron,
    mu: ArrayLike,
    sigma: ArrayLike,
    t_stop: float,
    dt: float,
    *,
    start: Start | None = None,
    n: int = 500,
    tolerance: float | None = None,
    drift: sg.OfVoltage | None = None,
    diffusion: sg.OfVoltage | None = None,
    v_min: float | None = None,
) -> Evolution:
    """Rate over time.

    Parameters
    ----------
    neuron : LIF, EIF or ConductanceLIF
        As in `fokker_planck.stationary`; so are `drift` and `diffusion`, which do not change in
        time, and `v_min`, by default 7 standard deviations below reset and mean.
    mu, sigma : array_like, shape () or (steps,)
        Drive and noise in V during each step; sigma > 0 (>= 0 with `diffusion`). For a smooth
        input take its values at the middles of steps.
    t_stop, dt : float
        Duration, a multiple of dt, and length of a step in s.
    start : (float, float), "reset" or callable, optional
        At time 0: the stationary state of this mu and sigma, by default those of the first step;
        all membranes released from v_reset; or a density in 1/V as a function of an array of V,
        whose integral is 1, with no neuron refractory.
    n : int
        About how many grid intervals (with `tolerance`: of the coarsest grid), enough for
        ``|A| h / D <= 1`` between reset and threshold (in an EIF: v_th).
    tolerance : float, optional
        Refine until refining further changes the rate of any step by less than this fraction of
        it (where it is below 1/1000 of the largest, of that). Otherwise one grid and one substep
        a step.

    Returns
    -------
    Evolution

    Raises
    ------
    ValueError
        An argument is out of range, the grid too coarse for the noise, or the tolerance not met.
    """
    if not (0 < dt < np.inf and 0 < t_stop < np.inf):
        raise ValueError(f"dt and t_stop must be finite and > 0 s, not {dt!r} and {t_stop!r}")
    steps = round(t_stop / dt)
    if steps < 1 or abs(steps * dt / t_stop - 1) > 1e-6:
        raise ValueError(f"t_stop must be a multiple of dt = {dt!r} s, not {t_stop!r}")
    mus, sigmas = _steps("mu", mu, steps), _steps("sigma", sigma, steps)
    if start is None:
        start = (float(mus[0]), float(sigmas[0]))
    states = [start] if isinstance(start, tuple) else []
    all_mu = np.append(mus, [state[0] for state in states])
    all_sigma = np.append(sigmas, [state[1] for state in states])
    least = float(all_sigma.min())
    if least < 0 or (least == 0 and diffusion is None):
        raise ValueError(f"sigma must be > 0 V (>= 0 V with diffusion), not {least!r}")
    limits = float(all_mu.min()), float(all_mu.max())
    membrane = sg.membrane(
        neuron, limits[0], float(all_sigma.max()), _REACH, drift, diffusion, v_min
    )
    needed = sg.intervals(membrane, membrane.v_reset, limits, least, _LARGEST_X)
    if tolerance is None and not needed <= n <= _LARGEST_N:
        raise ValueError(f"n must be {needed} .. {_LARGEST_N} for sigma = {least!r} V, not {n!r}")

    def solve(below: int, above: int, parts: NDArray[np.float64]) -> Evolution:
        grid = sg.grid(membrane, below, above, least)
        mass, before = _first_masses(grid, membrane, start)
        out, refractory = _evolve(
            *(grid.drift, grid.diffusion, grid.diffusion_at_points, grid.h, grid.reset),
            *(mus / neuron.tau_m, sigmas**2 / (2 * neuron.tau_m), dt, parts),
            *(neuron.t_ref, mass, before),
        )
        density = np.append(mass, 0.0) / grid.h
        density[0] *= 2
        edges = dt * np.arange(steps + 1)
        return Evolution(edges, out / dt, None, refractory, grid.v, density)

    below, above = sg.split(membrane, n)
    if tolerance is None:
        return solve(below, above, np.array([0.0, 1.0]))
    coarser, extrapolated = None, None
    for level in range(_LEVELS):
        parts = (np.arange(2**level + 1) / 2**level) ** 2
        found = solve(below * 2**level, above * 2**level, parts)
        if coarser is not None:
            rate = (4 * found.rate - coarser.rate) / 3
            if extrapolated is not None:
                error = np.abs(rate - extrapolated)
                if np.all(error <= tolerance * np.maximum(rate, 1e-3 * rate.max())):
                    return replace(found, rate=rate, error=error)
            extrapolated = rate
        coarser = found
    raise ValueError(f"tolerance must be larger than {error.max() / rate.max():.1e}")
