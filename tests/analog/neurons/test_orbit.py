"""A rate is predicted from the held membrane and prepared edges, within its own error."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog.cells.cell import Size
from rheobase.analog.neurons import low_power, orbit
from rheobase.analog.neurons.axon_hillock import AxonHillock
from rheobase.analog.neurons.neuron import Leg, Neuron
from rheobase.analog.neurons.record import interval, record
from rheobase.analog.technology import Technology, generic180

from .conftest import Examples

DRIVES = {  # of the example's current: the rheobases are at 0.55, 0.34 and 0.74
    "axon-hillock": (0.3, 1.0, 5.0),
    "low-power": (0.6, 1.5, 4.0),
    "brainscales-lif": (0.8, 1.0, 2.0),
    "brainscales-eif": (0.6, 1.0, 2.0),
    "brainscales-eif-fast": (0.6, 1.0, 2.0),
}


@pytest.mark.parametrize(
    ("kind", "drive"), [(kind, drive) for kind, drives in DRIVES.items() for drive in drives]
)
def test_every_neuron_fires_at_the_predicted_rate(
    examples: Examples, kind: str, drive: float
) -> None:
    """The budget is what refining the benches changes, and what refining the simulation changes."""
    example = examples(kind)
    current = drive * example.current
    predicted = orbit.predict(example.neuron, current)
    measured, error = interval(example.neuron, current, predicted.length)
    budget = predicted.error + error / measured
    assert measured == pytest.approx(predicted.length, rel=budget)
    assert budget < 0.005


def test_so_it_does_in_a_kit(technology: Technology) -> None:
    neuron, _ = low_power.design(technology, 10e-3, 80e-12, 2e-3)
    predicted = orbit.predict(neuron, 160e-12)
    measured, error = interval(neuron, 160e-12, predicted.length)
    assert measured == pytest.approx(predicted.length, rel=predicted.error + error / measured)


def test_a_capacitor_that_is_a_twentieth_larger_is_out_of_budget(examples: Examples) -> None:
    example = examples("axon-hillock")
    cell = example.neuron.circuit.cell
    sizes = (float(cell[name].capacitance) for name in ("Cm", "Cfb"))
    c_m, c_fb = sizes
    faulted = AxonHillock(
        "axon_hillock", generic180, c_m, 1.05 * c_fb, _size(cell["Xreset"].parameters)
    )
    neuron = replace(example.neuron, circuit=replace(example.neuron.circuit, cell=faulted))
    predicted = orbit.predict(example.neuron, example.current)
    measured, error = interval(neuron, example.current, predicted.length)
    assert abs(measured / predicted.length - 1) > 0.04
    assert predicted.error + error / measured < 0.001


def _size(parameters: dict[str, float]) -> Size:
    return Size(parameters["w"], parameters["l"])


@pytest.mark.parametrize("kind", ["low-power", "brainscales-eif"])
def test_below_the_rheobase_there_is_no_interval_and_no_spike(
    examples: Examples, kind: str
) -> None:
    """The rheobase: the least current at which the held membrane is nowhere at rest on its leg."""
    example = examples(kind)
    neuron, (leg,) = example.neuron, example.neuron.legs
    low, high = 0.1 * example.current, example.current
    while high / low > 1.002:
        middle = float(np.sqrt(low * high))
        moves = orbit.held(neuron, leg, middle)[1].min() > 0
        low, high = (low, middle) if moves else (middle, high)
    assert orbit.predict(neuron, low).length == np.inf
    assert len(record(neuron, low, 10 * example.interval, example.interval / 50).spike_times) == 0
    predicted = orbit.predict(neuron, 1.01 * high).length
    assert example.interval < predicted < np.inf
    measured = record(neuron, 1.01 * high, 3 * predicted, predicted / 100).spike_times
    assert len(measured) >= 2


def test_a_membrane_that_does_not_come_back_makes_no_spikes(examples: Examples) -> None:
    """The leg that should follow begins above all that the edge reaches."""
    example = examples("axon-hillock")
    up, down = example.neuron.legs
    astray = Neuron(example.neuron.circuit, "m", (up, Leg(down.start + 0.5, down.end)))
    assert orbit.predict(astray, example.current).length == np.inf
