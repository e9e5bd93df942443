"""Random networks of every kind of neuron, made to spike and to saturate; and random events."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from rheobase.models.integer.kind import IntegerNeuron
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.loihi import Loihi
from rheobase.models.integer.network import Network, Synapses
from rheobase.models.integer.noise import Noise
from rheobase.models.integer.spinnaker import SpiNNaker
from rheobase.models.integer.truenorth import TrueNorth


class Family(NamedTuple):
    """Neurons that can share a circuit, the range of their weights, a shift for each channel.

    `stochastic`: half of the synapses are.
    """

    neuron: Callable[[Random], IntegerNeuron]
    weights: tuple[int, int]
    shift: tuple[int, ...] = (0,)
    stochastic: bool = False
    noise: Noise | None = None


FAMILIES = {
    "lif shift": Family(
        lambda r: IntegerLIF(
            14, r.randint(50, 900), 0, r.randint(0, 3), "shift", 3, input_width=11, reset="value"
        ),
        (-400, 511),
    ),
    "lif stochastic": Family(
        lambda r: IntegerLIF(
            16, r.randint(50, 900), 0, 1, "multiply", 8, r.randint(150, 255), "stochastic",
            input_width=11,
        ),
        (-400, 511),
        (1,),
    ),
    "loihi lava": Family(
        lambda r: Loihi(
            "lava", r.randint(0, 4095), r.randint(0, 2000), r.randint(100, 4000),
            bias_mant=r.randint(-500, 500), bias_exp=r.randint(0, 3),
        ),
        (-100, 127),
        (11,),
    ),
    "loihi nengo": Family(
        lambda r: Loihi(
            "nengo", r.randint(0, 4095), r.randint(0, 2000), r.randint(1000, 130000),
            bias_mant=r.randint(-500, 500), refractory=r.randint(1, 5),
        ),
        (-(1 << 24), (1 << 24) - 1),
        (6,),
    ),
    "truenorth": Family(
        lambda r: TrueNorth(
            12, "saturate", r.randint(20, 500), -r.randint(20, 500), mask_bits=r.randint(0, 5),
            leak=r.randint(-30, 30), leak_stochastic=r.random() < 0.5,
            leak_reversal=r.random() < 0.5, reset=r.choice(["value", "subtract"]),
            negative_saturation=r.random() < 0.5,
        ),
        (-120, 110),
        (9,),
        stochastic=True,
        noise=Noise.poisson(0.5),
    ),
    "spinnaker": Family(
        lambda r: SpiNNaker.from_parameters(
            ts=1 << 15, tau_m=r.randint(5, 20) << 15, c_m=1 << 15, t_refract=r.randint(0, 3) << 15,
            tau_e=r.randint(2, 8) << 15, tau_i=r.randint(2, 8) << 15, v_rest=-65 << 15,
            v_reset=-67 << 15, v_thresh=-r.randint(50, 60) << 15, i_offset=r.randint(0, 1 << 14),
        ),
        (0, 40000),
        (1, 2),
    ),
}  # fmt: skip


def random_network(
    family: Family,
    rng: Random,
    neurons: int,
    outside: int,
    per_axon: int,
    slots: int,
    profiles: int = 3,
    dense: bool = False,
) -> Network:
    """A network whose spikes loop back; `outside` axons lie before, `outside` behind the loop.

    Sparse synapses are drawn with replacement, so that several may join an axon and a target.
    Dense ones are one for an axon and target, each with probability 0.9, without delays.
    """
    axons = neurons + 2 * outside
    if dense:
        pairs = [(a, j) for a in range(axons) for j in range(neurons) if rng.random() < 0.9]
    else:
        pairs = [(a, rng.randrange(neurons)) for a in range(axons) for _ in range(per_axon)]
    rng.shuffle(pairs)
    channels = len(family.shift)
    synapses = Synapses(
        [axon for axon, _ in pairs],
        [target for _, target in pairs],
        [rng.randint(*family.weights) for _ in pairs],
        [0 if dense else rng.randrange(slots - 1) for _ in pairs],
        [rng.randrange(channels) for _ in pairs],
        [rng.randrange(2) if family.stochastic else 0 for _ in pairs],
    )
    kinds = [family.neuron(rng) for _ in range(profiles)]
    population = [rng.choice(kinds) for _ in range(neurons)]
    return Network(
        population, axons, synapses, outside, family.shift, slots, rng.getrandbits(31) | 1,
        family.noise,
    )  # fmt: skip


def random_events(
    network: Network, rng: Random, steps: int, most: int
) -> tuple[list[int], list[int]]:
    """Ticks and axons in any order: up to `most` in a tick, several on one axon among them."""
    events = []
    for tick in range(steps):
        axons = [rng.randrange(network.axons) for _ in range(rng.randint(0, most))]
        events += [(tick, axon) for axon in axons]
        events += [(tick, axons[0]) for _ in range(rng.randint(0, 2)) if axons]
    rng.shuffle(events)
    return [tick for tick, _ in events], [axon for _, axon in events]
