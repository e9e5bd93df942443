"""The command line, ``rheobase …``. Heavy imports wait until a command needs them."""

import argparse
import contextlib
import json
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..models.units import parse
from .bench.command import BENCHMARKS
from .bench.command import run as run_bench
from .theory.command import add_predictions
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


def _fpga(args: argparse.Namespace) -> int:
    from .fpga import run

    return run(args)


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


def _sweep(args: argparse.Namespace) -> int:
    from .sweep_file import run

    return run(args)


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


def _technology(args: argparse.Namespace) -> int:
    from .technology import run

    return run(args)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rheobase",
        description="A neuron described once: theory, simulation, Verilog and SPICE, compared.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument("--json", action="store_true", help="print JSON")
        return command

    built_in = (
        "a TOML file, or fi-curve, noise-driven, published-trace, precision, loihi, truenorth,"
        " spinnaker, noise-step, accelerated, synapses, shunt, mismatch"
    )
    verify = add("verify", _verify, "run experiments and judge every substrate")
    verify.add_argument(
        "experiment",
        nargs="*",
        metavar="EXPERIMENT",
        help=f"{built_in}; a network: ei-network, brunel-ai, brunel-12500, mixed-network"
        " (default: the first three)",
    )
    verify.add_argument(
        "--verilog", type=Path, metavar="FILE", help="judge this Verilog in place of the core"
    )
    verify.add_argument(
        "--output", type=Path, default=Path("rheobase-report"), metavar="FOLDER",
        help="where the report goes (default: %(default)s)",
    )  # fmt: skip
    verify.add_argument("--quiet", action="store_true", help="show no progress")

    verilog = add("verilog", _verilog, "write the core of an experiment, or a datapath, as Verilog")
    spice = add("spice", _spice, "write a transistor neuron and a testbench for ngspice -b")
    what = verilog.add_mutually_exclusive_group(required=True)
    what.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help=built_in)
    what.add_argument(
        "--datapath", metavar="KIND", help="such as loihi-lava; another word lists all"
    )
    circuit = spice.add_mutually_exclusive_group(required=True)
    circuit.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help=built_in)
    circuit.add_argument(
        "--neuron", metavar="KIND", help="such as axon-hillock; another word lists all"
    )
    for command in (verilog, spice):
        command.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    verilog.add_argument("--dt", metavar="TIME", help='such as "0.1 ms" (default: the first)')
    spice.add_argument("--speed-up", type=float, metavar="FACTOR", help="(default: the first)")
    spice.add_argument("--stimulus", metavar="NAME", help="(default: the first)")
    spice.add_argument("--technology", metavar="NAME", help="of --neuron (default: generic180)")

    vectors = commands.add_parser("vectors", help="hold golden vectors of public models")
    checks = vectors.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "run a file of golden vectors and list what differs; exit 1 if anything does"
    check = checks.add_parser("check", help=text, description=text)
    check.set_defaults(run=_vectors)
    check.add_argument("file", metavar="FILE", help="JSON; docs/vectors.md says what is in it")
    check.add_argument(
        "--on", choices=("reference", "rtl"), default="reference",
        help="the integer model, or the datapath in CXXRTL (default: %(default)s)",
    )  # fmt: skip
    check.add_argument(
        "--verilog", type=Path, metavar="FILE",
        help="with --on rtl: judge this datapath, which `rheobase verilog --datapath` wrote, or the"
        " netlist.v of `rheobase fpga --datapath`, which runs in Icarus",
    )  # fmt: skip
    check.add_argument("--json", action="store_true", help="print JSON")

    sweep = add("sweep", _sweep, "run an experiment at many points, on processes or on a cluster")
    sweep.add_argument(
        "file", type=Path, metavar="SWEEP",
        help="a TOML file: an experiment, and a [grid], a [[list]] or a [monte_carlo]",
    )  # fmt: skip
    sweep.add_argument(
        "--output", type=Path, metavar="FILE",
        help="for the results, one JSON line each; those that it has are not computed again"
        " (default: SWEEP's name with .jsonl, in this folder)",
    )  # fmt: skip
    where = sweep.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, metavar="N", help="processes (default: all cores)")
    where.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler: tcp://host:port")
    sweep.add_argument("--quiet", action="store_true", help="show no progress")

    cosim = add(
        "cosim", _cosim,
        "run transistor neurons and a network core in lock-step; leave waves, spikes and logs",
    )  # fmt: skip
    cosim.add_argument(
        "experiment", metavar="NETWORK",
        help='a network file with a population that is on = "spice", or mixed-network',
    )  # fmt: skip
    cosim.add_argument(
        "--seconds", metavar="TIME",
        help='of the neurons\' own time, such as "0.5 s" (default: what the file says)',
    )  # fmt: skip
    cosim.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="new, for all that it leaves"
    )  # fmt: skip
    cosim.add_argument("--quiet", action="store_true", help="show no progress")

    fpga = add(
        "fpga", _fpga, "synthesise, place and route a core: resources, fmax, rates; bitstreams"
    )
    _add_fpga_options(fpga)

    theory = commands.add_parser(
        "theory", help="predict rates, distributions, responses and network states",
        description="Predictions of neurons and networks. Each has its own --help.",
    )  # fmt: skip
    theory.set_defaults(run=run_theory)
    add_predictions(theory)

    technology = add(
        "technology", _technology,
        "subthreshold figures of a technology's transistors, extracted by simulation",
    )  # fmt: skip
    technology.add_argument(
        "name", nargs="?", default="generic180", metavar="NAME",
        help="generic180, or a kit that PDK_ROOT leads to: gf180mcu or sky130"
        " (default: %(default)s)",
    )  # fmt: skip
    technology.add_argument("--plot", type=Path, metavar="FILE", help="write svg, png or pdf")

    chips = add(
        "chips", _chips,
        "Monte Carlo of the transistor neuron's chips: spread, Pelgrom's prediction, calibration",
    )  # fmt: skip
    chips.add_argument("experiment", metavar="EXPERIMENT", help=built_in)
    chips.add_argument(
        "--count", type=int, metavar="N", help="of chips (default: what the experiment says, or 40)"
    )
    chips.add_argument("--speed-up", type=float, metavar="FACTOR", help="(default: the first)")
    chips.add_argument(
        "--trim", nargs="+", choices=("leak", "threshold", "refractory"),
        default=["leak", "threshold", "refractory"],
        help="what calibration sets on each chip (default: all three)",
    )  # fmt: skip
    chips.add_argument(
        "--window", type=float, default=0.05, metavar="SHARE",
        help="relative error of the rate up to which a chip is good (default: %(default)s)",
    )  # fmt: skip
    chips.add_argument("--plot", type=Path, metavar="FILE", help="write svg, png or pdf")
    chips.add_argument("--quiet", action="store_true", help="show no progress")

    bench = add("bench", run_bench, "measure speeds beside those of the peers that are installed")
    bench.add_argument(
        "name", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)} (default: all of them)"
    )
    bench.add_argument(
        "--peers", metavar="INTERPRETER",
        help="the Python that has NEST and Brian2 (default: the one that runs this)",
    )  # fmt: skip

    add("doctor", _doctor, "say which tools are there and what each is needed for")
    return parser


def _add_fpga_options(fpga: argparse.ArgumentParser) -> None:
    what = fpga.add_mutually_exclusive_group()
    what.add_argument(
        "--kind", default="lif-shift",
        help="of neurons, such as loihi-lava; another word lists all (default: %(default)s)",
    )  # fmt: skip
    what.add_argument("--datapath", metavar="KIND", help="the datapath alone, in place of a core")
    for name, default in (("neurons", 256), ("axons", 256), ("weight-width", 4), ("lanes", 1)):
        fpga.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help="(default: %(default)s)"
        )
    fpga.add_argument(
        "--layout", choices=("dense", "sparse"), default="dense",
        help="of the synapse memory (default: %(default)s)",
    )  # fmt: skip
    fpga.add_argument(
        "--fan-out", type=int, metavar="N",
        help="synapses of an axon in sparse rows (default: one for every neuron)",
    )  # fmt: skip
    where = fpga.add_mutually_exclusive_group()
    where.add_argument(
        "--target", default="ecp5-85",
        help="ecp5-25, ecp5-45, ecp5-85, ice40-hx8k or ice40-up5k, whose SPRAM holds the synapses"
        " (default: %(default)s)",
    )  # fmt: skip
    where.add_argument(
        "--board", metavar="NAME",
        help="build a bitstream, with a serial link: icebreaker, ulx3s-12f, -25f, -45f or -85f",
    )  # fmt: skip
    fpga.add_argument("--seed", type=int, default=1, help="of the placement (default: %(default)s)")
    fpga.add_argument(
        "--goal", type=float, metavar="MHZ",
        help="exit with 1 if it is missed (default: ecp5 100, ice40-hx8k 50, ice40-up5k 24, or the"
        " board's clock)",
    )  # fmt: skip
    fpga.add_argument("--allow-slow", action="store_true", help="exit with 0 all the same")
    fpga.add_argument(
        "--output", type=Path, default=Path("rheobase-fpga"), metavar="FOLDER",
        help="for netlist, reports and logs (default: %(default)s)",
    )  # fmt: skip


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
    args = _parser().parse_args(words)
    args.typed = shlex.join(["rheobase", *words])
    try:
        with _interruptible():
            return int(args.run(args))
    except KeyboardInterrupt:
        kept = KEPT.get(args.command, "nothing was written")
        print(f"rheobase {args.command}: interrupted; {kept}", file=sys.stderr)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        print(f"rheobase {args.command}: {error}", file=sys.stderr)
    return USAGE
