"""Where a measurement was taken, and what every substrate reports there the same way.

Membrane traces and densities, output spikes beside published ones, rate * tau_m, dynamic range.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from typing import Literal

import numpy as np

from ...models.neuron import LIF
from ...models.theory import siegert
from ...models.units import show
from ..budget import Check, Point
from ..experiment import Experiment, NamedStimulus
from ..findings import Cause, Curve, Explanation, Findings, Row
from ..observables import Floats, Ints


@dataclass(frozen=True)
class Place:
    """Where a measurement was taken: names one group of checks and curves."""

    experiment: Experiment
    stimulus: str
    substrate: str
    setting: str

    def check(self, observable: str, unit: str, points: tuple[Point, ...]) -> Check:
        """A check of this place."""
        names = (self.experiment.name, self.stimulus, self.substrate, self.setting)
        return Check(*names, observable, unit, points)

    def row(self, values: dict[str, str]) -> Row:
        """A line of a table about this place."""
        return Row(self.experiment.name, self.substrate, self.setting, values)

    def explained(
        self, observable: str, unit: str, stages: Sequence[tuple[str, str, float]], measured: float
    ) -> Explanation:
        """What each imperfection adds: (name, size, value with it), of which the first is ideal."""
        causes = tuple(
            Cause(name, size, after - before)
            for (_, _, before), (name, size, after) in pairwise(stages)
        )
        names = (self.experiment.name, self.stimulus, self.substrate, self.setting)
        return Explanation(*names, observable, unit, stages[0][2], causes, measured)


def trace(
    place: Place, t: Floats, v: Floats | Ints, labels: tuple[str, str], common: Floats
) -> list[Curve]:
    """A membrane trace in its own units, and on the common dimensionless axes."""
    experiment = place.experiment
    names = (experiment.name, place.stimulus, place.substrate, place.setting)
    return [
        Curve("own trace", *names, "measured", t, v, *labels),
        Curve("common trace", *names, "measured", common[0], common[1], "t / tau_m",
              "(V - v_rest) / (v_th - v_rest)"),
    ]  # fmt: skip


def dimensionless(neuron: LIF, t: Floats, v: Floats) -> Floats:
    """Time in tau_m, voltage in units of the distance from rest to threshold."""
    return np.array([t / neuron.tau_m, (v - neuron.v_rest) / (neuron.v_th - neuron.v_rest)])


def density(place: Place, v: Floats, samples: int, bins: int = 60) -> Curve:
    """Histogram of membrane voltages in V; `samples` counts the refractory ones, too."""
    counts, edges = np.histogram(1e3 * v, bins)
    names = (place.experiment.name, place.stimulus, place.substrate, place.setting)
    y = counts / (samples * np.diff(edges))
    labels = ("V (mV)", "density (1/mV)")
    return Curve("density", *names, "measured", (edges[1:] + edges[:-1]) / 2, y, *labels)


def raster(place: Place, kind: Literal["measured", "predicted"], steps: Floats) -> Curve:
    """Output spikes as a row of ticks, in time steps."""
    names = (place.experiment.name, place.stimulus, place.substrate, place.setting)
    return Curve("raster", *names, kind, steps, steps, "output spike (time step)", "")


def published(place: Place, played: NamedStimulus, steps: list[int]) -> Findings:
    """Output spikes, and how many differ from the published ones that are expected here."""
    findings = Findings(curves=[raster(place, "measured", np.array(steps, float))])
    if (platform := played.expect.get(place.substrate)) is not None:
        differing = len(set(steps) ^ set(played.published[platform]))
        point = Point(" ".join(map(str, steps)), differing, 0, ())
        observable = f"spikes that differ from {platform}"
        findings.checks.append(place.check(observable, "", (point,)))
    return findings


def first_spike(
    place: Place, ideal: Floats, stages: list[tuple[str, str, float]], measured: float
) -> list[Explanation]:
    """Why the first output spike comes when it does, in biological seconds.

    Parameters
    ----------
    ideal : ndarray
        Spike times of the ideal neuron; without any there is nothing to explain.
    stages : list of (cause, size, time)
        What each further imperfection makes of the first spike's time.
    """
    if len(ideal) == 0 or not np.isfinite(measured):
        return []
    whole = [("", "", float(ideal[0])), *stages]
    return [place.explained("first output spike", "s", whole, measured)]


def scaling(place: Place, drives: Floats, rates: Floats, tau_m: float) -> Row:
    """rate * tau_m at the drive nearest to 1.5 times rheobase."""
    neuron = place.experiment.neuron
    nearest = int(np.argmin(np.abs(drives - 1.5 * (neuron.v_th - neuron.v_rest))))
    ideal = float(siegert.fi_curve(neuron, drives[nearest])) * neuron.tau_m
    values = {
        "drive": show(float(drives[nearest]), "V"),
        "tau_m": show(tau_m, "s"),
        "rate * tau_m": f"{rates[nearest] * tau_m:.5f}",
        "ideal": f"{ideal:.5f}",
    }
    return place.row(values)


def grid(neuron: LIF, drives: tuple[float, ...]) -> Floats:
    """Drives from just above rheobase to the largest of `drives`, to look for the range."""
    rheobase = neuron.v_th - neuron.v_rest
    return rheobase + np.geomspace(1e-3 * rheobase, max(drives) - rheobase, 60)


def span(
    drives: Floats, rate: Floats, ideal: Floats, error: float | Floats
) -> tuple[float, float] | None:
    """The longest run of drives over which `rate` stays within `error` of ideal, by its ends.

    Parameters
    ----------
    drives, rate, ideal : ndarray, shape (n,)
        Rising drives in V above rest; predicted or measured, and ideal rates in Hz.
    error : float or ndarray, shape (n,)
        Relative.
    """
    firing = ideal > 0
    good = firing & (np.abs(rate - ideal) <= error * np.where(firing, ideal, 1.0))
    runs = np.split(np.arange(len(drives)), np.flatnonzero(np.diff(good)) + 1)
    longest = max((r for r in runs if good[r[0]]), key=len, default=np.empty(0, int))
    if len(longest) == 0:
        return None
    return float(drives[longest[0]]), float(drives[longest[-1]])


def decibel(ends: tuple[float, float] | None) -> float:
    """The span in dB; 0 where there is none."""
    return 0.0 if ends is None else 20 * log10(ends[1] / ends[0])


def within(drives: Floats, rate: Floats, ideal: Floats, error: float) -> dict[str, str]:
    """Dynamic range in words: the drives of `span`."""
    name = f"drive within {100 * error:g} % of ideal"
    ends = span(drives, rate, ideal, error)
    if ends is None:
        return {name: "none", "in dB": ""}
    low, high = ends
    return {
        name: f"{show(low, 'V')} to {show(high, 'V')}",
        "in dB": f"{decibel(ends):.1f}",
    }
