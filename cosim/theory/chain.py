"""Predictions of an integer neuron: the exact Markov chain of the hardware's arithmetic."""

from argparse import Namespace
from math import exp
from typing import Any

import numpy as np

from ...models.integer import laws, markov, markov_2d
from ...models.integer.input import IntegerInput
from ...models.integer.quantise import Quantised, quantise
from ...models.neuron import LIF
from .files import read_neuron
from .result import Column, Result


def _quantised(args: Namespace) -> tuple[Quantised, IntegerInput, tuple[Column, ...]]:
    """The integer neuron, its input, and what was lost on the way to both."""
    neuron = quantise(
        read_neuron(args.neuron, LIF), args.dt, args.lsb, args.width, leak=args.leak,
        leak_bits=args.leak_bits, rounding=args.rounding, reset=args.reset,
        input_width=args.input_width,
    )  # fmt: skip
    if (args.rates is None) != (args.weights is None):
        raise ValueError("--rates and --weights: give both or neither")
    if args.rates is not None:
        if args.sigma != 0:
            raise ValueError("give --sigma, or --rates and --weights, not both")
        source, lost = neuron.input_poisson(args.mu, args.rates, args.weights)
    elif args.sigma == 0:
        source, lost = neuron.input_constant(args.mu)
    else:
        source, lost = neuron.input_white_noise(args.mu, args.sigma)
    facts = [Column(f"{x.name} as integers", x.unit, x.got) for x in (*neuron.lost, *lost)]
    return neuron, source, tuple(facts)


def _statistics(neuron: Quantised, chain: markov.Chain | markov_2d.Chain2D) -> tuple[Column, ...]:
    return (
        Column("rate", "Hz", [chain.rate / neuron.dt]),
        Column("CV", "", [chain.cv]),
        Column("relative error of the rate", "", [chain.error], plotted=False),
    )


def integer(args: Namespace) -> Result:
    """Rate and CV; what rounding the leak does."""
    neuron, source, facts = _quantised(args)
    if laws.decay(neuron.neuron) < 1:
        low, high = laws.dead_zone(neuron.neuron, neuron.lsb)
        facts += (
            Column("rounding acts as a drive of", "V",
                   laws.rounding_bias(neuron.neuron, neuron.lsb)),
            Column("no leak from", "V", low),
            Column("no leak to", "V", high),
        )  # fmt: skip
    chain = markov.solve(neuron.neuron, source)
    return Result((Column("mu", "V", [args.mu]),), _statistics(neuron, chain), facts)


def integer_isi(args: Namespace) -> Result:
    """Probability of each interval."""
    neuron, source, facts = _quantised(args)
    longest = args.steps
    if longest is None:
        mean = markov.solve(neuron.neuron, source).mean_isi
        if not mean < 1e6:
            raise ValueError(f"--steps is needed: the mean interval is {mean:g} steps")
        longest = int(4 * mean)
    pmf, tail = markov.isi_pmf(neuron.neuron, source, longest)
    t = np.arange(len(pmf)) * neuron.dt
    facts += (Column("probability of a longer one", "", tail),)
    return Result((Column("interval", "s", t),), (Column("probability", "", pmf),), facts)


def integer_density(args: Namespace) -> Result:
    """Distribution of the state at the end of a step, outside the refractory time."""
    neuron, source, facts = _quantised(args)
    found, probabilities = markov.stationary(neuron.neuron, source)
    inputs = Column("V", "V", neuron.to_volts(found)), Column("state", "", found)
    return Result(inputs, (Column("probability", "", probabilities),), facts)


def integer_correlation(args: Namespace) -> Result:
    """Correlation of an interval and later ones."""
    neuron, source, facts = _quantised(args)
    found = markov.serial_correlation(neuron.neuron, source, args.lags)
    lags = Column("lag", "", np.arange(1, len(found) + 1))
    return Result((lags,), (Column("correlation", "", found),), facts)


def integer_synapse(args: Namespace) -> Result:
    """Rate and CV when a current, decaying as exp(-t / tau_s), filters the input."""
    neuron, source, facts = _quantised(args)
    if args.tau_s <= 0:
        raise ValueError(f"--tau-s must be > 0 s, not {args.tau_s!r}")
    if not 2 <= args.current_width <= 24:
        raise ValueError(f"--current-width must be in 2 .. 24 bits, not {args.current_width}")
    half, keep = 2 ** (args.current_width - 1), exp(-neuron.dt / args.tau_s)
    decay: Any = np.rint(np.arange(-half, half) * keep).astype(np.int64)
    chain = markov_2d.solve(neuron.neuron, source, args.current_width, decay)
    return Result((Column("mu", "V", [args.mu]),), _statistics(neuron, chain), facts)
