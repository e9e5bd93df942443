"""Integer inputs against high-precision arithmetic, exact moments, and counting of samples."""

from fractions import Fraction
from math import factorial, sqrt

import numpy as np
import pytest
from mpmath import mp, mpf

from rheobase.models.integer.input import IntegerInput, _normal_bins


def normal_bin(k, mean, sd, width):
    """P(round(X) = k), X normal, saturating, in 60 digits."""
    with mp.workdps(60):
        low, high = (mpf(k) + h - mpf(mean) for h in (mpf(-0.5), mpf(0.5)))
        low = mp.ninf if k == -(1 << (width - 1)) else low / sd
        high = mp.inf if k == (1 << (width - 1)) - 1 else high / sd
        return mp.ncdf(high) - mp.ncdf(low) if high < 0 else mp.ncdf(-low) - mp.ncdf(-high)


@pytest.mark.parametrize(
    "mean, sd, width",
    [
        (0.3, 28.0, 16),
        (-7.25, 3.0, 16),
        (2.5, 0.3, 16),  # bins wider than 2 standard deviations
        (-0.2, 1e-3, 16),
        (5.0, 0.5, 16),  # at the change of method
        (1234.7, 9000.0, 16),  # saturates at both ends
        (40.0, 20.0, 6),
        (1000.0, 3.0, 8),  # nothing but saturation
    ],
)
def test_gaussian_keeps_relative_accuracy_in_the_tails(mean, sd, width):
    source = IntegerInput.gaussian(mean, sd, width)
    values, p = source.values.tolist(), source.probabilities
    for k in {*range(0, p.size, max(1, p.size // 30)), p.size - 1}:
        exact = normal_bin(values[k], mean, sd, width)
        assert p[k] == pytest.approx(float(exact), rel=1e-13, abs=0)
    assert p.sum() + source.lost_mass == pytest.approx(1, abs=1e-14)


def test_gaussian_states_what_it_cuts_off():
    source = IntegerInput.gaussian(0.3, 28.0, 16)
    with mp.workdps(60):
        kept = sum(normal_bin(int(k), 0.3, 28.0, 16) for k in source.values)
        assert source.lost_mass == pytest.approx(float(1 - kept), rel=1e-9, abs=0)
    assert 0 < source.lost_mass < 1e-29
    assert source.probabilities[0] < 1e-29 < source.probabilities[20]
    assert source.mean == pytest.approx(0.3, abs=1e-12)
    assert source.variance == pytest.approx(28.0**2 + 1 / 12, rel=1e-12, abs=0)  # Sheppard
    assert IntegerInput.gaussian(0, 1e4, 16).lost_mass == 0


def compound(rates, weights, offset, n):
    """Compound Poisson of integer weights, up to n events each, in fractions but for e**-rate."""
    table = {offset: Fraction(1)}
    for rate, weight in zip(rates, weights, strict=True):
        counts = [Fraction(rate) ** k / factorial(k) for k in range(n)]
        after = {}
        for value, p in table.items():
            for k, q in enumerate(counts):
                after[value + k * weight] = after.get(value + k * weight, 0) + p * q
        table = after
    scale = np.exp(-sum(rates))
    return {k: float(p) * scale for k, p in table.items()}


def test_poisson_keeps_relative_accuracy_in_the_tails():
    source = IntegerInput.poisson([0.75, 0.25, 0.5], [4, -6, 0], 3)
    exact = compound([0.75, 0.25], [4, -6], 3, 45)
    got = dict(zip(source.values.tolist(), source.probabilities.tolist(), strict=True))
    assert min(got) < -70 and max(got) > 90
    for k, p in got.items():
        assert p == pytest.approx(exact[k], rel=1e-12, abs=0)
    missing = sum(p for k, p in exact.items() if k not in got)
    assert missing <= source.lost_mass * (1 + 1e-12) < 1e-28
    assert all(p < 1e-29 for k, p in exact.items() if k not in got)
    assert source.mean == pytest.approx(3 + 0.75 * 4 - 0.25 * 6, rel=1e-13, abs=0)
    assert source.variance == pytest.approx(0.75 * 16 + 0.25 * 36, rel=1e-13, abs=0)


@pytest.mark.parametrize("rate", [1e-12, 0.01, 3.0, 400.0, 20_000.0])
def test_poisson_counts_of_any_rate(rate):
    source = IntegerInput.poisson(rate, 1)
    with mp.workdps(50):
        for k in source.values[:: max(1, source.values.size // 20)].tolist():
            exact = mp.exp(k * mp.log(mpf(rate)) - mpf(rate) - mp.loggamma(k + 1))
            assert source.probabilities[k - source.values[0]] == pytest.approx(
                float(exact), rel=1e-12, abs=0
            )
    assert source.lost_mass < 1e-28
    assert source.variance == pytest.approx(rate, rel=1e-12, abs=0)


def test_poisson_saturates():
    whole = IntegerInput.poisson([2.0, 2.0], [5, -5])
    narrow = IntegerInput.poisson([2.0, 2.0], [5, -5], width=4)
    assert narrow.values.tolist() == [-8, -5, 0, 5, 7]
    assert narrow.probabilities[0] == pytest.approx(
        whole.probabilities[whole.values <= -10].sum(), rel=1e-14, abs=0
    )


@pytest.mark.parametrize(
    "source",
    [
        IntegerInput.constant(-3),
        IntegerInput.gaussian(0.3, 2.0, 16),
        IntegerInput.poisson([0.8, 0.2], [16, -24], 3),
        IntegerInput(np.array([-5, 0, 1000]), np.array([0.125, 0.625, 0.25])),
    ],
)
def test_samples_have_the_probabilities(source):
    n = 2_000_000
    drawn = source.sample(np.random.default_rng(7), (n // 4, 4))
    assert drawn.shape == (n // 4, 4) and drawn.dtype == np.int32
    found, counts = np.unique(drawn, return_counts=True)
    assert np.isin(found, source.values).all()
    expected = n * source.probabilities
    got = np.zeros(expected.size)
    got[np.searchsorted(source.values, found)] = counts
    often = expected > 25
    z = (got - expected)[often] / np.sqrt((expected * (1 - source.probabilities))[often] + 1e-9)
    assert np.abs(z).max() < 4.5  # about a hundred values
    assert abs(drawn.mean() - source.mean) <= 4.5 * sqrt(source.variance / n)
    pairs = drawn[:, :-1].astype(float) - source.mean
    following = drawn[:, 1:] - source.mean
    assert abs((pairs * following).mean()) <= 4.5 * source.variance / sqrt(0.75 * n)


def test_the_same_seed_gives_the_same_samples():
    source = IntegerInput.gaussian(0.0, 5.0, 16)
    a, b, c = (source.sample(np.random.default_rng(s), 50_000) for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_what_is_refused():
    with pytest.raises(TypeError, match="values must be integers"):
        IntegerInput(np.array([0.5]), np.ones(1))
    with pytest.raises(ValueError, match="distinct and ascending"):
        IntegerInput(np.array([2, 1]), np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match=r"must be > 0, not -0\.5"):
        IntegerInput(np.array([1, 2]), np.array([1.5, -0.5]))
    with pytest.raises(ValueError, match=r"add up to 1 - lost_mass: with it, 0\.75"):
        IntegerInput(np.array([1, 2]), np.array([0.5, 0.25]))
    IntegerInput(np.array([1, 2]), np.array([0.5, 0.25]), 0.25)
    with pytest.raises(ValueError, match="equally long"):
        IntegerInput(np.array([1, 2]), np.ones(1))
    with pytest.raises(ValueError, match="lost_mass must be"):
        IntegerInput(np.array([1]), np.ones(1), 1.0)
    with pytest.raises(ValueError, match=r"sd > 0, not 0 and 0"):
        IntegerInput.gaussian(0, 0, 16)
    with pytest.raises(ValueError, match=r"width must be in 2 \.\. 32, not 33"):
        IntegerInput.gaussian(0, 1, 33)
    with pytest.raises(ValueError, match="take a larger LSB"):
        IntegerInput.gaussian(0, 1e8, 32)
    with pytest.raises(ValueError, match=r"rates_dt must be finite and > 0, not -1\.0"):
        IntegerInput.poisson([-1.0], [2])
    with pytest.raises(TypeError, match="weights must be integers"):
        IntegerInput.poisson([1.0], [2.5])
    with pytest.raises(ValueError, match="equally long"):
        IntegerInput.poisson([1.0, 2.0], [2])


def test_narrow_bins_need_few_nodes():
    """Four nodes in a narrow bin give what 32 give, but for the rounding of x**2 / 2 = 66."""
    z = np.linspace(-11.5, 11.5, 2001)
    nodes, weights = np.polynomial.legendre.leggauss(32)
    for h in (2.0**-6, 2.0**-12):
        x = z[:, None] + 0.5 * h * (nodes + 1)
        exact = 0.5 * h / np.sqrt(2 * np.pi) * (np.exp(-0.5 * x * x) @ weights)
        np.testing.assert_allclose(_normal_bins(z, h), exact, rtol=66 * 4 * np.finfo(float).eps)
