"""A transistor neuron under Poisson pulses into DPI synapses, against its equations and theories.

The synapses hang at the membrane, so the neuron is extracted again with them: their drains add
capacitance and leakage. Each synapse alone is extracted on a bench, under a train of pulses of its
own. Then the netlist is held against the equations of both (`models.reference.measured_leak` under
the currents of `models.reference.log_domain_synapse`) with the same pulses, spike by spike, and in
rate, CV and intervals.

Theory knows linear synapses at a linear neuron. With the mean charge that a pulse brings it is
asked twice: for jumps without the diffusion approximation (`fixed_jumps`) and for white noise of
the same mean and variance (`siegert`), both moved by what noise with the synapses' time constant
changes (`colored_noise`; outside that formula's domain neither is asked). It is judged first by the
equations of such a circuit, in many intervals, then by the netlist; there what it leaves out is
added, as the equations have it under the same pulses.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil, hypot, inf, sqrt
from typing import cast

import numpy as np

from ...analog import bombardment
from ...analog.extract import extract
from ...models.neuron import LIF
from ...models.reference.log_domain_synapse import Pulses, linear_currents, serial
from ...models.stimulus import PoissonSynapses
from ...models.theory import colored_noise, fixed_jumps, siegert
from ...models.units import show
from ..budget import Check, Point, Term
from ..experiment import Experiment, NamedStimulus
from ..findings import Findings
from ..observables import Floats, plan
from ..substrate_tables import SpiceTable
from . import circuit_law as law
from .chip import WORKERS, Chip, Replay, compare, partners, pieces
from .circuit_renewal import Runs, Shape, histograms, intervals, judged, number
from .dpi_synapse import Synapse, made
from .place import Place

RUNS, INTERVALS = 100, 4000  # of the equations
STEPS = 5  # of the equations' currents in tau_s
DRAWS = 3  # of the errors of the synapses' equations
WIDTH = 0.1  # of a pulse, in tau_s
BUSY = 0.5  # of the time, a line, at most
COLORED = 0.04  # relative error of the formula where `colored_noise.in_domain` holds


@dataclass(frozen=True)
class Input:
    """One run's events, and what they are on the line of each synapse; chip seconds."""

    times: list[Floats]
    pulses: list[Pulses]


@dataclass(frozen=True)
class Bombarded:
    """A neuron with its synapses, extracted with them, and the stimulus in chip seconds."""

    chip: Chip
    synapses: tuple[Synapse, ...]
    rates: Floats
    tau_s: float
    current: float

    @property
    def width(self) -> float:
        """Of a pulse, in s."""
        return WIDTH * self.tau_s

    @property
    def dt(self) -> float:
        """Over which the equations hold currents, in s."""
        return self.tau_s / STEPS

    def input(self, duration: float, seed: list[int]) -> Input:
        """Poisson events for a `duration` (s)."""
        rng = np.random.default_rng(seed)
        counts = rng.poisson(self.rates * duration)
        times = [np.sort(rng.uniform(self.width, duration, count)) for count in counts.tolist()]
        return Input(times, [serial(each, self.width) for each in times])

    def currents(self, given: Input, steps: int) -> Floats:
        """Current in A of each synapse into the membrane, by its equation; (synapses, steps)."""
        return np.array([
            synapse.sign * synapse.extracted.equation.currents(pulses, self.dt, steps)
            for synapse, pulses in zip(self.synapses, given.pulses, strict=True)
        ])  # fmt: skip

    def uncertain(self, currents: Floats, seed: list[int]) -> list[Floats]:
        """Drives off by errors drawn, for each synapse and each tau_m, from those on its bench."""
        rng = np.random.default_rng(seed)
        size = round(self.chip.lif.tau_m / self.dt)
        count = currents.shape[1]
        drives = []
        for _ in range(DRAWS):
            drive = self.current + currents.sum(0)
            for synapse, current in zip(self.synapses, currents, strict=True):
                drawn = rng.choice(synapse.extracted.errors, count // size + 1)
                drive += current.mean() * np.repeat(drawn, size)[:count]
            drives.append(drive)
        return drives


def _synapse(chip: Chip, stimulus: PoissonSynapses, number: int, seed: int) -> Synapse:
    most, rate = BUSY / (WIDTH * stimulus.tau_s), stimulus.rates[number]
    if rate > most:
        raise ValueError(
            f"rates[{number}] must be at most {show(most, 'Hz')}, not {show(rate, 'Hz')}: a line"
            f" carries one pulse of {show(WIDTH * stimulus.tau_s, 's')} at a time"
        )
    tau_s, fast = stimulus.tau_s / chip.lif.speed_up, chip.lif.speed_up
    rng = np.random.default_rng([seed, 2, number])
    return made(chip, stimulus.weights[number], tau_s, WIDTH * tau_s, rate * fast, rng)


def _bombarded(chip: Chip, stimulus: PoissonSynapses, seed: int) -> Bombarded:
    fast = chip.lif.speed_up
    with ThreadPoolExecutor(WORKERS) as pool:
        kinds = range(len(stimulus.rates))
        synapses = tuple(pool.map(lambda number: _synapse(chip, stimulus, number, seed), kinds))
    lif = replace(chip.lif, attached=tuple(each.design for each in synapses))
    return Bombarded(
        Chip(lif, extract(lif)), synapses, np.array(stimulus.rates) * fast,
        stimulus.tau_s / fast, lif.current(stimulus.mu),
    )  # fmt: skip


def _linear(chip: Chip) -> Chip:
    """The same circuit with a linear leak."""
    e = chip.extracted
    return Chip(chip.lif, replace(e, i_leak=e.g_m.value * (e.v_rest.value - e.v)))


def _linear_drive(made: Bombarded, given: Input, charges: Floats, steps: int) -> Floats:
    """Current in A into the membrane by linear synapses of the same time constants."""
    total = np.zeros(steps) + made.current
    for synapse, times, charge in zip(made.synapses, given.times, charges.tolist(), strict=True):
        tau = synapse.extracted.equation.tau
        total += linear_currents(times, charge, tau, made.dt, steps)
    return total


def _neuron(chip: Chip, slope: float) -> LIF:
    """The linear neuron of what was extracted, in chip units."""
    e = chip.extracted
    dead = e.dead_time(slope).value
    tau_m = e.c_m.value / e.g_m.value
    return LIF(tau_m, e.v_trip.value, e.v_reset.value, e.v_rest.value, dead)


def _replays(made: Bombarded, spikes: int, rate: float, seed: int) -> list[Replay]:
    """Pieces of the netlist's run, each until the equations have fired their share of `spikes`."""
    chip, dt = made.chip, made.dt
    neuron = chip.extracted.measured_neuron(float(np.median(chip.extracted.beyond.slopes)))
    count = _share(spikes) + 1

    def piece(number: int) -> Replay:
        steps = plan(1.2 / (rate * dt), 1.0, 1, count).steps  # 1.2: it may be slower than theory
        given = made.input(steps * dt, [seed, number])
        currents = made.currents(given, steps)
        current = made.current + currents.sum(0)
        times = law.ode.run(neuron, current, dt)[0]
        if len(times) >= count:  # the last spike is to be seen by all
            steps = min(steps, ceil((times[count - 1] + 3 * chip.lif.t_dead) / dt))
        heard = [Pulses(p.on[(k := p.on < steps * dt)], p.off[k]) for p in given.pulses]
        run = bombardment.simulate(chip.lif, heard, made.width, made.current, steps * dt)
        others = made.uncertain(currents[:, :steps], [seed, 3, number])
        return compare(chip, run, current[:steps], dt, others)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(piece, range(pieces(spikes))))


def _share(spikes: int) -> int:
    """Intervals of a piece."""
    return ceil(spikes / pieces(spikes))


def synapses(
    experiment: Experiment, played: NamedStimulus, bare: Chip, settings: SpiceTable
) -> tuple[Findings, Shape]:
    """Design, extract and play; the intervals are returned, too."""
    stimulus = cast(PoissonSynapses, played.stimulus)
    seed = experiment.seed(settings.seed, played, stimulus.tau_s)
    made = _bombarded(bare, stimulus, seed)
    chip, lif, e = made.chip, made.chip.lif, made.chip.extracted
    place = Place(experiment, played.name, "spice", chip.setting)
    ideal = experiment.neuron

    per_second = float(fixed_jumps.solve(ideal, stimulus.rates, stimulus.weights, stimulus.mu).rate)
    fast = per_second * lif.speed_up
    planned = plan(1.3 / (fast * made.dt), 1.0, RUNS, INTERVALS)  # 1.3: charges may be smaller
    given = [made.input(planned.steps * made.dt, [seed, 1, k]) for k in range(RUNS)]
    currents = [made.currents(each, planned.steps) for each in given]
    drives = np.array([made.current + each.sum(0) for each in currents])
    slope = law.typical_slope(chip, drives, made.dt)
    lag = e.lag(slope)

    def under(circuit: Chip, currents: Floats, late: float, shift: float = 0.0) -> Floats:
        return intervals(
            law.trials(circuit, currents, made.dt, slope, late, shift), planned.intervals
        )

    own = under(chip, drives, lag)
    others = [under(chip, drives, late) for late in (e.lags.min(), max(e.delay(slope), lag))]
    others += [under(chip, drives, lag, shift * e.v_trip.error) for shift in (-1, 1)]
    moved = [made.uncertain(each, [seed, 4, k]) for k, each in enumerate(currents)]
    others += [under(chip, np.array(each), lag) for each in zip(*moved, strict=True)]

    replays = _replays(made, settings.spikes, 1 / float(own.mean()), seed)
    runs = Runs.of(replays, _share(settings.spikes))
    findings = partners(place, replays, "errors of the synapses' equations")
    findings.add(judged(place, runs, own, others))
    findings.checks.append(_charges(place, made, stimulus))

    events = np.array([[len(times) for times in each.times] for each in given])
    charges = np.sum(currents, (0, 2)) * made.dt / events.sum(0)
    tau_s = float(np.mean([synapse.extracted.equation.tau for synapse in made.synapses]))
    straight = np.array([_linear_drive(made, each, charges, planned.steps) for each in given])
    stages = [
        number("rate", under(_linear(chip), straight, 0.0)),
        number("rate", under(_linear(chip), drives, 0.0)),
        number("rate", under(chip, drives, 0.0)),
        number("rate", own),
    ]
    told = _Theory.of(made, charges, tau_s, slope)
    findings.checks += _against_theory(place, told, stages, runs, own)

    designed = np.array(stimulus.weights) * lif.voltage_scale
    jumps = charges / (lif.tau_m * lif.g_m)

    def jumping(neuron: LIF, jump: Floats, drive: float) -> float:
        return float(fixed_jumps.solve(neuron, made.rates, jump, drive).rate)

    fast_ideal = LIF(
        lif.tau_m, lif.voltage(ideal.v_th), lif.voltage(ideal.v_reset), lif.voltage(ideal.v_rest),
        ideal.t_ref / lif.speed_up,
    )  # fmt: skip
    push = stimulus.mu * lif.voltage_scale
    before = bare.extracted
    unloaded = jumping(
        _neuron(bare, slope), charges / before.c_m.value, made.current / before.g_m.value
    )
    ratios = ", ".join(f"{ratio:.1%}" for ratio in jumps / designed)
    load = show(e.c_m.value - before.c_m.value, "F", 2)
    bent = e.leak(e.v_trip.value) / (e.g_m.value * (e.v_rest.value - e.v_trip.value)) - 1
    ideally = jumping(fast_ideal, designed, push)
    noise = stimulus.instantaneous.diffusion(ideal.tau_m)
    white = float(siegert.rate(ideal, noise.mu, noise.sigma)) * lif.speed_up
    steps = [
        ("", "", white),
        (
            "jumps: shot noise, not white",
            "up to " + show(max(map(abs, stimulus.weights)), "V"),
            ideally,
        ),
        ("charge of a DPI's pulse", f"{ratios} of linear", jumping(fast_ideal, jumps, push)),
        ("extracted tau_m, trip, reset, dead time", "without synapses", unloaded),
        ("load of the synapses", f"{load} at the membrane", told.shot),
        ("finite tau_s", show(tau_s, "s", 3), stages[0]),
        ("charge varies from pulse to pulse", "DPI's equation", stages[1]),
        ("OTA non-linearity", f"leak at trip {bent:+.2%} of linear", stages[2]),
        ("the comparator's lag", show(lag, "s", 2), stages[3]),
    ]
    findings.explanations.append(place.explained("rate", "Hz", steps, runs.number("rate", own)[0]))
    findings.curves += histograms(place, runs.found * lif.speed_up, own * lif.speed_up)
    return findings, Shape(runs.found / e.tau_m.value, own / e.tau_m.value)


def _charges(place: Place, made: Bombarded, stimulus: PoissonSynapses) -> Check:
    points = []
    for synapse, rate, weight in zip(made.synapses, stimulus.rates, stimulus.weights, strict=True):
        x = synapse.extracted
        error = float(np.abs(x.errors).max())
        terms = (Term("the equation, on the train of its fit", "model", error * x.predicted),)
        at = f"{show(rate, 'Hz')} of {show(weight, 'V')}"
        points.append(Point(at, x.measured, x.predicted, terms, 0.1 * x.predicted))
    return place.check("charge of a train", "C", tuple(points))


@dataclass(frozen=True)
class _Theory:
    """Rates in Hz of the linear circuit; `colored` is the change that tau_s makes."""

    shot: float
    shot_error: float
    white: float
    colored: float
    in_domain: bool

    @classmethod
    def of(cls, made: Bombarded, charges: Floats, tau_s: float, slope: float) -> "_Theory":
        e, neuron = made.chip.extracted, _neuron(made.chip, slope)
        jumps, push = charges / e.c_m.value, made.current / e.g_m.value
        exact = fixed_jumps.solve(neuron, made.rates, jumps, push)
        mu = push + neuron.tau_m * float(made.rates @ jumps)
        sigma = sqrt(neuron.tau_m * float(made.rates @ jumps**2))
        white = float(siegert.rate(neuron, mu, sigma))
        good = bool(colored_noise.in_domain(neuron, np.array(mu), np.array(sigma), tau_s))
        colored = float(siegert.rate(neuron, mu, sigma, tau_s=tau_s)) - white if good else 0.0
        return cls(exact.rate, exact.error, white, colored, good)


def _against_theory(
    place: Place, told: _Theory, stages: list[float], runs: Runs, own: Floats
) -> list[Check]:
    """The equations of a linear circuit, then the netlist, against shot noise and diffusion."""
    if not told.in_domain:
        return []
    spread = float(own.std() / own.mean())
    resolution = place.experiment.check.rate

    filtered, colored = told.shot + told.colored / 2, told.white + told.colored
    shot = (
        Term("finite tau_s: from none to that of white noise", "model", abs(told.colored) / 2),
        Term("quadrature", "numerical", told.shot_error * told.shot),
    )
    diffusion = (
        Term("finite jumps", "model", abs(told.shot - told.white)),
        Term("coloured-noise formula", "model", COLORED * colored),
    )

    measured, differing = runs.number("rate", own)

    def checks(
        what: str, rate: float, of_runs: float, freedom: float, left_out: float
    ) -> list[Check]:
        found = []
        for theory, linear, terms in (
            ("shot noise", filtered, shot), ("diffusion", colored, diffusion)
        ):  # fmt: skip
            predicted = linear + left_out
            error = hypot(predicted * spread / sqrt(len(own)), of_runs)
            many = Term(f"{len(own)} intervals", "statistical", error, freedom=freedom)
            point = Point(
                f"{len(own)} intervals", rate, predicted, (*terms, many),
                resolution * predicted,
            )  # fmt: skip
            found.append(place.check(f"{what} against {theory}", "Hz", (point,)))
        return found

    linear = checks("rate of a linear circuit", stages[0], 0.0, inf, 0.0)
    return linear + checks(
        "rate", measured, differing, len(runs.netlist) - 1, stages[3] - stages[0]
    )
