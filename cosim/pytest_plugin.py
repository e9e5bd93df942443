"""A pytest plugin: tests that hold hardware against theory and fail with the table of verdicts.

The fixture `rheobase_verify` is a function that runs an experiment as ``rheobase verify`` does and
returns the run. The marker ``@pytest.mark.rheobase(experiment, verilog=None)`` calls it before the
body of the test. Relative paths start at pytest's rootdir. With ``--rheobase-report FOLDER`` every
run leaves its report in a folder of its own in FOLDER; ``index.html`` there lists those of the
session. Under pytest-xdist the workers write reports and the controller writes the index.

pytest imports this file whenever it starts, so all that is heavy is imported when a test needs it.
"""

import hashlib
import html
import inspect
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .verify import AnyExperiment, Run

OPTION = "--rheobase-report"
PROPERTY = "rheobase-report"  # of a test: "folder verdict", carried from worker to controller
GENERATOR = '<meta name="generator" content="rheobase">'  # how we know an index as our own


class Verify:
    """Runs experiments for one test.

    Parameters
    ----------
    item : pytest.Item
        The test.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._calls = 0

    def __call__(
        self, experiment: "str | Path | AnyExperiment", verilog: str | Path | None = None
    ) -> "Run":
        """Run an experiment; the test fails with the table unless every check agrees.

        Parameters
        ----------
        experiment : str, Path, Experiment or NetworkExperiment
            A TOML file, the name of a built-in experiment, or an experiment that was loaded.
        verilog : str or Path, optional
            A Verilog file to be judged in place of the generated core.
        """
        from .report import print_table

        mistake = None
        try:
            run = self._run(experiment, verilog)
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            mistake = f"rheobase: {error}"
        if mistake is not None:  # out here, so that the traceback is not told beside it
            pytest.fail(mistake, pytrace=False)
        if run.verdict != "agree":
            table = io.StringIO()
            print_table(run, table)
            pytest.fail(table.getvalue(), pytrace=False)
        return run

    def _run(self, experiment: "str | Path | AnyExperiment", verilog: str | Path | None) -> "Run":
        from .cli import any_experiment, require_ready
        from .experiment import BUILT_IN
        from .network_experiment import BUILT_IN_NETWORKS
        from .report import write
        from .verify import verify

        root = self._item.config.rootpath
        if isinstance(experiment, str | Path):
            known = experiment in (*BUILT_IN, *BUILT_IN_NETWORKS)
            experiment = any_experiment(str(experiment if known else root / experiment))
        file = None if verilog is None else root / verilog
        require_ready([experiment], file)
        run = verify([experiment], lambda text: None, file)
        if (reports := self._item.config.getoption(OPTION)) is not None:
            self._calls += 1
            name = _folder(self._item.nodeid, self._calls)
            write(run, reports / name, f"pytest {self._item.nodeid}")
            self._item.user_properties.append((PROPERTY, f"{name} {run.verdict}"))
        return run


def _folder(nodeid: str, call: int) -> str:
    """A folder name that no other test and no other call of this one has."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", nodeid.rpartition("/")[2])[:80].strip("-")
    return f"{readable}-{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}-{call}"


class _Index:
    """Collects what the tests wrote and writes the page that lists it."""

    def __init__(self, reports: Path) -> None:
        self._page = reports / "index.html"
        self._rows: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == PROPERTY:
                folder, verdict = str(value).split()
                link = f'<a href="{folder}/report.html">{html.escape(report.nodeid)}</a>'
                self._rows.append(f"<tr><td>{link}</td><td>{verdict}</td></tr>")

    def pytest_sessionfinish(self) -> None:
        if self._rows:
            rows = "\n".join(sorted(self._rows))
            self._page.write_text(
                f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{GENERATOR}'
                f"<title>rheobase</title></head><body>\n<table>\n{rows}\n</table>\n</body></html>\n",
                encoding="utf-8",
            )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("rheobase").addoption(
        OPTION, type=lambda text: Path(text).absolute(), metavar="FOLDER",
        help="collect the reports of the experiments that tests run, with an index.html",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "rheobase(experiment, verilog=None): verify an experiment before the test's body",
    )
    reports = config.getoption(OPTION)
    if reports is None or hasattr(config, "workerinput"):
        return
    from .report import require_writable

    try:
        require_writable(reports)
        page = reports / "index.html"
        if page.exists() and GENERATOR not in page.read_text(encoding="utf-8", errors="replace"):
            raise OSError(f"{page} is there, and rheobase did not write it")
    except OSError as error:
        raise pytest.UsageError(f"{OPTION}: {error}") from None
    config.pluginmanager.register(_Index(reports))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    markers = list(pyfuncitem.iter_markers("rheobase"))
    if not markers:
        return
    fixture = pyfuncitem.funcargs.get("rheobase_verify")  # the same one counts the calls
    verify = fixture if isinstance(fixture, Verify) else Verify(pyfuncitem)
    for marker in reversed(markers):  # as they stand in the file, from the function upwards
        try:
            inspect.signature(verify).bind(*marker.args, **marker.kwargs)
        except TypeError as error:
            pytest.fail(f"@pytest.mark.rheobase: {error}", pytrace=False)
        verify(*marker.args, **marker.kwargs)


@pytest.fixture
def rheobase_verify(request: pytest.FixtureRequest) -> "Callable[..., Run]":
    """Run an experiment; fail with the table of verdicts unless all agree."""
    return Verify(request.node)
