"""What cores and datapaths cost on an FPGA, beside open designs of the same kind.

    python benchmarks/fpga.py [FOLDER]

Ours are made now, and the files stay in FOLDER (by default ``rheobase-fpga``). The others were
measured once by the same flow (yosys 0.70, nextpnr-ecp5 0.11, LFE5U-85F, speed 6, goal 100 MHz,
seed 1) from unmodified RTL: tinyODIN of ChFrenkel/tinyODIN@1865653, ODIN of ChFrenkel/ODIN@1781931,
RANC of UA-RCL/RANC@08ae4bd. Their synaptic operations/s are fmax over the clocks of an operation: 2
in ODIN and tinyODIN; RANC visits every axon, 258 clocks a neuron. Every core has 256 neurons and
64 k synapses.

Ours: the generic neuron of 12 bits, weights of 4 bits in dense rows, two slots of sums, write ports
included. LUT4, carry cells and RAM in LUTs are counted as Yosys leaves them; synaptic operations
are those that the compiled core sustains, sweeps included.
"""

import sys
from pathlib import Path

from rheobase.cosim.fpga import core, sustained
from rheobase.hdl.fpga import Report, implement
from rheobase.hdl.neurons import datapath
from rheobase.hdl.neurons.kinds import KINDS
from rheobase.hdl.pipeline import Pipeline

HEAD = ("", "LUT4", "carry", "FF", "LUT RAM", "block RAM", "DSP", "fmax/MHz", "MSOP/s")
PEERS = (
    ("tinyODIN", 2809, 63, 1810, "", 17, 0, 37.5, 18.7),
    ("ODIN (with plasticity)", 12150, 681, 4513, "", 20, 1, 20.5, 10.2),
    ("RANC core", 3994, 60, 1607, 256, 11, 1, 31.3, ""),
)


def ours(name: str, report: Report, per_clock: float | None = None) -> tuple[object, ...]:
    operations = "" if per_clock is None else round(per_clock * report.fmax, 1)
    cells = (report.lut4, report.carry, report.ff, report.lut_ram, report.bram, report.dsp)
    return name, *cells, round(report.fmax, 1), operations


def show(*row: object) -> None:
    print(f"{row[0]:28}" + "".join(f"{cell:>11}" for cell in row[1:]), flush=True)


folder = Path(sys.argv[1] if len(sys.argv) > 1 else "rheobase-fpga")
show(*HEAD)
for peer in PEERS:
    show(*peer)
for lanes in (1, 2, 4):
    made = core("lif-shift", 256, 256, lanes=lanes)
    name = f"rheobase, {lanes} lane{'s' * (lanes > 1)}"
    show(*ours(name, implement(made, "ecp5-85", folder / str(lanes)), sustained(made)))
for kind, neurons in KINDS.items():
    report = implement(Pipeline(datapath(neurons[0])), "ecp5-85", folder / kind)
    show(*ours(f"datapath {kind}", report))
made = core("lif-shift", 256, 1024, lanes=4, single_port=True)
print("iCE40 UP5K, 256 k synapses in SPRAM:")
show(*ours("rheobase, 4 lanes", implement(made, "ice40-up5k", folder / "up5k"), sustained(made)))
