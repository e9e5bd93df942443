"""The chain of a TrueNorth neuron against a count of all its random numbers, and Monte Carlo."""

from dataclasses import replace
from math import isnan, sqrt

import numpy as np
import pytest

from rheobase.models.integer import markov
from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.kind import run
from rheobase.models.integer.truenorth import TrueNorth
from tests.naive_truenorth import naive

PLAIN = TrueNorth(
    8, "saturate", threshold=20, negative_threshold=-30, leak=-2, leak_reversal=True,
    no_ringing=True, negative_saturation=True,
)  # fmt: skip
NEURONS = {
    "constant leak": PLAIN,
    "stochastic leak": replace(PLAIN, leak=-100, leak_stochastic=True),
    "stochastic threshold": replace(PLAIN, mask_bits=3, v_reset=3),
    "both": replace(PLAIN, leak=-30, leak_stochastic=True, mask_bits=2, v_reset=-2),
    "forward leak": replace(
        PLAIN, leak=-40, leak_stochastic=True, leak_reversal=False, no_ringing=False
    ),
    "ringing, compared before the leak": replace(
        PLAIN, leak=-3, no_ringing=False, leak_after_compare=True
    ),
    "reset from below": replace(PLAIN, negative_saturation=False, mask_bits=2, v_reset=5),
    "saturating": replace(PLAIN, width=6, threshold=20, negative_threshold=-32),
}
SOURCE = IntegerInput(np.array([-6, -1, 2, 5, 9]), np.array([0.2, 0.2, 0.3, 0.2, 0.1]))


def counted(neuron, source):
    """Mean and variance of the interval; every rho, eta and input of every state, one by one."""
    etas = 2**neuron.mask_bits
    low, high = neuron.state["v"].low, neuron.state["v"].high
    n = high - low + 1
    onward = np.zeros((n, n))
    rhos = range(256) if neuron.leak_stochastic else (0,)
    for v in range(low, high + 1):
        for i, p in zip(source.values.tolist(), source.probabilities, strict=True):
            for rho in rhos:
                for eta in range(etas):
                    spike, _, after = naive(neuron, v, i, rho + 256 * eta)
                    if not spike:
                        onward[v - low, after - low] += p / etas / len(rhos)
    waiting, reached = [neuron.v_reset - low], {neuron.v_reset - low}
    while waiting:
        for w in np.flatnonzero(onward[waiting.pop()]).tolist():
            if w not in reached:
                reached.add(w)
                waiting.append(w)
    kept = sorted(reached)
    q = onward[np.ix_(kept, kept)]
    one = np.eye(len(kept))
    t = np.linalg.solve(one - q, np.ones(len(kept)))
    second = np.linalg.solve(one - q, 2 * t - 1)
    at = kept.index(neuron.v_reset - low)
    return t[at], second[at] - t[at] ** 2, q, at


@pytest.mark.parametrize("name", NEURONS)
def test_moments_and_distribution_equal_the_count(name):
    neuron = NEURONS[name]
    mean, variance, q, at = counted(neuron, SOURCE)
    chain = markov.solve(neuron, SOURCE)
    assert chain.mean_isi == pytest.approx(mean, rel=1e-10)
    assert chain.variance == pytest.approx(variance, rel=1e-9)
    pmf, _ = markov.isi_pmf(neuron, SOURCE, 40)
    state = np.eye(len(q))[at]
    for n in range(1, 41):
        before, state = state.sum(), state @ q
        assert pmf[n] == pytest.approx(before - state.sum(), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("name", NEURONS)
def test_monte_carlo(name):
    neuron, n, steps = NEURONS[name], 500, 4000
    chain = markov.solve(neuron, SOURCE)
    rng = np.random.default_rng(2)
    given = {
        "i": SOURCE.sample(rng, (steps, n)),
        "x": rng.integers(0, 2**32, (steps, n)),
    }
    spikes = run(neuron, given).spikes[0]
    counts = np.count_nonzero(spikes >= 1000)
    expected = n * (steps - 1000) / chain.mean_isi
    z = (counts - expected) / (chain.cv * sqrt(expected))
    assert abs(z) < 4
    wrong = markov.solve(replace(neuron, threshold=neuron.threshold + 1), SOURCE)
    assert abs(counts - n * (steps - 1000) / wrong.mean_isi) > 8 * chain.cv * sqrt(expected)


def test_a_drive_that_the_leak_takes_away_is_silence():
    chain = markov.solve(PLAIN, IntegerInput.constant(2))
    assert chain.rate == 0 and isnan(chain.cv)
    assert markov.solve(PLAIN, IntegerInput.constant(3)).mean_isi == 20
    stochastic = markov.solve(NEURONS["stochastic leak"], IntegerInput.constant(1))
    assert stochastic.rate > 0 and stochastic.cv > 0


def test_what_the_chain_refuses():
    for neuron, source, message in [
        (replace(PLAIN, reset="subtract"), SOURCE, "reset 'value' and overflow 'saturate'"),
        (replace(PLAIN, overflow="wrap"), SOURCE, "not 'value' and 'wrap'"),
        (replace(PLAIN, v_reset=20), SOURCE, "must rise, not -30, 20, 20"),
        (PLAIN, IntegerInput.constant(1 << 16), "must be in -65536 .. 65535, not 65536"),
    ]:
        with pytest.raises(ValueError, match=message):
            markov.solve(neuron, source)
