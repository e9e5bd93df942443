# amaranth: UnusedElaboratable=no
"""What lock-step costs beyond its two simulators, beside fixed steps and beside cocotbext-ams.

A closed loop of four analog neurons, each in its ngspice process, and 64 neurons of the network
core in Verilator or Icarus; a tick, and the delay of the axons, are 1 us, and a neuron fires every
15 us or so.

All costs are CPU time, user and system, on one processor, the least of some rounds. That of a run
is of the Verilog simulator's process, with cocotb in it, from the end of reset to the stop, and of
the groups' processes; all that comes before and after, compilers and all, is told in the remark.
From it is taken that of ``ngspice -b`` on the same decks, with the pulses of the run as PWL
sources: what remains, over the grants, is the cost of one, and is to be at most `LIMIT`. It has the
RTL in it, which costs the same without any grant; so, of runs in Icarus, that of Icarus alone, with
the spikes of the run from a test bench in Verilog, is taken, too. What is left is for cocotb, the
log, pipes, and the time points that ngspice needs at ends of grants only.

With transistors that is a small difference of large numbers, uncertain by some 200 us a grant. So
it is also taken with ideal neurons in their place (a capacitor, a leak, a switch), for which
ngspice needs little: all else is the same. And the simulator's process is told by itself, and how
many time points the groups needed for those of ``ngspice -b``. With transistors that process, RTL
and all, also finds the caches cold after each grant: ngspice has had them for 10 ms.

Errors are the largest of all intervals between a neuron's spikes in the record, beside
``ngspice -b`` with the same pulses. In fixed steps a spike counts from the end of its step on. The
ideal neurons' are not told: a switch acts at the end of the solver's step.

cocotbext-ams (``pip install cocotbext-ams``, 0.1.0) is run with the ideal neurons if it is there:
all in one deck, as it has one ngspice, at its own largest interval between two meetings, 100 ns.
"""

import json
import os
import re
import resource
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ...analog.benches import crossing
from ...analog.bias import design
from ...analog.cells import dpi
from ...analog.granted import PS
from ...analog.group import Group, Synapse
from ...analog.technology import generic180
from ...hdl.core import Core
from ...models.integer.lif import IntegerLIF
from ...models.integer.network import Network, Synapses
from ...models.neuron import LIF
from ..doctor import require
from ..lockstep import run
from ..lockstep.record import Record
from ..lockstep.system import System
from .table import Cost, LeftOut

ANALOG, N = 4, 64
T_STOP = 200_000_000  # ps
ROUNDS = 3
STEP = 100_000  # ps, of the fixed steps
FILTER = "COCOTB_TEST_FILTER"  # of the masters, by name
LIMIT = 150  # us a grant beyond ngspice, with ideal neurons


SWITCH = ".model fires sw vt=0.55 vh=0.45 ron=100k roff=1t"


def ideal(m: str, spike: str, excites: str, inhibits: str, current: float) -> str:
    """The elements of an ideal neuron between its nodes and ``vdd``.

    It fires every 14 us without a pulse, and takes up to 0.4 us for a spike.
    """
    return f"""C{m} {m} 0 1p
R{m} {m} 0 20meg
I{m} 0 {m} {current!r}
S{m} {m} 0 {m} 0 fires
S{spike} vdd {spike} {m} 0 fires
R{spike} {spike} 0 10meg
G{excites} 0 {m} {excites} 0 30n
G{inhibits} {m} 0 {inhibits} 0 30n
"""


class Ideal(Group):
    """A group of an ideal neuron."""

    def netlist(self, sources: Sequence[str], t_stop: float, step: float) -> str:
        """The deck; see `Group.netlist`."""
        pulses = "".join(f"Vp{k} p{k} 0 {source}\n" for k, source in enumerate(sources))
        return f"""one ideal neuron
{ideal("m0", "spike0", "p0", "p1", self.currents[0])}{pulses}{SWITCH}
Vdd vdd 0 {self.high!r}
.ic v(m0)=0
.save v(m0) v(spike0)
.tran {step!r} {t_stop + step!r} 0 {step!r}
.options reltol={self.reltol:g}
.end
"""


class Stepped(System):
    """Both sides meet at every step."""

    @property
    def lookahead(self) -> int:
        return STEP


def cpu() -> float:
    """CPU time in s of all ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def network() -> System:
    """The system with transistor neurons."""
    lif = design(LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3), speed_up=1000.0)
    kinds: tuple[dpi.Kind, ...] = ("excitatory", "inhibitory")
    cells = [dpi.design(generic180, kind, 5e-6, 0.5e-9, 0.4e-6, 0.2e-12)[0] for kind in kinds]
    groups = tuple(
        Group((lif,), (lif.current((28 + k) * 1e-3),), tuple(Synapse(0, each) for each in cells))
        for k in range(ANALOG)
    )
    rng = np.random.default_rng(1)
    axon = rng.integers(0, ANALOG, 60)
    synapses = Synapses(axon, rng.integers(0, N, axon.size), rng.integers(40, 127, axon.size))
    neuron = IntegerLIF(12, 100, 0, 1, "multiply", 8, 240, input_width=11)
    core = Core(Network([neuron] * N, ANALOG, synapses))
    routes = tuple((int(rng.integers(2 * ANALOG)),) if rng.random() < 0.5 else () for _ in range(N))
    return System(groups, core, 0, routes, 10_000, 1e-3, 40, 10, 100, 0.2e-6, 4e-9)


def in_one_deck(system: System, folder: Path) -> None:
    """Write all ideal neurons as a subcircuit, for the master `bridge`."""
    wires = range(system.synapses)
    ports = [f"pulses_{k}" for k in wires] + [f"spikes_{k}" for k in range(ANALOG)]
    neurons = "".join(
        ideal(f"m{k}", f"spikes_{k}", f"pulses_{2 * k}", f"pulses_{2 * k + 1}", group.currents[0])
        for k, group in enumerate(system.groups)
    )
    head = f".subckt neurons {' '.join(ports)} vdd vss"
    (folder / "neurons.cir").write_text(f"{head}\n{neurons}{SWITCH}\n.ends neurons\n")
    options = {
        "high": system.groups[0].high,
        "step": system.step,
        "options": f".options reltol={system.groups[0].reltol:g}",
    }
    (folder / "neurons.json").write_text(json.dumps(options))


@dataclass(frozen=True)
class Run:
    """What a run cost, by program in CPU seconds, and what it did."""

    costs: dict[str, float]
    grants: int
    remark: str


def measure(system: System, master: str, simulator: run.Simulator) -> Run:
    """Run under a master, then each simulator but Verilator alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if master == "bridge":
            in_one_deck(system, folder)
        start = cpu()
        os.environ[FILTER] = f"{master}$"
        try:
            record = run.run(system, T_STOP, folder, simulator=simulator)
        finally:
            del os.environ[FILTER]  # other benchmarks have cocotb tests of other names
        whole = cpu() - start
        spent = json.loads((folder / "cost.json").read_text())
        decks = in_turn(system, record) if master != "bridge" else at_once(system, record)
        costs = {
            "all": spent["simulator"] + spent["groups"],
            "simulator": spent["simulator"],
            "ngspice -b": ngspice_alone(decks, folder),
        }
        if simulator == "icarus":
            costs["Icarus"] = icarus_alone(system, record)
        remark = f"{sum(record.grants)} grants, {whole - costs['all']:.1f} s more in all"
        if master == "bridge":
            del costs["simulator"]  # ngspice is in it
        else:
            remark += compare_with_plain(system, record)
    return Run(costs, sum(record.grants), remark)


def pulses(system: System, record: Record) -> list[str]:
    """The pulses of a run as PWL sources, by synapse."""
    events, high = record.events["pulse"], system.groups[0].high
    sources = []
    for wire in range(system.synapses):
        corners = "0 0"
        mine = events.numbers == wire
        for time, level in zip(events.times[mine], events.levels[mine], strict=True):
            before, after = (high * int(x) for x in (1 - level, level))
            at = float(time * PS)
            corners += f" {at!r} {before!r} {at + system.ramp!r} {after!r}"
        sources.append(f"pwl({corners})")
    return sources


def in_turn(system: System, record: Record) -> list[str]:
    """The decks of the groups, each with two synapses."""
    sources = pulses(system, record)
    return [
        group.netlist(sources[2 * k : 2 * k + 2], T_STOP * PS, system.step)
        for k, group in enumerate(system.groups)
    ]


def at_once(system: System, record: Record) -> list[str]:
    """The deck of all ideal neurons."""
    lines = [f"V{k} pulses_{k} 0 {source}" for k, source in enumerate(pulses(system, record))]
    head = (record.folder / "neurons.cir").read_text()
    ports = head.partition("\n")[0].split()[2:]
    spikes = " ".join(f"v({port})" for port in ports if port.startswith("spikes"))
    return [
        "\n".join(
            (
                "all ideal neurons",
                head,
                *lines,
                f"Vdd vdd 0 {system.groups[0].high!r}",
                "Vss vss 0 0",
                f"X1 {' '.join(ports)} neurons",
                f".save {spikes}",
                f".tran {system.step!r} {T_STOP * PS!r} 0 {system.step!r} uic",
                f".options reltol={system.groups[0].reltol:g}",
                ".end\n",
            )
        )
    ]


def ngspice_alone(decks: list[str], folder: Path) -> float:
    """CPU time in s of ``ngspice -b`` on decks, whose raw files are left."""
    (folder / ".spiceinit").write_text("set num_threads=1\n")
    spent = 0.0
    for number, deck in enumerate(decks):
        (folder / "plain.cir").write_text(deck)
        start = cpu()
        command = ["ngspice", "-b", "-r", f"plain{number}.raw", "plain.cir"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        spent += cpu() - start
    return spent


def compare_with_plain(system: System, record: Record) -> str:
    """Time points, and the largest error of an interval, beside those of `ngspice_alone`."""
    times, fired = record.events["analog"].rises
    error, points, plain = 0.0, 0, 0
    for number, group in enumerate(system.groups):
        head, _, body = (record.folder / f"plain{number}.raw").read_bytes().partition(b"Binary:\n")
        names = re.findall(r"^\t\d+\t(\S+)", head.decode(), re.M)
        rows = np.frombuffer(body).reshape(-1, len(names))
        points += record.voltages(number)["time"].size
        plain += len(rows)
        expected = crossing(rows[:, 0], rows[:, names.index("v(spike0)")], group.high / 2)
        expected = expected[expected <= (record.reached - system.lookahead) * PS]
        found = times[fired == number][: expected.size] * PS
        if found.size < expected.size:
            return f": analog neuron {number} has not the spikes of ngspice -b"
        error = max(error, float(np.max(np.abs(np.diff(found) / np.diff(expected) - 1))))
    told = f", {points} time points for {plain}"
    return told if isinstance(system.groups[0], Ideal) else f"{told}, ISIs to {100 * error:.2g} %"


def icarus_alone(system: System, record: Record) -> float:
    """CPU time in s of Icarus, from the end of reset, with the clocks and the wires of the run."""
    wires, before, word, folder = [], -record.reset, 0, record.folder
    events = record.events["analog"]
    for time, neuron in zip(events.times.tolist(), events.numbers.tolist(), strict=True):
        word ^= 1 << neuron
        wires.append(f"    #{time - before} spikes = {word};")
        before = time
    bench = (
        "`timescale 1ps/1ps\nmodule alone;\n  reg clk = 0, rst = 1;\n"
        f"  reg [{ANALOG - 1}:0] spikes = 0;\n  always #{system.clock // 2} clk = ~clk;\n"
        "  mixed_core core(.clk(clk), .rst(rst), .spikes(spikes), .i__valid(1'b0));\n"
        f"  initial #{record.reset} rst = 0;\n"
        '  initial begin\n    $dumpfile("alone.vcd");\n    $dumpvars(1, core, core.requests);\n'
        + "\n".join(wires)
        + "\n  end\n"
    )
    spent = []
    for stop in (0, T_STOP):
        end = f"  initial #{record.reset + stop} $finish;\nendmodule\n"
        (folder / "alone.v").write_text(bench + end)
        command = ["iverilog", "-g2012", "-o", "alone.vvp", "-s", "alone", "alone.v"]
        subprocess.run([*command, "mixed_core.v"], cwd=folder, check=True, capture_output=True)
        start = cpu()
        subprocess.run(["vvp", "alone.vvp"], cwd=folder, check=True, capture_output=True)
        spent.append(cpu() - start)
    return spent[1] - spent[0]


def compare(system: System, case: str) -> list[Cost]:
    """Rows of the table: the least costs of some rounds in which all take turns."""
    masters: dict[str, tuple[str, run.Simulator]] = {
        "lock-step, Verilator": ("lockstep", "verilator"),
        "lock-step, Icarus": ("lockstep", "icarus"),
        f"steps of {STEP / 1000:g} ns, Icarus": ("steps", "icarus"),
    }
    peer = find_spec("cocotbext") and find_spec("cocotbext.ams")
    if peer and isinstance(system.groups[0], Ideal):
        masters["cocotbext-ams, Icarus"] = ("bridge", "icarus")
    runs: dict[str, list[Run]] = {name: [] for name in masters}
    for _ in range(ROUNDS):
        for name, (master, simulator) in masters.items():
            met = Stepped(**vars(system)) if master == "steps" else system
            runs[name].append(measure(met, master, simulator))
    least = {
        name: {of: min(run.costs[of] for run in each) for of in each[0].costs}
        for name, each in runs.items()
    }
    last = {name: each[-1] for name, each in runs.items()}
    rows = [
        Cost(case, name, least[name]["all"], "s", remark=each.remark) for name, each in last.items()
    ]
    for of in ("ngspice -b", "Icarus"):
        rows.append(Cost(case, f"{of} alone", least["lock-step, Icarus"][of], "s"))
    for what, spent, taken in (
        ("simulator beyond Icarus", "simulator", ("Icarus",)),
        ("beyond ngspice and Icarus", "all", ("ngspice -b", "Icarus")),
        ("beyond ngspice", "all", ("ngspice -b",)),
    ):
        for name, each in last.items():
            if {spent, *taken} <= least[name].keys():
                beyond = least[name][spent] - sum(least[name][of] for of in taken)
                rows.append(Cost(f"  {what}", name, 1e6 * beyond / each.grants, "us/grant"))
    if isinstance(system.groups[0], Ideal):
        rows.append(Cost(rows[-1].case, "what is allowed", LIMIT, "us/grant", asked=1))
    return rows


def costs() -> Iterator[Cost | LeftOut]:
    """Both kinds of neurons, on one processor."""
    for tool in ("verilator", "iverilog", "libpython", "g++", "libngspice", "ngspice"):
        require(tool, "rheobase bench lockstep")
    if find_spec("cocotbext") is None or find_spec("cocotbext.ams") is None:
        yield LeftOut("cocotbext-ams", "pip install cocotbext-ams==0.1.0")
    real = network()
    groups = (
        Ideal(group.neurons, ((96 + k) * 1e-9,), group.synapses)
        for k, group in enumerate(real.groups)
    )
    ideals = replace(real, groups=tuple(groups))
    free, master = os.sched_getaffinity(0), run.MASTER
    os.sched_setaffinity(0, {max(free)})
    run.MASTER = f"{__package__}.masters"
    try:
        for name, system in (("ideal neurons", ideals), ("transistors", real)):
            yield from compare(system, f"{T_STOP // 10**6} us, {name}")
    finally:
        run.MASTER = master
        os.sched_setaffinity(0, free)
