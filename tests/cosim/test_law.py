"""The law of a neuron whose chain is too large to eliminate."""

import pytest

from rheobase.cosim.substrates import law
from rheobase.models.integer.quantise import quantise
from rheobase.models.integer.quantise_spinnaker import quantise_spinnaker
from rheobase.models.neuron import LIF
from rheobase.models.stimulus import WhiteNoise


def test_an_iterated_chain_has_the_rate_of_elimination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which the law of real numbers misses by more than a part in a thousand."""
    noise = WhiteNoise(20e-3, 4e-3)
    made = quantise(LIF(20e-3, 20e-3, 0.0), 1e-4, 15.6e-6, 12)
    source, lost = made.input_white_noise(noise.mu, noise.sigma)
    rates = []
    for operations, states in ((5e9, 1 << 17), (0, 1 << 17), (0, 0)):
        monkeypatch.setattr(law, "MOST_OPERATIONS", operations)
        monkeypatch.setattr(law, "MOST_STATES", states)
        found = law.noise(made, noise, source, lost)
        assert found.exact == (operations > 0)
        rates.append(found.rate)
    eliminated, iterated, real = rates
    assert iterated == pytest.approx(eliminated, rel=1e-5)
    assert abs(real / eliminated - 1) > 1e-3


def test_a_spinnaker_neuron_has_a_rate_with_a_proved_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As close as the law of real numbers, which is only an estimate."""
    noise = WhiteNoise(20e-3, 4e-3)
    made, rest = quantise_spinnaker(LIF(20e-3, 20e-3, 0.0), 1e-3).hold(noise.mu)
    source, lost = made.input_white_noise(rest, noise.sigma)
    found = law.noise(made, noise, source, lost)
    monkeypatch.setattr(law, "MOST_STATES", 0)
    real = law.noise(made, noise, source, lost)
    assert found.error < 1e-3
    assert found.shape_error == real.error
    assert found.rate != real.rate
    assert abs(found.rate / real.rate - 1) <= found.error + real.error
