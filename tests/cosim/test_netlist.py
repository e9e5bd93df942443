"""The netlist after synthesis passes the same golden vectors as the source."""

import re
from pathlib import Path

import pytest

from rheobase.cosim import mutation
from rheobase.cosim.engines.model import yowasp
from rheobase.cosim.vectors.check import check
from rheobase.cosim.vectors.file import read
from rheobase.hdl.neurons import datapath

CASES = read(Path(__file__).parents[1] / "vectors" / "rheobase_lif.json")


@pytest.fixture(scope="module")
def netlist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LUTs, carry cells and flip-flops of an ECP5, each as its model in Yosys says.

    Multipliers are of LUTs: Yosys has no model of the blocks.
    """
    folder = tmp_path_factory.mktemp("netlist")
    mutation.write(datapath(CASES[0].neuron), folder)
    yowasp(
        "read_verilog -sv datapath.v; synth_ecp5 -nodsp -top datapath; select datapath; "
        "write_verilog -noattr -selected cells.v; design -reset; "
        "read_verilog cells.v; read_verilog -overwrite +/ecp5/cells_sim.v; "
        "hierarchy -top datapath; proc; flatten -wb; opt_clean; "
        "select datapath; write_verilog -noattr -selected netlist.v",
        folder,
    )
    assert "LUT4" in (folder / "cells.v").read_text()
    return folder / "netlist.v"


def test_the_netlist_of_a_datapath_passes_its_vectors(netlist: Path) -> None:
    assert check(CASES, "rtl", netlist) == []


def test_an_inverted_wire_of_the_netlist_fails(netlist: Path) -> None:
    text, number = re.subn(r"(assign o_spike = )", r"\1~", netlist.read_text())
    assert number == 1
    spoiled = netlist.with_name("spoiled.v")
    spoiled.write_text(text)
    assert check(CASES, "rtl", spoiled)
