"""From a patch-clamp recording to the report, on every substrate; and the files of a report."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rheobase.cosim import report
from rheobase.cosim.budget import Check, Point, Term
from rheobase.cosim.cli import main
from rheobase.cosim.experiment import load
from rheobase.cosim.findings import Cause, Curve, Explanation, Findings, Row
from rheobase.cosim.verify import Run

FILES = {"report.html", "junit.xml", "summary.md", "results.json", "results.npz"}

# A cortical cell's step current of 0.28 nA, after 0.1 s of the holding current: 2 x rheobase.
PATCH_CLAMP = """
title = "A recorded step"
source = "Blue Brain Project, BluePyEfe"

[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"
c_m = "140 pF"

[[stimulus]]
name = "IDrest"
kind = "recorded current"
file = "{}"
sweep = 3
start = "0.6 s"
stop = "1.1 s"

[reference]
dt = ["0.1 ms", "0.25 ms"]

[rtl]
dt = ["0.25 ms"]
width = 16
lsb = "0.78125 uV"
neurons = 8
icarus_steps = 600
"""
SPICE = '\n[spice]\ndt = "0.25 ms"\n'


def verified(folder: Path, text: str) -> tuple[int, Path]:
    """Exit code and report of ``rheobase verify``."""
    path = folder / "patch-clamp.toml"
    path.write_text(text)
    out = folder / "out"
    return main(["verify", str(path), "--quiet", "--output", str(out)]), out


def read(out: Path) -> Any:
    """``results.json``, which must be JSON: no NaN, no Infinity."""

    def refuse(literal: str) -> None:
        raise ValueError(f"{literal} is not JSON")

    text = (out / "results.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=refuse)


class Page(HTMLParser):
    """Collects what a page would load from elsewhere, and its ids, tables and figures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: Counter[str] = Counter()
        self.rows: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += 1
        if tag in ("script", "link", "iframe", "object", "embed", "base"):
            self.loads.append(tag)
        for name, value in attrs:
            value = value or ""
            if name in ("src", "srcset", "href", "xlink:href", "data") and value[:1] != "#":
                self.loads.append(value)
            self.loads += re.findall(r"url\((?!#)[^)]*\)", value)

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.loads += re.findall(r"url\([^)]*\)|@import.*", data)


@pytest.mark.parametrize(
    "fault",
    [
        '<img src="https://example.org/a.png">',
        '<link rel="stylesheet" href="#a">',
        '<svg><use xlink:href="other.svg#a"/></svg>',
        "<style>@import 'a.css';</style>",
        '<p style="background: url(a.png)">',
    ],
)
def test_a_page_that_loads_something_is_told(fault: str) -> None:
    assert Page(f"<html><body>{fault}</body></html>").loads


# ------------------------------------------------------------------ a recorded current


@pytest.fixture(scope="module")
def recording(shared: Path) -> Path:
    return shared / "data" / "ephys" / "bbp_idrest_steps.npz"


@pytest.fixture(scope="module")
def played(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the recording on all substrates; it agrees."""
    text = PATCH_CLAMP.format(recording) + SPICE
    code, out = verified(tmp_path_factory.mktemp("patch-clamp"), text)
    assert code == 0
    return out


def test_the_recording_reaches_twice_rheobase(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(PATCH_CLAMP.format(recording))
    experiment = load(path)
    drive = experiment.stimuli[0].stimulus.drive(experiment.neuron, 1e-4)  # type: ignore[union-attr]
    assert 2 < np.quantile(drive, 0.99) / experiment.neuron.v_th < 3
    assert abs(drive[:800]).max() < experiment.neuron.v_th / 4  # before the step
    assert len(drive) * 1e-4 == pytest.approx(0.5, abs=0.5e-3)


def test_every_substrate_plays_the_recording(played: Path) -> None:
    found = read(played)
    assert found["verdict"] == "agree"
    assert {c["substrate"] for c in found["checks"]} == {"reference", "rtl", "spice"}
    assert {c["verdict"] for c in found["checks"]} == {"agree"}
    arrays = np.load(played / "results.npz")
    rasters = {name: arrays[name][0] for name in arrays.files if ", raster, " in name}
    grids = {"theory": 1e-4, "reference": 1e-4, "rtl": 2.5e-4, "spice": 2.5e-4}
    trains = {
        substrate: rasters[next(n for n in rasters if f", {substrate}, " in n)] * dt
        for substrate, dt in grids.items()
    }
    count = len(trains["theory"])
    assert count > 30
    mean = np.diff(trains["theory"]).mean()
    for substrate, dt in grids.items():  # a spike is late by one time step at most
        assert abs(len(trains[substrate]) - count) <= np.ceil(count * dt / mean)
        assert np.diff(trains[substrate]).mean() == pytest.approx(mean, abs=dt)


def test_the_report_is_complete_and_stands_alone(played: Path) -> None:
    assert {file.name for file in played.iterdir()} == FILES
    checks = read(played)["checks"]
    page = Page((played / "report.html").read_text(encoding="utf-8"))
    assert page.loads == []
    assert page.tags["svg"] == page.tags["figure"] == 3 + 2 + 4  # traces; leak, energy; cells
    suite = ElementTree.parse(played / "junit.xml").getroot()
    assert suite.get("tests") == str(len(checks)) == str(len(suite.findall("testcase")))
    assert suite.get("failures") == "0"
    assert suite.find("testcase/failure") is None
    assert len(table(played)) == len(checks)


def table(out: Path) -> list[list[str]]:
    """Rows of the Markdown table."""
    lines = (out / "summary.md").read_text(encoding="utf-8").splitlines()
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1
    return rows[2:]


def test_csv_plays_like_npz(recording: Path, played: Path, tmp_path: Path) -> None:
    arrays = np.load(recording)
    columns = np.array([arrays["t"], arrays["i"][3].astype(float)]).T
    lines = ["t,i", *(f"{t!r},{i!r}" for t, i in columns.tolist())]
    (tmp_path / "step.csv").write_text("\n".join(lines) + "\n")
    code, out = verified(tmp_path, PATCH_CLAMP.format("step.csv"))
    assert code == 0
    digital = [c for c in read(played)["checks"] if c["substrate"] != "spice"]
    assert read(out)["checks"] == digital


# ------------------------------------------------------------------ a report's files

NASTY = "<b>a|b</b> $x$ [/red] & \"c\" 'd' \\ µ"


def run_of(*deviations: float) -> Run:
    """A made-up run, one check for each deviation from 1 Hz; budget 0.1 Hz, resolution 0.15 Hz."""
    checks = [
        Check(NASTY, NASTY, "rtl", "dt 1 ms", "rate", "Hz",
              (Point(NASTY, 1 + d, 1.0, (Term(NASTY, "numerical", 0.1),), 0.15),))
        for d in deviations
    ]  # fmt: skip
    x = np.arange(3.0)
    curve = Curve("f-I", NASTY, NASTY, "rtl", "dt 1 ms", "measured", x, x, "x", "y")
    cause = Cause(NASTY, NASTY, np.float64(0.1))
    explanation = Explanation(NASTY, NASTY, "rtl", "", "rate", "Hz", 1.0, (cause,), float("inf"))
    rows = [
        Row("e", "reference", "", {"in dB": "1"}),
        Row("e", "rtl", "", {"step": "2", "in dB": "3"}),
    ]
    return Run([], Findings(checks, [explanation], ranges=rows, curves=[curve]), 0.999, 1.0)


def test_every_verdict_reaches_every_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(0.0, 0.2, float("nan"), -0.05)
    out = tmp_path / "deep" / "out"
    report.write(run, out, "rheobase verify")
    assert {file.name for file in out.iterdir()} == FILES
    verdicts = ["agree", "disagree", "disagree", "agree"]
    found = read(out)
    assert found["verdict"] == "disagree"
    assert [c["verdict"] for c in found["checks"]] == verdicts
    assert [c["points"][0]["measured"] for c in found["checks"]] == [1.0, 1.2, None, 0.95]
    assert found["explanations"][0]["causes"][0]["change"] == 0.1
    assert found["explanations"][0]["unexplained"] is None
    suite = ElementTree.parse(out / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "2", "0")
    failures = [case.find("failure") for case in suite]
    assert [f is not None for f in failures] == [v != "agree" for v in verdicts]
    assert suite[0].get("name") == f"{NASTY} / dt 1 ms / rate"
    assert [row[-1].strip() for row in table(out)] == verdicts
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "<b>" not in text
    page = Page(text)
    assert page.loads == []
    ranges = text[text.index("<h2>Dynamic range") :]
    assert Page(ranges[: ranges.index("</table>")]).rows == [5, 5, 5]
    (curve,) = np.load(out / "results.npz").values()
    assert curve.tolist() == [[0, 1, 2], [0, 1, 2]]
    report.print_table(run)
    printed = capsys.readouterr().out
    assert printed.count("│ disagree │") == 2
    assert "[/red]" in re.sub(r"[\s│]", "", printed)


def test_inconclusive_fails_like_disagree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(0.0)
    point = run.findings.checks[0].points[0]
    wide = Point(point.at, point.measured, 1.0, (Term("wide", "numerical", 0.2),), 0.15)
    run.findings.checks[0] = Check("e", "s", "rtl", "", "rate", "Hz", (wide,))
    report.write(run, tmp_path, "")
    failure = ElementTree.parse(tmp_path / "junit.xml").getroot().find("testcase/failure")
    assert failure is not None and failure.get("message") == "inconclusive"
    assert read(tmp_path)["verdict"] == "inconclusive"
    report.print_table(run)
    assert "more spikes (of a network: seeds) make it narrower" in capsys.readouterr().out


def test_an_older_report_stays_whole_until_the_new_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report.write(run_of(0.0), tmp_path, "old")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report.np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        report.write(run_of(0.2), tmp_path, "new")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
