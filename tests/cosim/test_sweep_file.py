"""Sweep files: their points, each mistake with file and key, and the verdicts of the command."""

import re
from pathlib import Path

import pytest

from rheobase.cosim.cli import main
from rheobase.cosim.sweep_file import read
from rheobase.cosim.tables import ExperimentError

MINE = """
title = "small"

[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"

[[stimulus]]
name = "drives"
kind = "constant current"
mu = ["21 mV", "30 mV"]

[reference]
dt = ["0.1 ms"]
spikes = 200

[check]
rate = 0.04
"""


def planned(folder: Path, text: str) -> Path:
    (folder / "mine.toml").write_text(MINE)
    path = folder / "plan.toml"
    path.write_text(f'experiment = "mine.toml"\n{text}')
    return path


def test_a_grid_has_every_combination(tmp_path: Path) -> None:
    text = '[grid]\n"neuron.tau_m" = ["10 ms", "20 ms"]\n"stimulus.1.mu" = [["21 mV"], ["22 mV"]]'
    plan = read(planned(tmp_path, text))
    assert [(p["neuron.tau_m"], p["stimulus.1.mu"]) for p in plan.points] == [
        ("10 ms", ["21 mV"]), ("10 ms", ["22 mV"]), ("20 ms", ["21 mV"]), ("20 ms", ["22 mV"]),
    ]  # fmt: skip
    assert plan.judge.confidence**4 == pytest.approx(0.999, abs=1e-12)


def test_the_example_can_be_read() -> None:
    assert len(read(Path(__file__).parents[2] / "examples" / "sweep.toml").points) == 6


def test_a_key_leads_to_a_value_of_the_experiment(tmp_path: Path) -> None:
    text = '[[list]]\n"neuron.t_ref" = "2 ms"\n[[list]]\n"stimulus.drives.mu" = ["25 mV"]'
    plan = read(planned(tmp_path, text))
    first, second = map(plan.judge.experiment, plan.points)
    assert (first.neuron.t_ref, second.neuron.t_ref) == (2e-3, 0.0)
    assert [e.stimuli[0].stimulus.mu for e in (first, second)] == [(0.021, 0.03), (0.025,)]


MONTE_CARLO = """
[monte_carlo]
points = {}
seed = 3
[monte_carlo.vary]
"neuron.v_th" = {{ normal = ["20 mV", "0.1 mV"] }}
"neuron.tau_m" = {{ uniform = ["10 ms", "20 ms"] }}
"reference.seed" = {{ integers = [1, 3] }}
"""


def test_a_monte_carlo_draws_each_point_by_itself(tmp_path: Path) -> None:
    plan = read(planned(tmp_path, MONTE_CARLO.format(400)))
    assert read(planned(tmp_path, MONTE_CARLO.format(20))).points == plan.points[:20]
    experiments = [plan.judge.experiment(point) for point in plan.points]
    v_th = [e.neuron.v_th for e in experiments]
    mean = sum(v_th) / 400
    spread = sum((v - mean) ** 2 for v in v_th) / 399
    assert abs(mean - 0.02) < 4 * 1e-4 / 20  # both within four standard errors
    assert abs(spread - 1e-8) < 4 * 1e-8 * (2 / 399) ** 0.5
    tau = [e.neuron.tau_m for e in experiments]
    assert 0.01 <= min(tau) < 0.0102 and 0.0198 < max(tau) <= 0.02
    assert {e.reference.seed for e in experiments} == {1, 2, 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"give one of \[grid\], \[\[list\]\] and \[monte_carlo\]"),
        ('[grid]\n"neuron.tau_m" = ["1 ms"]\n[[list]]\n"neuron.t_ref" = "1 ms"', "give one of"),
        ("[grid]", "length >= 1"),
        ('[grid]\n"neuron.tau_m" = []', r"\[grid\]: a key has no values"),
        ('[grid]\n"neuron.tau" = ["1 ms"]', "point 0, neuron.tau = 1 ms: .*unknown field `tau`"),
        ('[grid]\n"neuron.tau_m" = ["1 mV"]', "'1 mV' is a voltage: write a time"),
        ('[grid]\n"rtl.width" = [8]', "rtl.width: the experiment has no 'rtl'"),
        ('[grid]\n"stimulus.2.mu" = [["1 mV"]]', "stimulus.2.mu: the experiment has no '2'"),
        ('[grid]\n"stimulus.1" = [1]', "stimulus.1: must name a value of one of its tables"),
        ("[map]", "unknown field `map`; allowed: experiment, grid, list, monte_carlo"),
        (MONTE_CARLO.format(0), r"\[monte_carlo\]: .*>= 1.*points"),
        (MONTE_CARLO.format(1).replace('"0.1 mV"', '"-1 mV"'), "v_th: .*deviation must be >= 0"),
        (MONTE_CARLO.format(1).replace('"0.1 mV"', "1"), "v_th: 1 has no unit"),
        (MONTE_CARLO.format(1).replace('"10 ms"', '"30 ms"'), r"tau_m: .*must be \[low, high\]"),
        (MONTE_CARLO.format(1).replace("integers", "whole"), "seed: .*unknown field `whole`"),
    ],
)
def test_a_mistake_in_a_sweep_file_names_file_and_key(
    tmp_path: Path, text: str, message: str
) -> None:
    path = planned(tmp_path, text)
    with pytest.raises(ExperimentError, match=message) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: ")


NOISY = """
[[list]]
"stimulus.1.kind" = "white noise"
"stimulus.1.mu" = "20 mV"
"stimulus.1.sigma" = "4 mV"
[[list]]
"stimulus.1.mu" = ["1 mV"]
"""


def test_a_point_that_does_not_agree_is_told_and_the_command_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = planned(tmp_path, NOISY), tmp_path / "r.jsonl"
    assert main(["sweep", str(path), "--output", str(out), "--workers", "1", "--quiet"]) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("point 0, stimulus.1.kind = white noise, ")
    assert first.endswith(": inconclusive: see its checks")
    assert re.match(r"point 1, .*: failed: ValueError: .* one drive at least must be above", second)
    assert last == f"2 points: 1 inconclusive, 1 failed; results: {out}"
