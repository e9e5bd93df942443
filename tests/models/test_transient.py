"""Spikes in time after a release: exact chains against fractions, each other and the long run."""

from fractions import Fraction

import numpy as np
import pytest

from rheobase.models.integer import markov, transient
from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.quantise import quantise
from rheobase.models.neuron import LIF
from rheobase.models.stimulus import NoiseStep, WhiteNoise
from rheobase.models.theory import discrete_time, discrete_transient, fokker_planck

BRUNEL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
STEP = NoiseStep(WhiteNoise(15e-3, 3e-3), WhiteNoise(24e-3, 6e-3), 20e-3, 60e-3, 2e-3)


def naive(neuron: IntegerLIF, phases: list[tuple[dict[int, Fraction], int]]) -> list[Fraction]:
    """Every state and counter with its probability, in fractions; rounding to nearest."""
    one = 1 << neuron.leak_bits
    states, found = {(neuron.v_reset, 0): Fraction(1)}, []
    for table, steps in phases:
        for _ in range(steps):
            after: dict[tuple[int, int], Fraction] = {}
            spiked = Fraction(0)
            for (v, r), p in states.items():
                if r > 0:
                    after[v, r - 1] = after.get((v, r - 1), Fraction(0)) + p
                    continue
                u = (v * neuron.leak_multiplier + one // 2) // one
                for i, q in table.items():
                    s = min(max(u + i, neuron.v_min), neuron.v_max)
                    key = (s, 0)
                    if s >= neuron.threshold:
                        spiked += p * q
                        key = (neuron.v_reset, neuron.refractory)
                    after[key] = after.get(key, Fraction(0)) + p * q
            states = after
            found.append(spiked)
    return found


@pytest.mark.parametrize("refractory", [0, 1, 3])
def test_the_integer_chain_in_fractions(refractory: int) -> None:
    neuron = IntegerLIF(
        5, 9, 2, refractory, leak_bits=4, leak_multiplier=13, rounding="nearest", input_width=6
    )
    tables = [
        {-14: Fraction(1, 4), 1: Fraction(1, 4), 5: Fraction(1, 2)},
        {-3: Fraction(1, 8), 4: Fraction(5, 8), 8: Fraction(1, 4)},
    ]
    steps = [9, 8]
    sources = [
        IntegerInput(np.array([*t]), np.array([float(p) for p in t.values()])) for t in tables
    ]
    found, error = transient.spikes(neuron, list(zip(sources, steps, strict=True)))
    expected = naive(neuron, list(zip(tables, steps, strict=True)))
    assert error < 1e-12
    assert np.abs(found - np.array(expected, float)).max() < 1e-15
    assert max(expected) > 0.1  # it spikes, and the low input saturates


def test_both_chains_settle_at_the_stationary_rate() -> None:
    noise, dt = WhiteNoise(18e-3, 5e-3), 1e-3
    made = quantise(BRUNEL, dt, 0.1e-3, 10, rounding="nearest")
    source, _ = made.input_white_noise(made.hold(noise.mu)[1], noise.sigma)
    integer, _ = transient.spikes(made.neuron, [(source, 500)])
    assert integer[-1] == pytest.approx(markov.solve(made.neuron, source).rate, rel=1e-9)
    real, error = discrete_transient.spikes(BRUNEL, [(noise, 500)], dt)
    assert error < 1e-10
    stationary = discrete_time.solve(BRUNEL, noise.mu, noise.sigma, dt)
    assert real[-1] == pytest.approx(stationary.rate * dt, rel=1e-9)


def test_the_first_spike_is_that_of_the_interval() -> None:
    """Up to the shortest second spike the transient is the first passage from v_reset."""
    found, _ = discrete_transient.spikes(BRUNEL, [(WhiteNoise(18e-3, 5e-3), 3)], 1e-3)
    isi = discrete_time.solve(BRUNEL, 18e-3, 5e-3, 1e-3).isi(5)
    assert found == pytest.approx(isi[3:6], rel=1e-8)


def test_an_integer_neuron_with_a_fine_lsb_is_the_real_one() -> None:
    dt = 1e-3
    made = quantise(BRUNEL, dt, 4e-6, 15, rounding="nearest", leak_bits=20)
    phases = STEP.phases(dt)
    sources = [made.input_white_noise(made.hold(n.mu)[1], n.sigma)[0] for n, _ in phases]
    integer, _ = transient.spikes(
        made.neuron, [(s, k) for s, (_, k) in zip(sources, phases, strict=True)]
    )
    real, _ = discrete_transient.spikes(BRUNEL, phases, dt)
    assert np.abs(integer - real).max() < 2e-3 * real.max()
    assert np.abs(np.roll(integer, 1) - real).max() > 0.05 * real.max()


def test_small_steps_approach_the_fokker_planck_equation() -> None:
    """The distance is of order sqrt(dt): a quarter of the step, half the distance."""
    (before, first), (after, second) = STEP.phases(STEP.bin)
    mu, sigma = (np.repeat(pair, [first, second]) for pair in ((before.mu, after.mu), (3e-3, 6e-3)))
    ideal = fokker_planck.evolve(
        BRUNEL, mu, sigma, STEP.duration, STEP.bin, start="reset", tolerance=1e-4
    )
    total = []
    for dt in (0.4e-3, 0.1e-3):
        found, _ = discrete_transient.spikes(BRUNEL, STEP.phases(dt), dt)
        total.append(found.sum() - ideal.rate.sum() * STEP.bin)
    assert total[0] < total[1] < 0
    assert total[0] / total[1] == pytest.approx(2, abs=0.2)


def test_reset_by_subtraction_is_refused() -> None:
    neuron = IntegerLIF(8, 40, 0, 0, leak_bits=4, leak_multiplier=13, reset="subtract")
    with pytest.raises(ValueError, match="reset must be 'value', not 'subtract'"):
        transient.spikes(neuron, [(IntegerInput.constant(3), 2)])


def test_a_phase_without_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="sigma > 0 V"):
        discrete_transient.spikes(BRUNEL, [(WhiteNoise(1e-3, 0.0), 3)], 1e-3)
