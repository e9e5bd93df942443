"""The floating-point population: its update rule step by step, its streams, its statistics."""

from math import exp, sqrt

import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.reference import lif

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
FREE = LIF(tau_m=20e-3, v_th=1e3, v_reset=0.0)  # never spikes


def test_the_update_rule_written_out():
    neuron = LIF(tau_m=10e-3, v_th=-50e-3, v_reset=-60e-3, v_rest=-65e-3, t_ref=2.9e-3)
    x = np.random.default_rng(0).uniform(0, 60e-3, (400, 3))
    run = lif.given(neuron, x, dt=1e-3, record=(0, 1, 2), v0=[-65e-3, -60e-3, -51e-3])
    spikes, v = [], [-65e-3, -60e-3, -51e-3]
    counter, a = [0, 0, 0], exp(-0.1)
    for step in range(400):
        for i in range(3):
            if counter[i]:
                counter[i] -= 1
            else:
                target = -65e-3 + x[step, i]
                v[i] = target + (v[i] - target) * a
                if v[i] >= -50e-3:
                    spikes.append((step, i))
                    v[i], counter[i] = -60e-3, 3
            assert run.recorded[step, i] == pytest.approx(v[i], abs=1e-15)
    assert list(zip(run.steps, run.ids, strict=True)) == spikes
    assert len(spikes) > 30
    assert run.v == pytest.approx(v, abs=1e-15)


def test_threshold_is_reached_at_equality_and_refraction_is_rounded():
    # v_rest + x is v_reset: no leak, and v0 = v_th stays v_th: a spike at step 0
    still = LIF(tau_m=20e-3, v_th=1.0, v_reset=0.0, v_rest=0.5, t_ref=2.5e-3)
    assert lif.given(still, [0.5], dt=1e-3, v0=1.0).steps.tolist() == [0]
    strong = np.full(10, 100.0)  # a spike at every free step
    assert lif.given(still, strong, dt=1e-3).steps.tolist() == [0, 3, 6, 9]
    slow = LIF(tau_m=20e-3, v_th=1.0, v_reset=0.0, v_rest=0.5, t_ref=3.4e-3)
    assert lif.given(slow, strong, dt=1e-3).steps.tolist() == [0, 4, 8]


def test_streams_depend_on_seed_and_number_only():
    arguments = dict(dt=1e-3, steps=3000)
    for run in (
        lambda **k: lif.white_noise(NEURON, 18e-3, 4e-3, **arguments, **k),
        lambda **k: lif.poisson(NEURON, 0.0, [8e3, 1e3], [0.2e-3, -0.4e-3], **arguments, **k),
    ):
        few, many = run(neurons=3, seed=5), run(neurons=7, seed=5, record=(6, 1))
        assert few.steps.size > 30
        shared = many.ids < 3
        assert np.array_equal(many.steps[shared], few.steps)
        assert np.array_equal(many.ids[shared], few.ids)
        assert many.recorded[-1] == pytest.approx(many.v[[6, 1]])
        assert not np.array_equal(run(neurons=3, seed=6).steps, few.steps)
        trains = [many.steps[many.ids == i].tolist() for i in range(7)]
        assert len({tuple(t) for t in trains}) == 7
        order = np.lexsort((many.ids, many.steps))
        assert np.array_equal(order, np.arange(order.size))
        assert many.steps.dtype == many.ids.dtype == np.int64


def test_the_free_membrane_has_the_stated_moments():
    """Mean v_rest + mu, variance sigma**2 / 2, correlation a at one step; white noise."""
    steps, sigma, dt = 400_000, 5e-3, 2e-3
    run = lif.white_noise(FREE, 15e-3, sigma, dt=dt, steps=steps, record=(0,))
    v = run.recorded[200:, 0]
    a = exp(-dt / 20e-3)
    independent = v.size * (1 - a) / (1 + a)
    assert abs(v.mean() - 15e-3) < 4 * sigma / sqrt(2 * independent)
    spread = sqrt(2 * (1 + a**2) / ((1 - a**2) * v.size))  # relative, of the variance
    assert abs(v.var() / (sigma**2 / 2) - 1) < 4 * spread
    noise = (v[1:] - 15e-3) - a * (v[:-1] - 15e-3)
    unit = noise / (sigma * sqrt((1 - a * a) / 2))
    for power, mean, variance in ((2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(unit**power) - mean) < 4 * sqrt(variance / unit.size)
    assert abs(np.mean(unit[1:] * unit[:-1])) < 4 / sqrt(unit.size)


def test_poisson_jumps_have_the_moments_of_campbell():
    rates, weights, dt, steps = [800.0, 500.0], [0.3e-3, -0.7e-3], 1e-3, 400_000
    run = lif.poisson(FREE, 2e-3, rates, weights, dt=dt, steps=steps, record=(0,))
    v = run.recorded[:, 0]
    a = exp(-dt / 20e-3)
    jumps = (v[1:] - 2e-3) - a * (v[:-1] - 2e-3)
    w, mean = np.array(weights), np.array(rates) * dt
    variance, fourth = mean @ w**2, mean @ w**4
    assert abs(jumps.mean() - mean @ w) < 4 * sqrt(variance / jumps.size)
    assert abs(jumps.var() - variance) < 4 * sqrt((fourth + 2 * variance**2) / jumps.size)
    grid = jumps[:2000, None] - 0.3e-3 * np.arange(12) + 0.7e-3 * np.arange(9)[:, None, None]
    assert (np.abs(grid).min(axis=(0, 2)) < 1e-12).all()  # whole numbers of both jumps


def test_a_run_without_noise_is_the_given_run():
    quiet = lif.white_noise(NEURON, 25e-3, 0.0, dt=1e-3, steps=500)
    assert np.array_equal(quiet.steps, lif.given(NEURON, np.full(500, 25e-3), dt=1e-3).steps)
    empty = lif.given(NEURON, np.empty(0), dt=1e-3)
    assert empty.steps.size == 0 and empty.v[0] == NEURON.v_reset


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (dict(dt=0.0, steps=1), ValueError, "dt must be > 0 s"),
        (dict(dt=1e-3, steps=1.5), TypeError, "steps must be an integer"),
        (dict(dt=1e-3, steps=-1), ValueError, "steps must be >= 0"),
        (dict(dt=1e-3, steps=1, neurons=2, record=(2,)), ValueError, "record must name neurons"),
        (dict(dt=1e-3, steps=1, v0=[0.0, 0.0]), ValueError, "v0 must be a number or have shape"),
        (dict(dt=1e-3, steps=1, v0=np.nan), ValueError, "v0 must be finite"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        lif.white_noise(NEURON, 0.01, 1e-3, **call)


def test_bad_inputs_are_refused():
    with pytest.raises(ValueError, match="sigma must be finite and >= 0"):
        lif.white_noise(NEURON, 0.01, -1e-3, dt=1e-3, steps=1)
    with pytest.raises(ValueError, match="mu must be finite"):
        lif.white_noise(NEURON, np.inf, 1e-3, dt=1e-3, steps=1)
    with pytest.raises(ValueError, match="pair up"):
        lif.poisson(NEURON, 0.0, [1.0, 2.0], [1e-3], dt=1e-3, steps=1)
    with pytest.raises(ValueError, match="rates must be finite and >= 0"):
        lif.poisson(NEURON, 0.0, [-1.0], [1e-3], dt=1e-3, steps=1)
    with pytest.raises(ValueError, match="x must have shape"):
        lif.given(NEURON, np.zeros((2, 2, 2)), dt=1e-3)
    with pytest.raises(ValueError, match="x must be finite"):
        lif.given(NEURON, [np.nan], dt=1e-3)


def test_noise_may_change_from_step_to_step():
    constant = lif.white_noise(NEURON, 24e-3, 4e-3, dt=1e-4, steps=400, neurons=3)
    arrays = lif.white_noise(
        NEURON, np.full(400, 24e-3), np.full(400, 4e-3), dt=1e-4, steps=400, neurons=3
    )
    assert constant.steps.size > 0 and np.array_equal(constant.steps, arrays.steps)
    silent = np.where(np.arange(400) < 200, 24e-3, -5e-3)
    stepped = lif.white_noise(NEURON, silent, 4e-3, dt=1e-4, steps=400, neurons=3)
    early = constant.steps < 200
    assert np.array_equal(stepped.steps, constant.steps[early])
    with pytest.raises(ValueError, match=r"mu must be a number or have shape \(400,\)"):
        lif.white_noise(NEURON, silent[:10], 4e-3, dt=1e-4, steps=400)
