"""A run on paper: HTML page, JUnit XML, Markdown summary, JSON and npz, and the printed table."""

import json
import math
import os
import platform
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import asdict
from importlib import metadata, resources
from pathlib import Path
from typing import Any, TextIO

import jinja2
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..models.units import show
from . import figures
from .budget import Check, Point
from .findings import Row
from .verify import Run

PACKAGES = ("rheobase", "amaranth", "cocotb", "numba", "numpy", "PySpice", "scipy")


def number(value: float, unit: str, digits: int = 4) -> str:
    """A value in words: with a prefix for SI units, plainly for the rest."""
    if math.isnan(value):
        return "none"
    if unit in ("V", "s", "A", "Hz", "F", "C"):
        return show(value, unit, digits)
    return f"{value:.{digits}g} {unit}".strip()


def _terms(point: Point, unit: str, error_rate: float) -> str:
    """The terms of a budget, largest first; those below a fiftieth of it are only counted."""
    whole = point.width(error_rate)
    terms = sorted(point.terms, key=lambda t: -t.width(error_rate))
    large = [t for t in terms if t.width(error_rate) >= 0.02 * whole > 0]
    words = [f"{t.kind}: {t.name} ±{number(t.width(error_rate), unit, 3)}" for t in large]
    if len(large) < len(terms):
        words.append(f"{len(terms) - len(large)} smaller")
    return "; ".join(words) if whole > 0 else "exact"


def verdict_row(check: Check, error_rate: float) -> dict[str, str]:
    """A check in words: its worst point and the verdict."""
    point, unit = check.worst(error_rate), check.unit
    more = f" (worst of {len(check.points)})" if len(check.points) > 1 else ""
    p = point.p_value
    return {
        "experiment": check.experiment,
        "stimulus": check.stimulus,
        "substrate": f"{check.substrate}, {check.setting}" if check.setting else check.substrate,
        "observable": check.observable,
        "at": point.at + more,
        "measured": number(point.measured, unit, 6),
        "predicted": number(point.predicted, unit, 6),
        "budget": "±" + number(point.width(error_rate), unit, 2),
        "terms": _terms(point, unit, error_rate),
        "p": "" if p is None else f"{p:.2g}",
        "verdict": check.verdict(error_rate),
    }


def _percent(change: float, ideal: float) -> str:
    return f"{100 * change / ideal:+.3g} %" if ideal else ""


def _explanations(run: Run) -> list[dict[str, Any]]:
    rows = []
    for e in run.findings.explanations:
        causes = [
            {
                "name": c.name,
                "size": c.size,
                "change": number(c.change, e.unit),
                "percent": _percent(c.change, e.ideal),
            }
            for c in e.causes
        ]
        head = f"{e.experiment}, {e.stimulus}: {e.observable} of {e.substrate}, {e.setting}"
        rows.append(
            {
                "head": head,
                "causes": causes,
                "ideal": number(e.ideal, e.unit),
                "predicted": number(e.predicted, e.unit),
                "measured": number(e.measured, e.unit),
                "unexplained": number(e.unexplained, e.unit),
                "unexplained_percent": _percent(e.unexplained, e.ideal),
            }
        )
    return rows


def _provenance(run: Run) -> dict[str, str]:
    def version(package: str) -> str:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return "not installed"

    seeds = {f"seeds of {e.name}": e.seeds for e in run.experiments}
    versions = {name: version(name) for name in PACKAGES}
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return {**versions, "machine": machine, **seeds, "run time": f"{run.seconds:.1f} s"}


def _html(run: Run, command: str) -> str:
    template = jinja2.Template(
        (resources.files(__package__) / "report.html").read_text(encoding="utf-8"), autoescape=True
    )
    found = run.findings
    rows = [verdict_row(c, run.error_rate) for c in found.checks]
    tables = (
        (
            "Dynamic range",
            "Drives over which the rate stays within the stated error of the ideal neuron,"
            " and the steps or swing of the state.",
            found.ranges,
        ),
        (
            "Rate in units of the membrane time constant",
            "rate * tau_m is the same in every time step and at every speed-up but for the"
            " explained causes.",
            found.scaling,
        ),
        (
            "Platforms",
            "The same neuron in the integers of each: what the input of a step and a held drive"
            " can span, how far the rate is from the ideal neuron's, and what an update costs.",
            found.platforms,
        ),
        ("What quantisation lost", "Wanted and realised parameters.", found.losses),
    )
    return template.render(
        verdict=run.verdict,
        counts=Counter(r["verdict"] for r in rows),
        confidence=run.confidence,
        experiments=run.experiments,
        figures=figures.draw(found.curves),
        pictures=found.pictures,
        verdicts=rows,
        explanations=_explanations(run),
        tables=tables,
        command=command,
        provenance=_provenance(run),
    )


def _junit(run: Run) -> str:
    rows = [(c, verdict_row(c, run.error_rate)) for c in run.findings.checks]
    failed = sum(row["verdict"] != "agree" for _, row in rows)
    suite = ElementTree.Element(
        "testsuite", name="rheobase verify", tests=str(len(rows)), failures=str(failed),
        errors="0", time=f"{run.seconds:.3f}",
    )  # fmt: skip
    for check, row in rows:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"{check.experiment}.{check.substrate}",
            name=f"{check.stimulus} / {check.setting} / {check.observable}",
        )  # fmt: skip
        text = f"measured {row['measured']}, predicted {row['predicted']} {row['budget']}"
        if row["verdict"] != "agree":
            failure = ElementTree.SubElement(case, "failure", message=row["verdict"])
            failure.text = f"at {row['at']}: {text} ({row['terms']})"
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def markdown(run: Run) -> str:
    """The table of verdicts for a CI summary."""
    lines = [f"## rheobase verify: {run.verdict}", ""]
    names = ["experiment", "stimulus", "substrate", "observable"]
    names += ["measured", "predicted", "budget", "verdict"]
    lines += ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for check in run.findings.checks:
        row = verdict_row(check, run.error_rate)
        cells = (row[n].replace("|", "\\|").replace("\n", " ") for n in names)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, *_platforms(run.findings.platforms)]) + "\n"


def _platforms(rows: list[Row]) -> list[str]:
    """The table of platforms in Markdown, if there is one."""
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    lines = ["", "### Platforms", "", "| experiment | setting | " + " | ".join(names) + " |"]
    lines.append("|" + "---|" * (len(names) + 2))
    for row in rows:
        cells = [row.experiment, row.setting, *(str(row.values.get(n, "")) for n in names)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def results(run: Run) -> dict[str, Any]:
    """Everything but the curves, as plain data."""
    rate = run.error_rate
    return {
        "verdict": run.verdict,
        "confidence": run.confidence,
        "seconds": run.seconds,
        "provenance": _provenance(run),
        "checks": [
            {
                **{k: v for k, v in asdict(c).items() if k != "points"},
                "verdict": c.verdict(rate),
                "points": [
                    {
                        **asdict(p),
                        "budget": p.width(rate),
                        "p_value": p.p_value,
                        "verdict": p.verdict(rate),
                    }
                    for p in c.points
                ],
            }
            for c in run.findings.checks
        ],
        "explanations": [
            {**asdict(e), "predicted": e.predicted, "unexplained": e.unexplained}
            for e in run.findings.explanations
        ],
        "dynamic_range": [asdict(r) for r in run.findings.ranges],
        "scaling": [asdict(r) for r in run.findings.scaling],
        "platforms": [asdict(r) for r in run.findings.platforms],
        "losses": [asdict(r) for r in run.findings.losses],
    }


def finite(value: Any) -> Any:
    """JSON knows no nan or infinity: None instead."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_json(run: Run) -> str:
    """`results` as JSON; what is not finite becomes null."""
    return json.dumps(finite(results(run)), indent=1)


def print_table(run: Run, file: TextIO | None = None) -> None:
    """The table of verdicts, on standard output unless a file is given."""
    table = Table(title=f"rheobase verify: {run.verdict}", title_justify="left")
    names = ("experiment", "stimulus", "substrate", "observable", "measured", "predicted")
    for name in (*names, "budget", "verdict"):
        table.add_column(name, overflow="fold")
    colour = {"agree": "green", "disagree": "red", "inconclusive": "yellow"}
    for check in run.findings.checks:
        row = verdict_row(check, run.error_rate)
        verdict = f"[{colour[row['verdict']]}]{row['verdict']}"
        table.add_row(*(escape(row[n]) for n in (*names, "budget")), verdict)
    console = Console(file=file)
    if not console.is_terminal:
        console = Console(file=file, width=160)
    console.print(table)
    if any(check.verdict(run.error_rate) == "inconclusive" for check in run.findings.checks):
        console.print(
            "inconclusive: the budget is wider than what [check] asks for; more spikes (of a"
            " network: seeds) make it narrower",
            markup=False, highlight=False,
        )  # fmt: skip


def require_writable(folder: Path) -> None:
    """Fail now, not after the run, if a folder cannot be written to; leaves no trace.

    Raises
    ------
    OSError
        Names the folder and the reason.
    """
    try:
        there = next(f for f in (folder, *folder.absolute().parents) if f.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise OSError(f"cannot write to {folder}: {error.strerror}") from None


def write(run: Run, folder: Path, command: str) -> Path:
    """Write the report's files into `folder`; all are complete before the first one appears.

    Returns
    -------
    Path
        The HTML page.
    """
    texts = {
        "report.html": _html(run, command),
        "junit.xml": _junit(run),
        "summary.md": markdown(run),
        "results.json": to_json(run),
    }
    arrays = {}
    for index, curve in enumerate(run.findings.curves):
        place = (curve.experiment, curve.figure, curve.stimulus, curve.substrate, curve.setting)
        name = f"{index:03d} " + ", ".join((*place, curve.kind))
        arrays[name] = np.array([np.asarray(curve.x, float), np.asarray(curve.y, float)])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rheobase-", dir=folder) as drafts:
        for name, text in texts.items():
            (Path(drafts) / name).write_text(text, encoding="utf-8")
        np.savez_compressed(Path(drafts) / "results.npz", allow_pickle=False, **arrays)
        for name in (*texts, "results.npz"):
            os.replace(Path(drafts) / name, folder / name)
    return folder / "report.html"
