"""Our own vectors: any kind of neuron under its own names, from any state.

``params`` are those of the kind's class; ``start`` the state before the first step, 0 where nothing
is said; ``inputs`` and ``expected`` are lists by the names that the kind gives its inputs, states
and outputs. So they reach what the formats of the public models cannot say: stochastic modes with
their random numbers, and single steps from any state.
"""

from typing import Any, Literal

import numpy as np
from msgspec import Struct

from ...models.integer.kind import IntegerNeuron
from ...models.integer.lif import IntegerLIF
from ...models.integer.loihi import Loihi
from ...models.integer.spinnaker import SpiNNaker
from ...models.integer.truenorth import TrueNorth
from .case import Case

KINDS: dict[str, type[IntegerNeuron]] = {
    "lif": IntegerLIF,
    "loihi": Loihi,
    "spinnaker": SpiNNaker,
    "truenorth": TrueNorth,
}


class OwnVector(Struct, forbid_unknown_fields=True):
    """One run of any kind of neuron."""

    name: str
    kind: Literal["lif", "loihi", "spinnaker", "truenorth"]
    params: dict[str, Any]
    inputs: dict[str, list[int]]
    expected: dict[str, list[int]]
    start: dict[str, int] = {}

    def case(self) -> Case:
        """The vector as a case."""
        try:
            neuron = KINDS[self.kind](**self.params)
        except TypeError as error:
            raise ValueError(f"params: {error}") from None
        for what, given, known in (
            ("start", self.start, [*neuron.state]),
            ("inputs", self.inputs, [*neuron.inputs]),
            ("expected", self.expected, [*neuron.state, *neuron.outputs]),
        ):
            if unknown := given.keys() - set(known):
                raise ValueError(f"{what} must be among {', '.join(known)}, not {min(unknown)!r}")
        if missing := neuron.inputs.keys() - self.inputs.keys():
            raise ValueError(f"inputs must have {min(missing)!r}, too")
        return Case(
            self.name,
            neuron,
            {name: np.array(values) for name, values in self.inputs.items()},
            self.start,
            {name: (name, np.array(values)) for name, values in self.expected.items()},
        )
