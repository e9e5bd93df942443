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


def test_at_a_point_only_its_own_error_counts():
    sampled = Sampled(SLOPES, np.sin(SLOPES), np.linspace(0.1, 1.0, 10))
    for slope, value, error in zip(SLOPES, sampled.values, sampled.errors, strict=True):
        assert sampled(slope) == pytest.approx(value, abs=1e-12)
        assert sampled.error(slope) == pytest.approx(error, abs=1e-12)


def test_the_curve_is_constant_beyond_its_ends():
    sampled = Sampled(SLOPES, np.sqrt(SLOPES), np.full(10, 0.1))
    for slope, end in ((0.01, 1.0), (1e5, 1000.0)):
        assert sampled(slope) == pytest.approx(np.sqrt(end), rel=1e-12)
        assert sampled.error(slope) == pytest.approx(0.1, abs=1e-12)
