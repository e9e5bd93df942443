"""Energy of a neuron circuit: what each block draws from the supply, at rest and while it fires.

Each block gets a supply source of its own, which feeds its cell and its bias current, so that the
input branch of every mirror is counted with the block that needs it:

    static power P = V_dd i_dd, at rest without input;   E = V_dd int i_dd dt over an interval

The integral is taken from the first spike to the last one, over whole intervals, and divided by
their number. The reference voltages drive gates only, but for v_reset, into which the membrane
discharges, and which receives energy; the input current is not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PySpice.Spice.Netlist import Circuit

from ..models.theory import measured_leak
from . import benches
from .benches import crossing
from .bias import corrected
from .extract import extract
from .lif import AnalogLIF

BLOCKS = ("leak", "comparator", "refractory")
"""The cells that have a supply, as `AnalogLIF.circuit` names them."""


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
    """The neuron's circuit with a source ``Vdd_<block>`` of 0 V between ``vdd`` and each block."""
    circuit = lif.circuit()
    for block in BLOCKS:
        source, cell = circuit[f"I{block}"], circuit[f"X{block}"]
        supply = f"vdd_{block}"
        nodes = [supply if str(node) == "vdd" else str(node) for node in cell.node_names]
        bias = str(source.node_names[1])
        source.detach()
        cell.detach()
        circuit.V(f"dd_{block}", "vdd", supply, 0)
        circuit.I(block, supply, bias, source.dc_value)
        circuit.X(block, cell.subcircuit_name, *nodes)
    return circuit


def energy(lif: AnalogLIF, current: float) -> Energy:
    """Measure at a constant `current` in A.

    Raises
    ------
    ValueError
        The neuron fires less than twice in eight membrane time constants and dead times.
    """
    circuit, supply = metered(lif), lif.technology.supply
    branches = [f"vdd_{block}#branch" for block in BLOCKS]
    saved = " ".join(f"i(Vdd_{block})" for block in BLOCKS)

    held = f"Vm m 0 {lif.voltage(lif.neuron.v_rest)!r}\n.op\n.save {saved}"
    rest = benches.simulate(lif, circuit, held, branches, benches.STATIC)
    static = [supply * float(rest[branch][0]) for branch in branches]

    start, step = lif.voltage(lif.neuron.v_reset), lif.tau_m / 200
    firing = (
        f"Istimulus 0 m {current!r}\n.ic v(m)={start!r}\n"
        f".tran {step!r} {8 * (lif.tau_m + lif.t_dead)!r} 0 {step!r}\n.save v(spike) {saved}"
    )
    run = benches.simulate(lif, circuit, firing, ["time", "spike", *branches])
    t = run["time"]
    spikes = crossing(t, run["spike"], supply / 2)
    if len(spikes) < 2:
        raise ValueError(f"the neuron does not fire twice at {current:.3g} A")
    intervals = len(spikes) - 1
    per_spike = []
    for branch in branches:
        drawn = np.cumsum(np.diff(t) * (run[branch][1:] + run[branch][:-1]) / 2)
        first, last = np.interp(spikes[[0, -1]], t[1:], drawn)
        per_spike.append(supply * float(last - first) / intervals)
    return Energy(
        dict(zip(BLOCKS, static, strict=True)),
        dict(zip(BLOCKS, per_spike, strict=True)),
        intervals / float(spikes[-1] - spikes[0]),
    )


@dataclass(frozen=True)
class TradeOff:
    """One point of the curve of energy against error, at 1.5 times the rheobase.

    Parameters
    ----------
    i_comparator : float
        Bias in A.
    energy : Energy
    delay : float
        From the crossing of the static trip point to the spike's edge, in tau_m.
    rate_error : float
        Relative error of the rate that the quadrature over the extracted leak predicts.
    """

    i_comparator: float
    energy: Energy
    delay: float
    rate_error: float


def trade_off(lif: AnalogLIF, factors: Sequence[float]) -> list[TradeOff]:
    """Measure the circuit with `factors` times its comparator bias, corrected to the same design.

    Raises
    ------
    ValueError
        With one of these biases the design cannot be reached.
    """
    points = []
    for factor in factors:
        changed = corrected(replace(lif, i_comparator=factor * lif.i_comparator))
        found = extract(changed)
        current = 1.5 * found.rheobase()
        slope = found.slope(current)
        predicted = float(measured_leak.rate(found.measured_neuron(slope), current)[0])
        used = energy(changed, current)
        delay = found.delay(slope) / lif.tau_m
        points.append(TradeOff(changed.i_comparator, used, delay, predicted / used.rate - 1))
    return points
