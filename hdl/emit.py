# amaranth: UnusedElaboratable=no
"""A circuit as Verilog: one file with all its modules, and a file for what each memory starts with.

The output is the same, byte for byte, for the same circuit and package versions: Yosys is the one
that comes with Amaranth, and neither paths nor dates are written. It is Verilog-2005: a memory is
filled by ``$readmemh`` from a file beside the source, since a line for each word would take Yosys
minutes to read; what a register becomes is written at the register's clock edge.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from amaranth.lib.wiring import Component

from . import readable, rtlil, yosys

EDGE = "  always @(posedge clk)"


class Source(NamedTuple):
    """Verilog: the text, memory files by their names, and the file of each memory.

    A memory is named with the instances that it lies in: ``neurons.state``.
    """

    name: str
    text: str
    files: dict[str, str]
    memories: dict[str, str]

    def write(self, folder: Path) -> Path:
        """Write the source and its memory files into a folder that exists; the source's path."""
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding="ascii")
        path = folder / f"{self.name}.v"
        path.write_text(self.text, encoding="ascii")
        return path


def convert(component: Component, name: str) -> Source:
    """A component as the Verilog module `name`; memories of zeros of one depth share a file."""
    circuits = rtlil.parse(component, name)
    called = readable.rename(circuits)
    files: dict[str, str] = {}
    memories: dict[str, str] = {}
    filled: dict[str, dict[str, str]] = {}  # by module and memory: the file
    for circuit in reversed(circuits):
        module = called[circuit.name][circuit.name][1:]
        for part in circuit.parts:
            if part.kind == "$meminit_v2":
                words = contents(part)
                start = module if any(words) else f"{name}_zeros"
                file = f"{start}_{part.memory if any(words) else len(words)}.hex"
                files[file] = "".join(f"{word:x}\n" for word in words)
                memories[".".join([*circuit.name.split(".")[1:], part.memory])] = file
                filled.setdefault(module, {})[part.memory] = file
        circuit.parts = [part for part in circuit.parts if part.kind != "$meminit_v2"]
    text = yosys.run(
        f"read_rtlil <<rtlil\n{rtlil.write(circuits, called)}rtlil\n"
        "proc -nomux -norom\nmemory_collect\nwrite_verilog -norename -noattr\n"
    )
    modules = text.split("\nmodule ")
    for number, module in enumerate(modules[1:], 1):
        modules[number] = _tidy(module, filled.get(module.split("(")[0], {}))
    return Source(name, "\nmodule ".join(modules), files, memories)


def contents(part: rtlil.Part) -> list[int]:
    """The words that a memory starts with."""
    (width,) = (int(line.split()[-1]) for line in part.lines if "\\WIDTH " in line)
    (bits,) = (line.split("'")[1] for line in part.lines if "connect \\DATA " in line)
    return [int(bits[end - width : end], 2) for end in range(len(bits), 0, -width)]


def _tidy(module: str, filled: Mapping[str, str]) -> str:
    """One module as a person would write it."""
    module = re.sub(r"\\\$auto\$verilog_backend\S+ ", "from_start", module)
    for memory, file in filled.items():
        module = re.sub(
            rf"^(  reg (?:\[\d+:0\] )?{memory} \[(\d+):0\];\n)",
            rf'\1  initial $readmemh("{file}", {memory}, 0, \2);' + "\n",
            module,
            flags=re.M,
        )
    # The register behind a memory.
    for register, memory in re.findall(r"^ +(_\d+_) <= (\w+)\[", module, re.M):
        module = re.sub(rf"\b{register}(?!\w)", f"{memory}_word", module)
    # A wire whose sign is repeated.
    module = re.sub(
        r"(\w+\[\d+\])((?:, \1){2,})(?!\[)",
        lambda found: f"{{{found[2].count(',') + 1}{{{found[1]}}}}}",
        module,
    )
    module = _at_the_edge(_powered_up(_without_unread(module)))
    # Registers that are written alike, one after another.
    alike = rf"({re.escape(EDGE)} begin\n    if \(\w+\) begin\n)((?:      .*\n)+)(    end\n  end\n)"
    while (merged := re.sub(rf"{alike}\1((?:      .*\n)+)\3", r"\1\2\4\3", module)) != module:
        module = merged
    line = rf"{re.escape(EDGE)}\n    \w+ <= [^\n]*;\n"
    module = re.sub(
        rf"(?:{line}){{2,}}",
        lambda found: f"{EDGE} begin\n{found[0].replace(EDGE + chr(10), '')}  end\n",
        module,
    )
    if module.count("from_start") == 1:
        module = re.sub(r"^.*from_start.*\n", "", module, flags=re.M)
    return module


def _without_unread(module: str) -> str:
    """Leave out wires that nobody reads, since Yosys knew a constant in their place."""
    for name in re.findall(r"^  wire (?:\[\d+:0\] )?(\w+);", module, re.M):
        if len(re.findall(rf"\b{name}\b", module)) == 2:
            module, number = re.subn(rf"^  assign {name} = .*\n", "", module, flags=re.M)
            if number:
                module = re.sub(rf"^  wire (?:\[\d+:0\] )?{name};\n", "", module, flags=re.M)
                return _without_unread(module)
    return module


def _powered_up(module: str) -> str:
    """Say what registers power up with in one place."""
    start = r"^  reg (\[\d+:0\] )?(\w+) = (\S+);\n"
    values = [found for found in re.findall(start, module, re.M) if found[1] != "from_start"]
    if not values:
        return module
    module = re.sub(
        r"^(  reg (?:\[\d+:0\] )?(?!from_start)\w+) = \S+;$", r"\1;", module, flags=re.M
    )
    lines = "".join(f"    {name} = {value};\n" for _, name, value in values)
    declared = re.search(r"^ .*;\n(?!  (?:reg|wire|input|output) .*\w;\n)", module, re.M)
    at = len(module) if declared is None else declared.end()
    return f"{module[:at]}  initial begin\n{lines}  end\n{module[at:]}"


def _at_the_edge(module: str) -> str:
    """Write what a register becomes where it becomes that, if nothing else reads it."""
    uses: dict[str, int] = {}
    for name in re.findall(r"\w+", module):
        uses[name] = uses.get(name, 0) + 1
    blocks: dict[str, str] = {}  # of a value: what computes it
    for block in re.findall(r"^  always @\* begin\n.*?^  end\n", module, re.M | re.S):
        found = re.search(r"^ +(\w+)(?: \[[\d:]+\]|\[[\d:]+\])? = ", block, re.M)
        if found is not None:
            blocks[found[1]] = block
    for line, register, value in re.findall(
        rf"^({re.escape(EDGE)}\n    (\w+) <= (\w+);\n)", module, re.M
    ):
        block = blocks.get(value, "")
        if block and uses[value] == 2 + len(re.findall(rf"\b{value}\b", block)):
            inside = re.sub(rf"^( +){value}\b(.*?) = ", rf"\1{register}\2 <= ", block, flags=re.M)
            inside = re.sub(rf"^    {register} <= {register};\n", "", inside, flags=re.M)
            inside = re.sub(r"^    if \(from_start\) begin end\n", "", inside, flags=re.M)
            inside = inside.replace("  always @* begin", f"{EDGE} begin")
            module = module.replace(block, "").replace(line, inside)
        elif uses[value] == 3 and (
            made := re.search(rf"^  assign {value} = (.*);\n", module, flags=re.M)
        ):
            module = module.replace(made[0], "")
            module = module.replace(line, f"{EDGE}\n    {register} <= {made[1]};\n")
        else:
            continue
        module = re.sub(rf"^  (?:reg|wire) (?:\[\d+:0\] )?{value};\n", "", module, flags=re.M)
    return module
