"""Predictions of one neuron whose input is spikes: jumps of the membrane, or conductances."""

from argparse import Namespace
from dataclasses import asdict
from typing import Any

import numpy as np

from ...models.neuron import LIF, ConductanceLIF
from ...models.theory import conductance as conductances
from ...models.theory import diffusion_validity as diffusion
from ...models.theory import discrete_time, siegert
from ...models.theory import fixed_jumps as fixed
from ...models.theory import shot_noise as shots
from .files import read_neuron
from .result import Column, Result
from .single import together


def shot_noise(args: Namespace) -> Result:
    """Richardson & Swarbrick's rate beside that of the diffusion approximation."""
    neuron = read_neuron(args.neuron, LIF)
    rate_e, rate_i, mu = together(rate_e=args.rate_e, rate_i=args.rate_i, mu=args.mu)
    jumps = [args.jump_e, args.jump_i]
    exact = shots.rate(neuron, rate_e, args.jump_e, rate_i, args.jump_i, mu)
    # an exponential distribution of mean a has the mean square 2 a**2
    mean = mu + neuron.tau_m * (rate_e * args.jump_e + rate_i * args.jump_i)
    sigma = np.sqrt(2 * neuron.tau_m * (rate_e * args.jump_e**2 + rate_i * args.jump_i**2))
    skewness = [
        shots.skewness(neuron, pair, jumps, exponential=True) if noise else None
        for *pair, noise in zip(rate_e, rate_i, sigma, strict=True)
    ]
    return Result(
        (Column("rate_e", "Hz", rate_e), Column("rate_i", "Hz", rate_i), Column("mu", "V", mu)),
        (
            Column("rate", "Hz", exact),
            Column("diffusion", "Hz", siegert.rate(neuron, mean, sigma)),
            Column("skewness", "", skewness, plotted=False),
        ),
    )


def fixed_jumps(args: Namespace) -> Result:
    """Rate in continuous time; with `dt` rate and CV in steps."""
    neuron = read_neuron(args.neuron, LIF)
    inputs = (Column("mu", "V", args.mu),)
    cvs: tuple[Column, ...] = ()
    found: list[Any] = []
    if args.dt is None:
        found += [fixed.solve(neuron, args.rates, args.weights, mu) for mu in args.mu]
    else:
        found += [
            discrete_time.solve_jumps(neuron, mu, args.rates, args.weights, args.dt)
            for mu in args.mu
        ]
        cvs = (Column("CV", "", [f.cv for f in found]),)
    rates = Column("rate", "Hz", [f.rate for f in found])
    errors = Column("relative error", "", [f.error for f in found], plotted=False)
    return Result(inputs, (rates, *cvs, errors))


def diffusion_validity(args: Namespace) -> Result:
    """Rates with and without the diffusion approximation, and its conditions."""
    neuron = read_neuron(args.neuron, LIF)
    found = diffusion.diffusion_validity(neuron, args.rates, args.weights, args.tau_s)
    rates = {
        "exact": found.exact_rate,
        "white noise": found.siegert_rate,
        "coloured noise": found.colored_rate,
    }
    rates = {name: rate for name, rate in rates.items() if rate is not None}
    units = {"mu": "V", "sigma": "V"}
    facts = {k: v for k, v in asdict(found).items() if not k.endswith("_rate")}
    facts["siegert_error"] = found.siegert_error
    return Result(
        (Column("theory", "", list(rates)),),
        (Column("rate", "Hz", list(rates.values())),),
        tuple(Column(name, units.get(name, ""), value) for name, value in facts.items()),
    )


def conductance(args: Namespace) -> Result:
    """The jump process, white noise that depends on V, and the effective neuron."""
    neuron = read_neuron(args.neuron, ConductanceLIF)
    inputs = together(rate_e=args.rate_e, rate_i=args.rate_i, mu=args.mu)
    found: dict[str, list[float]] = {"jumps": [], "noise of V": [], "effective": [], "tau_eff": []}
    for rate_e, rate_i, mu in zip(*(map(float, values) for values in inputs), strict=True):
        events = rate_e, rate_i, args.weight_e, args.weight_i, mu
        effective = conductances.effective(neuron, *events)
        found["jumps"].append(conductances.jump_rate(neuron, *events).rate)
        found["noise of V"].append(conductances.stationary(neuron, *events).rate)
        found["effective"].append(
            float(siegert.rate(effective.neuron, effective.mu, effective.sigma))
        )
        found["tau_eff"].append(effective.neuron.tau_m)
    names = (("rate_e", "Hz"), ("rate_i", "Hz"), ("mu", "V"))
    return Result(
        tuple(Column(*name, values) for name, values in zip(names, inputs, strict=True)),
        tuple(
            Column(name, "s" if name == "tau_eff" else "Hz", values, name != "tau_eff")
            for name, values in found.items()
        ),
    )


def conductance_curve(args: Namespace) -> Result:
    """Rate against the drive under steady conductances."""
    neuron = read_neuron(args.neuron, ConductanceLIF)
    mu, g_e, g_i = together(mu=args.mu, g_e=args.g_e, g_i=args.g_i)
    inputs = Column("mu", "V", mu), Column("g_e", "", g_e), Column("g_i", "", g_i)
    return Result(inputs, (Column("rate", "Hz", conductances.fi_curve(neuron, mu, g_e, g_i)),))


def conductance_density(args: Namespace) -> Result:
    """Stationary density with noise that depends on V."""
    neuron = read_neuron(args.neuron, ConductanceLIF)
    found = conductances.stationary(
        neuron, args.rate_e, args.rate_i, args.weight_e, args.weight_i, args.mu
    )
    facts = Column("rate", "Hz", found.rate), Column("relative error of it", "", found.error)
    return Result((Column("V", "V", found.v),), (Column("density", "1/V", found.density),), facts)
