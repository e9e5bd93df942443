"""Many trials of a noise step: the share of them that spike in each bin, and why.

All trials begin at v_reset, released at time 0, with their own noise. The peristimulus time
histogram (PSTH) is judged bin by bin: a bin is no longer than t_ref, so that it has one spike of a
trial at most, and the number of trials that spike in it is binomial.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import sqrt
from typing import Literal

import numpy as np

from ...models.neuron import LIF
from ...models.stimulus import NoiseStep
from ...models.theory import fokker_planck
from ...models.theory.evolve import Evolution
from ...models.units import show
from ..budget import Point, Term
from ..findings import Cause, Curve, Explanation, Findings
from ..observables import ROUNDING, Floats, Ints
from .place import Place

TOLERANCE = 1e-3  # of the Fokker-Planck equation's rate in each bin


@dataclass(frozen=True)
class Counts:
    """Spikes of `trials` trials in each bin, and the variance over trials of their number."""

    bins: Ints
    trials: int
    variance: float

    @classmethod
    def of(cls, steps: Ints, ids: Ints, trials: int, per_bin: int, bins: int) -> "Counts":
        """From spikes as time steps and trials; those after the last bin do not count."""
        inside = steps < per_bin * bins
        own = np.bincount(ids[inside], minlength=trials)
        counted = np.bincount(steps[inside] // per_bin, minlength=bins)
        return cls(counted, trials, float(own.var()))


@cache
def ideal(neuron: LIF, stimulus: NoiseStep) -> Evolution:
    """The Fokker-Planck equation of the ideal neuron, in steps of one bin."""
    phases = stimulus.phases(stimulus.bin)
    mu, sigma = (
        np.repeat([getattr(noise, name) for noise, _ in phases], [n for _, n in phases])
        for name in ("mu", "sigma")
    )
    return fokker_planck.evolve(
        neuron, mu, sigma, stimulus.duration, stimulus.bin, start="reset", tolerance=TOLERANCE
    )


def centres(stimulus: NoiseStep) -> Floats:
    """Middles of the bins in s."""
    return (np.arange(stimulus.bins) + 0.5) * stimulus.bin


def curve(
    place: Place, stimulus: NoiseStep, kind: Literal["measured", "predicted"], rate: Floats
) -> Curve:
    """A PSTH as a rate in Hz over biological time."""
    names = (place.experiment.name, place.stimulus, place.substrate, place.setting)
    t = 1e3 * centres(stimulus)
    labels = ("t since the release from v_reset (ms)", "rate (Hz)")
    return Curve(
        "psth", *names, "measured" if kind == "measured" else "predicted", t, rate, *labels
    )


def compare(
    place: Place, stimulus: NoiseStep, found: Counts, predicted: Floats, terms: tuple[Term, ...],
    resolution: tuple[float, float], others: Sequence[Floats] = (), known: Counts | None = None,
) -> Findings:  # fmt: skip
    """Check the share of trials in each bin, and the number of spikes of a trial.

    Parameters
    ----------
    predicted : ndarray, shape (bins,)
        Expected share of the trials.
    terms : tuple of Term
        Bounds that hold in each bin.
    resolution : (float, float)
        Of a bin, as a share of the trials, and of the spikes per trial, relative.
    others : sequence of ndarray
        What the prediction would be if what is uncertain in it were at the ends of its range.
    known : Counts, optional
        Where `predicted` was counted, too: in so many trials. The two counts are held against
        each other: with the share of both together, and as many trials as a single count would
        need to scatter as much as their difference.
    """
    share, trials = found.bins / found.trials, float(found.trials)
    expected, variance = predicted, found.variance
    if known is not None:
        expected = (found.bins + known.bins) / (found.trials + known.trials)
        trials, variance = 1 / (1 / found.trials + 1 / known.trials), known.variance
    moved = np.array([other - predicted for other in others]).reshape(-1, stimulus.bins)
    bounds = np.abs(moved).max(axis=0, initial=0.0)
    points = []
    for k, at in enumerate(centres(stimulus).tolist()):
        uncertain = Term("extracted parameters", "model", float(bounds[k]))
        all_terms = (*terms, uncertain) if len(others) else terms
        largest = min(1.0, float(expected[k]) + sum(t.size for t in all_terms))
        law = Term(f"{found.trials} trials", "statistical", int(trials), "binomial", share=largest)
        numbers = (float(share[k]), float(predicted[k]))
        points.append(Point(show(at, "s"), *numbers, (*all_terms, law), resolution[0]))
    sums = (
        *(Term(t.name, t.kind, t.size * stimulus.bins) for t in terms),
        Term("extracted parameters", "model", float(np.abs(moved.sum(axis=1)).max(initial=0.0))),
        Term("rounding of floats", "numerical", ROUNDING * stimulus.bins),
        Term(f"{found.trials} trials", "statistical", sqrt(variance / trials)),
    )
    mean = float(predicted.sum())
    total = Point("all bins", float(share.sum()), mean, sums, resolution[1] * mean)
    return Findings(
        checks=[
            place.check("share of trials that spike in a bin", "", tuple(points)),
            place.check("spikes per trial", "", (total,)),
        ],
        curves=[
            curve(place, stimulus, "measured", share / stimulus.bin),
            curve(place, stimulus, "predicted", predicted / stimulus.bin),
        ],
    )


def explain(
    place: Place, stimulus: NoiseStep, stages: list[tuple[str, str, Floats]], found: Counts
) -> list[Explanation]:
    """From the Fokker-Planck equation of the ideal neuron to the substrate.

    Two numbers: the rate in the bin where the ideal one is largest after the step, and the spikes
    of a trial.

    Parameters
    ----------
    stages : list of (cause, size, shares)
        What each further imperfection makes of the shares.
    """
    start = ideal(place.experiment.neuron, stimulus).rate * stimulus.bin
    first = round(stimulus.at / stimulus.bin)
    peak = first + int(np.argmax(start[first:]))
    at = show(float(centres(stimulus)[peak]), "s")
    found_shares = found.bins / found.trials
    names = (place.experiment.name, place.stimulus, place.substrate, place.setting)
    explanations = []
    for observable, unit, chosen, scale in (
        (f"rate at {at}, the ideal peak after the step", "Hz", slice(peak, peak + 1), stimulus.bin),
        ("spikes per trial", "", slice(None), 1.0),
    ):
        values = [
            float(shares[chosen].sum()) / scale for shares in (start, *(s for *_, s in stages))
        ]
        causes = tuple(
            Cause(name, size, after - before)
            for (name, size, _), (before, after) in zip(stages, pairwise(values), strict=True)
        )
        measured = float(found_shares[chosen].sum()) / scale
        explanations.append(Explanation(*names, observable, unit, values[0], causes, measured))
    return explanations
