# amaranth: UnusedElaboratable=no
"""Bitstreams for boards."""

from pathlib import Path
from typing import Any

import pytest

from rheobase.cosim.fpga import core
from rheobase.hdl import board


@pytest.mark.parametrize(
    ("name", "file", "begin"),
    [
        ("ulx3s-85f", "top.bit", b"\xff\x00"),
        ("icebreaker", "top.bin", b"\xff\x00\x00\xff\x7e\xaa\x99\x7e"),
    ],
)
def test_bitstream(tmp_path: Path, name: str, file: str, begin: bytes) -> None:
    """A core and its link, faster than the board's clock; all files stay."""
    made = core("lif-shift", 32, 32, single_port=name == "icebreaker")
    report, bitstream = board.build(made, name, tmp_path)
    assert report.met and report.target == name
    assert bitstream == tmp_path / file
    assert bitstream.read_bytes().startswith(begin)
    assert bitstream.stat().st_size > 50_000
    kept = {"top.il", "top.json", "top.config", "cells.json", "yosys.log", "nextpnr.log"}
    assert kept <= {path.name for path in tmp_path.iterdir()}
    pins = next(tmp_path.glob("top.[lp][pc]f")).read_text()
    assert "uart_0__tx__io" in pins and str(tmp_path) not in (tmp_path / "top.il").read_text()


def test_unknown_board(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^board must be one of icebreaker, .*, not 'arty'$"):
        board.build(core("lif-shift", 32, 32), "arty", tmp_path)


def test_amaranth_boards_is_optional(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def without(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(board, "import_module", without)
    with pytest.raises(RuntimeError, match=r'need amaranth-boards.*pip install "rheobase\[fpga\]"'):
        board.build(core("lif-shift", 32, 32), "icebreaker", tmp_path)
    assert not list(tmp_path.iterdir())
