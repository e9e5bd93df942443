"""Transistor neurons and a core in one loop: wiring, rates as predicted, faults, mistakes."""

import csv
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rheobase.cosim.budget import overall
from rheobase.cosim.cli import main
from rheobase.cosim.findings import Findings
from rheobase.cosim.lockstep.record import Record
from rheobase.cosim.lockstep.run import LockstepError
from rheobase.cosim.network_experiment import NetworkExperiment, load_network
from rheobase.cosim.preflight import require_playable
from rheobase.cosim.substrates import mixed
from rheobase.cosim.substrates.mixed import Predicted
from rheobase.cosim.substrates.mixed_system import Timing, sources, system, wired
from rheobase.cosim.substrates.network import Bench

FILE = """
title = "small"
dt = "1 ms"
[neuron]
tau_m = "20 ms"
v_reset = "10 mV"
v_th = "20 mV"
t_ref = "2 ms"
[[population]]
name = "E"
on = "spice"
size = 2
drive = { mu = "18 mV", rate = "60 Hz", in_degree = 3, weight = "2 mV" }
[[population]]
name = "I"
size = 16
drive = { mu = "8 mV", rate = "150 Hz", in_degree = 1, weight = "3 mV" }
[[projection]]
source = "E"
target = "I"
in_degree = 2
weight = "6 mV"
delay = "1 ms"
[[projection]]
source = "I"
target = "E"
in_degree = 4
weight = "-1.5 mV"
delay = "1 ms"
[run]
seconds = "2 s"
transient = "0.2 s"
seeds = 16
[rtl]
width = 12
lsb = "25 uV"
[spice]
speed_up = 100
tau_s = "5 ms"
pulse = "0.4 ms"
clock = "100 ns"
[check]
rate = 0.5
"""


def described(folder: Path, *edits: tuple[str, str]) -> NetworkExperiment:
    text = FILE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (folder / "small.toml").write_text(text)
    return load_network(str(folder / "small.toml"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Predicted]:
    bench = Bench.of(described(tmp_path_factory.mktemp("network")))
    return bench, mixed.predicted(bench, lambda _: None)


def test_every_transistor_neuron_hears_its_in_degrees_and_its_own_relays(tmp_path: Path) -> None:
    experiment = described(tmp_path)
    core = wired(experiment, 3)
    relay, projection = sources(experiment)
    assert (relay.number, projection.number) == (3, 4)
    assert core.relays == 16 and core.made.network.n == 16 + 2 * 3
    heard = [[j for j, route in enumerate(core.routes) if k in route] for k in range(4)]
    assert heard[0] == [16, 17, 18] and heard[2] == [19, 20, 21]
    assert all(len(set(heard[k])) == 4 and max(heard[k]) < 16 for k in (1, 3))
    assert core.axon == core.made.network.n
    synapses = core.made.network.synapses
    targets = synapses.target[(synapses.axon >= core.axon) & (synapses.axon < core.axon + 2)]
    assert np.array_equal(np.bincount(targets), np.full(16, 2))


def test_the_loop_has_the_rates_of_mean_field_and_a_halved_coupling_has_not(
    expected: tuple[Bench, Predicted], tmp_path: Path
) -> None:
    bench, prediction = expected
    for edit, verdict in (("6 mV", "agree"), ("3 mV", "disagree")):
        built = described(tmp_path, ('weight = "6 mV"', f'weight = "{edit}"'))
        core = wired(built, bench.seeds[0])
        both = system(built, core, prediction.neuron, bench.steps, bench.seeds[0])
        record = mixed.played(built, both, bench.steps, tmp_path / edit, lambda _: None)
        judged = replace(bench, findings=Findings())
        mixed.judge(judged, prediction, core, record)
        checks = judged.findings.checks
        assert [(c.stimulus, c.substrate) for c in checks] == [
            ("E", "spice"), ("I", "rtl"), ("E", "rtl"),
        ]  # fmt: skip
        assert overall(checks, 0.999) == verdict, edit
        assert checks[-1].points[0].measured > 100  # spikes of relays
        drawn = {(c.figure, c.stimulus, c.kind): c for c in judged.findings.curves}
        for k, check in enumerate(checks[:2]):
            rates = drawn["closed loop", check.stimulus, "measured"].y
            assert np.mean(rates) == pytest.approx(check.points[0].measured)
            neurons = drawn["spikes", check.stimulus, "measured"].y
            assert np.array_equal(np.unique(neurons), np.arange(2 * k, 2 + 16 * k))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('on = "spice"', 'on = "rtl"', '[spice] and a [[population]] with on = "spice" go togeth'),
        ('name = "I"', 'name = "I"\non = "spice"', 'on = "spice" must be of one population, not'),
        ('source = "I"\ntarget = "E"', 'source = "E"\ntarget = "E"', "have no wires to each other"),
        ("in_degree = 4", "in_degree = 17", "in_degree must be at most I's size 16, not 17"),
        ("in_degree = 3", "in_degree = 2.5", "in_degree of drive must be a whole number, not 2.5"),
        ('clock = "100 ns"', 'clock = "70 ns"', "dt = 1 ms must be a whole number of clocks of"),
        ('clock = "100 ns"', 'clock = "500 ns"', "clock must be shorter: a tick has 20 clocks"),
        ('clock = "100 ns"', 'clock = "0 ns"', "[spice] clock must be an even number of ps, >= 2"),
        ('pulse = "0.4 ms"', 'pulse = "0.9 ms"', "pulse must be at most 0.8 dt = 800 µs, not"),
        ("width = 12", 'platform = "loihi"', "platform = 'loihi' must be 'generic' beside trans"),
        ('pulse = "0.4 ms"', "", "[spice]: Object missing required field `pulse`"),
        ("speed_up = 100", 'speed_up = 100\ncorner = "x"', "must be one of typical, ff, ss"),
        ('on = "spice"', 'on = "chip"', "Invalid enum value 'chip'"),
    ],
)  # fmt: skip
def test_what_cannot_be_one_loop_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    text = FILE.replace(old, new)
    assert text != FILE
    (tmp_path / "small.toml").write_text(text)
    assert main(["verify", str(tmp_path / "small.toml"), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert message in err and "small.toml" in err and len(err.splitlines()) == 1


def test_a_loop_leaves_waves_and_spikes_also_if_it_ends_early(
    expected: tuple[Bench, Predicted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """``rheobase cosim``."""
    _, prediction = expected
    monkeypatch.setattr(mixed, "designed_for", lambda *_: prediction.neuron)
    described(tmp_path)
    command = ["cosim", str(tmp_path / "small.toml"), "--seconds", "0.2 s", "--json", "--quiet"]
    assert main([*command, "--output", str(tmp_path / "loop")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["seconds"] == pytest.approx(0.2) and answer["grants"] > 100
    with (tmp_path / "loop" / "spikes.csv").open() as file:
        rows = list(csv.DictReader(file))
    times = [float(row["time"]) for row in rows]
    assert times == sorted(times) and 0.1 < times[-1] < 0.2
    counts = Counter(row["population"] for row in rows)
    for name, size in (("E", 2), ("I", 16)):
        told = answer["populations"][name]
        assert told["spikes"] == counts[name] > 0
        assert told["rate"] == pytest.approx(counts[name] / (size * 0.2))
    waves = (tmp_path / "loop" / "waves.vcd").read_text()
    assert re.search(r"^r\S+ m1$", waves, re.M) and answer["files"] == [
        str(tmp_path / "loop" / name) for name in ("spikes.csv", "waves.vcd", "waves.gtkw")
    ]

    assert main([*command, "--output", str(tmp_path / "loop")]) == 2
    assert "loop: has files already; name a new folder" in capsys.readouterr().err

    played = mixed.played

    def dies(*given: Any) -> Record:
        raise LockstepError("group 0 died", played(*given))

    def interrupted(*given: Any) -> Record:
        played(*given)
        (tmp_path / "cut" / "outcome.json").unlink()  # its process was killed, as it wrote
        rtl = tmp_path / "cut" / "rtl.vcd"
        rtl.write_bytes(rtl.read_bytes()[:-2])
        raise KeyboardInterrupt

    monkeypatch.setattr(mixed, "played", interrupted)
    assert main([*command, "--output", str(tmp_path / "cut")]) == 2
    assert "interrupted; what --output has by then is kept" in capsys.readouterr().err
    cut = (tmp_path / "cut" / "waves.vcd").read_text()
    assert set(cut.splitlines()) <= set(waves.splitlines()) and 0 < len(waves) - len(cut) < 100

    monkeypatch.setattr(mixed, "played", dies)
    assert main([*command, "--output", str(tmp_path / "dead")]) == 2
    err = capsys.readouterr().err
    assert f"group 0 died; what was recorded is in {tmp_path / 'dead'}" in err
    assert f"cosim: {tmp_path / 'small.toml'}: lock-step" in err
    assert all((tmp_path / "dead" / name).exists() for name in ("waves.vcd", "spikes.csv"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["small.toml", "--seconds", "0.1 ms"], "seconds must be at least dt = 1 ms, not 100 µs"),
        (["small.toml", "--output", "small.toml/x"], "cannot write to small.toml/x: Not a direct"),
        (["small.toml", "--seconds", "2"], "--seconds '2' is not a quantity: write a time such as"),
        (["small.toml", "--seconds", "0 s"], "seconds must be at least dt = 1 ms, not 0 s"),
        (["small.toml", "--seconds", "20 Ms"], "20 Ms: that is 3.6e+11 updates, and a run has at"),
        (["small.toml", "--seconds", "10 ks"], "10 ks: that is 2.8e+07 Poisson events, and a run"),
        (["fi-curve"], 'has no [[population]] with on = "spice"'),
        (["ei-network"], 'has no [[population]] with on = "spice", so there is nothing to couple'),
    ],
)
def test_a_loop_that_cannot_be_is_one_error(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    described(tmp_path)
    monkeypatch.chdir(tmp_path)
    folder = [] if "--output" in words else ["--output", "loop"]
    assert main(["cosim", *words, *folder, "--quiet"]) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1
    assert not (tmp_path / "loop").exists()


def test_delays_to_the_transistors_are_one(tmp_path: Path) -> None:
    third = (
        '[run]', '[[population]]\nname = "X"\nsize = 4\ndrive = {mu = "30 mV"}\n'
        '[[projection]]\nsource = "X"\ntarget = "E"\nin_degree = 1\nweight = "1 mV"\n'
        'delay = "2 ms"\n[run]',
    )  # fmt: skip
    experiment = described(tmp_path, third)
    with pytest.raises(ValueError, match="delays of projections to E must be one, not 1 ms, 2 ms"):
        Timing.of(experiment)
    with pytest.raises(ValueError, match=r"small\.toml: delays"):
        require_playable([experiment])
