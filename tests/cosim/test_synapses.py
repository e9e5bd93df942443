"""DPI synapses under Poisson pulses at a transistor neuron agree; planted faults do not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog.cells.bench import Design
from rheobase.analog.technology import generic180
from rheobase.cosim.experiment import Experiment, load
from rheobase.cosim.observables import Floats
from rheobase.cosim.substrates import circuit_synapses, spice
from rheobase.cosim.substrates.circuit_synapses import Bombarded
from rheobase.cosim.verify import Run, verify
from rheobase.models.neuron import LIF
from rheobase.models.stimulus import PoissonSynapses
from rheobase.models.theory import fixed_jumps
from tests.refusal import refusal

TEXT = """
title = "small"
[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"
[[stimulus]]
name = "synapses"
kind = "poisson synapses"
rates = ["1 kHz"]
weights = ["2 mV"]
tau_s = "0.5 ms"
mu = "-12 mV"
[spice]
speed_up = [30]
spikes = 40
[check]
rate = 0.8
design = 0.06
cv = 0.8
isi = 0.45
spikes = 0.5
"""
PARTNERS, LINEAR = (
    "share of spikes without a partner",
    "rate of a linear circuit against shot noise",
)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    path = tmp_path_factory.mktemp("experiment") / "small.toml"
    path.write_text(TEXT)
    return load(path)


@pytest.fixture(scope="module")
def made(experiment: Experiment) -> Bombarded:
    """Designed and extracted once, for all tests."""
    chip = spice.made(experiment.neuron, generic180, 30.0, 1.0)
    stimulus = experiment.stimuli[0].stimulus
    assert isinstance(stimulus, PoissonSynapses)
    return circuit_synapses._bombarded(chip, stimulus, 1)


def judge(experiment: Experiment, monkeypatch: pytest.MonkeyPatch, made: Bombarded) -> Run:
    monkeypatch.setattr(circuit_synapses, "_bombarded", lambda *arguments: made)
    monkeypatch.setattr(circuit_synapses, "INTERVALS", 1000)
    return verify([experiment], lambda text: None)


def disagreeing(run: Run) -> set[str]:
    checks = run.findings.checks
    return {c.observable for c in checks if c.verdict(run.error_rate) == "disagree"}


def test_all_agrees_and_the_causes_add_up(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, made: Bombarded
) -> None:
    run = judge(experiment, monkeypatch, made)
    verdicts = {c.observable: c.verdict(run.error_rate) for c in run.findings.checks}
    assert set(verdicts.values()) == {"agree"}, verdicts
    expected = {PARTNERS, LINEAR, "rate", "CV", "ISI distribution", "charge of a train"}
    expected |= {f"rate against {theory}" for theory in ("shot noise", "diffusion")}
    assert expected < {*verdicts}
    (explained,) = run.findings.explanations
    (rate,) = (c for c in run.findings.checks if c.observable == "rate")
    assert explained.predicted == pytest.approx(rate.points[0].predicted, rel=1e-9)
    changes = {cause.name: cause.change for cause in explained.causes}
    assert max(changes["finite tau_s"], changes["jumps: shot noise, not white"]) < 0


def with_gates(chip: Bombarded, change: Callable[[Design], Design]) -> Bombarded:
    lif = chip.chip.lif
    attached = tuple(change(each) for each in lif.attached)
    return replace(chip, chip=replace(chip.chip, lif=replace(lif, attached=attached)))


def scaled(bias: str, factor: float) -> Callable[[Design], Design]:
    return lambda d: replace(d, currents={**d.currents, bias: factor * d.currents[bias]})


@pytest.mark.parametrize(
    "fault",
    [
        lambda b: with_gates(b, scaled("i_w", 1.1)),
        lambda b: with_gates(b, scaled("i_tau", 1.15)),
        lambda b: replace(
            b, chip=replace(b.chip, lif=replace(b.chip.lif, c_m=1.2 * b.chip.lif.c_m))
        ),
    ],
    ids=["I_w 10 % more", "I_tau 15 % more", "c_m a fifth more"],
)
def test_a_fault_in_the_circuit(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, made: Bombarded,
    fault: Callable[[Bombarded], Bombarded],
) -> None:  # fmt: skip
    """Planted after extraction."""
    assert PARTNERS in disagreeing(judge(experiment, monkeypatch, fault(made)))


def test_a_wrong_theory(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, made: Bombarded
) -> None:
    """Jumps a fifth too large, as if the charge of a pulse had been taken from the design."""
    right = fixed_jumps.solve

    def wrong(neuron: LIF, rates: Floats, jumps: Floats, mu: float) -> fixed_jumps.FixedJumps:
        return right(neuron, rates, 1.2 * np.asarray(jumps), mu)

    monkeypatch.setattr(circuit_synapses.fixed_jumps, "solve", wrong)
    assert LINEAR in disagreeing(judge(experiment, monkeypatch, made))


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('tau_s = "0.5 ms"', 'tau_s = "0 ms"', "tau_s must be > 0 s"),
        ('weights = ["2 mV"]', 'weights = ["0 mV"]', "weights must not be 0"),
        ('rates = ["1 kHz"]', 'rates = ["0 Hz"]', "rates must be > 0 Hz"),
        ('tau_s = "0.5 ms"', 'tau_s = "0.5 ms"\non = ["reference"]', "'reference'"),
        ('tau_s = "0.5 ms"', 'tau_s = "0.5 ms"\nwidth = "1 ms"', "width"),
        ('rates = ["1 kHz"]', 'rates = ["20 kHz"]', "rates[0] must be at most 10 kHz"),
        ('weights = ["2 mV"]', 'weights = ["4 V"]', "the synapse's I_syn must be in"),
        ("speed_up = [30]", "speed_up = [1000]", "no DPI synapse of tau_s = 500 ns"),
    ],
)
def test_what_cannot_be_played_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert message in refusal(TEXT.replace(old, new), tmp_path, capsys)
