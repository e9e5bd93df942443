"""A designed neuron: its circuit, where its input goes, the slow parts of its path."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySpice.Spice.Netlist import Circuit as Netlist

from ..technology import Technology


class Circuit(Protocol):
    """What can be measured: a `Design` of a cell, or an `AnalogLIF`."""

    @property
    def technology(self) -> Technology:
        """Of its transistors."""

    def measure(
        self, lines: str, vectors: Sequence[str], reltol: float = ...
    ) -> dict[str, np.ndarray]:
        """Simulate it with the lines of a test bench; see `rheobase.analog.ngspice.run`."""

    @property
    def options(self) -> str:
        """Solver options; see `rheobase.analog.ngspice.options`."""

    def circuit(self) -> Netlist:
        """With supply and bias currents."""


@dataclass(frozen=True)
class Leg:
    """A slow part of the path: the membrane goes from `start` to `end`, in V, either way."""

    start: float
    end: float

    @property
    def shorter(self) -> "Leg":
        """Without a fifth at either end."""
        fifth = (self.end - self.start) / 5
        return Leg(self.start + fifth, self.end - fifth)


@dataclass(frozen=True, eq=False)
class Neuron:
    """What a neuron's design function returns.

    Parameters
    ----------
    circuit : Circuit
        With nodes ``m``, the membrane, and ``spike``.
    source : str
        Node into which the input current flows.
    legs : tuple of Leg
        In the order of the path, beginning after the reset.
    """

    circuit: Circuit
    source: str
    legs: tuple[Leg, ...]
