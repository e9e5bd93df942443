"""The figures of the report: curves in, inline SVG out."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..models.units import show
from .findings import Curve

COLOUR = {"theory": "#222222", "reference": "#1b7837", "rtl": "#2166ac", "spice": "#b2182b"}
_BLOCKS = ("#a6cee3", "#fdbf6f", "#b2df8a")
MARKER = {"theory": "", "reference": "o", "rtl": "s", "spice": "^"}
_SCATTERED = ("rates", "closed loop")  # leave no room for a legend, so it gets its own
_LINE = 0.11  # of a panel's height, for a line of it
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rheobase",
    "text.parse_math": False,  # names are the user's: $ is a dollar
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


def svg(figure: Figure) -> str:
    """The figure as text to be put into a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    return re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", text, count=1)


def _labels(axes: Axes, curve: Curve) -> None:
    axes.set_xlabel(curve.x_label)
    axes.set_ylabel(curve.y_label)


def _draw(axes: Axes, curve: Curve, shade: float) -> None:
    """Predictions and traces as lines, measurements as markers; `shade` sets settings apart."""
    label = f"{curve.substrate}, {curve.setting}" if curve.setting else curve.substrate
    colour = COLOUR[curve.substrate]
    if curve.kind == "predicted":
        label += " (predicted)"
        axes.plot(curve.x, curve.y, color=colour, lw=1.3, alpha=shade, zorder=3, label=label)
    elif "trace" in curve.figure:
        axes.plot(curve.x, curve.y, color=colour, lw=0.9, alpha=shade, label=label)
    else:
        fill = colour if shade == 1 else "none"
        size = 1.8 if len(curve.x) > 100 else 5 if curve.substrate != "spice" else 7
        axes.plot(
            curve.x, curve.y, MARKER[curve.substrate] or "-", color=colour, ms=size, mfc=fill,
            alpha=0.85, label=label,
        )  # fmt: skip


def _panel(axes: Axes, curves: list[Curve], title: str) -> None:
    settings: dict[str, list[str]] = {}
    for curve in curves:
        seen = settings.setdefault(curve.substrate, [])
        if curve.setting not in seen:
            seen.append(curve.setting)
        _draw(axes, curve, 1.0 if seen.index(curve.setting) == 0 else 0.6)
    _labels(axes, curves[0])
    axes.set_title(title, loc="left", fontsize=9)
    if curves[0].figure in _SCATTERED:
        low, high = axes.get_ylim()
        lines = len(axes.get_legend_handles_labels()[1])
        axes.set_ylim(low, high + _LINE * lines * (high - low))
        axes.legend(loc="upper left")
    else:
        axes.legend()


def _by(curves: list[Curve], key: Callable[[Curve], str]) -> dict[str, list[Curve]]:
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(key(curve), []).append(curve)
    return groups


def _grid(panels: dict[str, list[Curve]], columns: int, size: tuple[float, float]) -> str:
    """Panels of `size` inches each; margins are set by hand, which is twice as fast as fitting."""
    rows = -(-len(panels) // columns)
    columns = min(columns, len(panels))
    width, height = size[0] * columns, size[1] * rows
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    figure.subplots_adjust(
        left=0.7 / width, right=1 - 0.1 / width, bottom=0.5 / height, top=1 - 0.3 / height,
        wspace=0.75 / (size[0] - 0.75), hspace=0.8 / (size[1] - 0.8),
    )  # fmt: skip
    for axes, (title, group) in zip(grid, panels.items(), strict=False):
        _panel(axes, group, title)
    for axes in grid[len(panels) :]:
        axes.remove()
    return svg(figure)


def _raster(curves: list[Curve]) -> str:
    figure = Figure(figsize=(8, 0.28 * len(curves) + 0.9), layout="constrained")
    axes = figure.subplots()
    names = []
    for row, curve in enumerate(curves):
        published = curve.kind == "predicted"
        colour = "#888888" if published else COLOUR[curve.substrate]
        axes.plot(curve.x, [row] * len(curve.x), "|", color=colour, ms=11, mew=1.8)
        names.append(curve.setting if published else f"{curve.substrate}, {curve.setting}")
    axes.set_yticks(range(len(curves)), names)
    axes.invert_yaxis()
    axes.set_xlabel(curves[0].x_label)
    return svg(figure)


def _spikes(curves: list[Curve]) -> str:
    """The spikes of populations, whose neurons have numbers of their own."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    for curve in curves:
        colour = COLOUR[curve.substrate]
        axes.plot(curve.x, curve.y, "|", color=colour, ms=4, label=_alone(curve))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _labels(axes, curves[0])
    figure.legend(loc="outside upper center", ncols=2)
    return svg(figure)


def _energy(curves: list[Curve]) -> str:
    """A bar for each setting, of its blocks end to end, each bar in shares of its total."""
    bars = _by(curves, lambda c: c.setting)
    figure = Figure(figsize=(8, 0.45 * len(bars) + 1.1), layout="constrained")
    axes = figure.subplots()
    axes.grid(axis="y", visible=False)
    names = []
    for row, (setting, blocks) in enumerate(bars.items()):
        total = sum(float(block.y[0]) for block in blocks)
        start = 0.0
        for block, colour in zip(blocks, _BLOCKS, strict=True):
            share = 100 * float(block.y[0]) / total
            label = "" if row else block.stimulus
            axes.barh(row, share, left=start, color=colour, height=0.6, label=label)
            if share > 12:
                text = show(float(block.y[0]), "J", 3)
                axes.text(start + share / 2, row, text, ha="center", va="center", fontsize=8)
            start += share
        names.append(f"{setting}: {show(total, 'J', 3)}")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("share of the energy of an interspike interval (%)")
    figure.legend(loc="outside upper center", ncols=len(_BLOCKS))
    return svg(figure)


def _alone(curve: Curve) -> str:
    return f"{curve.stimulus}: {curve.substrate}, {curve.setting}"


def _together(curve: Curve) -> str:
    return curve.stimulus


# figure: (caption, what shares a panel, panels side by side, inches of a panel)
_PANELS: dict[str, tuple[str, Callable[[Curve], str], int, tuple[float, float]]] = {
    "f-I": ("f-I curves of all substrates, per biological second", lambda c: "", 1, (8, 4.8)),
    "rates": (
        "Rates of the populations: measured for each seed, and predicted", _together, 2, (5, 3),
    ),
    "closed loop": (
        "Rates of the populations in each piece of the run, and predicted", _together, 2, (5, 3),
    ),
    "isi": ("Inter-spike intervals: measured, and the predicted distribution", _alone, 3, (4, 2.6)),
    "leak": (
        "Current of the leak into the membrane: measured, and the linear leak with the same slope",
        _alone, 2, (5, 3),
    ),
    "density": (
        "Membrane density: measured, and the stationary Fokker-Planck one", _together, 2, (5, 3),
    ),
    "psth": (
        "Rate of a population after a release from v_reset and a step of its noise: measured,"
        " the prediction for each substrate, and the Fokker-Planck equation of the ideal neuron",
        _together, 1, (9, 3.6),
    ),
    "own trace": ("Membrane traces, each in its own units", _alone, 2, (5.5, 2.4)),
    "common trace": ("The same traces on one dimensionless axis", _together, 1, (9, 2.8)),
}  # fmt: skip


def draw(curves: list[Curve]) -> dict[str, list[tuple[str, str]]]:
    """All figures of a run.

    Returns
    -------
    dict of str to list of (caption, svg)
        Per experiment, in the order in which they are shown.
    """
    drawn: dict[str, list[tuple[str, str]]] = {}
    with matplotlib.rc_context(_STYLE):
        for experiment, mine in _by(curves, lambda c: c.experiment).items():
            found = drawn.setdefault(experiment, [])
            for figure, group in _by(mine, lambda c: c.figure).items():
                if figure == "raster":
                    found.append(("Output spikes beside the published ones", _raster(group)))
                elif figure == "spikes":
                    found.append(("Spikes of the closed loop", _spikes(group)))
                elif figure == "energy":
                    caption = (
                        "Energy of the transistors by block, at 1.5 rheobases, mirrors included"
                    )
                    found.append((caption, _energy(group)))
                else:
                    caption, shared, columns, size = _PANELS[figure]
                    found.append((caption, _grid(_by(group, shared), columns, size)))
    return drawn
