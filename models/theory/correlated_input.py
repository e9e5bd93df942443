"""What mean field leaves out of a neuron's input: spikes are neither independent nor Poisson.

A neuron of population i has ``K_ij`` synapses, drawn with repetition, from the ``N_j`` neurons of
population j. With A_j the spectrum of one neuron's spikes and S the cross-spectra of the population
rates (`finite_size`), which pairs of different synapses see, the spectrum of its input is

    P_i(f) = sum_j J_ij**2 K_ij A_j(f) + sum_jk J_ij J_ik (K_ij K_ik - delta_jk K_ij) S_jk(f)

while mean field takes ``sum_j J_ij**2 K_ij r_j``, as if A were r and S were 0. A is r at high
frequencies and ``r CV**2`` at 0, a renewal process's. Were the difference D_i the same at all
frequencies, the rates would change, to first order, by

    delta_r = (1 - slopes)**-1 tau D dPhi / dsigma**2

Which frequencies a neuron heeds depends on its working point. So the model error of a rate is taken
as the largest change that the D of one frequency makes, with either of the two limits of A. Peaks
of A at the rate and its multiples are left out: firing must be irregular.
"""

import numpy as np
from numpy.typing import NDArray

from . import siegert
from .finite_size import spectrum
from .mean_field import FixedPoint, Network

_FREQUENCIES = np.array([0.0, *np.geomspace(1.0, 1000.0, 40)])


def input_excess(
    network: Network, point: FixedPoint, cross: NDArray[np.complex128], irregular: bool
) -> NDArray[np.float64]:
    """D of the head of this module, in V**2 Hz, beyond what mean field takes.

    Parameters
    ----------
    network : Network
    point : FixedPoint
    cross : ndarray, shape (..., n, n)
        Cross-spectra of the population rates in Hz.
    irregular : bool
        A is r, else ``r CV**2``.

    Returns
    -------
    ndarray, shape (..., n)
    """
    jumps, number = network.weights, network.in_degrees
    brought = jumps * number
    pairs = np.einsum("ij,ik->ijk", brought, brought)
    pairs -= np.einsum("ij,jk->ijk", jumps * brought, np.eye(len(network.neurons)))
    excess: NDArray[np.float64] = np.einsum("ijk,...jk->...i", pairs, cross.real)
    if irregular:
        return excess
    inputs = zip(network.neurons, point.mu, point.sigma, strict=True)
    cv = np.array([float(siegert.cv(*each)) for each in inputs])
    return excess + (jumps * brought) @ (point.rates * (cv**2 - 1))


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
    cross = spectrum(network, point, _FREQUENCIES)
    inputs = zip(network.neurons, point.mu, point.sigma, strict=True)
    gain = [n.tau_m * float(siegert.rate_dsigma(n, mu, s)) / (2 * s) for n, mu, s in inputs]
    loop = np.linalg.inv(np.eye(len(gain)) - point.slopes)
    changes = [
        (input_excess(network, point, cross, irregular) * gain) @ loop.T
        for irregular in (True, False)
    ]
    return np.abs(changes).max(axis=(0, 1))
