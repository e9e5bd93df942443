"""Simulate a neuron at a constant current: its spikes, and the energy that each costs."""

from dataclasses import dataclass

import numpy as np

from ..benches import crossing
from ..cells.bench import TRANSIENT
from .neuron import Neuron


@dataclass(frozen=True, eq=False)
class Record:
    """What the circuit did.

    Parameters
    ----------
    t, m : ndarray, shape (points,)
        Time in s and membrane in V.
    spike_times : ndarray, shape (spikes,)
        Rising crossings of half the supply by the spike node, in s.
    energies : ndarray, shape (spikes - 1,)
        What the supply gives from one spike to the next, bias currents included, in J.
    """

    t: np.ndarray
    m: np.ndarray
    spike_times: np.ndarray
    energies: np.ndarray


def bench(neuron: Neuron, current: float, t_stop: float, step: float) -> str:
    """Lines of the test bench of `record`."""
    return (
        f"Istimulus 0 {neuron.source} {current!r}\n.ic v(m)={neuron.legs[0].start!r}\n"
        f".tran {step!r} {t_stop!r} 0 {step!r}\n.save v(m) v(spike) i(Vdd)"
    )


def record(
    neuron: Neuron, current: float, t_stop: float, step: float, reltol: float = TRANSIENT
) -> Record:
    """Run the neuron from where its path begins.

    Parameters
    ----------
    neuron : Neuron
    current : float
        In A.
    t_stop, step : float
        End, and longest time step of the solver, in s.
    reltol : float
    """
    lines = bench(neuron, current, t_stop, step)
    found = neuron.circuit.measure(lines, ["time", "m", "spike", "vdd#branch"], reltol)
    supply = neuron.circuit.technology.supply
    t, spikes = found["time"], crossing(found["time"], found["spike"], supply / 2)
    power = -supply * found["vdd#branch"]
    energy = np.concatenate([[0.0], np.cumsum((power[1:] + power[:-1]) / 2 * np.diff(t))])
    return Record(t, found["m"], spikes, np.diff(np.interp(spikes, t, energy)))


def interval(neuron: Neuron, current: float, expected: float) -> tuple[float, float]:
    """The second interspike interval (s) at a constant current (A), and the solver's error of it.

    The solver runs twice, with at least 100 steps in the `expected` interval (s), and with twice
    as many and a ten times smaller reltol; the difference bounds the error.
    """
    coarse, fine = (
        record(neuron, current, 3.3 * expected, expected / steps, reltol).spike_times
        for steps, reltol in ((100, TRANSIENT), (200, TRANSIENT / 10))
    )
    if min(len(coarse), len(fine)) < 3:
        raise ValueError(f"the neuron does not fire three times at {current:.3g} A")
    return float(fine[2] - fine[1]), abs(float(coarse[2] - coarse[1] - fine[2] + fine[1]))
