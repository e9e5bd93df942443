"""Run delivered Verilog under cocotb on Icarus, with random gaps, stalls and a protocol monitor.

Slow, and independent of CXXRTL: the same file that a user would put on an FPGA, in an event-driven
simulator with unknown values. The test bench itself is `icarus_bench`, which runs in the simulator.
"""

import json
import logging
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cocotb_tools.runner import get_runner
from numpy.typing import ArrayLike, NDArray

from ...hdl.verilog import TOP
from ...models.integer.lif import IntegerLIF
from .. import doctor
from .events import CoreRun, checked_currents, decode
from .sources import copy_verilog


@dataclass(frozen=True)
class IcarusRun(CoreRun):
    """A run with its event log.

    Attributes
    ----------
    events : int64 array of shape (events, 2)
        Clock since the end of reset in which the event was taken, and its payload.
    """

    events: NDArray[np.int64]


def run(
    verilog_path: str | os.PathLike[str],
    neuron: IntegerLIF,
    n: int,
    currents: ArrayLike,
    seed: int,
    idle: float = 0.0,
    backpressure: float = 0.0,
) -> IcarusRun:
    """Simulate a core from its Verilog, about 1e4 clocks a second.

    Parameters
    ----------
    verilog_path : path
        A file with the module ``lif_core``; its memory files lie beside it.
    neuron, n
        The neuron that it claims to be, and how many.
    currents : array_like of int, shape (steps, n)
    seed : int
        Of the gaps and stalls.
    idle, backpressure : float
        Probability, in every clock, that no current is offered; that no event is taken. In [0, 1).

    Returns
    -------
    IcarusRun
        Its `violations` also name a current taken during a stall or during the clearing sweep, and
        unknown values on the outputs. `state` is None.

    Raises
    ------
    TypeError, ValueError
        Currents or probabilities that are not allowed; no module ``lif_core`` with all ports.
    MissingTool
        Icarus or libpython is missing.
    RuntimeError
        The simulation broke.
    """
    flat = checked_currents(neuron, n, currents)
    for name, probability in (("idle", idle), ("backpressure", backpressure)):
        if not 0 <= probability < 1:
            raise ValueError(f"{name} must be in [0, 1), not {probability!r}")
    for tool in ("iverilog", "libpython"):
        doctor.require(tool, "the cocotb engine")
    with tempfile.TemporaryDirectory(prefix="rheobase-") as name:
        folder = Path(name)
        source = copy_verilog(Path(verilog_path), folder)
        if not re.search(rf"\bmodule\s+{TOP}\b", source.read_text()):
            raise ValueError(f"{verilog_path} has no module {TOP}")
        np.save(folder / "currents.npy", flat.ravel())
        job = {
            "n": n,
            "steps": len(flat),
            "input_width": neuron.input_width,
            "last_bit": (n - 1).bit_length() + 1,
            "seed": seed,
            "idle": idle,
            "backpressure": backpressure,
        }
        (folder / "job.json").write_text(json.dumps(job))
        _simulate(source, folder)
        result = json.loads((folder / "result.json").read_text())
        if "wrong ports" in result:
            ports = "; ".join(result["wrong ports"])
            raise ValueError(f"{verilog_path} lacks ports of rheobase's core: {ports}")
        events = np.load(folder / "events.npy")
    spikes, form = decode(events[:, 1].astype(np.uint32), n, len(flat))
    violations = (*result.pop("violations"), *form)
    return IcarusRun(spikes, None, **result, violations=violations, events=events)


def _simulate(source: Path, folder: Path) -> None:
    """Compile and run in the folder, with the output of the tools in log files there."""
    runner = get_runner("icarus")
    runner.log.setLevel(logging.CRITICAL)
    log = folder / "build.log"
    try:
        runner.build(
            sources=[source],
            hdl_toplevel=TOP,
            build_dir=folder / "build",
            timescale=("1ns", "1ps"),
            log_file=log,
        )
        log = folder / "test.log"
        runner.test(
            test_module=f"{__package__}.icarus_bench",
            hdl_toplevel=TOP,
            build_dir=folder / "build",
            test_dir=folder,
            results_xml=str(folder / "results.xml"),
            log_file=log,
        )
    except (RuntimeError, SystemExit) as error:
        raise RuntimeError(f"Icarus or cocotb failed: {log.read_text()[-3000:]}") from error
    if not (folder / "result.json").exists():
        raise RuntimeError(f"the cocotb test bench failed: {log.read_text()[-3000:]}")
