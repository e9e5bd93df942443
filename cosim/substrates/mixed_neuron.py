"""The rate of a transistor neuron whose DPI synapses hear neurons of a core, from its equations.

The neuron is designed, and extracted with its synapses at the membrane, for their drains add
capacitance and leakage; each synapse alone is extracted under a train of pulses of its own. Then
the equations of both (`models.reference.measured_leak` under the currents of
`models.reference.log_domain_synapse`) are integrated for many trials. Each neuron of the core that
a synapse hears fires independently in each tick, at its own place in the sweep; their pulses follow
each other on one wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import expm1

import numpy as np

from ...analog.extract import extract
from ...models.neuron import LIF
from ...models.reference.log_domain_synapse import Pulses
from ..network_experiment import MixedSpiceTable
from ..observables import Floats
from . import circuit_law as law
from . import dpi_synapse
from .chip import Chip, made
from .dpi_synapse import Synapse

TRIALS, SPIKES = 8, 10_000  # of the equations, for a rate
STEPS = 10  # of the equations' currents in tau_s


@dataclass(frozen=True)
class Heard:
    """What a synapse hears: so many neurons, their rate in Hz, and whether they are relays."""

    number: int
    rate: float
    relayed: bool

    def chance(self, dt: float) -> float:
        """Of a spike of one of them in a tick of dt."""
        return -expm1(-self.rate * dt) if self.relayed else self.rate * dt


@dataclass(frozen=True)
class MixedNeuron:
    """A transistor neuron with its synapses, extracted with them.

    Parameters
    ----------
    chip : Chip
    synapses : tuple of Synapse
    current : float
        A constant one into the membrane, in A.
    dt : float
        Of a tick, in biological s.
    width, gap : float
        Of a pulse and behind it, in s of the chip.
    """

    chip: Chip
    synapses: tuple[Synapse, ...]
    current: float
    dt: float
    width: float
    gap: float

    def rate(self, heard: Sequence[Heard], about: float, seed: int) -> tuple[float, float]:
        """Biological rate in Hz, about so many, and the relative standard error of it."""
        speed_up = self.chip.lif.speed_up
        tick = self.dt / speed_up
        step = min(each.extracted.equation.tau for each in self.synapses) / STEPS
        ticks = int(SPIKES / (TRIALS * about * self.dt)) + 1
        steps = int(ticks * tick / step)
        rng = np.random.default_rng(seed)
        drives = np.array([self._drive(heard, ticks, step, steps, rng) for _ in range(TRIALS)])
        slope = law.typical_slope(self.chip, drives, step)
        found = law.trials(self.chip, drives, step, slope, self.chip.extracted.lag(slope))
        begin, end = 10 * self.chip.lif.tau_m, steps * step
        counts = np.array([np.count_nonzero(times >= begin) for times in found])
        rates = counts / ((end - begin) * speed_up)
        mean = float(rates.mean())
        return mean, float(rates.std(ddof=1) / np.sqrt(TRIALS)) / mean if mean else 1.0

    def _drive(
        self, heard: Sequence[Heard], ticks: int, step: float, steps: int,
        rng: np.random.Generator,
    ) -> Floats:  # fmt: skip
        """Current in A into the membrane in each step."""
        total = np.full(steps, self.current)
        tick = self.dt / self.chip.lif.speed_up
        for synapse, each in zip(self.synapses, heard, strict=True):
            place = rng.random(each.number)
            when, who = (rng.random((ticks, each.number)) < each.chance(self.dt)).nonzero()
            times = np.sort((when + place[who]) * tick)
            waited = np.arange(times.size) * (self.width + self.gap)
            on = np.maximum.accumulate(times - waited) + waited
            pulses = Pulses(on, on + self.width)
            total += synapse.sign * synapse.extracted.equation.currents(pulses, step, steps)
        return total


def designed(
    neuron: LIF, settings: MixedSpiceTable, mu: float, weights: Sequence[float],
    heard: Sequence[Heard], dt: float, width: float, gap: float, seed: int,
) -> MixedNeuron:  # fmt: skip
    """Design and extract a neuron with a synapse of each weight (V), under a drive `mu` (V).

    `width` and `gap` are in s of the chip; `heard` says at what rates the synapses are extracted.
    """
    bare = made(neuron, settings.process(), settings.speed_up, settings.voltage_scale)
    synapses = []
    for number, (weight, each) in enumerate(zip(weights, heard, strict=True)):
        rng, rate = np.random.default_rng([seed, number]), each.number * each.rate
        tau_s = settings.tau_s / settings.speed_up
        found = dpi_synapse.made(bare, weight, tau_s, width, rate * settings.speed_up, rng)
        synapses.append(found)
    lif = replace(bare.lif, attached=tuple(each.design for each in synapses))
    chip = Chip(lif, extract(lif))
    return MixedNeuron(chip, tuple(synapses), lif.current(mu), dt, width, gap)
