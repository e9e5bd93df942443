# amaranth: UnusedElaboratable=no
"""What is placed on an FPGA passes the checks of its source: golden vectors, random runs.

Of the vectors, our own single updates run here, all of them: each tells a datapath from a faulty
one. Of the network core, three random runs do, one of each sort.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.lib import wiring

from rheobase.cosim import network_runs
from rheobase.cosim.cli import main
from rheobase.cosim.engines.events import SETTLE, decode
from rheobase.cosim.engines.netlist import Netlist
from rheobase.cosim.engines.network import CoreNetworkRun, NetworkEngine
from rheobase.cosim.vectors.check import check
from rheobase.cosim.vectors.file import read
from rheobase.hdl import fpga, netlist
from rheobase.hdl.core import Core
from rheobase.hdl.manifest import ports
from rheobase.hdl.neurons import datapath
from rheobase.hdl.pipeline import Pipeline
from rheobase.hdl.words import to_numbers

VECTORS = Path(__file__).parents[1] / "vectors"


def synthesised(circuit: wiring.Component, target: str, folder: Path) -> Path:
    """The netlist that `fpga.implement` would place."""
    text = rtlil.convert(circuit, name="top", emit_src=False)
    device = fpga.TARGETS[target]
    return netlist.write(fpga.synthesise(text, device, folder), device.family)


def uses(file: Path) -> set[str]:
    """The sorts of cells of the netlist in a folder."""
    return {sort for sort, number in fpga.cells(file.parent).items() if number}


# ------------------------------------------------------------------ datapaths


@pytest.mark.parametrize(
    ("name", "target", "multipliers"),
    [
        ("lif", "ecp5-25", True),
        ("lif", "ice40-up5k", True),
        ("loihi_lava", "ecp5-25", True),
        ("loihi_lava", "ice40-up5k", True),
        ("loihi_nengo", "ecp5-25", True),
        ("loihi_nengo", "ice40-up5k", True),
        ("spinnaker", "ecp5-25", True),
        ("truenorth", "ecp5-25", False),
        ("truenorth", "ice40-hx8k", False),
    ],
)
def test_the_netlist_of_a_datapath_passes_its_vectors(
    tmp_path: Path, name: str, target: str, multipliers: bool
) -> None:
    cases = read(VECTORS / f"rheobase_{name}.json")
    file = synthesised(Pipeline(datapath(cases[0].neuron)), target, tmp_path)
    assert uses(file) == {"lut4", "carry", "ff"} | ({"dsp"} if multipliers else set())
    assert check(cases, "netlist", file) == []


@pytest.fixture(scope="module")
def implemented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ``rheobase fpga``."""
    folder = tmp_path_factory.mktemp("implemented")
    options = ["--datapath", "lif-stochastic", "--target", "ice40-up5k", "--output", str(folder)]
    assert main(["fpga", *options]) == 0
    return folder


def edited(folder: Path, to: Path, old: str, new: str, times: int = 1) -> Path:
    """The netlist of a folder, with its manifest, in which `old` has become `new`."""
    text, number = re.subn(old, new, (folder / "netlist.v").read_text())
    assert number == times
    shutil.copy(folder / "manifest.json", to)
    (to / "netlist.v").write_text(text)
    return to / "netlist.v"


LIF = str(VECTORS / "rheobase_lif.json")
ON = ["--on", "rtl", "--verilog"]


def test_a_user_checks_a_netlist_and_a_fault_in_it_is_found(
    implemented: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vectors", "check", LIF, *ON, str(implemented / "netlist.v")]) == 0
    assert capsys.readouterr().out == "93 vectors on netlist: 0 mismatches\n"
    spoiled = edited(implemented, tmp_path, "(o_spike <= )", r"\1~")
    assert main(["vectors", "check", LIF, *ON, str(spoiled), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert {each["field"] for each in answer["mismatches"]} == {"spike"}


@pytest.mark.parametrize(
    ("old", "new", "times", "message"),
    [
        (r"(output|reg) o_spike\b", r"\1 [1:0] o_spike", 2, "is not such a netlist: .*o_spike"),
        ("o_spike <= .*;", "o_spike <= 1'hx;", 1, "o_spike is x, which is not known"),
        ("module top", "module other", 1, "is not such a netlist: .*Unknown module type: top"),
    ],
)
def test_netlists_that_cannot_be_judged(
    implemented: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    times: int,
    message: str,
) -> None:
    file = edited(implemented, tmp_path, old, new, times)
    assert main(["vectors", "check", LIF, *ON, str(file)]) == 2
    error = capsys.readouterr().err
    assert re.match(rf"rheobase vectors: .*{message}", error, re.S), error


def test_a_netlist_that_yosys_breaks_is_refused(tmp_path: Path) -> None:
    """A cell and a constant drive one wire: yosys drops the cell, and says so in its log only."""
    text = """module \\top
  wire width 1 input 1 \\a
  wire width 1 output 2 \\y
  cell $not \\inverter
    parameter \\A_SIGNED 0
    parameter \\A_WIDTH 1
    parameter \\Y_WIDTH 1
    connect \\A \\a
    connect \\Y \\y
  end
  connect \\y 1'0
end
"""
    with pytest.raises(RuntimeError, match=r"^yosys made another circuit, see yosys.log: Drivers "):
        fpga.synthesise(text, fpga.TARGETS["ice40-up5k"], tmp_path)


# ------------------------------------------------------------------ the network core


class CoreNetlist:
    """The netlist of a network core, run as `NetworkEngine` runs the source: clock by clock."""

    def __init__(self, file: Path, core: Core) -> None:
        self.core = core
        there = [port for port in ports(core) if port.name != "clk"]
        widths = {
            way: {port.name: port.width for port in there if port.direction == way}
            for way in ("input", "output")
        }
        self.netlist = Netlist(file, widths["input"], widths["output"])

    def run(
        self, ticks: Any, axons: Any, steps: int, record: bool, valid: Any, ready: Any,
        mutant: int, before: int, rewrites: int,
    ) -> CoreNetworkRun:  # fmt: skip
        """The memories are written in a reset; clocks of work, a clock of reset; then the run.

        The words that `rewrites` stands for are not written again.
        """
        assert not record and not mutant
        end = 1 << self.core.i.payload.shape()["end"].offset
        last = self.core.o.payload.shape()["last"].offset
        arrivals = [int(word) for tick in range(steps) for word in (*axons[ticks == tick], end)]
        given = dict.fromkeys(self.netlist.inputs, 0) | {"i__valid": 1, "o__ready": 1}
        events: list[int] = []
        taken, ended, cycles, waited, settled = 0, 0, 0, 0, 0
        with self.netlist.running() as clock:
            given["rst"] = 1
            for name, words in self.core.contents.items():
                for address, word in enumerate(to_numbers(words)):
                    port = {"en": 1, "addr": address, "data": word}
                    clock(given | {f"write_{name}__{part}": port[part] for part in port})
            for k in range(before + 1):
                work = {"rst": int(k == before), "i__payload": arrivals[k % len(arrivals)]}
                clock(given | work)
            given["rst"] = 0
            while settled < SETTLE and cycles < 100 * len(arrivals):
                offered = taken < len(arrivals) and bool(valid[cycles % valid.size])
                accepted = bool(ready[cycles % ready.size])
                payload = arrivals[taken] if offered else 0
                now = {"i__valid": offered, "i__payload": payload, "o__ready": accepted}
                found = clock(given | now)
                cycles += 1
                waited += int(found["pending"], 2)
                if accepted and found["o__valid"] == "1":
                    events.append(int(found["o__payload"], 2))
                    ended += events[-1] >> last & 1
                taken += offered and found["i__ready"] == "1"
                settled += taken == len(arrivals) and ended >= steps
        spikes, violations = decode(np.array(events, np.uint32), self.core.network.n, steps)
        counters = (int(found[name], 2) for name in ("dropped", "saturated", "pending"))
        return CoreNetworkRun(spikes, {}, *counters, cycles, waited, tuple(violations))


@pytest.fixture(scope="module")
def block_rams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core on a device whose block RAMs have a model."""
    folder = tmp_path_factory.mktemp("core")
    return synthesised(network_runs.core(), "ice40-hx8k", folder)


RUNS = network_runs.runs(3, 5)


def paces(file: Path, runs: list[network_runs.Run]) -> list[tuple[int, int] | None]:
    """Of each run: its clocks, and how long events waited; None if it differs from the model."""
    engine = CoreNetlist(file, network_runs.core())
    return [run.pace(engine) for run in runs]  # type: ignore[arg-type]


def test_the_netlist_of_a_network_core_equals_the_model(block_rams: Path) -> None:
    """Every spike and counter of the integer model, in the clocks that the source takes."""
    assert uses(block_rams) == {"lut4", "carry", "ff", "bram"}
    engine = NetworkEngine(network_runs.core())
    wanted = [run.pace(engine) for run in RUNS]
    assert None not in wanted
    assert paces(block_rams, RUNS) == wanted


def test_a_bit_that_a_block_ram_gets_inverted_fails(block_rams: Path, tmp_path: Path) -> None:
    old = r"(accumulators\.bank_0_0\.0\.0\.memory \[\w+\]\[0:0\] <= )"
    text, number = re.subn(old, r"\1~", block_rams.read_text())
    assert number == 1
    spoiled = tmp_path / "netlist.v"
    spoiled.write_text(text)
    assert paces(spoiled, RUNS[:1]) == [None]


def test_the_netlist_of_a_network_core_with_multiplier_and_lut_ram(tmp_path: Path) -> None:
    file = synthesised(network_runs.core(), "ecp5-25", tmp_path)
    assert uses(file) == {"lut4", "carry", "ff", "lut_ram", "dsp"}
    assert None not in paces(file, RUNS)
