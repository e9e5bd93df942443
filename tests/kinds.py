"""Kinds of integer neurons in all their modes, random fields for them, and a comparison."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rheobase.models.integer.kind import Field, IntegerNeuron
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.loihi import Loihi
from rheobase.models.integer.spinnaker import SpiNNaker
from rheobase.models.integer.truenorth import TrueNorth

Columns = dict[str, NDArray[np.int64]]


class Sort(NamedTuple):
    """A kind in given modes; `legal` are ranges narrower than the field's."""

    neuron: IntegerNeuron
    legal: dict[str, tuple[int, int]]


LAVA = {
    "u": (1 - 2**23, 2**23),
    "v": (1 - 2**23, 2**23 - 1),
    "factor_u": (-1, 4095),
    "factor_v": (0, 4096),
}
NENGO = {
    "v": (1 - 2**23, 2**23 - 1),
    "factor_u": (0, 4095),
    "factor_v": (1, 4096),
    "v_min": (1 - 2**23, 0),
    "v_max": (511, 2**23 - 1),
    "threshold": (64, 2**23 - 64),
    "refractory": (1, 63),
}
LIF = {"leak_multiplier": (0, 2**12), "threshold": (1, 2**15 - 1), "refractory": (0, 1000)}
TRUENORTH = {"reset": (0, 2)}
SORTS: dict[str, Sort] = (
    {
        "lif multiply": Sort(
            IntegerLIF(16, 1, leak_bits=12, refractory=1000, rounding="stochastic"), LIF
        ),
        "lif shift": Sort(
            IntegerLIF(24, 1, leak="shift", leak_bits=5, refractory=1, reset="subtract"),
            {"threshold": (1, 2**23 - 1), "leak_multiplier": (0, 0), "v_reset": (0, 0)},
        ),
        "loihi lava": Sort(Loihi("lava", 0, 0, 1), LAVA | {"threshold": (0, 2**23 - 64)}),
        "loihi lava ternary": Sort(Loihi("lava", 0, 0, 1, -1), LAVA),
        "loihi nengo": Sort(Loihi("nengo", 0, 0, 1), NENGO),
    }
    | {
        f"truenorth {width} {overflow}{' late leak' * late}{' symmetric' * symmetric}": Sort(
            TrueNorth(width, overflow, 1, -1, leak_after_compare=late, symmetric=symmetric),
            TRUENORTH,
        )
        for width, overflow, late, symmetric in (
            (4, "saturate", False, True),
            (9, "wrap", False, False),
            (9, "wrap", True, True),
            (20, "saturate", False, False),
            (20, "saturate", True, False),
            (32, "wrap", False, False),
            (32, "wrap", False, True),
            (32, "saturate", True, True),
            (32, "paicore", False, False),
            (32, "paicore", True, False),
        )
    }
    | {
        f"spinnaker {synapses} {rounding}": Sort(
            SpiNNaker(*[0] * 11, e_rev_e=reversal, e_rev_i=reversal, rounding=rounding),
            {"refractory": (0, 1 << 16)},
        )
        for synapses, reversal in (("current", None), ("conductance", 0))
        for rounding in ("floor", "nearest")
    }
)


def fields(neuron: IntegerNeuron) -> dict[str, Field]:
    """All that goes into an update."""
    return {**neuron.state, **neuron.inputs, **neuron.register_fields}


def draw(rng: np.random.Generator, low: int, high: int, n: int) -> NDArray[np.int64]:
    """Numbers of a range: half of them uniform, else near powers of two or at the ends."""
    uniform = rng.integers(low, high + 1, n)
    power = np.int64(1) << rng.integers(0, max(abs(low), abs(high)).bit_length() + 1, n)
    near = np.clip(power * rng.choice([-1, 1], n) + rng.integers(-2, 3, n), low, high)
    ends = np.where(rng.random(n) < 0.5, low, high)
    sort = rng.random(n)
    return np.where(sort < 0.5, uniform, np.where(sort < 0.9, near, ends))


def random_fields(sort: Sort, rng: np.random.Generator, n: int) -> Columns:
    """`n` updates over the whole ranges."""
    return {
        name: draw(rng, *sort.legal.get(name, (field.low, field.high)), n)
        for name, field in fields(sort.neuron).items()
    }


def updated(neuron: IntegerNeuron, columns: Columns) -> Columns:
    """States and outputs by the integer model, each update with its own registers."""
    rows: dict[str, Any] = {
        part: np.array([columns[name] for name in names])
        for part, names in (
            ("state", neuron.state),
            ("registers", neuron.register_fields),
            ("inputs", neuron.inputs),
        )
    }
    n = rows["state"].shape[1]
    outputs = np.zeros((len(neuron.outputs), n), np.int64)
    neuron.kernel(
        neuron.modes, rows["state"], rows["registers"], np.arange(n), rows["inputs"], outputs
    )
    return dict(zip(neuron.state, rows["state"], strict=True)) | dict(
        zip(neuron.outputs, outputs, strict=True)
    )


def differing(
    update: Callable[[Columns], Columns], sort: Sort, rng: np.random.Generator, n: int
) -> int:
    """How many of `n` random updates differ from the integer model's in any field."""
    columns = random_fields(sort, rng, n)
    wanted, got = updated(sort.neuron, columns), update(columns)
    assert got.keys() == wanted.keys()
    return int(np.any([got[name] != wanted[name] for name in wanted], axis=0).sum())
