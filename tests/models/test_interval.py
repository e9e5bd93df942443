"""Waiting times followed step by step, then as geometric."""

import numpy as np
import pytest

from rheobase.models.interval import STEPS, follow


class Coin:
    """Escapes with probability 0 in the first step, then `p` in every step."""

    def __init__(self, p: float) -> None:
        self.p, self.left, self.calls = p, 1.0, 0

    def advance(self) -> tuple[float, float]:
        self.calls += 1
        escaped = self.left * self.p if self.calls > 1 else 0.0
        self.left -= escaped
        return escaped, self.left


def test_the_settled_rest_is_the_one_that_steps_would_give():
    coin = Coin(0.01)
    pmf, tail = follow(coin.advance, 3, 2000)
    assert coin.calls < STEPS + 5
    expected = np.zeros(2001)
    expected[4:] = 0.01 * 0.99 ** np.arange(1997)
    np.testing.assert_allclose(pmf, expected, rtol=1e-11, atol=0)
    assert tail == pytest.approx(0.99**1997, rel=1e-11)
    assert pmf.sum() + tail == pytest.approx(1, abs=1e-12)


def test_what_has_all_escaped_leaves_nothing():
    pmf, tail = follow(Coin(1.0).advance, 1, 300)
    assert tail == 0 and pmf[2] == 1 and pmf.sum() == 1


def test_an_interval_too_short_to_escape_is_left():
    pmf, tail = follow(Coin(0.5).advance, 5, 2)
    assert not pmf.any() and tail == 1


def test_n_max_is_checked():
    with pytest.raises(ValueError, match="n_max must be >= 0, not -1"):
        follow(Coin(0.5).advance, 1, -1)
