"""The RTL core, judged bit by bit by the integer model and in law by its exact Markov chain."""

import tempfile
from collections.abc import Callable
from math import ceil, isfinite, log10
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...hdl import emit
from ...hdl.neuron_core import NeuronCore
from ...hdl.verilog import TOP
from ...models.integer import markov
from ...models.integer.input import IntegerInput
from ...models.integer.lif import IntegerLIF
from ...models.stimulus import Constant, InputSpikes, Poisson, RecordedCurrent, WhiteNoise
from ...models.theory import siegert
from ...models.units import show
from ..budget import Point
from ..engines import icarus
from ..engines.cxxrtl import CxxrtlCore
from ..engines.events import CoreRun
from ..experiment import Experiment, NamedStimulus, RtlTable
from ..findings import Findings
from ..observables import Ints, plan
from .core import Core, realise
from .place import (
    Place,
    density,
    dimensionless,
    grid,
    published,
    scaling,
    trace,
    within,
)
from .renewal import Prediction, Steady, compare, compare_constant, plan_constant
from .rtl_causes import explain, explain_first_spike

SHORTEST = 8  # the core pipelines: it takes at least this many neurons


class Bench:
    """The core under test beside its integer model; compiles a core once for each size."""

    def __init__(self, core: Core, verilog: Path | None) -> None:
        self.core = core
        self.verilog = verilog
        self._engines: dict[int, CxxrtlCore] = {}

    def _engine(self, n: int) -> CxxrtlCore:
        if n not in self._engines:
            neuron = self.core.neuron
            if self.verilog is None:
                self._engines[n] = CxxrtlCore(neuron, n)
            else:
                self._engines[n] = CxxrtlCore.from_verilog(self.verilog, neuron, n)
        return self._engines[n]

    def run(self, currents: NDArray[np.int32], seed: int) -> tuple[CoreRun, Point]:
        """Run the core under random stalls, and count what differs from the integer model."""
        rng = np.random.default_rng(seed)
        valid, ready = rng.random(65_521) < 0.9, rng.random(65_519) < 0.8
        done = self._engine(currents.shape[1]).run(currents, valid, ready)
        return done, bits(self.core.neuron, currents, done)


def bits(neuron: IntegerLIF, currents: NDArray[np.int32], done: CoreRun) -> Point:
    """Spikes and final states that differ from the integer model, and protocol violations."""
    model = neuron.run(currents)
    n = currents.shape[1]
    wanted, got = (s[0] * n + s[1] for s in (model.spikes, done.spikes))
    wrong = len(np.setxor1d(wanted, got)) + abs(len(wanted) - len(got)) + len(done.violations)
    if len(wanted) == len(got):
        wrong += int(np.count_nonzero(wanted != got))
    if done.v is not None and done.r is not None:
        wrong += int(np.count_nonzero((done.v != model.v) | (done.r != model.r)))
    at = f"{done.updates} updates, {len(got)} spikes, {done.stalls} stalls"
    if done.violations:
        at += ": " + "; ".join(done.violations)
    return Point(at, wrong, 0, ())


def _add_bits(findings: Findings, place: Place, point: Point) -> None:
    findings.checks.insert(0, place.check("differences from the integer model", "", (point,)))


def _on_icarus(
    place: Place, bench: Bench, currents: NDArray[np.int32], settings: RtlTable
) -> Findings:
    """The delivered Verilog under cocotb, with random stalls; once, at the first time step."""
    if settings.icarus_steps == 0 or bench.core.dt != settings.dt[0]:
        return Findings()
    currents, seed = currents[: settings.icarus_steps], settings.seed
    n = currents.shape[1]
    with tempfile.TemporaryDirectory(prefix="rheobase-") as folder:
        file = bench.verilog
        if file is None:
            neuron = bench.core.neuron
            core = NeuronCore(neuron, n, neuron.seed)
            file = emit.convert(core, TOP).write(Path(folder))
        done = icarus.run(file, bench.core.neuron, n, currents, seed, idle=0.2, backpressure=0.3)
    point = bits(bench.core.neuron, currents, done)
    observable = "differences of the delivered Verilog (Icarus)"
    return Findings(checks=[place.check(observable, "", (point,))])


def _states(core: Core, currents: NDArray[np.int32]) -> Ints:
    """State after every step, shape (steps, neurons), of the integer model: the core's, too."""
    voltages = core.neuron.run(currents, record=True).voltages
    return np.empty((0, currents.shape[1]), np.int64) if voltages is None else voltages


def _state_range(core: Core) -> dict[str, str]:
    largest = core.neuron.v_max - core.neuron.v_min
    return {
        "smallest step": show(core.lsb, "V"),
        "largest swing": show(largest * core.lsb, "V"),
        "state in dB": f"{20 * log10(largest):.1f}",
    }


def _constant(
    experiment: Experiment, played: NamedStimulus, stimulus: Constant, bench: Bench,
    settings: RtlTable,
) -> Findings:  # fmt: skip
    core = bench.core
    place = Place(experiment, played.name, "rtl", f"dt {show(core.dt, 's')}")
    size = SHORTEST if bench.verilog is None else settings.neurons
    mu = stimulus.mu + (stimulus.mu[-1],) * (size - len(stimulus.mu))
    drives = np.array(mu)

    def steady(value: float) -> Steady:
        chain = markov.solve(core.neuron, IntegerInput.constant(core.held(value)))
        cv = chain.cv if chain.rate > 0 else 0.0
        return Steady(chain.rate / core.dt, cv, chain.error)

    predicted = [steady(value) for value in mu]
    planned = plan_constant(predicted, core.dt)
    held = np.array([core.held(value) for value in mu], np.int32)
    currents = np.tile(held, (planned.steps, 1))
    done, point = bench.run(currents, settings.seed)
    findings, rates = compare_constant(place, drives, *done.spikes, planned, core.dt, predicted)
    _add_bits(findings, place, point)
    findings.add(_on_icarus(place, bench, currents, settings))
    scan = grid(experiment.neuron, stimulus.mu)
    scanned = np.array([steady(float(value)).rate for value in scan])
    ideal = siegert.fi_curve(experiment.neuron, scan)
    range_ = within(scan, scanned, ideal, experiment.check.range_error)
    findings.ranges.append(place.row({**range_, **_state_range(core)}))
    findings.scaling.append(scaling(place, drives, rates, experiment.neuron.tau_m))
    rheobase = experiment.neuron.v_th - experiment.neuron.v_rest
    at = int(np.argmin(np.abs(drives - 1.2 * rheobase)))
    if (rate := predicted[at].rate) > 0:
        one, source = Constant((float(drives[at]),)), IntegerInput.constant(int(held[at]))
        findings.explanations.append(explain(place, core, one, source, rate, rates[at]))
    return findings


def _noise(
    experiment: Experiment, played: NamedStimulus, stimulus: WhiteNoise | Poisson, bench: Bench,
    settings: RtlTable,
) -> Findings:  # fmt: skip
    core = bench.core
    place = Place(experiment, played.name, "rtl", f"dt {show(core.dt, 's')}")
    source = core.source(stimulus)
    chain = markov.solve(core.neuron, source)
    if not (chain.rate > 0 and isfinite(chain.cv)):
        raise ValueError("the integer neuron never fires")
    planned = plan(chain.mean_isi, chain.cv, settings.neurons, settings.spikes)
    seed = experiment.seed(settings.seed, played, core.dt)
    currents = source.sample(np.random.default_rng(seed), (planned.steps, planned.neurons))
    done, point = bench.run(currents, settings.seed)
    pmf, _ = markov.isi_pmf(core.neuron, source, ceil(chain.mean_isi * (1 + 8 * chain.cv)))
    predicted = Prediction(chain.rate / core.dt, chain.cv, pmf, chain.error)
    findings, found = compare(place, *done.spikes, planned, core.dt, predicted)
    _add_bits(findings, place, point)
    short = currents[: ceil(2e6 / planned.neurons)]
    recorded = _states(core, short)
    v = experiment.neuron.v_rest + core.lsb * recorded[recorded != core.neuron.v_reset]
    findings.curves.append(density(place, v, recorded.size))
    findings.explanations.append(explain(place, core, stimulus, source, predicted.rate, found.rate))
    return findings


def _given(
    experiment: Experiment, played: NamedStimulus, stimulus: InputSpikes | RecordedCurrent,
    bench: Bench, settings: RtlTable,
) -> Findings:  # fmt: skip
    core, neuron = bench.core, experiment.neuron
    place = Place(experiment, played.name, "rtl", f"dt {show(core.dt, 's')}")
    x = np.concatenate((np.zeros(core.delay), stimulus.drive(neuron, core.dt)))
    held = np.rint(core.quantised.gain * x).astype(np.int32)
    currents = np.repeat(held[:, None], max(settings.neurons, SHORTEST), axis=1)
    done, point = bench.run(currents, settings.seed)
    steps = done.spikes[0][done.spikes[1] == 0]
    findings = published(place, played, steps.tolist())
    _add_bits(findings, place, point)
    findings.add(_on_icarus(place, bench, currents, settings))
    findings.explanations += explain_first_spike(place, core, x[core.delay :], currents, steps)
    v = _states(core, currents[:, :1])[:, 0]
    t = (np.arange(len(v)) + 1.0) * core.dt
    common = dimensionless(neuron, t, neuron.v_rest + core.lsb * v)
    findings.curves += trace(
        place, np.arange(float(len(v))), v, ("time step", "state (LSB)"), common
    )
    return findings


def run(
    experiment: Experiment, progress: Callable[[str], None], verilog: Path | None = None
) -> Findings:
    """Play every stimulus at every time step; `verilog` is judged in place of the core."""
    findings = Findings()
    settings = experiment.rtl
    if settings is None:
        return findings
    for dt in map(float, settings.dt):
        bench = Bench(realise(experiment, dt), verilog)
        place = Place(experiment, "", "rtl", f"dt {show(dt, 's')}")
        findings.losses.append(place.row(bench.core.losses()))
        for played in experiment.played("rtl"):
            progress(f"{experiment.name}: RTL, {played.name}, dt {show(dt, 's')}")
            match played.stimulus:
                case Constant() as stimulus:
                    findings.add(_constant(experiment, played, stimulus, bench, settings))
                case WhiteNoise() | Poisson() as stimulus:
                    findings.add(_noise(experiment, played, stimulus, bench, settings))
                case InputSpikes() | RecordedCurrent() as stimulus:
                    findings.add(_given(experiment, played, stimulus, bench, settings))
    return findings
