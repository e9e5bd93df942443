"""Neurons and their synapses in one deck: what one ngspice process simulates.

Neuron j has the nodes ``m<j>`` and ``spike<j>`` and a supply of its own. Input k is the node
``p<k>``, driven by the voltage source ``Vp<k>``: a synapse draws its current from, or puts it into,
the membrane of its neuron. The time that ngspice needs for n neurons in one deck grows as n**2, for
their time points add up: groups should be small. The solver's options are those of neuron 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .cells.bench import Design
from .lif import AnalogLIF

RELTOL = 1e-5
"""A neuron's intervals are then right to some 3e-4 of themselves; with 1e-4, to 2e-3."""


@dataclass(frozen=True)
class Synapse:
    """A synapse cell (nodes ``pulse out`` and its biases) at a neuron of the group."""

    neuron: int
    design: Design


@dataclass(frozen=True)
class Group:
    """Neurons of one technology, with synapses; input k is that of synapse k.

    Parameters
    ----------
    neurons : tuple of AnalogLIF
    currents : tuple of float
        A constant current into each membrane, in A.
    synapses : tuple of Synapse

    Raises
    ------
    ValueError
        No neuron, two technologies, another number of currents, or a synapse at no neuron.
    """

    neurons: tuple[AnalogLIF, ...]
    currents: tuple[float, ...]
    synapses: tuple[Synapse, ...] = ()

    def __post_init__(self) -> None:
        if not self.neurons:
            raise ValueError("neurons must be one or more, not none")
        if len(self.currents) != len(self.neurons):
            raise ValueError(f"currents must be {len(self.neurons)}, not {len(self.currents)}")
        if any(each.technology != self.neurons[0].technology for each in self.neurons):
            raise ValueError("neurons must be of one technology, as they share a deck")
        for number, synapse in enumerate(self.synapses):
            if not 0 <= synapse.neuron < len(self.neurons):
                raise ValueError(
                    f"synapses[{number}].neuron must be in 0 .. {len(self.neurons) - 1},"
                    f" not {synapse.neuron}"
                )

    @property
    def high(self) -> float:
        """Voltage of a pulse in V: the supply."""
        return self.neurons[0].technology.supply

    @property
    def inputs(self) -> list[str]:
        """The sources of pulses."""
        return [f"vp{k}" for k in range(len(self.synapses))]

    @property
    def outputs(self) -> list[str]:
        """The nodes of spikes."""
        return [f"spike{j}" for j in range(len(self.neurons))]

    @property
    def membranes(self) -> list[str]:
        """The membrane nodes."""
        return [f"m{j}" for j in range(len(self.neurons))]

    def netlist(
        self, sources: Sequence[str], t_stop: float, step: float, reltol: float = RELTOL
    ) -> str:
        """The deck, from the reset voltage on, with a line for the source of each input.

        Parameters
        ----------
        sources : sequence of str
            What stands behind ``Vp<k> p<k> 0``: ``external``, or ``pwl(...)``.
        t_stop, step : float
            What must be reached, and the largest time step, in s.
        reltol : float
        """
        lines = [self._neuron(j) for j in range(len(self.neurons))]
        for j, (neuron, current) in enumerate(zip(self.neurons, self.currents, strict=True)):
            pins = "".join(f" p{k}" for k, each in enumerate(self.synapses) if each.neuron == j)
            lines += [
                f"Xneuron{j} m{j} spike{j}{pins} neuron{j}",
                f"Icurrent{j} 0 m{j} {float(current)!r}",
                f".ic v(m{j})={neuron.voltage(neuron.neuron.v_reset)!r}",
            ]
        lines += [f"Vp{k} p{k} 0 {source}" for k, source in enumerate(sources)]
        saved = " ".join(f"v({node})" for node in (*self.membranes, *self.outputs))
        lines += [f".tran {step!r} {t_stop + step!r} 0 {step!r}", f".save {saved}"]
        return "\n".join(
            (
                f"{len(self.neurons)} neurons, {len(self.synapses)} synapses",
                self.neurons[0].technology.models,
                *lines,
                f".options reltol={reltol:g} {self.neurons[0].options}",
                ".end\n",
            )
        )

    def _neuron(self, j: int) -> str:
        """The neuron as a subcircuit, with its synapses in subcircuits of their own within it."""
        mine = [(k, each.design) for k, each in enumerate(self.synapses) if each.neuron == j]
        body = str(self.neurons[j].circuit()).partition("\n")[2].strip()
        parts = [f".subckt neuron{j} m spike{''.join(f' p{k}' for k, _ in mine)}", body]
        for k, design in mine:
            cell, biases = design.cell, design.currents
            parts += [
                f".subckt synapse{k} pulse out vdd",
                str(cell).strip(),
                *(f"I{node} vdd {node} {current!r}" for node, current in biases.items()),
                f"Xcell {' '.join(cell.external_nodes)} {cell.name}",
                f".ends synapse{k}",
                f"Xsynapse{k} p{k} m vdd synapse{k}",
            ]
        return "\n".join((*parts, f".ends neuron{j}"))
