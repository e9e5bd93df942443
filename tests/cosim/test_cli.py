"""The command line: help, numbers, and one clear error for every mistake."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog import ngspice
from rheobase.cosim import doctor
from rheobase.cosim.cli import main
from rheobase.cosim.experiment import built_in
from rheobase.cosim.substrates import chip
from rheobase.models.theory import siegert

SMALL = """
title = "small"

[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"

[[stimulus]]
name = "drives"
kind = "constant current"
mu = ["10 mV", "21 mV", "24 mV", "30 mV", "40 mV", "60 mV", "90 mV", "120 mV"]

[reference]
dt = ["0.1 ms"]

[rtl]
dt = ["0.1 ms"]
width = 16
lsb = "0.78125 uV"
neurons = 8
icarus_steps = 40
"""
MU = 'mu = ["10 mV", "21 mV", "24 mV", "30 mV", "40 mV", "60 mV", "90 mV", "120 mV"]'
CONSTANT = f'kind = "constant current"\n{MU}'
SPICE = SMALL[: SMALL.index("[reference]")] + '[spice]\ndt = "0.1 ms"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """The one error message of a command that must write nothing to standard output."""
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"rheobase {words[0]}: ")
    assert "Traceback" not in err
    return err


# ------------------------------------------------------------------ help and numbers


@pytest.mark.parametrize(
    "command",
    [None, "verify", "verilog", "spice", "chips", "technology", "theory", "bench", "doctor"],
)
def test_help(capsys: pytest.CaptureFixture[str], command: str | None) -> None:
    with pytest.raises(SystemExit) as done:
        main([*([command] if command else []), "--help"])
    assert done.value.code == 0
    assert capsys.readouterr().out.startswith(" ".join(filter(None, ("usage: rheobase", command))))


def test_python_m_is_the_same_program() -> None:
    command = [sys.executable, "-m", "rheobase", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: rheobase ")


def test_doctor_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = {tool["name"]: tool["version"] for tool in json.loads(capsys.readouterr().out)}
    assert found["numpy"] == np.__version__


def test_verify_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    path = written(tmp_path, SMALL)
    assert main(["verify", str(path), "--json", "--quiet", "--output", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.strip() == (out / "results.json").read_text(encoding="utf-8")
    rates = next(c for c in json.loads(printed)["checks"] if c["observable"] == "rate")
    ideal = siegert.fi_curve(built_in("fi-curve").neuron, 120e-3)
    assert rates["points"][-1]["measured"] == pytest.approx(ideal, rel=0.1e-3 * ideal)


# ------------------------------------------------------------------ mistakes


NOISE = 'kind = "white noise"\nmu = "{}"\nsigma = "{}"'
PULSES = 'kind = "input spikes"\ntimes = ["0 s"]\namplitude = "{}"\nwidth = "1 us"\nduration = "{}"'


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("[rtl]", "[rtl]\nwidht = 16", "unknown field `widht` - at `$.rtl`; allowed: platform, dt"),
        ("[reference]", "[fpga]\n[reference]", "unknown field `fpga`; allowed: title, neuron"),
        ('tau_m = "20 ms"', 'tau_m = "20 pF"', "'20 pF' is a capacitance: write a time"),
        ('v_reset = "10 mV"', 'v_reset = "20 mV"', "v_reset must be < v_th = 0.02 V, not 0.02"),
        ('tau_m = "20 ms"', 'tau_m = "0 ms"', "tau_m must be > 0 s, not 0.0"),
        ('t_ref = "2 ms"', 't_ref = "-2 ms"', "t_ref must be >= 0 s, not -0.002"),
        ('dt = ["0.1 ms"]\n\n', 'dt = ["-1 ms"]\n', "[reference] dt must be > 0 s and < tau_m"),
        ('dt = ["0.1 ms"]\n\n', "dt = []\n", "`array` of length >= 1 - at `$.reference.dt`"),
        ('dt = ["0.1 ms"]\n\n', 'dt = ["1 ms"]\nseed = -1\n', ">= 0 - at `$.reference.seed`"),
        ("[rtl]", "[spice]\nspeed_up = []\n[rtl]", "of length >= 1 - at `$.spice.speed_up`"),
        (
            "width = 16",
            "width = 8",
            "[rtl] width = 8 holds -128 .. 127, not the threshold of 25600",
        ),
        ("width = 16", "width = 64", "[rtl] width must be in 4 .. 32"),
        (
            "width = 16",
            "width = 16\ninput_width = 4",
            "RTL, drives, dt 100 µs: mu = 0.01 V is 64 LSB per step, beyond -8 .. 7",
        ),
        (CONSTANT, f"{CONSTANT}\non = []", "[[stimulus]] drives: on = [] must name one of the"),
        (CONSTANT, f'{CONSTANT}\non = ["spice"]', "sections ['reference', 'rtl']"),
        (MU, 'mu = ["10 mV", "20 mV"]', "above rheobase (20 mV), the largest is 20 mV"),
        (MU, 'current = ["1 nA"]', "[[stimulus]] 1 (drives): c_m is needed"),
        (
            CONSTANT,
            'kind = "recorded current"\nfile = "a.npz"',
            "1 (drives): a recorded current needs",
        ),
        (CONSTANT, NOISE.format("15 mV", "-1 mV"), "1 (drives): sigma must be >= 0 V, not -0.001"),
        (CONSTANT, NOISE.format("-1 V", "1 mV"), "drives: a rate of 0 Hz is too low to wait for"),
        (CONSTANT, PULSES.format("1 V", "10 us"), "duration, 10 µs, is shorter than the time step"),
        (CONSTANT, PULSES.format("1e5 V", "1 s"), "RTL, drives, dt 100 µs: currents must be in"),
    ],
)
def test_mistakes_in_an_experiment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, error: str
) -> None:
    assert old in SMALL
    path = written(tmp_path, SMALL.replace(old, new, 1))
    found = refused(capsys, "verify", path, "--quiet", "--output", tmp_path / "out")
    assert error in found
    assert str(path) in found
    assert [*tmp_path.iterdir()] == [path]


def test_two_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stimulus = SMALL[SMALL.index("[[stimulus]]") : SMALL.index("[reference]")]
    path = written(tmp_path, SMALL.replace(stimulus, 2 * stimulus))
    out = ("--quiet", "--output", tmp_path / "out")
    assert "drives: another stimulus has this name" in refused(capsys, "verify", path, *out)
    path = written(tmp_path, SMALL)
    assert "two experiments are called 'mine'" in refused(capsys, "verify", path, path, *out)


@pytest.mark.parametrize("below", [".", "deeper/still"])
def test_an_output_that_is_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    path, file = written(tmp_path, SMALL), tmp_path / "taken"
    file.write_text("mine")
    error = refused(capsys, "verify", path, "--quiet", "--output", file / below)
    assert re.search(rf"cannot write to {file}.*: Not a directory", error)
    assert file.read_text() == "mine"
    for command in ("verilog", "spice"):
        text = SMALL if command == "verilog" else SPICE
        assert str(file) in refused(capsys, command, written(tmp_path, text), "--output", file)
        assert file.read_text() == "mine"


def test_an_output_that_is_closed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.geteuid() == 0:  # to whom modes mean nothing
        closed = Path("/sys")
    error = refused(capsys, "verify", written(tmp_path, SMALL), "--output", closed / "out")
    assert f"cannot write to {closed / 'out'}: " in error


# ------------------------------------------------------------------ tools


@pytest.mark.parametrize(
    ("tool", "text"), [("g++", SMALL.replace("icarus_steps = 40", "")), ("iverilog", SMALL)]
)
def test_a_program_that_is_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tool: str,
    text: str,
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    if tool != "g++":
        (programs / "g++").symlink_to(str(shutil.which("g++")))
    monkeypatch.setenv("PATH", str(programs))
    path = written(tmp_path, text)
    error = refused(capsys, "verify", path, "--quiet", "--output", tmp_path / "out")
    assert f"rheobase verify needs {tool} (" in error
    assert "which is missing. Install: " in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["verify", "spice"])
def test_libngspice_that_is_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.setattr(doctor, "find_library", lambda name: None)
    error = refused(capsys, command, written(tmp_path, SPICE), "--output", tmp_path / "out")
    assert f"rheobase {command} needs libngspice (netlists), which is missing" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("addition", "seconds", "error"),
    [
        ("B1 0 m i=1u*exp(40*v(m))", 60.0, "ngspice failed: "),
        ("", 1e-3, "ngspice did not finish within 0.001 s"),
    ],
    ids=["a deck that cannot converge", "a run that stalls"],
)
def test_an_ngspice_run_that_breaks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    addition: str,
    seconds: float,
    error: str,
) -> None:
    run = ngspice.Session.run

    def broken(session, deck, vectors, files=None, timeout=0.0):  # type: ignore[no-untyped-def]
        return run(session, deck.replace(".tran", f"{addition}\n.tran"), vectors, files, seconds)

    monkeypatch.setattr(chip, "_chips", {})
    monkeypatch.setattr(ngspice.Session, "run", broken)
    path = written(tmp_path, SPICE)
    found = refused(capsys, "verify", path, "--quiet", "--output", tmp_path / "out")
    assert found.startswith(
        f"rheobase verify: {path}: SPICE, design and extraction at speed-up 1: "
    )
    assert error in found
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_everything(number: signal.Signals, tmp_path: Path) -> None:
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    text = SPICE.replace("[spice]", "[spice]\nspeed_up = [1, 10, 100, 1000]")
    program = (
        "import sys\n"
        "from rheobase.analog import ngspice\n"
        "from rheobase.cosim.cli import main\n"
        "begin = ngspice.Session.__init__\n"
        "def told(session):\n"
        "    begin(session)\n"
        "    print(session._process.pid, flush=True)\n"
        "ngspice.Session.__init__ = told\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, "verify", written(tmp_path, text), "--output", out],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as user:  # fmt: skip
        assert user.stdout is not None and user.stderr is not None
        while "SPICE, drives" not in (line := user.stderr.readline()):
            assert line, "it ended before it simulated the drives"
        time.sleep(0.5)
        before = time.monotonic()
        user.send_signal(number)
        stdout, stderr = user.communicate(timeout=60)
        took = time.monotonic() - before
    assert user.returncode == 2
    assert stderr.splitlines()[-1] == "rheobase verify: interrupted; nothing was written"
    assert "Traceback" not in stderr
    assert took < 5
    children = [int(pid) for pid in stdout.split()]
    assert children and not any(_runs(child) for child in children)
    assert not out.exists()
    assert [*scratch.iterdir()] == []


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
