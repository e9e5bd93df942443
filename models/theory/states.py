"""The states of Brunel's network of excitatory and inhibitory LIF neurons, named (Brunel 2000).

Each neuron gets ``C_E`` excitatory synapses of weight J, ``C_E / 4`` inhibitory ones of weight
-g J, and ``C_E`` Poisson sources of weight J at ``eta`` times the rate ``v_th / (J C_E tau_m)``
whose mean alone holds the membrane at threshold (model A). The state is that of the fixed point:

    quiescent     rates below `QUIET`
    AR, AI        asynchronous: modulations of the rates die out (`stability`); the neurons fire
                  regularly or irregularly (their CV against `IRREGULAR`)
    SR            synchronous regular: modulations grow, the neurons fire regularly
    SI fast       synchronous irregular: an oscillation of a frequency that the delay makes, around
                  ``1 / (4 D)`` (the feedback then comes a quarter of a period late)
    SI slow       one so slow, below ``1 / (8 D)``, that the membrane's lag outweighs the delay's

The names are the paper's; where one ends and the next begins is convention, but for the onset.
"""

import numpy as np

from ..neuron import LIF
from . import siegert
from .mean_field import FixedPoint, Network, Poisson
from .stability import stability

QUIET = 0.1  # Hz
IRREGULAR = 0.5  # CV


def brunel_network(
    g: float,
    eta: float,
    *,
    weight: float = 0.1e-3,
    in_degree: int = 1000,
    delay: float = 1.5e-3,
    dt: float | None = None,
) -> Network:
    """Brunel's model A: 20 ms membranes, threshold 20 mV, reset 10 mV, 2 ms refractory.

    Parameters
    ----------
    g : float
        Inhibitory over excitatory weight, >= 0.
    eta : float
        External rate over the rate that just reaches threshold, >= 0.
    weight : float
        Excitatory weight J in V, > 0.
    in_degree : int
        Excitatory synapses C_E per neuron, a tenth of the excitatory neurons.
    delay : float
        s.
    dt : float, optional
        As in `Network`.

    Returns
    -------
    Network
        Populations E and I.

    Raises
    ------
    ValueError
        An argument is out of range.
    """
    for name, value in (("g", g), ("eta", eta)):
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} must be finite and >= 0, not {value!r}")
    for name, value in (("weight", weight), ("in_degree", in_degree)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be finite and > 0, not {value!r}")
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
    threshold_rate = neuron.v_th / (weight * in_degree * neuron.tau_m)
    return Network(
        neurons=(neuron, neuron),
        in_degrees=[[in_degree, in_degree / 4]] * 2,
        weights=[[weight, -g * weight]] * 2,
        delays=delay,
        external=Poisson(rate=eta * threshold_rate, in_degree=in_degree, weight=weight),
        sizes=(10 * in_degree, 2.5 * in_degree),
        dt=dt,
    )


def state(network: Network, point: FixedPoint) -> str:
    """Name of the state that grows out of a fixed point.

    Parameters
    ----------
    network : Network
        Any; the delay that tells fast from slow is the mean one of its synapses.
    point : FixedPoint
        Of this network.

    Returns
    -------
    str
        "quiescent", "AR", "AI", "SR", "SI fast" or "SI slow".

    Raises
    ------
    ValueError
        As `stability.stability`.
    """
    if np.all(point.rates < QUIET):
        return "quiescent"
    cvs = [
        float(siegert.cv(neuron, mu, sigma))
        for neuron, mu, sigma in zip(network.neurons, point.mu, point.sigma, strict=True)
    ]
    regular = np.average(cvs, weights=point.rates) < IRREGULAR
    modes = stability(network, point)
    if not modes.unstable:
        return "AR" if regular else "AI"
    if regular:
        return "SR"
    delay = np.average(network.delays, weights=network.in_degrees)
    return "SI fast" if modes.frequency * 8 * delay > 1 else "SI slow"
