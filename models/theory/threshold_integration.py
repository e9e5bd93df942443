"""Threshold integration: Fokker-Planck equations solved downwards from the threshold (Richardson
2007), by collocation at Radau points (Hairer & Wanner 1996, section IV.5).

The voltage is taken as a depth, ``x = delta_t log(1 + exp(-(V - v_th) / delta_t))``: v_th - V below
the threshold of an EIF neuron, and finite where its spike is not; in a LIF neuron v_th - V. With
``u = 1 - exp(-x / delta_t)``, 1 in a LIF neuron, and ``dx = -u dV``, the density q = p / u obeys

    B dq/dx = J + f - A q           A = (u (v_rest + mu - V) + (1 - u) delta_t) / tau_m
    dJ/dx = s q                         + D u (1 - u) / delta_t
    q(threshold) = 0                B = D u**2        D = sigma**2 / (2 tau_m)

J is a flux, kept as ``J = flux + s m`` with the mass m above x: probability is conserved to
rounding. On an interval of width h, q is the cubic that starts at q(x) and satisfies the equation
at x + c h for the three Radau points c: a method of order 5, and L-stable, so that where the drift
outweighs the noise q falls onto J / A in one step. Widths follow from the difference between one
step and two halves; below a discontinuity they start within its boundary layer.

Equations that drive each other are rows of one march: the first has s = 0 and f = 0, and f of the
last row, if there are more, depends on the first.
"""

from math import exp, expm1, log, log1p, sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..neuron import EIF, LIF

NOTHING, DRIVE, NOISE, VARIANCE = range(4)  # what f of the last row is
Q, M, PEAK_Q, PEAK_M = range(4)  # first index of a march's state; the second is the row
LARGEST = 1e290  # of the first row: at unit flux, the rate is then below 1e-290 Hz
GIANT = 2.0**500  # other rows are divided by this when they exceed it

CAP = 40.0  # above max(v_th, v_reset) + 40 delta_t an EIF neuron spends exp(-40) of its time
_HIGHEST_RESET = 200.0
_REACH = 9.0  # standard deviations of the free membrane below reset and mean
_TOLERANCE = 1e-9  # of a step, relative to the largest density or mass so far
_MOST_STEPS = 100_000
_LARGEST_INPUT = 1e12  # V or Hz; its inverse is the least sigma

# _WEIGHT[i, j] is the integral from 0 to c_i of the j-th Lagrange polynomial of the points c
_POINTS = np.array([(4 - sqrt(6)) / 10, (4 + sqrt(6)) / 10, 1.0])
_WEIGHT = (_POINTS[:, None] ** [1, 2, 3] / [1, 2, 3]) @ np.linalg.inv(_POINTS[:, None] ** [0, 1, 2])


def constants(neuron: LIF | EIF) -> tuple[float, ...]:
    """``(tau_m, top, v_reset, v_rest, t_ref, v_th, delta_t)``; a LIF neuron's delta_t is 0."""
    if isinstance(neuron, LIF):
        top, delta_t = neuron.v_th, 0.0
    elif isinstance(neuron, EIF):
        top, delta_t = neuron.v_peak, neuron.delta_t
        highest = neuron.v_th + _HIGHEST_RESET * delta_t
        if neuron.v_reset > highest:
            raise ValueError(
                f"v_reset must be <= v_th + {_HIGHEST_RESET:g} delta_t = {highest!r} V, "
                f"not {neuron.v_reset!r}"
            )
        top = min(top, max(neuron.v_th, neuron.v_reset) + CAP * delta_t)
    else:
        raise TypeError(f"neuron must be a LIF or an EIF, not {neuron!r}")
    values = (neuron.tau_m, top, neuron.v_reset, neuron.v_rest, neuron.t_ref, neuron.v_th, delta_t)
    return tuple(float(x) for x in values)


def membrane(cell: tuple[float, ...], mu: float, sigma: float) -> tuple[float, ...]:
    """What the equation needs: ``(tau_m, mean without threshold, v_th, delta_t, sigma, D)``."""
    tau_m, _, _, v_rest, _, v_th, delta_t = cell
    return tau_m, v_rest + mu, v_th, delta_t, sigma, sigma**2 / (2.0 * tau_m)


def depth(equation: tuple[float, ...], v: float) -> float:
    """x at the voltage v."""
    _, _, v_th, delta_t, _, _ = equation
    if delta_t == 0.0:
        return v_th - v
    y = (v - v_th) / delta_t
    return delta_t * log1p(exp(-y)) if y > 0.0 else delta_t * (log1p(exp(y)) - y)


@njit(cache=True, error_model="numpy")
def _coefficients(equation: tuple, x: float, out: NDArray) -> None:
    """A, B, u and the flow u dV/dt without noise at the depth x."""
    tau_m, mean, v_th, delta_t, _, diffusion = equation
    u = -expm1(-x / delta_t) if delta_t > 0.0 else 1.0
    v = v_th - x - (delta_t * log(u) if delta_t > 0.0 else 0.0)
    flow = (u * (mean - v) + (1.0 - u) * delta_t) / tau_m
    turn = diffusion * u * (1.0 - u) / delta_t if delta_t > 0.0 else 0.0
    out[0], out[1], out[2], out[3] = flow + turn, diffusion * u * u, u, flow


@njit(cache=True, error_model="numpy")
def _solve(matrix: NDArray, x: NDArray) -> None:
    """Gaussian elimination of a 3 x 3 system, in place; its leading minors do not vanish."""
    for i in range(3):
        pivot = 1.0 / matrix[i, i]
        x[i] *= pivot
        for k in range(i + 1, 3):
            matrix[i, k] *= pivot
        for j in range(i + 1, 3):
            for k in range(i + 1, 3):
                matrix[j, k] -= matrix[j, i] * matrix[i, k]
            x[j] -= matrix[j, i] * x[i]
    x[1] -= matrix[1, 2] * x[2]
    x[0] -= matrix[0, 1] * x[1] + matrix[0, 2] * x[2]


@njit(cache=True, error_model="numpy")
def _force(
    kind: int, equation: tuple, total: float, q: complex, m: complex, flux: complex, u: float,
    flow: float,
) -> complex:  # fmt: skip
    """f of the last row where the first has density q, mass m above, and flux 1 or 0."""
    tau_m, _, _, _, sigma, diffusion = equation
    if kind == DRIVE:  # less the flux p dA/dmu
        return -u * q / tau_m
    if kind == NOISE:  # less the flux -dD/dsigma dp/dV
        return sigma / tau_m * (flow * q - flux) / diffusion
    p = u * q
    return diffusion * p * (p / total) + (1.0 - flux) * max(1.0 - m.real / total, 0.0)


@njit(cache=True, error_model="numpy")
def _step(
    equation: tuple, x: float, h: float, flux: NDArray, slope: NDArray, unit: NDArray, kind: int,
    total: float, old: NDArray, new: NDArray, at: NDArray, work: NDArray,
) -> None:  # fmt: skip
    """One interval: from densities and masses `old` at x to `new` at x + h."""
    matrix, q, force = work[:3], work[3], work[4]
    for j in range(3):
        _coefficients(equation, x + _POINTS[j] * h, at[j])
        force[j] = 0.0
    rows = flux.size
    for k in range(rows):
        inflow = flux[k] * unit[k] + slope[k] * old[M, k]
        forced = unit[k] if 0 < k == rows - 1 else 0.0
        for i in range(3):
            q[i] = old[Q, k]
            for j in range(3):
                matrix[i, j] = 1.0 if i == j else 0.0
            for j in range(3):
                w = h * _WEIGHT[i, j] / at[j, 1]
                q[i] += w * (inflow + forced * force[j])
                matrix[i, j] += w * at[j, 0]
                for n in range(3):
                    matrix[i, n] -= w * slope[k] * h * _WEIGHT[j, n]
        _solve(matrix, q)
        new[Q, k] = q[2]
        for i in range(3):
            m = old[M, k]
            for j in range(3):
                m += h * _WEIGHT[i, j] * q[j]
            new[M, k] = m
            if k == 0 and kind != NOTHING:
                force[i] = _force(kind, equation, total, q[i], m, flux[0], at[i, 2], at[i, 3])


@njit(cache=True, error_model="numpy")
def march(
    equation: tuple, x: float, span: float, h: float, flux: NDArray, slope: NDArray, kind: int,
    total: float, state: NDArray, power: NDArray,
) -> float:  # fmt: skip
    """Carry `state`, shape (4, rows), from depth x to x + span.

    Steps begin with h; if that is 0, within the boundary layer. Each row stands for itself times
    ``GIANT**power``; the first is never scaled. Returns the width to go on with; or -1 if the
    first row exceeds `LARGEST`, nan after too many steps.
    """
    rows = flux.size
    at, work = np.empty((3, 4)), np.empty((5, 3), state.dtype)
    trial = np.empty((3, 4, rows), state.dtype)
    unit = np.empty(rows)
    for k in range(rows):
        unit[k] = GIANT ** -float(power[k])
    if h == 0.0:
        _coefficients(equation, x, at[0])
        h = 0.1 * min(at[0, 2] * equation[4], at[0, 1] / (abs(at[0, 0]) + 1e-300))
    done = 0.0
    for _ in range(_MOST_STEPS):
        last = h >= span - done
        w = span - done if last else h
        for part in range(3):  # the whole interval, its first and its second half
            _step(
                equation, x + done + (w / 2 if part == 2 else 0.0), w / 2 if part > 0 else w,
                flux, slope, unit, kind, total, trial[1] if part == 2 else state, trial[part],
                at, work,
            )  # fmt: skip
        whole, end = trial[0], trial[2]
        error = 0.0
        for k in range(rows):
            for i in range(2):
                end[2 + i, k] = max(abs(end[i, k]), state[2 + i, k].real)
                if end[2 + i, k].real > 0.0:
                    error = max(error, abs(end[i, k] - whole[i, k]) / end[2 + i, k].real)
        growth = min(4.0, max(0.2, 0.9 * (_TOLERANCE / (error + 1e-300)) ** (1 / 6)))
        if error <= _TOLERANCE:
            done += w
            for k in range(rows):
                giant = max(end[PEAK_Q, k].real, end[PEAK_M, k].real) > GIANT and k > 0
                for i in range(4):
                    state[i, k] = end[i, k] / GIANT if giant else end[i, k]
                if giant:
                    unit[k] /= GIANT
                    power[k] += 1
            if max(state[Q, 0].real, state[M, 0].real) > LARGEST:
                return -1.0
            if last:
                return max(h, w * growth)
        h = w * growth
    return np.nan


def descend(
    cell: tuple[float, ...],
    mu: float,
    sigma: float,
    fluxes: NDArray,
    slope: NDArray,
    kind: int = NOTHING,
    total: float = 1.0,
) -> tuple[NDArray, NDArray, float]:
    """March from the threshold to the reset with ``fluxes[0]``, and on with ``fluxes[1]``.

    Returns the state and power at the end, and what `march` returned.
    """
    _, top, v_reset, _, _, _, _ = cell
    equation = membrane(cell, mu, sigma)
    lowest = min(v_reset, equation[1]) - _REACH * sigma / sqrt(2.0)
    x = [depth(equation, v) for v in (top, v_reset, lowest)]
    state, power = np.zeros((4, slope.size), slope.dtype), np.zeros(slope.size, np.int64)
    for i in range(2):
        h = march(equation, x[i], x[i + 1] - x[i], 0.0, fluxes[i], slope, kind, total, state, power)
        if not h > 0.0:
            break
    return state, power, h


def inputs(**values: ArrayLike) -> list[NDArray[np.float64]]:
    """Float arrays of one shape: finite, and `sigma` positive or 0."""
    arrays = []
    for name, value in values.items():
        try:
            array = np.asarray(value, float)
        except (TypeError, ValueError):
            raise TypeError(f"{name} must be numbers, not {value!r}") from None
        if array.size == 0:
            raise ValueError(f"{name} must not be empty")
        allowed = np.abs(array) <= _LARGEST_INPUT
        least = f"-{_LARGEST_INPUT:g}"
        if name == "sigma":
            allowed &= (array == 0) | (array >= 1 / _LARGEST_INPUT)
            least = f"0 or {1 / _LARGEST_INPUT:g}"
        if not np.all(allowed):
            bad = float(array[~allowed].flat[0])
            raise ValueError(f"{name} must be {least} .. {_LARGEST_INPUT:g}, not {bad!r}")
        arrays.append(array)
    try:
        return list(np.broadcast_arrays(*arrays))
    except ValueError:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in zip(values, arrays, strict=True))
        raise ValueError(f"shapes must broadcast, not {shapes}") from None
