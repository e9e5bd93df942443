"""One file of waves for both halves: the core's signals and the neurons' voltages on one time axis.

The Verilog simulator wrote ``rtl.vcd``; each group wrote its accepted time points. Their merger,
``waves.vcd``, is on that simulator's time, which the chip's begins with the end of reset; voltages
are real variables of the scope ``analog``, numbered through the groups. ``waves.gtkw`` shows, in
GTKWave, the membranes, the wires both ways, and the events of the core.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
from vcd.gtkw import GTKWFlag, GTKWSave

from ...analog.granted import PS
from .record import Record
from .system import System

WAVES, SAVED = "waves.vcd", "waves.gtkw"
SHOWN = ("clk", "spikes", "acknowledge", "arrival", "spike", "announced", "pulses")
HEIGHT = 3  # of a voltage, in traces


def write(system: System, record: Record) -> tuple[Path, Path]:
    """Write both files into the run's folder; also of a run that ended early.

    Raises
    ------
    FileNotFoundError
        The run has no ``rtl.vcd``: it ended before its simulator began.
    """
    first = 0
    voltages: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for number, group in enumerate(system.groups):
        found = record.voltages(number)
        times = np.floor(found["time"] / PS).astype(np.int64) + record.reset
        for j in range(len(group.neurons)):
            for node in ("m", "spike"):
                voltages[f"{node}{first + j}"] = times, found[f"{node}{j}"]
        first += len(group.neurons)
    waves, saved = record.folder / WAVES, record.folder / SAVED
    with (record.folder / "rtl.vcd").open() as rtl, waves.open("w") as file:
        widths: dict[str, str] = {}
        for line in rtl:
            if line.startswith("$enddefinitions"):
                file.write("$scope module analog $end\n")
                file.writelines(f"$var real 64 {name} {name} $end\n" for name in voltages)
                file.write("$upscope $end\n" + line)
                break
            file.write(line)
            if declared := re.match(r" *\$var \w+ \d+ \S+ (\w+)( \[[\d:]+\])? \$end", line):
                widths.setdefault(declared[1], (declared[2] or "").strip())
        changes = _changes(voltages)
        time, text = next(changes, (None, ""))
        for line in rtl:
            if not line.endswith("\n"):  # its simulator was killed
                break
            if line.startswith("#"):
                now = int(line[1:])
                while time is not None and time < now:
                    file.write(f"#{time}\n{text}")
                    time, text = next(changes, (None, ""))
                file.write(line)
                if time == now:
                    file.write(text)
                    time, text = next(changes, (None, ""))
            else:
                file.write(line)
        file.writelines(f"#{time}\n{text}" for time, text in changes)
    with saved.open("w") as file:
        shown = GTKWSave(file)
        shown.dumpfile(WAVES, abspath=False)
        for name in voltages:
            if name.startswith("m"):
                shown.trace(f"analog.{name}", extraflags=GTKWFlag.analog_interpolated)
                for _ in range(HEIGHT - 1):
                    shown.blank(analog_extend=True)
        for name in SHOWN:
            shown.trace(f"lockstep.core.{name}{widths[name]}")
    return waves, saved


def _changes(voltages: dict[str, tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[int, str]]:
    """Times, each once, and the lines of all voltages that have a point there."""
    points = sorted(
        (time, name, value)
        for name, (times, values) in voltages.items()
        for time, value in zip(times.tolist(), values.tolist(), strict=True)
    )
    for time, here in groupby(points, key=lambda point: point[0]):
        yield time, "".join(f"r{value:.9g} {name}\n" for _, name, value in here)
