"""The Fokker-Planck equation of a membrane on a grid, after Scharfetter & Gummel (1969).

The membrane diffuses, ``dV = A(V) dt + sqrt(2 D(V)) dW`` in Ito's sense, from below to a threshold.
Its density p has the flux ``J = A p - d(D p)/dV``. Between two grid points h apart J is taken as
constant and the equation solved: with ``x`` the mean of ``A h / D`` there and ``B(x) = x / (exp(x)
- 1)``

    J h = (B(-x) D_i p_i - B(x) D_{i+1} p_{i+1}) / (1 + (x_{i+1} - x_i) K(x) / 2)

Scharfetter & Gummel's flux is the numerator, exact for constant ``A / D``; the denominator, with
``K(x) = (B(x) + B(-x) - 2) / x**2``, makes it exact to first order in the slope of ``A / D``, whose
primitive then is a parabola. This is a chain of cells, one around each grid point, with rates up
and down. They are positive for any x. Reset and threshold are grid points. A stationary rate is of
fourth order in h (second where ``|x| > 1`` near threshold), what changes in time of second.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, expm1, floor, inf, isfinite, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..neuron import EIF, LIF, ConductanceLIF

Neuron = LIF | EIF | ConductanceLIF
OfVoltage = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Membrane:
    """What diffuses, where.

    Attributes
    ----------
    drift : callable
        dV/dt of the undriven membrane in V/s at an array of V.
    diffusion : callable
        Its own diffusion coefficient D in V**2/s at an array of V.
    tau_m, t_ref : float
        Time constant, by which mu and sigma act, and refractory time in s.
    v_min, v_reset, v_soft, v_top : float
        In V: the lower end, which reflects; reset; where the upstroke of a spike begins (elsewhere
        than at threshold in an EIF only); and the threshold, which absorbs.
    onset : float
        Over how many V the upstroke grows e-fold: delta_t of an EIF, else infinity.
    """

    drift: OfVoltage
    diffusion: OfVoltage
    tau_m: float
    t_ref: float
    v_min: float
    v_reset: float
    v_soft: float
    v_top: float
    onset: float


@dataclass(frozen=True, eq=False)
class Grid:
    """Points `v`, (n + 1,), of spacing `h`; `drift`, (n,), and `diffusion` of the undriven membrane
    at the middles of intervals, (n,), and at the points, (n + 1,); `reset` is that point's index.
    """

    v: NDArray[np.float64]
    h: float
    reset: int
    drift: NDArray[np.float64]
    diffusion: NDArray[np.float64]
    drift_at_points: NDArray[np.float64]
    diffusion_at_points: NDArray[np.float64]


def membrane(
    neuron: Neuron,
    mu: float,
    sigma: float,
    reach: float,
    drift: OfVoltage | None,
    diffusion: OfVoltage | None,
    v_min: float | None,
) -> Membrane:
    """The neuron's own drift and lower end unless others are given.

    That end lies `reach` standard deviations ``sigma / sqrt(2)`` below reset and ``v_rest + mu``.
    """
    if not isinstance(neuron, Neuron):
        raise TypeError(f"neuron must be an LIF, EIF or ConductanceLIF, not {neuron!r}")
    if v_min is None:
        if drift is not None or diffusion is not None:
            raise ValueError("v_min is needed with drift or diffusion")
        v_min = min(neuron.v_reset, neuron.v_rest + mu) - reach * sigma / sqrt(2)
    if not (isfinite(v_min) and v_min < neuron.v_reset):
        raise ValueError(
            f"v_min must be < v_reset = {neuron.v_reset!r} V and finite, not {v_min!r}"
        )

    def own_drift(v: NDArray[np.float64]) -> NDArray[np.float64]:
        force = neuron.v_rest - v
        if isinstance(neuron, EIF):
            with np.errstate(over="ignore"):  # refused by `sample`
                force = force + neuron.delta_t * np.exp((v - neuron.v_th) / neuron.delta_t)
        return force / neuron.tau_m

    return Membrane(
        drift or own_drift,
        diffusion or np.zeros_like,
        neuron.tau_m,
        neuron.t_ref,
        float(v_min),
        neuron.v_reset,
        neuron.v_th,
        neuron.v_peak if isinstance(neuron, EIF) else neuron.v_th,
        neuron.delta_t if isinstance(neuron, EIF) else inf,
    )


def sample(name: str, function: OfVoltage, v: NDArray[np.float64]) -> NDArray[np.float64]:
    """`function` at `v`, checked: finite, and one value for each voltage or for all."""
    values = np.asarray(function(v), float)
    if values.shape not in ((), v.shape):
        raise ValueError(f"{name} must return shape {v.shape} for {v.size} V, not {values.shape}")
    values = np.array(np.broadcast_to(values, v.shape))
    if not np.isfinite(values).all():
        worst = np.flatnonzero(~np.isfinite(values))[0]
        raise ValueError(f"{name} must be finite, not {values[worst]} at {v[worst]:g} V")
    return values


def sample_diffusion(
    membrane: Membrane, v: NDArray[np.float64], sigma: float
) -> NDArray[np.float64]:
    """The membrane's own diffusion at `v`, such that it is > 0 together with sigma's."""
    own = sample("diffusion", membrane.diffusion, v)
    if not (own + sigma**2 / (2 * membrane.tau_m) > 0).all():
        worst = np.argmin(own)
        raise ValueError(
            f"diffusion must be > 0 V**2/s, with sigma's, not {own[worst]:g} at {v[worst]:g} V"
        )
    return own


def intervals(
    membrane: Membrane, low: float, mus: tuple[float, ...], sigma: float, largest_x: float
) -> int:
    """How many intervals resolve the noise and the upstroke of a spike.

    They keep ``|A| h / D`` below `largest_x` from `low` to the upstroke, and eight of them are no
    wider than its onset.
    """
    v = np.linspace(low, membrane.v_soft, 1001)
    drift = sample("drift", membrane.drift, v)
    diffusion = sample_diffusion(membrane, v, sigma) + sigma**2 / (2 * membrane.tau_m)
    speed = np.max([np.abs(drift + mu / membrane.tau_m) for mu in mus], axis=0)
    per_volt = max(float(np.max(speed / diffusion)) / largest_x, 8 / membrane.onset)
    return ceil((membrane.v_top - membrane.v_min) * per_volt)


def split(membrane: Membrane, n: int, multiple: int = 1) -> tuple[int, int]:
    """About n intervals: how many below and above reset, divisible by `multiple`."""
    span = membrane.v_top - membrane.v_reset
    above = multiple * max(1, round(n * span / (membrane.v_top - membrane.v_min) / multiple))
    below = above * (membrane.v_reset - membrane.v_min) / span
    return multiple * max(1, floor(below / multiple)), above


def grid(membrane: Membrane, below: int, above: int, sigma: float) -> Grid:
    """The membrane on a grid; `sigma` is the least that will act on it."""
    h = (membrane.v_top - membrane.v_reset) / above
    v = membrane.v_reset + h * np.arange(-below, above + 1, dtype=float)
    middle = (v[:-1] + v[1:]) / 2
    return Grid(
        v,
        h,
        below,
        sample("drift", membrane.drift, middle),
        sample_diffusion(membrane, middle, sigma),
        sample("drift", membrane.drift, v),
        sample_diffusion(membrane, v, sigma),
    )


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def bernoulli(x: float) -> tuple[float, float]:
    """B(x) and ``K(x) = (B(x) + B(-x) - 2) / x**2`` for x >= 0; ``B(-x) = B(x) + x``."""
    if x < 0.5:  # by Bernoulli's numbers, to 1e-15 and 1e-10
        z = x * x
        high = z * (1 / 30240 - z * (1 / 1209600 - z * (1 / 47900160 - z * 691 / 1307674368000)))
        even = 1 / 12 - z * (1 / 720 - high)
        return 1.0 - x / 2 + z * even, 2.0 * even
    value = x / expm1(x) if x < 700.0 else 0.0
    return value, (2.0 * value + x - 2.0) / (x * x)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def rates(
    drift: NDArray,
    diffusion: NDArray,
    drift_at_points: NDArray,
    diffusion_at_points: NDArray,
    h: float,
    push: float,
    noise: float,
    up: NDArray,
    down: NDArray,
) -> None:
    """Rates in Hz at which cell i is left upwards (i < n) and downwards (0 < i <= n).

    `push` = mu / tau_m is added to the drift, `noise` = sigma**2 / (2 tau_m) to D. The lowest cell
    is half as wide as the others.
    """
    n = drift.size
    for i in range(n + 1):  # kept here for a moment: A h / D at points and at middles
        down[i] = (drift_at_points[i] + push) * h / (diffusion_at_points[i] + noise)
    for i in range(n):
        up[i] = (drift[i] + push) * h / (diffusion[i] + noise)
    per_square = 1.0 / (h * h)
    below = down[0]
    for i in range(n):
        above = down[i + 1]
        x = (below + 4.0 * up[i] + above) / 6.0
        small, k = bernoulli(abs(x))
        large = small + abs(x)
        bend = (above - below) / 2 * k
        weight = per_square / (1.0 + bend) if bend > 0 else per_square * (1.0 - bend)
        up[i] = weight * (diffusion_at_points[i] + noise) * (large if x > 0 else small)
        down[i + 1] = weight * (diffusion_at_points[i + 1] + noise) * (small if x > 0 else large)
        below = above
    up[0] *= 2.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _stationary_masses(up: NDArray, down: NDArray, reset: int) -> tuple[NDArray, float]:
    """Probability (unnormalised) of each cell and the flux from reset to threshold with it.

    From threshold downwards (threshold integration, Richardson 2007).
    """
    n = up.size
    mass = np.zeros(n + 1)
    flux = 1.0
    for i in range(n - 1, -1, -1):
        flow = flux if i >= reset else 0.0
        mass[i] = (flow + down[i + 1] * mass[i + 1]) / up[i]
        if mass[i] > 1e200:
            for j in range(i, n):
                mass[j] *= 1e-200
            flux *= 1e-200
    return mass, flux


def stationary(grid: Grid, push: float, noise: float) -> tuple[NDArray[np.float64], float]:
    """Density (n + 1,), unnormalised, that stays as it is, and its flux to threshold in Hz.

    `push` and `noise` as in `rates`.
    """
    n = grid.drift.size
    up, down = np.empty(n), np.empty(n + 1)
    rates(
        grid.drift,
        grid.diffusion,
        grid.drift_at_points,
        grid.diffusion_at_points,
        grid.h,
        push,
        noise,
        up,
        down,
    )
    mass, flux = _stationary_masses(up, down, grid.reset)
    mass[0] *= 2.0  # a half cell
    return mass / grid.h, flux
