"""The transistor neuron, judged twice: is it the one designed, and does it do what it is?

First the parameters extracted from its netlist against those it was designed for; then its
behaviour against what the extracted parameters predict: the f-I curve against the quadrature over
the measured leak, spikes under noise against the same-noise ordinary differential equation.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from math import expm1, sqrt

import numpy as np

from ...analog import bias
from ...analog.extract import Extracted, extract
from ...analog.lif import AnalogLIF
from ...analog.simulate import Trace, simulate
from ...models.neuron import LIF
from ...models.reference import measured_leak as ode
from ...models.stimulus import Constant, InputSpikes, Poisson, RecordedCurrent, WhiteNoise
from ...models.theory import measured_leak as quadrature
from ...models.theory import siegert
from ...models.theory.measured_leak import MeasuredNeuron
from ...models.units import show
from ..budget import Point, Term
from ..experiment import Experiment, NamedStimulus, SpiceTable
from ..findings import Cause, Curve, Explanation, Findings, Row
from ..observables import Floats
from .place import Place, dimensionless, grid, raster, scaling, trace, within

WORKERS = 2  # ngspice processes at a time
INTERVALS = 5  # of a constant drive


def build(experiment: Experiment, speed_up: float) -> AnalogLIF:
    """Design the circuit that an experiment asks for.

    Raises
    ------
    ValueError
        The technology cannot realise the neuron; no [spice] in the experiment.
    """
    if experiment.spice is None:
        raise ValueError(f"{experiment.path}: has no [spice]")
    try:
        return bias.design(
            experiment.neuron, speed_up=speed_up, voltage_scale=experiment.spice.voltage_scale
        )
    except ValueError as error:
        raise ValueError(f"{experiment.path}: [spice] {error}") from None


def held_drive(
    stimulus: WhiteNoise | Poisson, neuron: LIF, dt: float, steps: int, seed: int
) -> Floats:
    """Drive in V, held during each step, that moves the membrane as the noise does by its end."""
    rng = np.random.default_rng(seed)
    gain = -expm1(-dt / neuron.tau_m)
    if isinstance(stimulus, WhiteNoise):
        jump = stimulus.sigma * sqrt(-expm1(-2 * dt / neuron.tau_m) / 2) * rng.normal(size=steps)
    else:
        counts = rng.poisson(np.array(stimulus.rates) * dt, (steps, len(stimulus.rates)))
        jump = counts @ np.array(stimulus.weights)
    return stimulus.mu + jump / gain


@dataclass(frozen=True)
class Chip:
    """A designed circuit and what was extracted from its netlist."""

    lif: AnalogLIF
    extracted: Extracted

    @property
    def setting(self) -> str:
        """How tables name it."""
        return f"speed-up {self.lif.speed_up:g}"

    @cached_property
    def rheobase(self) -> float:
        """Smallest constant current in A that makes it fire."""
        return self.extracted.rheobase()

    def measured(self, t_dead: float, v_trip_shift: float = 0.0) -> MeasuredNeuron:
        """What theory needs, with a given dead time in s and shift of the trip point in V."""
        e = self.extracted
        trip, reset = e.v_trip.value + v_trip_shift, e.v_reset.value
        return MeasuredNeuron(e.v, e.i_leak, e.c_m.value, trip, reset, t_dead)

    def rate(self, current: float) -> tuple[float, tuple[Term, ...]]:
        """Rate in Hz at a constant current in A, by quadrature, and the terms of its error."""
        if current <= self.rheobase:
            return 0.0, ()
        e, dead = self.extracted, self.extracted.dead_time(current)
        neuron = self.measured(dead.value)
        rate, error = (float(x) for x in quadrature.rate(neuron, current))

        def changed(**parameters: object) -> float:
            return abs(float(quadrature.rate(replace(neuron, **parameters), current)[0]) - rate)

        spread = (e.c_m_range[1] - e.c_m_range[0]) / 2
        extraction = (
            changed(v_trip=neuron.v_trip + e.v_trip.error)
            + changed(v_reset=neuron.v_reset + e.v_reset.error)
            + changed(i_leak=neuron.i_leak + e.i_leak_error)
            + changed(c_m=neuron.c_m + e.c_m.error)
        )
        return rate, (
            Term("quadrature", "numerical", error),
            Term("extraction", "numerical", extraction),
            Term("dead time", "model", changed(t_dead=dead.value + dead.error)),
            Term("capacitance varies with v", "model", changed(c_m=neuron.c_m + spread)),
        )


def _design_checks(place: Place, chip: Chip) -> Findings:
    """Extracted parameters against the designed ones, within the tolerances of both procedures."""
    lif, e, neuron = chip.lif, chip.extracted, place.experiment.neuron
    share = place.experiment.check.design
    swing = lif.voltage_scale * (neuron.v_th - neuron.v_rest)
    dead = e.dead_time(1.5 * chip.rheobase)
    rows = (
        ("tau_m", "s", e.tau_m, lif.tau_m, bias.RELATIVE * lif.tau_m, lif.tau_m),
        ("threshold", "V", e.v_trip, lif.voltage(neuron.v_th), bias.ABSOLUTE, swing),
        ("reset", "V", e.v_reset, lif.voltage(neuron.v_reset), bias.ABSOLUTE, swing),
        ("rest", "V", e.v_rest, lif.voltage(neuron.v_rest), bias.ABSOLUTE, swing),
        ("dead time", "s", dead, lif.t_dead, 10 * bias.RELATIVE * lif.t_dead, lif.t_dead),
    )
    findings = Findings()
    for name, unit, found, designed, tolerance, scale in rows:
        terms = (
            Term("design stops at", "numerical", tolerance),
            Term("extraction", "numerical", found.error),
        )
        point = Point("netlist", found.value, designed, terms, share * scale)
        findings.checks.append(place.check(f"{name} as designed", unit, (point,)))
    return findings


def _rate(spikes: Floats) -> float:
    """Rate in Hz of the intervals after the first spike."""
    return (len(spikes) - 1) / (spikes[-1] - spikes[0]) if len(spikes) > 1 else 0.0


def _duration(chip: Chip, predicted: float) -> float:
    """Chip seconds for INTERVALS intervals after the first passage, or ten tau_m of silence."""
    return (INTERVALS + 2) / predicted if predicted > 0 else 10 * chip.lif.tau_m


def _constant(
    experiment: Experiment, played: NamedStimulus, stimulus: Constant, chip: Chip
) -> Findings:
    lif, neuron = chip.lif, experiment.neuron
    place = Place(experiment, played.name, "spice", chip.setting)
    currents = [lif.current(mu) for mu in stimulus.mu]
    predicted = [chip.rate(current) for current in currents]

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
    curve = Curve("f-I", *names, "measured", drives, rates[:, 0] / lif.speed_up,
                  "drive R I (V)", "rate (Hz)")  # fmt: skip
    findings = Findings(checks=[place.check("rate", "Hz", tuple(points))], curves=[curve])
    findings.scaling.append(scaling(place, drives, rates[:, 0], lif.tau_m))
    scan = grid(neuron, stimulus.mu)
    scanned = np.array([chip.rate(lif.current(float(mu)))[0] for mu in scan]) / lif.speed_up
    range_ = within(scan, scanned, siegert.fi_curve(neuron, scan), experiment.check.range_error)
    findings.ranges.append(Row("spice", chip.setting, {**range_, **_swing(chip)}))
    nearest = int(np.argmin(np.abs(drives - 1.2 * (neuron.v_th - neuron.v_rest))))
    if predicted[nearest][0] > 0:
        findings.explanations.append(
            _explain(place, chip, float(drives[nearest]), rates[nearest, 0])
        )
    return findings


def _swing(chip: Chip) -> dict[str, str]:
    e, middle = chip.extracted, chip.extracted.v_rest.value

    def span(ends: tuple[float, float]) -> str:
        return f"{show(ends[0] - middle, 'V', 3)} to {show(ends[1] - middle, 'V', 3)}"

    return {"linear swing": span(e.linear_range), "supply-limited swing": span(e.swing)}


def _explain(place: Place, chip: Chip, mu: float, measured: float) -> Explanation:
    """From the ideal neuron to the extracted circuit, one imperfection at a time; chip Hz."""
    lif, e, ideal = chip.lif, chip.extracted, place.experiment.neuron
    current = lif.current(mu)
    fast = lif.speed_up

    def linear(tau_m: float, v_rest: float, v_trip: float, v_reset: float, dead: float) -> float:
        neuron = LIF(tau_m, v_trip, v_reset, v_rest, dead)
        return float(siegert.fi_curve(neuron, current * tau_m / c_m))

    rest, trip, reset = (lif.voltage(v) for v in (ideal.v_rest, ideal.v_th, ideal.v_reset))
    tau_m, c_m, dead = lif.tau_m, lif.tau_m * lif.g_m, e.dead_time(current).value
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
    size = f"{show(e.v_reset.value - reset, 'V', 2)}, charge {show(e.charge_injection.value / c_m, 'V', 2)} corrected"
    reset = e.v_reset.value
    steps.append(("reset level", size, linear(tau_m, rest, trip, reset, dead)))
    size = f"leak at trip {e.leak(trip) / (e.g_m.value * (rest - trip)) - 1:+.2%} of linear"
    steps.append(("OTA non-linearity", size, chip.rate(current)[0]))
    causes = tuple(
        Cause(name, size, rate - before)
        for (_, _, before), (name, size, rate) in zip(steps, steps[1:], strict=False)
    )
    name = f"{place.stimulus}, {show(mu, 'V')}"
    names = (place.experiment.name, name, "spice", place.setting, "rate", "Hz")
    return Explanation(*names, steps[0][2], causes, float(measured))


def unmatched(a: Floats, b: Floats, window: float) -> int:
    """Spikes of both trains without a partner in the other, one to one, within `window` in s."""
    i = j = alone = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= window:
            i, j = i + 1, j + 1
        elif a[i] < b[j]:
            i, alone = i + 1, alone + 1
        else:
            j, alone = j + 1, alone + 1
    return alone + len(a) - i + len(b) - j


def _same_input(
    place: Place, chip: Chip, current: Floats, dt: float
) -> tuple[Findings, Trace, Floats]:
    """Spikes of the netlist against those of the equation under the same held current.

    A comparator needs its delay, in which the membrane moves on: a crossing shallower than
    slope times delay may be lost. So the equation is run at the trip point and at trip plus and
    minus that shift (and the extraction's error); what it gains or loses is the budget.
    """
    e, lif = chip.extracted, chip.lif
    seconds = len(current) * dt
    run = simulate(lif, current, seconds, dt=dt)
    start = lif.voltage(place.experiment.neuron.v_reset)

    def equation(shift: float, slope: float) -> Floats:
        neuron = chip.measured(e.delay(slope) + e.t_hold.value, shift)
        return ode.run(neuron, current, dt, v0=start)[0]

    typical = lif.voltage_scale * (place.experiment.neuron.v_th - place.experiment.neuron.v_rest)
    slope = typical / lif.tau_m
    crossings = equation(0.0, slope)
    at = np.minimum((crossings / dt).astype(int), len(current) - 1)
    slopes = (current[at] + e.leak(e.v_trip.value)) / e.c_m.value
    slope = float(np.median(slopes[slopes > 0])) if (slopes > 0).any() else slope
    crossings = equation(0.0, slope)
    shift = slope * e.delay(slope) + e.v_trip.error
    window = lif.t_dead / 2 + e.delay(slope)
    bound = max(unmatched(crossings, equation(d, slope), window) for d in (-shift, shift))
    found = unmatched(run.spike_times, crossings + e.delay(slope), window)
    size = f"crossings the equation gains or loses at trip ± {show(shift, 'V', 2)}"
    at_text = f"{len(run.spike_times)} spikes, {len(crossings)} of the equation"
    wanted = place.experiment.spice.spikes if place.experiment.spice else 0
    resolution = place.experiment.check.spikes * max(len(crossings), 1)
    point = Point(at_text, found, 0, (Term(size, "model", bound),), resolution)
    findings = Findings(checks=[place.check("spikes without a partner", "", (point,))])
    return findings, run, crossings


def _noise(
    experiment: Experiment, played: NamedStimulus, stimulus: WhiteNoise | Poisson, chip: Chip,
    settings: SpiceTable,
) -> Findings:  # fmt: skip
    """Held noise until the equation has fired often enough; judged spike by spike."""
    place = Place(experiment, played.name, "spice", chip.setting)
    lif, e, dt = chip.lif, chip.extracted, settings.dt / chip.lif.speed_up
    steps = 2000
    while True:
        drive = held_drive(stimulus, experiment.neuron, settings.dt, steps, settings.seed)
        current = lif.current(1.0) * drive
        times, v = ode.run(chip.measured(e.t_hold.value), current, dt)
        if len(times) > settings.spikes:
            break
        if steps > 2_000_000:
            raise ValueError(f"{experiment.path}: {played.name}: the analog neuron hardly fires")
        steps *= 2
    enough = int(times[settings.spikes] / dt) + 1
    findings, run, _ = _same_input(place, chip, current[:enough], dt)
    findings.curves += _traces(place, chip, run, 60)
    return findings


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
    findings, run, _ = _same_input(place, chip, chip.lif.current(1.0) * drive, dt)
    findings.curves.append(raster(place, "measured", run.spike_times / dt))
    findings.curves += _traces(place, chip, run, np.inf)
    return findings


def run(experiment: Experiment, progress: Callable[[str], None]) -> Findings:
    """Design, extract and play every stimulus at every speed-up."""
    findings = Findings()
    settings = experiment.spice
    if settings is None:
        return findings
    for speed_up in settings.speed_up:
        progress(f"{experiment.name}: SPICE, design and extraction at speed-up {speed_up:g}")
        lif = build(experiment, speed_up)
        chip = Chip(lif, extract(lif))
        findings.add(_design_checks(Place(experiment, "design", "spice", chip.setting), chip))
        for played in experiment.played("spice"):
            progress(f"{experiment.name}: SPICE, {played.name}, speed-up {speed_up:g}")
            match played.stimulus:
                case Constant() as stimulus:
                    findings.add(_constant(experiment, played, stimulus, chip))
                case WhiteNoise() | Poisson() as stimulus:
                    findings.add(_noise(experiment, played, stimulus, chip, settings))
                case InputSpikes() | RecordedCurrent() as stimulus:
                    findings.add(_given(experiment, played, stimulus, chip, settings))
    return findings


def stop() -> None:
    """End all running simulations."""
