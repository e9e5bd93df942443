"""A population after a step of its noise: every substrate agrees, and planted faults do not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog.technology import generic180
from rheobase.cosim.engines.cxxrtl import CxxrtlCore
from rheobase.cosim.experiment import Experiment, load
from rheobase.cosim.substrates import psth, reference, rtl, spice
from rheobase.cosim.verify import Run, verify
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.neuron import LIF
from rheobase.models.stimulus import NoiseStep, WhiteNoise
from tests.mutants import MUTANTS
from tests.refusal import refusal

BRUNEL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
TEXT = """
title = "small"
[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"
[[stimulus]]
name = "step"
kind = "noise step"
mu = ["16 mV", "28 mV"]
sigma = ["4 mV", "6 mV"]
at = "10 ms"
duration = "40 ms"
bin = "2 ms"
[check]
psth = 0.05
psth_spice = 0.4
rate = 0.05
spikes = 0.6
"""
REFERENCE = '[reference]\ndt = ["1 ms"]\nneurons = 4000\n'
RTL = '[rtl]\ndt = ["1 ms"]\nneurons = 4000\nwidth = 12\nlsb = "0.025 mV"\n'
SPICE = "[spice]\nspeed_up = [1000]\nspikes = 50\n"
Write = Callable[[str], Experiment]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """From the text of an experiment to the experiment."""

    def written(text: str) -> Experiment:
        path = tmp_path / "small.toml"
        path.write_text(text)
        return load(path)

    return written


def judge(experiment: Experiment) -> Run:
    return verify([experiment], lambda text: None)


def disagreeing(run: Run) -> set[str]:
    checks = run.findings.checks
    return {c.observable for c in checks if c.verdict(run.error_rate) == "disagree"}


PSTH, TOTAL = "share of trials that spike in a bin", "spikes per trial"


def test_the_digital_substrates_agree_and_the_causes_add_up(write: Write) -> None:
    run = judge(write(TEXT + REFERENCE + RTL))
    assert run.verdict == "agree"
    assert {c.observable for c in run.findings.checks} == {
        PSTH, TOTAL, "differences from the integer model"
    }  # fmt: skip
    predicted = {
        c.substrate: c.worst(run.error_rate).predicted
        for c in run.findings.checks
        if c.observable == TOTAL
    }
    for e in run.findings.explanations:
        if e.observable == TOTAL:
            assert e.predicted == pytest.approx(predicted[e.substrate], rel=1e-9)
            assert e.ideal > e.predicted > 0.8 * e.ideal  # the time step costs spikes


@pytest.mark.parametrize("fault", ["threshold: > for >=", "events: lost under back-pressure"])
def test_a_fault_in_the_core(write: Write, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Both show bit by bit; the one that loses spikes in the PSTH, too."""

    def mutant(neuron: IntegerLIF, n: int) -> CxxrtlCore:
        return CxxrtlCore(neuron, n, core=MUTANTS[fault](neuron, n))

    monkeypatch.setattr(rtl, "CxxrtlCore", mutant)
    text = TEXT.replace('sigma = ["4 mV", "6 mV"]', 'sigma = ["4 mV", "6 mV"]\non = ["rtl"]')
    found = disagreeing(judge(write(text + RTL.replace("4000", "400"))))
    assert "differences from the integer model" in found
    if fault == "events: lost under back-pressure":
        assert {PSTH, TOTAL} <= found


@pytest.mark.parametrize(
    "wrong",
    [
        lambda n: replace(n, tau_m=2 * n.tau_m),
        lambda n: replace(n, t_ref=n.t_ref + 2e-3),
        lambda n: replace(n, v_th=1.02 * n.v_th),
    ],
    ids=["tau doubled", "t_ref two steps longer", "threshold +2 %"],
)
def test_a_wrong_theory(
    write: Write, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[LIF], LIF]
) -> None:
    right = reference.step_law
    monkeypatch.setattr(reference, "step_law", lambda n, s, dt: right(wrong(n), s, dt))
    assert PSTH in disagreeing(judge(write(TEXT + REFERENCE)))


def test_a_step_that_comes_late(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    right = reference.step_law
    monkeypatch.setattr(
        reference, "step_law", lambda n, s, dt: right(n, replace(s, at=s.at + s.bin), dt)
    )
    assert PSTH in disagreeing(judge(write(TEXT + REFERENCE)))


@pytest.mark.parametrize("fault", [None, "capacitor doubled"])
def test_the_circuit(write: Write, monkeypatch: pytest.MonkeyPatch, fault: str | None) -> None:
    """The fault comes after extraction: neither each spike nor their number is as predicted."""
    chip = spice.made(BRUNEL, generic180, 1000.0, 1.0)
    played = chip if fault is None else replace(chip, lif=replace(chip.lif, c_m=2 * chip.lif.c_m))
    monkeypatch.setattr(spice, "made", lambda *arguments: played)
    run = judge(write(TEXT + SPICE))
    caught = {"share of spikes without a partner", TOTAL}
    assert disagreeing(run) - {PSTH} == (set() if fault is None else caught)
    if fault is None:
        assert run.verdict == "agree"
        (curve,) = (c for c in run.findings.curves if c.figure == "psth" and c.kind == "measured")
        assert curve.y.sum() * 2e-3 > 0.5


def test_the_counts_of_a_population() -> None:
    steps, ids = np.array([0, 3, 4, 4, 11]), np.array([1, 0, 0, 2, 1])
    found = psth.Counts.of(steps, ids, 4, per_bin=4, bins=2)
    assert found.bins.tolist() == [2, 2]
    assert found.variance == np.var([2, 1, 1, 0])


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('bin = "2 ms"', 'bin = "5 ms"', "bin = 5 ms must be at most t_ref = 2 ms"),
        ('at = "10 ms"', 'at = "11 ms"', "at must be a multiple of bin"),
        ('at = "10 ms"', 'at = "40 ms"', "at must be > 0 s and < duration"),
        ('"4 mV", "6 mV"', '"4 mV", "0 mV"', "sigma must be > 0 V before and after the step"),
        ('dt = ["1 ms"]', 'dt = ["0.3 ms"]', "bin must be a multiple of dt"),
        ('"16 mV", "28 mV"', '"16 mV"', "length 2"),
    ],
)
def test_a_bad_step_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert message in refusal((TEXT + REFERENCE).replace(old, new), tmp_path, capsys)


def test_another_platform_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TEXT + '[rtl]\nplatform = "spinnaker"\ndt = ["1 ms"]\n'
    assert "a noise step is played on the generic core only" in refusal(text, tmp_path, capsys)


def test_the_drive_steps_when_it_should() -> None:
    step = NoiseStep(WhiteNoise(5e-3, 1e-3), WhiteNoise(9e-3, 2e-3), 10e-3, 30e-3, 2e-3)
    assert step.phases(1e-4) == ((step.before, 100), (step.after, 200))
    drive = spice.held_drive(step, BRUNEL, 1e-4, 300, [1])
    assert drive.shape == (300,)
    gain = 1 - np.exp(-1e-4 / 20e-3)  # a held drive moves the membrane by so much of it in a step
    for part, noise in ((drive[:100], step.before), (drive[100:], step.after)):
        sd = noise.sigma * np.sqrt((1 - np.exp(-2e-4 / 20e-3)) / 2) / gain
        assert abs(part.mean() - noise.mu) < 4 * sd / np.sqrt(part.size)
        assert part.std() == pytest.approx(sd, rel=4 / np.sqrt(2 * part.size))
