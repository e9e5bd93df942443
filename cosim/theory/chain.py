"""Predictions of an integer neuron: the exact Markov chain of the hardware's arithmetic."""

from argparse import Namespace
from math import exp, expm1
from typing import Any

import numpy as np

from ...models.integer import laws, markov, markov_2d
from ...models.integer.input import IntegerInput
from ...models.integer.quantise import QuantisedLIF, quantise
from ...models.integer.quantised import Loss
from ...models.neuron import LIF
from .files import read_neuron
from .result import Column, Result


def _neuron(args: Namespace) -> tuple[QuantisedLIF, list[Column]]:
    """The integer neuron, and what became of its numbers."""
    found = quantise(
        read_neuron(args.neuron, LIF), args.dt, args.lsb, args.width, leak=args.leak,
        leak_bits=args.leak_bits, rounding=args.rounding, reset=args.reset,
        input_width=args.input_width,
    )  # fmt: skip
    return found, [Column(f"{x.name} as integers", x.unit, x.got) for x in found.lost]


def _source(
    args: Namespace, neuron: QuantisedLIF, mu: float, share: float = 1.0
) -> tuple[IntegerInput, tuple[Loss, ...]]:
    """A `share` of the input, and what became of it."""
    if (args.rates is None) != (args.weights is None):
        raise ValueError("--rates and --weights: give both or neither")
    if args.rates is not None:
        if args.sigma != 0:
            raise ValueError("give --sigma, or --rates and --weights, not both")
        weights = [share * weight for weight in args.weights]
        return neuron.input_poisson(share * mu, args.rates, weights)
    if args.sigma == 0:
        return neuron.input_constant(share * mu)
    return neuron.input_white_noise(share * mu, share * args.sigma)


def _one(args: Namespace) -> tuple[QuantisedLIF, IntegerInput, list[Column]]:
    """Neuron, input and what became of both."""
    neuron, facts = _neuron(args)
    source, lost = _source(args, neuron, args.mu)
    return neuron, source, facts + [Column(f"{x.name} as integers", x.unit, x.got) for x in lost]


def _statistics(args: Namespace, neuron: QuantisedLIF, chains: list[Any]) -> dict[str, Any]:
    return {
        "inputs": (Column("mu", "V", args.mu),),
        "outputs": (
            Column("rate", "Hz", [chain.rate / neuron.dt for chain in chains]),
            Column("CV", "", [chain.cv for chain in chains]),
            Column("relative error", "", [chain.error for chain in chains], plotted=False),
        ),
    }


def integer(args: Namespace) -> Result:
    """Rate and CV; what rounding the leak does."""
    neuron, facts = _neuron(args)
    if laws.decay(neuron.neuron) < 1:
        low, high = laws.dead_zone(neuron.neuron, neuron.lsb)
        bias = laws.rounding_bias(neuron.neuron, neuron.lsb)
        facts.append(Column("rounding acts as a drive of", "V", bias))
        facts += [Column("no leak from", "V", low), Column("no leak to", "V", high)]
    chains = [markov.solve(neuron.neuron, _source(args, neuron, mu)[0]) for mu in args.mu]
    return Result(**_statistics(args, neuron, chains), facts=tuple(facts))


def integer_isi(args: Namespace) -> Result:
    """Probability of each interval."""
    neuron, source, facts = _one(args)
    longest = args.steps
    if longest is None:
        mean = markov.solve(neuron.neuron, source).mean_isi
        if not mean < 1e6:
            raise ValueError(f"--steps is needed: the mean interval is {mean:g} steps")
        longest = int(4 * mean)
    pmf, tail = markov.isi_pmf(neuron.neuron, source, longest)
    t = np.arange(len(pmf)) * neuron.dt
    facts.append(Column("probability of a longer one", "", tail))
    return Result((Column("interval", "s", t),), (Column("probability", "", pmf),), tuple(facts))


def integer_density(args: Namespace) -> Result:
    """Distribution of the state at the end of a step, outside the refractory time."""
    neuron, source, facts = _one(args)
    found, probabilities = markov.stationary(neuron.neuron, source)
    inputs = Column("V", "V", neuron.to_volts(found)), Column("state", "", found)
    return Result(inputs, (Column("probability", "", probabilities),), tuple(facts))


def integer_correlation(args: Namespace) -> Result:
    """Correlation of an interval and later ones."""
    neuron, source, facts = _one(args)
    found = markov.serial_correlation(neuron.neuron, source, args.lags)
    lags = Column("lag", "", np.arange(1, len(found) + 1))
    return Result((lags,), (Column("correlation", "", found),), tuple(facts))


def integer_synapse(args: Namespace) -> Result:
    """Rate and CV when a current, decaying as exp(-t / tau_s), filters the input.

    Each integer of input stays in the current for 1 / (1 - exp(-dt / tau_s)) steps on average: that
    share of the input leaves its mean, and its noise at low frequency, what they are without.
    """
    if args.tau_s <= 0:
        raise ValueError(f"--tau-s must be > 0 s, not {args.tau_s!r}")
    if not 2 <= args.current_width <= 24:
        raise ValueError(f"--current-width must be in 2 .. 24 bits, not {args.current_width}")
    neuron, facts = _neuron(args)
    share = -expm1(-args.dt / args.tau_s)
    currents = np.arange(-(2 ** (args.current_width - 1)), 2 ** (args.current_width - 1))
    decay: Any = np.rint(currents * exp(-args.dt / args.tau_s)).astype(np.int64)
    sources = [_source(args, neuron, mu, share)[0] for mu in args.mu]
    chains = [markov_2d.solve(neuron.neuron, s, args.current_width, decay) for s in sources]
    return Result(**_statistics(args, neuron, chains), facts=tuple(facts))
