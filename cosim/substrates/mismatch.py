"""Chips with mismatch: their spread against Pelgrom's law, before and after calibration.

The spread of the design's figures as Pelgrom's law predicts it, beside that of chips whose
transistors drew their mismatch; then each chip's trims are set by its rates at `TRAINING`, and all
are judged at `HELD_OUT`, in nominal rheobases. `rheobase.analog.mismatch` does the work.
"""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from ...analog.lif import AnalogLIF
from ...analog.mismatch import Study, rates, study, variation, working
from ...analog.monte_carlo import Failed, Response, rheobase
from ...analog.technology import matching_of
from ..budget import Point, Term
from ..figures import svg
from ..findings import Findings, Picture
from .place import Place

TRAINING = (1.1, 2.0, 6.0)
HELD_OUT = (1.2, 1.5, 3.0, 5.0)
FIGURES = (("tau_m", "s"), ("v_rest", "V"), ("v_trip", "V"))  # of a `Response`, first
TRIMS = {"leak": "i_leak", "threshold": "v_th_reference", "refractory": "i_refractory"}
WINDOW = 0.05  # relative error of the rate up to which a chip is good
_BEFORE, _AFTER = "#b2182b", "#2166ac"


def studied(
    lif: AnalogLIF,
    trims: Sequence[str],
    count: int,
    progress: Callable[[str], None],
    name: str,
) -> Study:
    """Chips 1 .. `count` of a design; the fields `trims` of it are calibrated."""

    def told(stage: str, done: int) -> None:
        if done % 10 == 0:
            progress(f"{name}: {stage}, {done} circuits done")

    current = rheobase(lif)
    training, held_out = ([x * current for x in drives] for drives in (TRAINING, HELD_OUT))
    seeds, matching = range(1, count + 1), matching_of(lif.technology)
    return study(lif, training, held_out, trims, seeds, matching, progress=told)


def judged(place: Place, lif: AnalogLIF, count: int, progress: Callable[[str], None]) -> Findings:
    """Checks of the spread of all chips against Pelgrom's law, and the picture of `draw`.

    The law goes through sensitivities; what the second order adds to the first is its error.
    """
    name = place.experiment.name
    found = studied(lif, list(TRIMS.values()), count, progress, name)
    good = working(found.before)
    values = np.array([response.values[:3] for response in good])
    findings = Findings()
    for k, (figure, unit) in enumerate(FIGURES):
        predicted = float(found.spread.second[k])
        terms = (
            Term(
                f"{len(good)} chips", "statistical", predicted, "chi", freedom=max(len(good) - 1, 1)
            ),
            Term("second order", "model", abs(predicted - float(found.spread.first[k]))),
        )
        point = Point("standard deviation", float(values[:, k].std(ddof=1)), predicted, terms)
        findings.checks.append(place.check(f"spread of {figure}", unit, (point,)))
    before, after = found.yields(WINDOW)
    caption = (
        f"Chips with mismatch, {place.setting}: within {WINDOW:.0%} of all nominal rates are"
        f" {before:.0%} of them before calibration, {after:.0%} after"
    )
    findings.pictures.append(Picture(name, caption, svg(draw(found, lif))))
    return findings


def draw(found: Study, lif: AnalogLIF) -> Figure:
    """Rates of all chips before and after, and each figure's chips on Pelgrom's law."""
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    figure.suptitle(f"{len(found.seeds)} chips of {lif.technology.name}, speed-up {lif.speed_up:g}")
    axes = figure.subplots(2, 3)
    _curves(axes[0, 0], found.before, found.nominal, "before calibration", _BEFORE)
    _curves(axes[0, 1], found.after, found.nominal, "after calibration", _AFTER)
    _variations(axes[0, 2], found)
    figures = np.array([response.values[:3] for response in working(found.before)])
    for column, (name, unit) in enumerate(FIGURES):
        nominal, sd = found.spread.nominal[column], found.spread.second[column]
        _distribution(axes[1, column], figures[:, column], nominal, sd)
        axes[1, column].set_xlabel(f"{name} ({unit})")
    for each in axes.ravel():
        each.grid(alpha=0.25)
    return figure


def _curves(
    axes: Axes, chips: Sequence[Response | Failed], nominal: Response, title: str, colour: str
) -> None:
    for response in working(chips):
        axes.plot(HELD_OUT, 1e-3 * np.array(response.rates), color=colour, lw=0.7, alpha=0.6)
    axes.plot(HELD_OUT, 1e-3 * np.array(nominal.rates), "k--", lw=1.5, label="design")
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("current (rheobases)")
    axes.set_ylabel("rate on the chip (kHz)")
    axes.legend(fontsize=8)


def _variations(axes: Axes, found: Study) -> None:
    predicted = (found.spread.second / found.spread.nominal)[3:]
    axes.semilogy(TRAINING, 100 * predicted, "k^--", label="Pelgrom's law, before")
    for chips, colour, name in ((found.before, _BEFORE, "before"), (found.after, _AFTER, "after")):
        drawn = 100 * variation(rates(working(chips)))
        axes.semilogy(HELD_OUT, drawn, "o-", color=colour, label=f"chips, {name}")
    axes.set_xlabel("current (rheobases)")
    axes.set_ylabel("variation of the rate (%)")
    axes.legend(fontsize=8)


def _distribution(axes: Axes, samples: np.ndarray, nominal: float, sd: float) -> None:
    """The chips in order, on the quantiles of the predicted normal law."""
    x = np.linspace(nominal - 3.5 * sd, nominal + 3.5 * sd, 200)
    axes.plot(x, norm.cdf(x, nominal, sd), "k--", lw=1, label="Pelgrom's law")
    share = (np.arange(len(samples)) + 0.5) / len(samples)
    axes.plot(np.sort(samples), share, "o", color=_BEFORE, ms=4, label="chips")
    axes.set_ylabel("share of chips below")
    axes.legend(fontsize=8)
