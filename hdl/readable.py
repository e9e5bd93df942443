"""Names that one can read, for the wires of a circuit that Amaranth wrote.

Amaranth numbers what has no name in its source (``$12``), tells wires of one name apart by such a
number (``busy$53``), joins every name of a signal to one of them, and keeps what nobody reads.
Here, in each module:

* what drives nothing that is read is left out, and so are joins that only give a second name;
* inputs of modules within, and wires whose name has a number, take their second name;
* a wire at a port of an instance, of the same name, is ``INSTANCE_PORT``;
* what then has no name is called after what it is for, and how it is made: in ``a = b & ~c`` the
  second operand is ``a_not``; what a register r becomes is ``r_next``.

Cells, memories and the ports of the top module stay as they are.
"""

import re

from .rtlil import Circuit, Part

KEYWORDS = frozenset(
    "always and assign begin buf case deassign default disable edge else end event for force"
    " forever function if initial inout input integer join module nand negedge nor not or output"
    " parameter posedge reg release repeat signed specify strong table task time tri unsigned use"
    " wait wand while wire wor xnor xor".split()
)
MADE = {
    "$mul": "product",
    "$mux": "choice",
    "$reduce_or": "any",
    "$reduce_and": "all",
    "$reduce_xor": "parity",
    "$memrd_v2": "word",
    "$dff": "register",
    "process": "value",
}
NEXT = "_next"
ACCESS = {"$memrd_v2": "read", "$memwr_v2": "write"}


def prune(circuit: Circuit) -> dict[str, str]:
    """Leave out what drives nothing that is read; the second names, by the wires that bear them."""
    second: dict[str, str] = {}
    for part in circuit.parts:
        if part.kind == "connect" and len(part.reads) == 1:
            name, wire = part.drives[0], part.reads[0]
            if circuit.wires[name].width == circuit.wires[wire].width and _named(name):
                second.setdefault(wire, name)
    read = {name for name, wire in circuit.wires.items() if wire.direction == "output"}
    live: set[int] = set()
    while found := {
        number
        for number, part in enumerate(circuit.parts)
        if number not in live and (part.effective or not read.isdisjoint(part.drives))
    }:
        live |= found
        read |= {name for number in found for name in circuit.parts[number].reads}
    circuit.parts = [circuit.parts[number] for number in sorted(live)]
    kept = {name for part in circuit.parts for name in (*part.reads, *part.drives)}
    circuit.wires = {
        name: wire for name, wire in circuit.wires.items() if wire.direction or name in kept
    }
    return second


def _named(wire: str) -> bool:
    """Whether a name is one of the source, and without a number."""
    return wire.startswith("\\") and "$" not in wire


def _stem(wire: str) -> str:
    """A name of the source without its number; empty if there is none."""
    return wire[1:].split("$")[0] if wire.startswith("\\") else ""


class Names:
    """Names of the wires of a module, none of them twice and none a word of Verilog."""

    def __init__(self, taken: set[str]) -> None:
        self.of: dict[str, str] = {}
        self._taken = {*KEYWORDS, *taken}

    def give(self, wire: str, wanted: str) -> None:
        """Call a wire `wanted`, or that with a number."""
        plain = re.sub(r"\W+", "_", wanted).strip("_") or "unnamed"
        name, number = plain, 1
        while name in self._taken:
            number += 1
            name = f"{plain}_{number}"
        self._taken.add(name)
        self.of[wire] = name


def rename(circuits: list[Circuit]) -> dict[str, dict[str, str]]:
    """Prune circuits; new names of the wires of each, and of the module under its own name."""
    called: dict[str, dict[str, str]] = {}
    for circuit in circuits:  # those within come first
        second = prune(circuit)
        inner = {part.instance for part in circuit.parts if part.instance}
        names = Names({each[1:] for each in (*circuit.memories, *inner)})
        _ports(circuit, second, names)
        _wires(circuit, second, names, called)
        _purposes(circuit, names)
        module = "\\" + re.sub(r"\W+", "_", circuit.name[1:])
        called[circuit.name] = {
            circuit.name: module,
            **{wire: f"\\{name}" for wire, name in names.of.items()},
        }
    return called


def _ports(circuit: Circuit, second: dict[str, str], names: Names) -> None:
    for name, wire in circuit.wires.items():
        if wire.direction:
            inside = not circuit.top and wire.direction == "input"
            names.give(name, _stem(second.get(name, name) if inside else name))


def _wires(
    circuit: Circuit, second: dict[str, str], names: Names, called: dict[str, dict[str, str]]
) -> None:
    """Names from the source, from instances and from memories."""
    alike: dict[str, str] = {}  # at a port of an instance, of the port's name
    joined: dict[str, str] = {}  # at any port of an instance or memory
    for part in circuit.parts:
        for port, wires in part.ports.items():
            if len(wires) != 1:
                continue
            if part.instance:
                within = called[part.kind][port][1:]
                name = f"{part.instance[1:]}_{within}"
                if _stem(wires[0]) in (_stem(port), within):
                    alike.setdefault(wires[0], name)
                joined.setdefault(wires[0], name)
            elif part.memory:
                joined.setdefault(wires[0], f"{part.memory}_{ACCESS[part.kind]}_{port[1:].lower()}")
    made = {wire for part in circuit.parts for wire in part.drives}
    for wire in circuit.wires:
        if wire in names.of:
            continue
        if wire in alike and not (_named(wire) and wire in made):
            names.give(wire, alike[wire])
        elif _named(wire) or _named(second.get(wire, wire)):
            names.give(wire, _stem(wire if _named(wire) else second[wire]))
        elif wire.startswith("\\") and wire in joined:
            names.give(wire, joined[wire])
        elif _stem(wire):
            names.give(wire, _stem(wire))


def _purposes(circuit: Circuit, names: Names) -> None:
    """Names of the others, from what reads them."""
    makers = {wire: part for part in circuit.parts for wire in part.drives}
    readers: dict[str, list[Part]] = {}
    for part in circuit.parts:
        for wire in part.reads:
            readers.setdefault(wire, []).append(part)
    given = dict(names.of)

    def purpose(wire: str) -> str:
        """The nearest wire with a name, instance or memory that a wire is for."""
        near = [wire]
        for each in near:  # which grows
            for part in readers[each]:
                if part.instance or part.kind == "$memwr_v2":
                    return part.instance[1:] or f"{part.memory}_write"
                for target in part.drives:
                    if target in given:
                        return given[target]
                    if target not in near:
                        near.append(target)
        return "unnamed"

    for wire in circuit.wires:
        if wire not in given:
            if registers := [part.drives[0] for part in readers[wire] if part.kind == "$dff"]:
                names.give(wire, given.get(registers[0], "register") + NEXT)
            else:
                kind = makers[wire].kind
                names.give(wire, f"{purpose(wire)}_{MADE.get(kind, kind[1:])}")
