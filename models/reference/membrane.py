"""One time step of many neurons at once, for each neuron of models/neuron.py.

With the drive mu and the synaptic current held at their means over the step of length dt,
``h = dt / tau_m``, and the jump of V by the spikes that arrive at its end::

    LIF             V' = m + exp(-h) (V - m) + effect + jump,   m = v_rest + mu: exact
    EIF             half a leak step, a step of the exponential term, half a leak step, all exact
                    (Strang 1968): second order
    QIF             (x' - x) / h = x x' + eta (Kahan 1993): second order, and it passes infinity
    ConductanceLIF  the leak step with the total conductance, towards the mean of all reversal
                    potentials: second order

A neuron that reaches its threshold has spiked at this step: V = v_reset for ``round(t_ref / dt)``
further steps, in which its jumps are lost. Only a QIF from -infinity to +infinity without a
refractory time goes on from where Kahan's step put it, beyond infinity.

Each function changes `v` and `counter` (steps still refractory) in place and sets `spiked`.
"""

from math import exp, inf, log1p

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..neuron import EIF, LIF, QIF
from .synapse import Neuron

LIF_KIND, EIF_KIND, QIF_KIND, CONDUCTANCE_KIND = range(4)


def constants(neuron: Neuron, dt: float) -> tuple[int, NDArray[np.float64]]:
    """The kind of neuron, and the constants that its step needs."""
    h = dt / neuron.tau_m
    if isinstance(neuron, LIF):
        return LIF_KIND, np.array([exp(-h), neuron.v_th, neuron.v_reset])
    if isinstance(neuron, EIF):
        values = [exp(-h / 2), h, neuron.v_th, neuron.delta_t, neuron.v_peak, neuron.v_reset]
        return EIF_KIND, np.array(values)
    if isinstance(neuron, QIF):
        values = [h, neuron.v_scale, neuron.v_0, neuron.v_peak, neuron.v_reset]
        return QIF_KIND, np.array(values)
    values = [h, neuron.e_e, neuron.e_i, neuron.v_th, neuron.v_reset]
    return CONDUCTANCE_KIND, np.array(values)


@njit(cache=True, nogil=True)
def lif(
    v: NDArray,
    counter: NDArray,
    spiked: NDArray,
    m: NDArray,
    effect: NDArray,
    jump: NDArray,
    constants: NDArray,
    refractory: int,
) -> None:
    a, v_th, v_reset = constants
    for i in range(v.size):
        free = counter[i] == 0
        x = m[i] + a * (v[i] - m[i]) + (effect[i] + jump[i])
        spike = free and x >= v_th
        spiked[i] = spike
        v[i] = x if free and not spike else v_reset
        counter[i] = refractory if spike else max(counter[i] - 1, 0)


@njit(cache=True, nogil=True)
def eif(
    v: NDArray,
    counter: NDArray,
    spiked: NDArray,
    m: NDArray,
    current: NDArray,
    jump: NDArray,
    constants: NDArray,
    refractory: int,
) -> None:
    a, h, v_th, delta_t, v_peak, v_reset = constants
    for i in range(v.size):
        spiked[i] = False
        if counter[i] > 0:
            counter[i] -= 1
            continue
        towards = m[i] + current[i]
        x = towards + a * (v[i] - towards)
        z = h * exp((x - v_th) / delta_t)
        if z < 1.0:  # else V is infinite before the step is over
            x = towards + a * (x - delta_t * log1p(-z) - towards) + jump[i]
        if z >= 1.0 or x >= v_peak:
            spiked[i] = True
            counter[i] = refractory
            x = v_reset
        v[i] = x


@njit(cache=True, nogil=True)
def qif(
    v: NDArray,
    counter: NDArray,
    spiked: NDArray,
    mu: NDArray,
    current: NDArray,
    jump: NDArray,
    constants: NDArray,
    refractory: int,
) -> None:
    h, v_scale, v_0, v_peak, v_reset = constants
    through = v_peak == inf and v_reset == -inf and refractory == 0
    for i in range(v.size):
        spiked[i] = False
        if counter[i] > 0:
            counter[i] -= 1
            continue
        x = (v[i] - v_0) / v_scale
        rest = 1.0 - h * x
        if x == -inf:
            x = -1.0 / h
        elif rest != 0.0:
            x = (x + h * (mu[i] + current[i]) / v_scale) / rest
        else:
            x = -inf
        x = v_0 + v_scale * x + jump[i]
        if rest <= 0.0 or x >= v_peak:
            spiked[i] = True
            counter[i] = refractory
            if not through:
                x = v_reset
        v[i] = x


@njit(cache=True, nogil=True)
def conductance_lif(
    v: NDArray,
    counter: NDArray,
    spiked: NDArray,
    m: NDArray,
    current: NDArray,
    g_e: NDArray,
    g_i: NDArray,
    jump: NDArray,
    constants: NDArray,
    refractory: int,
) -> None:
    h, e_e, e_i, v_th, v_reset = constants
    for i in range(v.size):
        spiked[i] = False
        if counter[i] > 0:
            counter[i] -= 1
            continue
        g = 1.0 + g_e[i] + g_i[i]
        towards = (m[i] + current[i] + g_e[i] * e_e + g_i[i] * e_i) / g
        x = towards + exp(-h * g) * (v[i] - towards) + jump[i]
        if x >= v_th:
            spiked[i] = True
            counter[i] = refractory
            x = v_reset
        v[i] = x
