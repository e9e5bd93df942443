"""Draw a cell from its netlist: what one sees is what ngspice is given.

Current runs down the page. Every net has a height, its longest way from ground through channels;
a transistor stands between the heights of its drain and its source, in the column of the branch
that it belongs to, and a net that joins branches is a line across. Gates and pins carry the names
of their nets; a diode is wired. Capacitors hang on their nets, other cells are boxes.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal

import schemdraw
from schemdraw import elements as symbols

from .cells.cell import Cell

GROUND, SUPPLY = "0", "vdd"
LENGTH = 1.5  # of a transistor, in units of schemdraw
UNIT = 2.2  # from net to net
PITCH = 3.8  # from branch to branch


@dataclass
class _Transistor:
    """A transistor between its upper and its lower net, and the column where it stands."""

    name: str
    kind: str  # "n" or "p"
    upper: str
    lower: str
    gate: str
    label: str
    column: int = -1


def svg(cell: Cell) -> str:
    """The schematic of a cell as an SVG image."""
    image: bytes = _drawing(cell).get_imagedata("svg")
    return image.decode("utf-8")


def _drawing(cell: Cell) -> schemdraw.Drawing:
    transistors = _transistors(cell)
    heights = _heights(transistors)
    columns = _columns(transistors, heights)
    drawing = schemdraw.Drawing(canvas="svg", show=False, fontsize=9, lw=1.2)
    places: dict[str, list[float]] = defaultdict(list)  # of each net: where it meets a column
    for transistor in transistors:
        x = transistor.column * PITCH
        _draw_transistor(drawing, transistor, x, heights)
        for net in (transistor.upper, transistor.lower):
            places[net].append(x)
    for net, xs in places.items():
        _draw_net(drawing, net, xs, heights[net] * UNIT)
    _draw_others(drawing, cell, {t.name for t in transistors}, columns * PITCH)
    return drawing


def _transistors(cell: Cell) -> list[_Transistor]:
    found = []
    for element in cell.elements:
        model = getattr(element, "subcircuit_name", None)
        if model not in (cell.technology.nmos, cell.technology.pmos):
            continue
        drain, gate, source, _ = (str(pin.node) for pin in element.pins)
        if drain == source:  # no channel to draw: a capacitor
            continue
        name = element.name.removeprefix("X")
        kind = "n" if model == cell.technology.nmos else "p"
        upper, lower = (drain, source) if kind == "n" else (source, drain)
        found.append(_Transistor(name, kind, upper, lower, gate, _size(cell, element)))
    return found


def _size(cell: Cell, element: Any) -> str:
    """Width and length of a transistor of PySpice in um."""
    micro = cell.technology.length_unit * 1e6
    return "/".join(f"{element.parameters[key] * micro:.3g}" for key in "wl")


def _heights(transistors: list[_Transistor]) -> dict[str, int]:
    """Rows of the nets: the longest way down, in transistors; the supply is above all."""
    heights = {net: 0 for t in transistors for net in (t.upper, t.lower)}
    for _ in heights:
        for t in transistors:
            heights[t.upper] = max(heights[t.upper], heights[t.lower] + 1)
    if SUPPLY in heights:
        heights[SUPPLY] = max(*heights.values(), 2)
        ends = set(heights) - {t.upper for t in transistors} - {GROUND}
        for net in ends:  # what only the supply feeds
            heights[net] = min(heights[t.upper] for t in transistors if t.lower == net) - 1
    return heights


def _columns(transistors: list[_Transistor], heights: dict[str, int]) -> int:
    """Put the transistors of a branch below each other; how many branches there are."""
    left, column = list(transistors), 0
    while left:
        branch = max(left, key=lambda t: heights[t.upper])
        while True:
            branch.column = column
            left.remove(branch)
            below = [t for t in left if t.upper == branch.lower and t.upper != GROUND]
            if not below:
                break
            branch = below[0]
        column += 1
    return column


def _draw_transistor(
    drawing: schemdraw.Drawing, t: _Transistor, x: float, heights: dict[str, int]
) -> None:
    top, bottom = heights[t.upper] * UNIT, heights[t.lower] * UNIT
    middle = (top + bottom) / 2
    symbol = symbols.NFet if t.kind == "n" else symbols.PFet
    upper = "drain" if t.kind == "n" else "source"
    placed = drawing.add(symbol().theta(0).reverse().anchor(upper).at((x, middle + LENGTH / 2)))
    drawing.add(symbols.Line().at((x, top)).to((x, middle + LENGTH / 2)))
    drawing.add(symbols.Line().at((x, middle - LENGTH / 2)).to((x, bottom)))
    _write(drawing, (x + 0.15, middle), f"{t.name}\n{t.label}", "left")
    gate = tuple(placed.absanchors["gate"])
    if t.gate in (t.upper, t.lower):  # a diode
        y = top if t.gate == t.upper else bottom
        drawing.add(symbols.Line().at(gate).to((gate[0], y)))
        drawing.add(symbols.Line().at((gate[0], y)).to((x, y)))
        drawing.add(symbols.Dot(radius=0.06).at((x, y)))
    else:
        _write(drawing, (gate[0] - 0.1, gate[1]), t.gate, "right")


def _draw_net(drawing: schemdraw.Drawing, net: str, xs: list[float], y: float) -> None:
    if net == GROUND:
        for x in sorted(set(xs)):
            drawing.add(symbols.Ground().theta(0).at((x, y)))
        return
    left, right = min(xs), max(xs)
    if net == SUPPLY:
        left, right = left - 0.4, right + 0.4
    if right > left:
        drawing.add(symbols.Line().at((left, y)).to((right, y)))
        for x in sorted(set(xs)) if net != SUPPLY else ():
            drawing.add(symbols.Dot(radius=0.06).at((x, y)))
    _write(drawing, (right + 0.1, y), net, "left")


def _draw_others(drawing: schemdraw.Drawing, cell: Cell, drawn: set[str], x: float) -> None:
    """What is not yet `drawn`: capacitors, sources and cells, with the names of their nets."""
    for element in cell.elements:
        model = getattr(element, "subcircuit_name", None)
        if element.name.removeprefix("X") in drawn:
            continue
        nets = [str(pin.node) for pin in element.pins]
        gate = model in (cell.technology.nmos, cell.technology.pmos)  # as a capacitor
        if gate or element.name.startswith("C"):
            drawing.add(symbols.Capacitor().at((x, UNIT)).to((x, 0)))
            value = _size(cell, element) if gate else f"{float(element.capacitance) * 1e15:.4g} fF"
            name = element.name.removeprefix("X")
            _write(drawing, (x + 0.4, UNIT / 2), f"{name}\n{value}", "left")
            _write(drawing, (x + 0.1, UNIT), nets[0], "left")
            if nets[1] == GROUND:
                drawing.add(symbols.Ground().theta(0).at((x, 0)))
            else:
                _write(drawing, (x + 0.1, 0), nets[1], "left")
        else:
            text = "\n".join([f"{element.name}: {model}", *nets])
            _write(drawing, (x, UNIT), text, "left")
        x += PITCH


def _write(
    drawing: schemdraw.Drawing,
    at: tuple[float, float],
    text: str,
    align: Literal["left", "right"],
) -> None:
    label = symbols.Label().theta(0).at(at)
    drawing.add(label.label(text, loc="center", ofst=0, halign=align, valign="center"))
