"""Why the RTL differs from the ideal neuron: one imperfection at a time, each by a predictor."""

from dataclasses import replace
from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray

from ...models.integer import markov
from ...models.integer.input import IntegerInput
from ...models.integer.laws import dead_zone, rounding_bias
from ...models.neuron import LIF
from ...models.stimulus import Constant, Poisson, WhiteNoise
from ...models.theory import given_input, siegert
from ...models.units import show
from ..findings import Cause, Explanation
from ..observables import Floats, Ints
from .core import Core
from .place import Place, first_spike
from .reference import ideal_and_time_step, noise_law


def explain(
    place: Place, core: Core, stimulus: Constant | WhiteNoise | Poisson, source: IntegerInput,
    whole: float, measured: float,
) -> Explanation:  # fmt: skip
    """Ideal neuron to integer chain, one imperfection at a time; no cause is the remainder.

    `whole` is the rate of the exact chain. Saturation is not looked for where the end of the state
    lies nine standard deviations away.
    """
    ideal_neuron, dt, neuron = place.experiment.neuron, core.dt, core.neuron
    name = place.stimulus
    if isinstance(stimulus, Constant):
        (mu,) = stimulus.mu
        name += f", {show(mu, 'V')}"
        ideal = float(siegert.fi_curve(ideal_neuron, mu))
        rate = noise_law(ideal_neuron, WhiteNoise(mu, 0.0), dt).rate
        causes = [
            Cause("time step: a spike waits for the end of its step", show(dt, "s"), rate - ideal)
        ]
        sigma = 0.0
    else:
        ideal, causes, rate = ideal_and_time_step(ideal_neuron, stimulus, dt)
        noise = stimulus if isinstance(stimulus, WhiteNoise) else None
        mu, sigma = (noise.mu, noise.sigma) if noise else (stimulus.mu, 0.0)
    realised = core.quantised.realised

    def stepped(changed: LIF, drive: float, noise: float) -> float:
        if isinstance(stimulus, Poisson):
            return noise_law(changed, replace(stimulus, mu=drive), dt).rate
        return noise_law(changed, WhiteNoise(drive, noise), dt).rate

    # the integers fix the input of a step, so a changed tau_m changes drive and noise with it
    a_ideal, a = exp(-dt / ideal_neuron.tau_m), exp(-dt / realised.tau_m)
    as_drive = (1 - a_ideal) / (1 - a)
    as_noise = sqrt((1 - a_ideal**2) / (1 - a**2))
    changed = replace(ideal_neuron, tau_m=realised.tau_m)
    with_tau = stepped(changed, mu * as_drive, sigma * as_noise)
    size = f"tau_m {show(realised.tau_m, 's', 6)}"
    causes.append(Cause("decay constant quantised", size, with_tau - rate))
    with_levels = stepped(realised, mu * as_drive, sigma * as_noise)
    size = f"v_th {show(realised.v_th, 'V')}, v_reset {show(realised.v_reset, 'V')}"
    causes.append(
        Cause("threshold, reset and refractory time quantised", size, with_levels - with_tau)
    )
    if isinstance(stimulus, Poisson):
        weights = tuple(round(w / core.lsb) * core.lsb for w in stimulus.weights)
        drive = core.held(mu) * core.lsb / (1 - a)
        with_input = noise_law(realised, Poisson(stimulus.rates, weights, drive), dt).rate
    else:
        drive = source.mean * core.lsb / (1 - a)
        spread = sqrt(source.variance) * core.lsb / sqrt((1 - a**2) / 2)
        with_input = noise_law(realised, WhiteNoise(drive, spread), dt).rate
    size = f"LSB {show(core.lsb, 'V')} per step"
    causes.append(Cause("input quantised", size, with_input - with_levels))
    sd = sqrt(source.variance / (1 - a**2))  # of the free membrane, in LSB
    rounded = whole
    if min(source.mean / (1 - a), neuron.v_reset) - 9 * sd < neuron.v_min:
        roomy = replace(neuron, width=min(neuron.width + 1, 32))
        rounded = markov.solve(roomy, source).rate / dt
    causes.append(Cause(*_rounding(core), rounded - with_input))
    size = f"state {show(neuron.v_min * core.lsb, 'V')} to {show(neuron.v_max * core.lsb, 'V')}"
    causes.append(Cause("saturation", size, whole - rounded))
    names = (place.experiment.name, name, "rtl", place.setting, "rate", "Hz")
    return Explanation(*names, ideal, tuple(causes), float(measured))


def _rounding(core: Core) -> tuple[str, str]:
    """Name and size of what the rounding of the leak does."""
    neuron = core.neuron
    if neuron.rounding == "nearest":
        zone = show(dead_zone(neuron, core.lsb)[1], "V", 3)
        return "leak rounded to nearest: dead zone", f"no leak at all below {zone}"
    if neuron.rounding == "stochastic":
        return "leak rounded at random", "no bias, more noise"
    bias = show(rounding_bias(neuron, core.lsb), "V", 3)
    return "leak-rounding bias", f"like a drive of {bias}"


def explain_first_spike(
    place: Place, core: Core, x: Floats, currents: NDArray[np.int32], steps: Ints
) -> list[Explanation]:
    """From the ideal neuron's first spike under the drive `x` to the core's."""
    neuron, dt = place.experiment.neuron, core.dt
    ideal = given_input.spike_times(neuron, x, dt, neuron.v_rest)
    stepped, _ = given_input.spike_steps(neuron, x, dt, neuron.v_rest)
    integer = core.neuron.run(currents[:, :1]).spikes[0]
    if not (len(stepped) and len(integer) and len(steps)):
        return []
    waited = (int(stepped[0]) + 1) * dt
    late = waited + core.delay * dt
    stages = [
        ("a spike waits for the end of its step", show(dt, "s"), waited),
        ("the input comes late", f"{core.delay} steps", late),
        ("integer arithmetic", show(core.lsb, "V") + " per LSB", (int(integer[0]) + 1) * dt),
    ]
    return first_spike(place, ideal, stages, (int(steps[0]) + 1) * dt)
