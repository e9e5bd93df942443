"""The dynamic range of a core, measured and predicted: of the held drive, and of one input.

Of the drive: from the smallest to the largest over which the rate stays within a stated error of
the ideal neuron's, on a grid of drives. The core's own rates give the measured range. Of the
input: the largest over the smallest response of a neuron at rest to the input of one step.
"""

from math import log10, sqrt

import numpy as np
from numpy.typing import NDArray

from ..budget import Check, Point, Term
from ..observables import Floats, Ints, Plan, intervals
from .core import Core
from .place import Place, decibel, span
from .renewal import Steady

_ERRORS = 4  # standard errors of a counted rate by which an end of the range may be misjudged


def counted_rate(steps: Ints, predicted: Steady, planned: Plan, dt: float) -> float:
    """Rate in Hz of one neuron under a constant drive, as `compare_constant` measures it."""
    if predicted.rate == 0:
        return len(steps) / (planned.steps * dt)
    return intervals(steps, np.zeros_like(steps), planned, dt).rate


def drive_range(
    place: Place, drives: Floats, ideal: Floats, predicted: list[Steady], counted: Floats,
    planned: Plan, error: float,
) -> Check:  # fmt: skip
    """Check the dynamic range of the drive, in dB; 0 where no rate is within the error.

    Rates without chance are predicted exactly, and so is the range. Of counted ones the budget is
    what the range would be if they were off by four standard errors, this way or that.
    """
    rates = np.array([each.rate for each in predicted])
    spread = np.array([each.rate * each.cv for each in predicted]) / sqrt(planned.intervals)
    margin = _ERRORS * spread / np.where(ideal > 0, ideal, 1.0)
    wanted = decibel(span(drives, rates, ideal, error))
    others = [decibel(span(drives, rates, ideal, error + s * margin)) for s in (-1, 1)]
    terms = (
        Term("rounding of floats", "numerical", 1e-9),
        Term("counted rates at its ends", "model", max(abs(x - wanted) for x in others)),
    )
    point = Point(
        f"within {100 * error:g} %", decibel(span(drives, counted, ideal, error)), wanted, terms
    )
    return place.check("dynamic range of the drive", "dB", (point,))


def input_range(place: Place, core: Core, v: NDArray[np.int64]) -> Check:
    """Check the dynamic range of the input of one step, in dB.

    Parameters
    ----------
    v : ndarray of int64
        States of neurons that were at rest before one inhibitory input each.
    """
    kicks = core.quantised.kicks
    moved = -core.quantised.from_rest(v)
    moved = moved[moved > 0]
    measured = 20 * log10(moved.max() / moved.min()) if moved.size else float("nan")
    terms = [Term("rounding of floats", "numerical", 1e-9)]
    if getattr(core.neuron, "leak_stochastic", False):
        largest = kicks.largest / core.lsb
        terms.append(Term("one LSB of random leak", "model", 20 * log10(largest / (largest - 1))))
    point = Point("at rest", measured, kicks.decibel, tuple(terms))
    return place.check("dynamic range of the input", "dB", (point,))
