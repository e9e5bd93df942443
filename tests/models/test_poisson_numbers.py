"""The Poisson numbers are Poisson, and each neuron's are its own."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from rheobase.models.reference.poisson_numbers import add_poisson, streams, tables

SURE = 1e-4
NEURONS = 500


def draw(mean: float, table_mean: float, rounds: int, seed: int = 1) -> NDArray[np.int64]:
    """Numbers, shape (rounds, NEURONS), from the table of `table_mean`."""
    below, guide = tables([0.5, table_mean, 3 * mean + 1])  # one of three, padded or not
    s0, s1 = streams(NEURONS, np.random.SeedSequence(seed))
    numbers, scratch = np.zeros((rounds, NEURONS)), np.empty(NEURONS, np.uint64)
    for row in numbers:
        add_poisson(row, 1.0, s0, s1, below[1], guide[1], scratch)
    return numbers.astype(np.int64)


def p_poisson(numbers: NDArray[np.int64], mean: float) -> float:
    """Probability of a histogram so far from the Poisson distribution's; tails pooled."""
    low, high = stats.poisson.ppf([10 / numbers.size, 1 - 10 / numbers.size], mean).astype(int)
    edges = np.arange(low, high + 1)
    expected = np.diff(np.concatenate(([0.0], stats.poisson.cdf(edges, mean), [1.0])))
    found = np.bincount(np.clip(numbers.ravel(), low, high + 1) - low, minlength=expected.size)
    keep = expected > 0
    return float(stats.chisquare(found[keep], expected[keep] * numbers.size).pvalue)


@pytest.mark.parametrize("mean", [0.003, 0.5, 2.0, 37.4, 3000.0])
def test_numbers_are_poisson(mean: float) -> None:
    assert p_poisson(draw(mean, mean, 1000), mean) > SURE


@pytest.mark.parametrize("mean", [0.5, 2.0, 37.4])
def test_a_wrong_mean_is_found(mean: float) -> None:
    assert p_poisson(draw(mean, 1.02 * mean, 1000), mean) < SURE


def test_a_rate_of_zero_gives_no_spike() -> None:
    assert draw(0.0, 0.0, 10).max() == 0


def test_neurons_and_steps_are_independent() -> None:
    rounds = 2000
    numbers = draw(2.0, 2.0, rounds)
    z = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    among = np.corrcoef(numbers.T)[np.triu_indices(NEURONS, 1)] * np.sqrt(rounds)
    successive = (z[1:] * z[:-1]).sum(axis=0) / np.sqrt(rounds - 1)
    for scores in (among, successive):  # standard normal up to 1 / rounds
        spread = stats.chi2(scores.size).cdf((scores**2).sum())
        assert SURE < spread < 1 - SURE
    assert np.abs(among).max() < stats.norm.isf(SURE / among.size / 2)


def test_the_seed_decides() -> None:
    first, again, other = (draw(2.0, 2.0, 10, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
