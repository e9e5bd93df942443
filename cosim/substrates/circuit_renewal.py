"""A transistor neuron under white noise: rate, CV and intervals, against its own law.

The law is that of the circuit's equation (`circuit_law`) in many more intervals than the netlist
has; beside it stands the stationary Fokker-Planck equation with the extracted drift, which leaves
out that the noise is held for a time step and that the comparator is late.

How far rate and CV of the netlist are from that law is seen in few intervals, since the equation
also had the noise of the netlist's runs: what the netlist's intervals differ by from these of the
equation is added to the value of the many (a control variate). Its standard error is the
jackknife's over the runs, with Student's law (Tukey 1958).
"""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from scipy.stats import kstwo

from ...models.stimulus import WhiteNoise
from ...models.theory import fokker_planck, siegert
from ...models.units import show
from ..budget import Point, Term
from ..experiment import Experiment, NamedStimulus
from ..findings import Curve, Findings
from ..observables import Floats, plan
from ..substrate_tables import SpiceTable
from . import circuit_law as law
from .chip import Chip, Replay, held_drive
from .place import Place

INTERVALS, RUNS = 5000, 100  # of the equation


@dataclass(frozen=True)
class Shape:
    """Intervals in units of the extracted tau_m: of the netlist, and of its law."""

    measured: Floats
    law: Floats


def distance(a: Floats, b: Floats) -> float:
    """Largest distance of the distribution functions of two samples (Smirnov's statistic)."""
    every = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(x), every, side="right") / len(x) for x in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def resolved(experiment: Experiment, noise: WhiteNoise, spikes: int) -> bool:
    """Whether so many spikes tell the intervals' law as finely as is asked, at p = 1e-3."""
    check = experiment.check
    if "rate" not in check.observables or noise.sigma == 0:
        return False
    return float(kstwo.isf(1e-3, spikes)) <= check.isi


def intervals(trains: list[Floats], count: int) -> Floats:
    """The first `count` intervals of each train, or all that it has."""
    return np.concatenate([np.diff(times[: count + 1]) for times in trains])


@dataclass(frozen=True)
class Runs:
    """The intervals of each run of the netlist, in s, and the equation's under the same noise."""

    netlist: tuple[Floats, ...]
    equation: tuple[Floats, ...]

    @classmethod
    def of(cls, replays: list[Replay], count: int) -> "Runs":
        """At most `count` intervals of each run, of both as many."""
        trains = [(r.run.spike_times, r.expected) for r in replays]
        ends = [min(len(found), len(expected), count + 1) for found, expected in trains]
        cut = [[np.diff(x[:end]) for x in pair] for pair, end in zip(trains, ends, strict=True)]
        return cls(tuple(a for a, _ in cut), tuple(b for _, b in cut))

    @property
    def found(self) -> Floats:
        """All intervals of the netlist."""
        return np.concatenate(self.netlist)

    def number(self, observable: str, own: Floats) -> tuple[float, float]:
        """The netlist's rate in Hz, or CV, and the standard error; `own` are many of the law."""

        def change(left_out: int | None) -> float:
            found, expected = (
                np.concatenate([x for k, x in enumerate(each) if k != left_out])
                for each in (self.netlist, self.equation)
            )
            if not found.size:
                return nan
            return number(observable, found) - number(observable, expected)

        count = len(self.netlist)
        others = np.array([change(k) for k in range(count)])
        error = sqrt((count - 1) / count * float(np.sum((others - others.mean()) ** 2)))
        return number(observable, own) + change(None), error


def renewal(
    experiment: Experiment, played: NamedStimulus, noise: WhiteNoise, chip: Chip,
    settings: SpiceTable, replays: list[Replay],
) -> tuple[Findings, Shape]:  # fmt: skip
    """Judge the intervals of runs that last for a given number of spikes."""
    e, lif, neuron = chip.extracted, chip.lif, experiment.neuron
    place = Place(experiment, played.name, "spice", chip.setting)
    dt, fast = float(settings.dt), float(settings.dt) / lif.speed_up
    runs = Runs.of(replays, -(-settings.spikes // len(replays)) - 1)

    rate = float(siegert.rate(neuron, noise.mu, noise.sigma))
    cv = float(siegert.cv(neuron, noise.mu, noise.sigma))
    planned = plan(1.2 / (rate * dt), cv, RUNS, INTERVALS)  # 1.2: the circuit may be slower
    seed = experiment.seed(settings.seed, played, settings.dt)
    currents = lif.current(1.0) * np.array(
        [held_drive(noise, neuron, dt, planned.steps, [seed, 1, k]) for k in range(RUNS)]
    )
    slope = law.typical_slope(chip, currents, fast)
    lag = e.lag(slope)

    def under(late: float, shift: float = 0.0) -> Floats:
        trains = law.trials(chip, currents, fast, slope, late, shift)
        return intervals(trains, planned.intervals)

    own = under(lag)
    others = [under(float(e.lags.min())), under(max(e.delay(slope), lag))]
    others += [under(lag, shift * e.v_trip.error) for shift in (-1, 1)]
    findings = judged(place, runs, own, others)
    d = law.diffusion(chip, slope, fast)
    drifting = fokker_planck.stationary(
        d.neuron, d.push * noise.mu, d.noise * noise.sigma, drift=d.drift, v_min=d.v_min
    )
    leak = e.leak(e.v_trip.value) / (e.g_m.value * (e.v_rest.value - e.v_trip.value)) - 1
    drift = f"leak at trip {leak:+.2%} of linear, dead {show(e.dead_time(slope).value, 's', 4)}"
    stages = [
        ("", "", rate * lif.speed_up),
        ("extracted drift and dead time: Fokker-Planck", drift, drifting.rate),
        ("noise held for a time step", show(fast, "s"), number("rate", under(0.0))),
        ("the comparator's lag", show(lag, "s", 2), number("rate", own)),
    ]
    measured = runs.number("rate", own)[0]
    findings.explanations.append(place.explained("rate", "Hz", stages, measured))
    findings.curves += histograms(place, runs.found * lif.speed_up, own * lif.speed_up)
    return findings, Shape(runs.found / e.tau_m.value, own / e.tau_m.value)


def judged(place: Place, runs: Runs, own: Floats, others: list[Floats]) -> Findings:
    """Rate, CV and distribution of the netlist's intervals.

    `own` are those of the equation in s, `others` what its parameters' errors make of them.
    """
    check, found = place.experiment.check, runs.found
    at = f"{len(found)} intervals of both in the same noise, {len(own)} of the equation"

    def point(observable: str, resolution: float) -> Point:
        measured, error = runs.number(observable, own)
        predicted, *moved = (number(observable, x) for x in (own, *others))
        terms = (
            Term("extracted parameters", "model", max(abs(m - predicted) for m in moved)),
            Term(
                f"differences in {len(runs.netlist)} runs", "statistical", error,
                freedom=len(runs.netlist) - 1,
            ),
        )  # fmt: skip
        return Point(at, measured, predicted, terms, resolution * predicted)

    apart = distance(found, own)
    uncertain = max(distance(other, own) for other in others)
    both = len(found) * len(own) // (len(found) + len(own))
    same = (
        Term("extracted parameters", "model", uncertain),
        Term("intervals of both", "statistical", both, "kolmogorov"),
    )
    return Findings(
        checks=[
            place.check("rate", "Hz", (point("rate", check.rate),)),
            place.check("CV", "", (point("CV", check.cv),)),
            place.check("ISI distribution", "", (Point(at, apart, 0.0, same, check.isi),)),
        ]
    )


def number(observable: str, found: Floats) -> float:
    """Rate in Hz, or CV, of intervals in s."""
    mean = float(found.mean())
    return 1 / mean if observable == "rate" else float(found.std()) / mean


def histograms(place: Place, found: Floats, own: Floats) -> list[Curve]:
    """In biological seconds; bins for the netlist's few intervals."""
    edges = np.linspace(0.0, float(np.quantile(own, 0.995)), 26)
    names = (place.experiment.name, place.stimulus, place.substrate, place.setting)
    labels = ("interval (s)", "density (1/s)")
    middles = (edges[1:] + edges[:-1]) / 2
    measured, predicted = (
        np.histogram(x, edges)[0] / (len(x) * np.diff(edges)) for x in (found, own)
    )
    return [
        Curve("isi", *names, "measured", middles, measured, *labels),
        Curve("isi", *names, "predicted", middles, predicted, *labels),
    ]
