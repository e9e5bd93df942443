"""From physical units to integers: scales, losses, and the integer neuron against the ideal one."""

from dataclasses import replace
from math import exp, inf, log, sqrt

import numpy as np
import pytest

from rheobase.models.integer import markov
from rheobase.models.integer.quantise import quantise
from rheobase.models.integer.quantised import Loss
from rheobase.models.neuron import LIF

BRUNEL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
RAISED = LIF(tau_m=20e-3, v_th=-50e-3, v_reset=-60e-3, v_rest=-70e-3, t_ref=2e-3)


def losses(lost):
    return {loss.name: loss for loss in lost}


def test_brunels_neuron_in_twelve_bits():
    q = quantise(BRUNEL, 1e-4, 12.5e-6, 12)
    p = q.neuron
    assert (p.threshold, p.v_reset, p.refractory) == (1600, 800, 20)
    assert (p.leak, p.leak_bits, p.leak_multiplier) == ("multiply", 16, round(65536 * exp(-0.005)))
    assert q.range == (-2048 * 12.5e-6, 2047 * 12.5e-6)
    lost = losses(q.lost)
    assert list(lost) == ["tau_m", "v_th", "v_reset", "t_ref"]
    assert lost["tau_m"].got == pytest.approx(-1e-4 / log(65209 / 65536), rel=1e-12, abs=0)
    assert lost["tau_m"].got == pytest.approx(20e-3, rel=1e-3, abs=0)
    for name, value in (("v_th", 20e-3), ("v_reset", 10e-3), ("t_ref", 2e-3)):
        assert lost[name].wanted == value and lost[name].got == pytest.approx(
            value, rel=1e-12, abs=0
        )


def test_integers_count_from_rest():
    a, b = (quantise(n, 1e-4, 12.5e-6, 12) for n in (BRUNEL, RAISED))
    assert a.neuron == b.neuron
    assert b.to_volts([0, 800, 1600]) == pytest.approx([-70e-3, -60e-3, -50e-3], rel=1e-12, abs=0)
    assert losses(b.lost)["v_th"] == Loss("v_th", -50e-3, b.to_volts(1600), "V")
    assert b.to_integers([-70e-3, -60.001e-3, -50e-3, 1.0, -1.0]).tolist() == [
        0,
        800,
        1600,
        2047,
        -2048,
    ]
    assert (a.drive(1e-3), a.jump(1e-3)) == (b.drive(1e-3), b.jump(1e-3))


def test_losses_are_reported():
    odd = LIF(tau_m=20e-3, v_th=19.93e-3, v_reset=-3.04e-3, t_ref=1.27e-3)
    q = quantise(odd, 1e-3, 1e-4, 9, leak_bits=6)
    lost = losses(q.lost)
    assert (q.neuron.threshold, q.neuron.v_reset, q.neuron.refractory) == (199, -30, 1)
    assert lost["v_th"].got == pytest.approx(19.9e-3) and lost["v_th"].unit == "V"
    assert lost["v_reset"].got == pytest.approx(-3.0e-3)
    assert lost["t_ref"].got == pytest.approx(1e-3) and lost["t_ref"].unit == "s"
    assert q.neuron.leak_multiplier == 61
    assert lost["tau_m"].got == pytest.approx(1e-3 / log(64 / 61))
    assert losses(quantise(odd, 1e-4, 1e-4, 9, leak_bits=6).lost)["tau_m"].got == inf
    assert losses(quantise(odd, 1.0, 1e-4, 9, leak_bits=6).lost)["tau_m"].got == 0


@pytest.mark.parametrize("dt, k", [(1e-4, 8), (1e-3, 4), (2e-3, 3), (30e-3, 1)])
def test_shift_is_the_nearest(dt, k):
    q = quantise(BRUNEL, dt, 12.5e-6, 12, leak="shift")
    assert (q.neuron.leak, q.neuron.leak_bits, q.neuron.leak_multiplier) == ("shift", k, 0)
    got = losses(q.lost)["tau_m"].got
    assert got == pytest.approx(-dt / log(1 - 2.0**-k), rel=1e-9, abs=0)
    for other in (k - 1, k + 1):
        if other >= 1:
            assert abs(got - 20e-3) < abs(-dt / log(1 - 2.0**-other) - 20e-3)


def test_widths_that_cannot_hold_the_neuron():
    with pytest.raises(ValueError, match=r"width = 11 .* 1600 LSB .* sufficient width is 12"):
        quantise(BRUNEL, 1e-4, 12.5e-6, 11)
    deep = replace(BRUNEL, v_reset=-40e-3)
    with pytest.raises(ValueError, match=r"reset at -3200 LSB.* sufficient width is 13"):
        quantise(deep, 1e-4, 12.5e-6, 12)
    for neuron, width in ((BRUNEL, 12), (deep, 13)):
        assert quantise(neuron, 1e-4, 12.5e-6, width).neuron.width == width
    for v_reset, width in ((-2048, 12), (-2049, 13)):  # the ends of the range
        exact = LIF(tau_m=20e-3, v_th=1.0, v_reset=float(v_reset))
        with pytest.raises(ValueError, match=f"sufficient width is {width}"):
            quantise(exact, 1e-3, 1.0, width - 1)
        quantise(exact, 1e-3, 1.0, width)


def test_what_is_refused():
    with pytest.raises(ValueError, match="dt must be finite and > 0, not 0"):
        quantise(BRUNEL, 0, 1e-5, 12)
    with pytest.raises(ValueError, match="lsb must be finite and > 0, not inf"):
        quantise(BRUNEL, 1e-4, inf, 12)
    with pytest.raises(ValueError, match="threshold and reset are both 0 LSB"):
        quantise(BRUNEL, 1e-4, 1.0, 12)
    with pytest.raises(ValueError, match=r"mu = 1e\+03 V|mu = 1000\.0 V"):
        quantise(BRUNEL, 1e-4, 12.5e-6, 12).input_constant(1000.0)


def test_reset_by_subtraction():
    q = quantise(BRUNEL, 1e-4, 12.5e-6, 12, reset="subtract")
    assert (q.neuron.reset, q.neuron.v_reset) == ("subtract", 0)
    assert losses(q.lost)["v_reset"] == Loss("v_reset", 10e-3, 0.0, "V")
    assert losses(quantise(RAISED, 1e-4, 12.5e-6, 12, reset="subtract").lost)[
        "v_reset"
    ].got == pytest.approx(-70e-3)


def test_a_held_drive_is_the_exact_step():
    q = quantise(BRUNEL, 1e-4, 1e-9, 32, leak_bits=24, input_width=32)
    source, (loss,) = q.input_constant(25e-3)
    assert loss.got == pytest.approx(25e-3, abs=0.5e-9 / (1 - exp(-0.005)))
    v = q.neuron.run(np.full((200, 1), source.values[0]), record=True).voltages[:, 0]
    t = 1e-4 * np.arange(1, 201)
    ideal = 25e-3 * (1 - np.exp(-t / losses(q.lost)["tau_m"].got))
    free = ideal < 20e-3
    assert free.sum() > 150
    # half an LSB of rounding per step for the leak, half for the drive, summed by the leak
    assert np.abs(q.to_volts(v) - ideal)[free].max() < 1e-9 / (1 - exp(-0.005)) + 25e-3 * 1e-5


def test_white_noise_moments():
    q = quantise(BRUNEL, 1e-3, 50e-6, 10)
    source, lost = q.input_white_noise(15e-3, 5e-3)
    a = exp(-1e-3 / 20e-3)
    assert source.mean * 50e-6 == pytest.approx((1 - a) * 15e-3, rel=1e-9, abs=0)
    sd = 5e-3 * sqrt((1 - a * a) / 2)
    assert source.variance * 50e-6**2 == pytest.approx(sd**2 + 50e-6**2 / 12, rel=1e-9, abs=0)
    lost = losses(lost)
    assert lost["mu"].got == pytest.approx(15e-3, rel=1e-9, abs=0)
    assert lost["sigma"].got == pytest.approx(5e-3, rel=1e-3, abs=0) and lost["sigma"].got > 5e-3
    narrow = quantise(BRUNEL, 1e-3, 50e-6, 10, input_width=4)  # saturates: the loss is seen
    lost = losses(narrow.input_white_noise(15e-3, 5e-3)[1])
    assert lost["mu"].got < 8e-3 and lost["sigma"].got < 2e-3


def test_poisson_weights_are_rounded_and_the_loss_reported():
    q = quantise(BRUNEL, 1e-4, 50e-6, 10)
    source, lost = q.input_poisson(5e-3, [8000.0, 2000.0], [0.22e-3, -0.43e-3])
    lost = losses(lost)
    assert source.mean == pytest.approx(0.8 * 4 - 0.2 * 9 + round(q.drive(5e-3)), rel=1e-12, abs=0)
    assert lost["weight 0"] == Loss("weight 0", 0.22e-3, 4 * 50e-6, "V")
    assert lost["weight 1"] == Loss("weight 1", -0.43e-3, -9 * 50e-6, "V")
    one = 1 - exp(-0.005)
    assert lost["mu"].wanted == 5e-3
    assert lost["mu"].got == pytest.approx(round(q.drive(5e-3)) * 50e-6 / one, rel=1e-9, abs=0)
    wanted = 5e-3 + (8000 * 0.22e-3 - 2000 * 0.43e-3) * 1e-4 / one
    assert lost["mean drive"].wanted == pytest.approx(wanted, rel=1e-12, abs=0)
    assert lost["mean drive"].got == pytest.approx(source.mean * 50e-6 / one, rel=1e-12, abs=0)
    sd = sqrt((1 - exp(-0.01)) / 2)
    variance = (8000 * 0.22e-3**2 + 2000 * 0.43e-3**2) * 1e-4
    assert lost["sigma"].wanted == pytest.approx(sqrt(variance) / sd, rel=1e-12, abs=0)
    assert lost["sigma"].got == pytest.approx(sqrt(source.variance) * 50e-6 / sd, rel=1e-12, abs=0)


def test_the_integer_neuron_is_the_ideal_one_to_an_lsb():
    """A floating-point rate lies between those of the chain with the threshold an LSB off."""
    q = quantise(BRUNEL, 1e-3, 50e-6, 10, leak_bits=20, rounding="stochastic")
    source, _ = q.input_white_noise(25e-3, 3e-3)
    high, chain, low = (
        markov.solve(replace(q.neuron, threshold=q.neuron.threshold + k), source)
        for k in (-1, 0, 1)
    )
    assert high.rate > chain.rate > low.rate > 0.98 * high.rate
    rng, steps, n = np.random.default_rng(5), 3000, 2000
    a, v, r, spikes = exp(-0.05), np.full(n, 10e-3), np.zeros(n, int), 0
    for _ in range(steps):
        noise = 3e-3 * sqrt((1 - a * a) / 2) * rng.standard_normal(n)
        v = np.where(r > 0, v, a * v + (1 - a) * 25e-3 + noise)
        fired = (r == 0) & (v >= 20e-3)
        v[fired], r = 10e-3, np.where(fired, 2, np.maximum(r - 1, 0))
        spikes += fired.sum()
    expected = n * ((steps + 2.5) * chain.rate + (chain.cv**2 - 1) / 2)  # as in test_markov
    error = 4 * chain.cv / sqrt(spikes)
    ratio = chain.rate * spikes / expected
    assert low.rate * (1 - error) < ratio < high.rate * (1 + error)
