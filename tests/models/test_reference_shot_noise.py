"""The event-driven simulator where its spike times, or their law, are known in closed form."""

from math import exp, log, sqrt

import numpy as np
import pytest
from scipy.stats import kstest

from rheobase.models.neuron import LIF
from rheobase.models.reference import shot_noise

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)


def test_without_input_the_drive_sets_the_times() -> None:
    interval = 2e-3 + 20e-3 * log(15 / 5)
    found = shot_noise.spikes(NEURON, [0.0], [1e-3], 25e-3, t_stop=100.0)
    assert found.size == int((100.0 + 2e-3) / interval) > 1024  # more than the first buffer
    assert found == pytest.approx(interval * np.arange(1, found.size + 1) - 2e-3, rel=1e-11)


def test_a_drive_to_threshold_itself_is_not_enough() -> None:
    assert shot_noise.spikes(NEURON, [0.0], [1e-3], 20e-3, t_stop=10.0).size == 0


@pytest.mark.parametrize(("rates", "jumps"), [([100.0], [15e-3]), ([60.0, 40.0], [15e-3, 12e-3])])
def test_where_every_jump_fires_intervals_are_exponential(rates: list, jumps: list) -> None:
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, v_rest=12e-3, t_ref=2e-3)
    found = shot_noise.spikes(neuron, rates, jumps, t_stop=100.0, seed=3)
    assert kstest(np.diff(found) - 2e-3, "expon", args=(0, 0.01)).pvalue > 1e-4


def test_drift_or_jump_whichever_comes_first() -> None:
    # 25 mV of drive arrive after 20 ms ln 3; some intervals have no jump before
    rate, drift = 30.0, 20e-3 * log(15 / 5)
    intervals = np.diff(shot_noise.spikes(NEURON, [rate], [1.0], 25e-3, t_stop=400.0)) - 2e-3
    by_drift = np.isclose(intervals, drift)
    share = exp(-rate * drift)
    n = intervals.size
    assert abs(by_drift.sum() - n * share) < 4 * sqrt(n * share * (1 - share))
    assert (intervals < drift * (1 + 1e-9)).all()


def share_that_fires(exponential: bool, seed: int) -> float:
    """Spikes per input spike: 5 mV below threshold, jumps of 8 mV or of that mean."""
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=15e-3, v_rest=15e-3)
    found = shot_noise.spikes(
        neuron, [10.0], [8e-3], t_stop=2000.0, exponential=exponential, seed=seed
    )
    return found.size / 20000


def test_exponential_jumps_may_be_too_small() -> None:
    assert share_that_fires(False, 1) == pytest.approx(1.0, abs=4 / sqrt(20000))
    # alone, a jump fires with probability exp(-5 / 8); what is left of older ones adds to it
    assert exp(-5 / 8) < share_that_fires(True, 1) < 0.8


def test_the_seed_decides() -> None:
    runs = [shot_noise.spikes(NEURON, [2e3], [1e-3], t_stop=5.0, seed=s) for s in (1, 1, 2)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][:10], runs[2][:10])
    assert (np.diff(runs[0]) >= 2e-3).all()
    assert runs[0][-1] <= 5.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rates": [-1.0]}, "rates must be finite and >= 0"),
        ({"rates": [1.0, 2.0]}, "must pair up"),
        ({"rates": [], "jumps": []}, "must pair up"),
        ({"jumps": [np.nan]}, "jumps must be finite"),
        ({"mu": np.inf}, "mu must be finite"),
        ({"t_stop": -1.0}, "t_stop must be finite and >= 0"),
    ],
)
def test_errors(change: dict, message: str) -> None:
    arguments = {"rates": [1.0], "jumps": [1e-3], "mu": 0.0, "t_stop": 1.0} | change
    with pytest.raises(ValueError, match=message):
        shot_noise.spikes(NEURON, **arguments)
