"""Balanced networks: van Vreeswijk and Sompolinsky's formulas, and LIF networks for large K."""

import json

import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.theory import balanced
from rheobase.models.theory.mean_field import fixed_points

E = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
I = LIF(tau_m=10e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)  # noqa: E741
WEIGHTS = 20e-3 * np.array([[1.0, -2.0], [1.0, -1.8]])
EXTERNAL = 20e-3 * np.array([1.0, 0.8])


def matrix(j_e, j_i):
    return np.array([[1.0, -j_e], [1.0, -j_i]])


def published(e, i, j_e, j_i):
    """1996, eq. 2 and 1998, eqs 4.3-4.4, per external rate."""
    return np.array([(j_i * e - j_e * i) / (j_e - j_i), (e - i) / (j_e - j_i)])


def test_published_rates(shared):
    table = json.loads(
        (shared / "data" / "tables" / "van_vreeswijk_1998_balanced.json").read_text()
    )
    p = table["parameters_1996_fig"]
    found = balanced.rates(matrix(p["J_E"], p["J_I"]), [p["E"], p["I"]])
    assert found == pytest.approx([table["values"]["A_E"], table["values"]["A_I"]], rel=1e-12)


def test_rates_and_conditions_are_the_published_ones():
    """The state exists if E / I > J_E / J_I > 1, for J_I > 1."""
    random = np.random.default_rng(5)
    kinds = set()
    for _ in range(600):
        e, i, j_e, j_i = random.uniform([0.2, 0.2, 0.5, 1.05], [3.0, 3.0, 5.0, 4.0])
        assert balanced.rates(matrix(j_e, j_i), [e, i]) == pytest.approx(
            published(e, i, j_e, j_i), rel=1e-6
        )
        found = balanced.balance(matrix(j_e, j_i), [e, i])
        assert found.exists == (e / i > j_e / j_i > 1)
        kinds.add(found)
    assert len(kinds) >= 4


def test_positive_rates_alone_do_not_make_a_balance():
    """E / I < J_E / J_I < 1: a saddle between silence of E and runaway."""
    found = balanced.balance(matrix(1.5, 2.0), [0.5, 1.0])
    assert found.positive and not found.stable and not found.alone and not found.exists


def test_slow_inhibition_destroys_the_balance():
    """The trace of J / tau is 1 / tau_E - J_I / tau_I."""
    assert balanced.balance(matrix(2.0, 1.8), [1.0, 0.8], [1.0, 1.79]).stable
    assert not balanced.balance(matrix(2.0, 1.8), [1.0, 0.8], [1.0, 1.81]).stable


def test_inhibition_alone_balances_its_drive():
    assert balanced.rates([[-2.0]], [10.0]) == pytest.approx([5.0])
    assert balanced.balance([[-2.0]], [10.0]).exists
    silent = balanced.balance([[-2.0]], [-10.0])
    assert not silent.positive and not silent.alone


def deviations(k):
    (point,) = fixed_points(balanced.network((E, I), WEIGHTS, EXTERNAL, 10.0, k))
    return (point.rates - balanced.rates(WEIGHTS, EXTERNAL * 10.0)) * np.sqrt(k)


def test_lif_rates_approach_the_balance_as_one_over_root_k():
    """And with the predicted slope: what is left falls as 1 / sqrt(K) again."""
    network = balanced.network((E, I), WEIGHTS, EXTERNAL, 10.0, 1.0)
    slope = balanced.correction(network)
    rest = [np.abs(deviations(k) - slope) * np.sqrt(k) for k in (1e6, 4e6, 16e6)]
    assert rest[1] / rest[0] == pytest.approx([1, 1], rel=0.03)
    assert rest[2] / rest[1] == pytest.approx([1, 1], rel=0.015)
    # with slopes that are 1 % wrong, the rest would double with each quadrupled K
    wrong = [np.abs(deviations(k) - 1.01 * slope) * np.sqrt(k) for k in (1e6, 4e6, 16e6)]
    assert np.all(np.abs(wrong[2] / wrong[1] - 1) > 0.015)


def test_correction_does_not_depend_on_the_k_of_the_network():
    one, other = (balanced.network((E, I), WEIGHTS, EXTERNAL, 10.0, k) for k in (7.0, 5e5))
    assert balanced.correction(one) == pytest.approx(balanced.correction(other), rel=1e-9)


def test_mean_and_variance_of_the_input():
    """The mean as sqrt(K), the variance independent of K."""
    rates = [12.0, 8.0]
    bracket = WEIGHTS @ rates + EXTERNAL * 10.0
    for k in (100.0, 10_000.0):
        mu, sigma = balanced.network((E, I), WEIGHTS, EXTERNAL, 10.0, k).input(rates)
        tau = np.array([20e-3, 10e-3])
        assert mu == pytest.approx(np.sqrt(k) * tau * bracket, rel=1e-12)
        assert sigma**2 == pytest.approx(tau * (WEIGHTS**2 @ rates + EXTERNAL**2 * 10.0), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: balanced.rates([1.0], [1.0]), r"weights must have shape \(n, n\), not \(1,\)"),
        (lambda: balanced.rates(np.zeros((0, 0)), []), "weights must have shape"),
        (lambda: balanced.rates(WEIGHTS, [1.0]), r"drive must have shape \(2,\)"),
        (lambda: balanced.rates(WEIGHTS, [1.0, np.nan]), "drive must be finite, not nan"),
        (lambda: balanced.rates([[1, 2], [2, 4]], [1.0, 1.0]), "weights must be invertible"),
        (lambda: balanced.balance(WEIGHTS, EXTERNAL, [1.0, 0.0]), "tau must be finite and > 0"),
        (lambda: balanced.balance(-np.eye(13), np.ones(13)), "at most 12 populations, not 13"),
        (
            lambda: balanced.network((E, I), WEIGHTS, EXTERNAL, 10.0, 0),
            "in_degree must be finite and > 0, not 0",
        ),
        (
            lambda: balanced.correction(balanced.network((E, I), WEIGHTS, -EXTERNAL, 10.0, 100)),
            "balanced rates must be between 0 and 1 / t_ref",
        ),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
