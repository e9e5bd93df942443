"""From spike trains to numbers with standard errors: rate, CV and ISI distribution.

Every neuron contributes the same number of intervals, counted from its first spike, so that the
intervals are independent and none is favoured for being short (no window effect); the simulated
time is planned so that a faultless neuron misses its quota with probability < 1e-6.
"""

from dataclasses import dataclass
from math import ceil, isfinite, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .budget import Point, Term

ROUNDING = 4 * float(np.finfo(float).eps)  # a rate is the reciprocal of a mean, on both sides

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Plan:
    """How long to run: `intervals` per neuron within `steps` time steps."""

    neurons: int
    intervals: int
    steps: int


def plan(mean_isi: float, cv: float, neurons: int, spikes: int) -> Plan:
    """Plan a run of `neurons` that yields at least `spikes` intervals.

    Parameters
    ----------
    mean_isi, cv : float
        Predicted mean interval in steps and its coefficient of variation.
    """
    intervals = ceil(spikes / neurons)
    count = intervals + 2  # the first passage is no interval, and starts elsewhere
    spread = cv * sqrt(count)
    margin = 5.5 * spread + 15 * min(cv, 1.5) ** 2  # Gaussian core and exponential tail
    return Plan(neurons, intervals, ceil(mean_isi * (count + margin)) + 2)


@dataclass(frozen=True)
class Intervals:
    """Inter-spike intervals in steps, pooled over neurons; `complete` if no neuron fell short.

    Without all intervals, `rate` is the plain count over the simulated time.
    """

    steps: Ints
    complete: bool
    rate: float

    @property
    def cv(self) -> float:
        """Coefficient of variation; nan if incomplete."""
        return float(self.steps.std() / self.steps.mean()) if self.complete else nan


def intervals(steps: Ints, ids: Ints, planned: Plan, dt: float) -> Intervals:
    """The planned number of intervals of every neuron; spikes must be sorted by step."""
    order = np.argsort(ids, kind="stable")
    counts = np.bincount(ids, minlength=planned.neurons)
    if counts.min() < planned.intervals + 1:
        rate = len(steps) / (planned.neurons * planned.steps * dt)
        return Intervals(np.empty(0, np.int64), False, rate)
    first = np.concatenate(([0], np.cumsum(counts)[:-1]))
    take = first[:, None] + np.arange(planned.intervals + 1)
    isi = np.diff(steps[order][take], axis=1).ravel()
    return Intervals(isi, True, 1 / (float(isi.mean()) * dt))


def rate_point(
    at: str, found: Intervals, rate: float, cv: float, error: float, resolution: float
) -> Point:
    """Rate in Hz; the standard error of a mean of independent intervals is known from the CV.

    Parameters
    ----------
    rate, cv : float
        Prediction.
    error : float
        Bound on the relative error of the predicted rate.
    resolution : float
        Relative.
    """
    terms = [Term("predictor", "numerical", (error + ROUNDING) * rate)]
    if cv > 0 and found.complete:
        standard = rate * cv / sqrt(len(found.steps))
        terms.append(Term(f"{len(found.steps)} intervals", "statistical", standard))
    return Point(at, found.rate, rate, tuple(terms), resolution * rate)


def cv_point(at: str, found: Intervals, cv: float, error: float, resolution: float) -> Point:
    """Coefficient of variation; its standard error by the delta method, from sample moments."""
    terms = [Term("predictor", "numerical", error)]
    if found.complete:
        x = (found.steps - found.steps.mean()) / found.steps.std()
        skew, kurtosis = float((x**3).mean()), float((x**4).mean())
        variance = cv**2 * ((kurtosis - 1) / 4 - skew * cv + cv**2) / len(x)
        terms.append(Term(f"{len(x)} intervals", "statistical", sqrt(max(variance, 0.0))))
    return Point(at, found.cv, cv, tuple(terms), resolution * cv if isfinite(cv) else 0.0)


def isi_point(at: str, found: Intervals, pmf: Floats, error: float, resolution: float) -> Point:
    """Largest distance between measured and predicted distribution function of the intervals.

    Parameters
    ----------
    pmf : ndarray, shape (n,)
        Probability of an interval of 0, 1, ... steps; what is missing lies beyond.
    error : float
        Bound on the error of the predicted distribution function.
    """
    if not found.complete:
        return Point(at, nan, 0.0, (), resolution)
    counts = np.bincount(np.minimum(found.steps, len(pmf)), minlength=len(pmf) + 1)[: len(pmf)]
    distance = float(np.abs(np.cumsum(counts) / len(found.steps) - np.cumsum(pmf)).max())
    terms = (
        Term("predictor", "numerical", error),
        Term(f"{len(found.steps)} intervals", "statistical", len(found.steps), "kolmogorov"),
    )
    return Point(at, distance, 0.0, terms, resolution)
