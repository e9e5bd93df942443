"""What lock-step costs beyond its two simulators, and beside synchronisation in fixed steps.

Run: ``python benchmarks/lockstep.py [step]``, with the fixed step in ns, 100 if not given. A closed
loop of four analog neurons, each in its ngspice process, and 64 neurons of the network core in
Icarus; a tick, and the delay of the axons, are 1 us, and a neuron fires every 15 us or so.

All costs are CPU time, user and system, on one processor, the least of some rounds. That of a run
is of the Verilog simulator's process, with cocotb in it, from the end of reset to the stop, and of
the groups' processes. From it are taken those of ``ngspice -b`` on the same decks, with the pulses
of the run as PWL sources, and of Icarus on the same Verilog, with the spikes of the run from a test
bench in Verilog. What remains is for the grants: cocotb, pipes, the log, and the time points that
ngspice needs at ends of grants only.

With transistors that is a small difference of large numbers, uncertain by some 100 us per grant. So
it is also taken with ideal neurons in their place (a capacitor, a leak, a switch), for which ngspice
needs little: all else is the same.

Errors are the largest of all intervals between a neuron's spikes in the record, beside
``ngspice -b`` with the same pulses. In fixed steps a spike counts from the end of its step on. The
ideal neurons' are not told: a switch acts at the end of the solver's step.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from table import Cost, show

from rheobase.analog.benches import crossing
from rheobase.analog.bias import design
from rheobase.analog.cells import dpi
from rheobase.analog.granted import PS
from rheobase.analog.group import RELTOL, Group, Synapse
from rheobase.analog.technology import generic180
from rheobase.cosim.lockstep import run as lockstep
from rheobase.cosim.lockstep.record import Record
from rheobase.cosim.lockstep.system import System
from rheobase.hdl.core import Core
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses
from rheobase.models.neuron import LIF

ANALOG, N = 4, 64
T_STOP = 200_000_000  # ps
ROUNDS = 3
PEER = "cocotbext-ams"


class Ideal(Group):
    """A neuron that fires every 14 us without a pulse, and takes up to 0.4 us for a spike."""

    def netlist(
        self, sources: Sequence[str], t_stop: float, step: float, reltol: float = RELTOL
    ) -> str:
        """The deck; see `Group.netlist`."""
        pulses = [f"Vp{k} p{k} 0 {source}\n" for k, source in enumerate(sources)]
        return f"""one ideal neuron
Cm m0 0 1p
Rm m0 0 20meg
Icurrent 0 m0 {self.currents[0]!r}
Vdd vdd 0 {self.high!r}
Sreset m0 0 m0 0 fires
Sspike vdd spike0 m0 0 fires
Rspike spike0 0 10meg
.model fires sw vt=0.55 vh=0.45 ron=100k roff=1t
Gexcitatory 0 m0 p0 0 30n
Ginhibitory m0 0 p1 0 30n
{"".join(pulses)}.ic v(m0)=0
.save v(m0) v(spike0)
.tran {step!r} {t_stop + step!r} 0 {step!r}
.options reltol={reltol:g}
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
    kinds = ("excitatory", "inhibitory")
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
    return System(groups, core, 0, routes, 10_000, 100, 40, 10, 100, 0.2e-6, 4e-9)


def run(system: System, folder: Path) -> tuple[float, Record]:
    """CPU time in s of a run, and the run."""
    if isinstance(system, Stepped):
        os.environ["FIXED_STEP"] = ""
    record = lockstep.run(system, T_STOP, folder)
    os.environ.pop("FIXED_STEP", None)
    return sum(json.loads((folder / "cost.json").read_text()).values()), record


def ngspice_alone(system: System, record: Record) -> float:
    """CPU time in s of ``ngspice -b`` on each group, whose raw files are left."""
    folder, pulses, first, spent = record.folder, record.events["pulse"], 0, 0.0
    (folder / ".spiceinit").write_text("set num_threads=1\n")
    for number, group in enumerate(system.groups):
        sources = []
        for wire in range(first, first + len(group.synapses)):
            corners = "0 0"
            mine = pulses.numbers == wire
            for time, level in zip(pulses.times[mine], pulses.levels[mine], strict=True):
                low, high = (group.high * int(x) for x in (1 - level, level))
                at = float(time * PS)
                corners += f" {at!r} {low!r} {at + system.ramp!r} {high!r}"
            sources.append(f"pwl({corners})")
        first += len(group.synapses)
        (folder / "plain.cir").write_text(group.netlist(sources, T_STOP * PS, system.step))
        start = cpu()
        command = ["ngspice", "-b", "-r", f"plain{number}.raw", "plain.cir"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        spent += cpu() - start
    return spent


def largest_error(system: System, record: Record) -> float:
    """Of all intervals, relative to those of `ngspice_alone`; infinite if a spike is not in both."""
    times, fired = record.events["analog"].rises
    error = 0.0
    for number, group in enumerate(system.groups):
        head, _, body = (record.folder / f"plain{number}.raw").read_bytes().partition(b"Binary:\n")
        names = re.findall(r"^\t\d+\t(\S+)", head.decode(), re.M)
        rows = np.frombuffer(body).reshape(-1, len(names))
        expected = crossing(rows[:, 0], rows[:, names.index("v(spike0)")], group.high / 2)
        expected = expected[expected <= (record.reached - system.lookahead) * PS]
        found = times[fired == number][: expected.size] * PS
        if found.size < expected.size:
            return float("inf")
        error = max(error, float(np.max(np.abs(np.diff(found) / np.diff(expected) - 1))))
    return error


def icarus_alone(system: System, record: Record) -> float:
    """CPU time in s of Icarus with the clocks and the wires of the run."""
    wires, before, word, folder = [], -record.reset, 0, record.folder
    events = record.events["analog"]
    for time, neuron in zip(events.times.tolist(), events.numbers.tolist(), strict=True):
        word ^= 1 << neuron
        wires.append(f"    #{time - before} spikes = {word};")
        before = time
    (folder / "alone.v").write_text(
        "`timescale 1ps/1ps\nmodule alone;\n  reg clk = 0, rst = 1;\n"
        f"  reg [{ANALOG - 1}:0] spikes = 0;\n  always #{system.clock // 2} clk = ~clk;\n"
        "  mixed_core core(.clk(clk), .rst(rst), .spikes(spikes), .i__valid(1'b0));\n"
        f"  initial #{record.reset} rst = 0;\n"
        f"  initial #{record.reset + T_STOP} $finish;\n"
        '  initial begin\n    $dumpfile("alone.vcd");\n    $dumpvars(1, core, core.requests);\n'
        + "\n".join(wires)
        + "\n  end\nendmodule\n"
    )
    command = ["iverilog", "-g2012", "-o", "alone.vvp", "-s", "alone", "alone.v", "mixed_core.v"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    start = cpu()
    subprocess.run(["vvp", "alone.vvp"], cwd=folder, check=True, capture_output=True)
    return cpu() - start


def compare(system: System, case: str) -> list[Cost]:
    """Rows of the table: the least costs of some rounds in which all take turns."""
    both = {"lock-step": system, f"steps of {STEP / 1000:g} ns": Stepped(**vars(system))}
    alone = {"ngspice -b": ngspice_alone, "Icarus": icarus_alone}
    costs: dict[tuple[str, str], list[float]] = {}
    told = {}
    for _ in range(ROUNDS):
        for name, each in both.items():
            with tempfile.TemporaryDirectory() as folder:
                spent, record = run(each, Path(folder))
                costs.setdefault((name, "all"), []).append(spent)
                for of, simulate in alone.items():
                    costs.setdefault((name, of), []).append(simulate(each, record))
                error = largest_error(each, record)
            events = sum(found.times.size for found in record.events.values())
            told[name] = sum(record.grants), events, error
    print(costs)
    rows = []
    for name, (_, events, error) in told.items():
        remark = f"{events} events"
        if not isinstance(system.groups[0], Ideal):
            remark += f", intervals to {100 * error:.2g} %"
        rows.append(Cost(f"{case}, all", name, min(costs[name, "all"]), "s", remark=remark))
    for of in alone:
        rows.append(Cost(f"{case}, all", f"{of} alone", min(costs["lock-step", of]), "s"))
    for name, (grants, _, _) in told.items():
        beyond = min(costs[name, "all"]) - sum(min(costs[name, of]) for of in alone)
        remark = f"{1000 * beyond:.3g} ms for {grants} grants"
        rows.append(Cost(f"{case}, beyond", name, 1e6 * beyond / grants, "us/grant", remark=remark))
    return rows


STEP = round(1000 * float(sys.argv[1])) if len(sys.argv) > 1 else 100_000  # ps
lockstep.MASTER = "masters"
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
real = network()
ideal = replace(
    real,
    groups=tuple(
        Ideal(group.neurons, ((96 + k) * 1e-9,), group.synapses)
        for k, group in enumerate(real.groups)
    ),
)
for case, system in {"ideal neurons": ideal, "transistors": real}.items():
    show(compare(system, f"{T_STOP // 10**6} us, {case}"))
