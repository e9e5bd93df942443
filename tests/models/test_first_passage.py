"""The law of the interval against parabolic cylinder functions and an integral equation."""

from math import pi

import mpmath as mp
import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.theory import first_passage, siegert
from rheobase.models.theory.first_passage import isi_density, isi_laplace

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
UNIT = LIF(tau_m=1.0, v_th=1.0, v_reset=0.0)  # b = (1 - mu) / sigma, d = 1 / sigma
POINTS = [(15e-3, 5e-3), (25e-3, 3e-3), (15e-3, 2.5e-3), (30e-3, 1e-5), (60e-3, 20e-3)]


def exact_log_laplace(p, a, d):
    """Siegert's transform by parabolic cylinder functions."""
    p, a = mp.mpc(p), mp.mpf(a)

    def u(x):
        return mp.exp(x * x / 2) * mp.pcfd(-p, -mp.sqrt(2) * x)

    return mp.log(u(a) / u(a + mp.mpf(d)))


def test_transform_against_parabolic_cylinder_functions():
    """In the right half plane and, off its poles, in the left one; logarithms modulo 2 pi i."""
    random = np.random.default_rng(1)
    for i in range(30):
        a, d = random.uniform(-8, 4), 10 ** random.uniform(-3, 1)
        size, angle = 10 ** random.uniform(-6, 3), random.uniform(-pi / 2, pi / 2)
        if i % 3 == 0:
            p = complex(size)
        elif i % 3 == 1:
            p = size * complex(np.cos(angle), np.sin(angle))
        else:
            p = complex(-(10 ** random.uniform(-1, 1.6)), 10 ** random.uniform(-0.5, 2))
        found = first_passage._log_transform(p, a, d, -np.inf)[0]
        with mp.workdps(60):
            exact = exact_log_laplace(p, a, d)
            turns = mp.nint((found.imag - exact.imag) / (2 * mp.pi))
            error = abs(found - exact - 2j * mp.pi * turns)
            assert error < 1e-12 * max(1, abs(exact)), (p, a, d)


def test_transform_in_physical_units():
    with mp.workdps(40):
        s = 300 + 700j
        exact = mp.exp(exact_log_laplace(s * 20e-3, -1, 2) - s * mp.mpf(2e-3))
        assert abs(isi_laplace(NEURON, 15e-3, 5e-3, s) - complex(exact)) < 1e-12
        without_t_ref = exact * mp.exp(s * mp.mpf(2e-3))
        assert abs(isi_laplace(NEURON, 15e-3, 5e-3, s) - complex(without_t_ref)) > 1e-5
    assert isi_laplace(NEURON, 15e-3, 5e-3, 0.0) == 1


@pytest.mark.parametrize(("mu", "sigma"), [*POINTS, (10e-3, 2.5e-3), (0.1, 1e-3)])
def test_moments_are_derivatives_of_the_transform(mu, sigma):
    """Taylor coefficients of L at 0 from its values on a circle (Cauchy), around the mean."""
    rate, cv = siegert.rate(NEURON, mu, sigma), siegert.cv(NEURON, mu, sigma)
    radius = 0.1 * rate / max(cv, 0.1)
    circle = radius * np.exp(2j * pi * (np.arange(32) + 0.5) / 32)
    values = isi_laplace(NEURON, mu, sigma, circle) * np.exp(circle / rate)
    first, second = ((values / circle**n).mean() for n in (1, 2))
    assert abs(first) * rate < 1e-11  # E[T - mean]
    assert 2 * second.real * rate**2 == pytest.approx(cv**2, rel=1e-8, abs=1e-12)


def law(mu, sigma):
    """Nodes, weights and density: Gauss-Legendre, in log time unless the law is narrow."""
    mean, cv = 1 / siegert.rate(NEURON, mu, sigma), siegert.cv(NEURON, mu, sigma)
    if cv < 0.05:
        edges = mean * (1 + cv * np.linspace(-8, 8, 11))
    else:
        edges = NEURON.t_ref + (mean - NEURON.t_ref) * np.exp(np.linspace(-16, np.log(60), 34))
    x, w = np.polynomial.legendre.leggauss(10)
    half = np.diff(edges)[:, None] / 2
    t = (edges[:-1, None] + half * (1 + x)).ravel()
    return t, (half * w).ravel(), isi_density(NEURON, mu, sigma, t)


@pytest.mark.parametrize(("mu", "sigma"), POINTS)
def test_density_has_the_mass_the_moments_and_the_transform(mu, sigma):
    t, weights, density = law(mu, sigma)
    rate, cv = siegert.rate(NEURON, mu, sigma), siegert.cv(NEURON, mu, sigma)
    assert (density >= 0).all()
    assert weights @ density == pytest.approx(1, abs=1e-9)
    assert weights @ (density * t) * rate == pytest.approx(1, abs=1e-9)
    second = weights @ (density * (t * rate - 1) ** 2)
    assert second == pytest.approx(cv**2, rel=1e-7)
    s = 0.7 * rate
    transform = weights @ (density * np.exp(-s * t))
    assert transform == pytest.approx(isi_laplace(NEURON, mu, sigma, s).real, abs=1e-9)


def volterra(a, b, stop, steps):
    """First passage density of dx = -x dt + dW by the integral equation of the second kind.

    Buonocore, Nobile & Ricciardi 1987: g(t) = 2 psi(a, t) - 2 int g(u) psi(b, t - u) du, where
    psi = d/dt P(x_t > b) + b/2 (density of x_t at b) has no singularity. Trapezoidal rule.
    """
    t = stop / steps * np.arange(1, steps + 1)
    sd = np.sqrt(-np.expm1(-2 * t) / 2)

    def psi(y):
        z = (y * np.exp(-t) - b) / sd
        dz = -y * np.exp(-t) / sd - z * np.exp(-2 * t) / (2 * sd**2)
        return np.exp(-z * z / 2) / np.sqrt(2 * pi) * (dz + b / (2 * sd))

    source, kernel = psi(a), psi(b)
    g = np.zeros(steps)
    for n in range(steps):
        g[n] = 2 * source[n] - 2 * stop / steps * (g[:n] @ kernel[:n][::-1])
    return t, g


@pytest.mark.parametrize(("mu", "sigma"), [(0.5, 0.5), (1.5, 0.6), (0.9, 1.0), (2.0, 0.3)])
def test_density_against_the_integral_equation(mu, sigma):
    a, b = -mu / sigma, (1 - mu) / sigma
    stop = 3 / siegert.rate(UNIT, mu, sigma)
    t, coarse = volterra(a, b, stop, 500)
    fine = volterra(a, b, stop, 1000)[1][1::2]
    # the kernel starts like sqrt(t): the rule is of order 3/2
    extrapolated = fine + (fine - coarse) / (2**1.5 - 1)
    error = np.max(np.abs(fine - coarse))
    t, extrapolated = t[::10], extrapolated[::10]
    density = isi_density(UNIT, mu, sigma, t)
    assert error < 1e-3 * density.max()
    assert np.max(np.abs(density - extrapolated)) < error
    other = isi_density(UNIT, 1.003 * mu, sigma, t)
    assert np.max(np.abs(other - extrapolated)) > error


@pytest.mark.parametrize("t", [0.02, 30.0])
def test_both_tails_to_many_digits(t):
    """Far below the peak, by an inversion in multiple precision (Talbot's contour)."""
    with mp.workdps(30):
        exact = mp.invertlaplace(lambda p: mp.exp(exact_log_laplace(p, 0, 1)), t, method="talbot")
    # mu = 0 and sigma = 1: a = 0, b = 1
    assert abs(isi_density(UNIT, 0.0, 1.0, t) / exact - 1) < 1e-10


def test_rare_spikes_are_exponential():
    rate = siegert.rate(NEURON, 5e-3, 2.5e-3)
    assert rate < 1e-10
    t = np.array([0.01, 1.0, 5.0]) / rate
    assert isi_density(NEURON, 5e-3, 2.5e-3, t) == pytest.approx(rate * np.exp(-rate * t), rel=1e-8)


def test_a_perfect_integrator_is_inverse_gaussian():
    """mu far above threshold (Tuckwell 1988); the leak is a correction of first order in v / mu."""
    mu, sigma = 1e4, 30.0
    t = (0.8 + 0.1 * np.arange(5)) / mu
    z = (1 - mu * t) / (sigma * np.sqrt(t))
    exact = np.exp(-z * z / 2) / (sigma * np.sqrt(2 * pi * t**3))
    assert isi_density(UNIT, mu, sigma, t) == pytest.approx(exact, rel=3e-2)


def test_nothing_happens_while_refractory():
    density = isi_density(NEURON, 25e-3, 3e-3, [-1.0, 0.0, 1e-3, 2e-3, 2.5e-3, 5e-3])
    assert (density[:4] == 0).all() and (density[4:] > 0).all()


def test_extremes_are_finite():
    random = np.random.default_rng(0)
    mu = np.concatenate([random.uniform(-1, 1, 20), 10 ** random.uniform(-3, 3, 20)])
    sigma = np.abs(mu) * 10 ** random.uniform(-6, 1, 40)
    t = 10 ** random.uniform(-5, 2, 40)
    density = isi_density(NEURON, mu, sigma, t)
    assert np.isfinite(density).all() and (density >= 0).all()
    s = 10 ** random.uniform(-6, 9, 40) * np.exp(1j * random.uniform(-1.57, 1.57, 40))
    transform = isi_laplace(NEURON, mu, sigma * 1e-9, s)
    assert np.isfinite(transform).all() and (np.abs(transform) <= 1 + 1e-9).all()


def test_arrays_broadcast_and_scalars_come_back_as_scalars():
    table = isi_density(NEURON, [[15e-3], [25e-3]], 3e-3, [5e-3, 10e-3, 20e-3])
    assert table.shape == (2, 3)
    assert table[1, 1] == isi_density(NEURON, 25e-3, 3e-3, 10e-3)
    assert np.ndim(isi_laplace(NEURON, 25e-3, 3e-3, 1j)) == 0
    assert isi_laplace(NEURON, 25e-3, 3e-3, [[1.0], [2j]]).shape == (2, 1)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (isi_density, (0.01, 0.0, 0.01), "sigma must be > 0 V, not 0.0"),
        (isi_density, (0.03, 1e-13, 0.01), "sigma must be enough for a CV of 1e-09"),
        (isi_density, (0.01, 1e-3, np.nan), "t must be finite, not nan"),
        (isi_density, (np.inf, 1e-3, 0.01), "mu must be finite"),
        (isi_density, (0.01, 1e-3, []), "t must not be empty"),
        (isi_laplace, (0.01, -1e-3, 1.0), "sigma must be"),
        (isi_laplace, (0.01, 0.0, 1.0), "sigma must be > 0 V"),
        (isi_laplace, (0.01, 1e-3, complex(0, np.inf)), "s must be finite"),
        (isi_laplace, ([0.01, 0.02], 1e-3, [1, 2, 3]), "shapes must broadcast"),
    ],
)
def test_what_is_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(NEURON, *arguments)


def test_a_time_is_real():
    with pytest.raises(TypeError, match="t must be a number"):
        isi_density(NEURON, 0.01, 1e-3, 1j)
