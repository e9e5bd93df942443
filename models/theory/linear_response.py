"""Linear response of the firing rate to a modulated drive or noise.

The drive is ``mu + Re(eps exp(+i omega t))``, the rate ``r0 + Re(eps N(omega) exp(+i omega t))``: N
is the susceptibility. To first order in eps the Fokker-Planck equation has a part r that a
modulated rate injects and a part e that the modulation forces, each solved downwards from the
threshold, where their fluxes are 1 and 0 (Richardson 2007):

    D dr/dV = A r - J_r                      J_r = 1 + i omega (mass of r above V)
    D de/dV = A e - J_e + p0 / tau_m         J_e =     i omega (mass of e above V)

with the stationary density p0 at unit rate, and ``-(sigma / tau_m) dp0/dV`` in place of
``p0 / tau_m`` where sigma is modulated. What crosses the threshold appears at the reset t_ref
later: J_r drops there by exp(-i omega t_ref). With h = (1 - exp(-i omega t_ref)) / (i omega), the
mass held refractory, probability is conserved if

    N = -r0 m_e / (m_r + h),        r0 = 1 / (m_0 + t_ref).

Noise convention: ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``.
"""

from math import isnan, pi

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neuron import EIF, LIF
from .threshold_integration import DRIVE, GIANT, NOISE, M, constants, descend, inputs


def _response(
    cell: tuple[float, ...], mu: float, sigma: float, frequency: float, kind: int
) -> complex:
    t_ref = cell[4]
    s = 2j * pi * frequency
    held = t_ref * np.sinc(frequency * t_ref) * np.exp(-s * t_ref / 2)
    fluxes = np.array([[1, 1, 0], [0, s * held, 0]], complex)  # of p0, r, e above and below reset
    state, power, h = descend(cell, mu, sigma, fluxes, np.array([0, s, s]), kind)
    if isnan(h):
        raise ValueError(
            f"sigma = {sigma!r} V is too small, or frequency = {frequency!r} Hz too large, "
            "for the density to be resolved"
        )
    if h == -1.0:
        return 0j
    m_0, m_r, m_e = state[M]
    m_r += held * GIANT ** -float(power[1])
    return -(GIANT ** float(power[2] - power[1])) * m_e / m_r / (m_0.real + t_ref)


def _responses(
    neuron: LIF | EIF, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike, kind: int
) -> NDArray[np.complex128]:
    cell = constants(neuron)
    mu, sigma, frequency = inputs(mu=mu, sigma=sigma, frequency=frequency)
    if not np.all(sigma > 0):
        raise ValueError("sigma must be > 0 V, not 0.0: without noise the response has poles")
    out = np.empty(mu.shape, complex)
    for i in np.ndindex(mu.shape):
        out[i] = _response(cell, float(mu[i]), float(sigma[i]), float(frequency[i]), kind)
    return out[()]


def susceptibility(
    neuron: LIF | EIF, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike
) -> NDArray[np.complex128]:
    """Response of the firing rate to a small modulation of the drive.

    Parameters
    ----------
    neuron : LIF or EIF
    mu, sigma, frequency : array_like, broadcast
        Stationary drive and noise in V (convention at the head of this module), ``sigma > 0``;
        frequency of the modulation in Hz, of either sign.

    Returns
    -------
    ndarray of complex
        Rate over drive in Hz/V: a drive ``mu + eps cos(omega t)`` gives the rate
        ``r0 + eps Re(N exp(+i omega t))``; a rate that lags has a negative phase. At frequency 0
        the derivative of the stationary rate; 0 where that rate is below 1e-290 Hz.

    Raises
    ------
    TypeError, ValueError
        An argument is not what it must be, or the noise is so weak and the frequency so large that
        the response cannot be resolved.

    Notes
    -----
    Relative error <= 1e-8 up to 10 kHz for rates above 1e-10 Hz. Closed form for the LIF neuron:
    Brunel & Hakim 1999; Lindner & Schimansky-Geier 2001.
    """
    return _responses(neuron, mu, sigma, frequency, DRIVE)


def noise_susceptibility(
    neuron: LIF | EIF, mu: ArrayLike, sigma: ArrayLike, frequency: ArrayLike
) -> NDArray[np.complex128]:
    """Response of the firing rate to a small modulation of the noise.

    As `susceptibility`, with ``sigma + eps cos(omega t)`` in place of the modulated drive.
    """
    return _responses(neuron, mu, sigma, frequency, NOISE)
