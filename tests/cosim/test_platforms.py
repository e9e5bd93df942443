"""Loihi, TrueNorth, SpiNNaker and several widths: the built-in experiments, and planted faults."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from amaranth.hdl import Module, Signal, Value
from scipy import stats

from rheobase.cosim import report
from rheobase.cosim.budget import overall
from rheobase.cosim.engines.cxxrtl import CxxrtlCore
from rheobase.cosim.experiment import Experiment, built_in, load
from rheobase.cosim.substrates import rtl
from rheobase.cosim.verify import Run, verify
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.hdl.neurons.loihi import LoihiDatapath
from rheobase.hdl.neurons.spinnaker import SpiNNakerDatapath
from rheobase.hdl.neurons.truenorth import TrueNorthDatapath
from rheobase.hdl.pipeline import Values

PLATFORMS = ("precision", "loihi", "truenorth", "spinnaker")
COLUMNS = {
    "precision", "time step", "cost", "drive within 5 % of ideal", "in dB", "in dB, measured",
    "input of a step in dB", "input in dB, measured", "rate error, white noise",
    "rate error, white noise, measured",
}  # fmt: skip


def judge(experiment: Experiment) -> Run:
    return verify([experiment], lambda text: None)


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_built_in_experiment_agrees_and_is_in_the_table(name: str, tmp_path: Path) -> None:
    run = judge(built_in(name))
    assert run.verdict == "agree"
    settings = {check.setting for check in run.findings.checks}
    observables = {check.observable for check in run.findings.checks}
    assert observables >= {"rate", "dynamic range of the drive", "dynamic range of the input"}
    assert {row.setting for row in run.findings.platforms} == settings
    for row in run.findings.platforms:
        assert row.values.keys() >= COLUMNS
        assert "LUT4" in row.values["cost"]
    for explanation in run.findings.explanations:
        (point,) = (
            p for c in run.findings.checks for p in c.points
            if (c.setting, c.observable) == (explanation.setting, "rate")
            and c.stimulus == explanation.stimulus.split(",")[0]
            and (c.stimulus == "white noise" or explanation.stimulus.endswith(f", {p.at}"))
        )  # fmt: skip
        assert explanation.predicted == pytest.approx(point.predicted, rel=1e-9)
    page = report.write(run, tmp_path, "rheobase verify")
    assert "<h2>Platforms</h2>" in page.read_text(encoding="utf-8")
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert len(found["platforms"]) == len(settings)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    table = summary[summary.index("### Platforms") :].strip().splitlines()
    assert len({line.count("|") for line in table[2:]}) == 1
    assert len(table) == 4 + len(settings)


SMALL = """
title = "small"
[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "0 mV"
[[stimulus]]
name = "f-I"
kind = "constant current"
mu = ["10 mV", "24 mV", "40 mV", "90 mV"]
on = ["rtl"]
[[stimulus]]
name = "noise"
kind = "white noise"
mu = "20 mV"
sigma = "4 mV"
on = ["rtl"]
[rtl]
dt = ["1 ms"]
neurons = 100
spikes = 12_000
{}
[check]
observables = ["rate", "cv", "isi"]
rate = 0.05
cv = 0.08
isi = 0.03
"""
RTL = {
    "loihi": 'platform = "loihi"\nlsb = "50 uV"',  # threshold 385: an LSB is a quarter of a percent
    "nengo": 'platform = "loihi"\nflavour = "nengo"\nlsb = "50 uV"',
    "truenorth": 'platform = "truenorth"\nlsb = "0.6 mV"\nmask_bits = 2',  # both are random
    "spinnaker": 'platform = "spinnaker"',
}


def small(folder: Path, platform: str, **changes: Any) -> Experiment:
    path = folder / "small.toml"
    path.write_text(SMALL.format(RTL[platform]))
    experiment = load(path)
    changed = msgspec.structs.replace(experiment.rtl, **changes)  # type: ignore[type-var]
    return msgspec.structs.replace(experiment, rtl=changed)


class LoihiRoundsUp(LoihiDatapath):
    def truncate(self, m: Module, f: Values) -> dict[str, Value]:
        raised = {f"{name}_product": f[f"{name}_product"] + 4095 for name in "uv"}
        return super().truncate(m, {**f, **raised})


class LoihiReachesTheThreshold(LoihiDatapath):
    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        return super().fire(m, {**f, "threshold": f["threshold"] - 1})


class TrueNorthStrict(TrueNorthDatapath):
    def compare(self, m: Module, f: Values) -> dict[str, Value]:
        return super().compare(m, {**f, "T": f["T"] + 1})


class TrueNorthLeaksAlways(TrueNorthDatapath):
    def acts(self, m: Module, f: Values) -> Value:
        return f["leak"].any()


class TrueNorthWithoutEta(TrueNorthDatapath):
    def integrate(self, m: Module, f: Values) -> dict[str, Value]:
        return {**super().integrate(m, f), "T": f["threshold"]}


class SpiNNakerForgetsARefractoryStep(SpiNNakerDatapath):
    """One skipped update too many."""

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        return super().fire(m, {**f, "refractory": f["refractory"] + 1})


class SpiNNakerHalfExcited(SpiNNakerDatapath):
    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        result = super().fire(m, f)
        v = Signal.like(result["v"], name="v_faulty")
        m.d.comb += v.eq(result["v"] - (result["v"] >> 8))  # an additional leak
        return {**result, "v": v}


FAULTS: list[tuple[str, type[Any]]] = [
    ("loihi", LoihiRoundsUp),
    ("loihi", LoihiReachesTheThreshold),
    ("truenorth", TrueNorthStrict),
    ("truenorth", TrueNorthLeaksAlways),
    ("truenorth", TrueNorthWithoutEta),
    ("spinnaker", SpiNNakerForgetsARefractoryStep),
    ("spinnaker", SpiNNakerHalfExcited),
]


def law(run: Run) -> str:
    """The verdict of theory alone, without the comparison with the integer model."""
    checks = [c for c in run.findings.checks if not c.observable.startswith("differences")]
    return overall(checks, run.confidence)


def differences(run: Run) -> float:
    return sum(
        point.measured
        for check in run.findings.checks
        if check.observable.startswith("differences")
        for point in check.points
    )


@pytest.mark.parametrize("platform", RTL)
def test_a_sound_core_agrees(platform: str, tmp_path: Path) -> None:
    run = judge(small(tmp_path, platform))
    assert (run.verdict, law(run), differences(run)) == ("agree", "agree", 0)


@pytest.mark.parametrize(("platform", "fault"), FAULTS)
def test_a_fault_in_a_datapath(
    platform: str, fault: type[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught bit by bit, and by the law alone."""

    def faulty(neurons: Any, n: int, seed: int) -> NeuronCore:
        core = NeuronCore(neurons, n, seed)
        core.datapath = fault(core.kind)
        return core

    monkeypatch.setattr(rtl, "NeuronCore", faulty)
    run = judge(small(tmp_path, platform))
    assert differences(run) > 0
    assert law(run) == "disagree"


REGISTERS: dict[str, tuple[str, Callable[[int], int]]] = {
    "loihi": ("decay_v", lambda x: x + 10),
    "nengo": ("decay_v", lambda x: x + 10),
    "truenorth": ("leak", lambda x: x // 2),
    "spinnaker": ("decay_v", lambda x: x - 200),
}


@pytest.mark.parametrize("platform", RTL)
def test_a_fault_in_a_register(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, change = REGISTERS[platform]
    write = CxxrtlCore.load

    def misread(core: CxxrtlCore, neurons: Any) -> None:
        write(core, [replace(each, **{name: change(getattr(each, name))}) for each in neurons])

    monkeypatch.setattr(CxxrtlCore, "load", misread)
    run = judge(small(tmp_path, platform))
    assert differences(run) > 0
    assert law(run) == "disagree"


RERUNS, ALPHA = 40, 1e-3


@pytest.mark.parametrize("platform", ["loihi", "spinnaker"])
def test_false_alarms_are_as_rare_as_stated(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another seed of the noise each time; the core and the law are those of the first run."""
    cores: dict[int, CxxrtlCore] = {}
    laws: dict[Any, Any] = {}
    compute = rtl.law.noise

    def kept(neurons: Any, n: int, core: NeuronCore) -> CxxrtlCore:
        if n not in cores:
            cores[n] = CxxrtlCore(neurons, n, core)
        return cores[n]

    def known(made: Any, *rest: Any) -> Any:
        if made.neuron not in laws:
            laws[made.neuron] = compute(made, *rest)
        return laws[made.neuron]

    monkeypatch.setattr(rtl, "CxxrtlCore", kept)
    monkeypatch.setattr(rtl.law, "noise", known)
    p_values, failed = [], 0
    for seed in range(1, RERUNS + 1):
        experiment = small(tmp_path, platform, seed=seed, spikes=2000, neurons=40)
        coarse = msgspec.structs.replace(experiment.check, rate=0.5, cv=0.5, isi=0.5)
        only = tuple(s for s in experiment.stimuli if s.name == "noise")
        run = judge(msgspec.structs.replace(experiment, check=coarse, stimuli=only))
        failed += overall(run.findings.checks, 0.9) != "agree"
        p_values += [
            c.points[0].p_value for c in run.findings.checks if c.observable in ("rate", "CV")
        ]
    assert failed <= stats.binom.isf(ALPHA, RERUNS, 0.1)
    assert stats.kstest(np.array(p_values), "uniform").pvalue > ALPHA
