"""Verdicts: every outcome, the correction for many checks, and calibrated false alarms."""

from math import inf, nan

import numpy as np
import pytest
from scipy import stats

from rheobase.cosim.budget import Check, Point, Term, overall, point_error_rate


def check(*points: Point) -> Check:
    return Check("e", "s", "rtl", "dt", "rate", "Hz", points)


EXACT = Point("x", 1.0, 1.0, ())
BOUND = (Term("grid", "numerical", 0.1),)


def test_verdicts() -> None:
    assert EXACT.verdict(0.01) == "agree"
    assert Point("x", 1.0, 1.0 + 1e-15, ()).verdict(0.01) == "disagree"
    assert Point("x", 1.09, 1.0, BOUND, resolution=0.2).verdict(0.01) == "agree"
    assert Point("x", 1.09, 1.0, BOUND, resolution=0.05).verdict(0.01) == "inconclusive"
    assert Point("x", 1.11, 1.0, BOUND, resolution=0.05).verdict(0.01) == "disagree"


def test_a_missing_measurement_disagrees_unless_it_is_predicted() -> None:
    assert Point("x", nan, 1.0, BOUND).verdict(0.01) == "disagree"
    assert Point("x", 1.0, nan, BOUND).verdict(0.01) == "disagree"
    assert Point("x", nan, nan, ()).verdict(0.01) == "agree"
    assert Point("x", nan, 1.0, BOUND).deviation == inf


def test_statistical_terms_are_cut_at_the_error_rate() -> None:
    term = Term("n", "statistical", 2.0)
    assert term.width(0.05) == pytest.approx(2 * 1.959964, rel=1e-6)
    assert term.p_value(2 * 1.959964) == pytest.approx(0.05, rel=1e-5)
    distance = Term("n", "statistical", 100, "kolmogorov")
    assert distance.p_value(distance.width(1e-3)) == pytest.approx(1e-3, rel=1e-6)


def test_the_spread_of_few_samples_follows_the_chi_law() -> None:
    """Ten thousand times twelve normal samples; p-values are uniform but for the shorter side."""
    term = Term("12 chips", "statistical", 2.0, "chi", freedom=11)
    drawn = np.random.default_rng(3).normal(0.0, 2.0, (10_000, 12)).std(axis=1, ddof=1)
    beyond = np.sum(np.abs(drawn - 2.0) > term.width(0.02))
    assert stats.binom(10_000, 0.02).sf(beyond) > 1e-3  # no more than the error rate
    assert beyond > 0
    for deviation in (0.5, 1.5):
        count = np.sum(np.abs(drawn - 2.0) >= deviation)
        expected = term.p_value(deviation)
        assert abs(count - 1e4 * expected) < 4 * np.sqrt(1e4 * expected)


@pytest.mark.parametrize("share", [0.0, 1e-3, 0.2, 0.9])
def test_the_binomial_law_is_that_of_counted_trials(share: float) -> None:
    """What is within the width happens with probability 1 - error rate at least, and just so."""
    trials, error_rate = 250, 1e-3
    term = Term("trials", "statistical", trials, "binomial", share=share)
    width, law = term.width(error_rate), stats.binom(trials, share)
    counts = np.arange(trials + 1)
    beyond = np.abs(counts / trials - share) > width + 1e-12
    assert law.pmf(counts)[beyond].sum() <= error_rate
    narrower = np.abs(counts / trials - share) > width - 1.5 / trials
    assert share == 0 or law.pmf(counts)[narrower].sum() > error_rate / 2
    for count in (0, 3, 60, 240):
        deviation = abs(count / trials - share)
        as_far = np.abs(counts / trials - share) >= deviation - 1e-12
        expected = law.pmf(counts)[as_far].sum()
        assert term.p_value(deviation) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_bounds_and_statistics_add_up() -> None:
    point = Point("x", 1.0, 0.0, (Term("n", "statistical", 1.0), *BOUND))
    assert point.width(0.05) == pytest.approx(1.959964 + 0.1, rel=1e-6)
    assert point.p_value == pytest.approx(2 * stats.norm.sf(0.9))


def test_the_worst_point_decides() -> None:
    bad = Point("bad", 2.0, 1.0, BOUND)
    mixed = check(EXACT, bad, EXACT)
    assert mixed.verdict(0.01) == "disagree"
    assert mixed.worst(0.01) is bad
    assert overall([check(EXACT), mixed], 0.999) == "disagree"
    assert overall([check(EXACT)], 0.999) == "agree"
    assert overall([], 0.999) == "inconclusive"


def test_a_whole_run_raises_false_alarms_as_often_as_stated() -> None:
    """2,000 runs of 30 faultless normal points at 90 % confidence."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(2000):
        points = [Point("x", x, 0.0, (Term("n", "statistical", 1.0),)) for x in rng.normal(size=30)]
        rate = point_error_rate([check(*points)], 0.9)
        alarms += check(*points).verdict(rate) == "disagree"
    low, high = stats.binom.interval(0.999, 2000, 0.1)
    assert low <= alarms <= high
