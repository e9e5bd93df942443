"""Fokker-Planck against Siegert, its order of convergence, and its conservation laws."""

from math import sqrt

import numpy as np
import pytest
from scipy.special import dawsn

from rheobase.models.neuron import LIF
from rheobase.models.theory import fokker_planck, siegert

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
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


def plain_rate(mu, sigma, n):
    """The rate of one grid, before extrapolation, from the stated density."""
    found = fokker_planck.stationary(NEURON, mu, sigma, n=n)
    h = found.v[1] - found.v[0]
    # the last interval carries the rate: J = D / h B(-x) p
    diffusion = sigma**2 / (2 * NEURON.tau_m)
    x = (mu - (found.v[-1] - h / 2)) / NEURON.tau_m * h / diffusion
    flux = diffusion / h * -x / np.expm1(-x) * found.density[-2]
    return flux / (1 - found.rate * NEURON.t_ref + flux * NEURON.t_ref), h


@pytest.mark.parametrize(("mu", "sigma"), [(15e-3, 5e-3), (25e-3, 3e-3), (19e-3, 2e-3)])
def test_the_scheme_is_of_second_order(mu, sigma):
    exact = siegert.rate(NEURON, mu, sigma)
    (coarse, wide), (fine, narrow) = plain_rate(mu, sigma, 1000), plain_rate(mu, sigma, 4000)
    order = np.log(abs(coarse / exact - 1) / abs(fine / exact - 1)) / np.log(wide / narrow)
    assert order == pytest.approx(2, abs=0.05)


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
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fokker_planck.stationary(NEURON, **arguments)


def test_the_mean_membrane_is_the_drive_less_the_resets():
    """Without refraction the mean of the membrane is v_rest + mu - rate tau (v_th - v_reset)."""
    bare = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3)
    found = fokker_planck.stationary(bare, 17e-3, 4e-3)
    mean = np.trapezoid(found.v * found.density, found.v)
    assert mean == pytest.approx(17e-3 - found.rate * 20e-3 * 10e-3, rel=1e-6)
