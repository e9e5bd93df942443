"""Run a mixed-signal chip in lock-step: a Verilog simulator leads, by cocotb, and ngspice follows.

`bench` has the protocol. The folder of a run keeps everything: decks, Verilog, logs, `events.csv`,
the voltages, and what `waves` makes of them.
"""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGALRM
from typing import Literal

from cocotb_tools.runner import get_runner

from ...analog import granted
from ...hdl import emit
from .. import doctor
from ..engines.sources import copy_verilog
from . import harness, verilated
from .record import Record, read, violations
from .system import System

MASTER = f"{__package__}.bench"
Simulator = Literal["icarus", "verilator"]
PROGRAM = {"icarus": "iverilog", "verilator": "verilator"}


class LockstepError(RuntimeError):
    """A run ended early, or lost or doubled a spike; `record` has what there was."""

    def __init__(self, reason: str, record: Record) -> None:
        super().__init__(reason)
        self.record = record


def run(
    system: System,
    t_stop: int,
    folder: str | os.PathLike[str],
    verilog: str | os.PathLike[str] | None = None,
    timeout: float = 600.0,
    simulator: Simulator = "icarus",
    progress: Callable[[int], None] = lambda time: None,
) -> Record:
    """Simulate both halves up to a time.

    Parameters
    ----------
    system : System
    t_stop : int
        In ps of the chip's time.
    folder : path
        Made if missing; what it has of an earlier run is replaced.
    verilog : path, optional
        A file with the module ``mixed_core``, its memory files beside it, in place of the generated
        one.
    timeout : float
        Wall-clock limit in s of one grant, and of a step of the Verilog simulator.
    simulator : {"icarus", "verilator"}
        Verilator needs some seconds to compile, and is then some ten times faster; a register
        without a value is 0 in it, not unknown. Events are the same.
    progress : callable
        Called every second with the time of the last event, in ps, from a thread of its own.

    Returns
    -------
    Record

    Raises
    ------
    LockstepError
        A side ended early or stalled, or a spike was lost or doubled.
    ValueError
        `t_stop` is not a positive whole number; another simulator.
    MissingTool, NgspiceError
        A simulator is missing.
    RuntimeError
        Verilator cannot compile the Verilog.
    """
    if isinstance(t_stop, bool) or not isinstance(t_stop, int) or t_stop < 1:
        raise ValueError(f"t_stop must be a whole number of ps, >= 1, not {t_stop!r}")
    if simulator not in PROGRAM:
        raise ValueError(f"simulator must be {' or '.join(map(repr, PROGRAM))}, not {simulator!r}")
    for tool in (PROGRAM[simulator], "libpython", "g++", "libngspice"):
        doctor.require(tool, "lock-step")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for old in ("events.csv", "begun.json", "outcome.json"):
        (target / old).unlink(missing_ok=True)
    granted.program()
    sizes = {}
    for number, group in enumerate(system.groups):
        name = f"group{number}"
        granted.write(group, name, target, t_stop, system.step, system.ramp)
        sizes[name] = [len(group.neurons), len(group.synapses)]
    if verilog is None:
        source = emit.convert(system.circuit(), harness.CORE).write(target)
    else:
        source = copy_verilog(Path(verilog), target)
    (target / f"{harness.NAME}.v").write_text(harness.verilog(system))
    job = {
        "groups": sizes,
        "clock": system.clock,
        "delay": system.delay,
        "lookahead": system.lookahead,
        "patience": system.patience,
        "stop": t_stop,
        "events": [each for each in system.events if each[0] < t_stop],
        "timeout": timeout,
    }
    (target / "job.json").write_text(json.dumps(job))
    with _watched(target / "events.csv", progress):
        told = _simulate(source, target.resolve(), simulator)
    record, reason = read(target)
    if reason is not None:
        if not (target / "outcome.json").exists():
            reason += told
        raise LockstepError(f"the run ended at {record.reached} ps: {reason}", record)
    if wrong := violations(system, record):
        raise LockstepError("; ".join(wrong), record)
    return record


@contextmanager
def _watched(log: Path, progress: Callable[[int], None]) -> Iterator[None]:
    """Tell `progress` how far the log has come."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            if log.exists():
                with log.open("rb") as file:
                    file.seek(max(0, log.stat().st_size - 200))
                    *whole, _ = file.read().split(b"\n")
                if len(whole) > 1:
                    progress(int(whole[-1].split(b",")[0]))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _simulate(source: Path, folder: Path, simulator: Simulator) -> str:
    """Compile and run; what a tool that fails has said. What the run did is in what it left."""
    if simulator == "verilator":
        verilated.build(source, folder)
    runner = get_runner(simulator)
    runner.log.setLevel(logging.CRITICAL)
    log = folder / "build.log"
    failed = ""
    try:
        if simulator == "icarus":
            runner.build(
                sources=[source.resolve(), folder / f"{harness.NAME}.v"],
                hdl_toplevel=harness.NAME,
                build_dir=folder / "build",
                timescale=("1ns", "1ps"),
                always=True,
                log_file=log,
            )
            os.environ["SIM_CMD_SUFFIX"] = "-vcd"  # after the option by which cocotb suppresses it
        log = folder / "test.log"
        runner.test(
            test_module=MASTER,
            hdl_toplevel=harness.NAME,
            hdl_toplevel_lang="verilog",
            build_dir=folder / "build",
            test_dir=folder,
            results_xml=str(folder / "results.xml"),
            log_file=log,
        )
    except (RuntimeError, SystemExit) as error:
        failed = str(error)
    finally:
        os.environ.pop("SIM_CMD_SUFFIX", None)
    if failed.endswith(f": {-SIGALRM}"):
        return ", as it needed too long for one step"
    return f": {log.read_text()[-1000:]}"
