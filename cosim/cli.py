"""The command line, ``rheobase …``. Heavy imports wait until a command needs them."""

import argparse
import contextlib
import json
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..models.units import parse
from .arguments import parser
from .bench.command import run as run_bench
from .theory.command import run as run_theory

if TYPE_CHECKING:
    from .experiment import Experiment
    from .network_experiment import NetworkExperiment

MOST_SHOWN = 50  # mismatches of golden vectors
KEPT = {  # by an interrupt
    "bench": "what was printed was measured",
    "cosim": "what --output has by then is kept",
    "sweep": "finished points are kept",
}
USAGE = 2  # exit code of a mistake in what was asked for; 1 means that a check did not agree


def _experiment(name: str) -> "Experiment":
    from .experiment import BUILT_IN, built_in, load

    return built_in(name) if name in BUILT_IN else load(name)


def any_experiment(name: str) -> "Experiment | NetworkExperiment":
    """A built-in experiment or network, or the one in a file."""
    from .experiment import BUILT_IN
    from .network_experiment import is_network, load_network

    if name not in BUILT_IN and is_network(name):
        return load_network(name)
    return _experiment(name)


def require_ready(
    experiments: "list[Experiment | NetworkExperiment]", verilog: Path | None
) -> None:
    """Fail before a run if the Verilog file or a tool is missing."""
    from .doctor import require
    from .preflight import needs

    if verilog is not None and not verilog.is_file():
        raise ValueError(f"--verilog {verilog}: no such file")
    for tool in needs(experiments, verilog):
        require(tool, "rheobase verify")


def _verify(args: argparse.Namespace) -> int:
    from .experiment import FIRST
    from .report import print_table, require_writable, to_json, write
    from .verify import show_progress, verify

    experiments = [any_experiment(name) for name in args.experiment or FIRST]
    require_ready(experiments, args.verilog)
    require_writable(args.output)
    with show_progress(args.quiet) as progress:
        run = verify(experiments, progress, args.verilog)
        progress("writing the report")
        page = write(run, args.output, args.typed)
    if args.json:
        print(to_json(run))
    else:
        print_table(run)
        print(f"{run.verdict}; report: {page.resolve()}")
    return 0 if run.verdict == "agree" else 1


def _verilog(args: argparse.Namespace) -> int:
    from ..hdl import verilog
    from ..hdl.neuron_core import NeuronCore
    from ..hdl.neurons import datapath
    from ..hdl.neurons.kinds import KINDS
    from ..hdl.pipeline import Pipeline
    from .substrate_tables import RtlTable
    from .substrates.core import realise

    if args.datapath is not None:
        if args.dt is not None:
            raise ValueError("--dt belongs to an experiment: a datapath has no time step")
        if args.datapath not in KINDS:
            raise ValueError(f"--datapath must be one of {', '.join(KINDS)}, not {args.datapath!r}")
        neurons = KINDS[args.datapath]
        name = args.datapath.replace("-", "_")
        files = verilog.write(args.output, Pipeline(datapath(neurons[0])), name, neurons)
        return _written(args, [str(file) for file in files])
    experiment = _experiment(args.experiment)
    if not isinstance(experiment.rtl, RtlTable):
        raise ValueError(
            f"{experiment.path}: has no [rtl] of the generic platform, so there is no core to write"
        )
    dt = parse(args.dt, "s") if args.dt else experiment.rtl.dt[0]
    realised = realise(experiment, dt)
    neuron = realised.neuron
    core = NeuronCore(neuron, experiment.rtl.neurons, neuron.seed)
    files = verilog.write(args.output, core, verilog.TOP, lsb=realised.lsb, dt=dt)
    return _written(args, [str(file) for file in files])


def _spice(args: argparse.Namespace) -> int:
    from .doctor import require
    from .substrates.spice import write_deck

    require("libngspice", "rheobase spice")
    if args.neuron is not None:
        return _neuron(args)
    if args.technology is not None:
        raise ValueError("--technology belongs to --neuron: an experiment names its own")
    experiment = _experiment(args.experiment)
    files = write_deck(experiment, args.output, args.speed_up, args.stimulus)
    return _written(args, [str(file) for file in files])


def _neuron(args: argparse.Namespace) -> int:
    from ..analog.export import write_neuron
    from ..analog.neurons.kinds import KINDS
    from .technology import named

    for name in ("speed_up", "stimulus"):
        if getattr(args, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} belongs to an experiment")
    if args.neuron not in KINDS:
        raise ValueError(f"--neuron must be one of {', '.join(KINDS)}, not {args.neuron!r}")
    example = KINDS[args.neuron](named(args.technology or "generic180"))
    t_stop, step = 5 * example.interval, example.interval / 100
    files = write_neuron(args.output, example.neuron, example.current, t_stop, step)
    return _written(args, [str(file) for file in files])


def _vectors(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from .doctor import require
    from .vectors.check import check
    from .vectors.delivered import with_modes
    from .vectors.file import read

    if args.verilog is not None and args.on != "rtl":
        raise ValueError("--verilog needs --on rtl")
    cases = read(args.file)
    not_run: list[str] = []
    on = args.on
    if args.verilog is not None:
        cases, others, circuit = with_modes(cases, args.verilog)
        not_run = [case.name for case in others]
        on = "netlist" if circuit == "netlist" else on
    if on == "rtl":
        require("g++", "rheobase vectors check --on rtl")
    found = check(cases, on, args.verilog)
    if args.json:
        answer: dict[str, object] = {
            "vectors": len(cases),
            "mismatches": [asdict(each) for each in found],
        }
        if args.verilog is not None:
            answer["not_run"] = not_run
        print(json.dumps(answer))
        return 1 if found else 0
    if not_run:
        print(f"not run, of other modes: {', '.join(not_run)}")
    for each in found[:MOST_SHOWN]:
        print(
            f"{each.vector}: step {each.step}, {each.field}:"
            f" expected {each.expected}, got {each.got}"
        )
    if len(found) > MOST_SHOWN:
        print(f"... and {len(found) - MOST_SHOWN} more (all with --json)")
    print(f"{len(cases)} vectors on {on}: {len(found)} mismatches")
    return 1 if found else 0


def _cosim(args: argparse.Namespace) -> int:
    from .closed_loop import run
    from .network_experiment import NetworkExperiment

    experiment = any_experiment(args.experiment)
    if not isinstance(experiment, NetworkExperiment) or experiment.spice is None:
        raise ValueError(
            f'{experiment.path}: has no [[population]] with on = "spice", so there is nothing to'
            " couple"
        )
    require_ready([experiment], None)
    return run(args, experiment)


def _chips(args: argparse.Namespace) -> int:
    from .chips import run

    return run(args, _experiment(args.experiment))


def _written(args: argparse.Namespace, files: list[str]) -> int:
    print(json.dumps({"files": files}) if args.json else "\n".join(files))
    return 0


def _doctor(args: argparse.Namespace) -> int:
    from .doctor import report

    text, complete = report(args.json)
    print(text)
    return 0 if complete else 1


def _of(module: str) -> Callable[[argparse.Namespace], int]:
    """The command that a module runs, which is imported when it does."""
    return lambda args: int(import_module(f".{module}", __package__).run(args))


RUNS: dict[str, Callable[[argparse.Namespace], int]] = {
    "verify": _verify,
    "verilog": _verilog,
    "spice": _spice,
    "vectors": _vectors,
    "sweep": _of("sweep_file"),
    "cosim": _cosim,
    "fpga": _of("fpga"),
    "theory": run_theory,
    "technology": _of("technology"),
    "chips": _chips,
    "bench": run_bench,
    "doctor": _doctor,
}


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM interrupts as Ctrl-C does, so that processes of a run end with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 if all agrees, 1 if not, 2 for a mistake, a missing tool or an interrupt."""
    words = sys.argv[1:] if argv is None else argv
    args = parser().parse_args(words)
    args.typed = shlex.join(["rheobase", *words])
    try:
        with _interruptible():
            return RUNS[args.command](args)
    except KeyboardInterrupt:
        kept = KEPT.get(args.command, "nothing was written")
        print(f"rheobase {args.command}: interrupted; {kept}", file=sys.stderr)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        print(f"rheobase {args.command}: {error}", file=sys.stderr)
    return USAGE
