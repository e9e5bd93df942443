"""What mean field leaves out of a neuron's input: spikes are neither independent nor Poisson.

A neuron of population i has ``K_ij`` synapses, drawn with repetition, from the ``N_j`` neurons of
population j. With A_j the spectrum of one neuron's spikes and S the cross-spectra of the population
rates (`finite_size`), which pairs of different synapses see, the spectrum of its input is

    P_i(f) = sum_j J_ij**2 K_ij A_j(f) + sum_jk J_ij J_ik (K_ij K_ik - delta_jk K_ij) S_jk(f)

while mean field takes ``sum_j J_ij**2 K_ij r_j``, as if A were r and S were 0. A is taken as that
of a renewal process, r at high frequencies and ``r CV**2`` at 0. What a neuron makes of an excess
of its input depends on its frequency: to first order in the excess D, by the rectification R
(`rectification`) of its drive, in which D is ``tau_m**2 D``, the rates change by

    delta_r = (1 - slopes)**-1 2 int_0^inf R(f) tau_m**2 D(f) df

At high frequencies S is that of independent neurons and D a constant, which is more white noise
``delta_sigma**2 = tau_m D``. D has two parts, of pairs (S) and of single neurons (A - r). They may
have opposite signs; so that the model error of a rate is not small by chance, or because the next
order is left out, it is taken as the sum of the sizes of the changes that they make.
"""

import numpy as np
from numpy.typing import NDArray

from . import siegert
from .finite_size import spectrum
from .mean_field import FixedPoint, Network
from .rectification import rectification

_FREQUENCIES = np.union1d(np.geomspace(0.1, 1e4, 120), np.arange(1.0, 500.0))  # Hz


def of_pairs(network: Network, cross: NDArray[np.complex128]) -> NDArray[np.float64]:
    """The part of D that pairs of neurons make, in V**2 Hz.

    Parameters
    ----------
    network : Network
    cross : ndarray, shape (..., n, n)
        Cross-spectra of the population rates in Hz.

    Returns
    -------
    ndarray, shape (..., n)
    """
    jumps, number = network.weights, network.in_degrees
    brought = jumps * number
    pairs = np.einsum("ij,ik->ijk", brought, brought)
    pairs -= np.einsum("ij,jk->ijk", jumps * brought, np.eye(len(network.neurons)))
    found: NDArray[np.float64] = np.einsum("ijk,...jk->...i", pairs, cross.real)
    return found


def rate_error(network: Network, point: FixedPoint) -> NDArray[np.float64]:
    """Model error of the rates of a finite network in mean field.

    Parameters
    ----------
    network : Network
        With `sizes`, without `dt` and `tau_s`.
    point : FixedPoint
        Of this network, stable with its delays (`stability.stability`; not checked here), with all
        sigma > 0.

    Returns
    -------
    ndarray, shape (n,)
        Hz.

    Raises
    ------
    ValueError
        `network` has no sizes.
    """
    f, tau = _FREQUENCIES, np.array([neuron.tau_m for neuron in network.neurons])
    inputs = list(zip(network.neurons, point.mu, point.sigma, strict=True))
    answers = [rectification(neuron, float(mu), float(sigma), f) for neuron, mu, sigma in inputs]
    weight = 2 * tau**2 * np.stack([each.rectification for each in answers], axis=1)
    single = np.stack([each.spectrum for each in answers], axis=1) - point.rates
    independent = of_pairs(network, np.diag(point.rates / network.sizes).astype(complex))
    pairs = of_pairs(network, spectrum(network, point, f)) - independent
    gain = np.array([n.tau_m * siegert.rate_dsigma(n, mu, s) / (2 * s) for n, mu, s in inputs])
    loop = np.linalg.inv(np.eye(gain.size) - point.slopes)
    by_pairs = loop @ (gain * independent + np.trapezoid(weight * pairs, f, axis=0))
    alone = single @ (network.weights**2 * network.in_degrees).T
    by_single = loop @ np.trapezoid(weight * alone, f, axis=0)
    changes: NDArray[np.float64] = np.abs(by_pairs) + np.abs(by_single)
    return changes
