"""A transistor neuron under noise at two speeds: its own law, and what must not change."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog.technology import generic180
from rheobase.cosim.budget import Point, Term
from rheobase.cosim.experiment import Experiment, load
from rheobase.cosim.substrates import accelerated, circuit_constant, circuit_renewal, spice
from rheobase.cosim.verify import Run, verify
from rheobase.models.neuron import LIF
from rheobase.models.stimulus import WhiteNoise

BRUNEL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
TEXT = """
title = "small"
[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"
[[stimulus]]
name = "f-I"
kind = "constant current"
mu = ["24 mV"]
[[stimulus]]
name = "noise"
kind = "white noise"
mu = "27 mV"
sigma = "2 mV"
[spice]
speed_up = [1000, 3000]
spikes = 40
[check]
observables = ["rate", "cv", "isi"]
rate = 0.2
cv = 0.8
isi = 0.45
spikes = 0.5
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return load(path)


@pytest.fixture(scope="module")
def chips() -> dict[float, spice.Chip]:
    return {speed: spice.made(BRUNEL, generic180, speed, 1.0) for speed in (1000.0, 3000.0)}


def judge(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, chips: dict[float, spice.Chip]
) -> Run:
    """Play `chips`; look for the dynamic range, which is not judged, at two drives."""
    monkeypatch.setattr(spice, "made", lambda neuron, process, speed, scale, offset: chips[speed])
    monkeypatch.setattr(circuit_constant, "grid", lambda neuron, drives: np.array([24e-3, 40e-3]))
    return verify([experiment], lambda text: None)


def disagreeing(run: Run) -> set[tuple[str, str]]:
    checks = run.findings.checks
    return {(c.setting, c.observable) for c in checks if c.verdict(run.error_rate) == "disagree"}


def test_two_speeds_agree_and_the_causes_add_up(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, chips: dict[float, spice.Chip]
) -> None:
    run = judge(experiment, monkeypatch, chips)
    assert run.verdict == "agree"
    found = {(c.stimulus, c.observable) for c in run.findings.checks}
    for observable in ("rate", "CV", "ISI distribution", "CV over that of speed-up 1000"):
        assert ("noise", observable) in found
    assert ("noise", "intervals / tau_m against speed-up 1000") in found
    for stimulus in ("f-I", "noise"):
        assert (stimulus, "rate * tau_m over that of speed-up 1000") in found
    assert {"every prediction holds up to speed-up": "3000"} in [
        row.values for row in run.findings.scaling
    ]
    rates = {
        (e.stimulus, e.setting): e for e in run.findings.explanations if e.observable == "rate"
    }
    (moved,) = (
        e for e in run.findings.explanations
        if e.stimulus == "noise" and e.observable == "rate * tau_m, from speed-up 1000"
    )  # fmt: skip
    for speed, product in ((1000.0, moved.ideal), (3000.0, moved.predicted)):
        tau = chips[speed].extracted.tau_m.value
        predicted = rates["noise", f"speed-up {speed:g}"].predicted
        assert product == pytest.approx(predicted * tau, rel=1e-9)


def test_a_doubled_capacitor_at_one_speed(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, chips: dict[float, spice.Chip]
) -> None:
    """Planted after extraction: the one speed disagrees with its law and with the other speed."""
    fast = chips[3000.0]
    faulty = replace(fast, lif=replace(fast.lif, c_m=2 * fast.lif.c_m))
    run = judge(experiment, monkeypatch, chips | {3000.0: faulty})
    found = disagreeing(run)
    assert {setting for setting, _ in found} == {"speed-up 3000"}
    assert {observable for _, observable in found} >= {
        "rate", "ISI distribution", "share of spikes without a partner",
        "rate * tau_m over that of speed-up 1000", "intervals / tau_m against speed-up 1000",
    }  # fmt: skip
    assert {"every prediction holds up to speed-up": "1000"} in [
        row.values for row in run.findings.scaling
    ]


def test_few_spikes_are_not_judged(experiment: Experiment) -> None:
    noise = WhiteNoise(15e-3, 5e-3)
    assert not circuit_renewal.resolved(experiment, noise, 10)
    assert circuit_renewal.resolved(experiment, noise, 40)
    assert not circuit_renewal.resolved(experiment, WhiteNoise(25e-3, 0.0), 40)


def test_the_distance_of_two_samples() -> None:
    """By counting, at every point of both."""
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 9, 40) * 1.0, rng.integers(2, 9, 25) * 1.0
    counted = max(abs(sum(a <= x) / 40 - sum(b <= x) / 25) for x in range(10))
    assert circuit_renewal.distance(a, b) == pytest.approx(counted)
    assert circuit_renewal.distance(a, a) == 0


def test_a_quotient_is_within_the_bounds_of_both() -> None:
    def point(measured: float, bound: float) -> Point:
        terms = (Term("x", "numerical", bound), Term("n", "statistical", 0.3))
        return Point("at", measured, 10.0, terms, 1.0)

    ratio = accelerated._ratio(point(10.1, 0.1), point(9.8, 0.2), 2.0)
    assert ratio is not None
    assert (ratio.predicted, ratio.measured) == (2.0, pytest.approx(2 * 9.8 / 10.1))
    assert ratio.deviation < ratio.bound < 2 * (0.03 / 0.97) * 1.01
    assert ratio.statistical is not None
    assert ratio.statistical.size == pytest.approx(2 * 0.03 * 2**0.5)
    assert accelerated._ratio(replace(point(1.0, 0.1), predicted=0.0), point(1.0, 0.1), 1.0) is None
