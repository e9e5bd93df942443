"""Golden vectors on the integer models and on the RTL; what the checker must catch and refuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rheobase.cosim.cli import main
from rheobase.cosim.vectors.check import Mismatch, check
from rheobase.cosim.vectors.file import read

FOLDER = Path(__file__).parents[1] / "vectors"
FILES = sorted(path.name for path in FOLDER.glob("*.json"))
LAVA, NENGO = (FOLDER / f"loihi_{name}.json" for name in ("lava_bitacc", "nengo_emulator"))
RANC_SIM, RANC_RTL, PAIBOX = (
    FOLDER / f"truenorth_{name}.json" for name in ("ranc_sim", "ranc_rtl9", "paibox")
)
SPINNAKER = FOLDER / "spinnaker_lif_arm.json"


@pytest.mark.parametrize("on", ["reference", "rtl"])
@pytest.mark.parametrize("name", FILES)
def test_no_mismatches(name: str, on: Any) -> None:
    assert check(read(FOLDER / name), on) == []


def changed(tmp_path: Path, source: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a file, with its first vector only, after a change."""
    content = json.loads(source.read_text())
    content["vectors"] = content["vectors"][:1]
    change(content["vectors"][0])
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("on", ["reference", "rtl"])
@pytest.mark.parametrize("field", ["u", "v", "s"])
def test_every_wrong_number_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], on: Any, field: str
) -> None:
    def add_one(vector: dict[str, Any]) -> None:
        vector[field][7] += 1

    path = changed(tmp_path, NENGO, add_one)
    (found,) = check(read(path), on)
    assert (found.vector, found.step, found.field) == ("refract1_0", 7, field)
    assert found.expected == found.got + 1
    assert main(["vectors", "check", str(path), "--on", on]) == 1
    assert capsys.readouterr().out == (
        f"refract1_0: step 7, {field}: expected {found.expected}, got {found.got}\n"
        f"1 vectors on {on}: 1 mismatches\n"
    )
    assert main(["vectors", "check", str(path), "--on", on, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [Mismatch(**each) for each in answer["mismatches"]] == [found]


def put(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda vector: vector.update(values)


def put_parameter(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda vector: vector["params"].update(values)


def put_derived(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda vector: vector["derived"].update(values)


OWN = FOLDER / "rheobase_truenorth.json"
REFUSED: dict[str, tuple[Path, Callable[[dict[str, Any]], None], str]] = {
    "missing field": (LAVA, lambda v: v.pop("u"), "Object missing required field `u`"),
    "surplus field": (LAVA, put(w=[1]), "Object contains unknown field `w`"),
    "surplus parameter": (LAVA, put_parameter(dw=1), r"unknown field `dw` - at `\$.params`"),
    "wrong type": (LAVA, put(u=[0.5]), r"Expected `int`, got `float` - at `\$.u\[0\]`"),
    "out of range": (LAVA, put_parameter(vth=1 << 17), "threshold must be in 0 .. 131071"),
    "other lengths": (LAVA, put(u=[1, 2]), "its lists must be equally long and not empty: u 2, v"),
    "no format": (LAVA, lambda v: v.pop("a_in"), "must have one of the inputs a_in, q"),
    "two formats": (LAVA, put(q=[1]), "must have one of the inputs a_in, q"),
    "half a ternary": (LAVA, put(model="PyTernLifModelFixed"), "params.vth must be"),
    "half a reset": (LAVA, put_parameter(reset_interval=3), "params.reset_interval and reset_off"),
    "no interval": (
        LAVA,
        lambda v: (
            put(model="PyLifResetModelBitAcc")(v),
            put_parameter(reset_interval=0, reset_offset=0)(v),
        )[0],
        "params.reset_interval must be >= 1, not 0",
    ),
    "hidden noise": (NENGO, lambda v: v["noise"].__setitem__(3, 1), "noise must be 0 at every"),
    "no such axon type": (
        RANC_SIM,
        lambda v: v["params"]["axon_types"].__setitem__(2, 4),
        r"Invalid enum value 4 - at `\$\.params\.axon_types\[2\]`",
    ),
    "half a connection": (
        RANC_SIM,
        lambda v: v["params"]["connections"].__setitem__(2, 2),
        r"Invalid enum value 2 - at `\$\.params\.connections\[2\]`",
    ),
    "a type without connection": (
        RANC_SIM,
        lambda v: v["params"]["connections"].pop(),
        "params.axon_types and params.connections must be equally long, not 16 and 15",
    ),
    "a spike of no axon": (
        RANC_SIM,
        lambda v: v["axon_spikes"].__setitem__(3, 1 << 16),
        r"axon_spikes must be in 0 \.\. 2\*\*16 - 1, one bit for each axon, not 65536 \(step 3\)",
    ),
    "a spike from below": (
        RANC_SIM,
        lambda v: v["axon_spikes"].__setitem__(3, -1),
        r"axon_spikes must be in 0 \.\. 2\*\*16 - 1, .*, not -1 \(step 3\)",
    ),
    "three weights": (RANC_SIM, put_parameter(weights=[1, 2, 3]), "Expected `array` of length 4"),
    "unknown reset type": (RANC_SIM, put_parameter(reset_type=2), "Invalid enum value 2"),
    "event of no type": (
        RANC_RTL,
        lambda v: v["axon_type_sequence"].__setitem__(2, [1, -1]),
        r"Invalid enum value -1 - at `\$\.axon_type_sequence",
    ),
    "wide threshold": (RANC_RTL, put_parameter(pos_thr=256), "threshold must be in -256 .. 255"),
    "no width": (RANC_RTL, lambda v: v["params"].pop("width"), "missing required field `width`"),
    "unknown mode": (
        PAIBOX,
        put_parameter(leak_direction="MODE_BACKWARD"),
        r"Invalid enum value 'MODE_BACKWARD' - at `\$\.params\.leak_direction`",
    ),
    "negative magnitude": (PAIBOX, put_parameter(neg_threshold_abs=-1), "Expected `int` >= 0"),
    "wide reset": (PAIBOX, put_parameter(reset_v=1 << 31), "v_reset must be in -2147483648 .. "),
    "other registers": (
        SPINNAKER,
        put_derived(exc_decay=4171219069),
        r"derived\.exc_decay must be 4171219068, which params make, not 4171219069",
    ),
    "other times": (
        SPINNAKER,
        put_parameter(tau_m=250757),
        r"derived\.R_membrane must be 250787, which params make, not 250786",
    ),
    "no time step": (SPINNAKER, put_parameter(ts=0), "ts must be in 1 .. 2147483647, not 0"),
    "surplus register": (SPINNAKER, put_derived(w=1), r"unknown field `w` - at `\$.derived`"),
    "no such model": (SPINNAKER, put_parameter(model="Izhikevich"), "Invalid enum value 'Izhi"),
    "no such product": (SPINNAKER, put_parameter(mult="exact"), "Invalid enum value 'exact'"),
    "half an input": (SPINNAKER, lambda v: v.pop("x_inh"), "missing required field `x_inh`"),
    "no such kind": (OWN, put(kind="izhikevich"), "Invalid enum value 'izhikevich'"),
    "no such parameter of ours": (OWN, put_parameter(tau=1), "params: .* keyword argument 'tau'"),
    "a parameter of ours out of range": (OWN, put_parameter(width=64), "width must be in 4 .. 32"),
    "no such state": (OWN, put(start={"u": 0}), "start must be among v, not 'u'"),
    "no such input": (OWN, put(inputs={"q": [0]}), "inputs must be among i, x, not 'q'"),
    "half of the inputs": (OWN, put(inputs={"i": [0]}), "inputs must have 'x', too"),
    "nothing of that name": (OWN, put(expected={"s": [0]}), "expected must be among v, spike"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    source, change, message = REFUSED[name]
    path = changed(tmp_path, source, change)
    with pytest.raises(ValueError, match=rf"changed\.json: vectors\[0\] \(\w+\): .*{message}"):
        read(path)
    assert main(["vectors", "check", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"rheobase vectors: {path}: vectors[0]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        ('{"source": "", "semantics": ""}', "missing required field `vectors`"),
        ('{"source": "", "semantics": "", "vectors": []}', "has no vectors"),
        ('{"source": "", "semantics": "", "vectors": [1]}', r"vectors\[0\] \(1\): must have one"),
    ],
)
def test_refuses_what_is_no_such_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"file\.json: .*{message}"):
        read(path)


def test_an_input_beyond_the_kind_is_refused_on_both(tmp_path: Path) -> None:
    path = changed(tmp_path, LAVA, lambda vector: vector["a_in"].__setitem__(5, 1 << 18))
    for on in ("reference", "rtl"):
        with pytest.raises(ValueError, match=r"inputs i must be in -262144 .. 262143, not 262144"):
            check(read(path), on)  # type: ignore[arg-type]
