# amaranth: UnusedElaboratable=no
"""Deliver a circuit as Verilog, with all that one needs to use it.

Three circuits can be delivered: a datapath alone (`Pipeline`), a neuron core and a network core. A
folder gets the source, the memory files that it reads, a test bench that checks itself, with its
vectors, the waivers for Verilator's lint, a FuseSoC description, and a manifest.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from math import isfinite
from pathlib import Path

from ..models.integer.kind import IntegerNeuron
from . import emit, testbench
from .core import Core
from .manifest import manifest
from .neuron_core import NeuronCore
from .pipeline import Pipeline

TOP = "lif_core"

WAIVERS = {
    "DECLFILENAME": "one file holds all modules",
    "UNUSEDSIGNAL": "a sum has its carry bit, also where only the bits below are used",
    "WIDTH": "in `a + 1'h1` the 1 is to be extended to the width of a, as Verilog does",
}


def write(
    folder: str | os.PathLike[str],
    circuit: Pipeline | NeuronCore | Core,
    name: str,
    neurons: Sequence[IntegerNeuron] = (),
    lsb: float | None = None,
    dt: float | None = None,
) -> tuple[Path, ...]:
    """Write a circuit into a folder, each file whole or not at all.

    Parameters
    ----------
    folder : path
        Made if missing; other files in it are left alone.
    circuit : Pipeline, NeuronCore or Core
    name : str
        Of the module and of its files.
    neurons : sequence of IntegerNeuron
        Of a datapath: those on whose run its test bench is recorded; its own by default.
    lsb : float, optional
        Volts per unit of the membrane state, for the manifest; > 0.
    dt : float, optional
        Seconds per time step, for the manifest; > 0.

    Returns
    -------
    tuple of Path
        The source first, ``manifest.json`` last.

    Raises
    ------
    TypeError, ValueError
        `lsb` or `dt` is not a positive number; neurons of other modes than the datapath's; a core
        that is not filled.
    """
    for what, scale in (("lsb", lsb), ("dt", dt)):
        if scale is not None and not (isfinite(scale) and scale > 0):
            raise ValueError(f"{what} must be > 0 and finite, in SI units, not {scale!r}")
    if isinstance(circuit, Core) and not circuit.rows.filled:
        raise ValueError("circuit must be filled: this core's synapse memory starts empty")
    if isinstance(circuit, Pipeline):
        bench = testbench.of_datapath(circuit, name, list(neurons) or [circuit.datapath.kind])
    elif isinstance(circuit, NeuronCore):
        bench = testbench.of_neuron_core(circuit, name)
    else:
        bench = testbench.of_network_core(circuit, name)
    source = emit.convert(circuit, name)
    files = {
        f"{name}.v": source.text,
        **source.files,
        f"{name}.vlt": waivers(name),
        **bench.files,
        f"{name}.core": fusesoc(name, [*source.files], [*bench.files]),
    }
    about = manifest(circuit, name, source, bench.checks, {"v_per_lsb": lsb, "s_per_step": dt})
    files["manifest.json"] = json.dumps(about, indent=2) + "\n"
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rheobase-", dir=target) as scratch:
        for each, text in files.items():
            (Path(scratch) / each).write_text(text, encoding="ascii")
        for each in files:
            os.replace(Path(scratch) / each, target / each)
    return tuple(target / each for each in files)


def waivers(name: str) -> str:
    """What Verilator's lint must not warn of, and why."""
    lines = [
        f'// {why}\nlint_off -rule {rule} -file "*{name}.v"\n' for rule, why in WAIVERS.items()
    ]
    return "`verilator_config\n" + "".join(lines)


def fusesoc(name: str, memories: Sequence[str], bench: Sequence[str]) -> str:
    """The FuseSoC core description (CAPI2)."""

    def data(files: Sequence[str]) -> str:
        return "".join(f"      - {file}: {{file_type: user, copyto: {file}}}\n" for file in files)

    source, *vectors = bench
    return f"""CAPI=2:
name: rheobase:neurons:{name}:{version("rheobase")}
description: Integer neurons, bit-exact to a model and tested against it
filesets:
  rtl:
    files:
      - {name}.v: {{file_type: verilogSource}}
{data(memories)}  waivers:
    files:
      - {name}.vlt: {{file_type: vlt}}
  bench:
    files:
      - {source}: {{file_type: verilogSource}}
{data(vectors)}targets:
  default: &default
    filesets: [rtl]
    toplevel: {name}
  lint:
    <<: *default
    filesets: [rtl, waivers]
    default_tool: verilator
    tools:
      verilator:
        mode: lint-only
        verilator_options: [-Wall]
  sim:
    filesets: [rtl, "tool_verilator? (waivers)", bench]
    toplevel: {name}_tb
    default_tool: icarus
    tools:
      icarus:
        iverilog_options: [-g2005]
      verilator:
        mode: binary
        verilator_options: [--timing]
"""
