"""Verdicts from error budgets: is a measured number within what its prediction allows?

A `Point` compares one measured number with one prediction. Its budget has named terms:

- *statistical*: a law for the deviation (normal with a standard error, Student's where that is
  known from few values, binomial of a share of independent trials, chi for the standard deviation
  of normal samples, or Kolmogorov's for the largest distance of two distribution functions), cut
  at the confidence of the whole run, shared between its statistical points (Šidák 1967);
- *numerical*: a bound on the error of the predictor or the simulator;
- *model*: what the predictor leaves out, derived or measured elsewhere.

Bounds add up; a point whose budget is wider than the resolution asked for is inconclusive.
"""

from dataclasses import dataclass
from math import ceil, expm1, floor, inf, isnan, log, sqrt
from typing import Literal

from scipy import stats

Kind = Literal["statistical", "numerical", "model"]
Verdict = Literal["agree", "disagree", "inconclusive"]


@dataclass(frozen=True)
class Term:
    """One term of a budget.

    Parameters
    ----------
    name : str
        What it is.
    kind : {"statistical", "numerical", "model"}
    size : float
        The bound, in the unit of the observable; for statistical terms the standard error, or the
        number of samples for Kolmogorov's law, of trials for the binomial one, the standard
        deviation itself for the law chi.
    law : {"normal", "kolmogorov", "binomial", "chi"}
        Of a statistical term.
    freedom : float
        Degrees of freedom of a standard error that was estimated, infinite if it is known; of the
        law chi, the number of samples less one.
    share : float
        Of a binomial law: the largest expected share of the trials, bounds included.
    """

    name: str
    kind: Kind
    size: float
    law: Literal["normal", "kolmogorov", "binomial", "chi"] = "normal"
    freedom: float = inf
    share: float = 0.0

    def width(self, error_rate: float) -> float:
        """Half-width that a faultless run leaves with probability `error_rate` (0 for bounds)."""
        if self.kind != "statistical":
            return self.size
        if self.law == "kolmogorov":
            return float(stats.kstwo.isf(error_rate, self.size))
        if self.law == "binomial":
            law, trials = stats.binom(self.size, self.share), self.size
            up, down = law.isf(error_rate / 2), law.ppf(error_rate / 2)
            return float(max(up / trials - self.share, self.share - down / trials))
        if self.law == "chi":
            spread = stats.chi(self.freedom, scale=self.size / sqrt(self.freedom))
            return float(
                max(spread.isf(error_rate / 2) - self.size, self.size - spread.ppf(error_rate / 2))
            )
        return float(stats.t.isf(error_rate / 2, self.freedom)) * self.size

    def p_value(self, deviation: float) -> float:
        """Probability of a deviation at least this large in a faultless run."""
        if self.law == "kolmogorov":
            return float(stats.kstwo.sf(deviation, self.size))
        if self.law == "binomial":
            law, trials = stats.binom(self.size, self.share), self.size
            up = ceil((self.share + deviation) * trials - 1e-9)
            down = floor((self.share - deviation) * trials + 1e-9)
            return min(1.0, float(law.sf(up - 1) + law.cdf(down)))
        if self.law == "chi":
            spread = stats.chi(self.freedom, scale=self.size / sqrt(self.freedom))
            return float(spread.sf(self.size + deviation) + spread.cdf(self.size - deviation))
        if self.size == 0:
            return 1.0
        return 2 * float(stats.t.sf(deviation / self.size, self.freedom))


@dataclass(frozen=True)
class Point:
    """One comparison; `at` says where (a drive, a time, a neuron).

    `resolution` is the widest budget, in the unit of the observable, that still tells something.
    """

    at: str
    measured: float
    predicted: float
    terms: tuple[Term, ...]
    resolution: float = inf

    @property
    def deviation(self) -> float:
        """|measured - predicted|; infinite if the measurement is missing."""
        both_missing = isnan(self.measured) and isnan(self.predicted)
        deviation = abs(self.measured - self.predicted)
        return 0.0 if both_missing else inf if isnan(deviation) else deviation

    @property
    def statistical(self) -> Term | None:
        """The statistical term, if there is one (one at most)."""
        return next((t for t in self.terms if t.kind == "statistical"), None)

    @property
    def bound(self) -> float:
        """Sum of the numerical and model terms."""
        return sum(t.size for t in self.terms if t.kind != "statistical")

    @property
    def p_value(self) -> float | None:
        """Of the deviation beyond the bounds; None without a statistical term."""
        term = self.statistical
        return None if term is None else term.p_value(max(0.0, self.deviation - self.bound))

    def width(self, error_rate: float) -> float:
        """The whole budget."""
        return sum(t.width(error_rate) for t in self.terms)

    def verdict(self, error_rate: float) -> Verdict:
        """Judge with a false-alarm probability `error_rate` for this point."""
        width = self.width(error_rate)
        if self.deviation > width:
            return "disagree"
        return "agree" if width <= self.resolution else "inconclusive"


@dataclass(frozen=True)
class Check:
    """One observable of one substrate under one stimulus: one row of the table of verdicts."""

    experiment: str
    stimulus: str
    substrate: str
    setting: str
    observable: str
    unit: str
    points: tuple[Point, ...]

    def verdict(self, error_rate: float) -> Verdict:
        """The worst verdict of its points."""
        verdicts = [p.verdict(error_rate) for p in self.points]
        order: tuple[Verdict, ...] = ("disagree", "inconclusive", "agree")
        return next(v for v in order if v in verdicts)

    def worst(self, error_rate: float) -> Point:
        """The point that decides the verdict."""
        rank = {"disagree": 0, "inconclusive": 1, "agree": 2}

        def badness(point: Point) -> tuple[int, float, float]:
            width = point.width(error_rate)
            share = point.deviation / width if width > 0 else 0.0
            return rank[point.verdict(error_rate)], -share, -abs(point.predicted)

        return min(self.points, key=badness)


def point_error_rate(checks: list[Check], confidence: float) -> float:
    """False-alarm probability of each statistical point, so that the run's is 1 - confidence."""
    count = sum(p.statistical is not None for check in checks for p in check.points)
    return -float(expm1(log(confidence) / max(count, 1)))


def overall(checks: list[Check], confidence: float) -> Verdict:
    """The verdict of a run: the worst of its checks."""
    rate = point_error_rate(checks, confidence)
    verdicts = [check.verdict(rate) for check in checks]
    if "disagree" in verdicts:
        return "disagree"
    return "inconclusive" if "inconclusive" in verdicts or not verdicts else "agree"
