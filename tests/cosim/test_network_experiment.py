"""Networks under `verify`: the built-in one, each platform, planted faults, mistakes in files."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rheobase.cosim import report
from rheobase.cosim.budget import Verdict
from rheobase.cosim.cli import main
from rheobase.cosim.engines.network import NetworkEngine
from rheobase.cosim.network_experiment import NetworkExperiment, load_network
from rheobase.cosim.substrates import network as substrate
from rheobase.cosim.verify import Run, verify
from rheobase.models.integer import quantise_network
from rheobase.models.integer.network import Synapses

FILE = """
title = "small"
dt = "1 ms"
[neuron] # what every platform can be asked for: reset to rest, no refractory time
tau_m = "20 ms"
v_reset = "0 mV"
v_th = "20 mV"
[[population]]
name = "E"
size = 120
drive = {{ rate = "10 Hz", in_degree = 50, weight = "1.8 mV" }}
[[population]]
name = "I"
size = 40
drive = {{ rate = "8 Hz", in_degree = 50, weight = "1.8 mV", mu = "3 mV" }}
[[projection]]
source = "E"
target = "E"
in_degree = 20
weight = "0.3 mV"
delay = "2 ms"
[[projection]]
source = "E"
target = "I"
in_degree = 20
weight = "0.3 mV"
delay = "2 ms"
[[projection]]
source = "I"
target = "E"
in_degree = 5
weight = "-1.2 mV"
delay = "1 ms"
[run]
seconds = "4 s"
transient = "0.2 s"
seeds = 12
[rtl]
{}
[check]
rate = 0.05
"""
RTL = {
    "generic": 'width = 12\nlsb = "20 uV"',
    "loihi": 'platform = "loihi"\nlsb = "3 uV"',
    "truenorth": 'platform = "truenorth"\nlsb = "0.1 mV"',
    "spinnaker": 'platform = "spinnaker"',
}


def written(folder: Path, platform: str = "generic") -> Path:
    path = folder / "small.toml"
    path.write_text(FILE.format(RTL[platform]))
    return path


def judge(experiment: NetworkExperiment) -> Run:
    return verify([experiment], lambda text: None)


def verdicts(run: Run) -> dict[tuple[str, str, str], Verdict]:
    """By substrate, population and observable."""
    return {
        (check.substrate, check.stimulus, check.observable): check.verdict(run.error_rate)
        for check in run.findings.checks
    }


def test_the_built_in_network_agrees_and_is_explained(tmp_path: Path) -> None:
    run = judge(load_network("ei-network"))
    assert run.verdict == "agree"
    rates = {(s, p) for s, p, observable in verdicts(run) if observable == "rate"}
    assert rates == {(s, p) for s in ("theory", "reference", "rtl") for p in ("E", "I")}
    for explanation in run.findings.explanations:
        (point,) = (
            point
            for check in run.findings.checks
            for point in check.points
            if (check.substrate, check.stimulus, check.observable)
            == (explanation.substrate, explanation.stimulus, "rate")
        )
        assert explanation.predicted == pytest.approx(point.predicted, rel=1e-9)
        assert explanation.measured == point.measured
    page = report.write(run, tmp_path, "rheobase verify ei-network").read_text(encoding="utf-8")
    assert "Rates of the populations" in page
    assert "E: 240 LIF, tau_m 20 ms" in page
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [row["values"]["precision"] for row in found["platforms"]] == ["11 bits"]
    assert len(np.load(tmp_path / "results.npz").files) == 8


@pytest.mark.parametrize("platform", RTL)
def test_a_network_of_every_platform_is_as_predicted(platform: str, tmp_path: Path) -> None:
    run = judge(load_network(str(written(tmp_path, platform))))
    assert run.verdict == "agree", verdicts(run)


# ------------------------------------------------------------------ planted faults


class Unreported(Synapses):
    """Excitatory weights larger by a fifteenth than the report says."""

    def __init__(self, axon: Any, target: Any, weight: Any, delay: Any, channel: Any) -> None:
        more = np.where(np.asarray(weight) > 0, np.asarray(weight) // 15, 0)
        super().__init__(axon, target, weight + more, delay, channel)


def losing(run: Callable[..., Any]) -> Callable[..., Any]:
    """A core that loses one of its spikes on the way out."""

    def faulty(*args: Any, **options: Any) -> Any:
        done = run(*args, **options)
        ticks, ids = done.spikes
        return replace(done, spikes=(ticks[1:], ids[1:]))

    return faulty


def lower_threshold(simulate: Callable[..., Any]) -> Callable[..., Any]:
    """A simulator whose neurons fire a twentieth too early."""

    def faulty(populations: Any, projections: Any, inputs: Any, *args: Any) -> Any:
        for each in populations:
            object.__setattr__(each, "neuron", replace(each.neuron, v_th=0.95 * each.neuron.v_th))
        return simulate(populations, projections, inputs, *args)

    return faulty


def test_wrong_weights_in_the_integer_network_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = load_network(str(written(tmp_path)))
    monkeypatch.setattr(quantise_network, "Synapses", Unreported)
    found = verdicts(judge(experiment))
    assert found["rtl", "all populations", "differences from the integer network"] == "agree"
    assert "disagree" in {found["rtl", "E", "rate"], found["rtl", "I", "rate"]}


def test_a_lost_spike_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NetworkEngine, "run", losing(NetworkEngine.run))
    found = verdicts(judge(load_network(str(written(tmp_path)))))
    assert found["rtl", "all populations", "differences from the integer network"] == "disagree"


def test_a_wrong_reference_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(substrate, "simulate", lower_threshold(substrate.simulate))
    found = verdicts(judge(load_network(str(written(tmp_path)))))
    assert found["reference", "E", "rate"] == "disagree"


# ------------------------------------------------------------------ mistakes in files


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('target = "I"', 'target = "X"', "[[projection]] 2: target = 'X' must be a population: E"),
        ('dt = "1 ms"\n', "", "needs dt, the time step of all substrates"),
        ("size = 120\n", "", "[[population]] size: give that of all populations or none"),
        ("in_degree = 5\n", "in_degree = 5.5\n", "3: in_degree must be a whole number"),
        ('delay = "1 ms"', 'delay = "1.3 ms"', "3: delay must be a multiple of dt = 1 ms and not"),
        ('delay = "1 ms"', "", "3: delay must be a multiple of dt = 1 ms and not 0, not 0 s"),
        ("seeds = 12", "seeds = 1", "[run]: Expected `int` >= 2 - at `$.seeds`"),
        ("seeds = 12", "trials = 12", "unknown field `trials`; allowed: seconds, transient, seeds"),
        (
            'seconds = "4 s"\n',
            'seconds = "0.1 s"\n',
            "[run] transient must be >= 0 s and < seconds",
        ),
        ("width = 12", "neurons = 12", "[rtl]: neurons = 12 is not for a network's [rtl]"),
        ("width = 12", 'platform = "odin"', "platform = 'odin' must be one of 'generic'"),
        ("width = 12", "width = 8", "[rtl] "),
        ("rate = 0.05", "rate = 5.0", "[check]: Expected `float` < 1.0 - at `$.rate`"),
        ('dt = "1 ms"', 'dt = "1 ms"\ntau_s = "1 ms"', "dt and tau_s must not both be given"),
        ("[run]", "[running]", "unknown field `running`; allowed: population, projection, title"),
    ],
)
def test_a_mistake_is_one_error(
    old: str, new: str, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert main(["verify", str(path), "--quiet", "--output", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"rheobase verify: {path}")
    assert error in line


LOOP = [  # of strong inhibition, late
    ('source = "I"\ntarget = "E"\nin_degree = 5', 'source = "I"\ntarget = "I"\nin_degree = 40'),
    ('"1 ms"\n[run]', '"5 ms"\n[run]'),
    ('"3 mV"', '"40 mV"'),
]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            [('"10 Hz"', '"4 Hz"'), ('"0.3 mV"', '"2 mV"')],
            "the mean field has 2 states, at E, I = ",
        ),
        (LOOP, "are unstable: the network oscillates"),
    ],
)
def test_a_mean_field_without_one_stable_state_is_refused(
    changes: list[tuple[str, str]], error: str, tmp_path: Path
) -> None:
    path = written(tmp_path)
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(f"{path}: theory: ")) as raised:
        judge(load_network(str(path)))
    assert error in str(raised.value)


def test_a_verilog_core_of_neurons_is_not_a_network(tmp_path: Path) -> None:
    experiment = load_network(str(written(tmp_path)))
    with pytest.raises(ValueError, match=re.escape("is a core of neurons, ")):
        verify([experiment], lambda text: None, tmp_path / "core.v")


def test_a_network_is_no_experiment_with_one_neuron(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path)
    assert main(["verilog", str(path), "--output", str(tmp_path / "out")]) == 2
    assert "has a [[population]], and an experiment with one neuron" in capsys.readouterr().err
