"""What a modulation does to the mean rate, against what is known at its ends."""

import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.theory import rectification as module
from rheobase.models.theory import siegert
from rheobase.models.theory.rectification import rectification

CELL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
INPUTS = [(17e-3, 5e-3), (23e-3, 3e-3), (5e-3, 10e-3)]


@pytest.mark.parametrize(("mu", "sigma"), INPUTS)
def test_a_slow_modulation_bends_the_rate(mu: float, sigma: float) -> None:
    step = 0.02 * sigma
    minus, here, plus = (float(siegert.rate(CELL, mu + k * step, sigma)) for k in (-1, 0, 1))
    (found,), _ = rectification(CELL, mu, sigma, np.array([1e-3]))
    assert found == pytest.approx((plus - 2 * here + minus) / step**2 / 2, rel=5e-3)


@pytest.mark.parametrize(("mu", "sigma"), INPUTS)
def test_modulations_of_all_frequencies_are_white_noise(
    mu: float, sigma: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where R falls as its power -3/2, beyond the last frequency, 1 to 4 % are missing."""
    monkeypatch.setattr(module, "_CELLS", 4000)
    frequency = np.union1d(np.geomspace(0.01, 1e5, 300), np.arange(1.0, 400.0))
    found = 2 * np.trapezoid(rectification(CELL, mu, sigma, frequency)[0], frequency) * CELL.tau_m
    white = float(siegert.rate_dsigma(CELL, mu, sigma)) / (2 * sigma)
    assert 0.955 * white < found < 0.995 * white


@pytest.mark.parametrize(("mu", "sigma"), INPUTS)
def test_spikes_are_a_renewal_process(mu: float, sigma: float) -> None:
    _, (slow, fast) = rectification(CELL, mu, sigma, np.array([1e-3, 1e4]))
    rate, cv = (float(of(CELL, mu, sigma)) for of in (siegert.rate, siegert.cv))
    assert slow == pytest.approx(rate * cv**2, rel=2e-3)
    assert fast == pytest.approx(rate, rel=2e-3)
