"""The LIF neuron under noise that is not quite white (Brunel & Sergi 1998; Fourcaud & Brunel 2002).

    tau_m dV/dt = -(V - v_rest) + mu + s,      tau_s ds/dt = -s + sigma sqrt(tau_m) xi(t)

The sum ``W = V + (tau_s / tau_m) s`` does not feel tau_s: to first order in sqrt(tau_s / tau_m) it
is the membrane under white noise. A spike happens while s > 0, when W is above the threshold, on
average by ``alpha / 2 sigma sqrt(tau_s / tau_m)`` with ``alpha = sqrt(2) |zeta(1/2)|``: the
threshold of W lies that much higher (Fourcaud & Brunel 2002, after eq. 4.33). At the end of the
refractory time W starts above v_reset by what is left of that s, ``exp(-t_ref / tau_s)`` of it. The
published law, which moves the reset as much as the threshold, is the case t_ref << tau_s.
"""

from math import exp, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from ..neuron import LIF

_HALF_ALPHA = 1.4603545088095868 / sqrt(2)  # |zeta(1/2)| / sqrt(2)
_SLOWEST, _FARTHEST, _NARROWEST = 0.03, 2.0, 1.0


def shifts(neuron: LIF, tau_s: float) -> tuple[float, float]:
    """By how much threshold and reset move up, in units of sigma.

    `siegert.rate(..., tau_s=tau_s)` applies them.

    Parameters
    ----------
    neuron : LIF
    tau_s : float
        Time constant of the noise in s, > 0.

    Returns
    -------
    threshold, reset : float

    Raises
    ------
    ValueError
        `tau_s` is out of range.
    """
    if not 0 < tau_s < inf:
        raise ValueError(f"tau_s must be > 0 s, not {tau_s!r}")
    threshold = _HALF_ALPHA * sqrt(tau_s / neuron.tau_m)
    return threshold, threshold * exp(-neuron.t_ref / tau_s)


def in_domain(
    neuron: LIF, mu: NDArray[np.float64], sigma: NDArray[np.float64], tau_s: float
) -> NDArray[np.bool_]:
    """Where the shifted Siegert rate has been measured to be within 5 % of the truth.

    ``tau_s <= 0.03 tau_m``, ``|v_th - v_rest - mu| <= 2 sigma`` and ``v_th - v_reset >= sigma``.
    There the rates of Monte Carlo runs (standard error 0.2 to 0.7 %; t_ref 0, 0.03 and 0.1 tau_m)
    differ by up to 2 % with ``tau_s = 0.01 tau_m`` and 4 % with 0.03, the formula's being the lower
    ones. Without noise nothing moves.
    """
    near = np.abs(neuron.v_th - neuron.v_rest - mu) <= _FARTHEST * sigma
    wide = neuron.v_th - neuron.v_reset >= _NARROWEST * sigma
    return (sigma == 0) | near & wide & (tau_s <= _SLOWEST * neuron.tau_m)
