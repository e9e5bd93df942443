"""The neurons by name, each with a design that shows what it does."""

from collections.abc import Callable
from dataclasses import dataclass

from ...models.neuron import EIF, LIF
from ..technology import Technology
from . import axon_hillock, brainscales, low_power
from .brainscales import Synapse
from .low_power import Adaptation
from .neuron import Neuron


@dataclass(frozen=True, eq=False)
class Example:
    """A neuron, an input current in A at which it fires, and its interval there, about, in s."""

    neuron: Neuron
    current: float
    interval: float


_EIF = EIF(
    tau_m=10e-3, v_th=-59.9e-3, delta_t=3.48e-3, v_reset=-68e-3, v_peak=-45e-3, v_rest=-65e-3
)
_LIF = LIF(tau_m=10e-3, v_th=-50e-3, v_reset=-70e-3, v_rest=-65e-3)
_SYNAPSES = (
    Synapse("excitatory", tau=5e-3, width=1e-3, weight=4e-3),
    Synapse("inhibitory", tau=10e-3, width=1e-3, weight=-4e-3),
)


def _axon_hillock(technology: Technology) -> Example:
    return Example(axon_hillock.design(technology, 100e-12, 100.0, 0.2e-3), 100e-12, 10e-3)


def _low_power(technology: Technology) -> Example:
    neuron, constants = low_power.design(technology, 10e-3, 80e-12, 2e-3)
    return Example(neuron, 160e-12, constants.interval(160e-12))


def _adapting(technology: Technology) -> Example:
    adaptation = Adaptation(50e-12, 50e-3)
    neuron, constants = low_power.design(technology, 5e-3, 400e-12, 1e-3, 8e-12, adaptation)
    return Example(neuron, 1.2e-9, 3 * constants.interval(1.2e-9))


def _lif(technology: Technology, synapses: tuple[Synapse, ...]) -> Example:
    neuron, circuit = brainscales.design(_LIF, technology, 1000.0, 4.0, synapses=synapses)
    return Example(neuron, circuit.current(20e-3), 2 * circuit.tau_m)


def _eif(technology: Technology, speed_up: float) -> Example:
    neuron, circuit = brainscales.design(_EIF, technology, speed_up)
    return Example(neuron, circuit.current(5e-3), 3.5 * circuit.tau_m)


KINDS: dict[str, Callable[[Technology], Example]] = {
    "axon-hillock": _axon_hillock,
    "low-power": _low_power,
    "low-power-adapting": _adapting,
    "brainscales-lif": lambda technology: _lif(technology, ()),
    "brainscales-synapses": lambda technology: _lif(technology, _SYNAPSES),
    "brainscales-eif": lambda technology: _eif(technology, 1e3),
    "brainscales-eif-fast": lambda technology: _eif(technology, 1e4),
}
"""From a technology to an example."""
