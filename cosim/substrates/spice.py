"""The transistor neuron, judged twice: is it the one designed, and does it do what it is?

First the parameters extracted from its netlist against those it was designed for; then its
behaviour against what the extracted parameters predict: the f-I curve against the quadrature over
the measured leak, spikes under noise against the same-noise ordinary differential equation.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...analog import bias, energy, export, schematic
from ...analog.cells.cell import Cell
from ...analog.simulate import Trace
from ...models.reference import measured_leak as ode
from ...models.stimulus import (
    Constant,
    InputSpikes,
    NoiseStep,
    OpenSynapse,
    Poisson,
    PoissonSynapses,
    RecordedCurrent,
    WhiteNoise,
)
from ...models.theory import given_input
from ...models.theory.measured_leak import MeasuredNeuron
from ...models.units import show
from ..budget import Point, Term
from ..experiment import Experiment, NamedStimulus
from ..findings import Curve, Explanation, Findings, Picture
from ..observables import Floats
from ..substrate_tables import SpiceTable
from . import mismatch
from .accelerated import Speed, invariance
from .chip import WORKERS, Chip, Replay, held_drive, made, partners, pieces, replay
from .circuit_constant import constant
from .circuit_population import noise_step
from .circuit_renewal import Shape, renewal, resolved
from .circuit_shunt import open_synapse
from .circuit_synapses import synapses
from .place import Place, density, dimensionless, first_spike, raster, trace


def _design_checks(place: Place, chip: Chip) -> Findings:
    """Extracted parameters against the designed ones, within the tolerances of both procedures."""
    lif, e, neuron = chip.lif, chip.extracted, place.experiment.neuron
    share = place.experiment.check.design
    swing = lif.voltage_scale * (neuron.v_th - neuron.v_rest)
    drive = 1.5 * chip.rheobase
    rows = (
        ("tau_m", "s", e.tau_m, lif.tau_m, bias.RELATIVE * lif.tau_m, lif.tau_m),
        ("threshold", "V", e.v_trip, lif.voltage(neuron.v_th), bias.ABSOLUTE, swing),
        ("reset", "V", e.v_reset, lif.voltage(neuron.v_reset), bias.ABSOLUTE, swing),
        ("rest", "V", e.v_rest, lif.voltage(neuron.v_rest), bias.ABSOLUTE, swing),
        ("dead time", "s", e.t_dead, lif.t_dead, 10 * bias.RELATIVE * lif.t_dead, lif.t_dead),
    )
    missed = {  # what a bench without the other cells, or at one frequency, does not see
        "tau_m": 2 * e.mirror_lag**2 * lif.tau_m,
        "reset": abs(e.settling),
        "dead time": abs(e.settling) * e.c_m.value / (drive + e.leak(e.v_reset.value)),
    }
    findings = Findings()
    for name, unit, found, designed, tolerance, scale in rows:
        terms: tuple[Term, ...] = (
            Term("design stops at", "numerical", tolerance),
            Term("extraction, and as much in the design", "numerical", 2 * found.error),
        )
        if name in missed:
            terms += (Term("lag of the leak's mirror", "model", missed[name]),)
        point = Point("netlist", found.value, designed, terms, share * scale)
        findings.checks.append(place.check(f"{name} as designed", unit, (point,)))
    return findings


def _piece(
    experiment: Experiment, chip: Chip, settings: SpiceTable, played: NamedStimulus, number: int
) -> Replay:
    """A piece of noise that lasts until the equation has fired its share of the spikes."""
    dt, share = settings.dt / chip.lif.speed_up, -(-settings.spikes // pieces(settings.spikes))
    neuron = chip.extracted.measured_neuron(float(np.median(chip.extracted.beyond.slopes)))
    seed = [experiment.seed(settings.seed, played, settings.dt), number]
    steps = 1000
    while steps < 4_000_000:
        drive = held_drive(played.stimulus, experiment.neuron, settings.dt, steps, seed)
        current = chip.lif.current(1.0) * drive
        times, _ = ode.run(neuron, current, dt)
        if len(times) >= share:
            tail = 3 * chip.lif.t_dead  # the last spike is to be seen by all
            return replay(chip, current[: int((times[share - 1] + tail) / dt) + 1], dt)
        steps *= 2
    raise ValueError(f"{played.name}: the analog neuron hardly ever fires")


def _noise(
    experiment: Experiment, chip: Chip, settings: SpiceTable
) -> tuple[Findings, dict[str, Shape]]:
    """All noise stimuli at once, so that no process waits for another stimulus to end.

    Rate, CV and intervals are judged where there are enough spikes; these intervals are returned.
    """
    noisy = [s for s in experiment.played("spice") if isinstance(s.stimulus, WhiteNoise | Poisson)]
    count = pieces(settings.spikes)
    jobs = [(played, number) for played in noisy for number in range(count)]
    with ThreadPoolExecutor(WORKERS) as pool:
        done = list(pool.map(lambda job: _piece(experiment, chip, settings, *job), jobs))
    findings, shapes = Findings(), {}
    for index, played in enumerate(noisy):
        place = Place(experiment, played.name, "spice", chip.setting)
        replays = done[index * count : (index + 1) * count]
        findings.add(partners(place, replays))
        findings.curves += _traces(place, chip, replays[0].run, 20)
        findings.curves.append(_density(place, chip, replays, settings.dt / chip.lif.speed_up))
        noise = played.stimulus
        if isinstance(noise, WhiteNoise) and resolved(experiment, noise, settings.spikes):
            judged, shape = renewal(experiment, played, noise, chip, settings, replays)
            findings.add(judged)
            shapes[played.name] = shape
    return findings, shapes


def _density(place: Place, chip: Chip, replays: list[Replay], dt: float) -> Curve:
    """Histogram of the membrane, in the neuron's volts, sampled every `dt`; held at reset aside."""
    lif, neuron = chip.lif, place.experiment.neuron
    free, samples = [], 0
    for run in (r.run for r in replays):
        t = np.arange(run.t[0], run.t[-1], dt)
        since = (
            t - np.concatenate(([-np.inf], run.spike_times))[np.searchsorted(run.spike_times, t)]
        )
        free.append(np.interp(t, run.t, run.v_m)[since > lif.t_dead])
        samples += len(t)
    moved = (np.concatenate(free) - lif.voltage(neuron.v_rest)) / lif.voltage_scale
    return density(place, neuron.v_rest + moved, samples, bins=25)


def _traces(place: Place, chip: Chip, run: Trace, length: float) -> list[Curve]:
    """Membrane of the first `length` tau_m: chip volts and seconds, and dimensionless."""
    lif, neuron = chip.lif, place.experiment.neuron
    keep = run.t <= length * lif.tau_m
    t, v = run.t[keep], run.v_m[keep]
    thin = slice(None, None, max(1, len(t) // 4000))
    ideal = neuron.v_rest + (v - lif.voltage(neuron.v_rest)) / lif.voltage_scale
    common = dimensionless(neuron, t * lif.speed_up, ideal)
    return trace(place, t[thin], v[thin], ("t on chip (s)", "v_m (V)"), common[:, thin])


def _given(
    experiment: Experiment, played: NamedStimulus, stimulus: InputSpikes | RecordedCurrent,
    chip: Chip, settings: SpiceTable,
) -> Findings:  # fmt: skip
    place = Place(experiment, played.name, "spice", chip.setting)
    drive = stimulus.drive(experiment.neuron, settings.dt)
    dt = settings.dt / chip.lif.speed_up
    done = replay(chip, chip.lif.current(1.0) * drive, dt)
    findings = partners(place, [done])
    findings.curves.append(raster(place, "measured", done.run.spike_times / dt))
    findings.explanations += _first_spike(place, chip, drive, settings.dt, done.run.spike_times)
    findings.curves += _traces(place, chip, done.run, np.inf)
    return findings


def _first_spike(
    place: Place, chip: Chip, drive: Floats, dt: float, spikes: Floats
) -> list[Explanation]:
    """From the ideal neuron's first spike under a held drive to the netlist's, biological time."""
    lif, e, neuron = chip.lif, chip.extracted, place.experiment.neuron
    ideal = given_input.spike_times(neuron, drive, dt, neuron.v_rest)
    current, fast = lif.current(1.0) * drive, lif.speed_up
    measured = e.measured_neuron(float(np.median(e.beyond.slopes)))
    linear = replace(measured, i_leak=e.g_m.value * (e.v_rest.value - e.v))

    def first(circuit: MeasuredNeuron) -> float:
        times = ode.run(circuit, current, dt / fast, v0=lif.voltage(neuron.v_reset))[0]
        return float(times[0]) * fast if len(times) else np.nan

    crossed = first(measured)
    if np.isnan(crossed):
        return []
    slope = max(e.slope(float(current[int(crossed / dt)])), float(e.beyond.slopes[0]))
    leak = e.leak(e.v_trip.value) / (e.g_m.value * (e.v_rest.value - e.v_trip.value)) - 1
    offset = show(e.v_trip.value - lif.voltage(neuron.v_th), "V", 2)
    stages = [
        ("extracted tau_m, trip and reset", f"trip {offset}", first(linear)),
        ("OTA non-linearity", f"leak at trip {leak:+.2%} of linear", crossed),
        ("comparator delay", show(e.delay(slope), "s", 2), crossed + e.delay(slope) * fast),
    ]
    return first_spike(place, ideal, stages, float(spikes[0]) * fast if len(spikes) else np.nan)


def _leak(place: Place, chip: Chip) -> list[Curve]:
    """The leak's current over the membrane's voltage, beside the linear one."""
    e, bias_current = chip.extracted, chip.lif.i_leak
    names = (place.experiment.name, "leak", "spice", place.setting)
    labels = ("membrane (V)", "current into it, of the bias")
    linear = e.g_m.value * (e.v_rest.value - e.v)
    return [
        Curve("leak", *names, "measured", e.v, e.i_leak / bias_current, *labels),
        Curve("leak", *names, "predicted", e.v, linear / bias_current, *labels),
    ]


def _energy(place: Place, chip: Chip) -> list[Curve]:
    """What each block draws from the supply in an interspike interval at 1.5 rheobases."""
    drawn = energy.energy(chip.lif, 1.5 * chip.rheobase).per_spike
    return [
        Curve(
            "energy", place.experiment.name, block, "spice", place.setting, "measured",
            np.array([0.0]), np.array([joule]), "", "energy in an interval (J)",
        )
        for block, joule in drawn.items()
    ]  # fmt: skip


def _pictures(experiment: Experiment, chip: Chip) -> list[Picture]:
    """The schematic of each cell."""
    return [
        Picture(experiment.name, cell.caption, schematic.svg(cell))
        for cell in chip.lif.circuit().subcircuits
        if isinstance(cell, Cell)
    ]


def run(experiment: Experiment, progress: Callable[[str], None]) -> Findings:
    """Design, extract and play every stimulus at every speed-up."""
    findings = Findings()
    settings = experiment.spice
    if settings is None:
        return findings
    process = settings.process()
    speeds: list[Speed] = []
    for speed_up in settings.speed_up:
        progress(f"{experiment.name}: SPICE, design and extraction at speed-up {speed_up:g}")
        chip = made(experiment.neuron, process, speed_up, settings.voltage_scale, settings.offset)
        place = Place(experiment, "design", "spice", chip.setting)
        here = _design_checks(place, chip)
        here.curves += _leak(place, chip) + _energy(place, chip)
        if not speeds:
            here.pictures += _pictures(experiment, chip)
            if settings.chips:
                here.add(mismatch.judged(place, chip.lif, settings.chips, progress))
        for played in experiment.played("spice"):
            progress(f"{experiment.name}: SPICE, {played.name}, speed-up {speed_up:g}")
            match played.stimulus:
                case Constant() as stimulus:
                    here.add(constant(experiment, played, stimulus, chip))
                case NoiseStep() as stimulus:
                    here.add(noise_step(experiment, played, stimulus, chip, settings))
                case OpenSynapse() as stimulus:
                    shunted = Place(experiment, played.name, "spice", chip.setting)
                    here.add(open_synapse(shunted, stimulus, chip))
                case InputSpikes() | RecordedCurrent() as stimulus:
                    here.add(_given(experiment, played, stimulus, chip, settings))
        progress(f"{experiment.name}: SPICE, noise, speed-up {speed_up:g}")
        noisy, shapes = _noise(experiment, chip, settings)
        here.add(noisy)
        for played in experiment.played("spice"):
            if isinstance(played.stimulus, PoissonSynapses):
                progress(f"{experiment.name}: SPICE, {played.name}, speed-up {speed_up:g}")
                judged, shapes[played.name] = synapses(experiment, played, chip, settings)
                here.add(judged)
        findings.add(here)
        speeds.append((chip, here, shapes))
    findings.add(invariance(experiment, speeds))
    return findings


def write_deck(
    experiment: Experiment, folder: Path, speed_up: float | None, name: str | None
) -> list[Path]:
    """Write the netlist and a test bench that plays the stimulus `name`, or the first one.

    A constant stimulus is played at the largest of its drives, noise for a hundred tau_m.

    Raises
    ------
    ValueError
        No [spice], or no such stimulus that is a current; the technology cannot realise the neuron.
    """
    names = {
        s.name: s for s in experiment.played("spice")
        if not isinstance(s.stimulus, OpenSynapse | PoissonSynapses)
    }  # fmt: skip
    if experiment.spice is not None and not names:
        raise ValueError(
            f"{experiment.path}: none of its stimuli is a current into the membrane, and a test"
            " bench plays nothing else"
        )
    if not names or (name is not None and name not in names):
        raise ValueError(f"{experiment.path}: stimulus {name!r} must be one of {[*names]}")
    played = names[name] if name is not None else next(iter(names.values()))
    settings, neuron = experiment.spice, experiment.neuron
    if settings is None:
        raise ValueError(f"{experiment.path}: has no [spice], so there is no netlist to write")
    speed_up = settings.speed_up[0] if speed_up is None else speed_up
    try:
        lif = bias.design(
            neuron, settings.process(), speed_up, settings.voltage_scale, offset=settings.offset
        )
    except (ValueError, RuntimeError) as error:
        raise type(error)(f"{experiment.path}: {error}") from error
    dt = float(settings.dt)
    match played.stimulus:
        case Constant(mu):
            return export.write(folder, lif, lif.current(max(mu)), 20 * lif.tau_m)
        case WhiteNoise() | Poisson() as stimulus:
            drive = held_drive(stimulus, neuron, dt, round(100 * neuron.tau_m / dt), [1])
        case NoiseStep() as stimulus:
            drive = held_drive(stimulus, neuron, dt, round(stimulus.duration / dt), [1])
        case InputSpikes() | RecordedCurrent() as stimulus:
            drive = stimulus.drive(neuron, dt)
    seconds = len(drive) * dt / speed_up
    return export.write(folder, lif, lif.current(1.0) * drive, seconds, dt / speed_up)
