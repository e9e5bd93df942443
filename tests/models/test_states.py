"""Brunel's states at his points of the plane of g and eta, and what tells them apart."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.models.theory import states
from rheobase.models.theory.mean_field import fixed_points
from rheobase.models.theory.stability import Stability
from rheobase.models.theory.states import brunel_network, state


@pytest.mark.parametrize(
    ("g", "eta", "name"),
    [
        (3, 2, "SR"),  # figure 8 A to D
        (6, 4, "SI fast"),
        (5, 2, "AI"),
        (4.5, 0.9, "SI slow"),
        (5, 1.2, "AI"),
        (8, 1.5, "AI"),
        (6, 0.5, "quiescent"),
    ],
)
def test_brunels_states(g, eta, name):
    network = brunel_network(g, eta)
    (point,) = fixed_points(network)
    assert state(network, point) == name


@pytest.mark.parametrize(
    ("unstable", "frequency", "cv", "name"),
    [
        (0, 100.0, 0.9, "AI"),
        (0, 100.0, 0.1, "AR"),
        (2, 100.0, 0.1, "SR"),
        (2, 84.0, 0.9, "SI fast"),  # 1 / (8 D) = 83.3 Hz
        (4, 82.0, 0.9, "SI slow"),
        (1, np.nan, 0.9, "SI slow"),
    ],
)
def test_names(monkeypatch, unstable, frequency, cv, name):
    network = brunel_network(5, 2)
    (point,) = fixed_points(network)
    monkeypatch.setattr(states, "stability", lambda n, p: Stability(unstable, frequency, 2.0))
    monkeypatch.setattr(states.siegert, "cv", lambda n, m, s: cv)
    assert state(network, point) == name


def test_without_delay_there_is_no_fast_oscillation():
    network = replace(brunel_network(6, 4), delays=0.0)
    (point,) = fixed_points(network)
    assert state(network, point) == "AI"


def test_parameters_of_the_network():
    """Brunel 2000, Table 1 A: 20 mV / (0.1 mV 1000 20 ms) = 10 Hz reaches threshold."""
    network = brunel_network(5, 2)
    assert network.external.rate == pytest.approx(20.0)
    assert network.in_degrees.tolist() == [[1000, 250]] * 2
    assert network.sizes.tolist() == [10_000, 2500]
    assert network.input([0.0, 0.0])[0] == pytest.approx(2 * 20e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"g": -1.0}, "g must be finite and >= 0, not -1"),
        ({"eta": np.nan}, "eta must be finite and >= 0, not nan"),
        ({"weight": 0.0}, "weight must be finite and > 0, not 0"),
        ({"in_degree": 0}, "in_degree must be finite and > 0, not 0"),
        ({"delay": -1.0}, "delays must be finite and >= 0"),
    ],
)
def test_bad_parameters(change, words):
    with pytest.raises(ValueError, match=words):
        brunel_network(**{"g": 5.0, "eta": 2.0, **change})
