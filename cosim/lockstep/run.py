"""Run a mixed-signal chip in lock-step: Icarus under cocotb is the master, ngspice follows grants.

`bench` has the protocol. The folder of a run keeps everything: decks, Verilog, logs, `events.csv`,
the voltages, and what `waves` makes of them.
"""

import json
import logging
import os
from pathlib import Path

from cocotb_tools.runner import get_runner

from ...analog import granted
from ...hdl import emit
from .. import doctor
from ..engines.sources import copy_verilog
from .record import Record, read, violations
from .system import System

TOP = "mixed_core"
DUMP = f"""module dump;
  initial begin
    $dumpfile("rtl.vcd");
    $dumpvars(1, {TOP}, {TOP}.requests);
  end
endmodule
"""


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
        Wall-clock limit of one grant in s.

    Returns
    -------
    Record

    Raises
    ------
    LockstepError
        A side ended early or stalled, or a spike was lost or doubled.
    ValueError
        `t_stop` is not a positive whole number.
    MissingTool, NgspiceError
        A simulator is missing.
    """
    if isinstance(t_stop, bool) or not isinstance(t_stop, int) or t_stop < 1:
        raise ValueError(f"t_stop must be a whole number of ps, >= 1, not {t_stop!r}")
    for tool in ("iverilog", "libpython", "g++", "libngspice"):
        doctor.require(tool, "lock-step")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for old in ("events.csv", "outcome.json"):
        (target / old).unlink(missing_ok=True)
    granted.program()
    sizes = {}
    for number, group in enumerate(system.groups):
        name = f"group{number}"
        granted.write(group, name, target, t_stop, system.step, system.ramp)
        sizes[name] = [len(group.neurons), len(group.synapses)]
    if verilog is None:
        source = emit.convert(system.circuit(), TOP).write(target)
    else:
        source = copy_verilog(Path(verilog), target)
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
    log = _simulate(source, target.resolve())
    record, reason = read(target)
    if reason is not None:
        told = "" if (target / "outcome.json").exists() else f": {log.read_text()[-1000:]}"
        raise LockstepError(f"the run ended at {record.reached} ps: {reason}{told}", record)
    if wrong := violations(system, record):
        raise LockstepError("; ".join(wrong), record)
    return record


def _simulate(source: Path, folder: Path) -> Path:
    """Compile and run; the log of the last tool. What went wrong shows in what the run left."""
    runner = get_runner("icarus")
    runner.log.setLevel(logging.CRITICAL)
    dump = folder / "dump.v"
    dump.write_text(DUMP)
    log = folder / "build.log"
    try:
        runner.build(
            sources=[source.resolve(), dump],
            hdl_toplevel=TOP,
            build_args=["-s", "dump"],
            build_dir=folder / "build",
            timescale=("1ns", "1ps"),
            always=True,
            log_file=log,
        )
        log = folder / "test.log"
        os.environ["SIM_CMD_SUFFIX"] = "-vcd"  # after the option by which cocotb suppresses it
        runner.test(
            test_module=f"{__package__}.bench",
            hdl_toplevel=TOP,
            build_dir=folder / "build",
            test_dir=folder,
            results_xml=str(folder / "results.xml"),
            log_file=log,
        )
    except (RuntimeError, SystemExit):
        pass
    finally:
        os.environ.pop("SIM_CMD_SUFFIX", None)
    return log
