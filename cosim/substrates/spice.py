"""The transistor neuron, judged twice: is it the one designed, and does it do what it is?

First the parameters extracted from its netlist against those it was designed for; then its
behaviour against what the extracted parameters predict: the f-I curve against the quadrature over
the measured leak, spikes under noise against the same-noise ordinary differential equation.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import log10
from pathlib import Path

import numpy as np

from ...analog import bias, energy, export, schematic
from ...analog.cells.cell import Cell
from ...analog.simulate import Trace, simulate
from ...models.neuron import LIF
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
from ...models.theory import given_input, siegert
from ...models.theory.measured_leak import MeasuredNeuron
from ...models.units import show
from ..budget import Point, Term
from ..experiment import Experiment, NamedStimulus, SpiceTable
from ..findings import Curve, Explanation, Findings, Picture
from ..observables import Floats
from . import mismatch
from .accelerated import Speed, invariance
from .chip import WORKERS, Chip, Replay, held_drive, made, partners, pieces, replay
from .circuit_population import noise_step
from .circuit_renewal import Shape, renewal, resolved
from .circuit_shunt import open_synapse
from .circuit_synapses import synapses
from .place import (
    Place,
    decibel,
    density,
    dimensionless,
    first_spike,
    grid,
    raster,
    scaling,
    span,
    trace,
    within,
)

INTERVALS = 2  # of a constant drive
AROUND = np.arange(-3, 3)  # drives about the lower end of the dynamic range that are measured
TANH_WITHIN_10_PERCENT = 0.568  # tanh(x) / x = 0.9


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


def _rate(spikes: Floats) -> float:
    """Rate in Hz of the intervals after the first spike."""
    return (len(spikes) - 1) / (spikes[-1] - spikes[0]) if len(spikes) > 1 else 0.0


def _duration(chip: Chip, predicted: float) -> float:
    """Chip seconds for INTERVALS intervals after the first passage, or five tau_m of silence."""
    return (INTERVALS + 2) / predicted if predicted > 0 else 5 * chip.lif.tau_m


def _constant(
    experiment: Experiment, played: NamedStimulus, stimulus: Constant, chip: Chip
) -> Findings:
    lif, neuron = chip.lif, experiment.neuron
    place = Place(experiment, played.name, "spice", chip.setting)
    currents = [lif.current(mu) for mu in stimulus.mu]
    predicted = [(chip.rate(current), chip.terms(current)) for current in currents]

    def simulated(job: tuple[float, float, float]) -> float:
        current, rate, coarseness = job
        step = min(lif.tau_m, 1 / rate if rate > 0 else lif.tau_m) / 100 * coarseness
        return _rate(simulate(lif, current, _duration(chip, rate), t_max=step).spike_times)

    jobs = [
        (current, rate, coarseness)
        for current, (rate, _) in zip(currents, predicted, strict=True)
        for coarseness in (1.0, 2.0)
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        rates = np.array(list(pool.map(simulated, jobs))).reshape(-1, 2)
    points = []
    for mu, (rate, terms), (fine, coarse) in zip(stimulus.mu, predicted, rates, strict=True):
        step = Term("time step of ngspice", "numerical", abs(fine - coarse))
        terms = (*terms, step) if rate > 0 else ()
        points.append(Point(show(mu, "V"), fine, rate, terms, experiment.check.rate * rate))
    drives = np.array(stimulus.mu)
    names = (experiment.name, played.name, "spice", f"{chip.setting}, per biological second")
    per_second = rates[:, 0] / lif.speed_up
    labels = ("drive R I (mV)", "rate (Hz)")
    curve = Curve("f-I", *names, "measured", 1e3 * drives, per_second, *labels)
    findings = Findings(checks=[place.check("rate", "Hz", tuple(points))], curves=[curve])
    findings.scaling.append(scaling(place, drives, rates[:, 0], lif.tau_m))
    findings.add(_dynamic_range(place, stimulus, chip, simulated))
    nearest = int(np.argmin(np.abs(drives - 1.2 * (neuron.v_th - neuron.v_rest))))
    if predicted[nearest][0] > 0:
        findings.explanations.append(
            _explain(place, chip, float(drives[nearest]), rates[nearest, 0])
        )
    return findings


def _dynamic_range(
    place: Place, stimulus: Constant, chip: Chip,
    simulated: Callable[[tuple[float, float, float]], float],
) -> Findings:  # fmt: skip
    """Drives over which the rate follows the ideal neuron, predicted and measured, and swings.

    Predicted on a fine grid; measured on some of its drives, on which the prediction is taken
    again: those around the lower predicted end, and a few from there on. The budget is what the
    range would be if all rates were off by their terms.
    """
    experiment, lif = place.experiment, chip.lif
    neuron, error = experiment.neuron, experiment.check.range_error
    scan = grid(neuron, stimulus.mu)
    scanned = np.array([chip.rate(lif.current(float(mu))) for mu in scan])
    whole = siegert.fi_curve(neuron, scan) * lif.speed_up
    range_ = within(scan, scanned, whole, error)
    ends = span(scan, scanned, whole, error)
    low = 0 if ends is None else int(np.searchsorted(scan, ends[0]))
    chosen = np.unique(
        np.concatenate((low + AROUND, np.linspace(low, len(scan) - 1, 6).round().astype(int)))
    )
    chosen = chosen[(chosen >= 0) & (chosen < len(scan))]
    drives, rates, ideal = scan[chosen], scanned[chosen], whole[chosen]
    jobs = [
        (lif.current(mu), rate, 1.0)
        for mu, rate in zip(drives.tolist(), rates.tolist(), strict=True)
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        counted = np.array(list(pool.map(simulated, jobs)))
    off = np.array([sum(t.size for t in chip.terms(lif.current(mu))) for mu in drives.tolist()])
    margin = off / np.where(ideal > 0, ideal, 1.0)
    wanted = decibel(span(drives, rates, ideal, error))
    others = [decibel(span(drives, rates, ideal, error + s * margin)) for s in (-1, 1)]
    terms = (
        Term("rounding of floats", "numerical", 1e-9),
        Term("predicted rates at its ends", "model", max(abs(x - wanted) for x in others)),
    )
    measured = decibel(span(drives, counted, ideal, error))
    point = Point(f"{len(drives)} drives, within {100 * error:g} %", measured, wanted, terms)
    curve = Curve(
        "f-I", experiment.name, place.stimulus, "spice", f"{chip.setting}, per biological second",
        "predicted", 1e3 * scan, scanned / lif.speed_up, "drive R I (mV)", "rate (Hz)",
    )  # fmt: skip
    check = place.check("dynamic range of the drive", "dB", (point,))
    findings = Findings(checks=[check], curves=[curve])
    shown = {**range_, "in dB, measured": f"{measured:.1f}", **_swing(chip)}
    findings.ranges.append(place.row(shown))
    return findings


def _swing(chip: Chip) -> dict[str, str]:
    """How far the membrane may go: by the OTA and by the supply, in dB over threshold less reset.

    An OTA in weak inversion, ``I tanh(g v/I)``, is within 10 % of linear as far as 0.568 I/g.
    """
    e, lif, neuron = chip.extracted, chip.lif, chip.lif.neuron
    middle, used = e.v_rest.value, lif.voltage_scale * (neuron.v_th - neuron.v_reset)

    def reach(ends: tuple[float, float]) -> str:
        low, high = ends[0] - middle, ends[1] - middle
        return f"{show(low, 'V', 3)} to {show(high, 'V', 3)}, {_over(high - low, used)}"

    weak = TANH_WITHIN_10_PERCENT * lif.i_leak / e.g_m.value
    half = lif.technology.supply / 2
    return {
        "linear swing, of weak inversion": reach((middle - weak, middle + weak)),
        "linear swing, measured": reach(e.linear_range),
        "supply": reach((middle - half, middle + half)),
        "swing that the supply leaves, measured": reach(e.swing),
    }


def _over(swing: float, used: float) -> str:
    return f"{20 * log10(swing / used):.1f} dB"


def _explain(place: Place, chip: Chip, mu: float, measured: float) -> Explanation:
    """From the ideal neuron to the extracted circuit, one imperfection at a time; chip Hz."""
    lif, e, ideal = chip.lif, chip.extracted, place.experiment.neuron
    current = lif.current(mu)
    fast = lif.speed_up

    def linear(tau_m: float, v_rest: float, v_trip: float, v_reset: float, dead: float) -> float:
        neuron = LIF(tau_m, v_trip, v_reset, v_rest, dead)
        return float(siegert.fi_curve(neuron, current * tau_m / c_m))

    rest, trip, reset = (lif.voltage(v) for v in (ideal.v_rest, ideal.v_th, ideal.v_reset))
    tau_m, c_m, dead = lif.tau_m, lif.tau_m * lif.g_m, e.dead_time(e.slope(current)).value
    steps = [("", "", linear(tau_m, rest, trip, reset, ideal.t_ref / fast))]
    size = f"{show(lif.t_dead, 's')} for t_ref {show(ideal.t_ref / fast, 's')}"
    steps.append(
        ("dead time that the circuit can build", size, linear(tau_m, rest, trip, reset, lif.t_dead))
    )
    size = f"{show(dead - lif.t_dead, 's', 3)} more at this slope"
    steps.append(("comparator delay and pulse", size, linear(tau_m, rest, trip, reset, dead)))
    c_m = e.c_m.value
    size = f"tau_m {show(c_m / e.g_m.value, 's', 5)}"
    steps.append(
        (
            "leak conductance and capacitance",
            size,
            linear(c_m / e.g_m.value, rest, trip, reset, dead),
        )
    )
    tau_m = c_m / e.g_m.value
    size = f"rest {show(e.v_rest.value - rest, 'V', 2)}, trip {show(e.v_trip.value - trip, 'V', 2)}"
    rest, trip = e.v_rest.value, e.v_trip.value
    steps.append(("offsets of OTA and comparator", size, linear(tau_m, rest, trip, reset, dead)))
    kick = show(e.charge_injection.value / c_m, "V", 2)
    size = f"{show(e.v_reset.value - reset, 'V', 2)} (charge injection of {kick} designed away)"
    reset = e.v_reset.value
    steps.append(("reset level", size, linear(tau_m, rest, trip, reset, dead)))
    size = f"leak at trip {e.leak(trip) / (e.g_m.value * (rest - trip)) - 1:+.2%} of linear"
    steps.append(("OTA non-linearity", size, chip.rate(current)))
    at = replace(place, stimulus=f"{place.stimulus}, {show(mu, 'V')}")
    return at.explained("rate", "Hz", steps, float(measured))


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
                    here.add(_constant(experiment, played, stimulus, chip))
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
