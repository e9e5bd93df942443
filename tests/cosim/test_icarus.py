"""The delivered Verilog in an event-driven simulator, under random gaps and stalls."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rheobase.cosim import doctor
from rheobase.cosim.engines import icarus
from rheobase.hdl import emit
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.hdl.verilog import TOP
from rheobase.models.integer.lif import IntegerLIF
from tests.mutants import MUTANTS, write_verilog

N = 64
STEPS = 400
NEURONS = {
    "multiply, nearest": IntegerLIF(
        18, threshold=9000, v_reset=-300, refractory=3, leak_bits=14, leak_multiplier=16000
    ),
    "multiply, stochastic, subtract": IntegerLIF(
        10, 300, leak_bits=8, leak_multiplier=250, rounding="stochastic", reset="subtract",
        input_width=12, seed=77,
    ),
    "shift, floor": IntegerLIF(24, 9000, refractory=1, leak="shift", leak_bits=4, rounding="floor"),
    "shift, stochastic, subtract": IntegerLIF(
        8, 60, refractory=2, leak="shift", leak_bits=3, rounding="stochastic", reset="subtract",
        input_width=10,
    ),
}  # fmt: skip


def some_currents(neuron: IntegerLIF, steps: int, n: int) -> np.ndarray:
    """Noise, and now and then the largest and smallest input."""
    rng = np.random.default_rng(8)
    noise = rng.normal(0.2 * neuron.threshold, 0.4 * neuron.threshold, (steps, n)).astype(int)
    extreme = 2 ** (neuron.input_width - 1)
    kind = rng.random((steps, n))
    noise[kind < 0.01] = -extreme
    noise[kind > 0.99] = extreme - 1
    return noise


def differs(done: icarus.IcarusRun, neuron: IntegerLIF, currents: np.ndarray) -> bool:
    return not all(map(np.array_equal, done.spikes, neuron.run(currents).spikes))


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)
def test_equals_the_integer_model(neuron: IntegerLIF, tmp_path: Path) -> None:
    """More than 1e5 updates together, with gaps and stalls: no event lost, no rule broken."""
    currents = some_currents(neuron, STEPS, N)
    path = emit.convert(NeuronCore(neuron, N, neuron.seed), TOP).write(tmp_path)
    done = icarus.run(path, neuron, N, currents, seed=5, idle=0.2, backpressure=0.4)
    assert done.violations == ()
    assert not differs(done, neuron, currents)
    assert done.updates == currents.size and done.updates * len(NEURONS) > 100_000
    assert done.gaps > 1000 and done.stalls > 300 and len(done.spikes[0]) > 1000
    assert np.all(np.diff(done.events[:, 0]) > 0)


@pytest.mark.parametrize("fault", ["threshold: > for >=", "events: lost under back-pressure"])
def test_catches(fault: str, tmp_path: Path) -> None:
    neuron = NEURONS["shift, stochastic, subtract"]
    currents = some_currents(neuron, 60, 16)
    path = write_verilog(MUTANTS[fault](neuron, 16), tmp_path)
    done = icarus.run(path, neuron, 16, currents, seed=5, backpressure=0.5)
    assert differs(done, neuron, currents)
    assert bool(done.violations) == (fault == "events: lost under back-pressure")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    neuron = NEURONS["shift, stochastic, subtract"]
    core = NeuronCore(neuron, 8, neuron.seed)
    return emit.convert(core, TOP).write(tmp_path_factory.mktemp("small"))


@pytest.mark.parametrize(
    ("ready", "messages"),
    [
        ("1'h1", ["ready for a current during the clearing sweep", "while an event waited"]),
        ("1'hx", ["unknown values (x or z) on the outputs"]),
        ("1'h0", ["hung: took 0 of 80 currents", "0 end-of-step markers for 10 time steps"]),
    ],
    ids=["always ready", "unknown", "never ready"],
)
def test_protocol_monitor(small: Path, tmp_path: Path, ready: str, messages: list[str]) -> None:
    """A core that breaks the rules of its streams is reported, whatever its spikes."""
    text = small.read_text()
    line = next(line for line in text.splitlines() if "assign i__ready =" in line)
    shutil.copy(small.with_name("lif_core_zeros_8.hex"), tmp_path)
    path = tmp_path / "core.v"
    path.write_text(text.replace(line, f"  assign i__ready = {ready};"))
    neuron = NEURONS["shift, stochastic, subtract"]
    done = icarus.run(path, neuron, 8, np.full((10, 8), 70), seed=1, backpressure=0.5)
    for message in messages:
        assert any(message in text for text in done.violations), done.violations


def test_from_a_script(small: Path, tmp_path: Path) -> None:
    """Without pytest, warnings as errors: nothing printed, nothing left in the working folder."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, numpy\n"
        "from rheobase.cosim.engines import icarus\n"
        "from rheobase.models.integer.lif import IntegerLIF\n"
        f"neuron = {NEURONS['shift, stochastic, subtract']!r}\n"
        "done = icarus.run(sys.argv[1], neuron, 8, numpy.full((5, 8), 70), seed=1)\n"
        "assert done.violations == () and done.updates == 40, done\n"
    )
    folder = tmp_path / "here"
    folder.mkdir()
    command = [sys.executable, "-W", "error", str(script), str(small)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(folder.iterdir()) == []


def test_same_seed_same_run(small: Path) -> None:
    neuron = NEURONS["shift, stochastic, subtract"]
    currents = some_currents(neuron, 10, 8)
    runs = [
        icarus.run(small, neuron, 8, currents, seed, idle=0.3, backpressure=0.3)
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(runs[0].events, runs[1].events)
    assert not np.array_equal(runs[0].events, runs[2].events)
    assert np.array_equal(runs[0].spikes, runs[2].spikes)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("o__ready", "out_ready", r"lacks ports .*: o__ready \(1 bits\) is missing"),
        ("module lif_core(", "module neurons(", "has no module lif_core"),
    ],
)
def test_other_verilog(small: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    text = small.read_text()
    assert old in text
    (tmp_path / "core.v").write_text(text.replace(old, new))
    shutil.copy(small.with_name("lif_core_zeros_8.hex"), tmp_path)
    neuron = NEURONS["shift, stochastic, subtract"]
    with pytest.raises(ValueError, match=message):
        icarus.run(tmp_path / "core.v", neuron, 8, np.zeros((1, 8), int), seed=1)


def test_broken_verilog(tmp_path: Path) -> None:
    (tmp_path / "core.v").write_text("module lif_core(; endmodule")
    neuron = NEURONS["shift, floor"]
    with pytest.raises(RuntimeError, match=r"Icarus or cocotb failed: .*syntax error"):
        icarus.run(tmp_path / "core.v", neuron, 8, np.zeros((1, 8), int), seed=1)


@pytest.mark.parametrize("name", ["idle", "backpressure"])
@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_probabilities(small: Path, name: str, value: float) -> None:
    neuron = NEURONS["shift, floor"]
    with pytest.raises(ValueError, match=rf"{name} must be in \[0, 1\)"):
        icarus.run(small, neuron, 8, np.zeros((1, 8), int), seed=1, **{name: value})


def test_missing_tools(small: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is missing, what for, and how to get it."""
    neuron, currents = NEURONS["shift, floor"], np.zeros((1, 8), int)
    missing = "^the cocotb engine needs {}.*, which is missing. Install: "
    with monkeypatch.context() as context:
        context.setattr(doctor.sysconfig, "get_config_var", lambda name: None)
        context.setattr(doctor, "find_library", lambda name: None)
        with pytest.raises(doctor.MissingTool, match=missing.format("libpython")):
            icarus.run(small, neuron, 8, currents, seed=1)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(doctor.MissingTool, match=missing.format("iverilog")):
        icarus.run(small, neuron, 8, currents, seed=1)
