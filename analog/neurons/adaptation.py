"""The rate of a neuron that adapts: the loop of spikes and I_a, cut open and closed again.

A DPI alone is driven by pulses of a period T, until its current I_a(t) is periodic. With this I_a
the membrane of the neuron needs some time from spike to spike. The neuron fires at the period at
which that time is T:

    dq/dt = i(v) - I_a(t) (1 - exp(-v/U_T)),    interval(T) = T

on the slow leg; i(v) and q(v) are those of the membrane held, with the synapse kept silent, as in
`orbit`, and the last factor is the saturation of the transistor that gives I_a. The fast part, from
the end of the leg to its start, is taken on a bench on which the synapse is prepared as well.
"""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from ..cells import dpi
from ..cells.bench import TRANSIENT, Design
from . import orbit
from .neuron import Neuron

TOLERANCE = 1e-4
"""Relative, of the period."""

_LEAST = 1e-16  # A, by which a membrane that I_a would hold moves on
_PERIODS = 6.0  # time constants after which I_a is periodic, to 0.3 %


@dataclass(frozen=True, eq=False)
class Periodic:
    """I_a (A) and the voltage of the synapse's capacitor (V), at times (s) from a pulse's begin."""

    t: NDArray[np.float64]
    i: NDArray[np.float64]
    v_syn: NDArray[np.float64]


def periodic(synapse: Design, width: float, period: float, tau: float, v_out: float) -> Periodic:
    """The last period of the response to a train of pulses, with the output held at `v_out` (V).

    Parameters
    ----------
    synapse : Design
        See `rheobase.analog.cells.dpi`.
    width, period, tau : float
        Of the pulses, and time constant, in s.
    v_out : float
    """
    count = ceil(_PERIODS * tau / period) + 1
    pulses = [k * period for k in range(1, count + 1)]
    step, last = min(width / 10, period / 50), pulses[-1]
    lines = (
        f"{dpi.train(synapse, pulses, width)}\nVout out 0 {v_out!r}\n"
        f".tran {step!r} {last + period!r} 0 {step!r}\n.save i(Vout) v(xcell.v_syn)"
    )
    found = synapse.measure(lines, ["time", "vout#branch", "xcell.v_syn"], TRANSIENT / 10)
    t = found["time"] - last
    kept = t >= 0
    i = np.abs(found["vout#branch"])
    return Periodic(t[kept], i[kept] - i[0], found["xcell.v_syn"][kept])


def predict(neuron: Neuron, synapse: Design, width: float, tau: float, current: float) -> float:
    """The steady interspike interval in s at a constant current in A.

    Parameters
    ----------
    neuron : Neuron
        With its synapse, whose current of pulses is ``a_w``.
    synapse : Design
        The same synapse alone.
    width, tau : float
        Of a spike, and the synapse's time constant, in s.
    current : float
        In A.
    """
    circuit = neuron.circuit
    if not (isinstance(circuit, Design) and "a_w" in circuit.currents):
        raise TypeError(f"neuron must be a low-power neuron with adaptation, not {circuit!r}")
    quiet = replace(neuron, circuit=replace(circuit, currents=circuit.currents | {"a_w": 0.0}))
    (leg,) = neuron.legs
    free, _ = orbit.slow_part(quiet, leg, current)
    v, i, c = orbit.charge(quiet, leg, current, free)
    into, capacitance = PchipInterpolator(v, i), PchipInterpolator(v, c)
    u_t = circuit.technology.thermal_voltage
    parts = orbit.fast_part(quiet, leg, leg, current, free)
    middle = (leg.start + leg.end) / 2

    def excess(period: float) -> float:
        """What the interval at this period's I_a is longer than the period, in s."""
        nonlocal parts
        found = periodic(synapse, width, period, tau, middle)

        def slowness(at: float, time: NDArray[np.float64]) -> NDArray[np.float64]:
            later = max(float(time[0]) - found.t[-1], 0.0)
            i_a = np.interp(time, found.t, found.i) * np.exp(-later / tau)
            net = into(at) + i_a * np.expm1(-at / u_t)
            return np.asarray(capacitance(at) / np.maximum(net, _LEAST))

        before = leg.end - (leg.end - leg.start) / 5  # where the bench of the fast part begins
        times = solve_ivp(
            slowness, (leg.start, leg.end), [parts[1]], t_eval=[before, leg.end], rtol=1e-8
        ).y[0]
        v_syn = np.interp(times[0], found.t, found.v_syn)
        prepared = f" v(xcell.xadapt.v_syn)={float(v_syn)!r}"
        parts = orbit.fast_part(neuron, leg, leg, current, free, prepared=prepared)
        return float(times[1]) + parts[0] - period

    low = free + sum(parts)
    high = 2 * low
    while excess(high) > 0:
        low, high = high, 2 * high
    return float(brentq(excess, low, high, rtol=TOLERANCE))
