"""How a weak modulation of the drive changes the mean rate of a LIF neuron: to second order.

The drive is ``mu + eps cos(omega t)``, omega = 2 pi f. To first order in eps the density answers
with ``Re(eps p1 exp(i omega t))``; what p1 and the modulation make together has a mean, which
changes the mean rate by ``eps**2 / 2`` times the rectification R(f). A weak stationary noise of
two-sided spectrum C(f) in the drive, slow or fast, so changes it by

    delta_r = 2 int_0^inf R(f) C(f) df

White noise, C = tau_m delta_sigma**2, has to give dr/dsigma**2, and a slow one half of d2r/dmu2.

The membrane is a chain of cells of width h below threshold, with fluxes of central differences,
which are linear in mu: ``dp/dt = (T + mu T') p + e g(t - t_ref)`` with ``g = (F + mu F') p``, the
flux across the threshold, and e 1 / h in the cell of the reset. With z = exp(-i omega t_ref)

    i omega p1 = T p1 + T' p0 + e z g1,            g1 = F p1 + F' p0
    0 = T p2 + e g2 + Re(T' p1),                   sum(p2) h + t_ref g2 = 0,      R = g2

The spikes of the unmodulated neuron are a renewal process, of spectrum r Re((1 + q) / (1 - q)); the
interval's characteristic function q(f) is the flux that a spike at time 0 makes.
"""

from math import pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

from ..neuron import LIF

_CELLS = 1000
_DEPTH = 6.0  # of the lowest cell below reset or rest, in sigma

Array = NDArray[np.float64]


class Rectification(NamedTuple):
    """R in Hz / V**2 and the spectrum of the spikes in Hz, at each frequency."""

    rectification: Array
    spectrum: Array


class _Chain(NamedTuple):
    """T in bands (above, on, below the diagonal), and the last cell's rate across the threshold."""

    bands: Array
    across: float

    def apply(self, p: NDArray) -> NDArray:
        above, on, below = self.bands
        found = on * p
        found[:-1] += above[1:] * p[1:]
        found[1:] += below[:-1] * p[:-1]
        return found


def _chain(up: Array, down: Array, h: float) -> _Chain:
    """Of the rates up from each cell, and down to each cell, across its upper end."""
    stays = -up
    stays[1:] -= down[:-1]
    return _Chain(np.stack((np.roll(down, 1), stays, up)), float(up[-1] * h))


def rectification(neuron: LIF, mu: float, sigma: float, frequency: Array) -> Rectification:
    """Rectification and spike spectrum of a neuron under white noise.

    Parameters
    ----------
    neuron : LIF
    mu, sigma : float
        V; sigma > 0.
    frequency : array
        Hz, > 0.
    """
    diffusion = sigma**2 / (2 * neuron.tau_m)
    low = min(neuron.v_reset, neuron.v_rest + mu) - _DEPTH * sigma
    below = round(_CELLS * (neuron.v_th - neuron.v_reset) / (neuron.v_th - low)) or 1
    h = (neuron.v_th - neuron.v_reset) / below  # between cells, one of which is the reset
    number = round((neuron.v_th - low) / h)
    places = np.arange(-number, 0, dtype=np.float64)
    upper = neuron.v_th + h * (places + 0.5)  # ends of the cells
    drift = (neuron.v_rest + mu - upper) / (2 * h * neuron.tau_m)
    here = _chain(diffusion / h**2 + drift, diffusion / h**2 - drift, h)
    per_volt = np.full(number, 1 / (2 * h * neuron.tau_m))
    slope = _chain(per_volt, -per_volt, h)

    def solve(s: complex, source: NDArray) -> NDArray:
        """The density that answers to a source: ``s p = T p + source``."""
        bands = -here.bands.astype(type(s))
        bands[1] += s
        found: NDArray = solve_banded((1, 1), bands, source)
        return found

    reset = np.zeros(number)
    reset[-below] = 1 / h
    unit = solve(0.0, reset)  # the density at a rate of 1 Hz
    mass = unit.sum() * h + neuron.t_ref
    p0 = unit / mass
    found, spectrum = [], []
    for f in frequency:
        s = 2j * pi * f
        back = solve(s, reset * np.exp(-s * neuron.t_ref))
        forced = solve(s, slope.apply(p0).astype(complex))
        q = here.across * back[-1]
        g1 = (here.across * forced[-1] + slope.across * p0[-1]) / (1 - q)
        p1 = forced + g1 * back
        p2 = solve(0.0, slope.apply(p1).real)
        found.append(-p2.sum() * h / mass)
        spectrum.append(((1 + q) / (1 - q)).real / mass)
    return Rectification(np.array(found), np.array(spectrum))
