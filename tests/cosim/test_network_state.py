"""The states of spike trains whose regularity and synchrony are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rheobase.cosim.network_state import network_state

N, DT, STEPS, FIRST = 200, 1e-3, 4000, 200
RNG = np.random.default_rng(1)
Z = 4.0  # standard errors that a test allows: one in 16,000


def poisson(n: int) -> np.ndarray:
    """Spikes of each step and neuron at 30 Hz."""
    return RNG.random((STEPS, n)) < 30 * DT


def clocks(phases: np.ndarray) -> np.ndarray:
    """Neurons that fire every 40 steps."""
    return (np.arange(STEPS)[:, None] + phases) % 40 == 0


@pytest.mark.parametrize(
    ("name", "spikes", "together"),
    [
        ("AI", poisson(N), False),
        ("SI", np.repeat(poisson(1), N, axis=1), True),
        ("AR", clocks(np.arange(N)), False),
        ("SR", clocks(np.zeros(N, int)), True),
    ],
)
def test_each_state_has_its_name(name: str, spikes: np.ndarray, together: bool) -> None:
    found = network_state(*spikes.nonzero(), N, DT, FIRST, STEPS)
    assert found is not None and found.name == name
    p = spikes[FIRST:].mean()
    if together:  # one train's variance over its squared mean
        assert found.synchrony == pytest.approx((1 - p) / p, rel=1e-3)
    elif name == "AR":  # five in each step, always: the neurons' variances cancel the covariances
        assert found.synchrony == pytest.approx(-(1 - p) / p / (N - 1), rel=1e-3)
    else:
        assert abs(found.synchrony) < Z * np.sqrt(2 / (STEPS - FIRST)) / (N * p)
    # A geometric interval has CV^2 = 1 - p.
    assert found.cv == (pytest.approx(0, abs=1e-9) if name[1] == "R" else pytest.approx(1, abs=0.1))


FINE, LONG, MANY = 0.25e-3, 8001, 1000  # s, steps, neurons
PHASE = 2 * np.pi * np.arange(LONG) / 20  # 200 Hz
SINUSOID, VOLLEYS = 1 + 0.8 * np.cos(PHASE), (1 + np.cos(PHASE)) ** 2 / 1.5


def modulated(rate: float, shape: NDArray) -> NDArray:
    """Spikes of Poisson neurons of `rate` in Hz, all modulated by `shape`."""
    return RNG.random((LONG, MANY)) < rate * FINE * shape[:, None]


def mean_square(shape: NDArray) -> float:
    """Of its modulation, in bins of 0.5 ms that end with the run."""
    each = [(a + b) / 2 - 1 for a, b in zip(shape[1::2], shape[2::2], strict=True)]
    return sum(x * x for x in each) / len(each)


@pytest.mark.parametrize("rate", [8.0, 80.0])
@pytest.mark.parametrize(("name", "shape"), [("AI", SINUSOID), ("SI", VOLLEYS)])
def test_neurons_that_fire_rarely_may_fire_in_volleys(
    name: str, rate: float, shape: NDArray
) -> None:
    """The error is that of the counts K: what adds up to the synchrony is (K - mean)^2 - K."""
    found = network_state(*modulated(rate, shape).nonzero(), MANY, FINE, 0, LONG)
    assert found is not None and found.name == name
    mean = 2 * MANY * rate * FINE
    d = mean * (shape[1:].reshape(-1, 2).mean(axis=1) - 1)
    variance = 2 * (mean + d) ** 2 + 4 * d**2 * (mean + d)  # of Poisson counts of mean + d
    error = np.sqrt(variance.mean() / d.size) / mean**2
    assert abs(found.synchrony - mean_square(shape)) < Z * error


def test_the_same_trains_shifted_in_time_are_asynchronous() -> None:
    spikes = modulated(8.0, VOLLEYS)
    for train, shift in zip(spikes.T, RNG.integers(LONG, size=MANY), strict=True):
        train[:] = np.roll(train, shift)
    found = network_state(*spikes.nonzero(), MANY, FINE, 0, LONG)
    assert found is not None and found.name == "AI"
    # Of random phases, pairs have a mean square of about 1 / MANY.
    error = np.sqrt(2 / (LONG // 2)) / (2 * MANY * 8.0 * FINE) + 1 / MANY
    assert abs(found.synchrony) < Z * error


def test_a_network_of_which_fewer_than_two_fire_has_no_state() -> None:
    assert network_state(np.array([5]), np.array([0]), N, DT, 0, STEPS) is None
    steps = np.arange(0, STEPS, 20)
    assert network_state(steps, np.zeros_like(steps), N, DT, 0, STEPS) is None
