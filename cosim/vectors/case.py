"""One golden vector, whatever its format: a neuron, what went in, and what came out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...models.integer.kind import IntegerNeuron


@dataclass(frozen=True, eq=False)
class Case:
    """A neuron, its inputs, its state before the first step, and what it must do.

    Attributes
    ----------
    name : str
        Of the vector.
    neuron : IntegerNeuron
    inputs : dict of int64 arrays of shape (steps,)
        By the names of the neuron's kind.
    state : dict of int
        Before the first step; 0 where nothing is said.
    expected : dict of (str, int64 array of shape (steps,))
        By the names of the file: the state or output that the array is of.
    """

    name: str
    neuron: IntegerNeuron
    inputs: dict[str, NDArray[np.int64]]
    state: dict[str, int]
    expected: dict[str, tuple[str, NDArray[np.int64]]]
