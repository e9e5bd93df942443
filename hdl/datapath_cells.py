"""What a datapath costs on an ECP5: a table, measured once with Yosys, for those that are common.

    python benchmarks/datapath_cells.py

prints its rows anew. A datapath is a pipeline that takes an update per clock, by itself: neither
the memory of its neurons nor synapses are counted. It depends on the kind, its modes and the widths
of its states; all other numbers are registers, which come from that memory. Cells are those that
Yosys leaves before anything is placed. A carry cell has two LUTs of its own, and a multiplier takes
18 x 18 bits.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

from amaranth.back import rtlil

from ..models.integer.kind import IntegerNeuron
from . import fpga
from .neurons import datapath
from .pipeline import Pipeline

TARGET = "ecp5-85"
YOSYS = "0.70"


class Cells(NamedTuple):
    """LUTs of four inputs, carry cells, flip-flops, multipliers."""

    lut4: int
    carry: int
    ff: int
    dsp: int

    def __str__(self) -> str:
        return f"{self.lut4} LUT4, {self.carry} carry, {self.ff} FF, {self.dsp} multipliers"


Key = tuple[str, tuple[int, ...], tuple[int, ...]]

MEASURED: dict[Key, Cells] = {
    ("IntegerLIF", (8, 0, 20, 524288, 0, 24), (8, 1)): Cells(lut4=70, carry=26, ff=216, dsp=2),
    ("IntegerLIF", (10, 0, 20, 524288, 0, 24), (10, 1)): Cells(lut4=52, carry=29, ff=244, dsp=2),
    ("IntegerLIF", (12, 0, 16, 32768, 0, 16), (12, 2)): Cells(lut4=118, carry=21, ff=253, dsp=1),
    ("IntegerLIF", (12, 0, 16, 32768, 0, 16), (12, 5)): Cells(lut4=123, carry=24, ff=280, dsp=1),
    ("IntegerLIF", (12, 0, 20, 524288, 0, 24), (12, 1)): Cells(lut4=93, carry=32, ff=272, dsp=2),
    ("IntegerLIF", (12, 1, 5, 16, 0, 12), (12, 2)): Cells(lut4=40, carry=23, ff=159, dsp=0),
    ("IntegerLIF", (16, 0, 12, -1, 0, 16), (16, 10)): Cells(lut4=154, carry=36, ff=412, dsp=1),
    ("IntegerLIF", (16, 0, 12, 0, 0, 16), (16, 1)): Cells(lut4=97, carry=17, ff=295, dsp=1),
    ("IntegerLIF", (16, 0, 12, 2048, 0, 16), (16, 8)): Cells(lut4=137, carry=30, ff=359, dsp=1),
    ("IntegerLIF", (16, 0, 16, 32768, 0, 16), (16, 2)): Cells(lut4=105, carry=26, ff=309, dsp=1),
    ("IntegerLIF", (16, 0, 16, 32768, 0, 16), (16, 5)): Cells(lut4=79, carry=29, ff=336, dsp=1),
    ("IntegerLIF", (16, 0, 20, 524288, 0, 24), (16, 1)): Cells(lut4=76, carry=38, ff=328, dsp=2),
    ("IntegerLIF", (24, 0, 20, 524288, 0, 24), (24, 1)): Cells(lut4=98, carry=66, ff=440, dsp=4),
    ("Loihi", (0, 0), (25, 24)): Cells(lut4=75, carry=110, ff=982, dsp=4),
    ("Loihi", (0, 1), (25, 24)): Cells(lut4=80, carry=120, ff=1199, dsp=4),
    ("Loihi", (1, 0), (24, 24, 6)): Cells(lut4=207, carry=147, ff=1802, dsp=4),
    ("SpiNNaker", (0, 0), (32, 32, 32, 17)): Cells(lut4=155, carry=348, ff=6160, dsp=24),
    ("SpiNNaker", (0, 1), (32, 32, 32, 17)): Cells(lut4=243, carry=384, ff=6948, dsp=24),
    ("SpiNNaker", (1, 0), (32, 32, 32, 17)): Cells(lut4=182, carry=458, ff=8496, dsp=32),
    ("SpiNNaker", (1, 1), (32, 32, 32, 17)): Cells(lut4=267, carry=494, ff=9284, dsp=32),
    ("TrueNorth", (9, 0, 0, 0), (9,)): Cells(lut4=72, carry=39, ff=337, dsp=0),
    ("TrueNorth", (20, 1, 0, 0), (20,)): Cells(lut4=185, carry=80, ff=704, dsp=0),
    ("TrueNorth", (32, 0, 0, 0), (32,)): Cells(lut4=174, carry=120, ff=1082, dsp=0),
    ("TrueNorth", (32, 0, 0, 1), (32,)): Cells(lut4=209, carry=120, ff=1082, dsp=0),
    ("TrueNorth", (32, 2, 0, 0), (32,)): Cells(lut4=177, carry=152, ff=1082, dsp=0),
    ("TrueNorth", (32, 2, 1, 0), (32,)): Cells(lut4=177, carry=152, ff=1114, dsp=0),
}


def key(neuron: IntegerNeuron) -> Key:
    """Kind, modes and widths of the states."""
    widths = tuple(field.width for field in neuron.state.values())
    return type(neuron).__name__, neuron.modes, widths


def measure(neuron: IntegerNeuron) -> Cells:
    """Synthesise the datapath of a neuron.

    Raises
    ------
    RuntimeError
        Yosys is missing, is too old or fails.
    """
    text = rtlil.convert(Pipeline(datapath(neuron)), name="top", emit_src=False)
    with tempfile.TemporaryDirectory(prefix="rheobase-") as name:
        folder = Path(name)
        fpga.synthesise(text, fpga.TARGETS[TARGET], folder)
        found = fpga.cells(folder)
    return Cells(*(found[sort] for sort in Cells._fields))
