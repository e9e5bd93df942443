"""A transistor neuron in many trials of a noise step: its PSTH and its spikes one by one."""

from concurrent.futures import ThreadPoolExecutor
from math import ceil

import numpy as np

from ...models.stimulus import NoiseStep
from ...models.theory import fokker_planck
from ...models.units import show
from ..experiment import Experiment, NamedStimulus
from ..findings import Findings
from ..observables import Floats
from ..substrate_tables import SpiceTable
from . import circuit_law as law
from . import psth
from .chip import WORKERS, Chip, held_drive, partners, replay
from .place import Place

TRIALS = 4000  # of the equation


def noise_step(
    experiment: Experiment, played: NamedStimulus, stimulus: NoiseStep, chip: Chip,
    settings: SpiceTable,
) -> Findings:  # fmt: skip
    """Play so many trials as give the wanted number of spikes.

    Each is held against the equation under the same noise, spike by spike; and the PSTH of all
    against that of the equation in many more trials.
    """
    place = Place(experiment, played.name, "spice", chip.setting)
    neuron, lif = experiment.neuron, chip.lif
    dt, seed = float(settings.dt), experiment.seed(settings.seed, played, settings.dt)
    fast, steps = dt / lif.speed_up, round(stimulus.duration / dt)
    few = ceil(settings.spikes / (psth.ideal(neuron, stimulus).rate.sum() * stimulus.bin))

    def currents(first: int, count: int) -> Floats:
        drives = [
            held_drive(stimulus, neuron, dt, steps, [seed, number])
            for number in range(first, first + count)
        ]
        return lif.current(1.0) * np.array(drives)

    def counts(times: list[Floats]) -> psth.Counts:
        at = np.floor(np.concatenate(times) / fast + 1e-9).astype(int)
        ids = np.repeat(np.arange(len(times)), [len(t) for t in times])
        return psth.Counts.of(at, ids, len(times), steps // stimulus.bins, stimulus.bins)

    with ThreadPoolExecutor(WORKERS) as pool:
        replays = list(pool.map(lambda current: replay(chip, current, fast), currents(0, few)))
    found = counts([r.run.spike_times for r in replays])

    e, noise = chip.extracted, currents(few, TRIALS)
    slope = law.typical_slope(chip, noise, fast)
    lag = e.lag(slope)

    def shares(late: float, shift: float = 0.0) -> Floats:
        return counts(law.trials(chip, noise, fast, slope, late, shift)).bins / len(noise)

    known = counts(law.trials(chip, noise, fast, slope, lag))
    predicted = known.bins / known.trials
    others = [shares(float(e.lags.min())), shares(max(e.delay(slope), lag))]
    others += [shares(lag, shift * e.v_trip.error) for shift in (-1, 1)]
    leak = e.leak(e.v_trip.value) / (e.g_m.value * (e.v_rest.value - e.v_trip.value)) - 1
    drift = f"leak at trip {leak:+.2%} of linear, dead {show(e.dead_time(slope).value, 's', 4)}"
    stages = [
        ("extracted drift and dead time", drift, _fokker_planck(chip, stimulus, slope, fast)),
        ("noise held for a time step", show(fast, "s"), shares(0.0)),
        ("the comparator's lag", show(lag, "s", 2), predicted),
    ]
    check = experiment.check
    findings = partners(place, replays)
    resolution = (check.psth_spice, check.spikes)
    findings.add(psth.compare(place, stimulus, found, predicted, (), resolution, others, known))
    findings.explanations += psth.explain(place, stimulus, stages, found)
    return findings


def _fokker_planck(chip: Chip, stimulus: NoiseStep, slope: float, dt: float) -> Floats:
    """Shares by the Fokker-Planck equation with the extracted drift."""
    d, bin_ = law.diffusion(chip, slope, dt), stimulus.bin / chip.lif.speed_up
    phases = stimulus.phases(stimulus.bin)
    lasting = [n for _, n in phases]
    found = fokker_planck.evolve(
        d.neuron,
        np.repeat([d.push * noise.mu for noise, _ in phases], lasting),
        np.repeat([d.noise * noise.sigma for noise, _ in phases], lasting),
        stimulus.bins * bin_, bin_,
        start="reset", tolerance=psth.TOLERANCE, drift=d.drift, v_min=d.v_min,
    )  # fmt: skip
    return np.asarray(found.rate) * bin_
