"""The Fokker-Planck equation in time, against three methods that share nothing with it.

A perfect integrator's renewals in closed form; the Volterra equation of Buonocore, Nobile &
Ricciardi (1987) for steps of an LIF neuron; and Monte Carlo with Brownian bridges. Other neurons
and inputs that vary all the time are in test_evolve_any_neuron.py.
"""

from functools import cache
from itertools import pairwise
from math import exp, floor, sqrt

import numpy as np
import pytest
from numba import njit
from numpy.polynomial.legendre import leggauss
from scipy.interpolate import CubicSpline
from scipy.special import dawsn, erfcx, ndtr
from scipy.stats import chi2

from rheobase.models.neuron import EIF, LIF, QIF
from rheobase.models.theory import evolve, fokker_planck, siegert

TAU, TOP, RESET, T_REF = 20e-3, 20e-3, 10e-3, 2e-3
NEURON = LIF(tau_m=TAU, v_th=TOP, v_reset=RESET, t_ref=T_REF)
BIN, BINS = 0.5e-3, 60
STEPS = {
    "mu up": ((15e-3, 5e-3), (20e-3, 5e-3)),
    "mu down": ((20e-3, 5e-3), (15e-3, 5e-3)),
    "sigma up": ((15e-3, 4e-3), (15e-3, 6e-3)),
    "sigma down": ((15e-3, 6e-3), (15e-3, 4e-3)),
}


def total(found):
    return np.trapezoid(found.density, found.v) + found.refractory[-1]


def after_step(neuron, step, **options):
    (mu0, sigma0), (mu, sigma) = step
    start = (mu0, sigma0)
    return fokker_planck.evolve(neuron, mu, sigma, BINS * BIN, BIN, start=start, **options)


# ------------------------------------------------------ a perfect integrator, in closed form


def integrator_rate(edges, distance, speed, diffusion, t_ref):
    """Mean renewal density in bins: the k-th spike's time is inverse Gaussian, plus k - 1 t_ref."""
    count = np.zeros(edges.size)
    for k in range(1, 60):
        t = np.maximum(edges - (k - 1) * t_ref, 1e-12)
        width = np.sqrt(2 * diffusion * t)
        a, b = (speed * t - k * distance) / width, (speed * t + k * distance) / width
        count += ndtr(a) + np.exp(-a * a / 2) * erfcx(b / sqrt(2)) / 2
    return np.diff(count) / np.diff(edges)


def integrator(t_ref, dt, sigma=4e-3, **options):
    neuron = LIF(TAU, TOP, RESET, t_ref=t_ref)
    found = fokker_planck.evolve(
        *(neuron, 0.0, sigma, 40e-3, dt),
        **dict(start="reset", drift=lambda v: np.ones(v.size), v_min=-20e-3) | options,
    )
    return found, integrator_rate(found.t, TOP - RESET, 1.0, sigma**2 / (2 * TAU), t_ref)


REFRACTORY = [
    0.0,
    0.03e-3,
    0.1e-3,
    2e-3,
    2.03e-3,
    1.0,
]  # below, at, no multiple of, beyond the steps


@pytest.mark.parametrize("t_ref", REFRACTORY)
def test_renewals_of_a_perfect_integrator(t_ref):
    found, exact = integrator(t_ref, BIN, tolerance=1e-3)
    scale = np.maximum(exact, 1e-3 * exact.max())
    assert (np.abs(found.rate - exact) <= found.error + 1e-6 * scale).all()
    assert (found.error <= 1e-3 * scale).all()
    assert total(found) == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize(("t_ref", "steps"), [(0.0, 0), (0.1e-3, 1), (2e-3, 20), (1.0, 400)])
def test_refractory_are_those_that_fired_within_the_refractory_time(t_ref, steps):
    found, _ = integrator(t_ref, 0.1e-3)
    fired = 0.1e-3 * np.append(np.zeros(steps + 1), np.cumsum(found.rate))
    within = fired[steps + 1 :] - fired[1 : found.rate.size + 1]
    assert found.refractory == pytest.approx(within, abs=1e-12)


@pytest.mark.parametrize(("t_ref", "wrong"), [(2e-3, 2.05e-3), (0.0, 0.03e-3), (2.03e-3, 2e-3)])
def test_a_wrong_refractory_time_is_told_apart(t_ref, wrong):
    found, _ = integrator(t_ref, BIN, tolerance=1e-3)
    _, exact = integrator(wrong, BIN, n=400)
    assert np.max(np.abs(found.rate - exact) / exact.max()) > 3 * np.max(found.error) / exact.max()


@pytest.mark.parametrize("t_ref", [0.0, 0.03e-3, 2.03e-3])
def test_second_order_in_space_and_time(t_ref):
    errors = []
    for n, dt in ((400, 0.2e-3), (800, 0.1e-3), (1600, 0.05e-3)):
        found, exact = integrator(t_ref, dt, n=n)
        errors.append(np.sqrt(np.mean((found.rate - exact) ** 2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders == pytest.approx(2, abs=0.1)


# ------------------------------------------------------ steps of an LIF: a Volterra equation


def stationary_density(mu, sigma, rate, v):
    """Brunel 2000, eq. 19, for v_rest = 0."""
    y = (v - mu) / sigma
    low, top = np.maximum(y, (RESET - mu) / sigma), (TOP - mu) / sigma

    def scaled(u):  # exp(-y**2) int_0^u exp(x**2)
        return np.exp(u * u - y * y) * dawsn(u)

    return 2 * rate * TAU / sigma * (scaled(top) - scaled(low))


@cache
def volterra(step):
    """Extrapolated, with its error: for a root-like kernel the trapezoidal rule is of order 3/2."""
    coarse, fine = volterra_rate(step, 500), volterra_rate(step, 1000)
    rate = fine + (fine - coarse) / (2**1.5 - 1)
    return rate, np.abs(rate - fine)


def volterra_rate(step, points):
    """Mean rate in bins after a step at time 0, out of the stationary state.

    The flux F and density f of the free membrane at threshold obey ``F + k f = g / 2 + int g (F +
    k f)`` for any k; with ``k = (v_th - mu) / (2 tau)`` the kernel vanishes where it was singular.
    The rate g has a square root at 0: it is smooth in sqrt(t).
    """
    (mu0, sigma0), (mu, sigma) = step
    before = float(siegert.rate(NEURON, mu0, sigma0))
    diffusion = sigma**2 / (2 * TAU)
    nodes, weights = leggauss(60)

    def kernel(lag, y):
        decay = np.exp(-lag / TAU)
        variance = -diffusion * TAU * np.expm1(-2 * lag / TAU)
        gap = TOP - mu - (y - mu) * decay
        density = np.exp(-gap * gap / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        return density * (diffusion * gap / variance - (TOP - mu) / (2 * TAU))

    def from_start(t):
        decay, spread = exp(-t / TAU), sqrt(-2 * diffusion * TAU * np.expm1(-2 * t / TAU))
        corners = [(TOP - mu - (y - mu) * decay) / spread for y in (TOP, RESET, -60e-3)]
        value = 0.0
        for low, corner in pairwise(corners):
            high = min(corner, 9.0)
            if low < high:
                z = (low + high) / 2 + (high - low) / 2 * nodes
                y = mu + (TOP - spread * z - mu) / decay
                density = stationary_density(mu0, sigma0, before, y)
                flux = 2 * diffusion * z / spread - (TOP - mu) / (2 * TAU)
                inner = density * np.exp(-z * z) * flux / (sqrt(np.pi) * decay)
                value += (high - low) / 2 * (weights * inner).sum()
        return value

    u = np.linspace(0, 1, points + 1)
    t = BINS * BIN * u * u
    g = np.empty(points + 1)
    g[0] = before * (sigma / sigma0) ** 2  # the slope at threshold is as before
    for j in range(1, points + 1):
        value = from_start(t[j])
        lag = t[j] - min(T_REF, t[j]) * (nodes + 1) / 2  # those refractory at time 0
        value += min(T_REF, t[j]) / 2 * (weights * before * kernel(lag, RESET)).sum()
        back = t[t < t[j] - T_REF]
        inner = np.append(g[: back.size] * kernel(t[j] - T_REF - back, RESET), 0.0)
        value += np.trapezoid(inner, np.append(back, t[j] - T_REF))
        again = np.append(g[:j] * kernel(t[j] - t[:j], TOP), 0.0)
        g[j] = 2 * (value - np.trapezoid(again, t[: j + 1]))
    integral = CubicSpline(u, g * 2 * BINS * BIN * u).antiderivative()
    return np.diff(integral(np.sqrt(np.arange(BINS + 1) / BINS))) / BIN


@pytest.mark.parametrize("name", STEPS)
def test_response_to_a_step(name):
    found, (exact, doubt) = after_step(NEURON, STEPS[name], tolerance=1e-4), volterra(STEPS[name])
    assert (doubt < 2e-5 * exact).all()
    assert (np.abs(found.rate - exact) <= found.error + doubt).all()
    assert np.max(np.abs(found.rate / exact - 1)) < 1e-4
    assert total(found) == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize(
    "wrong",
    [
        LIF(TAU, TOP, RESET, t_ref=2.02e-3),
        LIF(TAU, TOP, 10.02e-3, t_ref=T_REF),
        LIF(TAU, 20.01e-3, RESET, t_ref=T_REF),
        LIF(20.1e-3, TOP, RESET, t_ref=T_REF),
        LIF(TAU, TOP, RESET, v_rest=5e-6, t_ref=T_REF),
    ],
)
def test_another_neuron_is_told_apart(wrong):
    found, (exact, doubt) = (
        after_step(wrong, STEPS["mu up"], tolerance=1e-4),
        volterra(STEPS["mu up"]),
    )
    assert (np.abs(found.rate - exact) > 3 * (found.error + doubt)).any()


def test_a_step_costs_no_order():
    """Bins after a step in the middle of the run, against the Volterra equation."""
    (mu0, sigma0), (mu, sigma) = STEPS["sigma up"]
    exact, _ = volterra(STEPS["sigma up"])
    errors = []
    for n, parts in ((500, 4), (1000, 8), (2000, 16)):
        late = np.arange(2 * BINS * parts) >= BINS * parts
        inputs = np.where(late, mu, mu0), np.where(late, sigma, sigma0)
        found = fokker_planck.evolve(NEURON, *inputs, 2 * BINS * BIN, BIN / parts, n=n)
        rate = found.rate.reshape(2 * BINS, parts).mean(1)[BINS:]
        errors.append(np.max(np.abs(rate / exact - 1)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.2)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.2)


# ------------------------------------------------------ Monte Carlo


@njit(cache=True)
def monte_carlo(v, free_from, mu, sigma, t_stop, dt, width, seed):
    """Spikes in bins: exact Ornstein-Uhlenbeck steps, and a crossing within one by its bridge."""
    np.random.seed(seed)
    counts = np.zeros(round(t_stop / width))
    for neuron in range(v.size):
        t, here = free_from[neuron], v[neuron]
        while t < t_stop:
            lag = dt * (floor(t / dt + 1e-9) + 1) - t
            decay = exp(-lag / TAU)
            after = mu + (here - mu) * decay
            after += sigma * sqrt((1 - decay * decay) / 2) * np.random.normal()
            gap = 2 * TAU * (TOP - here) * (TOP - after) / (sigma * sigma * lag)
            if after >= TOP or (gap < 30 and np.random.random() < exp(-gap)):
                at = t + lag * np.random.random()
                if at < t_stop:
                    counts[int(at / width)] += 1
                here, t = RESET, at + T_REF
            else:
                here, t = after, t + lag
    return counts


@pytest.mark.parametrize("name", ["mu up", "sigma down"])
def test_response_to_a_step_by_monte_carlo(name):
    (mu0, sigma0), (mu, sigma) = STEPS[name]
    neurons, random = 20_000, np.random.default_rng(1)
    rate = float(siegert.rate(NEURON, mu0, sigma0))
    v = np.linspace(-25e-3, TOP, 4001)
    density = stationary_density(mu0, sigma0, rate, v)
    cumulative = np.append(0.0, np.cumsum(density[1:] + density[:-1]))
    refractory = random.random(neurons) < rate * T_REF
    start = np.interp(random.random(neurons) * cumulative[-1], cumulative, v)
    free_from = np.where(refractory, T_REF * random.random(neurons), 0.0)
    counts = monte_carlo(
        np.where(refractory, RESET, start), free_from, mu, sigma, BINS * BIN, 0.1e-3, BIN, 2
    )
    found = after_step(NEURON, STEPS[name], tolerance=1e-4)
    # a neuron fires at most once within five bins or so: a bin's variance is at most Poisson's
    wanted = found.rate * neurons * BIN
    statistic = ((counts - wanted) ** 2 / wanted).sum()
    assert chi2.sf(statistic, BINS) > 1e-4
    other = after_step(NEURON, ((mu0, sigma0), (mu + 1e-3, sigma)), tolerance=1e-4)
    wanted = other.rate * neurons * BIN
    assert chi2.sf(((counts - wanted) ** 2 / wanted).sum(), BINS) < 1e-4


# ------------------------------------------------------ the start, and what is refused


def bump(v):
    return np.exp(-(((v - 6e-3) / 2e-3) ** 2)) / (2e-3 * sqrt(np.pi))


def test_a_stationary_start_stays():
    exponential = EIF(TAU, v_th=15e-3, delta_t=1.5e-3, v_reset=8e-3, v_peak=25e-3, t_ref=T_REF)
    for neuron in (NEURON, exponential):
        found = fokker_planck.evolve(neuron, 16e-3, 4e-3, 20e-3, 0.1e-3)
        assert found.rate == pytest.approx(found.rate[0], rel=1e-12)
        assert found.refractory == pytest.approx(found.rate[0] * T_REF, rel=1e-12)
        wanted = fokker_planck.stationary(neuron, 16e-3, 4e-3)
        assert found.rate[0] == pytest.approx(wanted.rate, rel=2e-3)
        assert found.t.shape == (201,) and found.v.shape == found.density.shape
        assert found.v[-1] == wanted.v[-1] and found.error is None


def test_any_start_ends_stationary():
    wanted = fokker_planck.stationary(NEURON, 16e-3, 4e-3)
    for start in ("reset", bump, (10e-3, 3e-3)):
        found = fokker_planck.evolve(
            *(NEURON, 16e-3, 4e-3, 0.4, 10e-3), start=start, tolerance=1e-5
        )
        assert found.rate[-1] == pytest.approx(wanted.rate, rel=1e-6)
        density = np.interp(found.v, wanted.v, wanted.density)
        assert np.max(np.abs(found.density - density)) < 1e-4 * density.max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(mu=np.nan), "mu must be finite"),
        (dict(sigma=[1e-3, np.inf] * 5), "sigma must be finite"),
        (dict(sigma=0.0), "sigma must be > 0"),
        (dict(sigma=-1e-3), "sigma must be > 0"),
        (dict(mu=np.zeros(9)), r"mu must be a number or have shape \(10,\), not \(9,\)"),
        (dict(sigma=np.ones((10, 1))), "sigma must be a number or have shape"),
        (dict(mu=[]), "mu must be a number or have shape"),
        (dict(dt=0.0), "dt and t_stop must be finite and > 0"),
        (dict(t_stop=np.inf), "dt and t_stop must be finite and > 0"),
        (dict(t_stop=1.05e-3), "t_stop must be a multiple of dt"),
        (dict(t_stop=0.4e-4), "t_stop must be a multiple of dt"),
        (dict(sigma=0.2e-3), "n must be .* for sigma = 0.0002 V, not 500"),
        (dict(n=20), "n must be 50"),
        (dict(n=10**6), "n must be"),
        (dict(tolerance=0.0), "tolerance must be > 0"),
        (dict(start="rest"), "start must be"),
        (dict(start=(0.01, np.nan)), "start must be a finite"),
        (dict(start=(0.01, 0.0)), "sigma must be > 0"),
        (dict(start=(0.01,)), "start must be a finite"),
        (dict(start=lambda v: 0.9 * bump(v)), "integrate to 1"),
        (dict(start=lambda v: bump(v) - 1e-3), "start must be >= 0"),
        (dict(start=lambda v: np.ones(3)), "start must return shape"),
        (dict(v_min=10e-3), "v_min must be < v_reset"),
        (dict(drift=lambda v: -v), "v_min is needed"),
        (dict(drift=lambda v: np.log(v), v_min=-0.01), "drift must be finite, not nan at -0.0"),
        (dict(drift=lambda v: v[1:], v_min=-0.01), "drift must return shape"),
        (dict(diffusion=lambda v: v, v_min=-0.01), "diffusion must be > 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in log:RuntimeWarning")
def test_what_is_refused(arguments, message):
    wanted = dict(mu=15e-3, sigma=5e-3, t_stop=1e-3, dt=1e-4) | arguments
    with pytest.raises(ValueError, match=message):
        fokker_planck.evolve(NEURON, **wanted)


def test_a_step_too_long_is_told():
    close = LIF(TAU, TOP, 19.9e-3, t_ref=T_REF)
    with pytest.warns(UserWarning, match="dt = 0.001 s is too long"):
        found = fokker_planck.evolve(close, 15e-3, 5e-3, 10e-3, 1e-3, start="reset")
    assert found.rate.min() < 0
    found = fokker_planck.evolve(close, 15e-3, 5e-3, 10e-3, 1e-3, start="reset", tolerance=1e-3)
    assert found.rate.min() > 0


def test_a_tolerance_out_of_reach_is_refused(monkeypatch):
    monkeypatch.setattr(evolve, "_LARGEST_WORK", 1e6)
    with pytest.raises(ValueError, match=r"tolerance must be larger, not 1e-09: .* substeps"):
        integrator(2e-3, BIN, tolerance=1e-9)


def test_a_neuron_without_an_end_is_refused():
    with pytest.raises(TypeError, match="neuron must be an LIF, EIF or ConductanceLIF"):
        fokker_planck.evolve(QIF(20e-3, 1e-3), 15e-3, 5e-3, 1e-3, 1e-4)
