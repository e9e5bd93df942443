"""Stationary density and rate of a neuron in white noise from its Fokker-Planck equation.

The flux ``J = A(V) p - d(D(V) p)/dV`` is the rate between v_reset and the threshold and zero below;
``p = 0`` at threshold (Brunel 2000, eqs 12-15). Drift A and diffusion coefficient D are in Ito's
sense; an LIF has ``A = (v_rest + mu - V) / tau_m`` and ``D = sigma**2 / (2 tau_m)``. The flux is
integrated from threshold downwards (Richardson 2007) on the grid of `scharfetter_gummel`, with an
error in powers of h**2, which extrapolates. What depends on time is in `evolve`.

Noise convention: ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``.
"""

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from . import scharfetter_gummel as sg
from .evolve import Evolution, evolve

__all__ = ["Evolution", "Stationary", "evolve", "stationary"]

_REACH = 9.0  # standard deviations of the free membrane below reset and mean
_LARGEST_N = 4_000_000
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Stationary:
    """The stationary state.

    Attributes
    ----------
    v : ndarray, shape (n,)
        Voltage in V, uniform, from far below reset to threshold.
    density : ndarray, shape (n,)
        Probability density of the membrane in 1/V; its integral (trapezoidal) is
        ``1 - rate t_ref``, the rest is refractory.
    rate : float
        Hz; extrapolated from grids of three spacings. 0 where it underflows.
    error : float
        Bound on the relative error of `rate`: the change between the two extrapolations from two of
        them, plus rounding.
    """

    v: NDArray[np.float64]
    density: NDArray[np.float64]
    rate: float
    error: float


def stationary(
    neuron: sg.Neuron,
    mu: float,
    sigma: float,
    *,
    n: int | None = None,
    drift: sg.OfVoltage | None = None,
    diffusion: sg.OfVoltage | None = None,
    v_min: float | None = None,
) -> Stationary:
    """Stationary density and rate.

    Parameters
    ----------
    neuron : LIF, EIF or ConductanceLIF
        Threshold (v_peak of an EIF), reset, t_ref, tau_m, and the drift unless `drift` is given.
    mu, sigma : float
        Drive and noise in V, ``sigma > 0``, or ``>= 0`` with `diffusion`.
    n : int, optional
        About how many grid intervals, >= 100 and enough for ``|A| h / D <= 1/2`` everywhere (in an
        EIF below v_th, and h below delta_t / 8). By default that many, at least 4000.
    drift : callable, optional
        dV/dt in V/s of the undriven membrane as a function of an array of V, in place of the
        neuron's; ``mu / tau_m`` is added to it.
    diffusion : callable, optional
        Diffusion coefficient in V**2/s of the undriven membrane as a function of an array of V, in
        Ito's sense; ``sigma**2 / (2 tau_m)`` is added to it. None by default.
    v_min : float, optional
        Lower end of the grid in V, below reset; where the density has vanished. Needed with
        `drift` or `diffusion`; else 9 standard deviations below reset and mean.

    Returns
    -------
    Stationary

    Raises
    ------
    ValueError
        An argument is out of range, or the noise so weak that more than 4 million intervals would
        be needed to resolve it.

    Examples
    --------
    A measured leak (`measured_leak.MeasuredNeuron`) with capacitance c_m and leak current i(v):
    ``LIF(tau_m, v_trip, v_reset, t_ref=t_dead)`` with ``drift=lambda v: i(v) / c_m``, ``mu = I
    tau_m / c_m`` for a current I, and the table's lower end as `v_min`; tau_m is free to choose.
    """
    if not isfinite(mu):
        raise ValueError(f"mu must be finite, not {mu!r}")
    if not (isfinite(sigma) and (sigma > 0 or (sigma == 0 and diffusion is not None))):
        raise ValueError(f"sigma must be finite and > 0 V (>= 0 V with diffusion), not {sigma!r}")
    membrane = sg.membrane(neuron, mu, sigma, _REACH, drift, diffusion, v_min)
    needed = max(sg.intervals(membrane, membrane.v_min, (mu,), sigma, 0.5), 100)
    n = max(needed, 4000) if n is None else n
    if not needed <= n <= _LARGEST_N:
        raise ValueError(f"n must be {needed} .. {_LARGEST_N} for sigma = {sigma!r} V, not {n!r}")
    below, above = sg.split(membrane, n, multiple=4)  # all three grids share reset and ends
    found = []
    for coarser in (4, 2, 1):
        grid = sg.grid(membrane, below // coarser, above // coarser, sigma)
        density, flux = sg.stationary(grid, mu / neuron.tau_m, sigma**2 / (2 * neuron.tau_m))
        mass = float(np.trapezoid(density, grid.v))
        found.append(flux / (mass + flux * neuron.t_ref))
    coarse, fine = ((4 * found[i + 1] - found[i]) / 3 for i in (0, 1))  # rid of h**2
    rate = (16 * fine - coarse) / 15  # and of h**4 (Romberg)
    if not 0 < rate < np.inf:
        return Stationary(grid.v, density / mass, 0.0, 0.0)
    density = density / mass * (1 - rate * neuron.t_ref)
    return Stationary(grid.v, density, rate, abs(coarse / fine - 1) + _ROUNDING)
