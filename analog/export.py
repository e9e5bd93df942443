"""Write a neuron circuit as plain SPICE: a netlist, a test bench and the model card.

``ngspice -b testbench.cir`` in that folder simulates it and writes ``result.txt`` (time and
membrane voltage, time and spike node, in s and V). All paths in the files are relative.
"""

import os
from pathlib import Path

import numpy as np
from PySpice.Spice.Netlist import Circuit

from . import schematic
from .cells.bench import TRANSIENT
from .cells.cell import Cell
from .lif import AnalogLIF
from .neurons import record
from .neurons.neuron import Neuron
from .simulate import bench

NETLIST, TESTBENCH, RESULT = "neuron.cir", "testbench.cir", "result.txt"


def write(
    folder: str | Path,
    lif: AnalogLIF,
    current: float | np.ndarray,
    t_stop: float,
    dt: float | None = None,
) -> list[Path]:
    """Write the circuit and a test bench that plays `current`; see `rheobase.analog.simulate`.

    Parameters
    ----------
    folder : str or Path
        Made if need be. Files of the same names are replaced, others are not touched; all are
        written in full before the first one gets its name.
    lif : AnalogLIF
    current : float or ndarray, shape (samples,)
        In A.
    t_stop, dt : float
        In chip seconds.

    Returns
    -------
    list of Path
        Netlist, test bench, model files and, for an array, the stimulus.
    """
    played = bench(lif, current, t_stop, dt)
    texts = {
        NETLIST: _netlist(lif),
        TESTBENCH: _testbench(lif.options, played.lines, played.reltol),
    }
    return _written(Path(folder), texts | lif.technology.texts | played.files)


def write_neuron(
    folder: str | Path, neuron: Neuron, current: float, t_stop: float, step: float
) -> list[Path]:
    """Write one of `rheobase.analog.neurons` and a test bench of a constant current.

    Parameters
    ----------
    folder : str or Path
        As in `write`; a schematic of each cell, as SVG, is among the files.
    neuron : Neuron
    current : float
        In A.
    t_stop, step : float
        End, and longest time step of the solver, in s.

    Returns
    -------
    list of Path
    """
    circuit = neuron.circuit
    title, _, body = str(circuit.circuit()).partition("\n")
    head = f"* {title.removeprefix('.title ')}"
    lines = record.bench(neuron, current, t_stop, step)
    texts = {
        NETLIST: f"{head}\n{circuit.technology.models}\n{body.strip()}\n",
        TESTBENCH: _testbench(circuit.options, lines, TRANSIENT),
    }
    drawn = {f"{cell.name}.svg": schematic.svg(cell) for cell in cells(circuit.circuit())}
    return _written(Path(folder), texts | circuit.technology.texts | drawn)


def cells(circuit: Circuit | Cell) -> list[Cell]:
    """The cells of a circuit and those within them."""
    found = []
    for cell in circuit.subcircuits:
        found += [cell, *cells(cell)]
    return found


def _written(folder: Path, texts: dict[str, str]) -> list[Path]:
    """Write the files, all in full before the first one gets its name."""
    folder.mkdir(parents=True, exist_ok=True)
    drafts = {name: folder / f".{name}.{os.getpid()}.part" for name in texts}
    try:
        for name, draft in drafts.items():
            draft.write_text(texts[name], encoding="utf-8")
        for name, draft in drafts.items():
            draft.replace(folder / name)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
    return [folder / name for name in texts]


def _netlist(lif: AnalogLIF) -> str:
    neuron, volts = lif.neuron, lif.voltage
    title, _, body = str(lif.circuit()).partition("\n")
    return (
        f"* {title.removeprefix('.title ')}\n"
        f"* on the chip: tau_m {lif.tau_m:.6g} s, dead time {lif.t_dead:.6g} s, "
        f"g_m {lif.g_m:.6g} S,\n"
        f"* rest {volts(neuron.v_rest):.6g} V, threshold {volts(neuron.v_th):.6g} V, "
        f"reset {volts(neuron.v_reset):.6g} V\n"
        f"{lif.technology.models}\n{body.strip()}\n"
    )


def _testbench(options: str, lines: str, reltol: float) -> str:
    return (
        f"* test bench of {NETLIST}: ngspice -b {TESTBENCH}\n.include {NETLIST}\n{lines}\n"
        f".options reltol={reltol:g} {options}\n"
        f".control\nset num_threads=1\nrun\nwrdata {RESULT} v(m) v(spike)\nquit\n.endc\n.end\n"
    )
