"""The EIF against double integrals, a discretised generator, its noiseless orbit and the LIF."""

import mpmath as mp
import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.integrate import quad
from scipy.sparse import diags
from scipy.sparse.linalg import spsolve

from rheobase.models.neuron import EIF, LIF
from rheobase.models.theory import exponential, siegert

NEURON = EIF(tau_m=20e-3, v_th=20e-3, delta_t=1e-3, v_reset=10e-3, v_peak=40e-3, t_ref=2e-3)
CORTEX = EIF(10e-3, v_th=-53e-3, delta_t=3e-3, v_reset=-60e-3, v_peak=0.0, v_rest=-65e-3)
HIGH_RESET = EIF(20e-3, v_th=20e-3, delta_t=2e-3, v_reset=22e-3, v_peak=45e-3, t_ref=1e-3)
POINTS = [
    (NEURON, 15e-3, 5e-3),
    (NEURON, 25e-3, 3e-3),
    (NEURON, 10e-3, 2.5e-3),
    (NEURON, 11e-3, 2.2e-3),
    (NEURON, -20e-3, 9e-3),
    (NEURON, 19e-3, 1e-3),
    (NEURON, 0.3, 4e-3),
    (CORTEX, 8e-3, 4e-3),
    (CORTEX, 16e-3, 2e-3),
    (HIGH_RESET, 17e-3, 4e-3),
    (HIGH_RESET, 26e-3, 4e-3),
]


def gauss(edges):
    """Nodes and weights of a composite Gauss-Legendre rule of 12 points."""
    x, w = leggauss(12)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (x + 1)).ravel(), (half * w).ravel()


def action(neuron, mu, v, u):
    """The integral of the drift from v to u, times tau_m."""
    onset = np.exp((np.minimum(u, v) - neuron.v_th) / neuron.delta_t)
    onset = neuron.delta_t**2 * onset * np.expm1(np.abs(u - v) / neuron.delta_t)
    return (u - v) * (neuron.v_rest + mu - (u + v) / 2) + np.sign(u - v) * onset


def below(length, sigma):
    """A rule from 0 to `length` that resolves a boundary layer at 0 and the scale sigma."""
    near = np.geomspace(1e-20, sigma / 10, 80)
    return gauss(np.concatenate([near, np.arange(sigma / 10, length, sigma / 4)[1:], [length]]))


def passage(neuron, mu, sigma):
    """D**-1 int du int_0^oo ds exp(-int_{u-s}^u A / D), u from reset to peak."""
    u, du = gauss(np.linspace(neuron.v_reset, neuron.v_peak, 80))
    low = min(neuron.v_reset, neuron.v_rest + mu) - 7 * sigma
    s, ds = below(neuron.v_peak - low, sigma)
    exponent = -2 / sigma**2 * action(neuron, mu, u[:, None] - s, u[:, None])
    return 2 * neuron.tau_m / sigma**2 * du @ np.exp(exponent) @ ds


@pytest.mark.parametrize(("neuron", "mu", "sigma"), POINTS)
def test_rate_is_the_double_integral(neuron, mu, sigma):
    expected = 1 / (neuron.t_ref + passage(neuron, mu, sigma))
    assert expected > 1e-10
    assert exponential.rate(neuron, mu, sigma) == pytest.approx(expected, rel=1e-8, abs=0)


def test_the_double_integral_in_other_hands():
    """1 / rate = 2 tau_m int dy exp(U) int^y dx exp(-U) by QUADPACK; y, x = V / sigma."""
    neuron = EIF(20e-3, v_th=20e-3, delta_t=2e-3, v_reset=10e-3, v_peak=28e-3)
    mean, steep, th, low, top = np.array([14e-3, 2e-3, 20e-3, 10e-3, 28e-3]) / 5e-3

    def potential(y):
        return (y - mean) ** 2 - 2 * steep**2 * np.exp((y - th) / steep)

    def weight(y):
        inner, _ = quad(lambda x: np.exp(potential(y) - potential(x)), -6, y, epsrel=1e-11)
        return inner

    outer, error = quad(weight, low, top, epsrel=1e-10)
    assert error < 1e-9 * outer
    expected = 1 / (2 * neuron.tau_m * outer)
    assert exponential.rate(neuron, 14e-3, 5e-3) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("wrong", [{"delta_t": 1.0001e-3}, {"v_th": 20.0001e-3}, {"v_peak": 21e-3}])
def test_another_neuron_is_told_apart(wrong):
    values = {name: getattr(NEURON, name) for name in NEURON.__dataclass_fields__} | wrong
    other = exponential.rate(EIF(**values), 15e-3, 5e-3)
    assert abs(other / exponential.rate(NEURON, 15e-3, 5e-3) - 1) > 1e-6


def first_two_moments(neuron, mu, sigma, n):
    """Of the passage, from the backward equation A T' + D T'' = -1, then -2 T; central, order 2."""
    low = min(neuron.v_reset, neuron.v_rest + mu) - 6 * sigma
    above = round(n * (neuron.v_peak - neuron.v_reset) / (neuron.v_peak - low))
    h = (neuron.v_peak - neuron.v_reset) / above
    below = round((neuron.v_reset - low) / h)
    v = neuron.v_reset + h * np.arange(-below, above)
    onset = neuron.delta_t * np.exp((v - neuron.v_th) / neuron.delta_t)
    a = (neuron.v_rest + mu - v + onset) / neuron.tau_m / (2 * h)
    d = sigma**2 / (2 * neuron.tau_m) / h**2
    generator = diags([(d - a)[1:], np.full(v.size, -2 * d), (d + a)[:-1]], [-1, 0, 1]).tolil()
    generator[0, 0] += (d - a)[0]  # no flux through the bottom
    generator = generator.tocsc()
    first = spsolve(generator, -np.ones(v.size))
    second = spsolve(generator, -2 * first)
    return np.array([first[below], second[below]])


@pytest.mark.parametrize(("mu", "sigma"), [(12e-3, 5e-3), (17e-3, 4e-3), (25e-3, 5e-3)])
def test_rate_and_cv_are_those_of_the_discretised_generator(mu, sigma):
    neuron = EIF(20e-3, v_th=20e-3, delta_t=2e-3, v_reset=10e-3, v_peak=28e-3, t_ref=3e-3)
    h2 = [first_two_moments(neuron, mu, sigma, n) for n in (1000, 2000, 4000)]
    coarse, fine = (4 * h2[1] - h2[0]) / 3, (4 * h2[2] - h2[1]) / 3
    error = np.abs(coarse / fine - 1).max()
    assert error < 2e-5
    mean = neuron.t_ref + fine[0]
    assert abs(exponential.rate(neuron, mu, sigma) * mean - 1) < error
    expected = np.sqrt(fine[1] - fine[0] ** 2) / mean
    assert abs(exponential.cv(neuron, mu, sigma) / expected - 1) < 3 * error / expected**2


def test_a_sharp_onset_makes_it_a_lif():
    """The EIF neuron fires at the LIF's threshold within a few tens of delta_t."""
    mu, sigma = np.array([5e-3, 12e-3, 19e-3, 25e-3, 0.1]), 3e-3
    for delta_t in (1e-5, 1e-9):
        neuron = EIF(20e-3, 20e-3, delta_t, v_reset=10e-3, v_peak=21e-3, t_ref=2e-3)
        low, high = (
            siegert.rate(LIF(20e-3, 20e-3 + shift, 10e-3, t_ref=2e-3), mu, sigma)
            for shift in (30 * delta_t, -30 * delta_t)
        )
        found = exponential.rate(neuron, mu, sigma)
        assert (low < found).all() and (found < high).all()
    assert (high < 1.0003 * low).all()
    lif = siegert.cv(LIF(20e-3, 20e-3, 10e-3, t_ref=2e-3), mu, sigma)
    assert exponential.cv(neuron, mu, sigma) == pytest.approx(lif, rel=1e-4)


@pytest.mark.parametrize("excess", [1e-12, 1e-9, 1e-5, 1e-3, 0.1])
@pytest.mark.parametrize("neuron", [NEURON, CORTEX])
def test_without_noise_the_interval_is_the_integral_of_the_slowness(neuron, excess):
    mu = neuron.v_th - neuron.v_rest - neuron.delta_t + excess
    with mp.workdps(30):
        exact = mp.mpf(mu) - (mp.mpf(neuron.v_th) - neuron.v_rest) + neuron.delta_t
        delta = mp.mpf(neuron.delta_t)

        def slowness(y):
            return delta / (exact + delta * (mp.expm1(y) - y))

        width = mp.sqrt(2 * exact / delta)
        low, high = ((v - neuron.v_th) / delta for v in (neuron.v_reset, neuron.v_peak))
        inner = [s * w * width for s in (-1, 1) for w in (0, 3, 30, 300, 3000) if w * width < 1]
        interval = mp.quad(slowness, sorted({low, *inner, mp.mpf(2), mp.mpf(6), high}))
        expected = 1 / (neuron.t_ref + neuron.tau_m * interval)
    # the drive itself is rounded: half an ulp of mu against the excess, as sqrt(excess)
    rounding = 1e-17 / excess
    found = exponential.rate(neuron, mu, 0.0)
    assert found == pytest.approx(float(expected), rel=1e-8 + rounding)
    assert exponential.cv(neuron, mu, 0.0) == 0


def test_the_limit_of_weak_noise():
    mu = np.array([5e-3, 18.9e-3, 19.5e-3, 25e-3, 1.0, 1e3])
    quiet = exponential.rate(NEURON, mu, 0.0)
    assert (quiet[:2] == 0).all() and (quiet[2:] > 0).all()
    assert exponential.rate(NEURON, mu, 1e-7) == pytest.approx(quiet, rel=1e-7, abs=0)
    assert (exponential.cv(NEURON, mu, 1e-7)[2:] < 1e-3).all()
    assert (exponential.cv(NEURON, mu, 0.0)[:2] == 1).all()
    above = EIF(20e-3, v_th=20e-3, delta_t=2e-3, v_reset=26e-3, v_peak=45e-3)  # past v_th
    assert exponential.rate(above, 10e-3, 0.0) == pytest.approx(
        exponential.rate(above, 10e-3, 1e-8), rel=1e-7
    )


def test_far_below_threshold_escapes_are_rare_and_poisson():
    mu, sigma = np.array([0.0, 5e-3, 9e-3]), np.array([2e-3, 1.5e-3, 1e-3])
    found = exponential.rate(NEURON, mu, sigma)
    expected = [1 / passage(NEURON, m, s) for m, s in zip(mu, sigma, strict=True)]
    assert (found < 1e-10).all()
    assert found == pytest.approx(expected, rel=2e-7, abs=0)
    assert exponential.cv(NEURON, mu, sigma) == pytest.approx(1, abs=1e-7)
    assert exponential.rate(NEURON, -1.0, 1e-3) == 0


@pytest.mark.parametrize(("neuron", "mu", "sigma"), [POINTS[i] for i in (0, 1, 3, 7, 9)])
def test_density_is_the_single_integral(neuron, mu, sigma):
    """p(V) = rate / D int_max(V, reset)^peak du exp(-int_V^u A / D)."""
    v = neuron.v_reset + np.array([-9e-3, -1e-3, 0.0, 1e-6, 3e-3, 9e-3, 12e-3])
    found = exponential.density(neuron, mu, sigma, v)
    rate = exponential.rate(neuron, mu, sigma)
    for i, low in enumerate(np.maximum(v, neuron.v_reset)):
        s, ds = below(neuron.v_peak - low, sigma / 4)
        integral = np.exp(-2 / sigma**2 * action(neuron, mu, v[i], low + s)) @ ds
        expected = rate * 2 * neuron.tau_m / sigma**2 * integral
        assert found[i] == pytest.approx(expected, rel=1e-7, abs=1e-8 * found.max())


def test_density_is_normalised():
    v, weight = gauss(
        np.concatenate([np.linspace(-25e-3, 10e-3, 40), np.linspace(10e-3, 40e-3, 80)[1:]])
    )
    found = exponential.density(NEURON, 15e-3, 5e-3, v.reshape(-1, 2))
    assert found.shape == (v.size // 2, 2)
    mass = 1 - NEURON.t_ref * exponential.rate(NEURON, 15e-3, 5e-3)
    assert weight @ found.ravel() == pytest.approx(mass, rel=1e-8)
    beyond = exponential.density(NEURON, 15e-3, 5e-3, [0.041, 0.04, -1.0])
    assert (beyond[:2] == 0).all() and beyond[2] < 1e-8 * found.max()


def test_shapes():
    assert exponential.rate(NEURON, 15e-3, 5e-3).shape == ()
    assert exponential.rate(NEURON, np.full((3, 1), 15e-3), [1e-3, 5e-3]).shape == (3, 2)
    assert exponential.cv(NEURON, [15e-3], 5e-3).shape == (1,)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (TypeError, "neuron must be an EIF", (LIF(20e-3, 20e-3, 0.0), 0.0, 1e-3)),
        (TypeError, "mu must be numbers", (NEURON, "high", 1e-3)),
        (TypeError, "mu must be numbers", (NEURON, 1j, 1e-3)),
        (ValueError, "mu must be .* not nan", (NEURON, [0.0, np.nan], 1e-3)),
        (ValueError, "mu must be .* not inf", (NEURON, np.inf, 1e-3)),
        (ValueError, "sigma must be 0 or 1e-12 .* not -0.001", (NEURON, 0.0, -1e-3)),
        (ValueError, "sigma must not be empty", (NEURON, 0.0, [])),
        (ValueError, r"shapes must broadcast, not mu \(2,\), sigma", (NEURON, [0, 1], [1, 1, 1])),
        (ValueError, "v_reset must be <=", (EIF(20e-3, 0.02, 1e-5, 0.03, 0.04), 0.0, 1e-3)),
    ],
)
@pytest.mark.parametrize("function", [exponential.rate, exponential.cv])
def test_what_is_refused(function, error, message, arguments):
    with pytest.raises(error, match=message):
        function(*arguments)


@pytest.mark.parametrize(
    ("mu", "sigma", "v", "message"),
    [
        (15e-3, 0.0, 0.0, "sigma > 0 V"),
        ([15e-3, 16e-3], 1e-3, 0.0, "single numbers"),
        (15e-3, 1e-3, np.nan, "v must be"),
        (-1.0, 1e-3, 0.0, "the rate vanishes at mu = -1.0 V"),
    ],
)
def test_what_density_refuses(mu, sigma, v, message):
    with pytest.raises(ValueError, match=message):
        exponential.density(NEURON, mu, sigma, v)
