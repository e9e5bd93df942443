"""The exported folder runs under plain ngspice and gives what the session gives."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog.benches import crossing
from rheobase.analog.export import NETLIST, RESULT, TESTBENCH, write, write_neuron
from rheobase.analog.neurons.kinds import KINDS
from rheobase.analog.neurons.record import record
from rheobase.analog.simulate import simulate
from rheobase.analog.technology import generic180

from .conftest import Circuits


def run_plain(folder: Path) -> np.ndarray:
    """Run ngspice -b in `folder`; columns time, v(m), time, v(spike)."""
    subprocess.run(
        ["ngspice", "-b", TESTBENCH], cwd=folder, check=True, capture_output=True, timeout=120
    )
    return np.loadtxt(folder / RESULT)


@pytest.mark.parametrize("played", ["constant", "held"])
def test_plain_ngspice_gives_the_same_spikes(circuits: Circuits, tmp_path: Path, played: str):
    """The same solver on the same numbers: equal but for the seven digits that wrdata writes."""
    lif, found = circuits("brunel x1000")
    current: float | np.ndarray = 2 * found.rheobase()
    t_stop, dt = 3 * lif.tau_m, None
    if played == "held":
        dt = 1e-4 / lif.speed_up
        current *= 1 + np.random.default_rng(2).standard_normal(600)
    paths = write(tmp_path, lif, current, t_stop, dt)
    assert sorted(paths) == sorted(tmp_path.iterdir())
    columns = run_plain(tmp_path)
    spikes = crossing(columns[:, 2], columns[:, 3], 0.9)
    ours = simulate(lif, current, t_stop, dt).spike_times
    assert len(ours) >= 3
    np.testing.assert_allclose(spikes, ours, rtol=1e-6)


def test_no_path_of_this_machine_and_the_folder_can_move(circuits: Circuits, tmp_path: Path):
    lif, found = circuits("brunel x1000")
    first = tmp_path / "made" / "on the way"
    for path in write(first, lif, 2 * found.rheobase(), lif.tau_m):
        assert not re.search(r"(?m)^[^*].*[\s\"'=]/", path.read_text())
    moved = first.rename(tmp_path / "moved")
    assert run_plain(moved)[-1, 0] == pytest.approx(lif.tau_m)


def test_other_files_stay_and_nothing_half_written_is_left(
    circuits: Circuits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lif, found = circuits("brunel x1000")
    (tmp_path / "mine.txt").write_text("mine")
    write(tmp_path, lif, 2 * found.rheobase(), lif.tau_m)
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    text = Path.write_text

    def fails(path: Path, *args: str, **options: str) -> int:
        if "testbench" in path.name:
            text(path, "half")
            raise OSError("disk full")
        return text(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", fails)
    with pytest.raises(OSError, match="disk full"):
        write(tmp_path, lif, 3 * found.rheobase(), lif.tau_m)
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before
    assert before[tmp_path / "mine.txt"] == "mine"


@pytest.mark.parametrize(
    "kind", ["axon-hillock", "low-power-adapting", "brainscales-synapses", "brainscales-eif"]
)
def test_every_neuron_runs_in_plain_ngspice_and_is_drawn(kind: str, tmp_path: Path) -> None:
    """Its spikes are those of the session; each cell's schematic is beside it."""
    example = KINDS[kind](generic180)
    t_stop, step = 3 * example.interval, example.interval / 50
    paths = write_neuron(tmp_path, example.neuron, example.current, t_stop, step)
    assert sorted(paths) == sorted(tmp_path.iterdir())
    columns = run_plain(tmp_path)
    spikes = crossing(columns[:, 2], columns[:, 3], 0.9)
    ours = record(example.neuron, example.current, t_stop, step).spike_times
    assert len(ours) >= 2
    np.testing.assert_allclose(spikes, ours, rtol=1e-6)
    drawn = {path.stem for path in paths if path.suffix == ".svg"}
    netlist = (tmp_path / NETLIST).read_text()
    assert drawn == set(re.findall(r"(?m)^\.subckt (\w+)", netlist))
