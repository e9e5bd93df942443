"""A verifier that cannot fail is worthless: every seeded fault turns the verdict to ``disagree``.

Faults sit in the core, in the circuit, in the simulator and in the theory itself. A fault in the
core must show twice: bit by bit against the integer model, and by theory alone, with the checks
against the integer model left out. Beside every fault the same run without it agrees.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rheobase.analog.extract import extract
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.technology import generic180
from rheobase.cosim.budget import overall
from rheobase.cosim.engines.cxxrtl import CxxrtlCore
from rheobase.cosim.experiment import Experiment, load
from rheobase.cosim.substrates import circuit_constant, reference, rtl, spice, theory
from rheobase.cosim.substrates import law as laws_of_rtl
from rheobase.cosim.substrates.core import realise
from rheobase.cosim.verify import Run, verify
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.neuron import LIF
from rheobase.models.stimulus import Poisson, WhiteNoise
from rheobase.models.theory.discrete_time import DiscreteTime
from tests.mutants import MUTANTS, write_verilog

BRUNEL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
HEAD = """
title = "small"
[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"
[check]
observables = ["rate", "cv", "isi"]
"""
Write = Callable[[str], Experiment]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """From the text of an experiment to the experiment."""

    def written(text: str) -> Experiment:
        path = tmp_path / "small.toml"
        path.write_text(text)
        return load(path)

    return written


def judge(experiment: Experiment, verilog: Path | None = None) -> Run:
    return verify([experiment], lambda text: None, verilog)


def disagreeing(run: Run) -> set[str]:
    """The checks that disagree, as ``stimulus: observable``."""
    checks = run.findings.checks
    found = {c for c in checks if c.verdict(run.error_rate) == "disagree"}
    assert (run.verdict == "disagree") == bool(found)
    return {f"{c.stimulus}: {c.observable}" for c in found}


# ------------------------------------------------------------------ RTL

# Without noise: 16 bits in steps of 0.1 ms, 256 drives, one so low that the state saturates. The
# predicted intervals are exact, so a single step more or less at a single drive is a fault.
CURVE = f"""{HEAD}
[[stimulus]]
name = "f-I"
kind = "constant current"
mu = ["-60 mV"]
sweep = {{ from = "20.1 mV", to = "120 mV", count = 255 }}
[rtl]
dt = ["0.1 ms"]
width = 16
lsb = "0.78125 uV"
"""

# Under noise: 8 bits, so that one LSB is 1/80 of the threshold, and a leak of 10 bits, so that one
# is 2 % of tau_m. The second stimulus throws the state below its range every few steps.
NOISE = f"""{HEAD}rate = 0.03
[[stimulus]]
name = "moderate"
kind = "white noise"
mu = "25 mV"
sigma = "3 mV"
on = ["rtl"]
[[stimulus]]
name = "saturating"
kind = "white noise"
mu = "0 mV"
sigma = "25 mV"
on = ["rtl"]
[rtl]
dt = ["1 ms"]
width = 8
lsb = "0.25 mV"
leak_bits = 10
neurons = 64
spikes = 40_000
"""


def law(run: Run) -> str:
    """The verdict of theory alone, without the comparison with the integer model."""
    checks = [c for c in run.findings.checks if not c.observable.startswith("differences")]
    assert 0 < len(checks) < len(run.findings.checks)
    return overall(checks, run.confidence)


@pytest.mark.parametrize("text", [CURVE, NOISE], ids=["constant drives", "noise"])
def test_a_sound_core_agrees(write: Write, text: str) -> None:
    run = judge(write(text))
    assert (run.verdict, law(run)) == ("agree", "agree")


@pytest.mark.parametrize("fault", MUTANTS)
@pytest.mark.parametrize("text", [CURVE, NOISE], ids=["constant drives", "noise"])
def test_a_fault_in_the_core(
    write: Write, monkeypatch: pytest.MonkeyPatch, text: str, fault: str
) -> None:
    """Caught bit by bit, and by the law of the exact chain alone."""

    def mutant(neuron: IntegerLIF, n: int) -> CxxrtlCore:
        return CxxrtlCore(neuron, n, core=MUTANTS[fault](neuron, n))

    monkeypatch.setattr(rtl, "CxxrtlCore", mutant)
    run = judge(write(text))
    assert {c.split(": ")[1] for c in disagreeing(run)} > {"differences from the integer model"}
    assert law(run) == "disagree"


def test_lost_events_are_counted_one_by_one(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scoreboard says what broke: markers and spikes that never came."""

    def deaf(neuron: IntegerLIF, n: int) -> CxxrtlCore:
        return CxxrtlCore(neuron, n, MUTANTS["events: lost under back-pressure"](neuron, n))

    monkeypatch.setattr(rtl, "CxxrtlCore", deaf)
    run = judge(write(NOISE))
    (point, *_) = run.findings.checks[0].points
    assert run.findings.checks[0].observable == "differences from the integer model"
    assert "end-of-step" in point.at
    assert point.measured > 1000


DELIVERED = CURVE.replace("count = 255", "count = 15") + "neurons = 16\nicarus_steps = 300\n"


@pytest.mark.parametrize("fault", [None, "leak: constant one off"])
def test_a_fault_in_a_verilog_file(write: Write, tmp_path: Path, fault: str | None) -> None:
    """`verify --verilog`: the file is judged on both simulators, and by theory."""
    experiment = write(DELIVERED)
    neuron = realise(experiment, 1e-4).neuron
    core = NeuronCore(neuron, 16, neuron.seed) if fault is None else MUTANTS[fault](neuron, 16)
    run = judge(experiment, write_verilog(core, tmp_path))
    caught = {
        "f-I: differences from the integer model",
        "f-I: differences of the delivered Verilog (Icarus)",
        "f-I: rate",
        "f-I: dynamic range of the drive",
    }
    assert disagreeing(run) == (set() if fault is None else caught)


def test_a_judge_that_is_one_lsb_off(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Theory with a fault is no better than a core with one."""
    solve, experiment = laws_of_rtl.markov.solve, write(NOISE)
    monkeypatch.setattr(
        laws_of_rtl.markov,
        "solve",
        lambda neuron, source: solve(replace(neuron, threshold=neuron.threshold + 1), source),
    )
    run = judge(experiment)
    assert "moderate: rate" in disagreeing(run)
    assert "moderate: differences from the integer model" not in disagreeing(run)


# ------------------------------------------------------------------ SPICE

CONSTANT = f"""{HEAD}
[spice]
spikes = 12
[[stimulus]]
name = "f-I"
kind = "constant current"
mu = ["21 mV"] # near the rheobase, where the leak counts
"""
ANALOG = f"""{CONSTANT}
[[stimulus]]
name = "noise"
kind = "white noise"
mu = "25 mV"
sigma = "3 mV"
on = ["spice"]
"""

CIRCUITS: dict[str, Callable[[AnalogLIF], AnalogLIF]] = {
    "capacitor +5 %": lambda lif: replace(lif, c_m=1.05 * lif.c_m),
    "OTA bias +5 %": lambda lif: replace(lif, i_leak=1.05 * lif.i_leak),
    "trip +2 mV": lambda lif: replace(lif, v_th_reference=lif.v_th_reference + 2e-3),
    "reset +1 mV": lambda lif: replace(lif, v_reset_reference=lif.v_reset_reference + 1e-3),
    "refractory current +5 %": lambda lif: replace(lif, i_refractory=1.05 * lif.i_refractory),
    "default solver options": lambda lif: replace(lif, options=""),
}


@pytest.fixture(scope="module")
def chip() -> spice.Chip:
    """In biological time: its leak is a few picoamperes."""
    return spice.made(BRUNEL, generic180, 1.0, 1.0)


def build(monkeypatch: pytest.MonkeyPatch, chip: spice.Chip) -> None:
    """Play `chip`; look for the dynamic range, which is not judged, at two drives instead of 60."""
    monkeypatch.setattr(spice, "made", lambda *arguments: chip)
    monkeypatch.setattr(circuit_constant, "grid", lambda neuron, drives: np.array([24e-3, 40e-3]))


def test_a_sound_circuit_agrees(
    write: Write, monkeypatch: pytest.MonkeyPatch, chip: spice.Chip
) -> None:
    build(monkeypatch, chip)
    run = judge(write(ANALOG))
    assert run.verdict == "agree"
    assert {c.observable for c in run.findings.checks} > {
        "rate",
        "share of spikes without a partner",
    }


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("capacitor +5 %", "tau_m"),
        ("OTA bias +5 %", "tau_m"),
        ("trip +2 mV", "threshold"),
        ("reset +1 mV", "reset"),
        ("refractory current +5 %", "dead time"),
        ("default solver options", "rest"),
    ],
)
def test_a_circuit_that_is_not_the_one_designed(
    write: Write, monkeypatch: pytest.MonkeyPatch, chip: spice.Chip, fault: str, check: str
) -> None:
    """The faulty netlist is extracted: it is not what was asked for."""
    lif = CIRCUITS[fault](chip.lif)
    build(monkeypatch, spice.Chip(lif, extract(lif)))
    assert f"design: {check} as designed" in disagreeing(judge(write(CONSTANT)))


@pytest.mark.parametrize("fault", [name for name in CIRCUITS if name != "default solver options"])
def test_a_circuit_that_is_not_the_one_extracted(
    write: Write, monkeypatch: pytest.MonkeyPatch, chip: spice.Chip, fault: str
) -> None:
    """The fault comes after extraction: the f-I curve is not what theory predicts.

    With another capacitor it leaves the ideal neuron's within the dynamic range, too.
    """
    build(monkeypatch, replace(chip, lif=CIRCUITS[fault](chip.lif)))
    caught = {"f-I: rate"}
    if fault == "capacitor +5 %":
        caught.add("f-I: dynamic range of the drive")
    assert disagreeing(judge(write(CONSTANT))) == caught


def test_a_leak_that_is_lost_in_the_solver_tolerances(
    write: Write, monkeypatch: pytest.MonkeyPatch, chip: spice.Chip
) -> None:
    """The f-I curve leaves the dynamic range; rates at two time steps differ by themselves."""
    build(monkeypatch, replace(chip, lif=CIRCUITS["default solver options"](chip.lif)))
    run = judge(write(CONSTANT))
    assert disagreeing(run) >= {"f-I: dynamic range of the drive"}
    (rate,) = (c for c in run.findings.checks if c.observable == "rate")
    assert rate.verdict(run.error_rate) != "agree"


def test_under_noise_a_wrong_trip_point_costs_spikes(
    write: Write, monkeypatch: pytest.MonkeyPatch, chip: spice.Chip
) -> None:
    build(monkeypatch, replace(chip, lif=CIRCUITS["trip +2 mV"](chip.lif)))
    caught = {"f-I: rate", "noise: share of spikes without a partner"}
    assert disagreeing(judge(write(ANALOG))) == caught


# ------------------------------------------------------------------ the simulator and the theory

FLOATING = f"""{HEAD}
[[stimulus]]
name = "white noise"
kind = "white noise"
mu = "25 mV"
sigma = "3 mV"
[[stimulus]]
name = "shot noise"
kind = "poisson"
rates = ["1.5 kHz", "0.3 kHz"]
weights = ["1 mV", "-1 mV"]
on = ["reference"]
[reference]
dt = ["1 ms"]
neurons = 64
spikes = 20_000
"""
WHITE, SHOT = WhiteNoise(25e-3, 3e-3), Poisson((1500.0, 300.0), (1e-3, -1e-3))


@pytest.fixture(scope="module")
def laws() -> dict[type, DiscreteTime]:
    """What the sound theory says of both stimuli."""
    return {type(s): reference.noise_law(BRUNEL, s, 1e-3) for s in (WHITE, SHOT)}


def test_a_sound_simulator_agrees(write: Write) -> None:
    assert judge(write(FLOATING)).verdict == "agree"


class LateLaw(DiscreteTime):
    """Every interval one step longer, in the distribution only."""

    def isi(self, n_max: int) -> Any:
        return np.roll(super().isi(n_max), 1)


def late(law: DiscreteTime) -> DiscreteTime:
    return LateLaw(**vars(law))


def continuous(law: DiscreteTime) -> DiscreteTime:
    """Siegert's rate, as if the threshold were watched at every instant."""
    return replace(law, rate=float(theory.siegert.rate(BRUNEL, WHITE.mu, WHITE.sigma)))


def diffusion(law: DiscreteTime) -> DiscreteTime:
    """White noise in place of finite jumps."""
    return reference.noise_law(BRUNEL, SHOT.diffusion(BRUNEL.tau_m), 1e-3)


def another_sigma(law: DiscreteTime) -> DiscreteTime:
    """The CV of a sigma in another convention, sqrt(2) times larger."""
    louder = WhiteNoise(WHITE.mu, WHITE.sigma * 2**0.5)
    return replace(law, cv=reference.noise_law(BRUNEL, louder, 1e-3).cv)


@pytest.mark.parametrize(
    ("stimulus", "fault", "caught"),
    [
        (WhiteNoise, continuous, "white noise: rate"),
        (WhiteNoise, another_sigma, "white noise: CV"),
        (WhiteNoise, late, "white noise: ISI distribution"),
        (Poisson, diffusion, "shot noise: rate"),
    ],
)
def test_a_fault_in_the_law(
    write: Write, monkeypatch: pytest.MonkeyPatch, laws: dict[type, DiscreteTime],
    stimulus: type, fault: Callable[[DiscreteTime], DiscreteTime], caught: str,
) -> None:  # fmt: skip
    faulty = laws | {stimulus: fault(laws[stimulus])}
    monkeypatch.setattr(reference, "noise_law", lambda neuron, noise, dt: faulty[type(noise)])
    assert caught in disagreeing(judge(write(FLOATING)))


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        (lambda neuron, sigma: (replace(neuron, t_ref=1e-3), sigma), {"rate", "CV"}),
        (lambda neuron, sigma: (neuron, sigma * 2**0.5), {"rate", "CV", "ISI distribution"}),
        (lambda neuron, sigma: (neuron, sigma * 0.97), {"CV"}),
    ],
    ids=["one refractory step too few", "sigma in another convention", "noise 3 % too weak"],
)
def test_a_fault_in_the_simulator(
    write: Write, monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[LIF, float], tuple[LIF, float]], caught: set[str],
) -> None:  # fmt: skip
    simulate = reference.lif.white_noise

    def faulty(neuron: LIF, mu: float, sigma: float, **how: Any) -> Any:
        neuron, sigma = fault(neuron, sigma)
        return simulate(neuron, mu, sigma, **how)

    monkeypatch.setattr(reference.lif, "white_noise", faulty)
    assert disagreeing(judge(write(FLOATING))) >= {f"white noise: {name}" for name in caught}


def test_siegerts_rate_off_by_a_millionth(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two computations of one number, without statistics: the budget is the grid's error."""
    rate = theory.siegert.rate
    monkeypatch.setattr(theory.siegert, "rate", lambda *args: rate(*args) * (1 + 1e-6))
    run = judge(write(FLOATING))
    assert disagreeing(run) == {"white noise: rate"}
    (check,) = (c for c in run.findings.checks if c.verdict(run.error_rate) == "disagree")
    assert check.substrate == "theory"


GIVEN = """
title = "two pulses"
[neuron]
tau_m = "2.5 ms"
v_th = "100 mV"
v_reset = "0 mV"
[[stimulus]]
name = "pulses"
kind = "input spikes"
times = ["6 ms", "6.2 ms", "6.4 ms", "15 ms", "15.2 ms", "15.4 ms"]
amplitude = "1 V"
width = "0.1 ms"
duration = "20 ms"
published = { "them" = [64, 154] }
expect = { reference = "them" }
[reference]
dt = ["0.1 ms"]
"""


def test_published_spikes_that_are_matched(write: Write) -> None:
    assert judge(write(GIVEN)).verdict == "agree"


@pytest.mark.parametrize("spikes", ["[64, 155]", "[63, 154]", "[64]", "[]", "[64, 154, 170]"])
def test_published_spikes_that_are_not(write: Write, spikes: str) -> None:
    """One step late, one early, one missing, all missing, one too many."""
    run = judge(write(GIVEN.replace("[64, 154]", spikes)))
    assert disagreeing(run) == {"pulses: spikes that differ from them"}


def test_a_simulator_whose_spikes_are_one_step_late(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = reference.lif.given

    def late_by_one(*args: Any, **how: Any) -> Any:
        run = given(*args, **how)
        return replace(run, steps=run.steps + 1)

    monkeypatch.setattr(reference.lif, "given", late_by_one)
    assert "pulses: spikes that differ from theory" in disagreeing(judge(write(GIVEN)))
