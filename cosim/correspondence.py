"""Whether a mutant of a circuit with registers and memories is proved to be no fault.

The method is signal correspondence (van Eijk 2000): registers and memories are cut open, what they
give becomes an input that both circuits share, what they take becomes an output. A SAT solver looks
for inputs under which any output differs. A bit of a register that differs is then cut for either
circuit by itself, as one that may differ, and the search starts again. If only such bits ever
differed, what is left never differs: both start alike, and stay so clock by clock. The proof fails
for a mutant that differs only in states which the circuit never reaches.
"""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from .engines.model import SIMPLIFY, yowasp
from .engines.sources import copy_verilog
from .mutation import READ

LIMIT = 20.0  # seconds for one search
ROUNDS = 40  # of searches; a fault goes from bit to bit and takes hundreds
FLATTEN = (
    "flatten; memory_collect; " + 3 * "opt_expr; opt_merge; wreduce; opt_clean; " + "rename {top} "
)
UNREAD = 10**9  # a number that no wire has
Json = dict[str, Any]
Bit = tuple[str, str, int]  # cell, port, number
Ports = dict[Bit, Json]


def equivalent(path: Path, top: str, mutant: str) -> bool:
    """Whether a mutant of a Verilog file is proved to give the same outputs for ever."""
    with tempfile.TemporaryDirectory(prefix="rheobase-") as name:
        folder = Path(name)
        copy_verilog(path, folder)
        flatten = FLATTEN.format(top=top)
        yowasp(
            READ.format(top=top, simplify=SIMPLIFY)
            + "delete t:$meminit*; setattr -unset init; design -save read; "
            + f"{flatten}gold; write_json gold.json; "
            + f"design -load read; {mutant}; {flatten}gate; write_json gate.json",
            folder,
        )
        gold, gate = (
            json.loads((folder / f"{name}.json").read_text())["modules"][name]
            for name in ("gold", "gate")
        )
        states = cut(gold), cut(gate)
        shared = states[0].keys() & states[1].keys()
        for _ in range(ROUNDS):
            found = differing((gold, gate), states, sorted(shared), folder)
            bits = {
                bit for bit in shared if bit[1] in ("D", "Q") and (bit[0], "D", bit[2]) in found
            }
            if not bits or not found <= bits:
                return not found
            shared -= bits
        return False


def cut(module: Json) -> Ports:
    """Take out registers and memories; a port for each bit of theirs, by cell, port and bit."""
    ports: Ports = {}
    for name, cell in list(module["cells"].items()):
        if "CLK" in cell["connections"] or cell["type"] == "$mem_v2":
            del module["cells"][name]
            for port, bits in cell["connections"].items():
                way = "input" if cell["port_directions"][port] == "output" else "output"
                for number, bit in enumerate(bits):
                    ports[name, port, number] = {"direction": way, "bits": [bit]}
    return ports


def differing(
    modules: tuple[Json, Json], states: tuple[Ports, Ports], shared: list[Bit], folder: Path
) -> set[Bit | None]:
    """Bits that differ under some input; ``None`` stands for an output. Empty if none can."""
    alone = [[bit for bit in ports if bit not in shared] for ports in states]
    design: Json = {"modules": {}}
    for which, name in enumerate(("gold", "gate")):
        ports = modules[which]["ports"] | {
            f"cut_{number}": states[which][bit] for number, bit in enumerate(shared)
        }
        # An input for each bit of one circuit alone; the other has it, too, and leaves it unread.
        for owner, bits in enumerate(alone):
            for number, bit in enumerate(bits):
                if states[owner][bit]["direction"] == "input":
                    own = states[owner][bit]["bits"] if owner == which else [UNREAD + number]
                    ports[f"alone_{owner}_{number}"] = {"direction": "input", "bits": own}
        design["modules"][name] = {**modules[which], "netnames": {}, "ports": ports}
    (folder / "cut.json").write_text(json.dumps(design))
    try:
        yowasp(
            "read_json cut.json; miter -equiv -flatten -make_outcmp gold gate miter;"
            " hierarchy -top miter; opt_expr; opt_merge; opt_clean;"
            " tee -o sat.log sat -prove trigger 0 -show-outputs miter",
            folder,
            limit=LIMIT,
        )
    except ValueError:
        return {None}
    said = (folder / "sat.log").read_text()
    if "SUCCESS!" in said:
        return set()
    different = re.findall(r"^  \\cmp_(\S+) +0 ", said, re.M)
    return {shared[int(name[4:])] if re.fullmatch(r"cut_\d+", name) else None for name in different}
