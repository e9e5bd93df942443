"""Schematics show what the netlist says: every device, its nets, and no branch upside down."""

import re
from collections import Counter
from itertools import pairwise

import pytest

from rheobase.analog import schematic
from rheobase.analog.cells.cell import Cell, Size
from rheobase.analog.cells.comparator import Comparator
from rheobase.analog.cells.ota import OTA
from rheobase.analog.cells.refractory_pulse import RefractoryPulse
from rheobase.analog.cells.reset_switch import ResetSwitch
from rheobase.analog.technology import generic180

WIDE, LONG = Size(3e-6, 1e-6), Size(0.5e-6, 7e-6)
CELLS = {
    "ota": lambda: OTA("ota", generic180, WIDE, LONG),
    "comparator": lambda: Comparator("comparator", generic180, WIDE, LONG, LONG),
    "pulse": lambda: RefractoryPulse("pulse", generic180, 0.5e-12, LONG),
    "reset": lambda: ResetSwitch("reset", generic180, WIDE),
}


def written(cell: Cell) -> Counter[str]:
    """The texts of the drawing."""
    svg = schematic.svg(cell)
    return Counter(re.findall(r">([^<>\n]+)</(?:tspan|text)>", svg))


@pytest.mark.parametrize("name", CELLS)
def test_every_device_stands_with_its_size_and_every_pin_with_its_net(name: str) -> None:
    cell = CELLS[name]()
    texts = written(cell)
    for element in cell.elements:
        nets = [str(pin.node) for pin in element.pins]
        if element.name.startswith("C"):
            assert texts[element.name] == 1
            assert texts["500 fF"] == 1
            continue
        assert texts[element.name.removeprefix("X")] >= 1
        w, l = (element.parameters[key] * 1e6 for key in "wl")  # noqa: E741
        assert texts[f"{w:.3g}/{l:.3g}"] >= 1
        for net in set(nets) - {"0"}:
            assert texts[net] >= 1, net


def test_a_gate_on_another_net_shows() -> None:
    class Crossed(OTA):
        def nmos(self, name: str, drain: str, gate: str, source: str, size: Size) -> None:
            super().nmos(name, drain, "plus" if name == "minus" else gate, source, size)

    crossed, right = written(Crossed("ota", generic180, WIDE, LONG)), written(CELLS["ota"]())
    assert crossed - right == Counter({"plus": 1})
    assert right["minus"] - crossed["minus"] == 1


@pytest.mark.parametrize("name", CELLS)
def test_current_runs_down(name: str) -> None:
    transistors = schematic._transistors(CELLS[name]())
    heights = schematic._heights(transistors)
    count = schematic._columns(transistors, heights)
    assert all(heights[t.upper] > heights[t.lower] for t in transistors)
    assert {t.column for t in transistors} == set(range(count))
    for column in range(count):
        branch = [t for t in transistors if t.column == column]
        branch.sort(key=lambda t: -heights[t.upper])
        assert all(a.lower == b.upper for a, b in pairwise(branch))
