"""Stimuli: checks and the drives that they give."""

import re

import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.stimulus import Constant, InputSpikes, Poisson, RecordedCurrent, WhiteNoise

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=0.0, c_m=100e-12)


def test_pulses_keep_their_area_on_any_grid() -> None:
    spikes = InputSpikes((1e-3, 1.05e-3, 7e-3), amplitude=2.0, width=1e-4, duration=1e-2)
    for dt in (1e-5, 1e-4, 1e-3):
        drive = spikes.drive(NEURON, dt)
        assert len(drive) == round(1e-2 / dt)
        assert drive.sum() * dt == pytest.approx(3 * 2.0 * 1e-4, rel=1e-6)
    assert np.flatnonzero(spikes.drive(NEURON, 1e-4)).tolist() == [10, 11, 70]


def test_a_recording_keeps_its_charge() -> None:
    t = np.array([0.0, 1e-3, 3e-3, 4e-3]) + 5.0
    current = RecordedCurrent(t, np.array([1e-12, -2e-12, 0.0, 3e-12]))
    assert current.duration == pytest.approx(5e-3)
    for dt in (1e-4, 5e-4, 2.5e-3):
        charge = current.drive(NEURON, dt).sum() * dt / NEURON.resistance
        assert charge == pytest.approx(1e-15 - 4e-15 + 3e-15, abs=1e-20)
    assert current.drive(NEURON, 1e-3)[1] == pytest.approx(-2e-12 * NEURON.resistance)


def test_diffusion_has_the_mean_and_variance_of_the_synapses() -> None:
    noise = Poisson((20e3, 3e3), (1e-4, -5e-4), mu=6e-3).diffusion(20e-3)
    assert noise.mu == pytest.approx(16e-3)
    assert noise.sigma**2 == pytest.approx(20e-3 * (20e3 * 1e-8 + 3e3 * 25e-8))


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: Constant(()), "mu must name at least one drive"),
        (lambda: WhiteNoise(1e-3, -1e-3), "sigma must be >= 0 V, not -0.001"),
        (lambda: WhiteNoise(float("inf"), 0.0), "mu must be finite, not inf"),
        (lambda: Poisson((1.0,), (1e-3, 2e-3)), "of the same length"),
        (lambda: Poisson((0.0,), (1e-3,)), "rates must be > 0 Hz, not 0.0"),
        (lambda: InputSpikes((2.0,), 1.0, 1e-3, 1.0), "times must be in 0 .. 1.0 s, not 2.0"),
        (lambda: InputSpikes((0.0,), 1.0, 0.0, 1.0), "width and duration must be > 0 s"),
        (
            lambda: RecordedCurrent(np.array([0.0, 0.0]), np.zeros(2)),
            "t must rise from sample to sample",
        ),
        (lambda: RecordedCurrent(np.array([0.0]), np.zeros(1)), "of one length >= 2"),
    ],
)
def test_mistakes(build: object, error: str) -> None:
    with pytest.raises(ValueError, match=re.escape(error)):
        build()  # type: ignore[operator]
