# amaranth: UnusedElaboratable=no
"""``rheobase fpga``: the figures that the cores must reach, exit codes, and what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rheobase.cosim.cli import main
from rheobase.cosim.fpga import core, sustained


def figures(
    capsys: pytest.CaptureFixture[str], folder: Path, *options: str, code: int = 0
) -> dict[str, Any]:
    assert main(["fpga", "--json", "--output", str(folder), *options]) == code
    return dict(json.loads(capsys.readouterr().out))


def test_dense_core_of_one_lane(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """256 neurons, 64 k synapses of 4 bits: smaller than tinyODIN, and faster."""
    found = figures(capsys, tmp_path)
    assert found["target"] == "ecp5-85" and found["met"]
    assert found["fmax"] >= 100
    assert found["lut4"] <= 2000
    assert found["bram"] <= 20
    assert found["operations_per_second"] >= 100e6
    assert found["updates_per_second"] == found["fmax"] * 1e6
    about = json.loads((tmp_path / "manifest.json").read_text())
    assert about["circuit"] == "netlist of a network core"


def test_dense_core_of_four_lanes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = figures(capsys, tmp_path, "--lanes", "4")
    assert found["operations_per_second"] >= 350e6


def test_loihi_datapath(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = figures(capsys, tmp_path, "--datapath", "loihi-lava")
    assert found["lut4"] <= 300
    assert found["dsp"] <= 4
    assert found["fmax"] >= 100
    assert "operations_per_second" not in found


def test_all_of_the_up5k_spram_holds_weights(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """1,024 axons x 256 neurons x 4 bits: 1 Mbit, at 24 MHz and more."""
    found = figures(
        capsys, tmp_path,
        "--axons", "1024", "--lanes", "4", "--target", "ice40-up5k",
    )  # fmt: skip
    assert found["spram"] == 4
    assert found["fmax"] >= 24


def test_a_missed_goal_is_seen(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ["fpga", "--datapath", "lif", "--target", "ecp5-25", "--goal", "1000"]
    options += ["--output", str(tmp_path)]
    assert main(options) == 1
    assert "goal                      1000 MHz on ecp5-25: MISSED" in capsys.readouterr().out
    assert main([*options, "--allow-slow"]) == 0


def test_operations_are_measured() -> None:
    """Full rows: one operation per clock and lane, but for a few clocks between two ticks."""
    assert 0.99 < sustained(core("lif-shift", 128, 128)) <= 1
    assert 3.9 < sustained(core("lif-shift", 128, 128, lanes=4)) <= 4
    # 8 axons give 8 operations each, in 8 words; a sweep of 128 neurons takes longer.
    assert 0.3 < sustained(core("truenorth", 128, 8, "sparse", fan_out=8)) < 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "hh"], "kind must be one of lif, lif-shift, .*, not 'hh'"),
        (["--datapath", "hh"], "kind must be one of lif, lif-shift, .*, not 'hh'"),
        (["--target", "spartan"], "target must be one of ecp5-25, .*, not 'spartan'"),
        (["--neurons", "16385"], "neurons must be in 1 .. 16384, not 16385"),
        (["--neurons", "2"], "n must be > [0-9]+, the depth of the pipeline, not 2"),
        (["--axons", "0"], "axons must be in 1 .. 32768, not 0"),
        (["--lanes", "3"], r"lanes must be one of \(1, 2, 4\), not 3"),
        (["--weight-width", "0"], "weight_width must be in 1 .. 32, not 0"),
        (["--fan-out", "9"], "fan_out must be left out for dense rows"),
        (["--layout", "sparse", "--fan-out", "300"], "fan_out must be in 1 .. 256, not 300"),
        (["--goal", "0"], "goal must be > 0 MHz, not 0.0"),
        (["--board", "arty"], "board must be one of icebreaker, .*, not 'arty'"),
        (
            ["--board", "icebreaker", "--goal", "30"],
            "--board takes neither --datapath nor --goal: .*",
        ),
    ],
)
def test_mistakes_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], message: str
) -> None:
    folder = tmp_path / "none"
    assert main(["fpga", "--output", str(folder), *options]) == 2
    said = capsys.readouterr()
    assert not said.out and not folder.exists()
    assert re.fullmatch(f"rheobase fpga: {message}\n", said.err)
