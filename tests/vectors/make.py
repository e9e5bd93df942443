"""Make ``rheobase_*.json``: single updates that tell our datapaths from faulty ones.

    PYTHONPATH=. python tests/vectors/make.py [NAME ...]

Yosys plants mutants into each datapath; of random updates, those that a mutant computes wrongly are
kept. What is expected comes from the naive interpreters of the tests, which share no code with the
models or the RTL. ``benchmarks/mutation.py`` measures with other mutants what these vectors catch.
"""

import json
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rheobase.cosim import mutation
from rheobase.cosim.engines.pipeline import TOP, PipelineEngine
from rheobase.hdl.neurons import datapath
from rheobase.models.integer.kind import IntegerNeuron
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.loihi import Loihi
from rheobase.models.integer.spinnaker import SpiNNaker
from rheobase.models.integer.truenorth import TrueNorth
from tests.hdl.test_lif import update as naive_lif
from tests.kinds import Columns, fields
from tests.models import test_loihi, test_spinnaker
from tests.naive_truenorth import naive as naive_truenorth

NEURONS, STATES = 4000, 10  # random neurons, and random updates of each
BLOCKS = 20  # in which they are tried
MUTANTS, SEED = 3000, 1
TOGETHER = 300  # mutants in one circuit
EACH = 3  # updates for a mutant, at least, that tell of it


def draw(rng: random.Random, low: int, high: int) -> int:
    """A number of a range: uniform, near a power of two, small, or at its ends."""
    sort = rng.randrange(4)
    if sort == 0:
        return rng.randint(low, high)
    if sort == 1:
        power = 1 << rng.randint(0, max(abs(low), abs(high)).bit_length())
        return min(max(rng.choice([-1, 1]) * power + rng.randint(-2, 2), low), high)
    if sort == 2:
        return min(max(rng.randint(-3, 3), low), high)
    return rng.choice([low, high])


def lif(rng: random.Random) -> IntegerLIF:
    return IntegerLIF(
        16,
        threshold := draw(rng, -(2**15) + 1, 2**15 - 1),
        draw(rng, -(2**15), threshold - 1),
        rng.choice([0, 1, 2, 1023, 512]) | 512,
        leak_bits=12,
        leak_multiplier=draw(rng, 0, 2**12),
        rounding="stochastic",
    )


def truenorth(rng: random.Random) -> TrueNorth:
    low, high = -(2**19), 2**19 - 1
    reversal = rng.random() < 0.5
    return TrueNorth(
        20,
        "saturate",
        draw(rng, low, high),
        draw(rng, low, high),
        rng.randint(0, 19),
        draw(rng, -255, 255) if rng.random() < 0.7 else draw(rng, low, high),
        rng.random() < 0.5,
        reversal,
        reversal and rng.random() < 0.5,
        reset=rng.choice(["value", "subtract", "none"]),  # type: ignore[arg-type]
        v_reset=draw(rng, low, high),
        negative_saturation=rng.random() < 0.5,
    )


def spinnaker(rng: random.Random) -> SpiNNaker:
    signed, whole = (-(2**31), 2**31 - 1), (0, 2**32 - 1)
    decay = rng.choice([draw(rng, 0, 2**15), draw(rng, *signed)])
    return SpiNNaker(
        draw(rng, *signed),
        decay,
        draw(rng, 0, 1 << 16),
        *(draw(rng, *signed) for _ in range(4)),
        *(draw(rng, *whole) for _ in range(4)),
    )


Given = dict[str, int]


def expect_lif(p: IntegerLIF, f: Given) -> Given:
    v, r, spike = naive_lif(p, f["v"], f["r"], f["i"], f["x"] % 2**p.leak_bits)
    return {"v": v, "r": r, "spike": spike}


def expect_lava(p: Loihi, f: Given) -> Given:
    u, v, spike = test_loihi.lava(asdict(p), f["u"], f["v"], f["i"], f["clear"])
    return {"u": u, "v": v, "spike": spike}


def expect_nengo(p: Loihi, f: Given) -> Given:
    u, v, r, spike = test_loihi.nengo(asdict(p), f["u"], f["v"], f["r"], f["i"], f["noise"])
    return {"u": u, "v": v, "r": r, "spike": spike}


def expect_truenorth(p: TrueNorth, f: Given) -> Given:
    spike, v_pre, v = naive_truenorth(p, f["v"], f["i"], f["x"])
    return {"v": v, "spike": spike, "v_pre": v_pre}


def expect_spinnaker(p: SpiNNaker, f: Given) -> Given:
    state = (f["e"], f["i"], f["v"], f["timer"])
    (e, i, v, timer), outputs = test_spinnaker.Naive().step(p, state, f["x_e"], f["x_i"])
    spike, syn_e, syn_i = outputs
    return {
        "e": e, "i": i, "v": v, "timer": timer, "spike": spike, "syn_e": syn_e, "syn_i": syn_i
    }  # fmt: skip


class Source(NamedTuple):
    """Random neurons, what an update of one gives, and ranges of fields that are narrower."""

    kind: str
    neuron: Callable[[random.Random], Any]
    expected: Callable[[Any, Given], Given]
    legal: dict[str, tuple[int, int]]


LAVA = {"u": (1 - 2**23, 2**23), "v": (1 - 2**23, 2**23 - 1)}
SOURCES = {
    "lif": Source("lif", lif, expect_lif, {}),
    "loihi_lava": Source(
        "loihi",
        lambda rng: Loihi("lava", **test_loihi.lava_parameters(rng, False)),
        expect_lava,
        LAVA,
    ),
    "loihi_nengo": Source(
        "loihi",
        lambda rng: Loihi("nengo", **test_loihi.nengo_parameters(rng)),
        expect_nengo,
        {"v": (1 - 2**23, 2**23 - 1)},
    ),
    "truenorth": Source("truenorth", truenorth, expect_truenorth, {}),
    "spinnaker": Source("spinnaker", spinnaker, expect_spinnaker, {"timer": (0, 1 << 16)}),
}


def near_lava(p: Loihi, f: Given, rng: random.Random) -> tuple[Loihi, Given]:
    """u near a power of two or v near its limits, and the threshold near v."""
    kept = {"u": 0, "v": 0} if f["clear"] else f
    u, v = (
        test_loihi.trunc(kept["u"] * (4095 - p.decay_u), 4096),
        test_loihi.trunc(kept["v"] * (4096 - p.decay_v), 4096),
    )
    bias = p.registers["bias"]
    power = rng.choice([-1, 1]) << rng.randint(0, 23)
    limit = rng.choice([2**23 - 1, -(2**23)]) - v - bias
    goal = rng.choice([power, 2**23, -(2**23), limit, None, None])
    if goal is not None:
        f = {**f, "i": min(max((goal - u) // 64 + rng.randint(-1, 1), -(2**18)), 2**18 - 1)}
    v = test_loihi.lava({**asdict(p), "threshold": 1 << 30}, f["u"], f["v"], f["i"], f["clear"])[1]
    return replace(p, threshold=min(max((v >> 6) + rng.randint(-1, 1), 0), 2**17 - 1)), f


def near_nengo(p: Loihi, f: Given, rng: random.Random) -> tuple[Loihi, Given]:
    """An input near a wrap, or v near a limit; the threshold near v; a neuron not refractory."""
    f = {**f, "r": 0}
    u = test_loihi.trunc(f["u"] * (4095 - p.decay_u), 4096)
    sort = rng.randrange(4)
    if sort < 2:
        f["i"] = rng.choice([2**21, -(2**21), 2**23 - u, -(2**23) - u]) + rng.randint(-2, 2)
    elif sort == 2:
        limit = rng.choice([1 - 2**p.v_min_exp, 2 ** (9 + 2 * p.v_max_exp) - 1])
        wide = {**asdict(p), "threshold": 1 << 30, "v_min_exp": 30, "v_max_exp": 30}
        v = test_loihi.nengo(wide, f["u"], f["v"], 0, 0, f["noise"])[1]
        f["i"] = min(max(limit - v + rng.randint(-8, 8), -(2**21)), 2**21 - 1)
    far = {**asdict(p), "threshold": 1 << 30}
    v = test_loihi.nengo(far, f["u"], f["v"], 0, f["i"], f["noise"])[1]
    return replace(p, threshold=min(max((v >> 6) + rng.randint(-1, 1), 1), 2**17 - 1)), f


def near_lif(p: IntegerLIF, f: Given, rng: random.Random) -> tuple[IntegerLIF, Given]:
    """The threshold near the sum of a neuron that is not refractory."""
    f = {**f, "r": 0}
    u = (f["v"] * p.leak_multiplier + f["x"] % 2**p.leak_bits) >> p.leak_bits
    if rng.random() < 0.3:
        goal = rng.choice([2**15 - 1, -(2**15), 2**15]) - u + rng.randint(-2, 2)
        f["i"] = min(max(goal, -(2**15)), 2**15 - 1)
    s = min(max(u + f["i"], -(2**15)), 2**15 - 1)
    threshold = min(max(s + rng.randint(-1, 1), -(2**15) + 1), 2**15 - 1)
    return replace(p, threshold=threshold, v_reset=min(p.v_reset, threshold - 1)), f


def near_truenorth(p: TrueNorth, f: Given, rng: random.Random) -> tuple[TrueNorth, Given]:
    """A threshold near V, the leak near 0 or near what the random number allows."""
    if rng.random() < 0.5:
        rho = f["x"] & 255
        size = rho + rng.randint(-1, 1)
        p = replace(p, leak=rng.choice([-1, 1]) * size)
        f = {**f, "i": rng.choice([-1, 1]) * (size + rng.randint(-1, 1)) - f["v"]}
        f["i"] = min(max(f["i"], -(2**19)), 2**19 - 1)
    eta = (f["x"] >> 8) & ((1 << p.mask_bits) - 1)
    v = naive_truenorth(p, f["v"], f["i"], f["x"])[1]
    name, goal = rng.choice(
        [
            ("threshold", v - eta),
            ("negative_threshold", v if p.negative_saturation else v + eta),
        ]
    )
    goal = min(max(goal + rng.randint(-1, 1), -(2**19)), 2**19 - 1)
    if name == "negative_threshold":
        p = replace(p, threshold=2**19 - 1)
    return replace(p, **{name: goal}), f


def near_spinnaker(p: SpiNNaker, f: Given, rng: random.Random) -> tuple[SpiNNaker, Given]:
    """The threshold near v, held or not."""
    f = {**f, "timer": rng.choice([0, 0, f["timer"]])}
    far = replace(p, v_thresh=2**31 - 1)
    v = expect_spinnaker(far, f)["v"]
    return replace(p, v_thresh=min(max(v + rng.randint(-1, 1), -(2**31)), 2**31 - 1)), f


NEAR: dict[str, Callable[[Any, Given, random.Random], tuple[Any, Given]]] = {
    "lif": near_lif,
    "loihi_lava": near_lava,
    "loihi_nengo": near_nengo,
    "truenorth": near_truenorth,
    "spinnaker": near_spinnaker,
}


def candidates(name: str, rng: random.Random) -> tuple[list[IntegerNeuron], list[Given]]:
    """Neurons, and states and inputs for each, two thirds of them near a decision."""
    source = SOURCES[name]
    neurons: list[IntegerNeuron] = []
    given: list[Given] = []
    for _ in range(NEURONS):
        neuron = source.neuron(rng)
        names = {**neuron.state, **neuron.inputs}
        for _ in range(STATES):
            values = {
                name: draw(rng, *source.legal.get(name, (field.low, field.high)))
                for name, field in names.items()
            }
            chosen = neuron
            if rng.random() < 2 / 3:
                chosen, values = NEAR[name](neuron, values, rng)
            neurons.append(chosen)
            given.append(values)
    return neurons, given


def columns(neurons: list[IntegerNeuron], given: list[Given]) -> Columns:
    """Every field of every update."""
    registers = [neuron.registers for neuron in neurons]
    return {
        name: np.array([each[name] for each in (registers if name in registers[0] else given)])
        for name in fields(neurons[0])
    }


def telling(neurons: list[IntegerNeuron], given: list[Given]) -> list[int]:
    """Updates of which each mutant computes some wrongly, if it does any."""
    path_ = datapath(neurons[0])
    values = columns(neurons, given)
    chosen: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        file = mutation.write(path_, Path(folder))
        mutants = mutation.listed(file, TOP, MUTANTS, SEED)
        for first in range(0, len(mutants), TOGETHER):
            some = mutants[first : first + TOGETHER]
            engine = PipelineEngine.with_mutants(mutation.planted(file, TOP, some), path_)
            for number in range(1, len(some) + 1):
                chosen += more_telling(engine, number, values, chosen)
    return sorted(chosen)


def more_telling(
    engine: PipelineEngine, mutant: int, values: Columns, chosen: list[int]
) -> list[int]:
    """Updates that make those which a mutant computes wrongly `EACH`, if there are as many."""

    def wrong(updates: NDArray[np.int64]) -> list[int]:
        given = {name: column[updates] for name, column in values.items()}
        wanted, got = (engine.run({**given, mutation.PORT: np.int64(k)}) for k in (0, mutant))
        return updates[np.any([got[name] != wanted[name] for name in wanted], axis=0)].tolist()

    missing = EACH - len(wrong(np.array(chosen, np.int64)))
    more: list[int] = []
    for block in np.split(np.arange(NEURONS * STATES), BLOCKS):
        if len(more) >= missing:
            break
        more += [update for update in wrong(block) if update not in chosen]
    return more[: max(missing, 0)]


def main() -> None:
    for name in sys.argv[1:] or SOURCES:
        source = SOURCES[name]
        rng = random.Random(SEED)
        neurons, given = candidates(name, rng)
        vectors = []
        for number, k in enumerate(telling(neurons, given)):
            neuron, values = neurons[k], given[k]
            expected = source.expected(neuron, values)
            vectors.append(
                {
                    "name": f"{name}_{number}",
                    "kind": source.kind,
                    "params": asdict(neuron),  # type: ignore[call-overload]
                    "start": {field: values[field] for field in neuron.state},
                    "inputs": {field: [values[field]] for field in neuron.inputs},
                    "expected": {field: [value] for field, value in expected.items()},
                }
            )
        content = {
            "source": "rheobase: naive interpreters of the tests, tests/vectors/make.py",
            "semantics": "single updates; states and outputs after the update",
            "vectors": vectors,
        }
        path = Path(__file__).with_name(f"rheobase_{name}.json")
        path.write_text(json.dumps(content, separators=(",", ":")).replace('{"name', '\n{"name'))
        print(f"{path.name}: {len(vectors)} vectors", flush=True)


if __name__ == "__main__":
    main()
