"""The datapaths that are delivered and synthesised by name, and neurons for their test benches.

A name stands for the modes of a kind. The neurons have these modes and random registers, the same
in every run: near powers of two, uniform, or 0.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from ...models.integer.kind import IntegerNeuron
from ...models.integer.lif import IntegerLIF
from ...models.integer.loihi import Loihi
from ...models.integer.spinnaker import SpiNNaker
from ...models.integer.truenorth import TrueNorth

NEURONS = 64
Draw = Callable[[int, int], int]


def _draw(rng: np.random.Generator) -> Draw:
    def number(low: int, high: int) -> int:
        """A number of low .. high; the ends, and what is near powers of two, are not rare."""
        sort = rng.random()
        if sort < 0.4:
            return int(rng.integers(low, high + 1))
        power = 1 << int(rng.integers(0, max(-low, high).bit_length() + 1))
        near = int(rng.choice([-1, 1])) * power + int(rng.integers(-1, 2))
        return min(max(0 if sort < 0.5 else near, low), high)

    return number


def _lif(number: Draw) -> IntegerLIF:
    threshold = number(-(1 << 14), (1 << 15) - 1)
    return IntegerLIF(
        16,
        threshold,
        v_reset=number(-(1 << 15), threshold - 1),
        refractory=number(128, 255) if number(0, 3) == 0 else number(0, 3),
        leak_bits=12,
        leak_multiplier=number(0, 1 << 12),
    )


def _lif_shift(number: Draw) -> IntegerLIF:
    threshold = number(-(1 << 10), (1 << 11) - 1)
    return IntegerLIF(
        12,
        threshold,
        v_reset=number(-(1 << 11), threshold - 1),
        refractory=number(2, 3),
        leak="shift",
        leak_bits=5,
        input_width=12,
    )


def _lif_stochastic(number: Draw) -> IntegerLIF:
    threshold = number(-(1 << 14), (1 << 15) - 1)
    return IntegerLIF(
        16,
        threshold,
        v_reset=number(-(1 << 15), threshold - 1),
        refractory=number(512, 1023),
        leak_bits=12,
        leak_multiplier=number(0, 1 << 12),
        rounding="stochastic",
    )


def _lava(number: Draw) -> Loihi:
    return Loihi(
        "lava",
        number(0, 4096),
        number(0, 4096),
        number(0, (1 << 17) - 1),
        bias_mant=number(-4096, 4095),
        bias_exp=number(-3, 7),
    )


def _ternary(number: Draw) -> Loihi:
    low = number(-(1 << 17), (1 << 17) - 1)
    high = number(low, (1 << 17) - 1)
    return Loihi("lava", number(0, 4096), number(0, 4096), high, low, number(-4096, 4095))


def _nengo(number: Draw) -> Loihi:
    return Loihi(
        "nengo",
        number(0, 4095),
        number(0, 4095),
        number(1, (1 << 17) - 1),
        bias_mant=number(-4095, 4095),
        bias_exp=number(0, 7),
        refractory=number(1, 63) if number(0, 3) == 0 else number(1, 3),
        v_min_exp=number(0, 23),
        v_max_exp=number(0, 7),
        noise_at_membrane=bool(number(0, 1)),
    )


def _truenorth(
    width: int,
    overflow: Literal["wrap", "saturate", "paicore"],
    symmetric: bool = False,
    late: bool = False,
) -> Callable[[Draw], TrueNorth]:
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    resets: tuple[Literal["value", "subtract", "none"], ...] = ("value", "subtract", "none")

    def neuron(number: Draw) -> TrueNorth:
        reversal = bool(number(0, 1))
        return TrueNorth(
            width,
            overflow,
            number(low, high),
            number(low, high),
            mask_bits=number(0, min(width - 1, 24)) if number(0, 2) == 0 else 0,
            leak=number(low, high) if number(0, 2) == 0 else number(-255, 255),
            leak_stochastic=bool(number(0, 1)),
            leak_reversal=reversal,
            no_ringing=reversal and bool(number(0, 1)),
            leak_after_compare=late,
            symmetric=symmetric,
            reset=resets[number(0, 2)],
            v_reset=number(low, high),
            negative_saturation=bool(number(0, 1)),
        )

    return neuron


def _spinnaker(
    conductance: bool, rounding: Literal["floor", "nearest"]
) -> Callable[[Draw], SpiNNaker]:
    low, high = -(1 << 31), (1 << 31) - 1

    def signed(number: Draw) -> int:
        return number(low, high)

    def unsigned(number: Draw) -> int:
        return number(0, (1 << 32) - 1)

    def neuron(number: Draw) -> SpiNNaker:
        return SpiNNaker(
            resistance=signed(number),
            decay_v=number(0, 1 << 15),
            refractory=number(0, 3),
            v_rest=signed(number),
            v_reset=signed(number),
            v_thresh=signed(number),
            i_offset=signed(number),
            decay_e=unsigned(number),
            init_e=unsigned(number),
            decay_i=unsigned(number),
            init_i=unsigned(number),
            e_rev_e=signed(number) if conductance else None,
            e_rev_i=signed(number) if conductance else None,
            rounding=rounding,
        )

    return neuron


def _neurons(make: Callable[[Draw], IntegerNeuron]) -> tuple[IntegerNeuron, ...]:
    number = _draw(np.random.default_rng(1))
    return tuple(make(number) for _ in range(NEURONS))


_MAKERS: dict[str, Callable[[Draw], IntegerNeuron]] = {
    "lif": _lif,
    "lif-shift": _lif_shift,
    "lif-stochastic": _lif_stochastic,
    "loihi-lava": _lava,
    "loihi-lava-ternary": _ternary,
    "loihi-nengo": _nengo,
    "spinnaker": _spinnaker(False, "floor"),
    "spinnaker-nearest": _spinnaker(False, "nearest"),
    "spinnaker-conductance": _spinnaker(True, "floor"),
    "spinnaker-conductance-nearest": _spinnaker(True, "nearest"),
    "truenorth": _truenorth(20, "saturate"),
    "truenorth-ranc": _truenorth(32, "wrap"),
    "truenorth-ranc-symmetric": _truenorth(32, "wrap", symmetric=True),
    "truenorth-ranc-9": _truenorth(9, "wrap"),
    "truenorth-paicore": _truenorth(32, "paicore"),
    "truenorth-paicore-late-leak": _truenorth(32, "paicore", late=True),
}
KINDS = {name: _neurons(make) for name, make in _MAKERS.items()}
