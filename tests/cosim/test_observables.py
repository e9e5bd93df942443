"""Rate, CV and ISI points from renewal processes with known law."""

import numpy as np
import pytest
from scipy import stats

from rheobase.cosim.observables import Plan, cv_point, intervals, isi_point, plan, rate_point

DT = 1e-3


def renewal(rng: np.random.Generator, planned: Plan, shape: float, mean: float) -> tuple:
    """Spikes of gamma-distributed intervals rounded up to steps, and their distribution."""
    isi = np.ceil(rng.gamma(shape, mean / shape, (planned.neurons, planned.intervals * 4)))
    times = np.cumsum(isi, axis=1).astype(np.int64)
    steps, ids = times.ravel(), np.repeat(np.arange(planned.neurons), times.shape[1])
    keep = steps < planned.steps
    order = np.lexsort((ids[keep], steps[keep]))
    cdf = stats.gamma.cdf(np.arange(4000), shape, scale=mean / shape)
    return steps[keep][order], ids[keep][order], np.diff(cdf, prepend=0.0)


@pytest.mark.parametrize("shape", [1.0, 6.0])
def test_p_values_are_uniform(shape: float) -> None:
    """Neither too narrow nor too wide: rate and CV over 300 faultless runs."""
    rng = np.random.default_rng(7)
    rates, cvs = [], []
    pmf = renewal(rng, Plan(1, 1, 1), shape, 40.0)[2]
    n = np.arange(len(pmf))
    mean = float(pmf @ n)
    cv = float(np.sqrt(pmf @ (n - mean) ** 2)) / mean
    for _ in range(300):
        planned = plan(mean, cv, 20, 2000)
        found = intervals(*renewal(rng, planned, shape, 40.0)[:2], planned, DT)
        assert found.complete
        rates.append(rate_point("x", found, 1 / (mean * DT), cv, 0.0, 1.0).p_value)
        cvs.append(cv_point("x", found, cv, 0.0, 1.0).p_value)
        assert isi_point("x", found, pmf, 0.0, 1.0).verdict(1e-6) == "agree"
    assert stats.kstest(rates, "uniform").pvalue > 1e-3
    assert stats.kstest(cvs, "uniform").pvalue > 1e-3


def test_wrong_predictions_disagree() -> None:
    rng = np.random.default_rng(8)
    planned = plan(40.5, 1.0, 50, 20_000)
    steps, ids, pmf = renewal(rng, planned, 1.0, 40.0)
    found = intervals(steps, ids, planned, DT)
    assert rate_point("x", found, 1.05 / (40.5 * DT), 1.0, 0.0, 0.1).verdict(1e-4) == "disagree"
    assert cv_point("x", found, 0.9, 0.0, 0.1).verdict(1e-4) == "disagree"
    assert isi_point("x", found, np.roll(pmf, 2), 0.0, 0.1).verdict(1e-4) == "disagree"


def test_a_silent_neuron_disagrees() -> None:
    planned = plan(40.0, 1.0, 3, 30)
    steps = np.repeat(np.arange(0, planned.steps, 40), 2)
    ids = np.tile([0, 2], len(steps) // 2)
    found = intervals(steps, ids, planned, DT)
    assert not found.complete
    assert rate_point("x", found, 25.0, 1.0, 0.0, 0.1).verdict(1e-4) == "disagree"
    assert cv_point("x", found, 1.0, 0.0, 0.1).verdict(1e-4) == "disagree"
    assert isi_point("x", found, np.ones(1), 0.0, 0.1).verdict(1e-4) == "disagree"


def test_few_spikes_are_inconclusive() -> None:
    rng = np.random.default_rng(9)
    planned = plan(40.5, 1.0, 20, 100)
    steps, ids, pmf = renewal(rng, planned, 1.0, 40.0)
    found = intervals(steps, ids, planned, DT)
    mean = float(pmf @ np.arange(len(pmf)))
    assert rate_point("x", found, 1 / (mean * DT), 1.0, 0.0, 0.02).verdict(1e-4) == "inconclusive"
