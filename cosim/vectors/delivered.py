"""Which golden vectors a delivered datapath can run: those of the modes that it was built with."""

import json
from collections.abc import Sequence
from pathlib import Path

from .case import Case

CIRCUITS = ("datapath", "netlist")


def with_modes(cases: Sequence[Case], path: Path) -> tuple[list[Case], list[Case], str]:
    """Vectors that a Verilog file can run, the others, and which of `CIRCUITS` it is.

    Parameters
    ----------
    cases : sequence of Case
    path : Path
        Of a datapath; ``manifest.json``, which was written with it, is beside it.

    Raises
    ------
    FileNotFoundError
        One of the two files is missing.
    ValueError
        The manifest is of something else, or no vector has its modes.
    """
    if not path.is_file():
        raise FileNotFoundError(f"--verilog {path}: no such file")
    manifest = path.with_name("manifest.json")
    if not manifest.is_file():
        raise FileNotFoundError(
            f"--verilog {path}: manifest.json, which `rheobase verilog` and `rheobase fpga` write"
            " with a --datapath and which says its kind and modes, is not beside it"
        )
    try:
        about = json.loads(manifest.read_text())
        circuit, kind, modes = about["circuit"], about["kind"], tuple(about["modes"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{manifest}: not a manifest of rheobase ({error!r})") from None
    if circuit not in CIRCUITS:
        raise ValueError(
            f"--verilog {path}: must be a datapath or its netlist, not a {circuit} ({manifest})"
        )
    able = [(type(case.neuron).__name__, case.neuron.modes) == (kind, modes) for case in cases]
    if not any(able):
        there = sorted({f"{type(case.neuron).__name__} {case.neuron.modes}" for case in cases})
        raise ValueError(
            f"--verilog {path}: is a {kind} with modes {modes}, which no vector has;"
            f" they have {', '.join(there)}"
        )
    return (
        [case for case, runs in zip(cases, able, strict=True) if runs],
        [case for case, runs in zip(cases, able, strict=True) if not runs],
        circuit,
    )
