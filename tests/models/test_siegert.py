"""Siegert's formula against high-precision quadrature at exactly the doubles given."""

import itertools
from functools import lru_cache

import mpmath as mp
import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.theory import siegert

BRUNEL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
CORTEX = LIF(tau_m=10e-3, v_th=-50e-3, v_reset=-65e-3, v_rest=-65e-3, t_ref=2e-3)
LOW_RESET = LIF(tau_m=30e-3, v_th=-48e-3, v_reset=-80e-3, v_rest=-70e-3)

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
        if piece < total * mp.mpf(10) ** -25:
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
    return neuron.t_ref + tau * mp.sqrt(mp.pi) * backwards(psi, b, d, 16)


def exact_cv(neuron, mu, sigma):
    b, d = limits(neuron, mu, sigma)

    def chi(x):  # the inner integral, from x down
        return mp.exp(x * x) * backwards(
            lambda z: mp.exp(z * z) * mp.erfc(-z) ** 2, x, mp.mpf(9), 8
        )

    variance = 2 * mp.pi * backwards(chi, b, d, 8) * mp.mpf(neuron.tau_m) ** 2
    return mp.sqrt(variance) / exact_interval(neuron, mu, sigma)


def check(neuron, mu, sigma):
    with mp.workdps(65 if sigma < 1e-7 else 40):
        interval = exact_interval(neuron, mu, sigma)
        exact = -mp.log(interval)
        log_rate = siegert.log_rate(neuron, mu, sigma)
        assert abs(log_rate - exact) <= 1e-12 * max(1, abs(exact)), (mu, sigma)
        rate = siegert.rate(neuron, mu, sigma)
        if exact > -708:  # a normal double
            assert abs(rate * interval - 1) <= 1e-12, (mu, sigma, rate)
        else:
            assert rate <= np.finfo(float).tiny


@pytest.mark.parametrize("neuron", [BRUNEL, CORTEX, LOW_RESET], ids=["brunel", "cortex", "low"])
def test_rate_and_log_rate_against_high_precision(neuron):
    rheobase = float(mp.mpf(neuron.v_th) - mp.mpf(neuron.v_rest))
    grid = itertools.product(
        (*MU, rheobase, np.nextafter(rheobase, 1), np.nextafter(rheobase, 0)), SIGMA
    )
    for mu, sigma in list(grid)[::7]:
        check(neuron, mu, sigma)


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
    points = [(0.015, 5e-3), (0.025, 3e-3), (0.012, 2e-3), (1e3, 1e-3), (0.02, 1e-9)]
    points += [(-1.0, 1.0), (0.0201, 1e-7)]
    for mu, sigma in points:
        with mp.workdps(50):
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


def test_the_time_step_raises_the_threshold_only():
    dt, sigma = 1e-3, 4e-3
    raised = BRUNEL.v_th + 0.5825971579390107 * sigma * np.sqrt(dt / BRUNEL.tau_m)
    equivalent = LIF(20e-3, float(raised), 10e-3, 0.0, 2e-3)
    for mu in (0.01, 0.019, 0.03):
        expected = siegert.rate(equivalent, mu, sigma)
        assert siegert.rate(BRUNEL, mu, sigma, dt=dt) == pytest.approx(expected, rel=1e-12)
        assert siegert.log_rate(BRUNEL, mu, sigma, dt=dt) == pytest.approx(np.log(expected))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.nan, 1e-3), "mu must be finite"),
        (([0.01, np.inf], 1e-3), "mu must be finite"),
        ((0.01, -1e-3), "sigma must be 0 or"),
        ((0.01, np.nan), "sigma must be 0 or"),
        ((0.01, 1e-3, 0.0), "dt must be > 0 s"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        siegert.rate(BRUNEL, *arguments)
