"""``rheobase technology``: what a technology's transistors are below threshold, and how alike.

All figures are extracted by simulation, so that a process design kit is described in the same terms
as our own card; `rheobase.analog.subthreshold` and `rheobase.analog.matching` say how.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analog import pdk
from ..analog.matching import SIDES, Matching, matching
from ..analog.subthreshold import (
    SQUARE,
    TEMPERATURES,
    Drift,
    Transistor,
    drift,
    efficiency,
    transfer,
    transistor,
)
from ..analog.technology import Technology, generic180
from ..models.units import show
from .doctor import require
from .theory.result import save

_COLOUR = {"n": "#2166ac", "p": "#b2182b"}


@dataclass(frozen=True)
class Extracted:
    """The figures of one kind of transistor."""

    transistor: Transistor
    drift: Drift
    matching: Matching


def named(name: str) -> Technology:
    """A technology by its name.

    Raises
    ------
    ValueError
        There is none of that name, or its kit is not where ``PDK_ROOT`` leads.
    """
    known = {"generic180": lambda: generic180, **pdk.KITS}
    if name not in known:
        raise ValueError(f"technology must be one of {', '.join(known)}, not {name!r}")
    return known[name]()


def extract(technology: Technology) -> dict[str, Extracted]:
    """All figures of the nMOS (``n``) and the pMOS (``p``)."""
    return {
        kind: Extracted(
            transistor(technology, kind), drift(technology, kind), matching(technology, kind)
        )
        for kind in ("n", "p")
    }


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    technology = named(args.name)
    require("libngspice", "rheobase technology")
    found = extract(technology)
    if args.plot is not None:
        plot(technology, found, args.plot)
    print(to_json(technology, found) if args.json else table(technology, found))
    return 0


def table(technology: Technology, found: dict[str, Extracted]) -> str:
    """The figures, one a line, nMOS beside pMOS."""

    def volts(value: float) -> str:
        return f"{1e3 * value:.1f} mV"

    def coefficient(value: float, error: float, scale: float, unit: str) -> str:
        return f"{scale * value:.2f} +- {scale * error:.2f} {unit}"

    rows = [("", "nMOS", "pMOS")]
    for name, cell in (
        ("slope factor n, 10 pA to 1 nA", lambda e: f"{e.transistor.n:.3f}"),
        ("slope factor, least", lambda e: f"{e.transistor.n_0:.3f}"),
        ("technology current I0", lambda e: show(e.transistor.i0, "A", 3)),
        ("threshold V_T", lambda e: volts(e.transistor.v_th)),
        ("V_GS at 1 nA", lambda e: volts(e.transistor.v_1)),
        ("dV_T/dT", lambda e: f"{1e3 * e.drift.v_th:.2f} mV/K"),
        ("dV_GS/dT at 1 nA", lambda e: f"{1e3 * e.drift.v_1:.2f} mV/K"),
        ("current at V_GS = 0", lambda e: show(e.transistor.i_off, "A", 3)),
        (
            "bias of a square gate",
            lambda e: f"{show(e.transistor.least, 'A', 2)} .. {show(e.transistor.most, 'A', 2)}",
        ),
        ("Early voltage, L = 2 um", lambda e: f"{e.transistor.early:.0f} V"),
        ("A_VT", lambda e: coefficient(e.matching.a_vt, e.matching.a_vt_error, 1e9, "mV um")),
        ("A_K", lambda e: coefficient(e.matching.a_k, e.matching.a_k_error, 1e8, "% um")),
    ):
        rows.append((name, cell(found["n"]), cell(found["p"])))
    head = (
        f"{technology.name}, corner {technology.corner}, {technology.temperature:g} C,"
        f" supply {technology.supply:g} V, W = L = {1e6 * SQUARE.l:g} um"
    )
    return "\n".join([head, *(f"{name:32}{n:>20}{p:>20}" for name, n, p in rows)])


def to_json(technology: Technology, found: dict[str, Extracted]) -> str:
    """All figures in SI units."""
    numbers = {
        kind: {
            "n": each.transistor.n,
            "n_0": each.transistor.n_0,
            "i0": each.transistor.i0,
            "v_th": each.transistor.v_th,
            "v_1": each.transistor.v_1,
            "v_th_drift": each.drift.v_th,
            "v_1_drift": each.drift.v_1,
            "i_off": each.transistor.i_off,
            "least_bias": each.transistor.least,
            "most_bias": each.transistor.most,
            "early": each.transistor.early,
            "a_vt": each.matching.a_vt,
            "a_vt_error": each.matching.a_vt_error,
            "a_k": each.matching.a_k,
            "a_k_error": each.matching.a_k_error,
        }
        for kind, each in found.items()
    }
    return json.dumps(
        {
            "technology": technology.name,
            "corner": technology.corner,
            "temperature": technology.temperature,
            "transistors": numbers,
        }
    )


def plot(technology: Technology, found: dict[str, Extracted], path: Path) -> None:
    """Transfer curves, efficiency, temperature and Pelgrom's law, each with its equation."""
    figure = Figure(figsize=(9, 7), layout="constrained")
    figure.suptitle(f"{technology.name}, {technology.corner}")
    draws = (_transfer, _efficiency, _temperature, _pelgrom)
    for axes, draw in zip(figure.subplots(2, 2).ravel(), draws, strict=True):
        for kind, each in found.items():
            draw(axes, technology, kind, each)
        axes.legend(fontsize=8)
        axes.grid(alpha=0.25)
    save(figure, path)


def _transfer(axes: Axes, technology: Technology, kind: str, found: Extracted) -> None:
    v, i = transfer(technology, kind)
    each, colour = found.transistor, _COLOUR[kind]
    axes.semilogy(v, i, color=colour, label=f"{kind}MOS")
    currents = np.geomspace(each.i_off, each.i0, 50)
    law = [each.gate_voltage(float(current), SQUARE) for current in currents]
    axes.semilogy(law, currents, "--", color=colour, lw=0.9, label="exp(V_GS/(n U_T))")
    axes.set_xlabel("|V_GS| (V)")
    axes.set_ylabel("current of a square gate (A)")


def _efficiency(axes: Axes, technology: Technology, kind: str, found: Extracted) -> None:
    v, i = transfer(technology, kind)
    each = found.transistor
    shown = i > 1e-6 * each.i0
    measured = efficiency(technology, v, i)[shown] * each.n_0
    axes.semilogx(i[shown] / each.i0, measured, color=_COLOUR[kind], label=f"{kind}MOS")
    if kind == "p":
        coefficient = np.geomspace(1e-6, 100, 100)
        ekv = 1 / (0.5 + np.sqrt(0.25 + coefficient))
        axes.semilogx(coefficient, ekv, "--", color="#222222", lw=0.9, label="EKV")
    axes.set_xlabel("inversion coefficient I/(I0 W/L)")
    axes.set_ylabel("g_m n_0 U_T/I")


def _temperature(axes: Axes, technology: Technology, kind: str, found: Extracted) -> None:
    temperatures = np.linspace(*TEMPERATURES, 5)
    at = [transistor(replace(technology, temperature=float(t)), kind) for t in temperatures]
    colour = _COLOUR[kind]
    axes.plot(temperatures, [each.v_th for each in at], "o-", color=colour, label=f"V_T, {kind}MOS")
    axes.plot(temperatures, [each.v_1 for each in at], "s--", color=colour, label="V_GS at 1 nA")
    axes.set_xlabel("temperature (C)")
    axes.set_ylabel("voltage (V)")


def _pelgrom(axes: Axes, technology: Technology, kind: str, found: Extracted) -> None:
    each, colour = found.matching, _COLOUR[kind]
    inverse = 1e-6 / np.array(SIDES)
    deviations = 1e3 * np.array(each.deviations)
    error = deviations / np.sqrt(2 * each.pairs)
    axes.errorbar(inverse, deviations, error, fmt="o", color=colour, label=f"{kind}MOS")
    ends = np.array([0.0, inverse.max()])
    axes.plot(ends, 1e9 * each.a_vt * ends, "--", color=colour, lw=0.9, label="A_VT/sqrt(W L)")
    axes.set_xlabel("1/sqrt(W L) (1/um)")
    axes.set_ylabel("sd of dV_T of pairs (mV)")
