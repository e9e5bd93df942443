# amaranth: UnusedElaboratable=no
"""Run the netlist of an FPGA in Icarus, clock by clock, through a pipe.

A netlist has a cell for each bit: as C++ it takes a compiler minutes, Icarus seconds. Icarus knows
values that are not known yet, too: one on an output that is looked at is an error.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...hdl.pipeline import Datapath, Pipeline
from .. import doctor

Clock = Callable[[Mapping[str, int]], dict[str, str]]
Columns = dict[str, NDArray[np.int64]]


class Netlist:
    """A Verilog file with the module ``top``, compiled by Icarus.

    Parameters
    ----------
    path : Path
    inputs, outputs : mapping of str to int
        The ports but ``clk``, and how many bits each has; 0 for a port that is not there.

    Raises
    ------
    ValueError
        Not Verilog, cells without a model, or other ports.
    MissingTool
        Icarus is missing.
    """

    def __init__(self, path: Path, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        doctor.require("iverilog", "running a netlist")
        self.path = path
        self.inputs = {name: width for name, width in inputs.items() if width}
        self.outputs = {name: width for name, width in outputs.items() if width}
        with tempfile.TemporaryDirectory(prefix="rheobase-") as name:
            bench = Path(name) / "bench.v"
            bench.write_text(self._bench())
            command = ["iverilog", "-g2005", "-Wportbind", "-s", "bench", "-o", "bench.vvp"]
            done = subprocess.run(
                [*command, bench, path.resolve()], cwd=name, capture_output=True, text=True
            )
            if done.returncode or done.stderr:
                raise ValueError(f"{path} is not such a netlist: {done.stderr.strip()[-2000:]}")
            self._compiled = (Path(name) / "bench.vvp").read_bytes()

    def _bench(self) -> str:
        """Takes the inputs of a clock as a line, and gives the outputs just before its edge."""
        ports = self.inputs | self.outputs
        wires = "".join(f"  wire [{width - 1}:0] {name};\n" for name, width in ports.items())
        connected = ", ".join(f".{name}({name})" for name in ("clk", *ports))
        return f"""module bench;
  reg clk = 0;
  reg [{sum(self.inputs.values()) - 1}:0] given;
{wires}  assign {{{", ".join(self.inputs)}}} = given;
  top dut ({connected});
  initial begin
    while ($fscanf(32'h8000_0000, "%h", given) == 1) begin
      #1 $display("%b", {{{", ".join(self.outputs)}}});
      $fflush(32'h8000_0001);
      clk = 1;
      #1 clk = 0;
    end
    $finish;
  end
endmodule
"""

    @contextmanager
    def running(self) -> Iterator[Clock]:
        """Start it: a function that takes the inputs of a clock, and gives the bits of the outputs.

        The outputs are those before the clock's edge; a bit may be ``x``.
        """
        with tempfile.TemporaryDirectory(prefix="rheobase-") as name:
            (Path(name) / "bench.vvp").write_bytes(self._compiled)
            with subprocess.Popen(
                ["vvp", "-n", "bench.vvp"],
                cwd=name,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as process:
                assert process.stdin is not None and process.stdout is not None
                given, found = process.stdin, process.stdout

                def clock(values: Mapping[str, int]) -> dict[str, str]:
                    word = 0
                    for name, width in self.inputs.items():
                        word = word << width | values[name] & ((1 << width) - 1)
                    given.write(f"{word:x}\n")
                    given.flush()
                    line, at, bits = found.readline(), 0, {}
                    for name, width in self.outputs.items():
                        bits[name] = line[at : at + width]
                        at += width
                    return bits

                yield clock


class PipelineNetlist:
    """The netlist of ``Pipeline(datapath)``."""

    def __init__(self, path: Path, datapath: Datapath) -> None:
        self.pipeline = pipeline = Pipeline(datapath)
        taken = {f"i_{name}": field.width for name, field in pipeline.takes.items()}
        given = {f"o_{name}": field.width for name, field in pipeline.gives.items()}
        self.netlist = Netlist(path, {"rst": 1} | taken, given)

    @contextmanager
    def running(self) -> Iterator[Callable[[Columns], Columns]]:
        """Start it: a function as `PipelineEngine.run`."""
        with self.netlist.running() as clock:
            yield lambda values: self._run(clock, values)

    def _run(self, clock: Clock, values: Columns) -> Columns:
        pipeline = self.pipeline
        columns = np.broadcast_arrays(*(values[name] for name in pipeline.takes))
        n = columns[0].size
        found: dict[str, list[int]] = {name: [] for name in pipeline.gives}
        for k in range(n + pipeline.latency):
            now = {
                f"i_{name}": int(column[min(k, n - 1)])
                for name, column in zip(pipeline.takes, columns, strict=True)
            }
            bits = clock({"rst": 0} | now)
            if k >= pipeline.latency:
                for name in found:
                    found[name].append(self._number(name, bits[f"o_{name}"]))
        return {name: np.array(numbers) for name, numbers in found.items()}

    def _number(self, name: str, bits: str) -> int:
        field = self.pipeline.gives[name]
        if bits.strip("01"):
            raise ValueError(f"{self.netlist.path}: o_{name} is {bits}, which is not known")
        number = int(bits, 2)
        return number - (1 << field.width) if field.signed and bits[0] == "1" else number
