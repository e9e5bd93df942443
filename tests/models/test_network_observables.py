"""Observables on spike trains whose rates, irregularity and correlations are known."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from rheobase.models.reference import observables as ob

N, RATE, STOP = 40, 20.0, 50.0
WINDOW = (0.0, STOP)
SURE = 1e-4  # probability that a correct observable fails a test below
Z = float(stats.norm.isf(SURE / 2))


def poisson(seed: int = 1, n: int = N, rate: float = RATE) -> tuple[NDArray, NDArray]:
    """Independent Poisson trains."""
    rng = np.random.default_rng(seed)
    number = rng.poisson(rate * STOP, n)
    return rng.uniform(0, STOP, number.sum()), np.repeat(np.arange(n), number)


def gamma(shape: int, seed: int = 1) -> tuple[NDArray, NDArray]:
    """Independent renewal trains with gamma intervals: CV 1 / sqrt(shape)."""
    rng = np.random.default_rng(seed)
    isi = rng.gamma(shape, 1 / (RATE * shape), (N, int(1.5 * RATE * STOP)))
    times = np.cumsum(isi, axis=1) - rng.uniform(0, 5, (N, 1))  # as good as stationary
    inside = (times > 0) & (times < STOP)
    return times[inside], np.repeat(np.arange(N), inside.sum(axis=1))


def test_counts_and_rates_of_a_few_spikes() -> None:
    times, ids = [0.1, 0.2, 0.3, 0.30001, 0.4, 0.9], [0, 1, 1, 0, 0, 1]
    window = (0.1, 0.4)  # start excluded, stop included
    found = ob.counts(times, ids, 3, window, 0.1)
    assert found.tolist() == [[0, 0, 2], [1, 1, 0], [0, 0, 0]]
    assert ob.rates(times, ids, 3, window) == pytest.approx([2 / 0.3, 2 / 0.3, 0])
    assert ob.rate(times, ids, 3, window, batches=3)[0] == pytest.approx(4 / 0.9)


def test_spikes_on_a_grid_fall_into_the_bin_that_they_end() -> None:
    steps = np.arange(1, 30_001)
    found = ob.counts(steps * 1e-4, np.zeros(steps.size, int), 1, (0.0, 3.0), 1e-3)
    assert (found == 10).all()


def test_the_population_rate_and_its_error() -> None:
    rates, errors = zip(*(ob.rate(*poisson(s), N, WINDOW) for s in range(200)), strict=True)
    truth = np.sqrt(RATE / (N * STOP))
    assert abs(np.mean(rates) - RATE) < Z * truth / np.sqrt(200)
    # mean square of the errors: chi^2 with 200 x 19 degrees of freedom
    square = np.mean(np.square(errors)) / truth**2
    assert abs(square - 1) < Z * np.sqrt(2 / (200 * 19))


def test_the_error_of_the_rate_sees_that_neurons_fire_together() -> None:
    times, _ = poisson(n=1)
    together = np.tile(times, N), np.repeat(np.arange(N), times.size)
    error = ob.rate(*together, N, WINDOW)[1]
    assert error > 3 * np.sqrt(RATE / (N * STOP))  # sqrt(40) = 6.3 times, give or take


@pytest.mark.parametrize("shape", [1, 4, 25])
def test_cv(shape: int) -> None:
    ids, cv = ob.cvs(*(poisson() if shape == 1 else gamma(shape)), N, WINDOW)
    assert ids.tolist() == list(range(N))
    # bias of order 1 / (number of intervals); standard error from the neurons
    assert abs(cv.mean() - shape**-0.5) < Z * cv.std() / np.sqrt(N) + 1 / (RATE * STOP)


def test_cv_of_regular_and_of_silent_neurons() -> None:
    regular = np.arange(1, 11) * 0.1
    times = np.concatenate((regular, [0.5], [0.2, 0.4, 0.8]))
    ids = np.repeat([0, 2, 3], [10, 1, 3])
    found, cv = ob.cvs(times, ids, 5, (0.0, 2.0))
    assert found.tolist() == [0, 3]
    assert cv == pytest.approx([0, 1 / 3], abs=1e-12)
    assert ob.cvs(times, ids, 5, (0.0, 2.0), intervals=3)[0].tolist() == [0]


def test_fano_factor_of_poisson_trains_is_one() -> None:
    found = ob.fano_factors(ob.counts(*poisson(), N, WINDOW, 0.1))
    assert abs(found.mean() - 1) < Z * np.sqrt(2 / (500 - 1) / N)


@pytest.mark.parametrize("shape", [4, 25])
def test_fano_factor_of_renewal_trains_is_cv_squared(shape: int) -> None:
    # long bins: CV^2 + (1 - CV^4) / (6 mean count) (Cox 1962)
    found = ob.fano_factors(ob.counts(*gamma(shape), N, WINDOW, 0.5))
    expected = 1 / shape + (1 - shape**-2) / (6 * RATE * 0.5)
    assert abs(found.mean() - expected) < Z * found.std() / np.sqrt(N)
    assert abs(found.mean() - 1) > Z * found.std() / np.sqrt(N)  # not Poisson


def test_correlations_of_independent_trains_vanish() -> None:
    found = ob.correlations(ob.counts(*poisson(), N, WINDOW, 0.1))
    assert found.shape == (N * (N - 1) // 2,)
    assert abs(found.mean()) < Z / np.sqrt(500 * found.size)
    assert abs(found.std() * np.sqrt(500) - 1) < Z / np.sqrt(2 * found.size)


def test_correlations_of_copied_and_of_thinned_trains() -> None:
    times, ids = poisson(n=1)
    both = np.concatenate((times, times)), np.concatenate((ids, ids + 1))
    assert ob.correlations(ob.counts(*both, 2, WINDOW, 0.1)) == pytest.approx([1.0])
    # each of two trains keeps a spike of a common one with probability c: correlation c
    rng = np.random.default_rng(2)
    c, times = 0.3, poisson(rate=20_000.0, n=1)[0]
    kept = [times[rng.random(times.size) < c] for _ in range(2)]
    both = np.concatenate(kept), np.repeat([0, 1], [k.size for k in kept])
    (found,) = ob.correlations(ob.counts(*both, 2, WINDOW, 0.01))
    assert abs(np.arctanh(found) - np.arctanh(c)) < Z / np.sqrt(5000 - 3)


def mean_density(spikes: tuple[NDArray, NDArray], low: float, high: float) -> tuple[float, float]:
    """Mean of the spectrum between two frequencies, and about its standard error."""
    f, s = ob.population_spectrum(*spikes, N, WINDOW, 1e-3, 1.0)
    inside = (f >= low) & (f <= high)
    # 50 segments, half overlapping, and neighbours under Hann's window: 2/3 are independent
    independent = 50 * inside.sum() / 1.5
    return float(s[inside].mean()), float(s[inside].mean() / np.sqrt(independent))


def test_spectrum_of_poisson_trains_is_flat() -> None:
    for low, high in ((2.0, 50.0), (100.0, 150.0), (2.0, 499.0)):
        found, error = mean_density(poisson(), low, high)
        assert abs(found - RATE / N) < Z * error


def test_spectrum_of_renewal_trains() -> None:
    shape = 4
    f = np.arange(2.0, 100.0)
    moment = (1 + 2j * np.pi * f / (RATE * shape)) ** -shape  # of the gamma interval
    theory = RATE / N * (1 - np.abs(moment) ** 2) / np.abs(1 - moment) ** 2
    for low, high in ((2.0, 6.0), (15.0, 25.0), (80.0, 99.0)):
        expected = theory[(f >= low) & (f <= high)].mean()
        found, error = mean_density(gamma(shape), low, high)
        assert abs(found - expected) < Z * error
    assert theory[0] < 0.3 * RATE / N  # it is not flat


def test_an_oscillation_stands_in_the_spectrum() -> None:
    rng = np.random.default_rng(1)
    times, ids = poisson(rate=2 * RATE)
    kept = rng.random(times.size) < 0.5 * (1 + 0.5 * np.cos(2 * np.pi * 30 * times))
    f, s = ob.population_spectrum(times[kept], ids[kept], N, WINDOW, 1e-3, 1.0)
    assert f[s.argmax()] == 30.0
    # the line r^2 m^2 / 4 per Hz, over the width of Hann's window, 1.5 / segment
    assert s.max() == pytest.approx((RATE * 0.5) ** 2 / 4 / 1.5 + RATE / N, rel=0.2)


def test_synchrony_is_the_covariance_of_pairs_over_the_product_of_their_means() -> None:
    k = np.random.default_rng(1).poisson([[0.2], [1.0], [5.0]], (3, 50)).tolist()
    mean = [sum(row) / 50 for row in k]
    covariance = product = 0.0
    for i, j in permutations(range(3), 2):
        products = [(a - mean[i]) * (b - mean[j]) for a, b in zip(k[i], k[j], strict=True)]
        covariance += sum(products) / 49
        product += mean[i] * mean[j]
    assert ob.synchrony(k) == pytest.approx(covariance / product, rel=1e-9)


def test_synchrony_is_the_mean_square_of_a_shared_modulation() -> None:
    """Of neurons whose rates are up to a hundredfold apart; the errors are those of 20 runs."""
    rng = np.random.default_rng(1)
    amplitude, rate, bins = 0.6, np.geomspace(0.005, 0.5, 100)[:, None], 2000
    x = amplitude * np.sin(2 * np.pi * np.arange(bins) / 10)
    shared = [ob.synchrony(rng.poisson(rate * (1 + x))) for _ in range(20)]
    alone = [ob.synchrony(rng.poisson(rate, (100, bins))) for _ in range(20)]
    for found, wanted in ((shared, amplitude**2 / 2), (alone, 0.0)):
        error = np.std(found, ddof=1) / np.sqrt(20)
        assert abs(np.mean(found) - wanted) < stats.t(19).isf(SURE / 2) * error
    square = np.var(alone, ddof=1) / (2 / bins / rate.sum() ** 2)
    assert SURE / 2 < stats.chi2(19).cdf(19 * square) < 1 - SURE / 2


NAN = float("nan")


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: ob.rates([1.0], [0, 1], 2, WINDOW), ValueError, "times and ids must pair up"),
        (lambda: ob.rates([1.0], [0.0], 2, WINDOW), TypeError, "ids must hold integers"),
        (lambda: ob.rates([NAN], [0], 2, WINDOW), ValueError, "times must be finite"),
        (lambda: ob.rates([1.0], [2], 2, WINDOW), ValueError, "ids must be 0 .. 1, not 2 .. 2"),
        (lambda: ob.rates([1.0], [0], 0, WINDOW), ValueError, "n must be >= 1, not 0"),
        (lambda: ob.rates([1.0], [0], 1.0, WINDOW), TypeError, "n must be an integer"),
        (lambda: ob.rates([1.0], [0], 1, (1.0, 1.0)), ValueError, "window must be finite, start"),
        (lambda: ob.counts([1.0], [0], 1, (0.0, 1.0), 0.3), ValueError, "width must divide"),
        (lambda: ob.counts([1.0], [0], 1, (0.0, 1.0), -0.5), ValueError, "width must be finite"),
        (lambda: ob.rate([1.0], [0], 1, WINDOW, 1), ValueError, "batches must be an integer >= 2"),
        (lambda: ob.cvs([1.0], [0], 1, WINDOW, 1), ValueError, "intervals must be an integer >= 2"),
        (lambda: ob.cvs([1.0] * 3, [0] * 3, 1, WINDOW), ValueError, "neuron 0 has all its spikes"),
        (lambda: ob.fano_factors([[1, 2], [0, 0]]), ValueError, "row 1 has no spikes"),
        (lambda: ob.fano_factors([1, 2]), ValueError, "counted must have shape"),
        (lambda: ob.fano_factors([[1, NAN]]), ValueError, "counted must be finite"),
        (lambda: ob.correlations([[1, 2], [3, 3]]), ValueError, "row 1 is constant"),
        (lambda: ob.correlations([[1, 2]]), ValueError, "at least two rows, not 1"),
        (lambda: ob.population_spectrum([1.0], [0], 1, WINDOW, 0.1, 0.2), ValueError, "segment"),
        (lambda: ob.population_spectrum([1.0], [0], 1, WINDOW, 0.1, 60), ValueError, "segment"),
        (lambda: ob.synchrony([1, 2]), ValueError, "counted must have shape"),
        (lambda: ob.synchrony([[1, 2], [0, 0]]), ValueError, ">= 2 rows with spikes, not 1"),
    ],
)
def test_errors(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
