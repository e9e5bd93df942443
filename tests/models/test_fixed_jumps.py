"""Fixed jumps: closed forms for one and two jumps, event-driven simulation, both limits."""

from math import exp, log

import mpmath as mp
import numpy as np
import pytest
from scipy.sparse import lil_array
from scipy.sparse.linalg import spsolve

from rheobase.models.neuron import LIF
from rheobase.models.reference import shot_noise as simulator
from rheobase.models.theory import fixed_jumps, siegert

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
AT_REST = LIF(tau_m=20e-3, v_th=20e-3, v_reset=0.0, t_ref=2e-3)
Z = 4.0


def one_or_two_jumps(rate: float, jump: float) -> float:
    """Rate of AT_REST for jumps of a half to a whole threshold, by an integral.

    After a jump at rest the second fires if it comes before V = y < theta - a; else V = y + a, and
    so on: with p = tau R, ``T(x) = 1 / R + K x**-p`` for x > theta - a, and K from its definition
    ``K = p int_0^{theta - a} y**(p - 1) [1 / R + K (y + a)**-p] dy``; ``T(0) = 1 / R + T(a)``.
    """
    with mp.workdps(30):
        p, a, theta = mp.mpf(AT_REST.tau_m) * rate, mp.mpf(jump), mp.mpf(AT_REST.v_th)
        # over z = y**p
        again = mp.quad(lambda z: (z ** (1 / p) + a) ** -p, mp.linspace(0, (theta - a) ** p, 5))
        k = (theta - a) ** p / rate / (1 - again)
        return float(1 / (AT_REST.t_ref + 2 / mp.mpf(rate) + k * a**-p))


@pytest.mark.parametrize(
    ("rate", "jump"),
    [(50.0, 12e-3), (200.0, 15e-3), (5.0, 19e-3), (1.0, 10.5e-3), (1e3, 19.999e-3), (1e3, 10e-3)],
)
def test_two_jumps_fire(rate: float, jump: float) -> None:
    found = fixed_jumps.solve(AT_REST, rate, jump)
    assert abs(found.rate / one_or_two_jumps(rate, jump) - 1) <= found.error + 1e-13 <= 1.1e-8


def test_a_lost_kink_is_beyond_the_stated_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a panel's edge where the jump just reaches threshold, the bound must see it."""
    right = one_or_two_jumps(200.0, 15e-3)
    monkeypatch.setattr(fixed_jumps, "_first_edges", lambda _: np.array([0.0, 7e-3, 20e-3]))
    monkeypatch.setattr(fixed_jumps, "_LARGEST_ERROR", np.inf)
    monkeypatch.setattr(fixed_jumps, "_MOST_PANELS", 2)
    found = fixed_jumps.solve(AT_REST, 200.0, 15e-3)
    assert 1e-4 < abs(found.rate / right - 1) < found.error


def test_the_bound_holds_where_panels_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed_jumps, "_LARGEST_ERROR", np.inf)
    for rates, weights in ([66250.0, 58750.0], [1e-4, -1e-4]), ([3e4, 9e3], [2e-4, -5.3e-4]):
        right = fixed_jumps.solve(NEURON, rates, weights)
        for panels in (60, 80, 100):
            monkeypatch.setattr(fixed_jumps, "_MOST_PANELS", panels)
            found = fixed_jumps.solve(NEURON, rates, weights)
            assert 1e-7 < found.error
            assert abs(found.rate / right.rate - 1) < found.error
        monkeypatch.setattr(fixed_jumps, "_MOST_PANELS", 1000)


def test_one_jump_or_the_drift_fires() -> None:
    for rate, jump in ((50.0, 10e-3), (50.0, 1.0)):
        found = fixed_jumps.solve(NEURON, rate, jump, 25e-3)
        mean = (1 - exp(-rate * 20e-3 * log(15 / 5))) / rate
        assert found.rate == pytest.approx(1 / (2e-3 + mean), rel=1e-8)


def test_a_jump_onto_the_threshold_reaches_it() -> None:
    onto = fixed_jumps.solve(AT_REST, 100.0, 20e-3).rate
    assert onto == pytest.approx(1 / (2e-3 + 1 / 100), rel=1e-8)
    short = fixed_jumps.solve(AT_REST, 100.0, 20e-3 * (1 - 1e-9)).rate
    assert short == pytest.approx(1 / (2e-3 + 2 / 100), rel=1e-6)
    # the same voltages from -65 mV round differently
    shifted = LIF(tau_m=20e-3, v_th=-45e-3, v_reset=-65e-3, v_rest=-65e-3, t_ref=2e-3)
    assert fixed_jumps.solve(shifted, 100.0, 20e-3).rate == pytest.approx(onto, rel=1e-8)


INPUTS = [
    # rates, weights, mu, v_reset
    ([187.5], [4e-3], 0.0, 10e-3),
    ([40.0], [7e-3], 0.0, -5e-3),
    ([5.0, 20.0], [13e-3, -3e-3], 4e-3, 0.0),
    ([1000.0, 250.0], [1e-3, -1e-3], 0.0, 10e-3),
    ([900.0, 200.0], [1e-3, -2.7e-3], 16e-3, 19e-3),
    ([300.0, 80.0, 150.0], [3e-3, 1.1e-3, -5e-3], 10e-3, 10e-3),
    ([2500.0, 2500.0], [0.5e-3, -0.5e-3], 15e-3, 10e-3),
    ([1000.0, 250.0], [1e-3, -1e-3], 20e-3, 10e-3),  # the drive ends at threshold
    ([300.0, 300.0], [1e-3, -1e-3], 25e-3, 10e-3),  # or beyond
    ([0.0, 300.0], [1e-3, -1e-3], 25e-3, 10e-3),
    ([30.0], [3e-3], 40e-3, -5e-3),
]


def z_score(neuron: LIF, rates, weights, mu: float, rate: float) -> float:  # type: ignore[no-untyped-def]
    times = simulator.spikes(neuron, rates, weights, mu, t_stop=20000 / rate, seed=5)
    intervals = np.diff(times)
    return (intervals.mean() - 1 / rate) / (intervals.std() / np.sqrt(intervals.size))


@pytest.mark.parametrize(("rates", "weights", "mu", "v_reset"), INPUTS)
def test_against_simulation(rates: list, weights: list, mu: float, v_reset: float) -> None:
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=v_reset, t_ref=2e-3)
    found = fixed_jumps.solve(neuron, rates, weights, mu)
    assert found.error <= 1e-8
    assert abs(z_score(neuron, rates, weights, mu, found.rate)) < Z


def test_simulation_tells_a_wrong_rate() -> None:
    rates, weights, mu = [1000.0, 250.0], [1e-3, -1e-3], 0.0
    drive, noise = 15e-3, (1250 * 20e-3) ** 0.5 * 1e-3
    white = float(siegert.rate(NEURON, drive, noise))
    inhibition_lost = fixed_jumps.solve(NEURON, rates[:1], weights[:1], mu).rate
    no_refractory = 1 / (1 / fixed_jumps.solve(NEURON, rates, weights, mu).rate - 2 * NEURON.t_ref)
    for wrong in (white, inhibition_lost, no_refractory):
        assert abs(z_score(NEURON, rates, weights, mu, wrong)) > Z


def random_walk(h: float) -> float:
    """Rate for a drift in steps of h: a Markov chain in continuous time; an error of order h."""
    theta, low, tau = 12e-3, -40e-3, 20e-3
    x = theta - h * np.arange(1, round((theta - low) / h) + 1)  # from the top
    leave = np.abs(x) / (tau * h)
    to = [(np.arange(x.size) + np.where(x > h / 2, 1, -1), leave)]
    to += [(np.arange(x.size) - round(w / h), np.full(x.size, r)) for r, w in WALK]
    matrix = lil_array((x.size, x.size))
    for target, rate in to:
        matrix.setdiag(matrix.diagonal() + rate)
        stays = target >= 0
        rows = np.flatnonzero(stays)
        matrix[rows, np.minimum(target[stays], x.size - 1)] -= rate[stays]
    mean = spsolve(matrix.tocsc(), np.ones(x.size))
    return 1 / (2e-3 + mean[round((theta - 2e-3) / h) - 1])


WALK = [(200.0, 3e-3), (100.0, -2e-3)]


def test_a_random_walk_tends_to_it() -> None:
    """Extrapolated to h = 0 by polynomials of two degrees."""
    rates, weights = zip(*WALK, strict=True)
    found = fixed_jumps.solve(NEURON, rates, weights, 8e-3).rate
    one, two, four = (random_walk(h) for h in (0.0125e-3, 0.025e-3, 0.05e-3))
    linear, square = 2 * one - two, (8 * one - 6 * two + four) / 3
    assert abs(square - found) < abs(square - linear) < 1e-3 * found


def test_small_jumps_are_white_noise() -> None:
    mu, sigma = 15e-3, 5e-3
    one, two, four = (
        fixed_jumps.solve(NEURON, [each, each], [jump, -jump], mu).rate
        for jump in (1e-4, 2e-4, 4e-4)
        for each in [sigma**2 / (2 * NEURON.tau_m * jump**2)]
    )
    white = float(siegert.rate(NEURON, mu, sigma))
    linear, square = 2 * one - two, (8 * one - 6 * two + four) / 3
    assert abs(square - white) < abs(square - linear) < 0.1 * abs(one - white)


def test_limits() -> None:
    assert fixed_jumps.solve(NEURON, [1e3], [-1e-3]).rate == 0
    assert fixed_jumps.solve(NEURON, [1e3], [-1e-3], 20e-3).rate == 0
    assert fixed_jumps.solve(NEURON, [0.0, 1e3], [1e-3, 0.0]).rate == 0
    silent_input = fixed_jumps.solve(NEURON, [0.0], [1e-3], 25e-3).rate
    assert silent_input == pytest.approx(float(siegert.fi_curve(NEURON, 25e-3)), rel=1e-12)
    hardly = fixed_jumps.solve(NEURON, [1e-9, 1e-9], [1e-3, -1e-3], 25e-3).rate
    assert hardly == pytest.approx(silent_input, rel=1e-8)


def test_synapses_of_one_weight_are_one() -> None:
    one = fixed_jumps.solve(NEURON, [1000.0, 250.0], [1e-3, -1e-3]).rate
    more = fixed_jumps.solve(NEURON, [300.0, 250.0, 9.0, 700.0], [1e-3, -1e-3, 0.0, 1e-3]).rate
    assert more == pytest.approx(one, rel=1e-8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([1.0], [1e-3, 1e-3]), "must pair up"),
        (([], []), "must pair up"),
        (([-1.0], [1e-3]), "rates must be finite and >= 0"),
        (([1.0], [np.nan]), "weights must be finite"),
        (([1.0], [1e-3], np.inf), "mu must be finite"),
        (([1.0], [1e-3]), "too rare"),
        (([1.0], [1e-6]), "too rare"),
    ],
)
def test_errors(given: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fixed_jumps.solve(NEURON, *given)
