"""Circuits as RTLIL, the text in which Amaranth hands them to Yosys, taken apart and put together.

A module has wires, memories, and parts: cells, instances of other modules, processes (which are
what ``m.If`` and ``m.Switch`` become) and joins, ``connect \\a \\b``. Only the form that Amaranth
writes is understood.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from amaranth.back import rtlil
from amaranth.lib.wiring import Component

GIVING = {"\\Y", "\\Q"}  # ports by which cells drive wires; a memory's read port: "\\DATA"


@dataclass(frozen=True)
class Wire:
    """A declaration: `direction` is "input", "output" or "" for wires inside."""

    lines: tuple[str, ...]
    width: int
    direction: str


@dataclass
class Part:
    """A cell, an instance, a process or a join.

    Attributes
    ----------
    lines : list of str
    kind : str
        Such as ``$add`` or ``$dff``; the module of an instance; "process"; "connect".
    instance : str
        Its name, for instances only.
    memory : str
        That which a port of a memory belongs to.
    ports : dict of (str, list of str)
        The wires at each port of a cell or instance.
    reads, drives : list of str
        Wires. Those of an instance are all in `reads`, since its outputs are not known here.
    """

    lines: list[str]
    kind: str
    instance: str = ""
    memory: str = ""
    ports: dict[str, list[str]] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    drives: list[str] = field(default_factory=list)

    @property
    def effective(self) -> bool:
        """Whether it does more than to drive wires."""
        return bool(self.instance) or self.kind in ("$memwr_v2", "$meminit_v2")


@dataclass
class Circuit:
    """A module; `memories` are names, and the lines that declare them."""

    name: str
    top: bool
    wires: dict[str, Wire]
    memories: dict[str, str]
    parts: list[Part]


def names(text: str) -> list[str]:
    """The names in a piece of RTLIL."""
    return [word for word in text.split() if word[0] in "\\$"]


def parse(component: Component, name: str) -> list[Circuit]:
    """An Amaranth component as the module `name`, after the modules within."""
    text = rtlil.convert(component, name=name, emit_src=False)
    found = re.findall(r"^((?:attribute [^\n]*\n)+)module (\S+)\n(.*?)^end$", text, re.M | re.S)
    return [_circuit(module, "\\top " in head, body) for head, module, body in reversed(found)]


def _circuit(name: str, top: bool, body: str) -> Circuit:
    circuit = Circuit(name, top, {}, {}, [])
    for block in re.split(r"\n\s*\n", body.strip("\n")):
        lines = [line for line in block.split("\n") if line]
        kept = [line for line in lines if not re.match(r"\s*attribute (?!\\init )", line)]
        words = kept[-1].split() if kept else [""]
        if words[0] == "wire":
            direction = next((way for way in ("input", "output") if way in words), "")
            circuit.wires[words[-1]] = Wire(tuple(kept), int(words[2]), direction)
        elif words[0] == "memory":
            circuit.memories[words[-1]] = kept[-1]
        elif words[0] == "connect":
            circuit.parts += [_join(line) for line in kept]
        elif kept:
            circuit.parts.append(_part(kept))
    return circuit


def _join(line: str) -> Part:
    left, right = line.split(maxsplit=2)[1:]
    return Part([line], "connect", reads=names(right), drives=[left])


def _part(lines: list[str]) -> Part:
    word, kind, *rest = lines[0].split()
    if word == "process":
        part = Part(lines, "process")
        for line in lines:
            what, _, sides = line.strip().partition(" ")
            if what == "switch":
                part.reads += names(sides)
            elif what == "assign":
                left, right = assigned(sides)
                part.drives += names(left)
                part.reads += names(right)
        return part
    part = Part(lines, kind, rest[0] if kind.startswith("\\") else "")
    for line in lines:
        if line.startswith("    parameter \\MEMID "):
            part.memory = line.split('"')[1].lstrip("\\")
        elif line.startswith("    connect "):
            port, right = line.split(maxsplit=2)[1:]
            part.ports[port] = names(right)
            gives = port in GIVING or (port == "\\DATA" and kind == "$memrd_v2")
            (part.drives if gives and not part.instance else part.reads).extend(part.ports[port])
    return part


def assigned(text: str) -> tuple[str, str]:
    """The two sides of an assignment in a process."""
    found = re.match(r"(\{[^}]*\}|\S+(?: \[[\d:]+\])?) (.*)", text)
    if found is None:
        raise ValueError(f"not an assignment in RTLIL: {text!r}")
    return found[1], found[2]


def write(circuits: list[Circuit], called: Mapping[str, Mapping[str, str]]) -> str:
    """The circuits as text again.

    Parameters
    ----------
    circuits : list of Circuit
    called : mapping of str to mapping of str to str
        By module: new names of its wires, and under the module's own name that of the module.
    """
    return "".join(_module(circuit, called) for circuit in circuits)


def _module(circuit: Circuit, called: Mapping[str, Mapping[str, str]]) -> str:
    new = called[circuit.name]

    def renamed(text: str) -> str:
        return re.sub(r"(?<=\s)[\\$]\S+", lambda found: new.get(found[0], found[0]), text)

    lines = ["attribute \\top 1"] if circuit.top else []
    lines += [f"module {new[circuit.name]}", *circuit.memories.values()]
    for wire in circuit.wires.values():
        lines += [*wire.lines[:-1], renamed(wire.lines[-1])]
    for part in circuit.parts:
        if part.kind in ("process", "connect"):
            lines += [part.lines[0], *map(renamed, part.lines[1:])]
            if part.kind == "connect":
                lines[-1] = renamed(part.lines[0])
            continue
        inner = called.get(part.kind, {})
        lines.append(f"  cell {inner.get(part.kind, part.kind)} {part.lines[0].split()[2]}")
        for line in part.lines[1:]:
            if line.startswith("    connect "):
                port, right = line.split(maxsplit=2)[1:]
                line = f"    connect {inner.get(port, port)}{renamed(' ' + right)}"
            lines.append(line)
    return "\n".join([*lines, "end", ""])
