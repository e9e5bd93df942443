"""QIF neurons against mpmath, closed forms, a naive solver and a simulated population."""

from math import inf, pi, sqrt

import mpmath as mp
import numpy as np
import pytest
from numba import njit

from rheobase.models.neuron import QIF
from rheobase.models.theory import quadratic

WHOLE = QIF(tau_m=10e-3, v_scale=4e-3, v_0=-50e-3)  # reset -infinity, peak +infinity
UNIT = QIF(tau_m=1.0, v_scale=1.0)


def with_bounds(low, high, t_ref=0.0):
    """Reset and peak at low and high in units of v_scale from v_0."""
    peak, reset = (WHOLE.v_0 + WHOLE.v_scale * x for x in (high, low))
    return QIF(WHOLE.tau_m, WHOLE.v_scale, WHOLE.v_0, v_peak=peak, v_reset=reset, t_ref=t_ref)


# --- one neuron ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("eta", "low", "high"),
    [
        (2.0, -inf, inf),
        (1e-6, -inf, inf),
        (2.0, -5.0, 100.0),
        (0.3, -inf, 10.0),
        (0.3, -1.0, inf),
        (0.3, 1.0, 3.0),
        (-2.0, 1.5, inf),
        (-2.0, 1.42, 30.0),
        (-2.0, -inf, -1.5),
        (-2.0, -9.0, -1.6),
        (0.0, 0.5, inf),
        (0.0, -3.0, -1.0),
    ],
)
def test_noiseless_rate_is_the_integral(eta, low, high):
    with mp.workdps(30):
        neuron = with_bounds(low, high, t_ref=1e-3)
        x_low, x_high = (
            (mp.mpf(v) - neuron.v_0) / neuron.v_scale for v in (neuron.v_reset, neuron.v_peak)
        )
        drive = mp.mpf(eta * neuron.v_scale) / neuron.v_scale
        points = [x_low, *[x for x in (-20, -1, 0, 1, 2, 20) if x_low < x < x_high], x_high]
        passage = (
            mp.quad(lambda x: 1 / (x * x + drive), points)
            if eta > 1e-3 or low > 0 or (high < 0)
            else mp.pi / mp.sqrt(drive)
        )
        exact = 1 / (mp.mpf(neuron.t_ref) + neuron.tau_m * passage)
    found = quadratic.fi_curve(neuron, eta * neuron.v_scale)
    assert float(abs(found / exact - 1)) < 1e-12


def test_noiseless_rate_is_zero_where_the_drift_has_a_fixed_point():
    mu = np.array([[-1.0, 0.0], [-1e-9, 0.0]])
    np.testing.assert_array_equal(quadratic.fi_curve(WHOLE, mu), np.zeros((2, 2)))
    assert quadratic.fi_curve(with_bounds(-0.5, 3.0), -1e-3) == 0  # below the unstable point
    assert quadratic.fi_curve(with_bounds(-3.0, 0.0), -1e-3) == 0  # the stable one in the way


POINTS = [
    (eta, s) for eta in (-3.0, -1.0, -0.1, 0.0, 0.3, 2.0, 30.0, 1e4) for s in (0.5, 3.0, 30.0)
]


def airy_passage(eta, s):
    """Mean passage from -infinity to +infinity (Sigeti & Horsthemke 1989; DLMF 9.11.4)."""
    unit = mp.cbrt(mp.mpf(s) ** 2 / 2)
    z = -mp.mpf(eta) / unit**2
    return mp.pi**2 * (mp.airyai(z) ** 2 + mp.airybi(z) ** 2) / unit


def test_white_noise_rate_is_the_closed_form():
    eta, s = np.array(POINTS).T
    found = quadratic.rate(WHOLE, eta * WHOLE.v_scale, s * WHOLE.v_scale)
    with mp.workdps(30):
        passages = [airy_passage(*point) for point in POINTS]
        errors = [float(r * WHOLE.tau_m * t - 1) for r, t in zip(found, passages, strict=True)]
    assert np.abs(errors).max() < 1e-10
    # the Stratonovich-like slip sigma**2 for sigma**2 / 2 would be seen
    wrong = 1 / (airy_passage(-1.0, 3.0 * sqrt(2)) * WHOLE.tau_m)
    right = quadratic.rate(WHOLE, -WHOLE.v_scale, 3 * WHOLE.v_scale)
    assert abs(float(wrong / right) - 1) > 0.1


@pytest.mark.parametrize(
    ("eta", "s", "low", "high"),
    [
        (-1.0, 1.0, -2.0, 5.0),
        (0.5, 0.7, -1.0, 4.0),
        (-1.0, 0.9, 1.3, 3.0),  # reset above the unstable point
        (-2.0, 0.8, -3.0, 0.5),  # peak below it
        (-4.0, 3.0, -8.0, -2.5),  # peak below the stable point
        (-2.0, 0.8, 1.7, 1.71),  # a short way
    ],
)
def test_white_noise_rate_with_finite_bounds_is_the_double_integral(eta, s, low, high):
    """The first passage as it is written: int dx exp(U(x)/D) int_{-oo}^x dy exp(-U(y)/D) / D."""
    neuron = with_bounds(low, high, t_ref=2e-3)
    d = s**2 / 2
    points, weights = np.polynomial.legendre.leggauss(16)

    def panels(start, stop, n):
        width = (stop - start) / n
        middles = start + width * (np.arange(n) + 0.5)
        x = (middles[:, None] + width / 2 * points).ravel()
        return x, np.tile(width / 2 * weights, n)

    x, wx = panels(low, high, 100)
    w, ww = panels(0.0, 16.0, 100)  # exp(-w**3 / 12 D) has vanished
    y = x[:, None] - w
    inner = np.exp((y**3 / 3 + eta * y - (x**3 / 3 + eta * x)[:, None]) / d) @ ww
    exact = 1 / (neuron.t_ref + neuron.tau_m * (inner @ wx) / d)
    found = quadratic.rate(neuron, eta * neuron.v_scale, s * neuron.v_scale)
    assert abs(found / exact - 1) < 1e-10


def test_weak_noise_is_the_noiseless_rate_above_and_kramers_below():
    mu = np.array([1.0, 30.0]) * WHOLE.v_scale
    weak = quadratic.rate(WHOLE, mu, 1e-9 * WHOLE.v_scale)
    np.testing.assert_allclose(weak, quadratic.fi_curve(WHOLE, mu), rtol=1e-12)
    np.testing.assert_array_equal(quadratic.rate(WHOLE, mu, 0), quadratic.fi_curve(WHOLE, mu))
    # Kramers: k / pi exp(-4 k**3 / 3 D), to first order in D / k**3
    k, s = 1.5, 0.12
    kramers = k / (pi * WHOLE.tau_m) * np.exp(-8 * k**3 / 3 / s**2)
    found = quadratic.rate(WHOLE, -(k**2) * WHOLE.v_scale, s * WHOLE.v_scale)
    assert found == pytest.approx(kramers, rel=s**2 / k**3)
    assert quadratic.rate(WHOLE, -1.0, 1e-6) == 0  # e^(-10**13)


@pytest.mark.parametrize(
    ("mu", "sigma", "message"),
    [
        (np.nan, 1e-3, "mu must be finite"),
        (0.0, inf, "sigma must be finite"),
        (0.0, -1e-3, "sigma must be 0 or >= 1e-100 V, not -0.001"),
        ([], 1e-3, "mu must not be empty"),
        ([0.0, 1.0], [1.0, 2.0, 3.0], r"shapes must broadcast, not mu \(2,\), sigma \(3,\)"),
    ],
)
def test_bad_input_is_named(mu, sigma, message):
    with pytest.raises(ValueError, match=message):
        quadratic.rate(WHOLE, mu, sigma)


# --- the population ------------------------------------------------------------------------------
MPR = {"mu": -5.0, "delta": 1.0, "coupling": 15.0}  # Montbrio, Pazo & Roxin 2015, Fig. 2


def mean_field(y, eta, delta, j):
    r, v = y
    return np.array([delta / pi + 2 * r * v, v * v + eta + j * r - (pi * r) ** 2])


def test_fixed_points_of_the_paper():
    found = quadratic.fixed_points(UNIT, **MPR)
    assert [p.kind for p in found] == ["node", "saddle", "focus"]
    assert [p.stable for p in found] == [True, False, True]
    rates = [0.08113444195011972, 0.4729803406846841, 1.0305967988375717]
    np.testing.assert_allclose([p.rate for p in found], rates, rtol=1e-13)
    (driven,) = quadratic.fixed_points(UNIT, MPR["mu"] + 3, MPR["delta"], MPR["coupling"])
    assert driven.rate == pytest.approx(1.3732440984817091, rel=1e-13)
    assert driven.kind == "focus"


CASES = [(-5, 1, 15), (-2, 1, 15), (-10, 0.5, 20), (3, 2, -10), (-4, 0.1, -3), (0, 1, 0),
         (-5, 1, 0), (-1e-4, 1e-6, 0.1), (-300, 1, 180), (1e4, 5, 30)]  # fmt: skip


@pytest.mark.parametrize(("eta", "delta", "j"), CASES)
def test_fixed_points_are_the_positive_roots_of_the_quartic(eta, delta, j):
    neuron = QIF(20e-3, 3e-3, v_0=-60e-3)
    found = quadratic.fixed_points(neuron, eta * 3e-3, delta * 3e-3, j * 3e-3)
    with mp.workdps(60):
        quartic = [-(mp.mpf(delta) ** 2), 0, -4 * mp.pi**2 * eta, -4 * mp.pi**2 * j, 4 * mp.pi**4]
        roots = mp.polyroots(quartic, maxsteps=500, extraprec=400, asc=True)
        exact = sorted(float(r.real) for r in roots if abs(mp.im(r)) < 1e-30 < mp.re(r))
    np.testing.assert_allclose([p.rate * neuron.tau_m for p in found], exact, rtol=1e-12)
    for point in found:
        y = np.array([point.rate * neuron.tau_m, (point.voltage - neuron.v_0) / neuron.v_scale])
        step = 1e-6 * np.abs(y)
        jacobian = np.array([(mean_field(y + e, eta, delta, j) - mean_field(y - e, eta, delta, j))
                             / (2 * e.sum()) for e in np.diag(step)]).T  # fmt: skip
        np.testing.assert_allclose(
            np.sort_complex(np.array(point.eigenvalues) * neuron.tau_m),
            np.sort_complex(np.linalg.eigvals(jacobian)),
            rtol=1e-5,
            atol=1e-5 * np.abs(jacobian).max(),
        )
        assert point.stable == (max(e.real for e in point.eigenvalues) < 0)


def test_uncoupled_rate_is_the_mean_of_the_neurons():
    """The Lorentzian mean of the noiseless f-I curve (Montbrio, Pazo & Roxin 2015, appendix)."""
    angle = (np.arange(400_000) + 0.5) / 400_000 * pi - pi / 2
    drives = -2.0 + 0.7 * np.tan(angle)
    (point,) = quadratic.fixed_points(UNIT, -2.0, 0.7, 0.0)
    # midpoints of an integrand with inverse-square-root ends: error ~ N**-1/2
    assert quadratic.fi_curve(UNIT, drives).mean() == pytest.approx(point.rate, rel=3e-3)
    exact = sqrt(-2 + sqrt(2**2 + 0.7**2)) / (sqrt(2) * pi)
    assert point.rate == pytest.approx(exact, rel=1e-12)


def test_bistable_between_the_saddle_nodes_and_nowhere_else():
    neuron = QIF(20e-3, 3e-3)
    low, high = quadratic.bistable_range(neuron, 3e-3, 45e-3)
    for mu, count in [(low - 1e-8, 1), (low + 1e-8, 3), (high - 1e-8, 3), (high + 1e-8, 1)]:
        assert len(quadratic.fixed_points(neuron, mu, 3e-3, 45e-3)) == count
    cusp = sqrt(27 / 1024) * (15 / pi) ** 2
    assert quadratic.bistable_range(UNIT, cusp * (1 + 1e-9), 15.0) is None
    assert quadratic.bistable_range(UNIT, cusp * (1 - 1e-9), 15.0) is not None
    assert quadratic.bistable_range(UNIT, 1.0, -15.0) is None


def test_evolve_uncoupled_is_the_closed_form():
    """W = pi r + i v obeys W' = i (q**2 - W**2), q**2 = eta - i Delta: a hyperbolic tangent."""
    neuron = QIF(20e-3, 3e-3, v_0=-60e-3)
    eta, delta, step = -1.0, 0.8, 4.0
    t = np.linspace(0, 0.2, 41)
    onset = 0.0512  # between two times of t

    def tanh_solution(w, eta, s):
        q = np.sqrt(eta - 1j * delta)
        return q * np.tanh(1j * q * s + np.arctanh(w / q))

    start = pi * 0.3 + 0.5j
    before = tanh_solution(start, eta, np.minimum(t, onset) / neuron.tau_m)
    at_onset = tanh_solution(start, eta, onset / neuron.tau_m)
    after = tanh_solution(at_onset, eta + step, np.maximum(t - onset, 0) / neuron.tau_m)
    exact = np.where(t < onset, before, after)
    rate, voltage = quadratic.evolve(
        neuron, eta * 3e-3, delta * 3e-3, 0.0, t, (0.3 / 20e-3, -60e-3 + 0.5 * 3e-3),
        lambda at: step * 3e-3 * (at >= onset),
    )  # fmt: skip
    np.testing.assert_allclose(rate * neuron.tau_m, exact.real / pi, rtol=1e-8)
    np.testing.assert_allclose((voltage - neuron.v_0) / 3e-3, exact.imag, rtol=1e-8, atol=1e-8)


def naive(y, t_stop, dt, drive):
    """The mean field of Fig. 2 by Runge-Kutta's fourth-order steps."""
    course = [y]
    for i in range(round(t_stop / dt)):
        a, b, c = drive(i * dt), drive((i + 0.5) * dt), drive((i + 1) * dt)
        k1 = mean_field(y, -5 + a, 1, 15)
        k2 = mean_field(y + dt / 2 * k1, -5 + b, 1, 15)
        k3 = mean_field(y + dt / 2 * k2, -5 + b, 1, 15)
        k4 = mean_field(y + dt * k3, -5 + c, 1, 15)
        y = y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        course.append(y)
    return np.array(course)


def test_evolve_with_coupling_and_a_smooth_drive_is_the_naive_solution():
    def drive(t):
        return 3 * np.sin(pi * t / 5) ** 2

    start = np.array([0.1, -1.0])
    coarse, fine = naive(start, 10, 4e-3, drive), naive(start, 10, 2e-3, drive)[::2]
    t = np.linspace(0, 10, 21)
    rate, voltage = quadratic.evolve(UNIT, **MPR, t=t, initial=tuple(start), drive=drive)
    found = np.stack([rate, voltage], axis=1)
    error = np.abs(coarse - fine).max()  # of the coarser: 16 times the finer one's
    assert error < 1e-5
    assert np.abs(found - fine[::125]).max() < error / 8 + 1e-8


def test_evolve_leaves_the_saddle_and_comes_to_rest_at_a_stable_point():
    low, saddle, high = quadratic.fixed_points(UNIT, **MPR)
    t = np.array([0.0, 40.0])
    for factor, goal in ((0.99, low), (1.01, high)):
        rate, voltage = quadratic.evolve(
            UNIT, **MPR, t=t, initial=(factor * saddle.rate, saddle.voltage)
        )
        assert rate[-1] == pytest.approx(goal.rate, rel=1e-4)
        assert voltage[-1] == pytest.approx(goal.voltage, rel=1e-4)


@njit(cache=True)
def simulate(drives, x, coupling, step_until, step, dt, steps):
    """Spikes per step of a population: each neuron's Riccati flow is exact, through infinity.

    The spikes of a step act at its end, half a step late on average: extrapolated by as much.
    """
    n = x.size
    before = 0
    counts = np.zeros(steps, np.int64)
    c, s_up, s_down = np.empty(n), np.empty(n), np.empty(n)
    for i in range(steps):
        if i == 0 or i == step_until:
            for j in range(n):
                a = drives[j] + (step if i < step_until else 0.0)
                w = sqrt(abs(a))
                c[j] = np.cos(w * dt) if a > 0 else np.cosh(w * dt)
                s = np.sin(w * dt) if a > 0 else np.sinh(w * dt)
                s_up[j] = w * s if a > 0 else -w * s
                s_down[j] = s / w
        count = 0
        for j in range(n):
            below = c[j] - x[j] * s_down[j]
            count += below <= 0  # it passed infinity
            x[j] = (x[j] * c[j] + s_up[j]) / below
        counts[i] = count
        kick = coupling * (1.5 * count - 0.5 * before) / n
        before = count
        for j in range(n):
            x[j] += kick
    return counts


def lorentzian(n):
    """Drives, one per n-th part of the density: where they fire, of the mean noiseless rate.

    A mere quantile of the outermost part leaves out ~ n**-1/2 of the population's rate.
    """
    points, weights = np.polynomial.legendre.leggauss(12)
    edges = np.sqrt(pi * np.arange(n // 2 + 1) / n)  # of u, drive = 1 / tan(u**2)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    u = middle[:, None] + half[:, None] * points
    roots = n / pi * half * (2 * u / np.sqrt(np.tan(u * u)) @ weights)
    return np.concatenate([-(roots**2), roots[::-1] ** 2])


def population(n, runs, t_step, t_stop, dt, bin_, seed):
    """Rates (runs, bins) of the step experiment: the low state, I = 3 until t_step, then I = 0."""
    rng = np.random.default_rng(seed)
    low = quadratic.fixed_points(UNIT, **MPR)[0]
    drives = -5 + lorentzian(n)
    effective = drives + 15 * low.rate
    rates = []
    for _ in range(runs):
        k = np.sqrt(np.abs(effective))
        x = np.where(effective > 0, k * np.tan(pi * (rng.random(n) - 0.5)), -k)
        counts = simulate(drives, x, 15.0, round(t_step / dt), 3.0, dt, round(t_stop / dt))
        rates.append(counts.reshape(-1, round(bin_ / dt)).sum(1) / (n * bin_))
    return np.array(rates)


def binned_mean_field(t_step, t_stop, bin_, coupling=15.0, per_bin=20):
    low = quadratic.fixed_points(UNIT, **MPR)[0]
    t = np.linspace(0, t_stop, round(t_stop / bin_) * per_bin + 1)
    rate, _ = quadratic.evolve(
        UNIT, -5.0, 1.0, coupling, t, (low.rate, low.voltage), lambda at: 3.0 * (at < t_step)
    )
    middles = (rate[1:] + rate[:-1]) / 2
    return middles.reshape(-1, per_bin).mean(1)


def test_a_simulated_population_follows_the_mean_field():
    """A step transient from one stable state to the other and back.

    Bins of 0.1 tau_m against the standard errors of 12 runs: z is Student's, of 11 degrees of
    freedom, of mean square 11 / 9 if what is left of finite size (N = 4000) is far below them.
    """
    rates = population(4000, 12, 4.0, 8.0, 1e-3, 0.1, seed=1)
    sem = rates.std(0, ddof=1) / sqrt(12)

    def z(coupling):
        return (rates.mean(0) - binned_mean_field(4.0, 8.0, 0.1, coupling)) / sem

    assert np.abs(z(15.0)).max() < 6
    assert np.mean(z(15.0) ** 2) < 2
    assert np.mean(z(15.0 * 1.01) ** 2) > 20  # a coupling that is 1 % off is told apart


@pytest.mark.parametrize(
    ("neuron", "change", "message"),
    [
        (UNIT, {"mu": inf}, r"mu must be finite, within \+-1e\+50, not inf"),
        (UNIT, {"delta": 0.0}, "delta must be >= 1e-50 V, not 0"),
        (UNIT, {"coupling": np.nan}, "coupling must be finite"),
        (QIF(1.0, 1.0, v_peak=100.0), {}, "the mean field holds for v_reset = -inf"),
        (QIF(1.0, 1.0, t_ref=0.1), {}, "the mean field holds for v_reset = -inf"),
    ],
)
def test_bad_populations_are_named(neuron, change, message):
    with pytest.raises(ValueError, match=message):
        quadratic.fixed_points(neuron, **(MPR | change))


@pytest.mark.parametrize(
    ("t", "initial", "drive", "message"),
    [
        ([0.0], (0.1, 0.0), None, "t must be one ascending series of 2 times or more"),
        ([0.0, 1.0, 1.0], (0.1, 0.0), None, "t must be one ascending series"),
        ([0.0, np.nan], (0.1, 0.0), None, "t must be finite"),
        ([0.0, 1.0], (-0.1, 0.0), None, "initial must be a rate >= 0 Hz and a voltage"),
        ([0.0, 1.0], (0.1, 0.0), lambda t: np.nan, "drive must be finite, not nan V at"),
    ],
)
def test_bad_transients_are_named(t, initial, drive, message):
    with pytest.raises(ValueError, match=message):
        quadratic.evolve(UNIT, **MPR, t=t, initial=initial, drive=drive)
