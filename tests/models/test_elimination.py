"""Elimination without subtraction: against a dense solver, and against itself in another order."""

from math import exp, sqrt

import numpy as np
import pytest

from rheobase.models.integer import markov
from rheobase.models.integer.elimination import eliminate, stationary
from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.transitions import transitions

BRUNEL = IntegerLIF(12, 1600, 800, 20, leak_multiplier=65209)  # 12.5 uV, 0.1 ms


def white_noise(mu, sigma):
    a = exp(-0.1 / 20)
    return IntegerInput.gaussian((1 - a) * mu / 0.0125, sigma * sqrt((1 - a * a) / 2) / 0.0125, 16)


@pytest.mark.parametrize("n, lower, upper", [(1, 0, 0), (5, 2, 1), (40, 39, 39), (150, 7, 60)])
def test_elimination_of_any_shape_solves_the_system(n, lower, upper):
    rng = np.random.default_rng(n)
    offset = np.subtract.outer(np.arange(n), np.arange(n))
    q = rng.random((n, n)) * (offset <= lower) * (offset >= -upper)
    hazard = rng.random(n) * 0.1
    total = hazard + q.sum(axis=1)
    q, hazard = q / total[:, None], hazard / total
    band = np.zeros((n, lower + upper + 1))
    for i, j in np.argwhere(q > 0):
        band[i, j - i + lower] = q[i, j]
    factors = eliminate(band, lower, hazard)
    b = rng.random(n)
    # the dense solver loses the condition number, about 1 / hazard
    assert factors.solve(b) == pytest.approx(np.linalg.solve(np.eye(n) - q, b), rel=1e-11, abs=0)
    several = rng.random((n, 3))
    solved = np.linalg.solve(np.eye(n) - q, several)
    assert factors.solve(several) == pytest.approx(solved, rel=1e-11, abs=0)
    transposed = np.linalg.solve((np.eye(n) - q).T, b)
    assert factors.solve_transposed(b) == pytest.approx(transposed, rel=1e-11, abs=0)


@pytest.mark.parametrize("mu, sigma", [(25, 3), (15, 5), (0, 2.9)])
def test_the_order_of_elimination_does_not_matter(mu, sigma):
    neuron, src = BRUNEL, white_noise(mu, sigma)
    matrix = transitions(neuron, src)
    n, width = matrix.band.shape
    assert n == 3648 and width > 300
    mirrored = np.ascontiguousarray(matrix.band[::-1, ::-1])
    factors = eliminate(mirrored, width - 1 - matrix.lower, matrix.hazard[::-1].copy())
    t = factors.solve(np.ones(n))[n - 1 - matrix.after[0]]
    rounding = n * np.finfo(float).eps
    chain = markov.solve(neuron, src)
    assert chain.mean_isi == pytest.approx(t + neuron.refractory, rel=rounding, abs=0)
    assert (chain.rate < 1e-22) == (mu == 0)


def test_stationary_distribution_of_a_chain():
    rng = np.random.default_rng(1)
    q = rng.random((30, 30)) ** 4
    q /= q.sum(axis=1, keepdims=True)
    p = stationary(q)
    assert p.sum() == pytest.approx(1, abs=1e-15)
    assert p @ q == pytest.approx(p, rel=1e-13, abs=0)
    assert stationary(np.ones((1, 1))).tolist() == [1.0]


def test_stationary_distribution_keeps_its_accuracy_over_all_scales():
    """Up with probability 1e-9, down with 1/2: each is 2e-9 times as likely as the one below."""
    q = np.diag(np.full(9, 1e-9), 1) + np.diag(np.full(9, 0.5), -1)
    p = stationary(q)
    assert p[1:] / p[:-1] == pytest.approx(np.full(9, 2e-9), rel=1e-14, abs=0)
