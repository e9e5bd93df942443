"""Random connections have the statistics that their rule says; given ones stay as they are."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from rheobase.models.reference.connectivity import Bernoulli, FixedInDegree, Pairs, Targets

SURE = 1e-4  # probability that a faultless rule fails one of the tests below


def stream(seed: int = 1) -> Callable[[], np.random.Generator]:
    return lambda: np.random.default_rng(seed)


def matrix(found: Targets, targets: int) -> NDArray[np.int64]:
    """Number of synapses from each source onto each target."""
    synapses = np.zeros((found.first.size - 1, targets), np.int64)
    sources = np.repeat(np.arange(found.first.size - 1), np.diff(found.first))
    np.add.at(synapses, (sources, found.target), 1)
    return synapses


def p_uniform(counts: NDArray[np.int64]) -> float:
    """Probability of counts so uneven, were they multinomial with equal chances."""
    return float(stats.chisquare(counts.ravel()).pvalue)


@pytest.mark.parametrize("rule", [FixedInDegree(30), Bernoulli(0.2), Bernoulli(1.0)])
def test_targets_are_sorted_within_each_source(rule: FixedInDegree | Bernoulli) -> None:
    found = rule.draw(70, 90, stream())
    assert found.first[0] == 0
    assert found.first[-1] == found.target.size
    assert found.target.dtype == np.uint16
    for low, high in zip(found.first[:-1], found.first[1:], strict=True):
        assert (np.diff(found.target[low:high].astype(int)) >= 0).all()


def test_fixed_in_degree() -> None:
    synapses = matrix(FixedInDegree(2000).draw(50, 40, stream()), 40)
    assert (synapses.sum(axis=0) == 2000).all()
    for target in synapses.T:
        assert p_uniform(target) > SURE
    assert p_uniform(synapses) > SURE  # every pair: targets are independent


def test_bernoulli() -> None:
    sources, targets, p = 300, 500, 0.07
    synapses = matrix(Bernoulli(p).draw(sources, targets, stream()), targets)
    assert synapses.max() == 1
    total = stats.binom(sources * targets, p)
    assert SURE < total.cdf(synapses.sum()) < 1 - SURE
    for axis, n in ((0, sources), (1, targets)):
        degree = synapses.sum(axis=axis)
        variance = n * p * (1 - p)
        spread = ((degree - n * p) ** 2).sum() / variance
        assert SURE < stats.chi2(degree.size).cdf(spread) < 1 - SURE
    assert p_uniform(synapses.sum(axis=0)) > SURE
    # neighbours are independent: the pairs (i, i + 1) of a row
    both = (synapses[:, 1:] & synapses[:, :-1]).sum()
    assert SURE < stats.binom(sources * (targets - 1), p * p).cdf(both) < 1 - SURE


@pytest.mark.parametrize("skew", [1.05, 0.95])
def test_uneven_sources_are_found(skew: float) -> None:
    rng = np.random.default_rng(1)
    sources = (50 * rng.random((40, 2000)) ** skew).astype(int)
    assert p_uniform(np.bincount(sources.ravel(), minlength=50)) < SURE


def test_the_ends_of_bernoulli() -> None:
    assert Bernoulli(0).draw(7, 9, stream()).target.size == 0
    assert (matrix(Bernoulli(1).draw(7, 9, stream()), 9) == 1).all()


def test_pairs() -> None:
    found = Pairs([2, 0, 2, 0, 2], [1, 3, 0, 3, 1]).draw(4, 5, stream())
    assert found.first.tolist() == [0, 2, 2, 5, 5]
    assert found.target.tolist() == [3, 3, 0, 1, 1]
    assert found.order is not None
    assert found.order.tolist() == [1, 3, 2, 0, 4]
    assert Pairs([], []).draw(2, 2, stream()).first.tolist() == [0, 0, 0]


def test_more_than_65536_targets() -> None:
    found = FixedInDegree(2).draw(3, 65_537, stream())
    assert found.target.dtype == np.uint32
    assert found.target.max() == 65_536
    assert FixedInDegree(2).draw(3, 65_536, stream()).target.dtype == np.uint16


@pytest.mark.parametrize("rule", [FixedInDegree(3), Bernoulli(0.3), Pairs([0, 1], [1, 1])])
def test_the_expected_number_suffices(rule: FixedInDegree | Bernoulli | Pairs) -> None:
    for seed in range(20):
        assert rule.draw(40, 60, stream(seed)).target.size <= rule.expected(40, 60)


def test_the_stream_decides() -> None:
    for rule in (FixedInDegree(5), Bernoulli(0.2)):
        first, again, other = (matrix(rule.draw(30, 30, stream(s)), 30) for s in (1, 1, 2))
        assert (first == again).all()
        assert (first != other).any()


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: FixedInDegree(-1), ValueError, "k must be >= 0, not -1"),
        (lambda: FixedInDegree(2.0), TypeError, "k must be an integer, not 2.0"),
        (lambda: FixedInDegree(True), TypeError, "k must be an integer, not True"),
        (lambda: Bernoulli(1.1), ValueError, "p must be 0 .. 1, not 1.1"),
        (lambda: Bernoulli(float("nan")), ValueError, "p must be 0 .. 1, not nan"),
        (lambda: Bernoulli("x"), TypeError, "p must be a number"),
        (lambda: Pairs([0, 1], [0]), ValueError, r"must pair up, not \(2,\) and \(1,\)"),
        (lambda: Pairs([0.5], [0]), TypeError, "pre must hold integers, not float64"),
        (lambda: Pairs([[0]], [[0]]), ValueError, r"pre must have shape \(synapses,\)"),
        (lambda: Pairs([0, 4], [0, 0]).draw(4, 4, stream()), ValueError, "pre .* 0 .. 3, not 4"),
        (lambda: Pairs([0], [-1]).draw(4, 4, stream()), ValueError, "post .* 0 .. 3, not -1"),
    ],
)
def test_errors(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
