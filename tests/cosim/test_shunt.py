"""A neuron beside an open conductance synapse agrees with both of its leaks; faults do not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rheobase.analog.cells.bench import Design
from rheobase.analog.technology import generic180
from rheobase.cosim.experiment import Experiment, load
from rheobase.cosim.substrates import circuit_shunt, spice
from rheobase.cosim.substrates.circuit_shunt import Shunted
from rheobase.cosim.verify import Run, verify
from rheobase.models.stimulus import OpenSynapse
from tests.refusal import refusal

TEXT = """
title = "small"
[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"
[[stimulus]]
name = "shunted"
kind = "open synapse"
rate = "1 kHz"
conductance = 1
tau_s = "5 ms"
v_rev = "0 mV"
mu = ["60 mV", "90 mV"]
[spice]
speed_up = [30]
[check]
rate = 0.03
design = 0.06
"""
SLOPE = "slope of f-I over that without the synapse"


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    path = tmp_path_factory.mktemp("experiment") / "small.toml"
    path.write_text(TEXT)
    return load(path)


@pytest.fixture(scope="module")
def made(experiment: Experiment) -> Shunted:
    """Designed and extracted once, for all tests."""
    chip = spice.made(experiment.neuron, generic180, 30.0, 1.0)
    stimulus = experiment.stimuli[0].stimulus
    assert isinstance(stimulus, OpenSynapse)
    return circuit_shunt._shunted(chip, stimulus)


def judge(experiment: Experiment, monkeypatch: pytest.MonkeyPatch, made: Shunted) -> Run:
    monkeypatch.setattr(circuit_shunt, "_shunted", lambda *arguments: made)
    return verify([experiment], lambda text: None)


def disagreeing(run: Run) -> set[str]:
    checks = run.findings.checks
    return {c.observable for c in checks if c.verdict(run.error_rate) == "disagree"}


def test_all_agrees_and_the_causes_add_up(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, made: Shunted
) -> None:
    """A conductance like the leak's halves the time constant, not the slope of f-I."""
    run = judge(experiment, monkeypatch, made)
    checks = {c.observable: c for c in run.findings.checks}
    verdicts = {name: check.verdict(run.error_rate) for name, check in checks.items()}
    assert set(verdicts.values()) == {"agree"}, verdicts
    (tau,) = checks["effective time constant"].points
    assert tau.measured == pytest.approx(made.closed.lif.tau_m / 2, rel=0.2)
    (slope,) = checks[SLOPE].points
    assert slope.measured > 0.9
    for explained in run.findings.explanations:
        (point,) = (
            p for p in checks[explained.observable].points
            if explained.observable != "rate" or explained.stimulus.endswith(p.at)
        )  # fmt: skip
        assert explained.predicted == pytest.approx(point.predicted, rel=1e-9)


def scaled(bias: str, factor: float) -> Callable[[Shunted], Shunted]:
    def fault(made: Shunted) -> Shunted:
        lif = made.closed.lif
        (synapse,) = lif.attached
        more: Design = replace(
            synapse, currents={**synapse.currents, bias: factor * synapse.currents[bias]}
        )
        moved = replace(lif, attached=(more,))
        return replace(
            made, closed=replace(made.closed, lif=moved), open=replace(made.open, lif=moved)
        )

    return fault


def moved_reversal(made: Shunted) -> Shunted:
    lif = made.closed.lif
    (synapse,) = lif.attached
    higher = {"v_rev": synapse.references["v_rev"] + 2e-3}
    moved = replace(lif, attached=(replace(synapse, references=higher),))
    return replace(made, closed=replace(made.closed, lif=moved), open=replace(made.open, lif=moved))


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (scaled("i_w", 1.2), {"effective time constant", "rate"}),
        (moved_reversal, {"rate"}),
    ],
    ids=["I_w a fifth more", "reversal 2 mV higher"],
)
def test_a_fault_in_the_circuit(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, made: Shunted,
    fault: Callable[[Shunted], Shunted], seen: set[str],
) -> None:  # fmt: skip
    """Planted after extraction."""
    assert disagreeing(judge(experiment, monkeypatch, fault(made))) >= seen


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('tau_s = "5 ms"', 'tau_s = "0.5 ms"', "tau_s must be at least 1/rate = 0.001 s"),
        ("conductance = 1", "conductance = 0", "conductance"),
        ('rate = "1 kHz"', 'rate = "0 Hz"', "rate must be > 0"),
        ('mu = ["60 mV", "90 mV"]', "mu = []", "mu must name at least one drive"),
        ("conductance = 1", "conductance = 1\nwidth = 3", "width"),
        ('v_rev = "0 mV"', 'v_rev = "-850 mV"', "v_common must be in"),
        ("speed_up = [30]", "speed_up = [10000]", "no conductance synapse of tau_s = 500 ns"),
    ],
)
def test_what_cannot_be_played_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert message in refusal(TEXT.replace(old, new), tmp_path, capsys)
