# amaranth: UnusedElaboratable=no
"""``rheobase fpga``: what a core costs on an FPGA, how fast it is, and bitstreams for boards.

A core is described by sizes alone: contents of memories cost nothing, for they come by the write
ports. A neuron is updated in every clock of a sweep, so updates/s are fmax. Synaptic operations/s
are those that the compiled core sustains per clock, sweeps included, times fmax; every axon then
has an event in every tick.
"""

import argparse
import json
from dataclasses import asdict

import numpy as np

from ..hdl.board import build
from ..hdl.core import Core
from ..hdl.fpga import Report, implement
from ..hdl.neurons import datapath
from ..hdl.neurons.kinds import KINDS
from ..hdl.pipeline import Pipeline
from ..models.integer.kind import IntegerNeuron
from ..models.integer.network import Network, Synapses
from .engines.network import NetworkEngine

TICKS = 4  # that a core is timed for, after a first one


def known(kind: str) -> IntegerNeuron:
    """A neuron of the modes that a name stands for."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return KINDS[kind][0]


def core(
    kind: str,
    neurons: int,
    axons: int,
    layout: str = "dense",
    weight_width: int = 4,
    lanes: int = 1,
    fan_out: int | None = None,
    single_port: bool = False,
) -> Core:
    """A core of a size.

    Every axon has `fan_out` synapses, as many as there are neurons by default. Spikes loop back to
    the first axons where there are enough.

    Raises
    ------
    ValueError
        With the name, the value and what is allowed.
    """
    neuron = known(kind)
    if layout == "dense" and fan_out is not None:
        raise ValueError("fan_out must be left out for dense rows")
    for name, value, high in (("neurons", neurons, 1 << 14), ("axons", axons, 1 << 15)):
        if not 1 <= value <= high:
            raise ValueError(f"{name} must be in 1 .. {high}, not {value}")
    count = neurons if fan_out is None else fan_out
    if not 1 <= count <= neurons:
        raise ValueError(f"fan_out must be in 1 .. {neurons}, not {count}")
    axon, place = np.divmod(np.arange(axons * count), count)
    synapses = Synapses(axon, (axon + place) % neurons, np.zeros_like(axon))
    loop = 0 if axons >= neurons else None
    network = Network([neuron] * neurons, axons, synapses, loop)
    return Core(network, layout, weight_width, lanes, single_port=single_port)  # type: ignore[arg-type]


def sustained(core: Core) -> float:
    """Synaptic operations per clock of a compiled core."""
    engine, axons = NetworkEngine(core), core.network.axons
    operations, cycles = [], []
    for ticks in (1, 1 + TICKS):
        at, on = np.divmod(np.arange(ticks * axons), axons)
        operations.append(core.network.run(at, on, ticks).operations)  # of spikes in the loop, too
        cycles.append(engine.run(at, on, ticks).cycles)
    return (operations[1] - operations[0]) / (cycles[1] - cycles[0])


def run(args: argparse.Namespace) -> int:
    """Run the command; 1 if the goal is missed."""
    if args.board is not None and (args.datapath is not None or args.goal is not None):
        raise ValueError("--board takes neither --datapath nor --goal: it has a core and a clock")
    if args.datapath is not None:
        pipeline = Pipeline(datapath(known(args.datapath)))
        report = implement(pipeline, args.target, args.output, args.seed, args.goal)
        numbers = figures(report)
        about = manifest(pipeline, args.target)
    else:
        described = core(
            args.kind, args.neurons, args.axons, args.layout, args.weight_width, args.lanes,
            args.fan_out, single_port=args.board == "icebreaker" or args.target == "ice40-up5k",
        )  # fmt: skip
        if args.board is not None:
            report, bitstream = build(described, args.board, args.output, args.seed)
            numbers = figures(report, described) | {"bitstream": str(bitstream)}
        else:
            report = implement(described, args.target, args.output, args.seed, args.goal)
            numbers = figures(report, described)
            about = manifest(described, args.target)
    if args.board is None:
        (args.output / "manifest.json").write_text(json.dumps(about, indent=2) + "\n")
    numbers["folder"] = str(args.output)
    print(json.dumps(numbers) if args.json else table(report, numbers))
    return 0 if report.met or args.allow_slow else 1


def manifest(circuit: Pipeline | Core, target: str) -> dict[str, object]:
    """What ``netlist.v`` is of: `vectors check` asks it."""
    core = circuit.neurons if isinstance(circuit, Core) else circuit
    kind = core.datapath.kind
    return {
        "circuit": "netlist of a network core" if isinstance(circuit, Core) else "netlist",
        "kind": type(kind).__name__,
        "modes": list(kind.modes),
        "latency_clocks": core.latency,
        "target": target,
    }


def figures(report: Report, core: Core | None = None) -> dict[str, object]:
    """The numbers that are printed."""
    numbers: dict[str, object] = asdict(report)
    numbers |= {"met": report.met, "updates_per_second": report.fmax * 1e6}
    if core is not None:
        per_clock = sustained(core)
        numbers["operations_per_clock"] = per_clock
        numbers["operations_per_second"] = per_clock * report.fmax * 1e6
    return numbers


def table(report: Report, numbers: dict[str, object]) -> str:
    """The numbers, one a line."""
    rows = [
        ("LUT4", report.lut4),
        ("carry cells", report.carry),
        ("flip-flops", report.ff),
        ("LUT RAM", report.lut_ram),
        ("block RAM", report.bram),
        ("SPRAM", report.spram),
        ("DSP", report.dsp),
        ("fmax", f"{report.fmax:.1f} MHz"),
        ("updates/s", f"{report.fmax:.1f} M"),
    ]
    if "operations_per_clock" in numbers:
        each, second = numbers["operations_per_clock"], numbers["operations_per_second"]
        rows.append(("synaptic operations/clock", f"{each:.4f}"))
        rows.append(("synaptic operations/s", f"{float(str(second)) / 1e6:.1f} M"))
    goal = f"{report.goal:g} MHz on {report.target}: {'met' if report.met else 'MISSED'}"
    rows += [("goal", goal), ("files", numbers["folder"])]
    if "bitstream" in numbers:
        rows.append(("bitstream", numbers["bitstream"]))
    return "\n".join(f"{name:26}{value}" for name, value in rows)
