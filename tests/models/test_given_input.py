"""Spikes under given input: closed forms, an ODE solver, and the reference simulator."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from rheobase.models.neuron import LIF
from rheobase.models.reference import lif
from rheobase.models.theory import given_input, siegert

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
CORTEX = LIF(tau_m=10e-3, v_th=-50e-3, v_reset=-60e-3, v_rest=-65e-3, t_ref=3.3e-3)


def test_constant_drive_fires_at_the_closed_form_rate():
    for neuron, mu in ((NEURON, 25e-3), (NEURON, 20.1e-3), (CORTEX, 30e-3)):
        times = given_input.spike_times(neuron, np.full(20_000, mu), 1e-4)
        assert np.diff(times) == pytest.approx(1 / siegert.fi_curve(neuron, mu), rel=1e-10)
        first = neuron.tau_m * log(
            (neuron.v_rest + mu - neuron.v_reset) / (neuron.v_rest + mu - neuron.v_th)
        )
        assert times[0] == pytest.approx(first, rel=1e-10)
    assert given_input.spike_times(NEURON, np.full(1000, 20e-3), 1e-3).size == 0


def test_spike_times_against_an_ode_solver():
    x = np.random.default_rng(2).uniform(5e-3, 50e-3, 60)
    dt, expected, t, v = 5e-3, [], 0.0, CORTEX.v_rest

    def reached(t, v):
        return v[0] - CORTEX.v_th

    reached.terminal, reached.direction = True, 1
    while t < 60 * dt - 1e-12:
        k = int(t / dt + 1e-9)
        found = solve_ivp(
            lambda _, v, k=k: (CORTEX.v_rest + x[k] - v) / CORTEX.tau_m,
            (t, (k + 1) * dt),
            [v],
            events=reached,
            rtol=1e-11,
            atol=1e-14,
        )
        t, v = found.t[-1], found.y[0, -1]
        if found.status == 1:
            expected.append(t)
            t, v = t + CORTEX.t_ref, CORTEX.v_reset
    times = given_input.spike_times(CORTEX, x, dt, v0=CORTEX.v_rest)
    assert len(expected) > 10
    assert times == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("neuron", [NEURON, CORTEX])
@pytest.mark.parametrize("seed", range(4))
def test_spike_steps_are_those_of_the_reference(neuron, seed):
    random = np.random.default_rng(seed)
    x = neuron.v_th - neuron.v_rest + 12e-3 * random.standard_normal(30_000).repeat(3)
    steps, margin = given_input.spike_steps(neuron, x, 1e-4, v0=neuron.v_rest)
    run = lif.given(neuron, x, dt=1e-4, v0=neuron.v_rest)
    assert steps.size > 50 and steps.dtype == np.int64
    assert margin > 1e-13  # some 1e4 roundings of 20 mV: nothing that rounding decides
    assert np.array_equal(steps, run.steps)
    longer = replace(neuron, t_ref=neuron.t_ref + 1e-4)
    assert not np.array_equal(steps, lif.given(longer, x, dt=1e-4, v0=neuron.v_rest).steps)


def test_margin_is_the_nearest_approach():
    neuron = LIF(tau_m=1.0, v_th=1.0, v_reset=0.0)
    x = [0.0, 5.0, 0.9 / -np.expm1(-1.0)]  # v = 0, spike at 3.16, 0.9
    steps, margin = given_input.spike_steps(neuron, x, 1.0)
    assert steps.tolist() == [1]
    assert margin == pytest.approx(0.1)
    assert given_input.spike_steps(neuron, [], 1.0)[1] == np.inf


def test_refractory_steps_are_skipped():
    neuron = LIF(tau_m=1e-3, v_th=1.0, v_reset=0.0, t_ref=3e-3)
    steps, _ = given_input.spike_steps(neuron, np.full(10, 1e3), 1e-3)
    assert steps.tolist() == [0, 4, 8]
    times = given_input.spike_times(neuron, np.full(10, 1e3), 1e-3)
    assert np.diff(times) == pytest.approx(3e-3 + 1e-3 * log(1e3 / 999), rel=1e-9)


@pytest.mark.parametrize("function", [given_input.spike_times, given_input.spike_steps])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.0]], 1e-3), "x must have shape"),
        (([np.inf], 1e-3), "x must be finite"),
        (([0.0], -1e-3), "dt must be > 0 s"),
        (([0.0], 1e-3, 20e-3), "v0 must be < v_th"),
    ],
)
def test_what_is_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(NEURON, *arguments)
