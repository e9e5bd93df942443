"""What a circuit under noise should do: the Fokker-Planck equation with its own measured drift.

Into the circuit goes a current that is held for dt, and its comparator is late; the Fokker-Planck
equation knows neither. Both are in the ordinary differential equation of the circuit
(`models.reference.measured_leak`), which is integrated here for many trials of noise.
"""

from dataclasses import dataclass, replace
from math import expm1, sqrt

import numpy as np
from scipy.interpolate import PchipInterpolator

from ...models.neuron import LIF
from ...models.reference import measured_leak as ode
from ...models.theory.scharfetter_gummel import OfVoltage
from ..observables import Floats
from .chip import Chip

SUBSTEPS = 4  # with one, 2 spikes in 1000 are missed: the comparator peaks within a step


@dataclass(frozen=True)
class Diffusion:
    """A circuit as `fokker_planck` takes it: chip volts and seconds, drift apart from the neuron.

    `push` is V of drive above rest for one V of the neuron's, `noise` likewise for sigma.
    """

    neuron: LIF
    drift: OfVoltage
    v_min: float
    push: float
    noise: float


def diffusion(chip: Chip, slope: float, dt: float) -> Diffusion:
    """With the dead time of crossings at `slope` (V/s); noise held for `dt` chip seconds."""
    e, lif = chip.extracted, chip.lif
    leak = PchipInterpolator(e.v, e.i_leak)
    tau, c_m = e.tau_m.value, e.c_m.value
    dead = e.dead_time(slope).value
    neuron = LIF(tau, e.v_trip.value, e.v_reset.value, e.v_rest.value, dead)
    x = dt / lif.tau_m
    per_step = sqrt(-expm1(-2 * x) / 2) / -expm1(-x)  # of the held drive, for sigma = 1 V
    amperes = lif.current(1.0)
    return Diffusion(
        neuron, lambda v: leak(v) / c_m, float(e.v[0]),
        amperes * tau / c_m, amperes * per_step * sqrt(tau * dt) / c_m,
    )  # fmt: skip


def typical_slope(chip: Chip, currents: Floats, dt: float) -> float:
    """Median slope in V/s at which trials cross the trip point; shape (trials, steps)."""
    e = chip.extracted
    neuron = e.measured_neuron(float(np.median(e.beyond.slopes)))
    found = ode.trials(neuron, currents, dt, substeps=SUBSTEPS)
    met = [
        current[np.minimum((times / dt).astype(int), len(current) - 1)]
        for current, times in zip(currents, found, strict=True)
    ]
    net = np.concatenate(met) + e.leak(e.v_trip.value)
    return max(float(np.median(net)) / e.c_m.value if net.size else 0.0, float(e.beyond.slopes[0]))


def trials(
    chip: Chip, currents: Floats, dt: float, slope: float, lag: float, shift: float = 0.0
) -> list[Floats]:
    """Times (s) of the comparator's edges in each trial, with a lag; without any, of crossings."""
    e = chip.extracted
    neuron = e.measured_neuron(slope)
    moved = replace(neuron, v_trip=neuron.v_trip + shift)
    start = chip.lif.voltage(chip.lif.neuron.v_reset)
    late = min(lag, neuron.t_dead)
    after = e.delay(slope) - late if lag > 0 else 0.0
    found = ode.trials(moved, currents, dt, substeps=SUBSTEPS, v0=start, lag=late)
    return [times + after for times in found]
