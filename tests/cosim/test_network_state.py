"""The states of spike trains whose regularity and synchrony are known."""

import numpy as np
import pytest

from rheobase.cosim.network_state import network_state

N, DT, STEPS = 200, 1e-3, 4000
RNG = np.random.default_rng(1)


def poisson(n: int) -> np.ndarray:
    """Spikes of each step and neuron at 30 Hz."""
    return RNG.random((STEPS, n)) < 30 * DT


def clocks(phases: np.ndarray) -> np.ndarray:
    """Neurons that fire every 40 steps."""
    return (np.arange(STEPS)[:, None] + phases) % 40 == 0


@pytest.mark.parametrize(
    ("name", "spikes"),
    [
        ("AI", poisson(N)),
        ("SI", np.repeat(poisson(1), N, axis=1)),
        ("AR", clocks(np.arange(N))),
        ("SR", clocks(np.zeros(N, int))),
    ],
)
def test_each_state_has_its_name(name: str, spikes: np.ndarray) -> None:
    found = network_state(*spikes.nonzero(), N, DT, 201, STEPS)
    assert found is not None and found.name == name
    # Independent trains have chi^2 = 1 / N; a geometric interval has CV^2 = 1 - p.
    if name[0] == "S":
        assert found.synchrony == pytest.approx(1)
    else:
        assert found.synchrony < 2 / N
    assert found.cv == (pytest.approx(0, abs=1e-9) if name[1] == "R" else pytest.approx(1, abs=0.1))


def test_a_network_of_few_spikes_has_no_state() -> None:
    assert network_state(np.array([5]), np.array([0]), N, DT, 0, STEPS) is None
