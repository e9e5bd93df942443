"""The differential-pair integrator's equation under pulses, against its own naive integration."""

import numpy as np
import pytest

from rheobase.models.reference.log_domain_synapse import (
    LogDomainSynapse,
    Pulses,
    linear_currents,
    serial,
)

TAU, WIDTH = 5e-3, 0.5e-3
SYNAPSE = LogDomainSynapse(TAU, 120.0, 20e-12, 1.1, 1e-12)
ON = np.array([1.3e-3, 4e-3, 4.9e-3, 11e-3])
PULSES = Pulses(ON, ON + WIDTH)


def naive(synapse: LogDomainSynapse, t_stop: float, step: float = 1e-7) -> np.ndarray:
    """Euler's method in I itself, pulse by pulse; the current after every step."""
    current, found = synapse.start, []
    for k in range(round(t_stop / step)):
        on = any(a <= (k + 0.5) * step < a + WIDTH for a in ON.tolist())
        share = 1 / (1 + (current / synapse.i_gain) ** synapse.exponent)
        current += step * current * ((synapse.gain * share if on else 0.0) - 1) / synapse.tau
        found.append(current)
    return np.array(found)


def test_the_mean_currents_are_those_of_the_equation() -> None:
    """Euler's steps of 0.1 us are off by some 0.1 us of the rise's rate, 120/tau: 0.25 %."""
    expected = naive(SYNAPSE, 20e-3).reshape(200, -1).mean(1)
    found = SYNAPSE.currents(PULSES, 0.1e-3, 200)
    assert found == pytest.approx(expected, rel=4e-3)
    doubled = LogDomainSynapse(TAU, 126.0, 20e-12, 1.1, 1e-12)
    assert doubled.currents(PULSES, 0.1e-3, 200) != pytest.approx(expected, rel=4e-3)


def test_the_charge_does_not_depend_on_the_steps() -> None:
    fine, coarse = (SYNAPSE.currents(PULSES, dt, round(20e-3 / dt)) for dt in (0.05e-3, 4e-3))
    assert fine.reshape(5, -1).mean(1) == pytest.approx(coarse, rel=1e-4)


def test_a_long_pulse_ends_at_the_gain_and_silence_decays() -> None:
    long = Pulses(np.array([0.0]), np.array([0.5]))
    steady = SYNAPSE.i_gain * (SYNAPSE.gain - 1) ** (1 / SYNAPSE.exponent)
    assert SYNAPSE.currents(long, 0.1, 5)[-1] == pytest.approx(steady, rel=1e-6)
    silent = SYNAPSE.currents(Pulses(np.empty(0), np.empty(0)), TAU, 3)
    assert silent == pytest.approx(1e-12 * (1 - np.exp(-1)) * np.exp([0, -1, -2]), rel=1e-12)


def test_a_line_carries_one_pulse_at_a_time() -> None:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(1.0, 500))
    starts: list[float] = []
    for time in times.tolist():  # each waits for the one before
        starts.append(max(time, starts[-1] + 0.4) if starts else time)
    pulses = serial(times, 0.4)
    assert (pulses.on[1:] - pulses.off[:-1] > 0.04).all()
    assert pulses.on[0] == times[0] and pulses.off[-1] == pytest.approx(starts[-1] + 0.4)
    apart = np.diff(starts) > 0.44
    assert pulses.on == pytest.approx(np.array(starts)[np.append(True, apart)])
    assert len(pulses.on) < 450 and serial(np.empty(0), 1.0).on.size == 0


def test_a_linear_synapse_adds_exponentials() -> None:
    times, dt = np.array([0.2e-3, 3.1e-3, 3.15e-3, 90e-3]), 1e-3
    t = (np.arange(20_000) + 0.5) * 1e-6
    current = sum(np.where(t > at, 2e-15 / TAU * np.exp(-(t - at) / TAU), 0.0) for at in times)
    found = linear_currents(times, 2e-15, TAU, dt, 20)
    assert found == pytest.approx(current.reshape(20, -1).mean(1), rel=2e-3)
    assert linear_currents(times, 2e-15, TAU, dt, 200).sum() * dt == pytest.approx(8e-15, rel=1e-6)


@pytest.mark.parametrize("name", ["tau", "gain", "i_gain", "exponent", "start"])
def test_a_constant_out_of_range_is_told(name: str) -> None:
    numbers = {"tau": TAU, "gain": 2.0, "i_gain": 1e-12, "exponent": 1.0, "start": 1e-15}
    with pytest.raises(ValueError, match=f"{name} must be finite and > 0, not 0"):
        LogDomainSynapse(**(numbers | {name: 0.0}))
