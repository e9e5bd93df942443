"""``rheobase theory``: every prediction is reachable, and is what the models say."""

import json
import shlex
import subprocess
import sys
from math import log, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rheobase.cosim.cli import main
from rheobase.cosim.experiment import load
from rheobase.cosim.theory.command import PREDICTIONS
from rheobase.cosim.theory.files import read_network

FILES = {
    "mine": 'tau_m = "20 ms"\nv_th = "20 mV"\nv_reset = "10 mV"\nt_ref = "5 ms"\nc_m = "100 pF"',
    "eif": 'kind = "EIF"\ntau_m = "20 ms"\nv_th = "20 mV"\ndelta_t = "2 mV"\nv_reset = "10 mV"\n'
    'v_peak = "40 mV"',
    "qif": 'kind = "QIF"\ntau_m = "20 ms"\nv_scale = "1 mV"',
    "cond": 'kind = "conductance"\ntau_m = "20 ms"\nv_th = "-50 mV"\nv_reset = "-60 mV"\n'
    'v_rest = "-70 mV"\ne_e = "0 mV"\ne_i = "-80 mV"\nt_ref = "2 ms"',
}
NETWORK = """
[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"
[[population]]
name = "I"
drive = { mu = "22 mV", rate = "2 kHz", in_degree = 1, weight = "0.5 mV" }
[[projection]]
source = "I"
target = "I"
in_degree = 100
weight = "-0.1 mV"
delay = "1 ms"
"""
LINK = NETWORK[NETWORK.index("[[projection]]") :]
NOISE = '--mu "15 mV" --sigma "4 mV"'
SPIKES = '--rates "57.7 kHz" "9.425 kHz" --weights "0.1 mV" "-0.5 mV"'
CHAIN = f'--dt "1 ms" --lsb "0.5 mV" --width 8 {NOISE}'
EVENTS = '--neuron cond.toml --rate-e "3 kHz" --rate-i "1 kHz" --weight-e 0.01 --weight-i 0.02'
QIF = '--neuron qif.toml --mu "-5 mV" --delta "1 mV" --coupling "15 mV"'
LEAK = 'leak.csv --c-m "1 nF" --v-th "20 mV" --v-reset "0 V" --current "2 nA"'
FEW = '--frequency "1 Hz" "100 Hz"'

# each prediction once, with columns it must have
COMMANDS = {
    "rate": (NOISE, {"rate": "Hz"}),
    "log-rate": (NOISE, {"ln(rate / Hz)": ""}),
    "cv": (NOISE, {"CV": ""}),
    "slopes": (NOISE, {"d rate / d mu": "Hz/V", "d rate / d sigma": "Hz/V"}),
    "drive": ('--rate "10 Hz" --neuron mine.toml', {"mu": "V", "current": "A"}),
    "isi": (NOISE, {"density": "1/s"}),
    "isi-laplace": (f"{NOISE} {FEW}", {"|L|": "", "phase": "degrees"}),
    "susceptibility": (f"{NOISE} {FEW}", {"gain": "Hz/V", "phase": "degrees"}),
    "density": (NOISE, {"density": "1/V"}),
    "step-response": (f'{NOISE} --mu-to "20 mV"', {"time": "s", "rate": "Hz"}),
    "shot-noise": ('--rate-e "2 kHz" --jump-e "0.5 mV"', {"rate": "Hz", "diffusion": "Hz"}),
    "fixed-jumps": (SPIKES, {"rate": "Hz", "relative error": ""}),
    "diffusion-validity": (SPIKES, {"theory": "", "rate": "Hz"}),
    "conductance": (EVENTS, {"jumps": "Hz", "noise of V": "Hz", "effective": "Hz"}),
    "conductance-curve": ('--neuron cond.toml --mu "30 mV" --g-e 0.1', {"rate": "Hz"}),
    "conductance-density": (EVENTS, {"density": "1/V"}),
    "qif-population": (QIF, {"rate": "Hz", "mean voltage": "V", "kind": ""}),
    "qif-evolve": (f'{QIF} --duration "50 ms"', {"rate": "Hz", "mean voltage": "V"}),
    "network": ("brunel-network", {"rate": "Hz", "frequency": "Hz", "state": ""}),
    "loop-gain": (f"brunel-network {FEW}", {"gain": "", "phase": "degrees"}),
    "finite-size": (f"brunel-network {FEW}", {"S E": "Hz", "|S E,I|": "Hz"}),
    "balanced": ("net.toml", {"balanced": "Hz", "mean field": "Hz"}),
    "brunel": ("--g 5 --eta 2", {"rate": "Hz", "state": ""}),
    "spikes": ("published-trace", {"spike": "", "time": "s"}),
    "measured-leak": (LEAK, {"rate": "Hz", "error": "Hz"}),
    "integer": (CHAIN, {"rate": "Hz", "CV": ""}),
    "integer-isi": (CHAIN, {"interval": "s", "probability": ""}),
    "integer-density": (CHAIN, {"V": "V", "probability": ""}),
    "integer-correlation": (f"{CHAIN} --reset subtract", {"lag": "", "correlation": ""}),
    "integer-synapse": (f'{CHAIN} --tau-s "2 ms" --current-width 6', {"rate": "Hz"}),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a file for each kind of neuron."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.toml").write_text(f"[neuron]\n{text}\n")
    (tmp_path / "net.toml").write_text(NETWORK)
    np.savetxt(tmp_path / "leak.csv", [[v, -v / 20e6] for v in np.linspace(-0.1, 0.1, 41)],
               delimiter=",")  # fmt: skip
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(line: str) -> list[str]:
    """What a shell makes of a line."""
    return ["theory", *shlex.split(line)]


def predicted(capsys: pytest.CaptureFixture[str], line: str) -> dict[str, Any]:
    """The JSON of a prediction."""
    assert main([*words(line), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def column(found: dict[str, Any], name: str) -> Any:
    return found["columns"][name]["values"]


def test_every_prediction_is_tried_here() -> None:
    assert list(COMMANDS) == [prediction.name for prediction in PREDICTIONS]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_prediction_as_json_table_and_plot(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    line, units = COMMANDS[name]
    found = predicted(capsys, f"{name} {line} --plot drawn.svg")
    assert found["prediction"] == name
    assert {key: found["columns"][key]["unit"] for key in units} == units
    rows = {len(values["values"]) for values in found["columns"].values()}
    assert len(rows) == 1 and min(rows) > 0
    assert (folder / "drawn.svg").read_bytes().startswith(b"<?xml")
    assert len([*folder.iterdir()]) == len(FILES) + 3


@pytest.mark.parametrize("name", COMMANDS)
def test_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as done:
        main(["theory", name, "--help"])
    assert done.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: rheobase theory {name} ")
    assert "--json" in out and "--plot FILE" in out
    assert ("--neuron" in out) != (name in ("network", "loop-gain", "finite-size", "balanced",
                                            "brunel", "spikes", "measured-leak"))  # fmt: skip


def test_help_lists_every_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["theory", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    for prediction in PREDICTIONS:
        assert f" {prediction.name} {prediction.help} " in out


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from rheobase.cosim.cli import main\n"
        "try:\n    main(['theory', 'rate', '--help'])\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'scipy', 'numba', 'msgspec', 'matplotlib'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


# ------------------------------------------------------------------ the numbers are right


def test_rates_without_noise_are_lapicques(capsys: pytest.CaptureFixture[str]) -> None:
    found = predicted(capsys, 'rate --mu "30 mV..50 mV:3" --neuron mine.toml')
    mu = np.array([30e-3, 40e-3, 50e-3])
    assert column(found, "mu") == pytest.approx(mu)
    rates = 1 / (5e-3 + 20e-3 * np.log((mu - 10e-3) / (mu - 20e-3)))
    assert column(found, "rate") == pytest.approx(rates, rel=1e-12)


def test_qif_rate(capsys: pytest.CaptureFixture[str]) -> None:
    found = predicted(capsys, 'rate --mu "4 mV" "-4 mV" --neuron qif.toml')
    assert column(found, "rate") == pytest.approx([2 / (pi * 20e-3), 0], rel=1e-12)


def test_eif_rate_is_above_that_of_its_leak(capsys: pytest.CaptureFixture[str]) -> None:
    """Its drift is never below the leak's: it fires sooner than an LIF neuron gets to 29 mV."""
    found = predicted(capsys, 'rate --mu "30 mV" --neuron eif.toml')
    assert 1 / column(found, "rate")[0] < 20e-3 * log((30 - 10) / (30 - 29))


def test_drive_is_the_inverse_of_rate(capsys: pytest.CaptureFixture[str]) -> None:
    found = predicted(capsys, 'drive --rate "10 Hz" --sigma "4 mV" --neuron mine.toml')
    mu = column(found, "mu")[0]
    assert column(found, "current")[0] == pytest.approx(mu / (20e-3 / 100e-12))
    back = predicted(capsys, f'rate --mu "{mu!r} V" --sigma "4 mV" --neuron mine.toml')
    assert column(back, "rate")[0] == pytest.approx(10, rel=1e-10)


def test_predictions_of_one_rate_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """Siegert, the derivative at frequency 0, the density's rate and the end of a step."""
    rate = column(predicted(capsys, f"rate {NOISE}"), "rate")[0]
    log_rate = column(predicted(capsys, f"log-rate {NOISE}"), "ln(rate / Hz)")[0]
    assert log_rate == pytest.approx(log(rate), rel=1e-12)
    density = predicted(capsys, f"density {NOISE}")
    assert density["facts"]["rate"] == {"unit": "Hz", "value": pytest.approx(rate, rel=1e-9)}
    slope = column(predicted(capsys, f"slopes {NOISE}"), "d rate / d mu")[0]
    response = predicted(capsys, f'susceptibility {NOISE} --frequency "0 Hz"')
    assert column(response, "gain")[0] == pytest.approx(slope, rel=1e-7)
    step = predicted(
        capsys, 'step-response --mu "14 mV" --mu-to "15 mV" --sigma "4 mV" --duration "200 ms"'
    )
    assert column(step, "rate")[-1] == pytest.approx(rate, rel=2e-3)
    isi = predicted(capsys, f'isi {NOISE} --t "0 s..5 s:5001"')
    t, p = np.array(column(isi, "interval")), np.array(column(isi, "density"))
    assert np.trapezoid(t * p, t) == pytest.approx(1 / rate, rel=1e-4)


def test_brunels_network_is_in_its_asynchronous_state(capsys: pytest.CaptureFixture[str]) -> None:
    """Brunel (2000), Fig. 8C: 37.7 Hz in simulations, 38 Hz in theory; AI."""
    found = predicted(capsys, "network brunel-network")
    assert column(found, "population") == ["E", "I"]
    assert column(found, "rate") == pytest.approx([37.9497] * 2, abs=1e-3)
    assert column(found, "state") == ["AI", "AI"]
    named = predicted(capsys, "brunel --g 5 --eta 2")
    assert column(named, "rate")[0] == pytest.approx(column(found, "rate")[0], rel=1e-9)
    assert column(named, "frequency")[0] == pytest.approx(column(found, "frequency")[0], rel=1e-6)


def test_a_network_file_means_what_it_says() -> None:
    network, names = read_network("brunel-network")
    assert names == ("E", "I")
    assert network.in_degrees.tolist() == [[1000, 250]] * 2
    assert network.weights == pytest.approx(np.array([[1e-4, -5e-4]] * 2))
    assert network.delays == pytest.approx(np.full((2, 2), 1.5e-3))
    assert network.sizes.tolist() == [10_000, 2_500]


def test_the_qif_population_is_bistable_between_its_folds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = predicted(capsys, f"qif-population {QIF}")
    assert len(column(found, "rate")) == 3
    assert column(found, "stable") == [True, False, True]
    low = found["facts"]["bistable from mu"]["value"]
    assert low < -5e-3 < found["facts"]["bistable to mu"]["value"]
    below = predicted(capsys, f"qif-population {QIF}".replace('"-5 mV"', f'"{low - 1e-4!r} V"'))
    assert len(column(below, "rate")) == 1


def test_spikes_are_the_published_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """Pedersen et al. (2024): the exact neuron fires in steps 460, 510, 710, 760 of 0.1 ms."""
    exact = column(predicted(capsys, "spikes published-trace"), "time")
    assert [int(t / 0.1e-3) for t in exact] == [460, 510, 710, 760]
    steps = column(predicted(capsys, 'spikes published-trace --dt "0.1 ms"'), "time")
    assert steps == pytest.approx([46.1e-3, 51.1e-3, 71.1e-3, 76.1e-3])


def test_a_measured_leak_of_a_resistor_is_lapicques(capsys: pytest.CaptureFixture[str]) -> None:
    """R = 20 Mohm, C = 1 nF, I = 2 nA: 20 mV on the way to 40 mV."""
    found = predicted(capsys, f"measured-leak {LEAK}")
    assert column(found, "rate")[0] == pytest.approx(1 / (20e-3 * log(2)), rel=1e-9)


def test_the_integer_chain_is_near_the_exact_steps(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rounding the input to integers lowers the threshold by half an LSB.

    Besides, it and the leak (without bias, if stochastic) add a variance of LSB**2 / 3 at most to
    that of a step, (0.87 mV)**2; the rate grows as sigma**2.5 here.
    """
    fine = '--dt "1 ms" --lsb "0.02 mV" --width 12 --leak-bits 24 --rounding stochastic'
    found = predicted(capsys, f"integer {fine} {NOISE} --neuron mine.toml")
    lower = FILES["mine"].replace('v_th = "20 mV"', 'v_th = "19.99 mV"')
    (folder / "mine.toml").write_text(f"[neuron]\n{lower}\n")
    steps = predicted(capsys, f'rate {NOISE} --dt "1 ms" --neuron mine.toml')
    wanted = column(steps, "rate")[0]
    assert column(found, "rate")[0] == pytest.approx(wanted, rel=2.5 / 2 / 3 * (0.02 / 0.87) ** 2)


# ------------------------------------------------------------------ mistakes


def refused(capsys: pytest.CaptureFixture[str], line: str) -> str:
    """The one error message of a prediction that must write nothing to standard output."""
    assert main(words(line)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("rheobase theory: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("rate --mu 15ms", "--mu: '15ms' is a time: write a voltage"),
        ("rate --mu 15", "--mu: '15' is not a quantity: write a voltage"),
        ("rate --mu 15mV..20mV", "'15mV..20mV' is no range: write \"FROM..TO:COUNT\""),
        ("rate --mu 15mV..20mV:1", "is no range"),
        ("rate --mu 15mV --sigma=-5mV", "sigma must be"),
        ("rate --mu 15mV 16mV --sigma 1mV 2mV 3mV", "not 2 of --mu and 3 of --sigma"),
        ("rate --mu 15mV --dt 0ms", "dt must be > 0 s, not 0.0"),
        ("rate --mu 15mV --dt=-1ms", "dt must be > 0 s, not -0.001"),
        ("rate --mu 15mV --dt 1ms --tau-s 1ms", "give --dt or --tau-s, not both"),
        ("rate --mu 15mV --dt 1ms --neuron eif.toml", "with --dt: eif.toml: [neuron] is EIF; this"),
        ("rate --mu 15mV --neuron cond.toml", "is ConductanceLIF; this prediction is for LIF or E"),
        ("isi --mu 15mV --sigma 0mV", "--t is needed: the rate is 0 Hz"),
        ("density --mu 15mV --sigma 0mV", "sigma must be finite and > 0 V"),
        ("density --mu 15mV --sigma 0mV --dt 1ms", "--sigma must be > 0 V for a density"),
        ("rate --mu 15mV --neuron none.toml", "none.toml: cannot be read: No such file"),
        ("rate --mu 15mV --plot none/a.svg", "cannot write the plot to none/a.svg: No such file"),
        ("rate --mu 15mV --plot a.txt", "Format 'txt' is not supported"),
        (f"fixed-jumps {SPIKES} 1mV", "rates and weights must"),
        ("spikes fi-curve", "fi-curve.toml: has no input spikes and no recorded current"),
        ("spikes published-trace --stimulus x", "--stimulus must be one of 'NIR input', not 'x'"),
        (LEAK.replace("leak.csv", "measured-leak mine.toml"), "mine.toml: must be rows of volts,"),
        ("network none.toml", "none.toml: cannot be read: No such file"),
        ("finite-size brunel-network --point 2", "--point must be in 1 .. 1, not 2"),
        ("finite-size brunel-network --point x", "--point: 'x' is not a whole number"),
        (f"integer {CHAIN} --rates 1kHz", "--rates and --weights: give both or neither"),
        (f"integer-synapse {CHAIN} --tau-s 0ms --current-width 6", "--tau-s must be > 0 s"),
        (f"step-response {NOISE} --steps 0", "--steps at least 1, not 0.1, 0"),
    ],
)
def test_mistakes(folder: Path, capsys: pytest.CaptureFixture[str], line: str, error: str) -> None:
    assert error in refused(capsys, line)
    assert len([*folder.iterdir()]) == len(FILES) + 2


def test_what_is_outside_the_domain_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words('rate --mu "15 mV" --sigma "4 mV" --tau-s "5 ms"')) == 0
    out, err = capsys.readouterr()
    assert err.startswith("rheobase theory rate: warning: ")
    assert "15 mV" in out and "warning" not in out


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("[neuron]", "[neurone]", "mine.toml: has no [neuron]"),
        ("tau_m", "tau", "unknown field `tau`; allowed: kind, tau_m, v_th, v_reset"),
        ('"20 ms"', '"20 mV"', "mine.toml: [neuron]: '20 mV' is a voltage: write a time"),
        ('"10 mV"', '"30 mV"', "[neuron]: v_reset must be < v_th = 0.02 V, not 0.03"),
        ("[neuron]", '[neuron]\nkind = "HH"', "kind = 'HH' must be one of 'LIF', 'EIF', 'QIF'"),
        ("[neuron]", "[neuron]\nkind = []", "kind = [] must be one of"),
    ],
)
def test_mistakes_in_a_neuron(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, error: str
) -> None:
    path = folder / "mine.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert error in refused(capsys, 'rate --mu "15 mV" --neuron mine.toml')


def test_experiments_keep_to_lif(folder: Path) -> None:
    path = folder / "eif.toml"
    stimulus = '[[stimulus]]\nname = "a"\nkind = "constant current"\nmu = ["30 mV"]\n'
    path.write_text('title = "x"\n' + path.read_text() + stimulus)
    with pytest.raises(ValueError, match=r"kind = 'EIF' must be 'LIF', the neuron of experiments"):
        load(path)


def test_a_network_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    found = predicted(capsys, "network net.toml")
    rate, mu, sigma = (column(found, name)[0] for name in ("rate", "mu", "sigma"))
    assert mu == pytest.approx(22e-3 + 20e-3 * (2e3 * 0.5e-3 - 100 * 0.1e-3 * rate))
    assert sigma == pytest.approx(sqrt(20e-3 * (2e3 * 0.25e-6 + 100 * 0.01e-6 * rate)))
    cancel = 2e3 * 0.5e-3 / (100 * 0.1e-3) + 22e-3 / 20e-3 / (100 * 0.1e-3)
    balanced = predicted(capsys, "balanced net.toml")
    assert column(balanced, "balanced") == pytest.approx([cancel])
    assert column(balanced, "mean field") == pytest.approx([rate])
    assert "sizes" in refused(capsys, "finite-size net.toml")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('target = "I"', 'target = "E"', "[[projection]] 1: target = 'E' must be a population: I"),
        (
            '"I"\ndrive',
            '"I"\nsise = 1\ndrive',
            "[[population]] 1: Object contains unknown field `s",
        ),
        ("in_degree = 100", "in_degree = -1", "[[projection]] 1: Expected `float` >= 0.0"),
        ('"-0.1 mV"', '"-0.1 ms"', "[[projection]] 1: '-0.1 ms' is a time: write a voltage"),
        ("mu = ", "nu = ", "[[population]] 1 (I): drive: Object contains unknown field `nu`; allo"),
        ('tau_m = "20 ms"', 'tau_m = "0 ms"', "1 (I): neuron: tau_m must be > 0 s, not 0.0"),
        ('delay = "1 ms"', 'delay = "-1 ms"', "net.toml: delays must"),
        ("[[projection]]", f"{LINK}[[projection]]", "2: I to I is there already"),
        ("[[projection]]", "[[projections]]", "unknown field `projections`; allowed: population"),
    ],
)
def test_mistakes_in_a_network(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, error: str
) -> None:
    assert old in NETWORK
    (folder / "net.toml").write_text(NETWORK.replace(old, new, 1))
    found = refused(capsys, "network net.toml")
    assert error in found and "net.toml" in found
