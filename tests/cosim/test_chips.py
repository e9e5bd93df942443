"""``rheobase chips``: table, JSON and picture of a Monte Carlo, failed chips in them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog.calibration import Calibrated, Plan
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.mismatch import Study
from rheobase.analog.monte_carlo import Failed, Response
from rheobase.analog.sensitivity import Spread
from rheobase.cosim.budget import point_error_rate
from rheobase.cosim.cli import main
from rheobase.cosim.experiment import load
from rheobase.cosim.substrates import mismatch
from rheobase.cosim.substrates.chip import made as made_chip
from rheobase.cosim.substrates.place import Place

EXPERIMENT = """
title = "chips"
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
speed_up = [1000]
offset = "3 mV"
"""
NOMINAL = Response(20e-6, 0.9, 0.92, (1e4, 2e4, 4e4, 8e4))


def made(lif: AnalogLIF, *arguments: object, **others: object) -> Study:
    """Four chips whose rates are off by -10, 0, 10 and 20 %; the last one fails, and stays so."""
    before = tuple(
        replace(NOMINAL, rates=tuple((1 + x) * rate for rate in NOMINAL.rates))
        for x in (-0.1, 0.0, 0.1)
    )
    after = tuple(
        replace(NOMINAL, rates=tuple((1 + x) * rate for rate in NOMINAL.rates))
        for x in (-0.01, 0.0, 0.01)
    )
    dead = Failed("the comparator does not trip")
    nominal = np.array([*NOMINAL.values[:3], 5e3, 3e4, 9e4])
    sd = np.array([1e-6, 1e-3, 2e-3, 1e3, 3e3, 9e3])
    nothing = np.zeros(0)
    return Study(
        seeds=(1, 2, 3, 4),
        held_out=(1e-9,) * 4,
        nominal=NOMINAL,
        before=(*before, dead),
        spread=Spread((), nominal, sd[:, None], nothing, sd, np.zeros(6)),
        plan=Plan(nothing, nothing, nothing, (), nothing),
        calibrated=(*(Calibrated((k,), lif, 3) for k in range(3)), dead),
        after=(*after, dead),
    )


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mismatch, "study", made)
    (tmp_path / "mine.toml").write_text(EXPERIMENT)
    return tmp_path / "mine.toml"


def test_the_table_has_spread_prediction_yield_and_failures(
    experiment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chips", str(experiment), "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "4 chips of generic180, speed-up 1000" in out
    assert out.splitlines()[5].split() == ["v_trip", "920", "mV", "2", "mV", "0", "V"]
    assert "rate at 2.0 rheobases                       10.00%" in out
    assert "rate at 1.2 rheobases         10 kHz        10.00%       1.00%" in out
    assert "within 5.0% of all nominal rates: 25.0% of the chips before calibration, 75.0%" in out
    assert "chip 4 failed before calibration: the comparator does not trip" in out


def test_json_and_picture(experiment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = experiment.with_name("chips.svg")
    assert main(["chips", str(experiment), "--quiet", "--json", "--plot", str(picture)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["chips"], found["yield_before"], found["yield_after"]) == (4, 0.25, 0.75)
    assert found["codes"] == {"1": [0], "2": [1], "3": [2], "4": None}
    assert list(found["failures"]) == ["4"]
    assert picture.read_text().lstrip().startswith("<?xml")


@pytest.mark.parametrize("seen", [1.0, 2.5])
def test_the_spread_is_judged_by_pelgroms_law(
    experiment: Path, monkeypatch: pytest.MonkeyPatch, seen: float
) -> None:
    """Forty chips as the law has them, and ones with two and a half times its spread."""
    rng = np.random.default_rng(5)

    def drawn(lif: AnalogLIF, *arguments: object, **others: object) -> Study:
        found = made(lif)
        sizes = seen * found.spread.second[:3]
        before = tuple(
            Response(*(NOMINAL.values[:3] + sizes * rng.normal(size=3)), NOMINAL.rates)
            for _ in range(40)
        )
        return replace(found, seeds=tuple(range(40)), before=before, after=before)

    monkeypatch.setattr(mismatch, "study", drawn)
    asked = load(experiment)
    lif = made_chip(asked.neuron, asked.spice.process(), 1000.0, 1.0).lif
    found = mismatch.judged(Place(asked, "design", "spice", "x"), lif, 40, print)
    rate = point_error_rate(found.checks, 0.999)
    assert [check.verdict(rate) for check in found.checks] == 3 * [
        "agree" if seen == 1.0 else "disagree"
    ]
    assert "100% of them before calibration" in found.pictures[0].caption


@pytest.mark.parametrize(
    ("edit", "options", "message"),
    [
        (
            ('offset = "3 mV"', 'offset = "-3 mV"'),
            [],
            "mine.toml: [spice] offset must be > 0 V, not -0.003",
        ),
        (("[spice]", '[reference]\ndt = ["1 ms"]\n[x]'), [], "unknown field `x`"),
        (("", ""), ["--count", "2"], "--count must be >= 3"),
        (("", ""), ["--window", "-1"], "--window must be > 0"),
        (("", ""), ["--speed-up", "0"], "speed_up must be finite and > 0"),
    ],
)
def test_what_cannot_be_is_told(
    experiment: Path,
    edit: tuple[str, str],
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    experiment.write_text(EXPERIMENT.replace(*edit))
    assert main(["chips", str(experiment), "--quiet", *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.startswith("rheobase chips: ")


def test_an_experiment_without_transistors_has_no_chips(
    experiment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, _, _ = EXPERIMENT.partition("[spice]")
    experiment.write_text(head + '[reference]\ndt = ["1 ms"]\n')
    assert main(["chips", str(experiment)]) == 2
    assert "has no [spice], so there are no chips" in capsys.readouterr().err
