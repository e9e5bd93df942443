"""Rate and CV of few intervals, told by what they differ from the equation's on the same noise."""

import numpy as np
import pytest
from scipy import stats

from rheobase.cosim.substrates.circuit_renewal import Runs, number

RUNS, COUNT = 16, 12
RNG = np.random.default_rng(5)
MANY = RNG.gamma(2.0, 0.5, 100_000)


def runs(slower: float, lost: float) -> Runs:
    """The netlist's intervals are longer, jitter, and some are two of the equation's."""
    netlist, equation = [], []
    for _ in range(RUNS):
        times = np.cumsum(RNG.gamma(2.0, 0.5, COUNT + 1))
        heard = times[RNG.random(COUNT + 1) >= lost] * slower
        late = np.diff(heard + RNG.normal(0.0, 0.01, len(heard)))
        count = len(late)
        netlist.append(late)
        equation.append(np.diff(times)[:count])
    return Runs(tuple(netlist), tuple(equation))


@pytest.mark.parametrize("observable", ["rate", "CV"])
def test_the_error_is_the_scatter_of_the_estimate(observable: str):
    """A hundred draws: of their 95 % intervals, the true value is in 86 to 100 (p = 1e-3)."""
    true = number(observable, MANY * 1.05)
    inside = 0
    for _ in range(100):
        found, error = runs(1.05, 0.0).number(observable, MANY)
        inside += abs(found - true) <= stats.t.isf(0.025, RUNS - 1) * error
    low, high = stats.binom.ppf(5e-4, 100, 0.95), stats.binom.isf(5e-4, 100, 0.95)
    assert low <= inside <= high


@pytest.mark.parametrize(("slower", "lost"), [(1.05, 0.0), (1.0, 0.15)], ids=["slower", "lost"])
def test_a_netlist_that_is_slower_or_loses_spikes_is_seen(slower: float, lost: float):
    """In 200 intervals: longer by 5 %, or a seventh of the spikes is missing."""
    found, error = runs(slower, lost).number("rate", MANY)
    assert number("rate", MANY) - found > stats.t.isf(1e-3, RUNS - 1) * error


def test_the_error_is_below_that_of_the_intervals_by_themselves():
    """By a factor of five, where most spikes have a partner."""
    _, error = runs(1.05, 0.0).number("rate", MANY)
    alone = number("rate", MANY) * number("CV", MANY) / np.sqrt(RUNS * COUNT)
    assert 5 * error < alone


def test_a_netlist_without_spikes_has_no_rate():
    silent = Runs((np.empty(0),) * 4, (np.empty(0),) * 4)
    assert np.isnan(silent.number("rate", MANY)[0])
