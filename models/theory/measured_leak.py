"""Rate of a neuron whose leak current is a measured table: one quadrature, no model of the leak.

``c_m dV/dt = I + i_leak(V)``; at v_trip a spike, then v_reset after a dead time. With a constant
drive the interval is (Knight 1972)

    T = t_dead + int_{v_reset}^{v_trip} c_m dv / (I + i_leak(v))

and there is no spike where the integrand's denominator reaches zero. The table is interpolated by
monotone cubics (PCHIP, Fritsch & Carlson 1980), whose extremes are at the table's points.
"""

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class MeasuredNeuron:
    """A membrane with a measured leak.

    Parameters
    ----------
    v : ndarray, shape (n,), n >= 5
        Voltages in V, ascending; they cover v_reset and v_trip.
    i_leak : ndarray, shape (n,)
        Current *into* the membrane at each, in A.
    c_m : float
        Capacitance in F, > 0.
    v_trip, v_reset : float
        Threshold and reset in V, ``v_reset < v_trip``.
    t_dead : float
        Time from a crossing to the release from v_reset in s, >= 0.
    """

    v: NDArray[np.float64]
    i_leak: NDArray[np.float64]
    c_m: float
    v_trip: float
    v_reset: float
    t_dead: float = 0.0

    def __post_init__(self) -> None:
        for name in ("v", "i_leak"):
            table = np.array(getattr(self, name), float)
            if table.ndim != 1 or table.size < 5:
                raise ValueError(f"{name} must have shape (n,), n >= 5, not {table.shape}")
            if not np.isfinite(table).all():
                raise ValueError(f"{name} must be finite")
            table.setflags(write=False)
            object.__setattr__(self, name, table)
        if self.v.shape != self.i_leak.shape:
            raise ValueError(f"v and i_leak must pair up, not {self.v.size} and {self.i_leak.size}")
        if not (np.diff(self.v) > 0).all():
            raise ValueError("v must be ascending")
        for name in ("c_m", "v_trip", "v_reset", "t_dead"):
            if not isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be finite, not {getattr(self, name)!r}")
        if self.c_m <= 0:
            raise ValueError(f"c_m must be > 0 F, not {self.c_m!r}")
        if self.t_dead < 0:
            raise ValueError(f"t_dead must be >= 0 s, not {self.t_dead!r}")
        if not self.v[0] <= self.v_reset < self.v_trip <= self.v[-1]:
            raise ValueError(
                f"v_reset = {self.v_reset!r} must be < v_trip = {self.v_trip!r} V, both in the"
                f" table's {self.v[0]:g} .. {self.v[-1]:g} V"
            )


def _charging_time(
    neuron: MeasuredNeuron, v: NDArray, i_leak: NDArray, current: float
) -> tuple[float, float]:
    """int c_m dv / (I + i_leak) for one table, and the error of the quadrature; inf if blocked."""
    leak = PchipInterpolator(v, i_leak)
    inside = v[(v > neuron.v_reset) & (v < neuron.v_trip)]
    edges = np.concatenate([[neuron.v_reset], inside, [neuron.v_trip]])
    if current + leak(edges).min() <= 0:
        return np.inf, 0.0

    def panels(low: NDArray, high: NDArray) -> NDArray:
        half = (high - low)[:, None] / 2
        at = low[:, None] + half * (_NODES + 1)
        return (half * _WEIGHTS / (current + leak(at))).sum(1)

    low, high = edges[:-1], edges[1:]
    coarse, total, error = panels(low, high), 0.0, 0.0
    for halving in range(_HALVINGS):
        middle = (low + high) / 2
        halves = np.stack([panels(low, middle), panels(middle, high)])
        change = np.abs(halves.sum(0) - coarse)
        done = (change <= 1e-11 * (total + halves.sum())) | (halving == _HALVINGS - 1)
        total += halves.sum(0)[done].sum()
        error += change[done].sum()
        low, middle, high = low[~done], middle[~done], high[~done]
        coarse = halves[:, ~done].ravel()
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    return neuron.c_m * total, neuron.c_m * error


def rate(
    neuron: MeasuredNeuron, current: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rate at constant drive.

    Parameters
    ----------
    neuron : MeasuredNeuron
    current : array_like
        Drive in A, into the membrane.

    Returns
    -------
    rate : ndarray
        Hz, of the shape of `current`; 0 where the drive does not carry the membrane to v_trip.
    error : ndarray
        Bound on its absolute error in Hz: the quadrature's, and what leaving out every other point
        of the table changes (whose own error is at least twice that of the full table where the
        leak is smooth on its scale). With 0 Hz: the rate that the thinned table gives.

    Raises
    ------
    ValueError
        `current` is not finite.
    """
    currents = np.asarray(current, float)
    if not np.isfinite(currents).all():
        raise ValueError(f"current must be finite, not {current!r}")
    keep = np.arange(neuron.v.size) % 2 == 0
    keep[-1] = True  # the ends stay, so that the table still covers the path
    rates, errors = np.empty(currents.shape), np.empty(currents.shape)
    for i in np.ndindex(currents.shape):
        time, quadrature = _charging_time(neuron, neuron.v, neuron.i_leak, float(currents[i]))
        thinned, _ = _charging_time(neuron, neuron.v[keep], neuron.i_leak[keep], float(currents[i]))
        rates[i] = 1 / (neuron.t_dead + time)
        errors[i] = abs(rates[i] - 1 / (neuron.t_dead + thinned))
        if time < np.inf:
            errors[i] += rates[i] ** 2 * quadrature
    return rates[()], errors[()]
