"""The Verilog of a run as a program: Verilator's model of it in cocotb's main loop.

cocotb's runner would open every signal of the core to Python, which makes it a third slower, and
compile Verilator's runtime anew each time, which takes g++ longest. Here only the harness's signals
are open, the runtime is kept in the user's cache folder, and traced is what ``$dumpvars`` names:
Verilator does not heed its arguments.
"""

import hashlib
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from cocotb_tools import config

from ...hdl.yosys import cache_folder
from ..engines import verilator
from . import harness

OPTIONS = (
    "--exe", "--vpi", "--timing", "--trace-vcd", "-O3", "--timescale", "1ns/1ps",
    "--top-module", harness.NAME, "--prefix", "Vtop", "--Mdir", "build",
)  # fmt: skip
FLAGS = ("-std=c++20", "-O1", "-DVM_TRACE=1", "-DVM_TRACE_VCD=1")
RUNTIME = ("", "_vpi", "_timing", "_threads", "_vcd_c")
SCOPE = f"{harness.NAME}.core"
CONTROL = f"""`verilator_config
public_flat_rw -module "{harness.NAME}" -var "*"
tracing_off -scope "{harness.NAME}"
tracing_on -scope "{SCOPE}" -levels 1
tracing_on -scope "{SCOPE}.requests" -levels 1
"""


def build(source: Path, folder: Path) -> None:
    """Compile a core and its harness, both in a folder, to ``build/NAME`` there.

    Raises
    ------
    RuntimeError
        Verilator or g++ fails.
    """
    made = folder / "build"
    shutil.rmtree(made, ignore_errors=True)
    (folder / "control.vlt").write_text(CONTROL)
    verilator.translate(OPTIONS, ["control.vlt", source.name, f"{harness.NAME}.v"], folder)
    parts = [
        *sorted(made.glob("Vtop*.cpp")),
        config.share_dir / "lib" / "verilator" / "verilator.cpp",
    ]
    (made / "all.cpp").write_text("".join(f'#include "{part}"\n' for part in parts))
    cocotb = config.libs_dir
    verilator.compile_cpp(
        [*FLAGS, "-I.", "all.cpp", runtime(), "-o", harness.NAME,
         f"-Wl,-rpath,{cocotb}", f"-L{cocotb}", "-lcocotbvpi_verilator"],
        made,
    )  # fmt: skip


def runtime() -> Path:
    """Verilator's runtime as an object file, from the cache if it is there."""
    key = hashlib.sha256(repr((version("verilator"), FLAGS, RUNTIME)).encode()).hexdigest()
    path = cache_folder() / "rheobase" / f"verilated-{key}.o"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="build-", dir=path.parent) as scratch:
            parts = "".join(f'#include "verilated{part}.cpp"\n' for part in RUNTIME)
            (Path(scratch) / "runtime.cpp").write_text(parts)
            verilator.compile_cpp([*FLAGS, "-c", "runtime.cpp"], Path(scratch))
            os.replace(Path(scratch) / "runtime.o", path)
    return path
