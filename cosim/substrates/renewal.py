"""A population's spikes against a predicted renewal process: rate, CV and ISI distribution.

With independent input in every step, a neuron that is reset to a value forgets everything at its
spike, so its intervals are independent and the prediction is the interval's distribution.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

from ...models.units import show
from ..budget import Point
from ..findings import Curve, Findings
from ..observables import (
    Floats,
    Intervals,
    Ints,
    Plan,
    cv_point,
    intervals,
    isi_point,
    plan,
    rate_point,
)
from .place import Place


@dataclass(frozen=True)
class Prediction:
    """Rate in Hz, CV, interval distribution (index: steps) and bounds on relative errors.

    `error` is that of the rate, `shape_error` those of CV and distribution.
    """

    rate: float
    cv: float
    isi: Floats
    error: float
    shape_error: float


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
        point = cv_point(at, found, predicted.cv, predicted.shape_error, wanted.cv)
        findings.checks.append(place.check("CV", "", (point,)))
    if "isi" in wanted.observables:
        point = isi_point(at, found, predicted.isi, predicted.shape_error, wanted.isi)
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


@dataclass(frozen=True)
class Steady:
    """Predicted response to one constant drive: rate in Hz (0 if silent), CV, relative error."""

    rate: float
    cv: float
    error: float


def plan_constant(predicted: list[Steady], dt: float, resolution: float) -> Plan:
    """A run in which every firing neuron, one for each drive, gives enough intervals.

    Three without chance; otherwise so many that seven standard errors of the rate are within the
    relative `resolution`, and 300 at most.
    """
    cv = max(p.cv for p in predicted)
    count = min(300, max(3, ceil((7 * cv / resolution) ** 2)))
    plans = [plan(1 / (p.rate * dt), p.cv, 1, count) for p in predicted if p.rate > 0]
    if not plans:
        raise ValueError("every constant drive is below rheobase: add one above it")
    return Plan(1, plans[0].intervals, max(p.steps for p in plans))


def compare_constant(
    place: Place,
    drives: Floats,
    steps: Ints,
    ids: Ints,
    planned: Plan,
    dt: float,
    predicted: list[Steady],
) -> tuple[Findings, Floats]:
    """Check the f-I curve, one neuron for each drive; returns the measured rates in Hz, too."""
    points, resolution = [], place.experiment.check.rate
    for neuron, (mu, steady) in enumerate(zip(drives, predicted, strict=True)):
        own = steps[ids == neuron]
        at = show(float(mu), "V")
        if steady.rate == 0:
            points.append(Point(at, len(own) / (planned.steps * dt), 0.0, ()))
        else:
            found = intervals(own, np.zeros_like(own), planned, dt)
            points.append(rate_point(at, found, steady.rate, steady.cv, steady.error, resolution))
    measured = np.array([p.measured for p in points])
    names = (place.experiment.name, place.stimulus, place.substrate, place.setting)
    curve = Curve("f-I", *names, "measured", 1e3 * drives, measured, "drive R I (mV)", "rate (Hz)")
    check = place.check("rate", "Hz", tuple(points))
    return Findings(checks=[check], curves=[curve]), measured
