"""The report on the diffusion approximation: its figures by hand, its verdict by simulation."""

from dataclasses import FrozenInstanceError, replace
from math import inf, sqrt

import mpmath as mp
import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.reference import shot_noise as simulator
from rheobase.models.theory import siegert
from rheobase.models.theory.diffusion_validity import diffusion_validity

NEURON = LIF(tau_m=20e-3, v_th=-45e-3, v_reset=-55e-3, v_rest=-65e-3, t_ref=2e-3)


def test_figures() -> None:
    found = diffusion_validity(NEURON, [3000.0, 1000.0, 0.0, 7.0], [0.4e-3, -0.5e-3, 1.0, 0.0])
    assert found.spikes_per_tau == pytest.approx(80.0)
    assert found.jump_to_threshold == pytest.approx(0.5 / 20)
    assert found.tau_s_to_tau_m == 0
    assert found.mu == pytest.approx(0.02 * (1.2 - 0.5))
    assert found.sigma == pytest.approx(sqrt(0.02 * (3000 * 0.16e-6 + 1000 * 0.25e-6)))
    third = 3000 * 0.064e-9 - 1000 * 0.125e-9
    assert found.skewness == pytest.approx(0.02 * third / 3 / (found.sigma**2 / 2) ** 1.5)
    assert found.siegert_rate == siegert.rate(NEURON, found.mu, found.sigma)
    assert found.colored_rate is None
    assert 0 < found.exact_error <= 1e-8


@pytest.mark.parametrize("jump", [0.5e-3, 1e-3, 2e-3])
def test_predicted_error_is_the_simulated_one(jump: float) -> None:
    drive, noise = 13e-3, 6e-3
    total, net = noise**2 / jump**2 / 0.02, drive / jump / 0.02
    rates, weights = [(total + net) / 2, (total - net) / 2], [jump, -jump]
    found = diffusion_validity(NEURON, rates, weights)
    intervals = np.diff(simulator.spikes(NEURON, rates, weights, t_stop=2000.0, seed=9))
    relative = intervals.std() / np.sqrt(intervals.size) / intervals.mean()
    simulated = found.siegert_rate * intervals.mean() - 1
    assert abs(found.siegert_error - simulated) < 4 * relative * (1 + simulated)


def test_the_error_grows_with_the_jump() -> None:
    errors = []
    for jump in (0.1e-3, 0.2e-3, 0.5e-3):
        total, net = 25e-6 / jump**2 / 0.02, 15e-3 / jump / 0.02
        found = diffusion_validity(NEURON, [(total + net) / 2, (total - net) / 2], [jump, -jump])
        errors.append(found.siegert_error)
    assert 0 < errors[0] < errors[1] < errors[2]


def test_colored_noise() -> None:
    neuron = replace(NEURON, t_ref=0.0)
    tau_s = 0.2e-3
    found = diffusion_validity(neuron, [66250.0, 58750.0], [0.1e-3, -0.1e-3], tau_s)
    shift = float(abs(mp.zeta(0.5))) / sqrt(2) * found.sigma * sqrt(tau_s / neuron.tau_m)
    moved = replace(neuron, v_th=neuron.v_th + shift, v_reset=neuron.v_reset + shift)
    expected = float(siegert.rate(moved, found.mu, found.sigma))
    assert found.colored_rate == pytest.approx(expected, rel=1e-9)
    assert found.colored_rate < found.siegert_rate
    assert found.tau_s_to_tau_m == pytest.approx(0.01)
    white = diffusion_validity(neuron, [66250.0, 58750.0], [0.1e-3, -0.1e-3])
    assert abs(found.skewness) < abs(white.skewness)


def test_without_excitation() -> None:
    found = diffusion_validity(NEURON, [5e5], [-1e-3])
    assert (found.exact_rate, found.siegert_error) == (0, 0)  # Siegert's rate underflows
    noisy = diffusion_validity(NEURON, [50.0], [-20e-3])
    assert noisy.siegert_rate > 0
    assert noisy.siegert_error == inf


def test_text() -> None:
    text = str(diffusion_validity(NEURON, [3250.0, 1750.0], [0.5e-3, -0.5e-3], 0.2e-3))
    assert text.splitlines()[:5] == [
        "diffusion approximation with mu = 15 mV, sigma = 5 mV",
        "  input spikes per tau_m          100         should be >> 1",
        "  largest jump / (v_th - v_rest)  0.025       should be << 1",
        "  tau_s / tau_m                   0.01        should be << 1",
        "  skewness of the free membrane   0.02801     should be 0",
    ]
    assert "rate, white noise (Siegert)     9.4608 Hz   off by +4.04 %" in text
    assert "rate, jumps (exact)             9.0933 Hz" in text
    assert "rate, colored noise" in text
    assert "colored" not in str(diffusion_validity(NEURON, [3250.0], [0.5e-3]))


def test_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        diffusion_validity(NEURON, [3250.0], [0.5e-3]).mu = 0.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([1e3], [1e-3, 2e-3]), "must pair up"),
        (([0.0], [1e-3]), "must be > 0"),
        (([1e3], [1e-3], 0.0), "tau_s must be finite and > 0 s, not 0.0"),
        (([1e3], [1e-3], np.nan), "tau_s must be finite"),
        (([1.0], [1e-3]), "too rare"),
    ],
)
def test_errors(given: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusion_validity(NEURON, *given)
