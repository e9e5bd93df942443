"""A measured leak: quadrature against closed forms, and integration in time against both."""

import numpy as np
import pytest
from scipy.integrate import quad

from rheobase.models.neuron import LIF
from rheobase.models.reference import measured_leak as reference
from rheobase.models.theory import given_input, siegert
from rheobase.models.theory import measured_leak as theory

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3, c_m=200e-12)
V = np.linspace(-40e-3, 30e-3, 71)


def measured(i_leak, v=V, **changes):
    constants = dict(c_m=200e-12, v_trip=20e-3, v_reset=10e-3, t_dead=2e-3) | changes
    return theory.MeasuredNeuron(v, i_leak(v), **constants)


def linear(v):
    return -v * 200e-12 / 20e-3


def tanh(v):
    return -100e-12 * np.tanh(v / 15e-3)


def test_a_linear_leak_is_the_lif_neuron():
    mu = np.array([[20.000001e-3, 20.1e-3, 22e-3], [25e-3, 0.1, 10.0]])
    rate, error = theory.rate(measured(linear), mu / NEURON.resistance)
    assert rate.shape == mu.shape
    assert rate == pytest.approx(siegert.fi_curve(NEURON, mu), rel=1e-9)
    assert (error < 1e-9 * rate).all()
    assert theory.rate(measured(linear), 19.9e-3 / NEURON.resistance) == (0.0, 0.0)


@pytest.mark.parametrize("points", [15, 36, 141])
def test_the_error_covers_the_table(points):
    """A saturating leak known only at points: the stated error covers what the table hides."""
    currents = np.array([90e-12, 120e-12, 300e-12])
    exact = []
    for current in currents:
        time = quad(lambda v, i=current: 200e-12 / (i + tanh(v)), 10e-3, 20e-3, epsrel=1e-12)[0]
        exact.append(1 / (2e-3 + time))
    rate, error = theory.rate(measured(tanh, np.linspace(-40e-3, 30e-3, points)), currents)
    assert (np.abs(rate - exact) < error).all()
    assert (error < (0.05 if points == 15 else 1e-3) * rate).all()


def test_a_doubled_capacitor_is_told_apart():
    rate, error = theory.rate(measured(tanh), 120e-12)
    other, _ = theory.rate(measured(tanh, c_m=400e-12), 120e-12)
    assert abs(other - rate) > 1000 * error


def test_a_dip_between_reset_and_trip_blocks():
    table = linear(V)
    table[np.argmin(np.abs(V - 15e-3))] = -400e-12
    blocked = theory.MeasuredNeuron(V, table, 200e-12, 20e-3, 10e-3)
    assert theory.rate(blocked, 390e-12)[0] == 0
    assert theory.rate(blocked, 410e-12)[0] > 0
    beyond = theory.MeasuredNeuron(V, table, 200e-12, 20e-3, 16e-3)
    assert theory.rate(beyond, 390e-12)[0] > 0


def test_integration_in_time_has_the_rate_of_the_quadrature():
    for leak in (linear, tanh):
        neuron = measured(leak)
        for current in (230e-12, 400e-12):
            times, v = reference.run(neuron, np.full(2000, current), 1e-3)
            rate, _ = theory.rate(neuron, current)
            assert np.diff(times) == pytest.approx(1 / rate, rel=1e-8)
            assert v.shape == (2000,) and v.max() < 20e-3


def test_given_current_against_the_exact_linear_neuron():
    x = np.random.default_rng(1).uniform(-10e-3, 60e-3, 3000)
    expected = given_input.spike_times(NEURON, x, 1e-3)
    times, _ = reference.run(measured(linear), x / NEURON.resistance, 1e-3, substeps=8)
    assert expected.size > 50
    assert times == pytest.approx(expected, abs=1e-9)
    # a trip voltage off by 0.1 % moves the spikes a thousand times further
    moved, _ = reference.run(measured(linear, v_trip=20.02e-3), x / NEURON.resistance, 1e-3)
    assert abs(moved[0] - expected[0]) > 1e-6


def test_the_order_is_four():
    x = 15e-3 + 4e-3 * np.sin(np.arange(400) / 5)
    ends = [
        reference.run(measured(linear), x / NEURON.resistance, 5e-3, substeps=n)[1][-1]
        for n in (1, 2, 64)
    ]
    order = np.log2(abs(ends[0] - ends[2]) / abs(ends[1] - ends[2]))
    assert order == pytest.approx(4, abs=0.3)


def test_the_dead_time_is_continuous():
    """Released in mid-step: the interval is t_dead plus the charging time, to rounding."""
    neuron = measured(lambda v: 0 * v, t_dead=2.37e-3)
    times, _ = reference.run(neuron, np.full(100, 1e-9), 1e-3)
    assert np.diff(times) == pytest.approx(2.37e-3 + 200e-12 * 10e-3 / 1e-9, rel=1e-10)


def test_the_table_ends_where_it_ends():
    with pytest.raises(ValueError, match=r"fell below the measured table \(-0.04 V\) in step"):
        reference.run(measured(linear), np.full(100, -2e-9), 1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(c_m=0.0), "c_m must be > 0 F"),
        (dict(t_dead=-1e-3), "t_dead must be >= 0 s"),
        (dict(v_trip=31e-3), "both in the table's"),
        (dict(v_reset=20e-3), "v_reset = 0.02 must be < v_trip"),
        (dict(v_reset=np.nan), "v_reset must be finite"),
    ],
)
def test_a_bad_neuron_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        measured(linear, **changes)


def test_a_bad_table_is_refused():
    with pytest.raises(ValueError, match="v must be ascending"):
        measured(linear, V[::-1])
    with pytest.raises(ValueError, match="pair up"):
        theory.MeasuredNeuron(V, V[1:], 1e-12, 20e-3, 10e-3)
    with pytest.raises(ValueError, match="n >= 5"):
        measured(linear, V[:4])
    with pytest.raises(ValueError, match="current must be finite"):
        theory.rate(measured(linear), np.nan)
    with pytest.raises(ValueError, match="v0 must be"):
        reference.run(measured(linear), [0.0], 1e-3, v0=25e-3)
    with pytest.raises(ValueError, match="substeps must be >= 1"):
        reference.run(measured(linear), [0.0], 1e-3, substeps=0)


def test_a_lag_sees_a_ramp_late_and_releases_it_on_time():
    """On a ramp of slope s from v_reset, ``U = V - s lag (1 - exp(-t/lag))``; 10 mV take 10 ms."""
    neuron = measured(lambda v: 0 * v)
    current, lag = np.full(400, 200e-12), 1e-3
    times, _ = reference.run(neuron, current, 1e-4, lag=lag)
    assert times[0] == pytest.approx(10e-3 + lag, rel=1e-4)  # exp(-11) = 2e-5
    assert np.diff(times) == pytest.approx(12e-3, rel=1e-4)
    sharp, _ = reference.run(neuron, current, 1e-4)
    assert sharp == pytest.approx([10e-3, 22e-3, 34e-3], rel=1e-9)


def test_a_lag_misses_a_short_excursion():
    """A tenth of a lag above threshold by a fifth of a millivolt; without a lag it is a spike."""
    neuron = measured(lambda v: 0 * v)
    steps = np.concatenate([np.full(100, 195e-12), [300e-12], [-900e-12], np.zeros(50)])
    assert reference.run(neuron, steps, 1e-4, v0=10.3e-3)[0].size == 1
    assert reference.run(neuron, steps, 1e-4, v0=10.3e-3, lag=1e-3)[0].size == 0


def test_a_lag_under_noise_is_that_of_many_small_steps():
    """Against explicit Euler steps of a microsecond, of both V and U."""
    drive = 200e-12 + 500e-12 * np.random.default_rng(2).standard_normal(1500)
    neuron, dt, lag, small = measured(tanh), 1e-4, 0.3e-3, 1e-6
    v = u = neuron.v_reset
    held, expected = 0.0, []
    for k in range(round(len(drive) * dt / small)):
        t = k * small
        if t < held:
            v = neuron.v_reset
        else:
            v += small * (drive[int(t / dt + 1e-9)] + tanh(v)) / neuron.c_m
        u += small * (v - u) / lag
        if u >= neuron.v_trip and t >= held:
            expected.append(t)
            held = t + neuron.t_dead - lag
    found, _ = reference.run(neuron, drive, dt, lag=lag)
    assert len(expected) > 5
    assert found == pytest.approx(expected, abs=3e-6)


@pytest.mark.parametrize("lag", [-1e-6, 2.1e-3, np.nan])
def test_a_lag_is_within_the_dead_time(lag: float):
    with pytest.raises(ValueError, match="lag"):
        reference.run(measured(tanh), np.zeros(3), 1e-4, lag=lag)


def test_many_trials_are_single_runs() -> None:
    neuron, dt = measured(linear), 1e-4
    currents = 2e-10 * np.random.default_rng(3).normal(1.5, 4.0, (4, 900))
    found = reference.trials(neuron, currents, dt, lag=2e-4)
    assert len(found) == 4 and sum(map(len, found)) > 4
    for current, times in zip(currents, found, strict=True):
        assert np.array_equal(times, reference.run(neuron, current, dt, lag=2e-4)[0])
    with pytest.raises(ValueError, match=r"currents must have shape \(trials, steps\)"):
        reference.trials(neuron, currents[0], dt)
