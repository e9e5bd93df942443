"""The theory on its own: Siegert's rate against the stationary Fokker-Planck equation."""

from collections.abc import Callable

import numpy as np

from ...models.stimulus import (
    Constant,
    InputSpikes,
    NoiseStep,
    Poisson,
    RecordedCurrent,
    WhiteNoise,
)
from ...models.theory import fokker_planck, given_input, siegert
from ..budget import Point, Term
from ..experiment import Experiment, NamedStimulus
from ..findings import Curve, Findings
from . import psth
from .place import Place, raster


def _constant(experiment: Experiment, name: str, drives: tuple[float, ...]) -> Curve:
    mu = np.linspace(min(0.0, *drives), max(drives), 600)
    rate = siegert.fi_curve(experiment.neuron, mu)
    names = (experiment.name, name, "theory", "noiseless")
    return Curve("f-I", *names, "predicted", 1e3 * mu, rate, "drive R I (mV)", "rate (Hz)")


def _noise(experiment: Experiment, played: NamedStimulus, noise: WhiteNoise) -> Findings:
    place = Place(experiment, played.name, "theory", "Siegert")
    found = fokker_planck.stationary(experiment.neuron, noise.mu, noise.sigma)
    rate = float(siegert.rate(experiment.neuron, noise.mu, noise.sigma))
    terms = (Term("Fokker-Planck grid", "numerical", found.error * found.rate),)
    resolution = experiment.check.rate * found.rate
    point = Point(played.name, rate, found.rate, terms, resolution)
    names = (experiment.name, played.name, "theory", "Fokker-Planck")
    keep = found.density > 1e-4 * found.density.max()
    x, y = 1e3 * found.v[keep], 1e-3 * found.density[keep]
    curve = Curve("density", *names, "predicted", x, y, "V (mV)", "density (1/mV)")
    return Findings(checks=[place.check("rate", "Hz", (point,))], curves=[curve])


def _given(
    experiment: Experiment, played: NamedStimulus, stimulus: InputSpikes | RecordedCurrent
) -> Findings:
    """The exact spike times, beside what others published; in time steps of the experiment."""
    neuron, dt = experiment.neuron, experiment.dt
    x = stimulus.drive(neuron, dt)
    times = given_input.spike_times(neuron, x, dt, neuron.v_rest)
    place = Place(experiment, played.name, "theory", "continuous time")
    findings = Findings(curves=[raster(place, "measured", times / dt)])
    for platform, steps in played.published.items():
        place = Place(experiment, played.name, "theory", platform)
        findings.curves.append(raster(place, "predicted", np.array(steps, float)))
    return findings


def run(experiment: Experiment, progress: Callable[[str], None]) -> Findings:
    """Check and plot what theory says of every stimulus that has a stationary prediction."""
    findings = Findings()
    for played in experiment.played("theory"):
        progress(f"{experiment.name}: theory, {played.name}")
        match played.stimulus:
            case Constant(mu):
                findings.curves.append(_constant(experiment, played.name, mu))
            case WhiteNoise() as noise if noise.sigma > 0:
                findings.add(_noise(experiment, played, noise))
            case Poisson() as synapses:
                noise = synapses.diffusion(experiment.neuron.tau_m)
                findings.add(_noise(experiment, played, noise))
            case NoiseStep() as step:
                place = Place(experiment, played.name, "theory", "Fokker-Planck")
                rate = psth.ideal(experiment.neuron, step).rate
                findings.curves.append(psth.curve(place, step, "predicted", rate))
            case InputSpikes() | RecordedCurrent() as stimulus:
                findings.add(_given(experiment, played, stimulus))
    return findings
