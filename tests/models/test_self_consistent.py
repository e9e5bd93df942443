"""The proof that a search found all solutions: its bounds, and scans that must find the same."""

import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.theory import self_consistent, siegert
from rheobase.models.theory.mean_field import Network, Poisson, fixed_points
from rheobase.models.theory.self_consistent import Equations
from rheobase.models.theory.states import brunel_network

CELL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)


def unlike(g, eta, g_i, **more):
    """Brunel's network with another inhibition of inhibition."""
    weights = 0.1e-3 * np.array([[1, -g], [1, -g_i]])
    external = Poisson(10.0 * eta, 1000, 0.1e-3)
    return Network((CELL, CELL), [[1000, 250]] * 2, weights, external=external, **more)


def random_network(random, n):
    """Excitatory populations first, then inhibitory ones; parameters of all orders."""
    cells = tuple(
        LIF(
            tau_m=10 ** random.uniform(-2.3, -1.5),
            v_th=20e-3,
            v_reset=random.uniform(-10e-3, 15e-3),
            v_rest=random.choice([0.0, -5e-3]),
            t_ref=10 ** random.uniform(-3.3, -2.2),
        )
        for _ in range(n)
    )
    sign = np.where(np.arange(n) < n // 2, 1.0, -random.uniform(0.5, 6))
    if n == 1:
        sign = np.array([random.choice([1.0, -2.0])])
    weights = sign * 10 ** random.uniform(-4.3, -3, (n, n))
    jump, drive = 10 ** random.uniform(-4.3, -3), 20e-3 * random.uniform(0.3, 2.5)
    rate = [drive / (jump * cell.tau_m) for cell in cells]
    in_degrees = np.round(10 ** random.uniform(1, 3.5, (n, n)))
    return Network(cells, in_degrees, weights, external=Poisson(rate, 1, jump))


def limits(network):
    return np.array([1 / neuron.t_ref for neuron in network.neurons])


# ------------------------------------------------------------------ bounds


@pytest.mark.parametrize("shift", [{}, {"dt": 2e-4}, {"tau_s": 4e-4}])
def test_bounds_hold_in_the_box(shift):
    random = np.random.default_rng(3)
    network = unlike(4.0, 0.9, 4.5, **shift)
    tight = 0
    for _ in range(60):
        low = random.uniform(0, 250, 2) * 10.0 ** random.uniform(-4, 0)
        high = low + random.uniform(0, 250, 2) * 10.0 ** random.uniform(-4, 0)
        (p_low, p_high), (s_low, s_high) = (
            x[:, 0] for x in network.equations.bounds(low[None], high[None])
        )
        inside = low + (high - low) * random.uniform(size=(50, 2))
        phi, slopes = network.response(inside), network.slopes(inside)
        assert np.all((phi >= p_low * (1 - 1e-12)) & (phi <= p_high * (1 + 1e-12)))
        room = 1e-9 * np.abs(slopes)
        # nan and inf bound nothing
        assert not np.any((slopes < s_low - room) | (slopes > s_high + room))
        middle = (p_low + p_high) / 2
        tight += bool(np.any(np.abs(phi - middle) > 0.9 * (p_high - middle)))
    assert tight > 5  # bounds of 9/10 the width would be caught


def test_bounds_of_a_box_shrink_with_it():
    equations, r = unlike(5, 2, 5.5).equations, np.array([40.0, 35.0])
    widths = []
    for h in (1e-2, 1e-3):
        bounds = equations.bounds((r - h)[None], (r + h)[None])
        widths.append([float(np.ptp(x, axis=0).max()) for x in bounds])
    ratio = np.array(widths[0]) / widths[1]
    assert ratio == pytest.approx(10, rel=0.02)


# ------------------------------------------------------------------ all solutions


def assert_as_a_scan_finds(network):
    """One unknown: as many sign changes of Phi(r) - r on a fine grid, each with a solution."""
    limit = limits(network)[0]
    grid = np.concatenate([[0.0], np.geomspace(1e-300, limit, 20_001)])
    mu, sigma = network.input(np.repeat(grid[:, None], len(network.neurons), axis=1))
    sign = np.sign(siegert.rate(network.neurons[0], mu[:, 0], sigma[:, 0]) - grid)
    brackets = np.flatnonzero(np.diff(sign))
    points = fixed_points(network)
    assert len(points) == len(brackets)
    for point, k in zip(points, brackets, strict=True):
        assert grid[k] <= point.rates[0] <= grid[k + 1]
        assert point.stable == (sign[k] > 0)
    return len(points)


@pytest.mark.parametrize(
    ("g", "eta", "count"),
    [(5, 2, 1), (3, 2, 1), (3.5, 0.85, 1), (3.5, 0.8, 3), (2, 0.5, 3), (0, 0.7, 3), (6, 0.5, 1)],
)
def test_brunels_network_against_a_scan(g, eta, count):
    assert assert_as_a_scan_finds(brunel_network(g, eta)) == count


def test_random_populations_against_a_scan():
    random = np.random.default_rng(11)
    counts = [assert_as_a_scan_finds(random_network(random, 1)) for _ in range(80)]
    assert counts.count(3) >= 3


def test_the_scan_notices_a_lost_solution(monkeypatch):
    right = Equations.bounds

    def narrowed(self, low, high):
        phi, slopes = right(self, low, high)
        middle = phi.mean(0)
        return middle + 0.5 * (phi - middle), slopes

    monkeypatch.setattr(Equations, "bounds", narrowed)
    with pytest.raises((AssertionError, ValueError)):
        for g in (2.0, 3.0, 3.5, 3.8):
            assert_as_a_scan_finds(brunel_network(g, 0.8))


def test_two_unknowns_against_a_scan_along_a_nullcline():
    """On the grid of r_E the rate r_I with r_I = Phi_I is unique: there Phi_I falls with it."""
    network = unlike(4.0, 0.8, 4.04)
    r_e = np.concatenate([np.geomspace(1e-4, 1, 300), np.linspace(1, 500, 2000)[1:]])
    low, high = np.zeros_like(r_e), np.full_like(r_e, 500.0)
    for _ in range(45):
        middle = (low + high) / 2
        above = network.response(np.column_stack([r_e, middle]))[:, 1] > middle
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    sign = np.sign(network.response(np.column_stack([r_e, low]))[:, 0] - r_e)
    brackets = np.flatnonzero(np.diff(sign))
    points = fixed_points(network)
    assert len(points) == len(brackets) == 3
    for point, k in zip(points, brackets, strict=True):
        assert r_e[k] <= point.rates[0] <= r_e[k + 1]
    assert [point.stable for point in points] == [True, False, True]


@pytest.mark.parametrize(("n", "networks"), [(2, 12), (3, 4)])
def test_newtons_method_from_many_starts_finds_nothing_new(n, networks):
    random = np.random.default_rng(n)
    found = 0
    for _ in range(networks):
        network = random_network(random, n)
        points = [point.rates for point in fixed_points(network)]
        assert len(points) % 2 == 1  # the degree of r - Phi(r) is 1
        for r in points:
            assert network.response(r) == pytest.approx(r, rel=1e-8)
        for _ in range(10):
            r = limits(network) * 10 ** random.uniform(-5, 0, n)
            r = network.equations.newton(r)
            if np.all(r <= limits(network)):
                found += 1
                near = [
                    np.all(np.abs(p - r) <= 1e-6 * (p + 1e-6 * limits(network))) for p in points
                ]
                assert sum(near) == 1
    assert found > networks


def test_newtons_method_does_not_settle_at_the_edge():
    """Held at zero the rates change no more, but do not solve the equations."""
    random = np.random.default_rng(2)
    for _ in range(20):
        network = random_network(random, 2)
        r = network.equations.newton(1e-3 * limits(network))
        assert np.isnan(r).all() or network.response(r) == pytest.approx(r, rel=1e-6)


def test_populations_of_a_kind_count_once():
    network = brunel_network(5, 2)
    equations, kind = network.equations.fold()
    assert kind == [0, 0]
    assert equations.a.tolist() == [[network.equations.a[0].sum()]]


# ------------------------------------------------------------------ what the search cannot do


def test_a_fold_is_an_error():
    """Where two solutions are about to appear, to the last digit."""
    few, many = 0.85, 0.8
    for _ in range(60):
        middle = (few + many) / 2
        try:
            count = len(fixed_points(brunel_network(3.5, middle)))
        except ValueError as error:
            assert "coincide" in str(error)
            break
        if count == 1:
            few = middle
        else:
            many = middle
    else:
        pytest.fail(f"no fold between {few!r} and {many!r}")
    assert abs(few - many) < 1e-8


def test_too_large_a_search_is_an_error(monkeypatch):
    monkeypatch.setattr(self_consistent, "_LARGEST", 20)
    with pytest.raises(ValueError, match="2 different populations is too large"):
        fixed_points(unlike(4.0, 0.8, 4.04))
