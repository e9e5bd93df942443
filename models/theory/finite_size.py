"""Fluctuations of the population rates of a finite network (Brunel & Hakim 1999; Mattia & Del
Giudice 2002; Lindner, Doiron & Longtin 2005).

N neurons that fire as independent Poisson processes of rate r have a population rate with white
fluctuations of spectrum ``r / N``. The network answers to them by its loop gain M(f) (`stability`):
the deviations are ``A = n + M A`` with n white, so that the cross-spectra are

    S(f) = (1 - M)**-1 diag(r / N) (1 - M)**-H

Spectra are two-sided, the Fourier transform of the covariance function of the rates, in Hz. Linear
theory: it needs a stable fixed point, few shared inputs, and irregular firing; the peaks of single
neurons' spectra at their own rate are left out.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .mean_field import FixedPoint, Network
from .stability import loop_gain


def spectrum(network: Network, point: FixedPoint, frequency: ArrayLike) -> NDArray[np.complex128]:
    """Cross-spectra of the population rates.

    Parameters
    ----------
    network : Network
        With `sizes`.
    point : FixedPoint
        Of this network, stable with its delays (`stability.stability`; not checked here), with all
        sigma > 0.
    frequency : array_like, shape (...)
        Hz.

    Returns
    -------
    ndarray of complex, shape (..., n, n)
        Hz; Hermitian, the spectra of the populations on the diagonal.

    Raises
    ------
    ValueError
        `network` has no sizes.
    """
    if network.sizes is None:
        raise ValueError("network must have sizes, not None")
    one = np.eye(len(network.neurons))
    answer = np.linalg.inv(one - loop_gain(network, point, frequency))
    return (answer * (point.rates / network.sizes)) @ np.conj(np.swapaxes(answer, -1, -2))
