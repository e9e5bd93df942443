"""What lock-step costs beyond its two simulators, and beside synchronisation in fixed steps.

Run: ``python benchmarks/lockstep.py``. Four transistor neurons in four ngspice processes and 64
neurons of the network core in Icarus, in a closed loop. All costs are CPU time, of all processes,
without what a run of one picosecond takes (start, compilation). From that of the lock-step run are
taken: that of ``ngspice -b`` on the same decks with the same pulses, and that of Icarus alone, with
the same clocks, wires and dump from a test bench in Verilog. What remains is grants, cocotb, and
the solver's time points at the ends of grants. The same without grants at events: a fixed step of
a tenth of the lookahead. cocotbext-ams is named if it is installed; it asks for ngspice 45 or Xyce.
"""

import resource
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from table import Cost, show

from rheobase.analog.bias import design
from rheobase.analog.cells import dpi
from rheobase.analog.granted import PS
from rheobase.analog.group import Group, Synapse
from rheobase.analog.technology import generic180
from rheobase.cosim.lockstep.record import Record
from rheobase.cosim.lockstep.run import run
from rheobase.cosim.lockstep.system import System
from rheobase.hdl.core import Core
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses
from rheobase.models.neuron import LIF

ANALOG, N, T_STOP, ROUNDS = 4, 64, 100_000_000, 2
PEER = "cocotbext-ams"


class FixedStep(System):
    """Both sides meet ten times as often as they need to."""

    @property
    def lookahead(self) -> int:
        return super().lookahead // 10


def cpu() -> float:
    """CPU time in s of all ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def network() -> System:
    """Neurons that fire every 15 us or so; a tick and the delay of the axons are 1 us."""
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


def lockstep(system: System, folder: Path) -> tuple[float, Record]:
    """CPU time in s of a run, without its start, and the run."""
    start = cpu()
    run(system, 1, folder)
    middle = cpu()
    record = run(system, T_STOP, folder)
    return (cpu() - middle) - (middle - start), record


def ngspice_alone(system: System, record: Record, folder: Path) -> float:
    """CPU time in s of ``ngspice -b`` on each group, with the pulses of the run."""
    (folder / ".spiceinit").write_text("set num_threads=1\n")
    pulses, first, spent = record.events["pulse"], 0, 0.0
    for group in system.groups:
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
        command = ["ngspice", "-b", "-r", "plain.raw", "plain.cir"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        spent += cpu() - start
    return spent


def icarus_alone(system: System, record: Record, folder: Path) -> float:
    """CPU time in s of Icarus with the clocks and the wires of the run."""
    wires, before, word = [], -record.reset, 0
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


system = network()
own, fixed, spice, verilog = [], [], [], []
with tempfile.TemporaryDirectory() as name:
    for _ in range(ROUNDS):
        spent, record = lockstep(system, Path(name))
        own.append(spent)
        spice.append(ngspice_alone(system, record, Path(name)))
        verilog.append(icarus_alone(system, record, Path(name)))
        spent, often = lockstep(FixedStep(**vars(system)), Path(name))
        fixed.append(spent)
grants, more = sum(record.grants), sum(often.grants)
alone = min(spice) + min(verilog)
events = sum(each.times.size for each in record.events.values())
try:
    peer = f"{PEER} {version(PEER)} is installed and not measured"
except PackageNotFoundError:
    peer = f"{PEER} is not installed"
show(
    [
        Cost("100 us of chip time, CPU", "lock-step", min(own), "s", remark=f"{events} events"),
        Cost("100 us of chip time, CPU", "fixed step", min(fixed), "s", remark=f"{more} grants"),
        Cost("100 us of chip time, CPU", "ngspice -b, four decks", min(spice), "s"),
        Cost("100 us of chip time, CPU", "Icarus alone", min(verilog), "s"),
        Cost("beyond both simulators", "lock-step", 1e6 * (min(own) - alone) / grants,
             "us/grant", remark=f"asked: 150; {grants} grants"),
        Cost("beyond both simulators", "fixed step", 1e6 * (min(fixed) - alone) / grants,
             "us/grant", remark=f"per grant of the lock-step run; {peer}"),
    ]
)  # fmt: skip
