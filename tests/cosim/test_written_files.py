"""``rheobase verilog`` and ``rheobase spice``: their files work in plain Icarus and ngspice."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog import bias
from rheobase.analog.benches import crossing
from rheobase.analog.simulate import simulate
from rheobase.cosim.cli import main
from rheobase.cosim.experiment import built_in
from tests.cosim.test_cli import NOISE, SMALL, SPICE, refused, written

# ------------------------------------------------------------------ delivered Verilog


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the experiment SMALL and its core."""
    folder = tmp_path_factory.mktemp("delivered")
    assert main(["verilog", str(written(folder, SMALL)), "--output", str(folder)]) == 0
    return folder


def test_verilog_of_a_built_in_experiment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verilog", "fi-curve", "--output", str(tmp_path), "--json"]) == 0
    files = {Path(name).name for name in json.loads(capsys.readouterr().out)["files"]}
    assert files == {file.name for file in tmp_path.iterdir()}
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["neurons"] == 256
    assert manifest["scales"] == {"v_per_lsb": 0.78125e-6, "s_per_step": 0.1e-3}
    assert manifest["widths"]["state"]["v"] == 16
    source = (tmp_path / "lif_core.v").read_text()
    for port in manifest["ports"]:
        signed, bits = ("signed " if port["signed"] else ""), port["width"]
        span = rf"\[{bits - 1}:0\] " if bits > 1 else ""
        assert re.search(rf"{port['direction']} ({signed})?{span}{port['name']};", source)
    icarus = ["iverilog", "-Wall", "-s", "lif_core", "-o", "lif_core.vvp", "lif_core.v"]
    done = subprocess.run(icarus, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "error" not in done.stderr


def test_verilog_at_another_time_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verilog", "fi-curve", "--output", str(tmp_path), "--dt", "1 ms"]) == 0
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["scales"]["s_per_step"] == 1e-3
    assert manifest["neuron"]["refractory"] == 2
    capsys.readouterr()
    assert "'1 mV' is a voltage: write a time" in refused(
        capsys, "verilog", "fi-curve", "--output", tmp_path, "--dt", "1 mV"
    )


def test_delivered_verilog_agrees_and_a_fault_in_it_does_not(
    tmp_path: Path, delivered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    verify = ["verify", str(delivered / "mine.toml"), "--quiet", "--output", str(out), "--verilog"]
    assert main([*verify, str(delivered / "lif_core.v")]) == 0
    source = (delivered / "lif_core.v").read_text()
    faulty = tmp_path / "lif_core.v"
    shutil.copy(delivered / "lif_core_zeros_8.hex", tmp_path)
    threshold = ">= $signed(16'h6400)"
    assert source.count(threshold) == 1
    faulty.write_text(source.replace(threshold, ">= $signed(16'h6000)"))
    capsys.readouterr()
    assert main([*verify, str(faulty), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    verdicts = {c["observable"]: c["verdict"] for c in found["checks"] if c["substrate"] == "rtl"}
    assert verdicts["differences from the integer model"] == "disagree"
    assert verdicts["differences of the delivered Verilog (Icarus)"] == "disagree"
    reference = {c["verdict"] for c in found["checks"] if c["substrate"] == "reference"}
    assert reference == {"agree"}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            "o__ready",
            "o_ready",
            "lacks ports of rheobase's core: o__ready (input, 1 bits) is missing",
        ),
        ("endmodule", "", "is not Verilog that Yosys can read"),
        ("lif_core_zeros_8.hex", "absent.hex", "reads 'absent.hex', which is not beside it"),
    ],
)
def test_verilog_that_cannot_be_judged(
    tmp_path: Path,
    delivered: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    error: str,
) -> None:
    shutil.copy(delivered / "lif_core_zeros_8.hex", tmp_path)
    file = tmp_path / "lif_core.v"
    file.write_text((delivered / "lif_core.v").read_text().replace(old, new))
    out = tmp_path / "out"
    path = delivered / "mine.toml"
    found = refused(capsys, "verify", path, "--verilog", file, "--quiet", "--output", out)
    assert error in found
    assert str(file) in found
    assert not out.exists()


def test_one_file_is_judged_under_every_stimulus(tmp_path: Path) -> None:
    """Constant drives fewer than neurons, too: the core keeps its size."""
    noise = '[[stimulus]]\nname = "noise"\n' + NOISE.format("25 mV", "3 mV") + "\n[rtl]"
    text = SMALL.replace("neurons = 8", "neurons = 12\nspikes = 240").replace("[rtl]", noise)
    text = text.replace("[reference]", "[check]\nrate = 0.5\n[reference]").replace("0.1 ms", "1 ms")
    text = text.replace("0.78125 uV", "25 uV").replace("width = 16", "width = 12")
    path = written(tmp_path, text)
    assert main(["verilog", str(path), "--output", str(tmp_path)]) == 0
    core, out = str(tmp_path / "lif_core.v"), str(tmp_path / "out")
    assert main(["verify", str(path), "--quiet", "--verilog", core, "--output", out]) == 0


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('dt = ["0.1 ms"]\nwidth', 'dt = ["0.1 ms", "1 ms"]\nwidth', "must name one time step"),
        ("neurons = 8", "neurons = 7", "neurons = 7 must be at least the number of drives"),
    ],
)
def test_experiments_that_need_several_cores(
    tmp_path: Path,
    delivered: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    error: str,
) -> None:
    assert old in SMALL
    path = written(tmp_path, SMALL.replace(old, new))
    found = refused(capsys, "verify", path, "--verilog", delivered / "lif_core.v")
    assert error in found
    assert str(path) in found


def test_verilog_that_nothing_judges(
    tmp_path: Path, delivered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--quiet", "--output", tmp_path / "out", "--verilog")
    path, core = written(tmp_path, SPICE), delivered / "lif_core.v"
    assert "none of the experiments has an [rtl]" in refused(capsys, "verify", path, *out, core)
    absent = tmp_path / "absent.v"
    error = f"--verilog {absent}: no such file"
    assert error in refused(capsys, "verify", delivered / "mine.toml", *out, absent)


# ------------------------------------------------------------------ written netlists


def test_what_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("--output", tmp_path / "out")
    path = written(tmp_path, SMALL)
    assert "has no [spice], so there is no netlist" in refused(capsys, "spice", path, *out)
    path = written(tmp_path, SPICE)
    error = refused(capsys, "verilog", path, *out)
    assert "has no [rtl] of the generic platform, so there is no core" in error
    error = refused(capsys, "spice", path, *out, "--stimulus", "noise")
    assert "stimulus 'noise' must be one of ['drives']" in error
    assert "speed_up" in refused(capsys, "spice", path, *out, "--speed-up", "-1")
    for experiment in ("shunt", "synapses"):  # through synapses
        assert "none of its stimuli is a current" in refused(capsys, "spice", experiment, *out)
    assert not (tmp_path / "out").exists()


def test_a_plain_ngspice_plays_the_written_deck(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["spice", "fi-curve", "--output", str(tmp_path), "--json"]) == 0
    files = {Path(name).name for name in json.loads(capsys.readouterr().out)["files"]}
    assert files == {file.name for file in tmp_path.iterdir()}
    assert files >= {"neuron.cir", "testbench.cir"}
    subprocess.run(
        ["ngspice", "-b", "testbench.cir"], cwd=tmp_path, capture_output=True, check=True
    )
    t, _, _, level = np.loadtxt(tmp_path / "result.txt").T
    experiment = built_in("fi-curve")
    current = max(experiment.stimuli[0].stimulus.mu)  # type: ignore[union-attr]
    lif = bias.design(experiment.neuron)
    assert t[-1] == pytest.approx(20 * lif.tau_m, rel=1e-9)
    session = simulate(lif, lif.current(current), 6 * lif.tau_m).spike_times
    spikes = crossing(t, level, lif.technology.supply / 2)[: len(session)]
    assert len(spikes) == len(session) > 25
    rates = [(len(s) - 1) / (s[-1] - s[0]) for s in (spikes, session)]
    step = np.diff(t).max()  # a crossing lies within one time step, at both ends of the train
    bound = 2 * step / (spikes[-1] - spikes[0])
    assert bound < 1e-3
    assert rates[0] == pytest.approx(rates[1], rel=bound)


def test_a_neuron_by_its_name_runs_in_plain_ngspice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hillock"
    assert main(["spice", "--neuron", "axon-hillock", "--output", str(folder), "--json"]) == 0
    files = {Path(name).name for name in json.loads(capsys.readouterr().out)["files"]}
    assert files == {"neuron.cir", "testbench.cir", "generic180.lib", "axon_hillock.svg"}
    subprocess.run(
        ["ngspice", "-b", "testbench.cir"], cwd=folder, check=True, capture_output=True, timeout=60
    )
    columns = np.loadtxt(folder / "result.txt")
    spikes = crossing(columns[:, 2], columns[:, 3], 0.9)
    assert np.diff(spikes) == pytest.approx(10e-3, rel=0.02)  # the design's 100 Hz


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--neuron", "purkinje"), "--neuron must be one of axon-hillock, low-power"),
        (("--neuron", "low-power", "--speed-up", "2"), "--speed-up belongs to an experiment"),
        (("--neuron", "low-power", "--technology", "tsmc65"), "technology must be one of"),
        (("fi-curve", "--technology", "gf180mcu"), "--technology belongs to --neuron"),
    ],
)
def test_what_is_no_neuron_is_told(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert message in refused(capsys, "spice", *arguments, "--output", out)
    assert not out.exists()
