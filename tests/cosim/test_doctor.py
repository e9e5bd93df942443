"""The doctor: what it finds here, what it says of what is missing."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import find_libpython
import pytest

from rheobase.cosim import doctor

ROOT = Path(__file__).parents[2]


def test_everything_that_the_tests_need_is_here() -> None:
    missing = [t.name for t in doctor.tools() if t.version is None and not t.optional]
    assert missing == []


def test_versions_are_those_the_tools_state() -> None:
    found = {tool.name: tool.version for tool in doctor.tools()}
    said = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"Icarus Verilog version {found['iverilog']} ")
    numpy = subprocess.run(
        [sys.executable, "-c", "import numpy; print(numpy.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert found["numpy"] == numpy.strip()


def test_libpython_is_the_one_cocotb_would_load() -> None:
    found = find_libpython.find_libpython()  # what cocotb asks
    assert found is not None
    version = next(tool.version for tool in doctor.tools() if tool.name == "libpython")
    assert version == Path(found).name


def test_every_dependency_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    extras = project["optional-dependencies"]
    names = ("cluster", "fpga", "formal")
    extra = {re.match(r"[\w-]+", line)[0] for name in names for line in extras[name]}
    tools = doctor.tools()
    assert named <= {tool.name for tool in tools if not tool.optional}
    assert extra == {tool.name for tool in tools if tool.optional}


@pytest.mark.parametrize(
    ("manager", "install"),
    [
        ("apt-get", "apt-get install iverilog"),
        ("brew", "brew install icarus-verilog"),
        ("pkg", "by the system's package manager (in Debian: iverilog)"),
    ],
)
def test_a_missing_tool_is_named_with_its_use_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: str, install: str
) -> None:
    only(tmp_path, monkeypatch, manager)
    message = "rheobase verify needs iverilog (Verilog in Icarus), which is missing. Install: "
    with pytest.raises(doctor.MissingTool, match=f"^{re.escape(message + install)}$"):
        doctor.require("iverilog", "rheobase verify")


def test_a_missing_library_is_found_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_library", lambda name: None)
    with pytest.raises(doctor.MissingTool, match=r"^rheobase spice needs libngspice "):
        doctor.require("libngspice", "rheobase spice")


def test_a_program_that_fails_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # macOS has a g++ that only says what to install
    only(tmp_path, monkeypatch, "g++")
    (tmp_path / "g++").write_text("#!/bin/sh\necho 12.2\nexit 1\n")
    with pytest.raises(doctor.MissingTool, match=r"^rheobase verify needs g\+\+ "):
        doctor.require("g++", "rheobase verify")


def test_what_is_there_is_let_through() -> None:
    doctor.require("numpy", "rheobase verify")
    doctor.require("libngspice", "rheobase verify")


def test_an_unknown_tool_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^tool 'modelsim' is not known, only "):
        doctor.require("modelsim", "rheobase verify")


@pytest.mark.parametrize(
    ("manager", "packages"),
    [("apt-get", ["g++", "iverilog", "make", "ngspice"]), ("brew", ["icarus-verilog", "ngspice"])],
)
def test_packages_for_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: str, packages: list[str]
) -> None:
    only(tmp_path, monkeypatch, manager)  # libraries are found by the loader, not on PATH
    assert doctor.missing_system_packages() == packages


def test_report() -> None:
    text, complete = doctor.report()
    assert complete
    assert [line.split()[0] for line in text.splitlines()] == [t.name for t in doctor.tools()]
    rows = json.loads(doctor.report(as_json=True)[0])
    assert [row["name"] for row in rows] == [t.name for t in doctor.tools()]
    assert set(rows[0]) == {"name", "version", "needed_for", "install", "optional"}


def test_report_of_something_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(tmp_path, monkeypatch, "apt-get")
    text, complete = doctor.report()
    assert not complete
    assert re.search(r"^g\+\+ +MISSING \(apt-get install g\+\+\) +RTL in CXXRTL$", text, re.M)


def test_no_package_is_needed_to_ask() -> None:
    # ./x asks before anything is installed: no site-packages, no rheobase
    command = [sys.executable, "-I", "-S", ROOT / "cosim" / "doctor.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def only(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Leave one program, which does nothing, on PATH."""
    (folder / program).write_text("#!/bin/sh\n")
    (folder / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
