"""The floating-point simulation, judged by its exact law in discrete time."""

from collections.abc import Callable
from functools import cache
from math import ceil, isfinite
from typing import Any

import numpy as np

from ...models.neuron import LIF
from ...models.reference import lif
from ...models.stimulus import (
    Constant,
    InputSpikes,
    NoiseStep,
    Poisson,
    RecordedCurrent,
    WhiteNoise,
)
from ...models.theory import discrete_time, discrete_transient, given_input, siegert
from ...models.units import show
from ..budget import Point, Term
from ..experiment import Experiment, NamedStimulus
from ..findings import Cause, Explanation, Findings
from ..observables import Floats, plan
from ..substrate_tables import ReferenceTable
from . import psth
from .place import (
    Place,
    density,
    dimensionless,
    first_spike,
    grid,
    published,
    scaling,
    trace,
    within,
)
from .renewal import Prediction, Steady, compare, compare_constant, plan_constant


def _constant(
    experiment: Experiment, played: NamedStimulus, stimulus: Constant, dt: float
) -> Findings:
    neuron = experiment.neuron
    place = Place(experiment, played.name, "reference", f"dt {show(dt, 's')}")
    drives = np.array(stimulus.mu)

    def steady(mu: float) -> Steady:
        found = discrete_time.solve(neuron, mu, 0.0, dt)
        return Steady(found.rate, 0.0, found.error)

    predicted = [steady(mu) for mu in stimulus.mu]
    planned = plan_constant(predicted, dt, experiment.check.rate)
    run = lif.given(neuron, np.tile(drives, (planned.steps, 1)), dt=dt)
    findings, rates = compare_constant(place, drives, run.steps, run.ids, planned, dt, predicted)
    scan = grid(neuron, stimulus.mu)
    scanned = np.array([steady(float(mu)).rate for mu in scan])
    ideal = siegert.fi_curve(neuron, scan)
    error = experiment.check.range_error
    findings.ranges.append(place.row(within(scan, scanned, ideal, error)))
    findings.scaling.append(scaling(place, drives, rates, neuron.tau_m))
    return findings


@cache
def noise_law(neuron: LIF, stimulus: WhiteNoise | Poisson, dt: float) -> discrete_time.DiscreteTime:
    """The exact law of the floating-point neuron under noise, in steps of `dt`."""
    if isinstance(stimulus, WhiteNoise):
        return discrete_time.solve(neuron, stimulus.mu, stimulus.sigma, dt)
    return discrete_time.solve_jumps(neuron, stimulus.mu, stimulus.rates, stimulus.weights, dt)


def ideal_and_time_step(
    neuron: LIF, stimulus: WhiteNoise | Poisson, dt: float
) -> tuple[float, list[Cause], float]:
    """Siegert's rate, what time step and finite jumps change, and the rate that results."""
    noise = stimulus.diffusion(neuron.tau_m) if isinstance(stimulus, Poisson) else stimulus
    ideal = float(siegert.rate(neuron, noise.mu, noise.sigma))
    stepped = noise_law(neuron, noise, dt).rate
    shift = 0.5826 * noise.sigma * (dt / neuron.tau_m) ** 0.5
    size = f"like a threshold higher by {show(shift, 'V', 3)}"
    causes = [Cause("time step: threshold seen every dt only", size, stepped - ideal)]
    if isinstance(stimulus, Poisson):
        jumpy = noise_law(neuron, stimulus, dt).rate
        size = ", ".join(show(w, "V") for w in stimulus.weights)
        causes.append(Cause("finite jumps: shot noise, not diffusion", size, jumpy - stepped))
        stepped = jumpy
    return ideal, causes, stepped


def _noise(
    experiment: Experiment, played: NamedStimulus, stimulus: WhiteNoise | Poisson,
    dt: float, settings: ReferenceTable,
) -> Findings:  # fmt: skip
    neuron = experiment.neuron
    place = Place(experiment, played.name, "reference", f"dt {show(dt, 's')}")
    law = noise_law(neuron, stimulus, dt)
    if not (law.rate > 0 and isfinite(law.cv)):
        raise ValueError("the neuron never fires")
    mean = 1 / (law.rate * dt)
    planned = plan(mean, law.cv, settings.neurons, settings.spikes)
    common: dict[str, Any] = {
        "dt": dt,
        "steps": planned.steps,
        "neurons": planned.neurons,
        "seed": experiment.seed(settings.seed, played, dt),
    }
    if isinstance(stimulus, WhiteNoise):
        run = lif.white_noise(neuron, stimulus.mu, stimulus.sigma, record=(0,), **common)
    else:
        run = lif.poisson(
            neuron, stimulus.mu, stimulus.rates, stimulus.weights, record=(0,), **common
        )
    isi = law.isi(ceil(mean * (1 + 8 * law.cv)))
    predicted = Prediction(law.rate, law.cv, isi, law.error, law.error)
    findings, found = compare(place, run.steps, run.ids, planned, dt, predicted)
    v = run.recorded[:, 0]
    findings.curves.append(density(place, v[v != neuron.v_reset], v.size))
    ideal, causes, _ = ideal_and_time_step(neuron, stimulus, dt)
    names = (experiment.name, played.name, "reference", place.setting, "rate", "Hz")
    findings.explanations.append(Explanation(*names, ideal, tuple(causes), found.rate))
    return findings


def step_law(neuron: LIF, stimulus: NoiseStep, dt: float) -> tuple[Floats, float]:
    """Exact share of spikes in each bin, and its error, of neurons seen every dt."""
    found, error = discrete_transient.spikes(neuron, stimulus.phases(dt), dt)
    shares = found.reshape(stimulus.bins, -1).sum(axis=1)
    return shares, error * found.size / stimulus.bins


def step_causes(
    neuron: LIF, stimulus: NoiseStep, dt: float
) -> tuple[list[tuple[str, str, Floats]], float]:
    """What the time step makes of the Fokker-Planck shares, for `psth.explain`; and its error."""
    shares, error = step_law(neuron, stimulus, dt)
    largest = max(stimulus.before.sigma, stimulus.after.sigma)
    shift = 0.5826 * largest * (dt / neuron.tau_m) ** 0.5
    size = f"like a threshold higher by up to {show(shift, 'V', 3)}"
    return [("time step: threshold seen every dt only", size, shares)], error


def _noise_step(
    experiment: Experiment, played: NamedStimulus, stimulus: NoiseStep, dt: float,
    settings: ReferenceTable,
) -> Findings:  # fmt: skip
    neuron, trials = experiment.neuron, settings.neurons
    place = Place(experiment, played.name, "reference", f"dt {show(dt, 's')}")
    phases = stimulus.phases(dt)
    lasting = [steps for _, steps in phases]
    run = lif.white_noise(
        neuron,
        np.repeat([noise.mu for noise, _ in phases], lasting),
        np.repeat([noise.sigma for noise, _ in phases], lasting),
        dt=dt, steps=sum(lasting), neurons=trials, seed=experiment.seed(settings.seed, played, dt),
    )  # fmt: skip
    per_bin = sum(lasting) // stimulus.bins
    found = psth.Counts.of(run.steps, run.ids, trials, per_bin, stimulus.bins)
    stages, error = step_causes(neuron, stimulus, dt)
    exact = (Term("quadrature", "numerical", error),)
    resolution = (experiment.check.psth, experiment.check.rate)
    findings = psth.compare(place, stimulus, found, stages[-1][2], exact, resolution)
    findings.explanations += psth.explain(place, stimulus, stages, found)
    return findings


def _given(
    experiment: Experiment, played: NamedStimulus, stimulus: InputSpikes | RecordedCurrent,
    dt: float,
) -> Findings:  # fmt: skip
    neuron = experiment.neuron
    place = Place(experiment, played.name, "reference", f"dt {show(dt, 's')}")
    x = stimulus.drive(neuron, dt)
    run = lif.given(neuron, x, dt=dt, v0=neuron.v_rest, record=(0,))
    predicted, margin = given_input.spike_steps(neuron, x, dt, neuron.v_rest)
    findings = published(place, played, run.steps.tolist())
    differing = len(set(run.steps.tolist()) ^ set(predicted.tolist()))
    at = f"{len(run.steps)} spikes, nearest approach {show(margin, 'V')}"
    point = Point(at, differing, 0, ())
    findings.checks.append(place.check("spikes that differ from theory", "", (point,)))
    ideal = given_input.spike_times(neuron, x, dt, neuron.v_rest)
    if len(predicted):
        wait = ("a spike waits for the end of its step", show(dt, "s"), (predicted[0] + 1) * dt)
        measured = (run.steps[0] + 1) * dt if len(run.steps) else np.nan
        findings.explanations += first_spike(place, ideal, [wait], measured)
    t = (np.arange(len(x)) + 1) * dt
    v = run.recorded[:, 0]
    labels = ("t (s)", "V (V)")
    findings.curves += trace(place, t, v, labels, dimensionless(neuron, t, v))
    return findings


def run(experiment: Experiment, progress: Callable[[str], None]) -> Findings:
    """Play every stimulus at every time step."""
    findings = Findings()
    settings = experiment.reference
    if settings is None:
        return findings
    for played in experiment.played("reference"):
        for dt in map(float, settings.dt):
            progress(f"{experiment.name}: reference, {played.name}, dt {show(dt, 's')}")
            match played.stimulus:
                case Constant() as stimulus:
                    findings.add(_constant(experiment, played, stimulus, dt))
                case WhiteNoise() | Poisson() as stimulus:
                    findings.add(_noise(experiment, played, stimulus, dt, settings))
                case NoiseStep() as stimulus:
                    findings.add(_noise_step(experiment, played, stimulus, dt, settings))
                case InputSpikes() | RecordedCurrent() as stimulus:
                    findings.add(_given(experiment, played, stimulus, dt))
    return findings
