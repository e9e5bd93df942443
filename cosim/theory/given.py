"""Predictions without noise: the spikes of a given drive; the rate of a leak given as a table."""

from argparse import Namespace
from pathlib import Path

import numpy as np

from ...models.stimulus import InputSpikes, RecordedCurrent
from ...models.theory import given_input
from ...models.theory import measured_leak as measured
from ..experiment import BUILT_IN, built_in, load
from .result import Column, Result


def spikes(args: Namespace) -> Result:
    """Spike times under a stimulus of an experiment, from rest: exactly, or on a time grid."""
    experiment = built_in(args.file) if args.file in BUILT_IN else load(args.file)
    given = {
        played.name: played.stimulus
        for played in experiment.stimuli
        if isinstance(played.stimulus, InputSpikes | RecordedCurrent)
    }
    if not given:
        raise ValueError(f"{experiment.path}: has no input spikes and no recorded current")
    name = args.stimulus or next(iter(given))
    if name not in given:
        raise ValueError(f"--stimulus must be one of {', '.join(map(repr, given))}, not {name!r}")
    neuron, facts = experiment.neuron, [Column("stimulus", "", name)]
    if args.dt is None:
        x = given[name].drive(neuron, experiment.dt)
        times = given_input.spike_times(neuron, x, experiment.dt, neuron.v_rest)
    elif args.dt <= 0:
        raise ValueError(f"--dt must be > 0 s, not {args.dt!r}")
    else:
        x = given[name].drive(neuron, args.dt)
        steps, margin = given_input.spike_steps(neuron, x, args.dt, neuron.v_rest)
        times = (steps + 1) * args.dt
        facts.append(Column("closest approach to the threshold", "V", margin))
    number = Column("spike", "", np.arange(1, len(times) + 1))
    return Result((number,), (Column("time", "s", times),), tuple(facts))


def measured_leak(args: Namespace) -> Result:
    """Rate against the current of a membrane whose leak current is a table."""
    try:
        table = np.loadtxt(Path(args.file), delimiter=",", ndmin=2)
    except (OSError, ValueError) as mistake:
        raise ValueError(f"{args.file}: must be rows of volts,amperes: {mistake}") from None
    if table.shape[1] != 2:
        raise ValueError(f"{args.file}: must have 2 columns, volts and amperes, not {len(table.T)}")
    v, leak = table.T
    neuron = measured.MeasuredNeuron(v, leak, args.c_m, args.v_th, args.v_reset, args.t_ref)
    rate, error = measured.rate(neuron, args.current)
    return Result(
        (Column("current", "A", args.current),),
        (Column("rate", "Hz", rate), Column("error", "Hz", error, plotted=False)),
    )
