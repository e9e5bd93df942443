"""Exponential jumps: the textbook integrals in 30 digits, event-driven simulation, limits."""

from math import exp, log

import mpmath as mp
import numpy as np
import pytest
from scipy.stats import skew

from rheobase.models.neuron import LIF
from rheobase.models.reference import shot_noise as simulator
from rheobase.models.theory import shot_noise, siegert

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
Z = 4.0


def textbook(neuron: LIF, rate_e, jump_e, rate_i, jump_i, mu):  # type: ignore[no-untyped-def]
    """Richardson & Swarbrick's integral over s, as printed, in 30 digits.

    For a drive above threshold their flux through the threshold, all of it jumps, becomes the
    share k, such that the integral beyond the pole vanishes.
    """
    with mp.workdps(30):
        tau, a_e, a_i = mp.mpf(neuron.tau_m), mp.mpf(jump_e), mp.mpf(jump_i)
        v_th, v_re = (mp.mpf(v) - neuron.v_rest - mu for v in (neuron.v_th, neuron.v_reset))
        p, q, pole = tau * rate_e, tau * rate_i, 1 / a_e

        def inverse_z(s):  # type: ignore[no-untyped-def]
            return abs(1 - a_e * s) ** p * (1 - a_i * s) ** q

        def drift(s):  # type: ignore[no-untyped-def]
            return inverse_z(s) * (mp.exp(s * v_th) - mp.exp(s * v_re)) / s

        def at_pole(s):  # type: ignore[no-untyped-def]
            """The part with the pole, less its factor abs(1 - a_e s)**(p - 1)."""
            return a_e * (1 - a_i * s) ** q * mp.exp(s * v_th)

        def singular(end):  # type: ignore[no-untyped-def]
            """Its integral from the pole to `end`, over y = abs(1 - a_e s)**p."""
            side = mp.sign(end - pole)
            reach = abs(1 - a_e * end)
            return mp.quad(
                lambda y: at_pole(pole + side * pole * y ** (1 / p)),
                mp.linspace(0, reach**p, 9),
            ) / (a_e * p)

        k = mp.mpf(1)
        if v_th < 0:
            scale = (p + q + 1) / -v_th
            points = [pole + scale * mp.mpf(2) ** j for j in range(-12, 7)]
            beyond = [pole, *points, mp.inf]
            rest = mp.quad(lambda s: at_pole(s) * (a_e * s - 1) ** (p - 1), [*points, mp.inf])
            k = mp.quad(drift, beyond) / (singular(points[0]) + rest)
        points = [pole * mp.mpf(2) ** -j for j in range(24, 0, -2)]
        regular = mp.quad(drift, [0, *points, pole * 0.75, pole])
        rest = mp.quad(
            lambda s: at_pole(s) * (1 - a_e * s) ** (p - 1), [0, *points[::3], points[-1]]
        )
        return float(1 / (neuron.t_ref + tau * (regular + k * (rest + singular(points[-1])))))


BELOW = [
    # rate_e, jump_e, rate_i, jump_i, mu, v_reset
    (200.0, 4e-3, 0.0, 0.0, 0.0, 10e-3),
    (20.0, 4e-3, 30.0, -2e-3, 10e-3, -5e-3),  # (1 - a_e s)**(p - 1) infinite at the pole
    (3000.0, 0.5e-3, 1000.0, -1e-3, 5e-3, 0.0),
    (5e4, 0.05e-3, 2e4, -0.05e-3, 0.0, 19e-3),
]
ABOVE = [
    (30.0, 3e-3, 0.0, 0.0, 24e-3, 10e-3),
    (300.0, 1e-3, 500.0, -0.5e-3, 21e-3, 0.0),
    (1000.0, 0.5e-3, 400.0, -2e-3, 40e-3, 19e-3),
]


def neuron_and_input(case: tuple) -> tuple:
    *given, v_reset = case
    return LIF(tau_m=20e-3, v_th=20e-3, v_reset=v_reset, t_ref=2e-3), given


@pytest.mark.parametrize("case", BELOW + ABOVE)
def test_against_the_textbook_integrals(case: tuple) -> None:
    neuron, given = neuron_and_input(case)
    assert shot_noise.rate(neuron, *given) == pytest.approx(textbook(neuron, *given), rel=1e-10)


def test_an_integral_without_excitation() -> None:
    with mp.workdps(30):
        v_th, v_re, q, a_i = mp.mpf("-5e-3"), mp.mpf("-15e-3"), mp.mpf(6), mp.mpf("1e-3")
        integral = mp.quad(
            lambda s: (1 + a_i * s) ** q * (mp.exp(s * v_th) - mp.exp(s * v_re)) / s,
            [0, 10, 100, 1000, 10000, mp.inf],
        )
        expected = float(1 / (mp.mpf("2e-3") + mp.mpf("20e-3") * integral))
    found = shot_noise.rate(NEURON, 0.0, 0.0, 300.0, -1e-3, 25e-3)
    assert found == pytest.approx(expected, rel=1e-10)


def z_score(neuron: LIF, given: list, expected: float, spikes: int = 20000) -> float:
    """Of the mean interval of an event-driven simulation."""
    rate_e, jump_e, rate_i, jump_i, mu = given
    times = simulator.spikes(
        neuron,
        [rate_e, rate_i],
        [jump_e, jump_i],
        mu,
        t_stop=spikes / expected,
        exponential=True,
        seed=11,
    )
    intervals = np.diff(times)
    return (intervals.mean() - 1 / expected) / (intervals.std() / np.sqrt(intervals.size))


ONLY_INHIBITION = (0.0, 0.0, 300.0, -1e-3, 25e-3, 10e-3)
SIMULATED = [*BELOW[:3], *ABOVE, ONLY_INHIBITION, (10.0, 1e-3, 0.0, 0.0, 20e-3, 10e-3)]


@pytest.mark.parametrize("case", SIMULATED)
def test_against_simulation(case: tuple) -> None:
    neuron, given = neuron_and_input(case)
    assert abs(z_score(neuron, given, float(shot_noise.rate(neuron, *given)))) < Z


def without_jump_share(given: list, monkeypatch: pytest.MonkeyPatch) -> float:
    """The formula for a drive below threshold, used above it."""
    monkeypatch.setattr(shot_noise, "_jump_fraction", lambda *_: 1.0)
    return float(shot_noise.rate(NEURON, *given))


def with_inhibition_left_out(given: list, _: pytest.MonkeyPatch) -> float:
    return float(shot_noise.rate(NEURON, *given[:2], 0.0, 0.0, given[4]))


def with_noise_that_is_white(given: list, _: pytest.MonkeyPatch) -> float:
    rate_e, jump_e, rate_i, jump_i, mu = given
    drive = NEURON.tau_m * (rate_e * jump_e + rate_i * jump_i) + mu
    square = 2 * NEURON.tau_m * (rate_e * jump_e**2 + rate_i * jump_i**2)
    return float(siegert.rate(NEURON, drive, square**0.5))


@pytest.mark.parametrize(
    ("wrong", "given"),
    [
        (without_jump_share, [300.0, 1e-3, 100.0, -0.5e-3, 24e-3]),
        (with_inhibition_left_out, [400.0, 3e-3, 100.0, -1e-3, 0.0]),
        (with_noise_that_is_white, [200.0, 4e-3, 0.0, 0.0, 0.0]),
    ],
)
def test_simulation_tells_a_wrong_formula(wrong, given, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    assert abs(z_score(NEURON, given, wrong(given, monkeypatch))) > Z


def test_the_published_figures_are_far_apart() -> None:
    # 200 spikes/s of 4 mV: 21.855 Hz, and 31.05 Hz from Siegert's formula
    assert shot_noise.rate(NEURON, 200.0, 4e-3) == pytest.approx(21.855, abs=5e-4)
    white = siegert.rate(NEURON, 16e-3, np.sqrt(2 * 200 * 20e-3) * 4e-3)
    assert white == pytest.approx(31.05, abs=5e-3)


def test_small_jumps_are_white_noise() -> None:
    """The difference is analytic in the jump: two extrapolations to 0, that differ by an order."""
    mu, sigma = 15e-3, 5e-3
    jump = 1e-3 * np.array([0.01, 0.02, 0.04])
    rate_each = sigma**2 / (4 * NEURON.tau_m * jump**2)
    one, two, four = shot_noise.rate(NEURON, rate_each, jump, rate_each, -jump, mu)
    second = (8 * one - 6 * two + four) / 3
    assert abs(second - siegert.rate(NEURON, mu, sigma)) < abs(2 * one - two - second)
    assert abs(one - siegert.rate(NEURON, mu, sigma)) > 10 * abs(2 * one - two - second)


def test_the_rate_is_continuous_where_the_drive_reaches_threshold() -> None:
    mu = 20e-3 + np.array([-1e-12, 0.0, 1e-12])
    low, middle, high = shot_noise.rate(NEURON, 300.0, 1e-3, 200.0, -1e-3, mu)
    assert low < middle < high < low * (1 + 1e-8)


def test_one_large_jump_fires() -> None:
    # of mean 1000 V: one in 1e5 is below 10 mV
    assert shot_noise.rate(NEURON, 50.0, 1e3) == pytest.approx(1 / (2e-3 + 0.02), rel=1e-4)
    drift = 20e-3 * log(15 / 5)
    mean = (1 - exp(-50 * drift)) / 50
    found = shot_noise.rate(NEURON, 50.0, 1e3, mu=25e-3)
    assert found == pytest.approx(1 / (2e-3 + mean), rel=1e-4)


def test_rare_and_silent() -> None:
    nothing = shot_noise.rate(NEURON, [0.0, 100.0, 0.0], [1e-3, 0.0, 0.0], 100.0, -1e-3, 20e-3)
    assert (nothing == 0).all()
    assert 0 < shot_noise.rate(NEURON, 1e-3, 1e-3, 1e3, -5e-3) < 1e-12
    assert shot_noise.rate(NEURON, 1e3, 1e-6, 1e9, -1e-3) == 0  # underflow
    drive = np.array([21e-3, 25e-3, 1.0])
    found = shot_noise.rate(NEURON, 0.0, 0.0, mu=drive)
    assert found == pytest.approx(siegert.fi_curve(NEURON, drive), rel=1e-11)


def test_arrays_broadcast() -> None:
    rates, jumps = np.array([[100.0], [200.0]]), np.array([2e-3, 3e-3, 4e-3])
    found = shot_noise.rate(NEURON, rates, jumps, 50.0, -1e-3)
    assert found.shape == (2, 3)
    assert found[1, 2] == shot_noise.rate(NEURON, 200.0, 4e-3, 50.0, -1e-3)
    assert np.ndim(shot_noise.rate(NEURON, 100.0, 1e-3)) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rate_e": -1.0}, "rate_e must be finite and within 0 .. 5e.13 Hz, not -1.0"),
        ({"rate_i": np.inf}, "rate_i must be finite"),
        ({"jump_e": -1e-3}, "jump_e must be finite and within 0"),
        ({"jump_i": 1e-3}, "jump_i must be finite and within -inf .. 0 V, not 0.001"),
        ({"jump_e": 1e-9}, "jumps so small are a diffusion"),
        ({"mu": np.nan}, "mu must be finite"),
        ({"mu": 1e9}, "mu must be finite and within"),
        ({"mu": []}, "mu must not be empty"),
        ({"rate_e": [1.0, 2.0], "mu": [0.0, 0.0, 0.0]}, r"rate_e \(2,\).*mu \(3,\)"),
    ],
)
def test_errors(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shot_noise.rate(NEURON, **({"rate_e": 100.0, "jump_e": 1e-3} | given))


# --- skewness ------------------------------------------------------------------------------------
def sampled(rates, jumps, tau_s, exponential):  # type: ignore[no-untyped-def]
    """Skewness and its standard error: sums of responses to Poisson spikes of the last 25 tau_m."""
    random, tau, batches, size = np.random.default_rng(5), NEURON.tau_m, 40, 5000
    found = np.empty(batches)
    for batch in range(batches):
        v = np.zeros(size)
        for rate, jump in zip(rates, jumps, strict=True):
            counts = random.poisson(rate * 25 * tau, size)
            age = random.uniform(0, 25 * tau, counts.sum())
            scale = random.exponential(size=age.size) if exponential else 1.0
            if tau_s == 0:
                response = np.exp(-age / tau)
            elif tau_s == tau:
                response = age / tau * np.exp(-age / tau)
            else:
                response = (np.exp(-age / tau) - np.exp(-age / tau_s)) * tau / (tau - tau_s)
            v += jump * np.bincount(np.repeat(np.arange(size), counts), scale * response, size)
        found[batch] = skew(v)
    return found.mean(), found.std() / np.sqrt(batches)


SKEWED = [
    ([300.0], [1e-3], 0.0, False),
    ([300.0, 200.0], [1e-3, -2e-3], 0.0, True),
    ([300.0, 200.0], [1e-3, -2e-3], 5e-3, False),
    ([100.0], [1e-3], 20e-3, True),
]


@pytest.mark.parametrize("case", SKEWED)
def test_skewness_against_samples(case: tuple) -> None:
    rates, jumps, tau_s, exponential = case
    expected = shot_noise.skewness(NEURON, rates, jumps, tau_s, exponential=exponential)
    mean, error = sampled(*case)
    assert abs(mean - expected) < Z * error
    for wrong in (expected * 2**0.5, expected / 2**0.5):
        assert abs(mean - wrong) > Z * error


def test_skewness_of_fixed_jumps() -> None:
    found = shot_noise.skewness(NEURON, [300.0], [-1e-3])
    assert found == pytest.approx(-(2**1.5) / 3 / np.sqrt(300 * 20e-3), rel=1e-14)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([1.0], [1e-3, 2e-3]), "must pair up"),
        (([], []), "rates must not be empty"),
        (([-1.0], [1e-3]), "rates must be finite and within 0"),
        (([1.0], [np.nan]), "jumps must be finite"),
        (([1.0], [1e-3], -1.0), "tau_s must be finite and within 0"),
        (([0.0, 1.0], [1e-3, 0.0]), "a rate with a jump must be > 0"),
    ],
)
def test_skewness_errors(given: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shot_noise.skewness(NEURON, *given)
