"""What rounding does, in closed form: against the leak itself and the free membrane's mean."""

import numpy as np
import pytest

from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.laws import dead_zone, decay, rounding_bias
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.leak import targets


@pytest.mark.parametrize("leak", ["multiply", "shift"])
@pytest.mark.parametrize("rounding", ["floor", "nearest", "stochastic"])
def test_dead_zone_is_where_the_leak_does_nothing(leak, rounding):
    multiplier = 253 if leak == "multiply" else 0
    neuron = IntegerLIF(12, 2000, 0, 0, leak, 8, multiplier, rounding)
    v = np.arange(-500, 501)
    still = neuron.run(np.zeros((1, v.size), int), v0=v).v == v
    if rounding == "stochastic":
        still = sum(p * (u == v) for u, p in targets(neuron, v)) == 1
    low, high = dead_zone(neuron, 1.0)
    inside = (v > low) & (v < high)
    assert still[inside].all()
    assert not still[(v < low) | (v > high)].any()
    assert inside.any() == (rounding != "stochastic")


def test_eight_bits_rounded_to_nearest_are_a_perfect_integrator():
    neuron = IntegerLIF(8, 100, 50, 20, leak_multiplier=65209)  # Brunel 2000, 0.2 mV, 0.1 ms
    low, high = dead_zone(neuron, 0.2)
    assert high == -low > 20 and low < -19.9  # mV: beyond the threshold
    assert 0.2 / (2 * (1 - decay(neuron))) == high


@pytest.mark.parametrize("leak", ["multiply", "shift"])
@pytest.mark.parametrize("rounding", ["floor", "nearest", "stochastic"])
def test_rounding_bias_is_a_shift_of_the_drive(leak, rounding):
    """The free membrane's mean, exactly from the chain, moves by the bias (no threshold near)."""
    lsb = 0.2
    neuron = IntegerLIF(16, 30000, 0, 0, leak, 4, 13 if leak == "multiply" else 0, rounding)
    currents = IntegerInput.gaussian(2.0, 12.0, 16)
    bias = rounding_bias(neuron, lsb)
    ideal = currents.mean / (1 - decay(neuron))
    assert (free_mean(neuron, currents) - ideal) * lsb == pytest.approx(bias, abs=1e-6)
    if rounding == "floor":
        nominal = lsb / (2 * (1 - decay(neuron))) * (-1 if leak == "multiply" else 1)
        assert bias == pytest.approx(nominal * (1 - 2**-4), rel=1e-12, abs=0)


def free_mean(neuron, src):
    """Mean of the free membrane by power iteration of the leak and the input's distribution."""
    states = np.arange(-1000, 1001)
    p = (states == 0) * 1.0
    kernel = np.zeros(2 * int(np.abs(src.values).max()) + 1)
    kernel[src.values + kernel.size // 2] = src.probabilities
    for _ in range(350):  # 22 time constants
        after = np.zeros(states.size)
        for u, pu in targets(neuron, states):
            after += np.bincount(u + 1000, p * pu, states.size)
        p = np.convolve(after, kernel, "same")
    return float(p @ states)


def test_laws_refuse_a_neuron_without_leak():
    neuron = IntegerLIF(12, 2000, leak_bits=8, leak_multiplier=256)
    for law in (rounding_bias, dead_zone):
        with pytest.raises(ValueError, match="leak_multiplier = 256 is no leak"):
            law(neuron, 1.0)
