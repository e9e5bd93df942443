# amaranth: UnusedElaboratable=no
"""The RTL core of any platform, judged bit by bit by the integer model and in law by `law`.

A held drive lies in the neurons' registers or in the input of every step (`quantised`). The core
that plays the drives of an f-I curve also plays a finer grid of them, over which the dynamic range
is measured, and neurons at rest that get one input in the last step, whose responses are the
dynamic range of the input.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil, isfinite, log10
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...hdl import datapath_cells, emit
from ...hdl.neuron_core import NeuronCore
from ...hdl.verilog import TOP
from ...models.integer.input import IntegerInput
from ...models.integer.kind import Run
from ...models.integer.kind import run as run_model
from ...models.integer.lif import IntegerLIF
from ...models.integer.noise import words
from ...models.integer.quantised import Quantised
from ...models.integer.transient import spikes as spikes_in_time
from ...models.stimulus import (
    Constant,
    InputSpikes,
    NoiseStep,
    Poisson,
    RecordedCurrent,
    WhiteNoise,
)
from ...models.theory import siegert
from ...models.units import show
from ..budget import Point, Term
from ..engines import icarus
from ..engines.cxxrtl import CxxrtlCore
from ..engines.events import CoreRun
from ..experiment import Experiment, NamedStimulus
from ..findings import Explanation, Findings
from ..observables import Ints, plan
from ..substrate_tables import AnyRtlTable, RtlTable
from . import law, psth
from .core import Core, every
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
from .rtl_causes import explain, explain_first_spike, step_stages
from .rtl_ranges import counted_rate, drive_range, input_range

SHORTEST = 20  # the core pipelines: it takes at least this many neurons
OFFERED, TAKEN = 0.9, 0.8  # how often an input is offered, and an event taken
COPIES = 16  # of the smallest inputs, where the leak is random


class Bench:
    """The core under test beside its integer model.

    Generic neurons share their registers, which are constants of the circuit; those of platforms
    have their own, which are written before a run: one compiled core, kept in `engines`, does for
    all drives and time steps.
    """

    def __init__(
        self, core: Core, verilog: Path | None, seed: int, engines: dict[Any, CxxrtlCore]
    ) -> None:
        self.core = core
        self.verilog = verilog
        self.seed = seed
        self.summary: dict[str, str] = {}
        self._engines = engines

    def tell(self, name: str, found: Explanation) -> None:
        """Keep the rate's error, predicted and measured, for the table of platforms."""
        for kind, rate in (("", found.predicted), (", measured", found.measured)):
            error = f"{100 * (rate / found.ideal - 1):+.3g} %" if found.ideal else ""
            self.summary[f"rate error, {name}{kind}"] = error

    def _engine(self, neurons: Sequence[Any]) -> CxxrtlCore:
        one, n = neurons[0], len(neurons)
        generic = isinstance(one, IntegerLIF)
        key = (one if generic else (type(one), one.modes), n)
        if key not in self._engines:
            if self.verilog is not None:
                self._engines[key] = CxxrtlCore.from_verilog(self.verilog, one, n)
            elif generic:
                self._engines[key] = CxxrtlCore(one, n)
            else:
                name = "threshold" if "threshold" in one.register_fields else "v_thresh"
                others = [replace(one, **{name: k + 1}) for k in range(n)]  # all have a profile
                self._engines[key] = CxxrtlCore(others, n, NeuronCore(others, n, self.seed))
        if not generic:
            self._engines[key].load(neurons)
        return self._engines[key]

    def run(
        self, values: NDArray[np.integer[Any]], seed: int, made: Sequence[Quantised] | None = None
    ) -> tuple[CoreRun, Point]:
        """Run the core under random stalls, and count what differs from the integer model.

        Parameters
        ----------
        values : array of int, shape (steps, n)
            Integer input.
        made : sequence of n Quantised, optional
            With their drives in their registers; all alike and without by default.
        """
        rng = np.random.default_rng(seed)
        valid, ready = rng.random(65_521) < OFFERED, rng.random(65_519) < TAKEN
        n = values.shape[1]
        made = [self.core.quantised] * n if made is None else made
        neurons = [each.neuron for each in made]
        inputs = made[0].inputs(values)
        given = inputs["i"] if isinstance(neurons[0], IntegerLIF) else inputs
        done = self._engine(neurons).run(given, valid, ready)
        return done, bits(neurons, inputs, done, self.seed)

    def chunk(self, values: NDArray[Any], first: int, size: int) -> NDArray[Any]:
        """`size` neurons from the first on; beyond the last, it is repeated."""
        return values[:, np.minimum(np.arange(first, first + size), values.shape[1] - 1)]

    def run_all(
        self, values: NDArray[Any], settings: AnyRtlTable, made: Sequence[Quantised]
    ) -> tuple[list[CoreRun], Ints, tuple[Point, ...]]:
        """Run any number of neurons; a Verilog file has as many as it has, and runs repeatedly.

        Returns
        -------
        done : list of CoreRun
        ids : array of int
            Number of the neuron of each spike of all runs.
        points : tuple of Point
            As of `run`.
        """
        n = values.shape[1]
        size = settings.neurons
        if self.verilog is None:
            size = max(n, size, SHORTEST)
        done, points, ids = [], [], []
        for first in range(0, n, size):
            chosen = [made[min(first + k, n - 1)] for k in range(size)]
            each, point = self.run(self.chunk(values, first, size), settings.seed, chosen)
            done.append(each)
            points.append(point)
            ids.append(each.spikes[1] + first)
        return done, np.concatenate(ids), tuple(points)


def starts(neurons: Sequence[Any]) -> dict[str, NDArray[np.int64]]:
    """The states with which a core begins, as its kind says."""
    return {
        name: np.array([neuron.registers[register] for neuron in neurons])
        for name, register in neurons[0].start.items()
    }


def bits(
    neurons: Sequence[Any], inputs: Mapping[str, NDArray[Any]], done: CoreRun, seed: int = 1
) -> Point:
    """Spikes and final states that differ from the integer model, and protocol violations."""
    n, one = len(neurons), neurons[0]
    state: Mapping[str, NDArray[np.int64]]
    if isinstance(one, IntegerLIF):
        lif = one.run(inputs["i"])
        spikes, state = lif.spikes, {"v": lif.v, "r": lif.r}
    else:
        model = run_model(neurons, with_numbers(one, inputs, seed), starts(neurons))
        spikes, state = model.spikes, model.state
    wanted, got = (s[0] * n + s[1] for s in (spikes, done.spikes))
    wrong = len(np.setxor1d(wanted, got)) + abs(len(wanted) - len(got)) + len(done.violations)
    if len(wanted) == len(got):
        wrong += int(np.count_nonzero(wanted != got))
    if done.state is not None:
        differs = [done.state[name] != state[name] for name in state]
        wrong += int(np.count_nonzero(np.any(differs, axis=0)))
    at = f"{done.updates} updates, {len(got)} spikes, {done.stalls} stalls"
    if done.violations:
        at += ": " + "; ".join(done.violations)
    return Point(at, wrong, 0, ())


def _on_icarus(
    place: Place, bench: Bench, currents: NDArray[np.int32], settings: AnyRtlTable
) -> Findings:
    """The delivered Verilog under cocotb, with random stalls; once, at the first time step."""
    if not isinstance(settings, RtlTable):
        return Findings()
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
    point = bits([bench.core.neuron] * n, {"i": currents}, done)
    observable = "differences of the delivered Verilog (Icarus)"
    return Findings(checks=[place.check(observable, "", (point,))])


def with_numbers(neuron: Any, inputs: Mapping[str, NDArray[Any]], seed: int) -> dict[str, Any]:
    """The inputs, and the core's random numbers where the kind takes them."""
    if "x" not in neuron.inputs:
        return dict(inputs)
    shape = next(iter(inputs.values())).shape
    return {**inputs, "x": words(seed, int(np.prod(shape))).reshape(shape)}


def _model(made: Quantised, values: NDArray[Any], seed: int) -> Run:
    """What the integer model does, recorded; v counts from rest."""
    inputs = with_numbers(made.neuron, made.inputs(values), seed)
    return run_model(made.neuron, inputs, starts([made.neuron] * values.shape[1]), record=True)


def _state_range(core: Core) -> dict[str, str]:
    low, high = core.quantised.limits
    return {
        "smallest step": show(core.lsb, "V"),
        "largest swing": show((high - low) * core.lsb, "V"),
        "state in dB": f"{20 * log10(high - low):.1f}",
    }


def _silence(rate: float) -> str:
    """Of a neuron that should fire, and was predicted not to."""
    return "-100 %" if rate == 0 else f"fires at {show(rate, 'Hz')}"


def _ladder(made: Quantised) -> Ints:
    """Sizes of inhibitory inputs whose responses at rest have the smallest and the largest."""
    sizes = {made.smallest_input, made.largest_input, 1 << (made.input_width - 1)}
    sizes |= {1 << k for k in range(made.input_width - 1)}
    if "x" in made.neuron.inputs:  # of one and of two LSB, a random leak leaves one or the other
        small = [made.smallest_input, made.smallest_input + 1] * COPIES
        return np.array([*sorted(sizes), *small], np.int64)
    return np.array(sorted(sizes), np.int64)


def _cost(core: Core) -> str:
    """Memory, products, and the cells of the datapath if they have been measured."""
    cells = datapath_cells.MEASURED.get(datapath_cells.key(core.neuron))
    return core.quantised.cost + ("" if cells is None else f"; {cells}")


def _constant(
    experiment: Experiment, played: NamedStimulus, stimulus: Constant, bench: Bench,
    settings: AnyRtlTable,
) -> Findings:  # fmt: skip
    core, neuron = bench.core, experiment.neuron
    place = Place(experiment, played.name, "rtl", core.setting)
    scan = grid(neuron, stimulus.mu)
    drives = np.concatenate((stimulus.mu, scan))
    held = [core.held(float(mu)) for mu in drives]
    laws = [law.constant(made, k) for made, k in held]
    predicted = [Steady(each.rate, each.cv, each.error) for each in laws]
    planned = plan_constant(predicted, core.dt, experiment.check.rate)
    sizes = _ladder(core.quantised) if bench.verilog is None else np.empty(0, np.int64)
    made = [each for each, _ in held] + [core.quantised] * len(sizes)
    values = np.zeros((planned.steps, len(made)), np.int32)
    values[:, : len(held)] = [k for _, k in held]
    values[-1, len(held) :] = -sizes
    done, ids, points = bench.run_all(values, settings, made)
    curve = len(stimulus.mu)
    first = ids < curve
    steps = np.concatenate([each.spikes[0] for each in done])
    findings, rates = compare_constant(
        place, drives[:curve], steps[first], ids[first], planned, core.dt, predicted[:curve]
    )
    findings.checks.insert(0, place.check("differences from the integer model", "", points))
    size = settings.neurons if bench.verilog is not None else max(curve, SHORTEST)
    findings.add(_on_icarus(place, bench, bench.chunk(values, 0, size), settings))

    scanned = np.array([each.rate for each in predicted[curve:]])
    counted = np.array(
        [
            counted_rate(steps[ids == number], each, planned, core.dt)
            for number, each in enumerate(predicted)
        ]
    )[curve:]
    ideal = siegert.fi_curve(neuron, scan)
    error = experiment.check.range_error
    findings.checks.append(
        drive_range(place, scan, ideal, predicted[curve:], counted, planned, error)
    )
    in_range = within(scan, scanned, ideal, error)
    findings.ranges.append(place.row({**in_range, **_state_range(core)}))
    findings.scaling.append(scaling(place, drives[:curve], rates, neuron.tau_m))
    (shown,) = findings.checks[-1].points
    bench.summary |= {
        **in_range,
        "in dB, measured": f"{shown.measured:.1f}",
    }
    if len(sizes) and done[0].state is not None:
        check = input_range(place, core, done[0].state["v"][len(held) : len(held) + len(sizes)])
        findings.checks.append(check)
        (shown,) = check.points
        bench.summary["input of a step in dB"] = f"{shown.predicted:.1f}"
        bench.summary["input in dB, measured"] = f"{shown.measured:.1f}"
    rheobase = neuron.v_th - neuron.v_rest
    at = int(np.argmin(np.abs(drives[:curve] - 1.2 * rheobase)))
    if predicted[at].rate > 0:
        one = Constant((float(drives[at]),))
        source = IntegerInput.constant(held[at][1])
        rate = predicted[at].rate
        found = explain(place, core, one, held[at][0], source, (), rate, rates[at])
        findings.explanations.append(found)
        bench.tell(f"{played.name}, {show(float(drives[at]), 'V')}", found)
    elif drives[at] > rheobase:
        name = f"rate error, {played.name}, {show(float(drives[at]), 'V')}"
        bench.summary |= {name: "-100 %", f"{name}, measured": _silence(rates[at])}
    return findings


def _noise(
    experiment: Experiment, played: NamedStimulus, stimulus: WhiteNoise | Poisson, bench: Bench,
    settings: AnyRtlTable,
) -> Findings:  # fmt: skip
    core = bench.core
    place = Place(experiment, played.name, "rtl", core.setting)
    made, source, lost = core.source(stimulus)
    expected = law.noise(made, stimulus, source, lost)
    if not (expected.rate > 0 and isfinite(expected.cv)):
        raise ValueError("the integer neuron never fires")
    planned = plan(expected.mean, expected.cv, settings.neurons, settings.spikes)
    seed = experiment.seed(settings.seed, played, core.dt)
    values = source.sample(np.random.default_rng(seed), (planned.steps, planned.neurons))
    done, point = bench.run(values, settings.seed, [made] * planned.neurons)
    pmf = expected.isi(ceil(expected.mean * (1 + 8 * expected.cv)))
    predicted = Prediction(expected.rate, expected.cv, pmf, expected.error, expected.shape_error)
    findings, found = compare(place, *done.spikes, planned, core.dt, predicted)
    findings.checks.insert(0, place.check("differences from the integer model", "", (point,)))
    short = values[: ceil(2e6 / planned.neurons)]
    v = made.from_rest(_model(made, short, settings.seed).recorded["v"])
    reset = made.to_integers(made.realised.v_reset)
    findings.curves.append(density(place, made.to_volts(v[v != reset]), v.size))
    explained = explain(place, core, stimulus, made, source, lost, expected.rate, found.rate)
    findings.explanations.append(explained)
    bench.tell(played.name, explained)
    return findings


def _noise_step(
    experiment: Experiment, played: NamedStimulus, stimulus: NoiseStep, bench: Bench,
    settings: AnyRtlTable,
) -> Findings:  # fmt: skip
    """A population; one spike each, which the first input makes, puts all at v_reset."""
    core, trials = bench.core, settings.neurons
    place = Place(experiment, played.name, "rtl", core.setting)
    noisy = stimulus.phases(core.dt)
    phases = [(core.source(noise)[1], steps) for noise, steps in noisy]
    neuron = core.neuron
    largest = (1 << (neuron.input_width - 1)) - 1
    if largest < neuron.threshold:
        raise ValueError(
            f"input_width = {neuron.input_width} must be wide enough for one input to make a spike"
        )
    rng = np.random.default_rng(experiment.seed(settings.seed, played, core.dt))
    before = 1 + neuron.refractory
    kick = np.zeros((before, trials), np.int32)
    kick[0] = largest
    values = np.concatenate([kick, *(s.sample(rng, (steps, trials)) for s, steps in phases)])
    done, point = bench.run(values, settings.seed)
    steps, ids = done.spikes
    released = steps >= before
    per_bin = (len(values) - before) // stimulus.bins
    found = psth.Counts.of(steps[released] - before, ids[released], trials, per_bin, stimulus.bins)
    chain, error = spikes_in_time(neuron, phases)
    shares = chain.reshape(stimulus.bins, -1).sum(axis=1)
    exact = (Term("inputs left out, rounding", "numerical", error),)
    resolution = (experiment.check.psth, experiment.check.rate)
    findings = psth.compare(place, stimulus, found, shares, exact, resolution)
    findings.checks.insert(0, place.check("differences from the integer model", "", (point,)))
    stages = step_stages(core, experiment.neuron, stimulus, shares)
    findings.explanations += psth.explain(place, stimulus, stages, found)
    return findings


def _given(
    experiment: Experiment, played: NamedStimulus, stimulus: InputSpikes | RecordedCurrent,
    bench: Bench, settings: AnyRtlTable,
) -> Findings:  # fmt: skip
    core, neuron, made = bench.core, experiment.neuron, bench.core.quantised
    place = Place(experiment, played.name, "rtl", core.setting)
    x = np.concatenate((np.zeros(core.delay), stimulus.drive(neuron, core.dt)))
    held = np.rint(x / made.drive_unit).astype(np.int32)
    values = np.repeat(held[:, None], max(settings.neurons, SHORTEST), axis=1)
    done, point = bench.run(values, settings.seed)
    steps = done.spikes[0][done.spikes[1] == 0]
    findings = published(place, played, steps.tolist())
    findings.checks.insert(0, place.check("differences from the integer model", "", (point,)))
    findings.add(_on_icarus(place, bench, values, settings))
    model = _model(made, values[:, :1], settings.seed)
    findings.explanations += explain_first_spike(
        place, core, x[core.delay :], model.spikes[0], steps
    )
    v = made.from_rest(model.recorded["v"][:, 0])
    t = (np.arange(len(v)) + 1.0) * core.dt
    common = dimensionless(neuron, t, made.to_volts(v))
    findings.curves += trace(
        place, np.arange(float(len(v))), v, ("time step", "state (LSB)"), common
    )
    return findings


def run(
    experiment: Experiment, progress: Callable[[str], None], verilog: Path | None = None
) -> Findings:
    """Play every stimulus at each time step and width; `verilog` is judged in the core's place."""
    findings = Findings()
    settings = experiment.rtl
    if settings is None:
        return findings
    engines: dict[Any, CxxrtlCore] = {}
    for core in every(experiment, settings):
        bench = Bench(core, verilog, settings.seed, engines)
        place = Place(experiment, "", "rtl", core.setting)
        findings.losses.append(place.row(core.losses()))
        for played in experiment.played("rtl"):
            progress(f"{experiment.name}: RTL, {played.name}, {core.setting}")
            match played.stimulus:
                case Constant() as stimulus:
                    findings.add(_constant(experiment, played, stimulus, bench, settings))
                case WhiteNoise() | Poisson() as stimulus:
                    findings.add(_noise(experiment, played, stimulus, bench, settings))
                case NoiseStep() as stimulus:
                    findings.add(_noise_step(experiment, played, stimulus, bench, settings))
                case InputSpikes() | RecordedCurrent() as stimulus:
                    findings.add(_given(experiment, played, stimulus, bench, settings))
        if bench.summary:
            facts = {"precision": f"{core.bits} bits", "time step": show(core.dt, "s")}
            row = {**facts, **bench.summary, "cost": _cost(core)}
            findings.platforms.append(place.row(row))
    return findings
