"""Siegert's formula against high-precision quadrature at exactly the doubles given."""

import itertools
import warnings
from functools import lru_cache

import mpmath as mp
import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.theory import discrete_time, siegert

BRUNEL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
CORTEX = LIF(tau_m=10e-3, v_th=-50e-3, v_reset=-65e-3, v_rest=-65e-3, t_ref=2e-3)
LOW_RESET = LIF(tau_m=30e-3, v_th=-48e-3, v_reset=-80e-3, v_rest=-70e-3)
SMALL = LIF(tau_m=5e-3, v_th=1e-3, v_reset=-2e-3, v_rest=-0.7e-3, t_ref=1e-3)
VOLTS = LIF(tau_m=1.0, v_th=12.0, v_reset=-5.0, v_rest=3.3)
CHIP = LIF(tau_m=1e-6, v_th=0.9, v_reset=0.1, v_rest=0.35, t_ref=1e-7)
NEURONS = {
    "brunel": BRUNEL,
    "cortex": CORTEX,
    "low reset": LOW_RESET,
    "small": SMALL,
    "volts": VOLTS,
    "chip": CHIP,
}

MU = (-1.0, -0.05, 0.0, 0.01, 0.012, 0.015, 0.0199, 0.02, 0.02 + 4e-18, 0.021, 0.025, 0.1, 3.0, 1e3)
SIGMA = (1e-15, 1e-9, 1e-5, 3e-4, 1e-3, 2e-3, 5e-3, 0.03, 0.2, 1.0)


@lru_cache
def rule(points):
    """Gauss-Legendre nodes and weights to 30 digits, by Newton from double precision."""
    with mp.workdps(40):
        out = []
        for x0 in np.polynomial.legendre.leggauss(points)[0]:
            x = mp.mpf(x0)
            for _ in range(3):
                p, q = mp.mpf(1), x
                for k in range(2, points + 1):
                    p, q = q, ((2 * k - 1) * x * q - (k - 1) * p) / k
                slope = points * (x * q - p) / (x * x - 1)
                x -= q / slope
            out.append((x, 2 / ((1 - x * x) * slope**2)))
        return out


def integral(f, low, high, points):
    half = (high - low) / 2
    return half * mp.fsum(w * f(low + half * (x + 1)) for x, w in rule(points))


def backwards(f, b, d, points):
    """int_{b-d}^b f on panels that double in width away from b; stops when they add nothing."""
    total, start, width = mp.mpf(0), mp.mpf(0), min(d, 1 / (2 + 2 * abs(b)))
    while start < d:
        stop = min(d, start + width)
        piece = integral(f, b - stop, b - start, points)
        total += piece
        if piece < total * mp.mpf(10) ** -20:
            break
        start, width = stop, 2 * width if b <= 0 else min(2 * width, mp.mpf(1) / 2 + stop / 2)
    return total


def psi(x):
    if x < -40:  # erfcx by its asymptotic series
        terms = [mp.mpf(1)]
        for k in range(1, 25):
            terms.append(-terms[-1] * (2 * k - 1) / (2 * x * x))
        return -mp.fsum(terms) / (x * mp.sqrt(mp.pi))
    return mp.exp(x * x) * mp.erfc(-x)


def limits(neuron, mu, sigma):
    th, reset = mp.mpf(neuron.v_th), mp.mpf(neuron.v_reset)
    b = (th - mp.mpf(neuron.v_rest) - mp.mpf(mu)) / mp.mpf(sigma)
    return b, (th - reset) / mp.mpf(sigma)


def exact_interval(neuron, mu, sigma):
    """t_ref + mean first passage time, at the precision in force."""
    tau = mp.mpf(neuron.tau_m)
    if sigma == 0:
        b, d = limits(neuron, mu, 1)
        return neuron.t_ref + tau * mp.log1p(d / -b) if b < 0 else mp.inf
    b, d = limits(neuron, mu, sigma)
    return neuron.t_ref + tau * mp.sqrt(mp.pi) * backwards(psi, b, d, 12)


def exact_cv(neuron, mu, sigma):
    b, d = limits(neuron, mu, sigma)

    def chi(x):  # the inner integral, from x down
        return mp.exp(x * x) * backwards(
            lambda z: mp.exp(z * z) * mp.erfc(-z) ** 2, x, mp.mpf(9), 8
        )

    variance = 2 * mp.pi * backwards(chi, b, d, 8) * mp.mpf(neuron.tau_m) ** 2
    return mp.sqrt(variance) / exact_interval(neuron, mu, sigma)


def check(neuron, mu, sigma):
    with mp.workdps(30):
        interval = exact_interval(neuron, mu, sigma)
        exact = -mp.log(interval)
        log_rate = siegert.log_rate(neuron, mu, sigma)
        assert abs(log_rate - exact) <= 1e-12 * max(1, abs(exact)), (mu, sigma)
        rate = siegert.rate(neuron, mu, sigma)
        if exact > -708:  # a normal double
            assert abs(rate * interval - 1) <= 1e-12, (mu, sigma, rate)
        else:
            assert rate <= np.finfo(float).tiny


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)
def test_rate_and_log_rate_against_high_precision(neuron):
    rheobase = float(mp.mpf(neuron.v_th) - mp.mpf(neuron.v_rest))
    near = (rheobase, np.nextafter(rheobase, 99), np.nextafter(rheobase, 0), 1.3 * rheobase)
    for mu, sigma in list(itertools.product((*MU, *near), SIGMA))[::19]:
        check(neuron, mu, sigma)


def test_a_random_sample_of_the_whole_range():
    random = np.random.default_rng(0)
    neurons = list(NEURONS.values())
    for i in range(12):
        neuron = neurons[i % 6]
        rheobase = neuron.v_th - neuron.v_rest
        mu = random.uniform(-1, 1), 10 ** random.uniform(-3, 3), rheobase * random.uniform(0, 2)
        check(neuron, float(mu[i // 6 % 3]), float(10 ** random.uniform(-15, 0)))


def test_the_comparison_sees_a_threshold_off_by_one_part_in_1e11():
    wrong = LIF(tau_m=20e-3, v_th=20e-3 * (1 + 1e-11), v_reset=10e-3, t_ref=2e-3)
    with mp.workdps(40):
        exact = 1 / exact_interval(BRUNEL, 0.012, 1e-3)
        assert abs(siegert.rate(BRUNEL, 0.012, 1e-3) / exact - 1) <= 1e-12
        assert abs(siegert.rate(wrong, 0.012, 1e-3) / exact - 1) > 1e-10


def test_without_noise_the_rate_is_the_closed_form():
    for neuron in (BRUNEL, CORTEX, LOW_RESET):
        for mu in (*MU, 0.015, 0.022):
            with mp.workdps(40):
                exact = 1 / exact_interval(neuron, mu, 0)
                if exact == 0:
                    assert siegert.rate(neuron, mu, 0.0) == 0 == siegert.fi_curve(neuron, mu)
                    assert siegert.log_rate(neuron, mu, 0.0) == -np.inf
                else:
                    assert abs(siegert.rate(neuron, mu, 0.0) / exact - 1) < 1e-14
                    assert abs(siegert.fi_curve(neuron, mu) / exact - 1) < 1e-14


def test_cv_against_high_precision():
    points = [(0.015, 5e-3), (0.012, 2e-3), (1e3, 1e-3), (0.02, 1e-9), (-1.0, 1.0)]
    for mu, sigma in points:
        with mp.workdps(30):
            exact = exact_cv(BRUNEL, mu, sigma)
            assert abs(siegert.cv(BRUNEL, mu, sigma) / exact - 1) <= 1e-10, (mu, sigma)


def test_cv_tails():
    """Rare escapes are Poisson; a drive far above threshold is regular."""
    assert siegert.cv(BRUNEL, -1.0, 1e-6) == pytest.approx(1.0, abs=1e-9)
    assert siegert.cv(BRUNEL, 0.0, 0.0) == 1.0
    assert siegert.cv(BRUNEL, 0.03, 0.0) == 0.0
    # a perfect integrator, mu >> v_th: CV**2 = sigma**2 / (mu (v_th - v_reset))
    bare = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3)
    assert siegert.cv(bare, 1e3, 1e-3) == pytest.approx(np.sqrt(1e-6 / (1e3 * 0.01)), rel=1e-4)


def test_never_nan_never_a_warning_over_the_whole_plane():
    mu = np.concatenate([-np.geomspace(1, 1e-18, 60), [0.0], np.geomspace(1e-18, 1e3, 90), [0.02]])
    sigma = np.concatenate([[0.0, 1e-200], np.geomspace(1e-15, 1.0, 60)])
    for neuron in (BRUNEL, CORTEX, LOW_RESET):
        rate = siegert.rate(neuron, mu[:, None], sigma)
        log_rate = siegert.log_rate(neuron, mu[:, None], sigma)
        cv = siegert.cv(neuron, mu[:, None], sigma)
        assert rate.shape == (mu.size, sigma.size)
        assert np.isfinite(rate).all() and (rate >= 0).all()
        assert not np.isnan(log_rate).any() and np.isfinite(log_rate[:, 2:]).all()
        assert np.isfinite(cv).all() and (cv >= 0).all()
        if neuron.t_ref:
            assert (rate < 1 / neuron.t_ref).all()
        order = np.argsort(mu)  # more drive, more spikes (equal where saturated by rounding)
        assert (np.diff(rate[order], axis=0) >= -1e-12 * rate[order][1:]).all()


def test_arrays_broadcast_and_scalars_come_back_as_scalars():
    table = siegert.rate(BRUNEL, [[0.01], [0.02]], [1e-3, 2e-3, 3e-3])
    assert table.shape == (2, 3)
    assert np.ndim(siegert.rate(BRUNEL, 0.02, 3e-3)) == 0
    assert table[1, 2] == siegert.rate(BRUNEL, 0.02, 3e-3)


# --- derivatives --------------------------------------------------------------------------------
DERIVATIVES = {"mu": siegert.rate_dmu, "sigma": siegert.rate_dsigma}


def exact_slope(neuron, mu, sigma, by, reset=1):
    """From the derivatives of the limits b and a; `reset` = 0 plants a forgotten end."""
    b, d = limits(neuron, mu, sigma)
    ends = (psi(b), psi(b - d)) if by == "mu" else (b * psi(b), (b - d) * psi(b - d))
    scale = mp.mpf(neuron.tau_m) * mp.sqrt(mp.pi) / mp.mpf(sigma)
    return scale * (ends[0] - reset * ends[1]) / exact_interval(neuron, mu, sigma) ** 2


@pytest.mark.parametrize("by", DERIVATIVES)
def test_derivatives_against_high_precision(by):
    random = np.random.default_rng(1)
    neurons = [BRUNEL, CORTEX, LOW_RESET, SMALL, VOLTS]
    seen = 0
    for i in range(20):
        neuron = neurons[i % 5]
        rheobase = neuron.v_th - neuron.v_rest
        mu = random.uniform(-1, 1), 10 ** random.uniform(-3, 3), rheobase * random.uniform(0, 2)
        mu, sigma = float(mu[i // 5 % 3]), float(10 ** random.uniform(-9, 0))
        with mp.workdps(60):  # the difference cancels
            exact = exact_slope(neuron, mu, sigma, by)
            found = DERIVATIVES[by](neuron, mu, sigma)
            if exact < 1e-300:
                assert found < 1e-299
            else:
                seen += 1
                assert abs(found / exact - 1) <= 1e-12, (neuron, mu, sigma)
    assert seen > 10


@pytest.mark.parametrize("by", DERIVATIVES)
def test_derivatives_against_difference_quotients(by):
    """And the quotient tells a formula that forgets the reset."""
    for mu, sigma in ((0.012, 2e-3), (0.02, 5e-3), (0.025, 3e-3), (0.1, 1e-3)):
        with mp.workdps(40):
            step = sigma * mp.mpf(10) ** -13
            shift = (step, 0) if by == "mu" else (0, step)
            high, low = (
                1 / exact_interval(BRUNEL, mu + k * shift[0], sigma + k * shift[1]) for k in (1, -1)
            )
            exact = (high - low) / (2 * step)
            assert abs(DERIVATIVES[by](BRUNEL, mu, sigma) / exact - 1) < 1e-10
            wrong = exact_slope(BRUNEL, mu, sigma, by, reset=0)
            assert abs(wrong / exact - 1) > 1e-9


def test_derivatives_where_nnmt_has_none():
    """NNMT 1.3 returns NaN there (mu and sigma in mV)."""
    for mu, sigma in ((0, 0.5), (10, 0.3), (19, 0.1), (40, 0.1), (200, 1)):
        for derivative in DERIVATIVES.values():
            assert np.isfinite(derivative(BRUNEL, mu * 1e-3, sigma * 1e-3))


def test_derivatives_are_finite_for_any_noise():
    mu = np.concatenate([-np.geomspace(1, 1e-18, 30), [0.0], np.geomspace(1e-18, 1e3, 60), [0.02]])
    sigma = np.concatenate([[1e-200, 1e-100], np.geomspace(1e-15, 1.0, 60)])
    for neuron in NEURONS.values():
        for derivative in DERIVATIVES.values():
            slope = derivative(neuron, mu[:, None], sigma)
            assert np.isfinite(slope).all() and (slope >= 0).all()


def test_derivatives_without_noise():
    for neuron in (BRUNEL, CORTEX, VOLTS):
        rheobase = neuron.v_th - neuron.v_rest
        for mu in rheobase * np.array([1.01, 1.3, 20.0]):
            with mp.workdps(40):
                step = mu * mp.mpf(10) ** -15
                high, low = (1 / exact_interval(neuron, mu + k * step, 0) for k in (1, -1))
                exact = (high - low) / (2 * step)
                assert abs(siegert.rate_dmu(neuron, mu, 0.0) / exact - 1) < 1e-12
            assert siegert.rate_dsigma(neuron, mu, 0.0) == 0
        assert siegert.rate_dmu(neuron, 0.9 * rheobase, 0.0) == 0
        assert siegert.rate_dsigma(neuron, 0.9 * rheobase, 0.0) == 0
    assert siegert.rate_dmu(BRUNEL, BRUNEL.v_th, 0.0) == np.inf
    assert siegert.rate_dsigma(BRUNEL, BRUNEL.v_th, 0.0) == np.inf


# --- inverse ------------------------------------------------------------------------------------
@pytest.mark.parametrize("neuron", [BRUNEL, CORTEX, CHIP], ids=["brunel", "cortex", "chip"])
def test_the_drive_for_a_rate_gives_that_rate(neuron):
    """Within what the stated error of the drive and the rounding of mu and rate allow."""
    random = np.random.default_rng(2)
    ceiling = 1 / neuron.t_ref if neuron.t_ref else 1e3 / neuron.tau_m
    for _ in range(5):
        rate = float(ceiling * 10 ** random.uniform(-9, -0.01))
        sigma = float((neuron.v_th - neuron.v_rest) * 10 ** random.uniform(-8, 1))
        mu = siegert.mu_for_rate(neuron, rate, sigma)
        gap = neuron.v_th - neuron.v_rest - mu
        error = 1e-13 * max(abs(gap), sigma) + 2e-16 * abs(mu)
        with mp.workdps(40):
            exact = 1 / exact_interval(neuron, mu, sigma)
            allowed = exact_slope(neuron, mu, sigma, "mu") * error + 4e-16 * rate
            assert abs(exact - rate) <= allowed, (rate, sigma)


@pytest.mark.parametrize("rate", [1e-310, 1e-40, 1e-3, 20.0, 499.999])
def test_the_drive_without_noise_is_the_closed_form(rate):
    with mp.workdps(400):  # exp(1e40)
        passage = (1 / mp.mpf(rate) - BRUNEL.t_ref) / BRUNEL.tau_m
        exact = mp.mpf(BRUNEL.v_th)
        if passage < 1e4:
            exact += (mp.mpf(BRUNEL.v_th) - BRUNEL.v_reset) / mp.expm1(passage)
        assert abs(siegert.mu_for_rate(BRUNEL, rate, 0.0) / exact - 1) < 1e-15 / (1 - rate / 500)


def test_rare_spikes_have_a_drive():
    for rate in (1e-305, 1e-100, 1e-10):
        mu = siegert.mu_for_rate(BRUNEL, rate, [1e-5, 1e-3, 0.1])
        log_rate = siegert.log_rate(BRUNEL, mu, [1e-5, 1e-3, 0.1])
        assert log_rate == pytest.approx(np.log(rate), rel=1e-9)


def test_a_current_is_the_drive_over_the_resistance():
    neuron = LIF(20e-3, -50e-3, -65e-3, -70e-3, 2e-3, c_m=100e-12)  # 200 megohm
    # from rest, noiselessly: theory by hand, with the reset 5 mV above rest
    interval = 1 / 40.0 - 2e-3
    decay = np.exp(-interval / 20e-3)
    by_hand = (20e-3 - 5e-3 * decay) / (1 - decay) / 200e6
    assert siegert.current_for_rate(neuron, 40.0) == pytest.approx(by_hand, rel=1e-12)
    noisy = siegert.current_for_rate(neuron, [1.0, 40.0], sigma=3e-3)
    assert siegert.rate(neuron, 200e6 * noisy, 3e-3) == pytest.approx([1.0, 40.0], rel=1e-9)
    with pytest.raises(ValueError, match="c_m is needed"):
        siegert.current_for_rate(BRUNEL, 40.0)


@pytest.mark.parametrize("rate", [0.0, -1.0, 500.0, 1e9, np.nan, np.inf])
def test_rates_that_no_drive_gives(rate):
    with pytest.raises(ValueError, match="rate must be > 0 and < 1 / t_ref"):
        siegert.mu_for_rate(BRUNEL, [20.0, rate], 1e-3)


# --- shifts -------------------------------------------------------------------------------------
def test_the_time_step_raises_the_threshold_only():
    dt, sigma = 1e-4, 4e-3
    raised = BRUNEL.v_th + 0.5825971579390107 * sigma * np.sqrt(dt / BRUNEL.tau_m)
    equivalent = LIF(20e-3, float(raised), 10e-3, 0.0, 2e-3)
    for mu in (0.01, 0.019, 0.03):
        expected = siegert.rate(equivalent, mu, sigma)
        assert siegert.rate(BRUNEL, mu, sigma, dt=dt) == pytest.approx(expected, rel=1e-12)
        assert siegert.log_rate(BRUNEL, mu, sigma, dt=dt) == pytest.approx(np.log(expected))


@pytest.mark.parametrize("dt", [1e-4, 4e-4, 1e-3, 4e-3])
def test_the_time_step_is_right_to_one_percent_or_warns(dt):
    """Against the exact law of the simulator, over drives and noises."""
    bare = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3)
    warned = 0
    for mu, sigma in itertools.product((5e-3, 12e-3, 18e-3, 25e-3), (2e-3, 4e-3, 12e-3)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            shifted = siegert.rate(bare, mu, sigma, dt=dt)
        warned += bool(caught)
        if not caught:
            exact = discrete_time.solve(bare, mu, sigma, dt).rate
            assert abs(shifted / exact - 1) < 0.01
    assert warned < 12 if dt < 1e-3 else warned > 0


def test_the_time_step_matters_where_it_does_not_warn():
    """A shift that forgets its square root would not pass for 1 %."""
    exact = discrete_time.solve(BRUNEL, 12e-3, 4e-3, 1e-4).rate
    assert abs(siegert.rate(BRUNEL, 12e-3, 4e-3, dt=1e-4) / exact - 1) < 0.01
    wrong = LIF(20e-3, 20e-3 + 0.5826 * 4e-3 * 1e-4 / 20e-3, 10e-3, 0.0, 2e-3)
    assert abs(siegert.rate(wrong, 12e-3, 4e-3) / exact - 1) > 0.1


def test_the_warning_says_how_many_inputs():
    with pytest.warns(UserWarning, match=r"dt = 0.001 s may be off .* 1 % .* 1 of 2 inputs"):
        siegert.log_rate(BRUNEL, [12e-3, 40e-3], 4e-3, dt=1e-3)
    with pytest.warns(UserWarning, match="1 of 2 inputs"):  # reset within a step's noise
        siegert.rate(BRUNEL, -0.3, [0.1, 0.3], dt=1e-4)
    with pytest.warns(UserWarning, match=r"tau_s = 0.005 s may be off .* 5 % .* 2 of 2 inputs"):
        siegert.rate(BRUNEL, [12e-3, 19e-3], 4e-3, tau_s=5e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.nan, 1e-3), "mu must be finite, within .* V, not nan"),
        (([0.01, np.inf], 1e-3), "mu must be finite, within .* V, not inf"),
        ((0.01, -1e-3), "sigma must be 0 or .*, not -0.001"),
        ((0.01, np.nan), "sigma must be 0 or"),
        (([], 1e-3), "mu must not be empty"),
        (([0.01, 0.02], [1e-3] * 3), r"shapes must broadcast, not mu \(2,\), sigma \(3,\)"),
        ((0.01, 1e-3, 0.0), "dt must be > 0 s"),
        ((0.01, 1e-3, None, -1.0), "tau_s must be > 0 s, not -1.0"),
        ((0.01, 1e-3, 1e-4, 1e-4), "dt and tau_s must not both be given"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        siegert.rate(BRUNEL, *arguments)


@pytest.mark.parametrize("mu", ["10 mV", None, 1j, [[0.01], ["x"]]])
def test_what_is_no_number(mu):
    with pytest.raises(TypeError, match="mu must be a number or an array of numbers"):
        siegert.rate_dmu(BRUNEL, mu, 1e-3)
