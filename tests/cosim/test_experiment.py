"""Experiment files: every mistake is one error that names file, key and value."""

import re
from pathlib import Path

import numpy as np
import pytest

from rheobase.cosim.experiment import BUILT_IN, Experiment, ExperimentError, built_in, load
from rheobase.models.neuron import LIF
from rheobase.models.stimulus import Constant, InputSpikes, Poisson, RecordedCurrent, WhiteNoise

GOOD = """
title = "test"
[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"
c_m = "100 pF"
[[stimulus]]
name = "noise"
kind = "white noise"
mu = "15 mV"
sigma = "5 mV"
[reference]
dt = ["0.1 ms"]
[rtl]
dt = ["0.1 ms"]
width = 12
lsb = "0.0125 mV"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_whole_experiment(tmp_path: Path) -> None:
    experiment = load(written(tmp_path, GOOD))
    assert experiment.name == "mine"
    assert experiment.neuron == LIF(20e-3, 20e-3, 10e-3, t_ref=2e-3, c_m=100e-12)
    assert experiment.stimuli[0].stimulus == WhiteNoise(15e-3, 5e-3)
    assert experiment.rtl is not None and experiment.rtl.lsb == 1.25e-5
    assert experiment.spice is None


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('tau_m = "20 ms"', 'tau_m = "20 mV"', "'20 mV' is a voltage: write a time"),
        ('tau_m = "20 ms"', "tau_m = 0.02", "0.02 has no unit: write a time"),
        ('tau_m = "20 ms"', 'tau_m = "0 ms"', "[neuron]: tau_m must be > 0 s, not 0.0"),
        ('tau_m = "20 ms"', 'tau_m = "-1 ms"', "[neuron]: tau_m must be > 0 s, not -0.001"),
        ('tau_m = "20 ms"', "", "missing required field `tau_m` - at `$.neuron`"),
        ('v_reset = "10 mV"', 'v_reset = "20 mV"', "v_reset must be < v_th = 0.02 V, not 0.02"),
        ('sigma = "5 mV"', 'sigma = "-5 mV"', "1 (noise): sigma must be >= 0 V, not -0.005"),
        ('sigma = "5 mV"', 'sigmo = "5 mV"', "unknown field `sigmo` - at `$.stimulus[0]`"),
        (
            '"white noise"\nmu = "15 mV"\nsigma = "5 mV"',
            '"constant current"\nsweep = {from = "1 mV", to = "2 mV", count = 2, by = 3}',
            "unknown field `by` - at `$.stimulus[0].sweep`; allowed: from, to, count",
        ),
        ("[reference]", "[referenz]", "unknown field `referenz`"),
        ('"white noise"', '"pink noise"', "kind = 'pink noise'"),
        ("width = 12", 'width = "wide"', "Expected `int`, got `str` - at `$.rtl.width`"),
        ('lsb = "0.0125 mV"', 'lsb = "0 mV"', "[rtl] lsb must be > 0 V, not 0.0"),
        (
            "[rtl]",
            '[rtl]\nplatform = "odin"',
            "platform = 'odin' must be one of 'generic'",
        ),
        (
            "width = 12",
            'platform = "loihi"\nleak_bits = 12',
            "unknown field `leak_bits` - at `$.rtl`; allowed: platform, dt, neurons, spikes, seed",
        ),
        (
            'width = 12\nlsb = "0.0125 mV"',
            'platform = "spinnaker"\nlsb = "1 mV"',
            "unknown field `lsb` - at `$.rtl`; allowed: platform, dt, neurons, spikes, seed",
        ),
        (
            "width = 12",
            'platform = "truenorth"\nrounding = "floor"',
            "unknown field `rounding` - at `$.rtl`; allowed: platform, dt, neurons, spikes, seed",
        ),
        ('dt = ["0.1 ms"]\nwidth', 'dt = ["20 ms"]\nwidth', "[rtl] dt must be > 0 s and < tau_m"),
        (
            "[reference]",
            '[spice]\ntechnology = "tsmc65"\n[reference]',
            "[spice]: technology must be one of 'generic180', 'gf180mcu', 'sky130', not 'tsmc65'",
        ),
        (
            "[reference]",
            '[spice]\ncorner = "slow"\n[reference]',
            "[spice]: corner of generic180 must be one of typical, ff, ss, fs, sf, not 'slow'",
        ),
        (
            "[reference]",
            "[spice]\ncelsius = -300\n[reference]",
            "[spice]: temperature must be > -273.15 C, not -300.0",
        ),
        ("[neuron]", "[neuron", "not TOML"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, error: str) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ExperimentError, match=re.escape(error)) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")


STIMULI = {
    "current": ('kind = "constant current"\ncurrent = ["0.1 nA"]', Constant((0.02,))),
    "poisson": (
        'kind = "poisson"\nrates = ["1 kHz"]\nweights = ["0.1 mV"]',
        Poisson((1e3,), (1e-4,)),
    ),
    "spikes": (
        'kind = "input spikes"\ntimes = ["1 ms"]\namplitude = "1 V"\nwidth = "0.1 ms"\n'
        'duration = "5 ms"',
        InputSpikes((1e-3,), 1.0, 1e-4, 5e-3),
    ),
}


@pytest.mark.parametrize("kind", STIMULI)
def test_stimuli(tmp_path: Path, kind: str) -> None:
    text, wanted = STIMULI[kind]
    plain = 'kind = "white noise"\nmu = "15 mV"\nsigma = "5 mV"'
    assert load(written(tmp_path, GOOD.replace(plain, text))).stimuli[0].stimulus == wanted


RECORDED = GOOD.replace(
    'kind = "white noise"\nmu = "15 mV"\nsigma = "5 mV"', 'kind = "recorded current"\nfile = "{}"'
)


def test_recorded_currents(tmp_path: Path) -> None:
    t, i = np.arange(5) * 1e-3, np.array([0.0, 1, 2, 3, 4]) * 1e-12
    np.savez(tmp_path / "one.npz", t=t, i=i)
    np.savez(tmp_path / "sweeps.npz", t=t, i=np.array([i * 0, i]))
    np.savetxt(tmp_path / "one.csv", np.array([t, i]).T, delimiter=",", header="t,i", comments="")
    for name in ("one.npz", "one.csv", 'sweeps.npz"\nsweep = 1\nstart = "0 ms'):
        path = written(tmp_path, RECORDED.format(name))
        assert load(path).stimuli[0].stimulus == RecordedCurrent(t, i)


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ("none.npz", "No such file"),
        ("empty.npz", "'t is not a file in the archive'"),
        ("mine.toml", "must end in .npz or .csv"),
    ],
)
def test_recordings_that_cannot_be_read(tmp_path: Path, file: str, error: str) -> None:
    np.savez(tmp_path / "empty.npz", x=np.zeros(2))
    with pytest.raises(ExperimentError, match=rf"file = '{file}'.*{error}"):
        load(written(tmp_path, RECORDED.format(file)))


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in(name: str) -> None:
    experiment = built_in(name)
    assert isinstance(experiment, Experiment)
    assert experiment.source
    assert {"theory", "reference", "rtl", "spice"} >= {n for s in experiment.stimuli for n in s.on}
