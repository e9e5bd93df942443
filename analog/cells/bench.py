"""A cell with the bias currents that make it do what was asked for, and how to measure it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySpice.Spice.Netlist import Circuit

from .. import ngspice
from ..deck import deck
from ..technology import Technology
from .cell import Cell

STATIC, TRANSIENT = 1e-6, 1e-4
"""reltol of static measurements, which resolve 1e-4 of a bias current, and of transients."""


@dataclass(frozen=True, eq=False)
class Design:
    """What a cell's design function returns.

    Parameters
    ----------
    cell : Cell
    currents : dict of str to float
        Current in A into each of the cell's bias nodes, from the supply; a switch has none.
    """

    cell: Cell
    currents: dict[str, float]

    @property
    def technology(self) -> Technology:
        """The cell's."""
        return self.cell.technology

    def circuit(self) -> Circuit:
        """The cell with its supply and bias currents; every node has the name that it has in it."""
        circuit = Circuit(f"{self.cell.name}, {self.technology.name}")
        circuit.subcircuit(self.cell)
        circuit.V("dd", "vdd", "0", self.technology.supply)
        for node, current in self.currents.items():
            circuit.I(node, "vdd", node, current)
        circuit.X("cell", self.cell.name, *self.cell.external_nodes)
        return circuit

    def netlist(self, bench: str, reltol: float = STATIC) -> str:
        """The complete deck: the circuit, the lines of a test bench, the solver options."""
        return deck(self.technology, self.circuit(), bench, self.options, reltol)

    @property
    def options(self) -> str:
        """Solver options for the least of the bias currents."""
        return ngspice.options(max(1e-7 * min(self.currents.values(), default=0.0), 1e-19))

    def measure(
        self, lines: str, vectors: Sequence[str], reltol: float = STATIC
    ) -> dict[str, np.ndarray]:
        """Simulate the cell alone: supply, bias currents, and a test bench.

        Parameters
        ----------
        lines : str
            Sources and one analysis.
        vectors : sequence of str
        reltol : float

        Returns
        -------
        dict of str to ndarray
            See `rheobase.analog.ngspice.run`.
        """
        return ngspice.run(self.netlist(lines, reltol), vectors, self.technology.texts)
