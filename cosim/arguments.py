"""The arguments of every command, ``rheobase …``."""

import argparse
from pathlib import Path

from .bench.command import BENCHMARKS
from .theory.command import add_predictions


def parser() -> argparse.ArgumentParser:
    """All commands; `cli` runs the one that ``command`` names."""
    whole = argparse.ArgumentParser(
        prog="rheobase",
        description="A neuron described once: theory, simulation, Verilog and SPICE, compared.",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print JSON")
        return command

    built_in = (
        "a TOML file, or fi-curve, noise-driven, published-trace, precision, loihi, truenorth,"
        " spinnaker, noise-step, accelerated, synapses, shunt, mismatch"
    )
    verify = add("verify", "run experiments and judge every substrate")
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

    verilog = add("verilog", "write the core of an experiment, or a datapath, as Verilog")
    spice = add("spice", "write a transistor neuron and a testbench for ngspice -b")
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

    sweep = add("sweep", "run an experiment at many points, on processes or on a cluster")
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

    cosim = add(
        "cosim",
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

    fpga = add("fpga", "synthesise, place and route a core: resources, fmax, rates; bitstreams")
    _add_fpga_options(fpga)

    theory = commands.add_parser(
        "theory", help="predict rates, distributions, responses and network states",
        description="Predictions of neurons and networks. Each has its own --help.",
    )  # fmt: skip
    add_predictions(theory)

    technology = add(
        "technology",
        "subthreshold figures of a technology's transistors, extracted by simulation",
    )  # fmt: skip
    technology.add_argument(
        "name", nargs="?", default="generic180", metavar="NAME",
        help="generic180, or a kit that PDK_ROOT leads to: gf180mcu or sky130"
        " (default: %(default)s)",
    )  # fmt: skip
    technology.add_argument("--plot", type=Path, metavar="FILE", help="write svg, png or pdf")

    chips = add(
        "chips",
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

    bench = add("bench", "measure speeds beside those of the peers that are installed")
    bench.add_argument(
        "name", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)} (default: all of them)"
    )
    bench.add_argument(
        "--peers", metavar="INTERPRETER",
        help="the Python that has NEST and Brian2 (default: the one that runs this)",
    )  # fmt: skip

    add("doctor", "say which tools are there and what each is needed for")
    for command in (verify, sweep, cosim, chips):
        command.add_argument("--quiet", action="store_true", help="show no progress")
    return whole


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
