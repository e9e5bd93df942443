"""Energy of a neuron circuit: what each block draws from the supply, at rest and while it fires.

Each block gets a supply source of its own, which feeds its cell and its bias current, so that the
input branch of every mirror is counted where it is needed:

    P = V_dd <i_dd>;   static power: no input, at rest;   energy per spike: P T at a constant drive

The mean is taken over whole interspike intervals of the limit cycle, after the first spike. The
reference voltages only drive gates, but for v_reset, which the membrane discharges into.
"""

from dataclasses import dataclass

import numpy as np
from PySpice.Spice.Netlist import Circuit

from . import benches, ngspice
from .benches import crossing
from .lif import AnalogLIF, deck

BLOCKS = ("leak", "comparator", "refractory")
"""Names of the cells that have a supply, as in `AnalogLIF.circuit`."""

INTERVALS = 2


@dataclass(frozen=True)
class Energy:
    """What a neuron circuit consumes, mirrors included.

    Parameters
    ----------
    static : dict of str to float
        Power in W of each block at rest, without input.
    per_spike : dict of str to float
        Energy in J of each block in an interspike interval.
    rate : float
        Rate in chip Hz at which `per_spike` was measured.
    """

    static: dict[str, float]
    per_spike: dict[str, float]
    rate: float

    @property
    def total(self) -> float:
        """Energy in J of all blocks in an interspike interval."""
        return sum(self.per_spike.values())


def metered(lif: AnalogLIF) -> Circuit:
    """The neuron's circuit with a source ``Vdd_<block>`` for each block, 0 V above ``vdd``."""
    circuit = lif.circuit()
    for block in BLOCKS:
        source, cell = circuit[f"I{block}"], circuit[f"X{block}"]
        nodes = [str(node) for node in cell.node_names]
        subcircuit, bias = cell.subcircuit_name, str(source.node_names[1])
        value = source.dc_value
        source.detach()
        cell.detach()
        own = f"vdd_{block}"
        circuit.V(own.removeprefix("v"), "vdd", own, 0)
        circuit.I(block, own, bias, value)
        circuit.X(block, subcircuit, *(own if node == "vdd" else node for node in nodes))
    return circuit


def energy(lif: AnalogLIF, current: float) -> Energy:
    """Measure at a constant `current` in A, above the rheobase.

    Raises
    ------
    ValueError
        The neuron does not fire.
    """
    circuit = metered(lif)
    branches = [f"vdd_{block}#branch" for block in BLOCKS]
    saved = " ".join(f"i(Vdd_{block})" for block in BLOCKS)
    supply, tau = lif.technology.supply, lif.tau_m

    held = f"Vm m 0 {lif.voltage(lif.neuron.v_rest)!r}\n.op\n.save {saved}"
    rest = benches.simulate(lif, circuit, held, branches, benches.STATIC)

    start = lif.voltage(lif.neuron.v_reset)
    firing = (
        f"Istimulus 0 m {current!r}\n.ic v(m)={start!r}\n"
        f".tran {tau / 200!r} {6 * tau!r} 0 {tau / 200!r}\n.save v(spike) {saved}"
    )
    run = benches.simulate(lif, circuit, firing, ["time", "spike", *branches])
    t = run["time"]
    spikes = crossing(t, run["spike"], supply / 2)
    if len(spikes) < 2:
        raise ValueError(f"the neuron does not fire at {current:.3g} A")
    edges = np.array([spikes[0], spikes[-1]])
    per_spike = {}
    for block, branch in zip(BLOCKS, branches, strict=True):
        charge = np.concatenate([[0.0], np.cumsum(np.diff(t) * (run[branch][1:] + run[branch][:-1]) / 2)])
        drawn = np.diff(np.interp(edges, t, charge))[0]
        per_spike[block] = float(supply * drawn / (len(spikes) - 1))
    static = {b: float(supply * rest[branch][0]) for b, branch in zip(BLOCKS, branches, strict=True)}
    return Energy(static, per_spike, float((len(spikes) - 1) / (edges[1] - edges[0])))
