# amaranth: UnusedElaboratable=no
"""Delivered Verilog in Icarus, Verilator and CXXRTL against the integer model; planted faults."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rheobase.cosim.cli import main
from rheobase.cosim.engines.cxxrtl import CxxrtlCore
from rheobase.cosim.engines.network import NetworkEngine
from rheobase.cosim.engines.pipeline import PipelineEngine
from rheobase.hdl.core import Core
from rheobase.hdl.neurons import datapath
from rheobase.hdl.neurons.kinds import KINDS
from tests import benches
from tests.delivered import AXONS, CIRCUITS, LIF, N, deliver, network
from tests.kinds import SORTS, differing

DATAPATHS = {"lif": "lif", "loihi_lava": "loihi-lava", "loihi_nengo": "loihi-nengo",
             "spinnaker": "spinnaker", "truenorth": "truenorth"}  # fmt: skip
TICKS = 300
VECTORS = Path(__file__).parents[1] / "vectors"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders with delivered circuits, each written once."""
    root = tmp_path_factory.mktemp("delivered")

    def folder(name: str) -> Path:
        if not (root / name).exists():
            deliver(root / name)
        return root / name

    return folder


# ------------------------------------------------------------------ three simulators


@pytest.mark.parametrize("name", CIRCUITS)
@pytest.mark.parametrize("simulate", [benches.icarus, benches.verilator])
def test_the_bench_passes(
    delivered: Callable[[str], Path], name: str, simulate: Callable[[Path, str], str]
) -> None:
    about = json.loads((delivered(name) / "manifest.json").read_text())
    number = re.findall(r"(\d+) (?:updates|events)", about["test_bench"]["checks"])[-1]
    lines = simulate(delivered(name), name).splitlines()
    what = "updates" if name in DATAPATHS else "events"
    assert lines[0] == f"PASS: {number} {what}"
    assert int(number) > 100


@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("loihi_lava", "loihi lava"),
        ("loihi_nengo", "loihi nengo"),
        ("truenorth", "truenorth 20 saturate"),
    ],
)
def test_a_datapath_in_cxxrtl(delivered: Callable[[str], Path], name: str, sort: str) -> None:
    path = delivered(name) / f"{name}.v"
    engine = PipelineEngine.from_verilog(path, datapath(KINDS[DATAPATHS[name]][0]))
    assert differing(engine.run, SORTS[sort], np.random.default_rng(2), 200_000) == 0


def test_the_lif_datapath_in_cxxrtl(delivered: Callable[[str], Path]) -> None:
    neuron = KINDS["lif"][0]
    sort = SORTS["lif multiply"]._replace(neuron=neuron)
    sort = sort._replace(legal=sort.legal | {"refractory": (0, 255)})
    engine = PipelineEngine.from_verilog(delivered("lif") / "lif.v", datapath(neuron))
    assert differing(engine.run, sort, np.random.default_rng(2), 200_000) == 0


def test_the_neuron_core_in_cxxrtl(delivered: Callable[[str], Path]) -> None:
    core = CxxrtlCore.from_verilog(delivered("lif_core") / "lif_core.v", LIF, N)
    currents = np.random.default_rng(3).integers(-20, 50, (TICKS, N))
    done, model = core.run(currents), replace(LIF, seed=5).run(currents)
    assert done.violations == ()
    np.testing.assert_array_equal(done.spikes, model.spikes)
    assert model.spikes[0].size > 100


def arrivals() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    ticks = rng.integers(0, TICKS, 4 * TICKS)
    return ticks, rng.integers(0, AXONS, ticks.size)


def test_the_network_core_in_cxxrtl(delivered: Callable[[str], Path]) -> None:
    """The contents of its memory files, clock by clock as the core whose memories are written."""
    core, given = Core(network(), weight_width=8, lanes=2), arrivals()
    engine = NetworkEngine.from_verilog(delivered("network_core") / "network_core.v", core)
    rng = np.random.default_rng(4)
    patterns = rng.random(997) < 0.7, rng.random(991) < 0.6
    done = engine.run(*given, TICKS, False, *patterns)
    model = network().run(*given, TICKS)
    assert done.violations == ()
    np.testing.assert_array_equal(done.spikes, model.spikes)
    assert (done.dropped, done.saturated) == (0, model.saturated)
    assert model.spikes[0].size > 500 and model.saturated > 50
    with pytest.raises(ValueError, match="record must be False for a Verilog file"):
        engine.run(*given, TICKS, record=True)


def test_a_network_core_that_gives_events_for_ever_is_stopped(
    delivered: Callable[[str], Path], tmp_path: Path
) -> None:
    change = (r"assign o__valid = neurons_o__valid & .*;", "assign o__valid = 1'h1;")
    folder = spoiled(delivered("network_core"), tmp_path / "network_core", *change)
    core = Core(network(), weight_width=8, lanes=2)
    done = NetworkEngine.from_verilog(folder / "network_core.v", core).run(*arrivals(), TICKS)
    assert f"more than the {TICKS * N} possible" in " ".join(done.violations)


def test_network_verilog_without_the_ports_is_refused(delivered: Callable[[str], Path]) -> None:
    path = delivered("network_core") / "network_core.v"
    with pytest.raises(
        ValueError, match=r"lacks ports of this network core: .*write_weights__addr"
    ):
        NetworkEngine.from_verilog(path, Core(network(), words=5000))


# ------------------------------------------------------------------ planted faults


def spoiled(folder: Path, to: Path, old: str, new: str) -> Path:
    """A copy with `old`, which must be there once, become `new` in the source."""
    shutil.copytree(folder, to)
    source = to / f"{folder.name}.v"
    text, number = re.subn(old, new, source.read_text())
    assert number == 1, number
    source.write_text(text)
    return to


COMPARES = {
    "lif": (r"(\$signed\(integrate_s\)) >= ", r"\1 > "),
    "loihi_lava": (r"(assign spike = \$signed\(clip_v\)) > ", r"\1 >= "),
    "loihi_nengo": (r"(assign spike = \$signed\(clip_v\)) > ", r"\1 >= "),
    "spinnaker": (r"(assign o_v_ge = \$signed\(update_v\)) >= ", r"\1 < "),
    "truenorth": (r"(compare_above <= \$signed\(leak_b\)) >= ", r"\1 > "),
    "lif_core": (r"(\$signed\(integrate_s\)) >= ", r"\1 > "),
    "network_core": (r"(\$signed\(integrate_s\)) >= ", r"\1 > "),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_a_wrong_comparison_fails(
    delivered: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    folder = spoiled(delivered(name), tmp_path / name, *COMPARES[name])
    first, last = benches.icarus(folder, name).splitlines()[:2]
    assert re.fullmatch(r"(update|event) \d+.* is \w+, not \w+", first)
    assert re.fullmatch(r"FAIL: \d+ mismatches in \d+ (updates|events)", last)


def test_a_wrong_weight_fails(delivered: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(delivered("network_core"), tmp_path / "network_core")
    file = tmp_path / "network_core" / "network_core_synapses_weights.hex"
    words = file.read_text().splitlines()
    words[4] = f"{int(words[4], 16) ^ 16:x}"
    file.write_text("\n".join(words) + "\n")
    lines = benches.icarus(tmp_path / "network_core", "network_core").splitlines()
    assert re.fullmatch(r"(event \d+|saturated) is \w+, not \w+", lines[0])
    assert re.fullmatch(r"FAIL: \d+ mismatches in \d+ events", lines[1])


@pytest.mark.parametrize("simulate", [benches.icarus, benches.verilator])
def test_a_core_that_hangs_fails(
    delivered: Callable[[str], Path], tmp_path: Path, simulate: Callable[[Path, str], str]
) -> None:
    """Both simulators come to an end, and count what never came."""
    change = (r"assign i__ready = .*;", "assign i__ready = 1'h0;")
    folder = spoiled(delivered("lif_core"), tmp_path / "lif_core", *change)
    first, last = simulate(folder, "lif_core").splitlines()[:2]
    number = re.findall(r"FAIL: (\d+) mismatches in (\d+) events", last)
    assert first.startswith("event 0 is missing")
    assert number[0][0] == number[0][1]


# ------------------------------------------------------------------ golden vectors on a file


def test_vectors_on_a_delivered_datapath(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Vectors of other modes are named; a fault in the file is found."""
    lava = str(VECTORS / "loihi_lava_bitacc.json")
    assert main(["verilog", "--datapath", "loihi-lava", "--output", str(tmp_path)]) == 0
    file = tmp_path / "loihi_lava.v"
    assert str(file) in capsys.readouterr().out
    command = ["vectors", "check", lava, "--on", "rtl", "--verilog", str(file)]
    assert main(command) == 0
    assert capsys.readouterr().out == (
        "not run, of other modes: ternary_0, ternary_1, ternary_3, ternary_5\n"
        "114 vectors on rtl: 0 mismatches\n"
    )
    text, number = re.subn(COMPARES["loihi_lava"][0], COMPARES["loihi_lava"][1], file.read_text())
    assert number == 1
    file.write_text(text)
    assert main([*command, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["vectors"] == 114 and len(answer["not_run"]) == 4 and answer["mismatches"]


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    return capsys.readouterr().err


def test_vectors_that_a_file_cannot_run(
    delivered: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paibox, lava = (VECTORS / f"{n}.json" for n in ("truenorth_paibox", "loihi_lava_bitacc"))
    on = ("--on", "rtl", "--verilog")
    folder = delivered("truenorth")
    error = refused(capsys, "vectors", "check", paibox, *on, folder / "truenorth.v")
    assert "is a TrueNorth with modes (20, 1, 0, 0), which no vector has; they have" in error
    core = delivered("lif_core") / "lif_core.v"
    assert "must be a datapath or its netlist, not a neuron core" in refused(
        capsys, "vectors", "check", lava, *on, core
    )
    shutil.copy(folder / "truenorth.v", tmp_path)
    alone = tmp_path / "truenorth.v"
    assert "manifest.json, which" in refused(capsys, "vectors", "check", lava, *on, alone)
    absent = tmp_path / "absent.v"
    assert f"{absent}: no such file" in refused(capsys, "vectors", "check", lava, *on, absent)
    assert "--verilog needs --on rtl" in refused(
        capsys, "vectors", "check", lava, "--verilog", alone
    )
    shutil.copy(delivered("loihi_lava") / "manifest.json", tmp_path)
    error = refused(capsys, "vectors", "check", lava, *on, alone)
    assert "truenorth.v lacks ports of rheobase's datapath: i_u " in error
    (tmp_path / "manifest.json").write_text("{}")
    assert "not a manifest of rheobase" in refused(capsys, "vectors", "check", lava, *on, alone)


def test_datapaths_have_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("--output", tmp_path / "out")
    error = refused(capsys, "verilog", "--datapath", "loihi", *out)
    assert f"--datapath must be one of {', '.join(KINDS)}, not 'loihi'" in error
    error = refused(capsys, "verilog", "--datapath", "lif", "--dt", "1 ms", *out)
    assert "--dt belongs to an experiment" in error
    assert not (tmp_path / "out").exists()
