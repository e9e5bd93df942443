"""Fokker-Planck against Siegert, its order of convergence, and its conservation laws."""

from dataclasses import replace
from math import exp, sqrt

import numpy as np
import pytest
from mpmath import mp
from scipy.integrate import solve_ivp
from scipy.special import dawsn

from rheobase.models.neuron import EIF, LIF, QIF, ConductanceLIF
from rheobase.models.theory import fokker_planck, scharfetter_gummel, siegert

TAU = 20e-3
NEURON = LIF(tau_m=TAU, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
CORTEX = LIF(tau_m=10e-3, v_th=-50e-3, v_reset=-65e-3, v_rest=-65e-3, t_ref=2e-3)
POINTS = [(15e-3, 5e-3), (25e-3, 3e-3), (12e-3, 2e-3), (19e-3, 2e-3), (0.1, 1e-3), (5e-3, 1e-3)]


@pytest.mark.parametrize(("mu", "sigma"), POINTS)
@pytest.mark.parametrize("neuron", [NEURON, CORTEX])
def test_rate_agrees_with_siegert_within_the_stated_error(neuron, mu, sigma):
    found = fokker_planck.stationary(neuron, mu, sigma)
    assert found.error < 1e-6
    assert abs(found.rate / siegert.rate(neuron, mu, sigma) - 1) < found.error


def test_another_neuron_is_told_apart():
    found = fokker_planck.stationary(LIF(20e-3, 20e-3, 10e-3, 1e-8, 2e-3), 15e-3, 5e-3)
    assert abs(found.rate / siegert.rate(NEURON, 15e-3, 5e-3) - 1) > 100 * found.error


def chain_rate(mu, sigma, n):
    """The rate of one grid, before extrapolation."""
    membrane = scharfetter_gummel.membrane(NEURON, mu, sigma, 9.0, None, None, -30e-3)
    grid = scharfetter_gummel.grid(membrane, 4 * n, n, sigma)
    density, flux = scharfetter_gummel.stationary(grid, mu / TAU, sigma**2 / (2 * TAU))
    return flux / (np.trapezoid(density, grid.v) + flux * NEURON.t_ref)


@pytest.mark.parametrize(("mu", "sigma"), [(15e-3, 5e-3), (25e-3, 3e-3), (19e-3, 2e-3)])
def test_the_scheme_is_of_fourth_order(mu, sigma):
    exact = siegert.rate(NEURON, mu, sigma)
    coarse, fine = (abs(chain_rate(mu, sigma, n) / exact - 1) for n in (50, 100))
    assert np.log2(coarse / fine) == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(("mu", "sigma"), [(15e-3, 5e-3), (12e-3, 2e-3), (25e-3, 3e-3)])
def test_density_is_the_closed_form(mu, sigma):
    """Brunel 2000, eq. 19, by Dawson's function: of second order at every point."""
    found = fokker_planck.stationary(NEURON, mu, sigma, n=8000)
    y = (found.v - mu) / sigma
    top, reset = (NEURON.v_th - mu) / sigma, (NEURON.v_reset - mu) / sigma
    low = np.maximum(y, reset)

    def scaled(u):  # exp(-y**2) int_0^u exp(x**2)
        return np.exp(u * u - y * y) * dawsn(u)

    exact = 2 * found.rate * NEURON.tau_m / sigma * (scaled(top) - scaled(low))
    assert np.max(np.abs(found.density - exact)) < 1e-4 * exact.max()


def test_probability_is_conserved_and_threshold_absorbs():
    for mu, sigma in POINTS:
        found = fokker_planck.stationary(NEURON, mu, sigma)
        mass = np.trapezoid(found.density, found.v)
        assert mass == pytest.approx(1 - found.rate * NEURON.t_ref, abs=1e-12)
        assert found.density[-1] == 0 and (found.density[:-1] >= 0).all()
        assert found.v[-1] == pytest.approx(NEURON.v_th, abs=1e-15)
        assert found.v.shape == found.density.shape


def test_far_below_threshold_the_density_is_gaussian():
    found = fokker_planck.stationary(NEURON, 0.0, 1e-3)
    gauss = np.exp(-((found.v / 1e-3) ** 2)) / (1e-3 * sqrt(np.pi))
    # y_th = 20: the rate is 1e-172 Hz
    assert found.rate == pytest.approx(siegert.rate(NEURON, 0.0, 1e-3), rel=1e-6)
    assert np.max(np.abs(found.density - gauss)) < 1e-4 * gauss.max()
    assert fokker_planck.stationary(NEURON, 0.0, 0.5e-3).rate == 0  # exp(-1600)


def passage_time(drift, diffusion, low, reset, top):
    """From reset to top: T'' D + T' A = -1 (Ito), with a reflecting lower end, as an initial value
    problem for -T' and its integral.
    """

    def right(v, y):
        return [(1 - drift(v) * y[0]) / diffusion(v), y[0]]

    def solve(start, stop, y):
        found = solve_ivp(right, (start, stop), y, method="LSODA", rtol=1e-12, atol=1e-30)
        return found.y[:, -1]

    return solve(reset, top, [solve(low, reset, [0.0, 0.0])[0], 0.0])[1]


EXPONENTIAL = EIF(
    tau_m=10e-3,
    v_th=-50e-3,
    delta_t=1.5e-3,
    v_reset=-60e-3,
    v_peak=-30e-3,
    v_rest=-65e-3,
    t_ref=1e-3,
)


@pytest.mark.parametrize(
    ("mu", "sigma"), [(12e-3, 4e-3), (25e-3, 2e-3), (5e-3, 2e-3), (40e-3, 3e-3)]
)
@pytest.mark.parametrize("v_peak", [-30e-3, -42e-3])
def test_an_exponential_neuron(mu, sigma, v_peak):
    neuron = replace(EXPONENTIAL, v_peak=v_peak)

    def drift(v):
        upstroke = neuron.delta_t * exp((v - neuron.v_th) / neuron.delta_t)
        return (neuron.v_rest - v + upstroke + mu) / neuron.tau_m

    low = min(neuron.v_reset, neuron.v_rest + mu) - 7 * sigma
    diffusion = sigma**2 / (2 * neuron.tau_m)
    passage = passage_time(drift, lambda v: diffusion, low, neuron.v_reset, v_peak)
    found = fokker_planck.stationary(neuron, mu, sigma)
    assert found.error < 3e-6
    assert abs(found.rate * (passage + neuron.t_ref) - 1) < found.error
    if mu > 10e-3:  # where it matters, the upstroke is told from a sharp threshold
        sharp = replace(neuron, delta_t=neuron.delta_t * 1.001)
        other = fokker_planck.stationary(sharp, mu, sigma)
        assert abs(other.rate / found.rate - 1) > 3 * found.error


def test_noise_that_depends_on_the_voltage():
    """Conductance synapses: an event of weight a draws V to e by a (e - V)."""
    neuron = ConductanceLIF(TAU, -50e-3, -60e-3, e_e=0.0, e_i=-75e-3, v_rest=-65e-3, t_ref=2e-3)
    synapses = [(2000.0, 0.02, 0.0), (1000.0, 0.05, -75e-3)]  # rate, a, e

    def drift(v):
        return (-65e-3 - v) / TAU + sum(rate * a * (e - v) for rate, a, e in synapses)

    def diffusion(v):
        return sum(rate * (a * (e - v)) ** 2 for rate, a, e in synapses) / 2

    passage = passage_time(drift, diffusion, -110e-3, -60e-3, -50e-3)
    options = dict(diffusion=diffusion, v_min=-110e-3)
    found = fokker_planck.stationary(neuron, 0.0, 0.0, drift=drift, **options)
    assert abs(found.rate * (passage + 2e-3) - 1) < found.error < 1e-9

    def stratonovich(v):
        return drift(v) - sum(rate * a * a * (e - v) for rate, a, e in synapses) / 2

    other = fokker_planck.stationary(neuron, 0.0, 0.0, drift=stratonovich, **options)
    assert abs(other.rate / found.rate - 1) > 1000 * found.error


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.1, 0.4999, 0.5, 3.0, 40.0, 699.0, 800.0])
def test_the_functions_of_an_interval(x):
    with mp.workdps(100):
        y = mp.mpf(x) + mp.mpf("1e-25")  # off their removable singularity
        exact = y / mp.expm1(y)
        curved = (2 * exact + y - 2) / y**2
    found = scharfetter_gummel.bernoulli(x)
    assert found[0] == pytest.approx(float(exact), rel=2e-15, abs=1e-300)
    assert found[1] == pytest.approx(float(curved), rel=1e-12)


def test_any_drift():
    found = fokker_planck.stationary(
        NEURON, 5e-3, 5e-3, drift=lambda v: (10e-3 - v) / NEURON.tau_m, v_min=-25e-3
    )
    assert abs(found.rate / siegert.rate(NEURON, 15e-3, 5e-3) - 1) < found.error
    # a constant drift: the interval of a perfect integrator does not depend on the noise
    found = fokker_planck.stationary(
        NEURON, 0.0, 2e-3, drift=lambda v: np.full_like(v, 2.0), v_min=-5e-3
    )
    assert found.rate == pytest.approx(1 / (2e-3 + 10e-3 / 2.0), rel=found.error)


def test_a_cubic_drift_by_the_textbook_double_integral():
    """1 / rate = t_ref + int_reset^th dv exp(-U) int_-oo^v dw exp(U) / D, U = int A / D."""
    sigma, scale, tau, mu, low = 6e-3, 20e-3, NEURON.tau_m, 8e-3, -0.03
    found = fokker_planck.stationary(
        NEURON, mu, sigma, drift=lambda v: -scale / tau * (v / scale) ** 3, v_min=low
    )
    diffusion = sigma**2 / (2 * tau)
    v = np.linspace(low, NEURON.v_th, 60_001)
    u = (mu / tau * v - scale**2 / (4 * tau) * (v / scale) ** 4) / diffusion
    step = v[1] - v[0]
    inner = np.append(0.0, np.cumsum(np.exp(u[1:]) + np.exp(u[:-1])) * step / 2)
    upper = v >= NEURON.v_reset - step / 4
    passage = np.trapezoid((inner * np.exp(-u))[upper], v[upper]) / diffusion
    assert found.rate == pytest.approx(1 / (NEURON.t_ref + passage), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(mu=np.nan, sigma=1e-3), "mu must be finite"),
        (dict(mu=0.02, sigma=0.0), "sigma must be finite and > 0"),
        (dict(mu=0.02, sigma=5e-3, n=50), "n must be"),
        (dict(mu=0.02, sigma=1e-6), "n must be"),
        (dict(mu=0.02, sigma=1e-3, n=200), "n must be"),
        (dict(mu=0.02, sigma=5e-3, drift=lambda v: -v), "v_min is needed"),
        (dict(mu=0.02, sigma=5e-3, v_min=0.01), "v_min must be < v_reset"),
        (dict(mu=0.02, sigma=5e-3, v_min=-np.inf), "v_min must be < v_reset"),
        (dict(mu=0.02, sigma=5e-3, diffusion=lambda v: v, v_min=-0.01), "diffusion must be > 0"),
        (dict(mu=0.02, sigma=-1e-3, diffusion=np.ones_like, v_min=-0.01), "sigma must be"),
        (dict(mu=0.02, sigma=5e-3, diffusion=lambda v: v), "v_min is needed"),
        (
            dict(mu=0.02, sigma=5e-3, drift=lambda v: v * np.nan, v_min=-0.01),
            "drift must be finite",
        ),
        (dict(mu=0.02, sigma=5e-3, drift=lambda v: v[1:], v_min=-0.01), "drift must return shape"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fokker_planck.stationary(NEURON, **arguments)


def test_a_neuron_without_an_end_is_refused():
    with pytest.raises(TypeError, match="neuron must be an LIF, EIF or ConductanceLIF"):
        fokker_planck.stationary(QIF(20e-3, 1e-3), 15e-3, 5e-3)


def test_the_mean_membrane_is_the_drive_less_the_resets():
    """Without refraction the mean of the membrane is v_rest + mu - rate tau (v_th - v_reset)."""
    bare = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3)
    found = fokker_planck.stationary(bare, 17e-3, 4e-3)
    mean = np.trapezoid(found.v * found.density, found.v)
    assert mean == pytest.approx(17e-3 - found.rate * 20e-3 * 10e-3, rel=1e-6)
