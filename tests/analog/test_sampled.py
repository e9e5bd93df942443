"""A curve between its measured points, and what it says of its error there."""

from collections.abc import Callable

import numpy as np
import pytest

from rheobase.analog.sampled import Sampled

SLOPES = np.geomspace(1.0, 1000.0, 10)
CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "power": np.sqrt,
    "minimum": lambda s: (np.log(s) - 3.1) ** 2 + 1,
    "step": lambda s: 1 / (1 + (s / 20) ** 4),
}


def off(sampled: Sampled, curve: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Errors between all points, over their stated bounds."""
    t = np.geomspace(1.0, 1000.0, 500)[1:-1]
    found = np.array([sampled(s) for s in t.tolist()])
    return np.abs(found - curve(t)) / np.array([sampled.error(s) for s in t.tolist()])


@pytest.mark.parametrize("name", CURVES)
def test_the_error_between_points_is_within_its_bound(name: str):
    curve = CURVES[name]
    assert off(Sampled(SLOPES, curve(SLOPES), np.zeros(10)), curve).max() < 1


def test_a_bound_from_less_than_what_was_missed_would_be_seen():
    """The bound is generous, but a tenth of it does not hold."""
    curve = CURVES["step"]
    sampled = Sampled(SLOPES, curve(SLOPES), np.zeros(10))
    assert off(sampled, curve).max() > 0.1


def test_errors_of_the_points_add_to_what_interpolation_misses():
    exact, measured = (Sampled(SLOPES, np.sqrt(SLOPES), np.full(10, e)) for e in (0.0, 0.1))
    for slope in (0.01, 1.0, 3.0, 70.0, 1e5):
        assert measured.error(slope) - exact.error(slope) == pytest.approx(0.1, abs=1e-12)


def test_a_straight_line_misses_nothing():
    line = Sampled(SLOPES, np.log(SLOPES), np.zeros(10))
    assert max(line.error(slope) for slope in (1.0, 3.0, 70.0)) < 1e-12


def test_the_curve_is_constant_beyond_its_ends():
    sampled = Sampled(SLOPES, np.sqrt(SLOPES), np.zeros(10))
    for slope, end in ((0.01, 1.0), (1e5, 1000.0)):
        assert sampled(slope) == pytest.approx(np.sqrt(end), rel=1e-12)
        assert sampled.error(slope) == sampled.error(end)
