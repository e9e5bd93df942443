"""A population's spikes against a predicted renewal process: rate, CV and ISI distribution.

With independent input in every step, a neuron that is reset to a value forgets everything at its
spike, so its intervals are independent and the prediction is the interval's distribution.
"""

from dataclasses import dataclass

import numpy as np

from ..budget import Check, Point
from ..experiment import Experiment
from ..findings import Curve, Findings
from ..observables import Floats, Ints, Intervals, Plan, cv_point, intervals, isi_point, rate_point


@dataclass(frozen=True)
class Prediction:
    """Rate in Hz, CV and interval distribution (index: steps) with a bound on the relative error."""

    rate: float
    cv: float
    isi: Floats
    error: float


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


def _histogram(found: Intervals, pmf: Floats, dt: float) -> tuple[Floats, Floats, Floats]:
    """Bin centres in s, measured and predicted density in 1/s; at most 60 bins."""
    last = int(np.quantile(found.steps, 0.995)) + 1
    width = max(1, -(-last // 60))
    edges = np.arange(0, last + width, width)
    measured = np.histogram(found.steps, edges - 0.5)[0] / (len(found.steps) * width * dt)
    cumulative = np.concatenate(([0.0], np.cumsum(pmf)))
    predicted = np.diff(cumulative[np.minimum(edges, len(pmf))]) / (width * dt)
    return (edges[:-1] + (width - 1) / 2) * dt, measured, predicted


def compare(
    place: Place, steps: Ints, ids: Ints, planned: Plan, dt: float, predicted: Prediction
) -> tuple[Findings, Intervals]:
    """Check the observables that the experiment names; plot the interval histogram."""
    found = intervals(steps, ids, planned, dt)
    wanted, at = place.experiment.check, place.stimulus
    findings = Findings()
    if "rate" in wanted.observables:
        point = rate_point(at, found, predicted.rate, predicted.cv, predicted.error, wanted.rate)
        findings.checks.append(place.check("rate", "Hz", (point,)))
    if "cv" in wanted.observables:
        point = cv_point(at, found, predicted.cv, predicted.error, wanted.cv)
        findings.checks.append(place.check("CV", "", (point,)))
    if "isi" in wanted.observables:
        point = isi_point(at, found, predicted.isi, predicted.error, wanted.isi)
        findings.checks.append(place.check("ISI distribution", "", (point,)))
    if found.complete:
        x, measured, expected = _histogram(found, predicted.isi, dt)
        names = (place.experiment.name, place.stimulus, place.substrate, place.setting)
        labels = ("interval (s)", "density (1/s)")
        findings.curves += [
            Curve("isi", *names, "measured", x, measured, *labels),
            Curve("isi", *names, "predicted", x, expected, *labels),
        ]
    return findings, found
