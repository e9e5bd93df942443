"""Why the RTL differs from the ideal neuron: one imperfection at a time, each by a predictor."""

from dataclasses import replace
from math import exp, sqrt

from ...models.integer import markov
from ...models.integer.input import IntegerInput
from ...models.integer.lif import IntegerLIF
from ...models.integer.quantise_truenorth import QuantisedTrueNorth
from ...models.integer.quantised import Loss, Quantised
from ...models.neuron import LIF
from ...models.stimulus import Constant, NoiseStep, Poisson, WhiteNoise
from ...models.theory import given_input, siegert
from ...models.units import show
from ..findings import Cause, Explanation
from ..observables import Floats, Ints
from .core import Core
from .law import equivalent
from .place import Place, first_spike
from .reference import ideal_and_time_step, noise_law, step_causes, step_law


def explain(
    place: Place, core: Core, stimulus: Constant | WhiteNoise | Poisson, made: Quantised,
    source: IntegerInput, lost: tuple[Loss, ...], whole: float, measured: float,
) -> Explanation:  # fmt: skip
    """Ideal neuron to integers, one imperfection at a time; no cause is the remainder.

    `whole` is the rate of `law`; `made`, `source` and `lost` are what `Core` makes of the stimulus.
    Saturation is not looked for where the end of the state lies nine standard deviations away.
    """
    ideal_neuron, dt = place.experiment.neuron, core.dt
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
        white = stimulus if isinstance(stimulus, WhiteNoise) else None
        mu, sigma = (white.mu, white.sigma) if white else (stimulus.mu, 0.0)
    realised = made.realised

    def stepped(changed: LIF, drive: float, noise: float) -> float:
        if isinstance(stimulus, Poisson):
            return noise_law(changed, replace(stimulus, mu=drive), dt).rate
        return noise_law(changed, WhiteNoise(drive, noise), dt).rate

    # the integers fix the input of a step, so a changed tau_m changes drive and noise with it
    a_ideal, a = exp(-dt / ideal_neuron.tau_m), exp(-dt / realised.tau_m)
    as_drive = made.gain * made.lsb / (1 - a)
    as_noise = sqrt((1 - a_ideal**2) / (1 - a**2))
    with_tau = rate
    if not isinstance(made, QuantisedTrueNorth):
        changed = replace(ideal_neuron, tau_m=realised.tau_m)
        with_tau = stepped(changed, mu * as_drive, sigma * as_noise)
        size = f"tau_m {show(realised.tau_m, 's', 6)}"
        causes.append(Cause("decay constant quantised", size, with_tau - rate))
    with_levels = stepped(realised, mu * as_drive, sigma * as_noise)
    size = f"v_th {show(realised.v_th, 'V')}, v_reset {show(realised.v_reset, 'V')},"
    size += f" t_ref {show(realised.t_ref, 's')}"
    causes.append(
        Cause("threshold, reset and refractory time quantised", size, with_levels - with_tau)
    )
    noise = WhiteNoise(mu, sigma) if isinstance(stimulus, Constant) else stimulus
    with_input = noise_law(realised, equivalent(made, noise, source, lost), dt).rate
    size = f"{show(made.kick, 'V')} per unit of input"
    causes.append(Cause("input quantised", size, with_input - with_levels))
    rounded, saturation = whole, None
    lif, values = made.chain(source) or (None, source)
    if isinstance(lif, IntegerLIF):
        sd = sqrt(values.variance / (1 - a**2))  # of the free membrane, in LSB
        if min(values.mean / (1 - a), lif.v_reset) - 9 * sd < lif.v_min:
            roomy = replace(lif, width=min(lif.width + 1, 32))
            rounded = markov.solve(roomy, values).rate / dt
        ends = [show(end * made.lsb, "V") for end in made.limits]
        saturation = Cause("saturation", f"state {ends[0]} to {ends[1]}", whole - rounded)
    causes.append(Cause(*_rounding(made), rounded - with_input))
    if saturation is not None:
        causes.append(saturation)
    names = (place.experiment.name, name, "rtl", place.setting, "rate", "Hz")
    return Explanation(*names, ideal, tuple(causes), float(measured))


def _rounding(made: Quantised) -> tuple[str, str]:
    """Name and size of what the integer leak does."""
    if isinstance(made, QuantisedTrueNorth):
        size = f"{show(made.leak * made.lsb, 'V', 3)} per tick"
        return "the leak is a constant, not a share of v", size
    rounding = getattr(made.neuron, "rounding", "truncate")
    if rounding == "nearest":
        return "leak rounded to nearest: dead zone", (
            f"no leak at all below {show(made.dead_zone[1], 'V', 3)}"
        )
    if rounding == "stochastic":
        return "leak rounded at random", "no bias, more noise"
    return "leak-rounding bias", f"like a drive of {show(made.bias, 'V', 3)}"


def step_stages(
    core: Core, neuron: LIF, stimulus: NoiseStep, shares: Floats
) -> list[tuple[str, str, Floats]]:
    """Stages of `psth.explain`: the time step, what integers realise, how they round."""
    made = core.quantised
    stages, _ = step_causes(neuron, stimulus, core.dt)
    noises = []
    for noise in (stimulus.before, stimulus.after):
        _, source, lost = core.source(noise)
        noises.append(equivalent(made, noise, source, lost))
    before, after = (n for n in noises if isinstance(n, WhiteNoise))
    meant = replace(stimulus, before=before, after=after)
    realised, _ = step_law(made.realised, meant, core.dt)
    size = f"tau_m {show(made.realised.tau_m, 's', 6)}, {show(made.kick, 'V')} per unit of input"
    stages.append(("parameters and input quantised", size, realised))
    return [*stages, (*_rounding(made), shares)]


def explain_first_spike(
    place: Place, core: Core, x: Floats, integer: Ints, steps: Ints
) -> list[Explanation]:
    """From the ideal neuron's first spike under the drive `x` to the core's.

    `integer` are the steps in which the integer model spikes.
    """
    neuron, dt = place.experiment.neuron, core.dt
    ideal = given_input.spike_times(neuron, x, dt, neuron.v_rest)
    stepped, _ = given_input.spike_steps(neuron, x, dt, neuron.v_rest)
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
