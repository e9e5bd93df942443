"""The Fokker-Planck equation in time: the rate of a population of neurons under changing input.

Each neuron obeys ``tau_m dV/dt = -(V - v_rest) + mu(t) + sigma(t) sqrt(tau_m) xi(t)`` (an EIF with
its spike current, or any other drift and diffusion), with independent noise. What leaves at the
threshold is the rate; it comes back at v_reset after t_ref (Brunel & Hakim 1999, section 3).

In space, the cells of `scharfetter_gummel`: of second order, conserving probability. In time, the
L-stable diagonally implicit Runge-Kutta method of second order with two stages (Alexander 1977).
It looks at one step only, so that a jump of the input between two steps costs no order. Both solve
``(1 - gh A) x = b`` for the same tridiagonal generator A of the chain of cells. The outflow of a
step flows in again t_ref later, at a constant rate; t_ref need not be a multiple of the step.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, isfinite, sqrt
from warnings import warn

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from . import scharfetter_gummel as sg

_REACH = 7.0  # standard deviations below reset and mean: 1e-12 of the probability lies beyond
_LARGEST_X = 1.0
_LARGEST_N = 100_000
_COARSEST_N = 125
_FEWEST = 50
_COARSEST_STEP = 0.01  # of tau_m
_LARGEST_WORK = 2e10  # cells times steps: some minutes
_GAMMA = 1 - 1 / sqrt(2)  # the share of each stage that is implicit, for L-stability


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _factorise(
    up: NDArray, down: NDArray, gh: float, inverse: NDArray, on: NDArray, off: NDArray
) -> None:
    """``1 - gh A`` of the chain, eliminated from the bottom without a subtraction.

    Reciprocal pivots, and what cell i + 1 gets from i and i from i + 1. A pivot is a ratio of
    two determinants; these are carried along, so that no division waits for the one before.
    """
    stay, here = 1.0, 1.0
    on[0] = 0.0
    for i in range(up.size):
        before = here
        here = stay + gh * up[i] * before
        stay = here + gh * down[i + 1] * stay
        inverse[i] = before / here
        if here > 1e150:
            stay, here = stay * 1e-150, here * 1e-150
    for i in range(up.size):
        on[i + 1] = gh * up[i] * inverse[i]
        off[i] = gh * down[i + 1] * inverse[i]


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _solve(
    inverse: NDArray,
    on: NDArray,
    off: NDArray,
    right: NDArray,
    again: float,
    pulse: NDArray,
    x: NDArray,
) -> None:
    """``x = y + again x_top pulse`` with ``(1 - gh A) y = right``; `pulse` solves it for reset."""
    n = x.size
    below, above = 0.0, 0.0
    for i in range(n):
        below = right[i] + on[i] * below
        x[i] = below * inverse[i]
    for j in range(n):
        i = n - 1 - j
        above = x[i] + off[i] * above
        x[i] = above
    if again > 0.0:
        returned = again * x[-1] / (1.0 - again * pulse[-1])
        for i in range(x.size):
            x[i] += returned * pulse[i]


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _evolve(
    drift: NDArray,
    diffusion: NDArray,
    drift_at_points: NDArray,
    diffusion_at_points: NDArray,
    h: float,
    reset: int,
    push: NDArray,
    noise: NDArray,
    step: float,
    t_ref: float,
    mass: NDArray,
    before: float,
) -> tuple[NDArray, NDArray]:
    """Outflow in each step, and the refractory probability after it.

    `mass`, (n,), is that of the cells at first and in the end; `before` the rate before time 0.
    """
    n, steps = drift.size, push.size
    up, down = np.empty(n), np.empty(n + 1)
    inverse, on, off = np.empty(n), np.empty(n + 1), np.empty(n)
    right, first, pulse = np.empty(n), np.empty(n), np.zeros(n)
    gh = _GAMMA * step
    # t_ref = (whole + part) step: what flowed out that long ago left in two earlier steps
    whole = int(min(t_ref / step + 1e-9, steps))
    part = max(0.0, t_ref / step - whole)
    flow = np.full(whole + 1 + steps, before * step)  # the last is the current step's
    refractory = np.empty(steps)
    waiting = before * t_ref
    for k in range(steps):
        changed = k == 0 or push[k] != push[k - 1] or noise[k] != noise[k - 1]
        if changed:
            sg.rates(
                drift,
                diffusion,
                drift_at_points,
                diffusion_at_points,
                h,
                push[k],
                noise[k],
                up,
                down,
            )
            _factorise(up, down, gh, inverse, on, off)
            if whole == 0:
                for i in range(n):
                    right[i] = 1.0 if i == reset else 0.0
                _solve(inverse, on, off, right, 0.0, pulse, pulse)
        back = part * flow[k]
        again = 0.0  # of the outflow within a stage, what also comes back within it
        if whole > 0:
            back += (1.0 - part) * flow[k + 1]
        else:
            again = (1.0 - part) * gh * up[n - 1]

        for i in range(n):
            right[i] = mass[i]
        right[reset] += _GAMMA * back
        _solve(inverse, on, off, right, again, pulse, first)
        for i in range(n):
            right[i] = mass[i] + (1.0 / _GAMMA - 1.0) * (first[i] - mass[i])
        right[reset] += _GAMMA * back
        _solve(inverse, on, off, right, again, pulse, mass)
        out = gh * up[n - 1] * ((1.0 / _GAMMA - 1.0) * first[n - 1] + mass[n - 1])
        flow[k + whole + 1] = out
        waiting += out - back - ((1.0 - part) * out if whole == 0 else 0.0)
        refractory[k] = waiting
    return flow[whole + 1 :], refractory


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
        With a tolerance: by how much the last refinement changed `rate`, in Hz.
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
        total = float(np.trapezoid(density, grid.v)) + flux * membrane.t_ref
        density, before = density / total, flux / total
    else:
        before = 0.0
        if callable(start):
            density = sg.sample("start", start, grid.v)
            density[-1] = 0.0
            total = float(np.trapezoid(density, grid.v))
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


def _per_step(name: str, values: ArrayLike, steps: int) -> NDArray[np.float64]:
    array = np.asarray(values, float)
    if array.shape not in ((), (steps,)):
        raise ValueError(f"{name} must be a number or have shape ({steps},), not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return np.array(np.broadcast_to(array, (steps,)))


def _check_start(start: Start) -> None:
    if isinstance(start, tuple):
        if len(start) != 2 or not all(isfinite(value) for value in start):
            raise ValueError(f"start must be a finite (mu, sigma) in V, not {start!r}")
    elif start != "reset" and not callable(start):
        raise ValueError(f'start must be (mu, sigma), "reset" or a density, not {start!r}')


def evolve(
    neuron: sg.Neuron,
    mu: ArrayLike,
    sigma: ArrayLike,
    t_stop: float,
    dt: float,
    *,
    start: Start | None = None,
    n: int | None = None,
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
    n : int, optional
        About how many grid intervals; by default 500. At least as many as keep ``|A| h / D <= 1``
        between reset and threshold (in an EIF: v_th, and h below delta_t / 8). With a tolerance:
        of the first grid; by default twice as many as that, and at least 125.
    tolerance : float, optional
        Halve intervals and steps together until that changes the rate, extrapolated from the last
        two, by less than this fraction of it in any step (where the rate is below 1/1000 of the
        largest, of that). By default one solution, without a substep.

    Returns
    -------
    Evolution

    Raises
    ------
    ValueError
        An argument is out of range, the grid too coarse for the noise, or the tolerance not met.

    Warns
    -----
    UserWarning
        Without a tolerance, where the rate comes out negative: dt is too long for what happens
        within it, such as neurons starting nearer to threshold than they diffuse in a step.

    Notes
    -----
    Density and refractory probability are those of the finest grid, and add up to 1 within 1e-11.
    """
    if not (0 < dt < np.inf and 0 < t_stop < np.inf):
        raise ValueError(f"dt and t_stop must be finite and > 0 s, not {dt!r} and {t_stop!r}")
    steps = round(t_stop / dt)
    if steps < 1 or abs(steps * dt / t_stop - 1) > 1e-6:
        raise ValueError(f"t_stop must be a multiple of dt = {dt!r} s, not {t_stop!r}")
    if tolerance is not None and not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be > 0 and < 1, not {tolerance!r}")
    mus, sigmas = _per_step("mu", mu, steps), _per_step("sigma", sigma, steps)
    if start is None:
        start = (float(mus[0]), float(sigmas[0]))
    _check_start(start)
    state = start if isinstance(start, tuple) else (float(mus[0]), float(sigmas[0]))
    limits = float(min(mus.min(), state[0])), float(max(mus.max(), state[0]))
    least, most = float(min(sigmas.min(), state[1])), float(max(sigmas.max(), state[1]))
    if least < 0 or (least == 0 and diffusion is None):
        raise ValueError(f"sigma must be > 0 V (>= 0 V with diffusion), not {least!r}")
    membrane = sg.membrane(neuron, limits[0], most, _REACH, drift, diffusion, v_min)
    needed = sg.intervals(membrane, membrane.v_reset, limits, least, _LARGEST_X)
    if n is None:
        n = 500 if tolerance is None else max(_COARSEST_N, 2 * needed)
    if not max(needed, _FEWEST) <= n <= _LARGEST_N:
        raise ValueError(
            f"n must be {max(needed, _FEWEST)} .. {_LARGEST_N} for sigma = {least!r} V, not {n!r}"
        )

    def solve(below: int, above: int, substeps: int) -> Evolution:
        grid = sg.grid(membrane, below, above, least)
        mass, before = _first_masses(grid, membrane, start)
        flow, refractory = _evolve(
            *(
                grid.drift,
                grid.diffusion,
                grid.drift_at_points,
                grid.diffusion_at_points,
                grid.h,
                grid.reset,
            ),
            np.repeat(mus / neuron.tau_m, substeps),
            np.repeat(sigmas**2 / (2 * neuron.tau_m), substeps),
            *(dt / substeps, neuron.t_ref, mass, before),
        )
        rate = flow.reshape(steps, substeps).sum(1) / dt
        density = np.append(mass, 0.0) / grid.h
        density[0] *= 2
        t = dt * np.arange(steps + 1.0)
        return Evolution(t, rate, None, refractory[substeps - 1 :: substeps], grid.v, density)

    below, above = sg.split(membrane, n)
    if tolerance is None:
        found = solve(below, above, 1)
        if found.rate.min() < 0:
            warn(f"the rate is negative in places: dt = {dt!r} s is too long", stacklevel=2)
        return found
    substeps = ceil(dt / (_COARSEST_STEP * neuron.tau_m))
    coarser, extrapolated = solve(below, above, substeps), None
    while 4 * (below + above) * steps * substeps <= _LARGEST_WORK:
        below, above, substeps = 2 * below, 2 * above, 2 * substeps
        finer = solve(below, above, substeps)
        rate = np.maximum((4 * finer.rate - coarser.rate) / 3, 0.0)
        if extrapolated is not None:
            error = np.abs(rate - extrapolated)
            if (error <= tolerance * np.maximum(rate, 1e-3 * rate.max())).all():
                return replace(finer, rate=rate, error=error)
        coarser, extrapolated = finer, rate
    raise ValueError(
        f"tolerance must be larger, not {tolerance!r}: {below + above} intervals and {substeps}"
        " substeps a step do not meet it"
    )
