"""The delivered files: complete, deterministic, whole, and what the tools accept."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from rheobase.hdl import verilog
from rheobase.models.integer.lif import IntegerLIF

NEURON = IntegerLIF(
    12, threshold=500, refractory=5, leak_bits=8, leak_multiplier=250, rounding="stochastic"
)
NAMES = ["lif_core.v", "lif_core_state.hex", "lif_core.core", "manifest.json"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("core")
    (folder / "mine.txt").write_text("mine")
    paths = verilog.write(folder, NEURON, 100, lsb=2e-6, dt=1e-4)
    assert [path.name for path in paths] == NAMES
    assert sorted(os.listdir(folder)) == sorted([*NAMES, "mine.txt"])
    return folder


def test_manifest(folder: Path) -> None:
    """The manifest says what the Verilog has: its ports, and the parameters that it was made of."""
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["neuron"] == asdict(NEURON)
    assert manifest["scales"] == {"v_per_lsb": 2e-6, "s_per_step": 1e-4}
    assert manifest["widths"] == {"v": 12, "r": 3, "input": 16, "event": 9}
    source = (folder / "lif_core.v").read_text()
    found = {
        name: (direction, int(top or 0) + 1)
        for direction, top, name in re.findall(
            r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", source, re.MULTILINE
        )
    }
    assert found == {p["name"]: (p["direction"], p["width"]) for p in manifest["ports"]}


def test_same_files_in_another_process(folder: Path, tmp_path: Path) -> None:
    """Byte for byte, whatever the hash seed, and with no path in them."""
    code = "from rheobase.hdl import verilog; from rheobase.models.integer.lif import IntegerLIF;"
    code += f"verilog.write({str(tmp_path)!r}, {NEURON!r}, 100, 2e-6, 1e-4)"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    for name in NAMES:
        text = (tmp_path / name).read_text()
        assert text == (folder / name).read_text()
        assert str(Path(verilog.__file__).resolve().parents[1]) not in text
        assert str(tmp_path) not in text


def test_memory_is_read_from_its_file(folder: Path, tmp_path: Path) -> None:
    """One line per neuron in the memory file, none in the source; zero before any clock."""
    source = (folder / "lif_core.v").read_text()
    assert source.count("$readmemh") == 1
    assert not re.search(r"state\[\d+\]\s*=", source)
    assert len((folder / verilog.MEMORY_FILE).read_text().splitlines()) == 100
    bench = tmp_path / "bench.v"
    bench.write_text(
        "module bench; lif_core core();"
        ' initial begin #1 $display("%0d %0d", core.state[0], core.state[99]); end endmodule'
    )
    image = tmp_path / "image"
    command = ["iverilog", "-s", "bench", "-o", str(image), str(bench)]
    subprocess.run([*command, str(folder / "lif_core.v")], check=True)
    done = subprocess.run(["vvp", image], cwd=folder, check=True, capture_output=True, text=True)
    assert done.stdout == "0 0\n"


def test_compiles_without_a_warning(folder: Path, tmp_path: Path) -> None:
    command = ["iverilog", "-Wall", "-o", str(tmp_path / "image"), "lif_core.v"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_fusesoc_names_the_files(folder: Path) -> None:
    text = (folder / "lif_core.core").read_text()
    assert text.startswith("CAPI=2:\n")
    assert set(re.findall(r"^      - ([\w.]+):", text, re.MULTILINE)) == set(NAMES[:2])
    assert "toplevel: lif_core" in text


@pytest.mark.parametrize("name", ["lsb", "dt"])
@pytest.mark.parametrize("value", [0.0, -1e-6, float("inf"), float("nan")])
def test_scales_are_positive(tmp_path: Path, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be > 0"):
        verilog.write(tmp_path / "new", NEURON, 100, **{name: value})
    assert not (tmp_path / "new").exists()


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the folder as it was."""
    (tmp_path / "lif_core.v").write_text("old")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        verilog.write(tmp_path, NEURON, 100)
    assert os.listdir(tmp_path) == ["lif_core.v"]
    assert (tmp_path / "lif_core.v").read_bytes() == b"old"
