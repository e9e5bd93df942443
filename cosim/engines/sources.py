"""A Verilog source, copied with the memory files that it reads to the folder where a tool runs."""

import re
import shutil
from pathlib import Path


def copy_verilog(path: Path, folder: Path) -> Path:
    """Copy a Verilog file, and its ``$readmem`` files from beside it, into a folder.

    Raises
    ------
    FileNotFoundError
        The source, or a memory file that it names.
    """
    source = path.read_text()
    for name in re.findall(r'\$readmem[hb]\s*\(\s*"([^"]+)"', source):
        if not (path.parent / name).is_file():
            raise FileNotFoundError(f"{path} reads {name!r}, which is not beside it")
        shutil.copy(path.parent / name, folder / Path(name).name)
    return Path(shutil.copy(path, folder / "core.v"))
