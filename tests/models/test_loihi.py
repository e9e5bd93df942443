"""The Loihi neurons against a naive oracle, and what the constructor refuses."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rheobase.models.integer.kind import run
from rheobase.models.integer.loihi import Loihi

UPDATES = 30_000


def trunc(x: int, by: int) -> int:
    """x / by towards zero, in integers of any size."""
    return x // by if x >= 0 else -(-x // by)


def lava(p: dict[str, Any], u: int, v: int, i: int, clear: int) -> tuple[int, int, int]:
    if clear:
        u = v = 0
    u = trunc(u * (4096 - (p["decay_u"] + 1)), 4096) + i * 64
    if u > 2**23:
        u = u - 2**24
    elif u <= -(2**23):
        u = u + 2**24
    v = trunc(v * (4096 - p["decay_v"]), 4096) + u + int(p["bias_mant"] * 2 ** p["bias_exp"])
    v = max(-(2**23) + 1, min(2**23 - 1, v))
    if v > p["threshold"] * 64:
        return u, 0, 1
    if p["threshold_low"] is not None and v < p["threshold_low"] * 64:
        return u, 0, -1
    return u, v, 0


def two_complement(x: int, bits: int) -> int:
    x %= 2**bits
    return x - 2**bits if x >= 2 ** (bits - 1) else x


def nengo(
    p: dict[str, Any], u: int, v: int, r: int, i: int, noise: int
) -> tuple[int, int, int, int]:
    q = two_complement(i if p["noise_at_membrane"] else i + noise, 22)
    u = two_complement(trunc(u * (4095 - p["decay_u"]), 4096) + q, 24)
    extra = noise if p["noise_at_membrane"] else 0
    drive = two_complement(u + p["bias_mant"] * 2 ** p["bias_exp"] + extra, 24)
    v = trunc(v * (4096 - p["decay_v"]), 4096) + drive
    v = max(-(2 ** p["v_min_exp"]) + 1, min(2 ** (9 + 2 * p["v_max_exp"]) - 1, v))
    if r > 0:
        v = 0
    spike = int(v > p["threshold"] * 64)
    if spike:
        v, r = 0, p["refractory"]
    return u, v, max(0, r - 1), spike


def draw(rng: random.Random, low: int, high: int) -> int:
    """A number of a range, often small, often at its ends."""
    kind = rng.randrange(4)
    if kind == 0:
        return min(max(rng.choice([low, low + 1, high - 1, high]), low), high)
    if kind == 1:
        return min(max(rng.randint(-70, 70), low), high)
    return rng.randint(low, high)


def lava_parameters(rng: random.Random, ternary: bool) -> dict[str, Any]:
    low = draw(rng, -(2**17), 2**17 - 1) if ternary else None
    return {
        "decay_u": draw(rng, 0, 4096),
        "decay_v": draw(rng, 0, 4096),
        "threshold": draw(rng, 0 if low is None else low, 2**17 - 1),
        "threshold_low": low,
        "bias_mant": draw(rng, -4096, 4095),
        "bias_exp": rng.randint(0, 7),
    }


def nengo_parameters(rng: random.Random) -> dict[str, Any]:
    return {
        "decay_u": draw(rng, 0, 4095),
        "decay_v": draw(rng, 0, 4095),
        "threshold": draw(rng, 1, 2**17 - 1),
        "bias_mant": draw(rng, -4096, 4095),
        "bias_exp": rng.randint(0, 7),
        "refractory": rng.randint(1, 63),
        "v_min_exp": rng.randint(0, 23),
        "v_max_exp": rng.randint(0, 7),
        "noise_at_membrane": bool(rng.randrange(2)),
    }


@pytest.mark.parametrize("ternary", [False, True])
def test_lava_equals_the_stated_equations(ternary: bool) -> None:
    """Over the whole ranges of parameters, states and inputs."""
    rng = random.Random(1)
    parameters = [lava_parameters(rng, ternary) for _ in range(UPDATES)]
    u = [draw(rng, 1 - 2**23, 2**23) for _ in parameters]
    v = [draw(rng, 1 - 2**23, 2**23 - 1) for _ in parameters]
    i = [draw(rng, -(2**18), 2**18 - 1) for _ in parameters]
    clear = [int(rng.random() < 0.1) for _ in parameters]
    neurons = [Loihi("lava", **p) for p in parameters]
    done = run(neurons, {"i": [i], "clear": [clear]}, {"u": u, "v": v}, record=True)
    wanted = [lava(*each) for each in zip(parameters, u, v, i, clear, strict=True)]
    got = [done.recorded[name][0] for name in ("u", "v", "spike")]
    np.testing.assert_array_equal(np.array(got), np.transpose(wanted))
    assert set(got[2].tolist()) == ({-1, 0, 1} if ternary else {0, 1})


def test_nengo_equals_the_stated_equations() -> None:
    """Over the whole ranges of parameters, states, inputs and noise."""
    rng = random.Random(2)
    parameters = [nengo_parameters(rng) for _ in range(UPDATES)]
    u = [draw(rng, -(2**23), 2**23 - 1) for _ in parameters]
    v = [draw(rng, 1 - 2**23, 2**23 - 1) for _ in parameters]
    r = [draw(rng, 0, 63) * rng.randrange(2) for _ in parameters]
    i = [draw(rng, -(2**22), 2**22) for _ in parameters]
    noise = [draw(rng, -(2**16), 2**16) for _ in parameters]
    neurons = [Loihi("nengo", **p) for p in parameters]
    state = {"u": u, "v": v, "r": r}
    done = run(neurons, {"i": [i], "noise": [noise]}, state, record=True)
    wanted = [nengo(*each) for each in zip(parameters, u, v, r, i, noise, strict=True)]
    got = [done.recorded[name][0] for name in ("u", "v", "r", "spike")]
    np.testing.assert_array_equal(np.array(got), np.transpose(wanted))


def test_lava_current_reaches_plus_and_not_minus_two_to_the_23() -> None:
    keep = Loihi("lava", 0, 0, 131071)  # 4095 / 4096 of u stays
    for i, u in ((2**17, 2**23), (-(2**17), 2**23)):
        assert run(keep, {"i": [[i]]}).state["u"] == u


def test_refractory_steps_separate_spikes() -> None:
    neuron = Loihi("nengo", 4095, 4095, 1, refractory=5)
    steps, _ = run(neuron, {"i": np.full((23, 1), 1 << 12)}).spikes
    np.testing.assert_array_equal(np.diff(steps), 5)


def test_cut_runs_are_the_whole_run() -> None:
    rng = np.random.default_rng(3)
    neuron = Loihi("nengo", 100, 50, 30, refractory=3)
    i = rng.integers(-3000, 6000, (400, 20))
    whole = run(neuron, {"i": i})
    first = run(neuron, {"i": i[:150]})
    second = run(neuron, {"i": i[150:]}, first.state)
    steps = np.concatenate((first.spikes[0], second.spikes[0] + 150))
    assert steps.size > 20
    np.testing.assert_array_equal(steps, whole.spikes[0])
    np.testing.assert_array_equal(second.state["v"], whole.state["v"])


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: Loihi("intel", 0, 0, 1), "flavour must be 'lava' or 'nengo', not 'intel'"),  # type: ignore[arg-type]
    (lambda: Loihi("nengo", 4096, 0, 1), "decay_u must be in 0 .. 4095, not 4096"),
    (lambda: Loihi("lava", 4097, 0, 1), "decay_u must be in 0 .. 4096, not 4097"),
    (lambda: Loihi("lava", 0, 0, 1 << 17), "threshold must be in 0 .. 131071, not 131072"),
    (lambda: Loihi("nengo", 0, 0, 0), "threshold must be in 1 .. 131071, not 0"),
    (lambda: Loihi("lava", 0, 0, 1, 2), "threshold must be in 2 .. 131071, not 1"),
    (lambda: Loihi("nengo", 0, 0, 1, 0), "threshold_low makes a ternary neuron"),
    (lambda: Loihi("lava", 0, 0, 1, bias_mant=4096), "bias_mant must be in -4096 .. 4095"),
    (lambda: Loihi("nengo", 0, 0, 1, bias_exp=-1), "bias_exp must be in 0 .. 7, not -1"),
    (lambda: Loihi("lava", 0, 0, 1, refractory=2), "refractory must be in 1 .. 1, not 2"),
    (lambda: Loihi("nengo", 0, 0, 1, refractory=64), "refractory must be in 1 .. 63, not 64"),
    (lambda: Loihi("lava", 0.5, 0, 1), "decay_u must be an integer, not 0.5"),  # type: ignore[arg-type]
    (
        lambda: run(Loihi("lava", 0, 0, 1), {"i": [[0, 0], [0, 1 << 18]]}),
        r"inputs i must be in -262144 .. 262143, not 262144 \(step 1, neuron 1\)",
    ),
    (
        lambda: run(Loihi("lava", 0, 0, 1), {"i": [[0]]}, {"v": [1 << 23]}),
        r"state v must be in -8388608 .. 8388607, not 8388608 \(neuron 0\)",
    ),
    (lambda: run(Loihi("lava", 0, 0, 1), {"q": [[0]]}), "inputs must be among i, clear, not 'q'"),
    (lambda: run(Loihi("lava", 0, 0, 1), {"i": [[0.5]]}), "inputs i must be signed integers"),
    (lambda: run(Loihi("lava", 0, 0, 1), {}), "inputs must have one shape"),
    (
        lambda: run([Loihi("lava", 0, 0, 1), Loihi("nengo", 0, 0, 1)], {"i": [[0, 0]]}),
        "neurons of one population must share their modes",
    ),
    (lambda: run([Loihi("lava", 0, 0, 1)] * 3, {"i": [[0]]}), "inputs must be of 3 neurons"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[each[1] for each in REFUSED])
def test_refuses(make: Callable[[], object], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        make()
