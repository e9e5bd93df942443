"""Vectors of TrueNorth's relatives: of RANC's simulator, RANC's hardware, and PAIBox.

Every number is an integer. ``v_pre`` is taken after the leak, ``v`` and ``s`` after the reset. What
a neuron gets in a step is, in RANC's simulator, ``axon_spikes``, whose bit k says whether axon k
fired; in RANC's hardware ``axon_type_sequence``, the types of the axons that fired, in their order;
in PAIBox ``syn_sum``, the synaptic sum. An axon of type t has the neuron's weight t. `neg_thr` of
RANC has its sign, `neg_threshold_abs` of PAIBox has not.
"""

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct

from ...models.integer.truenorth import TrueNorth
from .case import Case

AxonType = Literal[0, 1, 2, 3]
Reset = Literal["value", "subtract", "none"]
RANC_RESETS: tuple[Reset, Reset] = ("value", "subtract")
PAIBOX_RESETS: dict[str, Reset] = {
    "MODE_NORMAL": "value",
    "MODE_LINEAR": "subtract",
    "MODE_NONRESET": "none",
}


class RancParams(Struct, forbid_unknown_fields=True):
    """What both RANCs have; `reset_mode` 0 is to a value, 1 by subtraction."""

    reset_mode: Literal[0, 1]
    leak: int
    pos_thr: int
    neg_thr: int
    reset_potential: int
    weights: tuple[int, int, int, int]


class RancSimulatorParams(RancParams, forbid_unknown_fields=True):
    """`reset_type` 1 is `symmetric`; types and connections (0 or 1) are of the core's axons."""

    reset_type: Literal[0, 1]
    axon_types: list[AxonType]
    connections: list[Literal[0, 1]]


class RancHardwareParams(RancParams, forbid_unknown_fields=True):
    """`width` is that of V, and of all registers."""

    width: int


class RancVector(Struct, forbid_unknown_fields=True):
    """What both RANCs recorded."""

    name: str
    v_pre: list[int]
    v: list[int]
    s: list[int]

    def _case(self, p: RancParams, width: int, symmetric: bool, sums: list[int]) -> Case:
        neuron = TrueNorth(
            width,
            "wrap",
            p.pos_thr,
            p.neg_thr,
            leak=p.leak,
            symmetric=symmetric,
            reset=RANC_RESETS[p.reset_mode],
            v_reset=p.reset_potential,
        )
        expected = {
            "v_pre": ("v_pre", np.array(self.v_pre)),
            "v": ("v", np.array(self.v)),
            "s": ("spike", np.array(self.s)),
        }
        return Case(self.name, neuron, {"i": np.array(sums)}, {}, expected)


class RancSimulatorVector(RancVector, forbid_unknown_fields=True):
    """One run of RANC's simulator."""

    params: RancSimulatorParams
    axon_spikes: list[int]

    def case(self) -> Case:
        """The vector as a case."""
        p = self.params
        axons = len(p.axon_types)
        if len(p.connections) != axons:
            raise ValueError(
                "params.axon_types and params.connections must be equally long, not"
                f" {axons} and {len(p.connections)}"
            )
        for step, spikes in enumerate(self.axon_spikes):
            if not 0 <= spikes < 1 << axons:
                raise ValueError(
                    f"axon_spikes must be in 0 .. 2**{axons} - 1, one bit for each axon,"
                    f" not {spikes} (step {step})"
                )
        weights = [
            connected * p.weights[kind]
            for kind, connected in zip(p.axon_types, p.connections, strict=True)
        ]
        sums = [
            sum(weight for axon, weight in enumerate(weights) if spikes >> axon & 1)
            for spikes in self.axon_spikes
        ]
        return self._case(p, 32, p.reset_type == 1, sums)


class RancHardwareVector(RancVector, forbid_unknown_fields=True):
    """One run of RANC's hardware."""

    params: RancHardwareParams
    axon_type_sequence: list[list[AxonType]]

    def case(self) -> Case:
        """The vector as a case."""
        p = self.params
        sums = [sum(p.weights[kind] for kind in kinds) for kinds in self.axon_type_sequence]
        return self._case(p, p.width, False, sums)


class PaiboxParams(Struct, forbid_unknown_fields=True):
    """Registers, under PAIBox's names, and V before the first step."""

    reset_mode: Literal["MODE_NORMAL", "MODE_LINEAR", "MODE_NONRESET"]
    reset_v: int
    leak_comparison: Literal["LEAK_BEFORE_COMP", "LEAK_AFTER_COMP"]
    neg_thres_mode: Literal["MODE_RESET", "MODE_SATURATION"]
    neg_threshold_abs: Annotated[int, Meta(ge=0)]
    pos_threshold: int
    leak_direction: Literal["MODE_FORWARD", "MODE_REVERSAL"]
    leak_v: int
    v0: int


class PaiboxVector(Struct, forbid_unknown_fields=True):
    """One run of PAIBox's offline neuron."""

    name: str
    params: PaiboxParams
    syn_sum: list[int]
    v: list[int]
    s: list[int]

    def case(self) -> Case:
        """The vector as a case."""
        p = self.params
        neuron = TrueNorth(
            32,
            "paicore",
            p.pos_threshold,
            -p.neg_threshold_abs,
            leak=p.leak_v,
            leak_reversal=p.leak_direction == "MODE_REVERSAL",
            leak_after_compare=p.leak_comparison == "LEAK_AFTER_COMP",
            reset=PAIBOX_RESETS[p.reset_mode],
            v_reset=p.reset_v,
            negative_saturation=p.neg_thres_mode == "MODE_SATURATION",
        )
        return Case(
            self.name,
            neuron,
            {"i": np.array(self.syn_sum)},
            {"v": p.v0},
            {"v": ("v", np.array(self.v)), "s": ("spike", np.array(self.s))},
        )
