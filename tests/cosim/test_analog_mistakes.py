"""What transistors cannot do, asked for in a TOML file: one error with the physical reason."""

import os
import re
from pathlib import Path

import pytest

from rheobase.cosim.cli import main

EXPERIMENT = """
title = "mistakes"
[neuron]
tau_m = "20 ms"
v_rest = "0 mV"
v_reset = "10 mV"
v_th = "20 mV"
t_ref = "2 ms"
[[stimulus]]
name = "f-I"
kind = "constant current"
mu = ["30 mV"]
[spice]
dt = "0.01 ms"
speed_up = [1000]
"""
SPEED, RESET = "speed_up = [1000]", 'v_reset = "10 mV"'
KIT = SPEED + '\ntechnology = "gf180mcu"'

# A kit whose nMOS is a loop of voltage sources, and one without transistors.
LOOP = """.lib typical
.subckt nmos_3p3 d g s b w=1u l=1u ad=0 as=0 pd=0 ps=0
V1 d x 1
V2 d x 2
R1 x s 1k
.ends
.subckt pmos_3p3 d g s b w=1u l=1u ad=0 as=0 pd=0 ps=0
R1 d s 1k
.ends
.endl
"""
NONE = ".lib typical\n.endl\n"


@pytest.fixture
def kits(tmp_path: Path) -> Path:
    for name, text in (("loop", LOOP), ("none", NONE)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "design.ngspice").write_text("* nothing\n")
        (tmp_path / name / "sm141064.ngspice").write_text(text)
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("edits", "kit", "reason"),
    [
        ({SPEED: "speed_up = [0.01]"}, "", r"leak bias of .* A is outside weak inversion \(leaks\)"
         r": its mirror conducts .* without a bias; a larger c_m or speed-up brings it back"),
        ({SPEED: "speed_up = [1e5]", '"20 ms"': '"0.5 ms"', '"2 ms"': '"0 ms"'}, "",
         r"outside weak inversion \(strong inversion begins\).* a smaller c_m or speed-up"),
        ({SPEED: SPEED + "\nvoltage_scale = 100"}, "", "v_reset on the chip must be in .* V, not"
         " 1.900 V: a switch with the supply on its gate.* a smaller voltage_scale"),
        ({SPEED: SPEED + "\nvoltage_scale = 40", RESET: 'v_reset = "0 mV"'}, "", "comparator does"
         " not trip .* a few tenths of a volt below the supply of 1.8 V.* a smaller voltage_scale"),
        ({SPEED: SPEED + "\nvoltage_scale = 60", RESET: 'v_reset = "0 mV"'}, "",
         r"v_th = 0.02 V lies at 2.1 V on the chip, and of its 1.8 V .* voltage_scale below 45"),
        ({SPEED: "speed_up = [3e4]"}, "", r"t_ref = 0.002 s is 6.67e-08 s on the chip .*comparator"
         r" and reset need 1e-07 s: it takes a speed-up of at most 2e\+04, or t_ref = 0"),
        ({SPEED: "speed_up = [1e6]", '"2 ms"': '"0 ms"'}, "", "a longer t_ref or a smaller"
         " speed-up leaves them the time"),
        ({SPEED: SPEED + "\ncelsius = 300"}, "", "generic180 has no subthreshold range at 300 C"),
        ({SPEED: SPEED + '\ncorner = "slow"'}, "", "mine.toml: .spice.: corner of generic180 must"
         " be one of typical, ff, ss, fs, sf, not 'slow'"),
        ({SPEED: KIT}, "absent", "PDK_ROOT must name a folder, not '.*absent'"),
        ({SPEED: KIT}, "empty", "PDK_ROOT=.*empty holds no gf180mcu: design.ngspice and"),
        ({SPEED: KIT}, "none", "sm141064.ngspice has neither the transistor nfet_03v3 nor"),
        ({SPEED: KIT}, "loop", "ngspice failed: the netlist does not converge, as with a loop of"),
    ],
    ids=["leakage", "strong inversion", "reset", "threshold", "supply", "speed", "comparator",
         "temperature", "corner", "no folder", "no kit", "no transistor", "no convergence"],
)  # fmt: skip
def test_what_transistors_cannot_do_is_told_with_the_reason(
    edits: dict[str, str],
    kit: str,
    reason: str,
    kits: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(os.environ, "PDK_ROOT", str(kits / kit))
    text = EXPERIMENT
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    (kits / "mine.toml").write_text(text)
    assert main(["spice", str(kits / "mine.toml"), "--output", str(kits / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("rheobase spice: ") and "mine.toml: " in err
    assert re.search(reason, err, re.DOTALL), err
    assert not (kits / "out").exists()
