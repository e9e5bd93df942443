"""What rounding does, in closed form: against the leak itself and the free membrane's mean."""

from itertools import pairwise

import numpy as np
import pytest

from rheobase.models.integer import markov
from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.laws import dead_zone, decay, rounding_bias, width_for
from rheobase.models.integer.leak import targets
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.quantise import quantise
from rheobase.models.neuron import LIF
from rheobase.models.theory import discrete_time


@pytest.mark.parametrize("leak", ["multiply", "shift"])
@pytest.mark.parametrize("rounding", ["floor", "nearest", "stochastic", "truncate"])
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
    exact = rounding == "stochastic" or (leak, rounding) == ("multiply", "truncate")
    assert inside.any() == (not exact)


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


@pytest.mark.parametrize("leak", ["multiply", "shift"])
@pytest.mark.parametrize("side", [1, -1])
def test_truncation_shifts_the_drive_toward_rest(leak, side):
    neuron = IntegerLIF(16, 30000, 0, 0, leak, 4, 13 if leak == "multiply" else 0, "truncate")
    currents = IntegerInput.gaussian(side * 30.0, 12.0, 16)  # far from 0 on one side
    shift = free_mean(neuron, currents) - currents.mean / (1 - decay(neuron))
    assert side * shift == pytest.approx(rounding_bias(neuron, 1.0), abs=1e-6)
    assert rounding_bias(neuron, 1.0) * (1 if leak == "multiply" else -1) < 0


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


# --- the width that an accuracy needs -----------------------------------------------------------

BRUNEL = LIF(tau_m=0.02, v_th=0.02, v_reset=0.01)
POINTS = [  # dt, mu, sigma, accuracy; whose chains are small
    ("floor", 2e-3, 0.015, 0.005, 0.05),
    ("floor", 2e-3, 0.025, 0.003, 0.01),
    ("floor", 1e-3, 0.025, 0.003, 0.05),
    ("truncate", 1e-3, 0.015, 0.005, 0.05),
    ("truncate", 1e-3, 0.025, 0.003, 0.05),
    ("nearest", 1e-3, 0.015, 0.005, 0.01),
    ("nearest", 1e-3, 0.025, 0.003, 0.01),
    ("nearest", 1e-3, 0.012, 0.004, 0.05),
    ("nearest", 5e-4, 0.019, 0.002, 0.05),
    ("stochastic", 1e-3, 0.015, 0.005, 0.01),
    ("stochastic", 1e-3, 0.012, 0.004, 0.05),
    ("stochastic", 5e-4, 0.019, 0.002, 0.05),
    ("stochastic", 2e-4, 0.015, 0.005, 0.05),
]
ROUNDINGS = ["floor", "nearest", "stochastic", "truncate"]


def off(dt, mu, sigma, lsb, bits, rounding):
    """Relative error of the integer neuron's rate, by its chain and the real-valued one's."""
    made = quantise(BRUNEL, dt, lsb, bits, leak_bits=24, rounding=rounding)
    source, _ = made.input_white_noise(mu, sigma)
    rate = markov.solve(made.neuron, source).rate / dt
    return rate / discrete_time.solve(BRUNEL, mu, sigma, dt).rate - 1


@pytest.mark.parametrize("rounding, dt, mu, sigma, accuracy", POINTS)
def test_the_width_gives_the_accuracy(rounding, dt, mu, sigma, accuracy):
    lsb, bits = width_for(BRUNEL, mu, sigma, dt, accuracy, rounding)
    assert abs(off(dt, mu, sigma, lsb, bits, rounding)) <= accuracy


@pytest.mark.parametrize("rounding, dt, mu, sigma, accuracy", [POINTS[0], POINTS[5], POINTS[10]])
def test_a_law_that_is_four_times_too_generous_is_caught(rounding, dt, mu, sigma, accuracy):
    lsb, bits = width_for(BRUNEL, mu, sigma, dt, accuracy, rounding)
    assert abs(off(dt, mu, sigma, 4 * lsb, bits, rounding)) > accuracy


def test_one_bit_less_saturates_or_cannot_hold_the_threshold():
    for mu, sigma in ((0.0, 0.012), (0.015, 0.005)):
        lsb, bits = width_for(BRUNEL, mu, sigma, 1e-3, 0.05, "stochastic")
        if mu > 0:
            with pytest.raises(ValueError, match="the smallest sufficient width"):
                quantise(BRUNEL, 1e-3, lsb, bits - 2)
        else:
            whole = off(1e-3, mu, sigma, lsb, bits, "stochastic")
            less = off(1e-3, mu, sigma, lsb, bits - 1, "stochastic")
            assert abs(less - whole) > 0.05 * 0.01  # the share that saturation may take


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_more_accuracy_takes_a_smaller_lsb(rounding):
    found = [
        width_for(BRUNEL, 0.015, 0.005, 1e-4, accuracy, rounding)
        for accuracy in (0.1, 0.03, 0.01, 1e-3, 1e-4)
    ]
    assert all(a.lsb > b.lsb and a.bits <= b.bits for a, b in pairwise(found))


def test_the_width_does_not_depend_on_where_the_rest_is():
    shifted = LIF(tau_m=0.02, v_th=-0.045, v_reset=-0.055, v_rest=-0.065)
    a, b = (width_for(neuron, 0.015, 0.005, 1e-3, 0.01) for neuron in (BRUNEL, shifted))
    assert a.bits == b.bits and a.lsb == pytest.approx(b.lsb, rel=1e-12)


def test_a_drive_far_above_threshold_takes_few_bits_below_rest():
    lsb, bits = width_for(BRUNEL, 0.1, 1e-3, 1e-4, 0.01, "stochastic")
    assert 2 ** (bits - 2) * lsb < 0.02 < 2 ** (bits - 1) * lsb


def test_width_for_refuses():
    for change, message in [
        ({"sigma": 0.0}, r"sigma must be finite and > 0 V, not 0\.0"),
        ({"mu": float("nan")}, "mu must be finite"),
        ({"dt": 0.0}, r"dt must be finite and > 0 s, not 0\.0"),
        ({"accuracy": 0.2}, r"accuracy must be > 0 and <= 0\.1, not 0\.2"),
        ({"rounding": "up"}, "rounding must be floor, nearest, stochastic or truncate, not 'up'"),
        ({"sigma": 1e-4}, "leave no rate that a double can hold"),
        ({"accuracy": 1e-13}, "bits, more than 32"),
    ]:
        given = {"mu": 0.015, "sigma": 0.005, "dt": 1e-3, "accuracy": 0.01, **change}
        with pytest.raises(ValueError, match=message):
            width_for(BRUNEL, **given)
