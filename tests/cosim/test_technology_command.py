"""``rheobase technology``: figures as a table, as JSON and as a plot."""

import json
import os
from pathlib import Path

import pytest

from rheobase.analog.subthreshold import transistor
from rheobase.analog.technology import generic180
from rheobase.cosim.cli import main

SHARED = Path(os.environ.get("RHEOBASE_SHARED", ""))


def test_the_table_has_both_transistors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["technology"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "generic180, corner typical, 27 C, supply 1.8 V, W = L = 2 um"
    rows = {line[:32].strip(): line[32:].split() for line in lines[2:]}
    n, p = (transistor(generic180, kind) for kind in "np")
    assert rows["slope factor, least"] == [f"{n.n_0:.3f}", f"{p.n_0:.3f}"]
    assert rows["A_VT"][3:5] == ["mV", "um"]


def test_json_is_in_si_units_and_a_plot_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["technology", "generic180", "--json", "--plot", str(tmp_path / "t.svg")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["technology"], found["corner"]) == ("generic180", "typical")
    n = found["transistors"]["n"]
    assert n["i0"] == transistor(generic180, "n").i0
    assert 4e-9 < n["a_vt"] < 6e-9
    assert [file.name for file in tmp_path.iterdir()] == ["t.svg"]
    assert (tmp_path / "t.svg").read_text().lstrip().startswith("<?xml")


@pytest.mark.needs_shared
def test_a_kit_is_found_through_pdk_root(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PDK_ROOT", str(SHARED / "pdk" / "gf180mcu"))
    assert main(["technology", "gf180mcu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["transistors"]
    assert found["n"]["v_th_drift"] < -0.5e-3 and found["p"]["v_th_drift"] < -0.5e-3


@pytest.mark.parametrize(
    ("name", "message"),
    [("sky130", "PDK_ROOT is not set"), ("tsmc65", "technology must be one of generic180, gf180")],
)
def test_what_is_no_technology_is_told(
    name: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PDK_ROOT", raising=False)
    assert main(["technology", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("rheobase technology: ") and message in err
