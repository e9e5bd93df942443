"""What a prediction returns, as a table with units, as JSON in SI values, and as a plot."""

import json
import os
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...models.units import show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 50  # of a table; JSON has all
_PREFIXED = {"V", "s", "Hz", "A", "F"}


@dataclass(frozen=True, eq=False)
class Column:
    """One quantity: `values`, shape (rows,), numbers in SI units or words."""

    name: str
    unit: str
    values: Any
    plotted: bool = True


@dataclass(frozen=True, eq=False)
class Result:
    """Outputs for each of the inputs, and `facts` (one value each) that hold for all of them."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    facts: tuple[Column, ...] = ()
    log: bool = False  # the first input, in a plot
    curve: bool = True  # whether a plot joins the rows

    def __post_init__(self) -> None:
        rows = {len(column.values) for column in (*self.inputs, *self.outputs)}
        if len(rows) != 1:
            raise ValueError(f"columns must be of one length, not {sorted(rows)}")


def _cell(value: Any, unit: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if value is None:
        return "-"
    if unit in _PREFIXED:
        return show(float(value), unit, 6)
    return f"{float(value):.6g} {unit}".rstrip()


def table(result: Result) -> str:
    """A table for people: 6 digits, at most `ROWS` rows."""
    lines = [f"{fact.name}: {_cell(fact.values, fact.unit)}" for fact in result.facts]
    columns = (*result.inputs, *result.outputs)
    count = len(columns[0].values)
    rows = np.linspace(0, count - 1, min(count, ROWS)).round().astype(int)
    cells = [[c.name, *(_cell(c.values[k], c.unit) for k in rows)] for c in columns]
    widths = [max(map(len, column)) for column in cells]
    for row in zip(*cells, strict=True):
        lines.append("  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)))
    if count > ROWS:
        lines.append(f"({ROWS} of {count} rows; --json has all)")
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    """A value as JSON knows it: null for what is not finite."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    return float(value) if isfinite(value) else None


def to_json(prediction: str, result: Result) -> str:
    """All values in SI units, each with its unit; null for what is infinite or no number."""
    return json.dumps(
        {
            "prediction": prediction,
            "facts": {f.name: {"unit": f.unit, "value": _plain(f.values)} for f in result.facts},
            "columns": {
                c.name: {"unit": c.unit, "values": [_plain(value) for value in c.values]}
                for c in (*result.inputs, *result.outputs)
            },
        },
        allow_nan=False,
    )


def plot(result: Result, path: Path) -> None:
    """Outputs against the first input that varies, a panel for each unit."""
    from matplotlib.figure import Figure

    if not len(result.inputs[0].values):
        raise ValueError("--plot: there is nothing to draw")
    panels: dict[str, list[Column]] = {}
    for column in result.outputs:
        if column.plotted:
            panels.setdefault(column.unit, []).append(column)
    x = next((c for c in result.inputs if len({*c.values}) > 1), result.inputs[0])
    apart = not result.curve or isinstance(x.values[0], str)
    line = "o" if apart else "-o" if len(x.values) < 40 else "-"
    figure = Figure(figsize=(6, 1.2 + 2.8 * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axes, (unit, columns) in zip(all_axes, panels.items(), strict=True):
        for column in columns:
            values = np.array([np.nan if v is None else v for v in column.values], float)
            axes.plot(x.values, values, line, ms=4, label=column.name)
        names = ", ".join(column.name for column in columns)
        axes.set_ylabel(f"{names} ({unit})" if unit else names)
        if len(columns) > 1:
            axes.legend()
    all_axes[-1].set_xlabel(f"{x.name} ({x.unit})" if x.unit else x.name)
    if result.log and x is result.inputs[0]:
        all_axes[-1].set_xscale("log")
    save(figure, path)


def save(figure: "Figure", path: Path) -> None:
    """Write a figure, whole or not at all."""
    draft = path.with_name(f".{os.getpid()}.{path.name}")  # the suffix names the format
    try:
        figure.savefig(draft)
        os.replace(draft, path)
    except OSError as error:
        raise OSError(f"cannot write the plot to {path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
