"""Oscillations: a rate equation with a delay, solved by Lambert's function; the network's density
in time; published frequencies."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy.linalg import solve_banded
from scipy.special import lambertw

from rheobase.models.neuron import LIF
from rheobase.models.theory import stability as stability_module
from rheobase.models.theory.mean_field import FixedPoint, Network, Poisson, fixed_points
from rheobase.models.theory.stability import loop_gain, onset, stability
from rheobase.models.theory.states import brunel_network

CELL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)


def inhibitory(delay, weight=-0.1e-3):
    """One population of Brunel & Hakim's (1999) kind; 27 mV come from outside."""
    return Network((CELL,), 1000, weight, delay, -73e-3, Poisson(20e3, 1, 0.25e-3))


def with_gain(network, matrix):
    """The network and a fixed point at which ``a`` is the matrix; so noisy that b does nothing."""
    network = replace(network, weights=np.array(matrix) / (network.in_degrees * CELL.tau_m))
    n = len(network.neurons)
    return network, FixedPoint(np.ones(n), np.zeros(n), np.full(n, 1e3), np.eye(n), np.zeros(n))


# ------------------------------------------------------------------ the loop gain


@pytest.mark.parametrize("network", [brunel_network(5, 2), brunel_network(3, 2), inhibitory(2e-3)])
def test_loop_gain_at_frequency_zero_is_the_slope(network):
    (point,) = fixed_points(network)
    gain = loop_gain(network, point, 0.0)
    assert gain.real == pytest.approx(point.slopes, rel=1e-7)
    assert np.abs(gain.imag).max() == 0


def test_delays_turn_the_phase():
    network = brunel_network(5, 2)
    (point,) = fixed_points(network)
    delays = np.array([[1e-3, 2e-3], [0.0, 5e-4]])
    frequency = np.array([[30.0, 200.0]])
    turned = loop_gain(replace(network, delays=delays), point, frequency)
    straight = loop_gain(replace(network, delays=0.0), point, frequency)
    assert turned.shape == (1, 2, 2, 2)
    angle = -2 * np.pi * frequency[..., None, None] * delays
    assert turned / straight == pytest.approx(np.cos(angle) + 1j * np.sin(angle), rel=1e-12)


def test_at_high_frequency_the_variance_is_answered_at_once():
    """The density does not follow; the flux over the threshold goes with sigma**2."""
    network = inhibitory(0.0)
    (point,) = fixed_points(network)
    limit = point.rates[0] * network.equations.b[0, 0] / point.sigma[0] ** 2
    gain = [loop_gain(network, point, f)[0, 0] for f in (1e3, 4e3, 16e3)]
    error = [abs(g - limit) for g in gain]
    assert error[0] / error[1] == pytest.approx(2, rel=0.05)  # f**(-1/2), from there
    assert error[1] / error[2] == pytest.approx(2, rel=0.02)
    wrong = [abs(g - 2 * limit) for g in gain]  # were it sigma**4
    assert wrong[1] / wrong[2] < 1.7


# ------------------------------------------------------------------ a solvable loop


def low_pass(monkeypatch, tau=10e-3):
    """Populations that answer as tau dr/dt = -r + mu / volt, whatever their noise."""
    monkeypatch.setattr(
        stability_module, "susceptibility", lambda n, m, s, f: 1 / (1 + 2j * np.pi * f * tau)
    )
    monkeypatch.setattr(
        stability_module, "noise_susceptibility", lambda n, m, s, f: 0 * np.asarray(f, complex)
    )
    return tau


def growing(gain, delay, tau):
    """tau s = -1 + G exp(-s D), so s = -1 / tau + W_k(G D / tau exp(D / tau)) / D."""
    k = np.arange(-400, 401)
    s = -1 / tau + lambertw(gain * delay / tau * np.exp(delay / tau), k) / delay
    return np.sum(s.real > 0)


@pytest.mark.parametrize("delay", [1e-3, 4e-3, 30e-3])
@pytest.mark.parametrize("gain", [-30.0, -8.0, -2.5, -0.9, 0.5, 1.5, 4.0])
def test_unstable_modes_of_a_rate_equation_with_delay(monkeypatch, gain, delay):
    tau = low_pass(monkeypatch)
    network, point = with_gain(inhibitory(delay), [[gain]])
    assert stability(network, point).unstable == growing(gain, delay, tau)


def test_gain_margin_of_a_rate_equation_with_delay(monkeypatch):
    """In phase again at omega tau = tan(pi - omega D), weakened to cos(omega D) of the gain."""
    low_pass(monkeypatch, tau=10e-3)
    found = stability(*with_gain(inhibitory(4e-3), [[-2.0]]))
    omega = 2 * np.pi * found.frequency
    assert omega * 10e-3 == pytest.approx(np.tan(np.pi - omega * 4e-3), rel=1e-7)
    assert found.gain == pytest.approx(-2.0 * np.cos(omega * 4e-3), rel=1e-7)
    assert found.unstable == 0


def test_onset_in_a_rate_equation_with_delay(monkeypatch):
    """At the onset omega tau = sqrt(G**2 - 1) and omega D = pi - arctan(omega tau)."""
    tau, gain = low_pass(monkeypatch), 3.0
    omega = np.sqrt(gain**2 - 1) / tau
    delay = (np.pi - np.arctan(omega * tau)) / omega
    points = [with_gain(inhibitory(0.0), [[-gain]])[1]]
    monkeypatch.setattr(stability_module, "fixed_points", lambda network: points)
    value, at = onset(lambda d: with_gain(inhibitory(d), [[-gain]])[0], 2e-3, 20e-3)
    assert value == pytest.approx(delay, abs=2e-7 * 20e-3)
    assert at.frequency == pytest.approx(omega / (2 * np.pi), rel=1e-6)
    assert at.gain == pytest.approx(1, rel=1e-6)


def test_loops_that_share_populations_are_all_counted(monkeypatch):
    """Two populations that inhibit each other (eigenvalues +-1.5), and one that inhibits itself."""
    tau, delay = low_pass(monkeypatch), 4e-3
    three = Network((CELL,) * 3, 1.0, 0.0, delay)
    network, point = with_gain(three, [[0, -1.5, 0], [-1.5, 0, 0], [0, 0, -8.0]])
    modes = sum(growing(gain, delay, tau) for gain in (1.5, -1.5, -8.0))
    assert stability(network, point).unstable == modes == 3


# ------------------------------------------------------------------ the density in time


def evolve(network, point, t_stop, dt, cells):
    """Rate of one population, pushed off its fixed point, by the plainest scheme.

    Implicit Euler and central differences; what crosses the threshold is put back after t_ref and
    changes the input after the delay.
    """
    cell, e = network.neurons[0], network.equations
    mu, sigma, a, b = point.mu[0], point.sigma[0], e.a[0, 0], e.b[0, 0]
    h = (cell.v_th - cell.v_reset) / cells
    grid = cell.v_th - h * np.arange(round((cell.v_th - mu + 5 * sigma) / h), 0, -1)
    reset = len(grid) - cells
    edge = grid + h / 2
    bands = np.zeros((3, len(grid)))

    def step(p, mean, variance, inflow):
        drift, diffusion = (mean - edge) / (2 * h * cell.tau_m), variance / (2 * cell.tau_m * h**2)
        up, down = drift + diffusion, diffusion - drift  # from a cell, to a cell over its edge
        bands[0, 1:], bands[2, :-1] = -dt * down[:-1], -dt * up[:-1]
        bands[1] = 1 + dt * (up + np.append(0.0, down[:-1]))
        p[reset] += inflow * dt / h
        p = solve_banded((1, 1), bands, p)
        return p, up[-1] * p[-1] * h

    def past(steps):
        whole = int(steps)
        return history[k - whole] + (steps - whole) * (history[k - whole - 1] - history[k - whole])

    p = np.exp(-(((grid - mu) / sigma) ** 2))
    p *= (1 - point.rates[0] * cell.t_ref) / (p.sum() * h)
    settled = point.rates[0]
    for _ in range(round(0.15 / dt)):
        p, settled = step(p, mu, sigma**2, settled)
        p *= (1 - settled * cell.t_ref) / (p.sum() * h)
    late, back = float(network.delays.max()) / dt, cell.t_ref / dt
    start = int(max(late, back)) + 2
    history = np.full(start + round(t_stop / dt), settled)
    for k in range(start, len(history)):
        change = past(late) - settled
        kick = 1e-3 * sigma if k < start + 1e-3 / dt else 0.0
        p, history[k] = step(p, mu + a * change + kick, sigma**2 + b * change, past(back))
    return history[start:] - settled


def growth_and_frequency(rate, dt):
    """Of the last two thirds of a record, from its turning points."""
    rate = rate[len(rate) // 3 :]
    left, middle, right = rate[:-2], rate[1:-1], rate[2:]
    peaks = np.flatnonzero((middle > left) & (middle >= right) & (middle > 0))
    left, middle, right = left[peaks], middle[peaks], right[peaks]
    t = dt * (peaks + (right - left) / (2 * (2 * middle - left - right)))
    growth = np.polyfit(t, np.log(middle), 1)[0]
    return growth, (len(t) - 1) / (t[-1] - t[0])


@lru_cache
def delay_of_onset():
    return onset(inhibitory, 2e-3, 4e-3)


def test_at_the_onset_the_density_oscillates_without_growing():
    """Growth is 0 and the frequency is that of the theory, extrapolated to no step and no grid.

    The bound is what the last extrapolation changes.
    """
    delay, at = delay_of_onset()
    network = inhibitory(delay)
    (point,) = fixed_points(network)
    found = np.array(
        [
            [growth_and_frequency(evolve(network, point, 0.1, dt, n), dt) for dt in (4e-5, 2e-5)]
            for n in (40, 80)
        ]
    )
    no_step = 2 * found[:, 1] - found[:, 0]
    no_grid = (4 * no_step[1] - no_step[0]) / 3
    bound = np.abs(no_grid - no_step[1])
    assert np.all(np.abs(no_grid - [0.0, at.frequency]) < bound)
    assert bound[0] < 0.5 and bound[1] < 0.5


@pytest.mark.parametrize(("factor", "sign"), [(0.9, -1), (1.1, 1)])
def test_the_density_oscillates_beyond_the_onset_only(factor, sign):
    network = inhibitory(factor * delay_of_onset()[0])
    (point,) = fixed_points(network)
    growth, _ = growth_and_frequency(evolve(network, point, 0.1, 4e-5, 40), 4e-5)
    assert sign * growth > 10
    assert (stability(network, point).unstable > 0) == (sign > 0)


def test_without_the_variance_the_onset_would_be_elsewhere(monkeypatch):
    """10 % of delay make 20/s of growth, 2 % of gain would be seen above."""
    network = inhibitory(delay_of_onset()[0])
    (point,) = fixed_points(network)
    monkeypatch.setattr(
        stability_module, "noise_susceptibility", lambda n, m, s, f: 0 * np.asarray(f, complex)
    )
    assert abs(stability(network, point).gain - 1) > 0.02


# ------------------------------------------------------------------ Brunel's network


@pytest.mark.parametrize(
    ("g", "eta", "frequency"),
    [(6, 4, 190.0), (4.5, 0.9, 29.0)],
)
def test_published_frequencies(g, eta, frequency):
    """Of the theory, Brunel 2000, figure 8 B and D, given to about 5 Hz and 1 Hz."""
    network = brunel_network(g, eta)
    found = stability(network, fixed_points(network)[0])
    assert found.unstable == 2
    assert found.frequency == pytest.approx(frequency, abs=5 if frequency > 100 else 1)


def test_the_asynchronous_state_is_stable():
    network = brunel_network(5, 2)
    assert stability(network, fixed_points(network)[0]).unstable == 0


# ------------------------------------------------------------------ errors


def test_a_network_that_makes_all_its_noise_is_an_error():
    network = Network((CELL,), 100, 1e-4, 1e-3, mu_ext=30e-3)
    with pytest.raises(ValueError, match="must get noise from outside"):
        stability(network, fixed_points(network)[0])


@pytest.mark.parametrize("frequency", [np.nan, [1.0, np.inf], []])
def test_bad_frequency(frequency):
    network = brunel_network(5, 2)
    with pytest.raises(ValueError, match="frequency"):
        loop_gain(network, fixed_points(network)[0], frequency)


def test_a_point_of_another_network_is_an_error():
    (point,) = fixed_points(inhibitory(1e-3))
    with pytest.raises(ValueError, match="point must have 2 populations, as network has, not 1"):
        loop_gain(brunel_network(5, 2), point, 1.0)


def test_a_point_without_noise_is_an_error():
    network = Network((CELL,), 100, -1e-4, 1e-3, mu_ext=10e-3)
    with pytest.raises(ValueError, match="point must have sigma > 0"):
        stability(network, fixed_points(network)[0])


def test_no_onset_between_the_ends():
    with pytest.raises(ValueError, match="low and high must lie on both sides"):
        onset(inhibitory, 1e-3, 1.1e-3)
