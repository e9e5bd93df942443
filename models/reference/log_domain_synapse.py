"""The current of a log-domain synapse under pulses: the differential-pair integrator's equation.

    tau dI/dt = -I + [pulse] gain I/(1 + (I/i_gain)**exponent)

(Bartolozzi & Indiveri 2007, Neural Comput. 19:2581, with the exponent of two slope factors; see
`rheobase.analog.cells.dpi`). I never reaches 0, so it is integrated as ``y = log(I/i_gain)``:
exactly between pulses, by Runge-Kutta steps of fourth order within them, over which y changes by
about a quarter. The charge of such a step is Simpson's, the middle being on y's Hermite cubic.

Out comes the mean current in each time step, whose charge is the synapse's. That current does not
depend on the membrane, so it can be held during the step for `measured_leak`.
"""

from dataclasses import dataclass
from math import exp, inf, log
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import lfilter

Array = NDArray[np.floating[Any]]

_FINE = 0.25  # of y, in a step
_JOINED = 0.1  # of a width


@dataclass(frozen=True, eq=False)
class Pulses:
    """Pulses on one line, in s: ``on[k] < off[k] < on[k + 1]``, at half of their edges."""

    on: Array
    off: Array


def serial(times: Array, width: float) -> Pulses:
    """One pulse of a `width` (s) for each event of a line that carries one at a time.

    An event that comes during a pulse waits for its end. Pulses follow without a gap where it would
    be less than a tenth of a width.
    """
    number = np.arange(len(times)) * width
    on = np.maximum.accumulate(times - number) + number
    apart = np.diff(on) > (1 + _JOINED) * width
    first, last = np.append(True, apart)[: len(on)], np.append(apart, True)[: len(on)]
    return Pulses(on[first], on[last] + width)


@dataclass(frozen=True)
class LogDomainSynapse:
    """What the equation needs.

    Parameters
    ----------
    tau : float
        Time constant in s, > 0.
    gain : float
        ``I_w/I_tau``, > 0.
    i_gain : float
        In A, > 0.
    exponent : float
        > 0.
    start : float
        Current in A before the first pulse, > 0.
    """

    tau: float
    gain: float
    i_gain: float
    exponent: float
    start: float

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if not 0 < getattr(self, name) < inf:
                raise ValueError(f"{name} must be finite and > 0, not {getattr(self, name)!r}")

    def currents(self, pulses: Pulses, dt: float, steps: int) -> Array:
        """Mean current in A during each of `steps` steps of `dt` (s), shape (steps,)."""
        numbers = (self.tau, self.gain, self.exponent, log(self.start / self.i_gain))
        return self.i_gain * _means(pulses.on, pulses.off, float(dt), steps, *numbers)


@njit(cache=True)
def _slope(y: float, tau: float, gain: float, exponent: float) -> float:
    return (gain / (1.0 + exp(exponent * y)) - 1.0) / tau


@njit(cache=True)
def _means(
    on: NDArray, off: NDArray, dt: float, steps: int,
    tau: float, gain: float, exponent: float, y: float,
) -> NDArray:  # fmt: skip
    """In units of i_gain."""
    means = np.empty(steps)
    t, k = 0.0, 0
    for step in range(steps):
        end, charge = (step + 1) * dt, 0.0
        while t < end:
            if k < on.size and t >= on[k]:
                stop = min(off[k], end)
                while t < stop:
                    k1 = _slope(y, tau, gain, exponent)
                    h = min(_FINE / (abs(k1) + 1.0 / tau), stop - t)
                    k2 = _slope(y + h / 2 * k1, tau, gain, exponent)
                    k3 = _slope(y + h / 2 * k2, tau, gain, exponent)
                    k4 = _slope(y + h * k3, tau, gain, exponent)
                    after = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
                    k5 = _slope(after, tau, gain, exponent)
                    middle = (y + after) / 2 + h / 8 * (k1 - k5)
                    charge += h / 6 * (exp(y) + 4 * exp(middle) + exp(after))
                    y = after
                    t = t + h if stop - t > h * (1 + 1e-9) else stop
                if t >= off[k]:
                    k += 1
            else:
                stop = min(on[k], end) if k < on.size else end
                after = y - (stop - t) / tau
                charge += tau * (exp(y) - exp(after))
                t, y = stop, after
        means[step] = charge / dt
    return means


def linear_currents(times: Array, charge: float, tau: float, dt: float, steps: int) -> Array:
    """The same of a linear synapse: each event adds ``charge/tau exp(-t/tau)``; exact.

    Parameters
    ----------
    times : ndarray
        Of the events in s, >= 0.
    charge, tau : float
        Of an event in C; time constant in s.
    dt : float
        In s.
    steps : int
    """
    at = (times / dt).astype(int)
    heard = at < steps
    at, left = at[heard], (at[heard] + 1) * dt - times[heard]
    decay = exp(-dt / tau)
    arrived = np.bincount(at, charge / tau * np.exp(-left / tau), steps)
    given = np.bincount(at, charge * -np.expm1(-left / tau), steps)
    ends = lfilter([1.0], [1.0, -decay], arrived)
    before = np.concatenate(([0.0], ends[:-1]))
    return (before * tau * (1 - decay) + given) / dt
