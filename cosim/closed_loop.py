"""``rheobase cosim``: a network of transistor neurons and a core in lock-step, and its waves.

The closed loop of `substrates.mixed` runs alone: no theory but the mean field, at whose rates the
transistor neurons are designed and extracted, and no verdict but that no spike was lost or doubled.
What stays is the folder of the run: decks, Verilog, logs and ``events.csv`` (`lockstep.record`),
one file of waves and its GTKWave save file (`lockstep.waves`), and ``spikes.csv``: time in s of the
neurons' own time, population, neuron. Waves are in the chip's time, which is shorter by the
speed-up and begins with the end of the core's reset.
"""

import argparse
import contextlib
import csv
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from ..analog.granted import PS
from ..models.units import parse, show
from .lockstep import waves
from .lockstep.record import Record, read
from .lockstep.run import LockstepError
from .lockstep.system import System
from .network_experiment import NetworkExperiment
from .network_rates import predict
from .preflight import require_playable
from .report import require_writable
from .substrates import mixed
from .substrates.mixed_system import Wired, system, wired
from .substrates.network import quantised
from .tables import Second
from .verify import located, show_progress

SPIKES = "spikes.csv"


def run(args: argparse.Namespace, experiment: NetworkExperiment) -> int:
    """Run the command."""
    if args.seconds is not None and experiment.run is not None:
        try:
            seconds = Second(parse(args.seconds, "s"))
        except ValueError as error:
            raise ValueError(f"--seconds {error}") from None
        every = msgspec.structs.replace(experiment.run, seconds=seconds, transient=Second(0.0))
        experiment = replace(experiment, run=every)
    require_playable([experiment])
    require_writable(args.output)
    if args.output.exists() and any(args.output.iterdir()):
        raise ValueError(f"--output {args.output}: has files already; name a new folder")
    with show_progress(args.quiet) as progress:
        answer = located(partial(played, args.output), experiment, progress)
    if args.json:
        print(json.dumps(answer))
    else:
        told(experiment, answer)
    return 0


def played(
    folder: Path, experiment: NetworkExperiment, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Design, run, and write the files; what is printed of it."""
    assert experiment.run is not None and experiment.dt is not None
    seed, steps = experiment.run.seed, round(float(experiment.run.seconds) / experiment.dt)
    progress(f"{experiment.name}: mean field")
    rates = predict(quantised(experiment, seed)).quantised
    progress(f"{experiment.name}: design and extraction of the transistor neuron")
    neuron = mixed.designed_for(experiment, rates, seed)
    core = wired(experiment, seed)
    both = system(experiment, core, neuron, steps, seed)
    began = time.monotonic()
    progress(f"{experiment.name}: Verilog of the core, and its simulator")
    try:
        record = mixed.played(experiment, both, steps, folder, progress)
    except KeyboardInterrupt:
        kept(experiment, both, core, read(folder)[0])
        raise
    except LockstepError as error:
        kept(experiment, both, core, error.record)
        raise RuntimeError(f"{error}; what was recorded is in {folder}") from error
    took = time.monotonic() - began
    progress(f"{experiment.name}: waves")
    return {
        "seconds": steps * experiment.dt,
        "wall_clock": took,
        "grants": sum(record.grants),
        "reset": record.reset * PS,
        "populations": populations(experiment, core, record, steps * experiment.dt),
        "files": [str(file) for file in kept(experiment, both, core, record)],
    }


def populations(
    experiment: NetworkExperiment, core: Wired, record: Record, seconds: float
) -> dict[str, dict[str, Any]]:
    """Neurons, spikes and rate in Hz of each, over the whole run."""
    assert experiment.sizes is not None
    found = {}
    for k, (name, on, size) in enumerate(
        zip(experiment.names, experiment.on, experiment.sizes, strict=True)
    ):
        spikes = mixed.spikes(experiment, core, record, k)[0].size
        rate = spikes / (size * seconds)
        found[name] = {"on": on, "neurons": size, "spikes": spikes, "rate": rate}
    return found


def kept(experiment: NetworkExperiment, both: System, core: Wired, record: Record) -> list[Path]:
    """Waves and spikes; a run that ended before its simulator began has no waves."""
    files = [written(experiment, core, record)]
    with contextlib.suppress(FileNotFoundError):
        files += waves.write(both, record)
    return files


def written(experiment: NetworkExperiment, core: Wired, record: Record) -> Path:
    """The file of all spikes, in the order of their times."""
    rows = []
    for k, name in enumerate(experiment.names):
        times, neurons = mixed.spikes(experiment, core, record, k)
        rows += [(t, name, j) for t, j in zip(times.tolist(), neurons.tolist(), strict=True)]
    with (record.folder / SPIKES).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("time", "population", "neuron"))
        table.writerows((f"{t:.9f}", name, j) for t, name, j in sorted(rows))
    return record.folder / SPIKES


def told(experiment: NetworkExperiment, answer: dict[str, Any]) -> None:
    """Print the answer for people."""
    table = Table("population", "on", "neurons", "spikes", "rate", title=experiment.title)
    for name, each in answer["populations"].items():
        rate = show(each["rate"], "Hz", 4)
        table.add_row(name, each["on"], str(each["neurons"]), str(each["spikes"]), rate)
    Console().print(table)
    print(
        f"{show(answer['seconds'], 's')} of the neurons' time in {answer['wall_clock']:.0f} s,"
        f" {answer['grants']} grants; no spike lost or doubled"
    )
    print("\n".join(answer["files"]))
    assert experiment.spice is not None
    print(
        f"waves are in the chip's time, {experiment.spice.speed_up:g} times faster; it begins at"
        f" {show(answer['reset'], 's')}"
    )
