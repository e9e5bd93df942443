"""A cell with the bias currents that make it do what was asked for, and how to measure it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySpice.Spice.Netlist import Circuit

from .. import ngspice
from ..deck import deck
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

    def measure(
        self, lines: str, vectors: Sequence[str], reltol: float = STATIC
    ) -> dict[str, np.ndarray]:
        """Simulate the cell alone: supply, bias currents, and a test bench.

        Parameters
        ----------
        lines : str
            Sources and one analysis; every node has the name that it has in the cell.
        vectors : sequence of str
        reltol : float

        Returns
        -------
        dict of str to ndarray
            See `rheobase.analog.ngspice.run`.
        """
        technology = self.cell.technology
        circuit = Circuit(f"test bench of {self.cell.name}, {technology.name}")
        circuit.subcircuit(self.cell)
        circuit.V("dd", "vdd", "0", technology.supply)
        for node, current in self.currents.items():
            circuit.I(node, "vdd", node, current)
        circuit.X("cell", self.cell.name, *self.cell.external_nodes)
        options = ngspice.options(max(1e-7 * min(self.currents.values(), default=0.0), 1e-19))
        text = deck(technology, circuit, lines, options, reltol)
        return ngspice.run(text, vectors, technology.texts)
