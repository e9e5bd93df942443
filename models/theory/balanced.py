"""Balanced networks (van Vreeswijk & Sompolinsky 1996, 1998).

With K synapses per neuron of weights ``J_ij / sqrt(K)``, the mean input grows as sqrt(K), its noise
does not:

    mu_i       = sqrt(K) tau_i (sum_j J_ij    r_j + J_i    r_x)
    sigma_i**2 =         tau_i (sum_j J_ij**2 r_j + J_i**2 r_x)

For large K the neurons can fire at moderate rates only if the bracket vanishes: the rates solve
``J r = -J_x r_x``, linear in the external rate whatever the neurons are. What remains of the mean,
of order one, is the u_i at which the neurons fire at these rates; it takes a deviation
``r - r_inf = (1 / sqrt(K)) J**-1 (u / tau)`` of the rates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neuron import LIF
from . import siegert
from .mean_field import Network, Poisson


def _system(weights: ArrayLike, drive: ArrayLike) -> tuple[NDArray, NDArray]:
    j, x = np.asarray(weights, float), np.asarray(drive, float)
    if j.ndim != 2 or j.shape[0] != j.shape[1] or j.size == 0:
        raise ValueError(f"weights must have shape (n, n), not {j.shape}")
    if x.shape != j.shape[:1]:
        raise ValueError(f"drive must have shape {j.shape[:1]}, as weights has, not {x.shape}")
    for name, array in (("weights", j), ("drive", x)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, not {float(array[~np.isfinite(array)][0])!r}")
    return j, x


def rates(weights: ArrayLike, drive: ArrayLike) -> NDArray[np.float64]:
    """Rates at which excitation and inhibition cancel, ``J r = -drive`` (1998, eqs 4.3-4.4).

    Parameters
    ----------
    weights : array_like, shape (n, n)
        ``J_ij``, from j to i, in any unit; inhibition negative.
    drive : array_like, shape (n,)
        ``J_x r_x``, in that unit times Hz.

    Returns
    -------
    ndarray, shape (n,)
        Hz; a negative entry says that there is no balanced state.

    Raises
    ------
    ValueError
        Shapes do not match, entries are not finite, `weights` is singular.
    """
    j, x = _system(weights, drive)
    if np.linalg.cond(j) > 1e12:
        raise ValueError(f"weights must be invertible, not {j.tolist()!r}")
    return np.linalg.solve(j, -x)


@dataclass(frozen=True)
class Balance:
    """Whether the populations balance.

    Attributes
    ----------
    positive : bool
        All balanced rates are positive.
    stable : bool
        Deviations of the rates decay: the eigenvalues of ``J_ij / tau_i`` have real parts < 0.
    alone : bool
        There is no other state, in which some populations are silent, held below threshold by an
        input of order -sqrt(K), and the rest balance each other.
    """

    positive: bool
    stable: bool
    alone: bool

    @property
    def exists(self) -> bool:
        """Whether the network settles in the balanced state, whatever it starts from."""
        return self.positive and self.stable and self.alone


def balance(weights: ArrayLike, drive: ArrayLike, tau: ArrayLike = 1.0) -> Balance:
    """Conditions for a balanced state.

    For one excitatory and one inhibitory population with ``J_EE = J_IE = 1``, ``J_EI = -J_E``,
    ``J_II = -J_I < -1`` and drives E and I they are ``E / I > J_E / J_I > 1`` (1996, eq. 3; 1998,
    eqs 4.9-4.10).

    Parameters
    ----------
    weights, drive : array_like
        As for `rates`.
    tau : array_like, broadcast to (n,)
        Time constants of the populations, in any unit.

    Returns
    -------
    Balance

    Raises
    ------
    ValueError
        As `rates`; `tau` is not positive; more than 12 populations.
    """
    j, x = _system(weights, drive)
    n = len(x)
    if n > 12:
        raise ValueError(f"weights must be of at most 12 populations, not {n}")
    time = np.broadcast_to(np.asarray(tau, float), n)
    if not np.all((time > 0) & np.isfinite(time)):
        raise ValueError(f"tau must be finite and > 0, not {tau!r}")
    return Balance(
        positive=bool(np.all(rates(j, x) > 0)),
        stable=bool(np.all(np.linalg.eigvals(j / time[:, None]).real < 0)),
        alone=not any(
            _settles(j, x, list(active)) for k in range(n) for active in combinations(range(n), k)
        ),
    )


def _settles(j: NDArray, x: NDArray, active: list[int]) -> bool:
    """Whether the `active` populations balance and hold all others below threshold."""
    silent = [i for i in range(len(x)) if i not in active]
    block = j[np.ix_(active, active)]
    if active and np.linalg.cond(block) > 1e12:
        return False
    r = np.linalg.solve(block, -x[active])
    return bool(np.all(r > 0) and np.all(j[np.ix_(silent, active)] @ r + x[silent] < 0))


def network(
    neurons: Sequence[LIF],
    weights: ArrayLike,
    external_weights: ArrayLike,
    external_rate: float,
    in_degree: float,
) -> Network:
    """The network of LIF neurons with K = `in_degree` synapses from each population.

    Parameters
    ----------
    neurons : sequence of LIF, length n
    weights : array_like, shape (n, n)
        ``J_ij`` in V, of the order of the threshold; a synapse has ``J_ij / sqrt(K)``.
    external_weights : array_like, shape (n,)
        ``J_i`` of the K Poisson sources in V.
    external_rate : float
        Their rate r_x in Hz.
    in_degree : float
        K, > 0.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        As `Network`; `in_degree` is not positive.
    """
    if not 0 < in_degree < np.inf:
        raise ValueError(f"in_degree must be finite and > 0, not {in_degree!r}")
    j, x = _system(weights, external_weights)
    root = np.sqrt(in_degree)
    external = Poisson(external_rate, in_degree, x / root)
    return Network(tuple(neurons), np.full(j.shape, in_degree), j / root, external=external)


def correction(network: Network) -> NDArray[np.float64]:
    """Limit of ``(r - r_inf) sqrt(K)`` for K -> infinity.

    Parameters
    ----------
    network : Network
        From `network`, of any K.

    Returns
    -------
    ndarray, shape (n,)
        Hz.

    Raises
    ------
    ValueError
        The balanced rates are not between 0 and ``1 / t_ref``.
    """
    root = np.sqrt(network.in_degrees[0, 0])
    j, external = network.weights * root, network.external
    r = rates(j, external.weight * root * external.rate)
    t_ref = np.array([neuron.t_ref for neuron in network.neurons])
    if not np.all((r > 0) & (r * t_ref < 1)):
        raise ValueError(f"balanced rates must be between 0 and 1 / t_ref, not {r.tolist()} Hz")
    sigma = network.input(r)[1]
    u = [
        float(siegert.mu_for_rate(neuron, rate, s))
        for neuron, rate, s in zip(network.neurons, r, sigma, strict=True)
    ]
    tau = np.array([neuron.tau_m for neuron in network.neurons])
    return np.linalg.solve(j, np.array(u) / tau)
