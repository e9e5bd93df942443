# amaranth: UnusedElaboratable=no
"""A network recorded on a Loihi 1 chip, replayed on the integer model and on the RTL network core.

250 inputs, 25 hidden neurons and an output neuron (bamsumit/slayerPytorch@01beeeb,
``test/test_files/Loihi``). Column t of the recordings is tick t - 1 here: an input spike acts in
that tick, a neuron's spike is listed in it, and a spike of the hidden layer reaches the output in
the tick after. The chip multiplies by (4096 - 1024) / 4096 where Lava's model has
(4095 - decay_u) / 4096; weights are even numbers. In the voltages, which are there for three hidden
neurons and the output, the chip reads back 128 at spikes.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from rheobase.cosim.engines.network import NetworkEngine
from rheobase.hdl.core import Core
from rheobase.models.integer.loihi import Loihi
from rheobase.models.integer.network import Network, Synapses

INPUTS, HIDDEN = 250, 25
TICKS = 499
NEURON = Loihi("lava", decay_u=1023, decay_v=128, threshold=80)
TRACES = {0: "loihiHiddenVoltage", 23: "loihiHiddenVoltage23", 24: "loihiHiddenVoltage24",
          HIDDEN: "loihiOutputVoltage"}  # fmt: skip
READ_BACK = 128


class Recording(NamedTuple):
    """The synapses, the spikes (ticks, ids) that come in and that were recorded, and voltages."""

    synapses: Synapses
    events: tuple[NDArray[np.int64], NDArray[np.int64]]
    spikes: tuple[NDArray[np.int64], NDArray[np.int64]]
    voltages: dict[int, NDArray[np.int64]]


@pytest.fixture(scope="module")
def chip(shared: Path) -> Recording:
    def read(name: str, kind: type = int) -> NDArray[Any]:
        path = shared / "data" / "loihi_silicon" / f"{name}.txt"
        return np.loadtxt(path, dtype=kind, ndmin=2)

    hidden, output = (
        np.rint(read(name, float) * 4 / 2).astype(int) * 2 for name in ("w1learned", "w2learned")
    )
    target, axon = (part.ravel() for part in np.indices(hidden.shape))
    synapses = Synapses(
        np.append(axon, INPUTS + np.arange(HIDDEN)),
        np.append(target, np.full(HIDDEN, HIDDEN)),
        np.append(hidden, output),
    )
    given, from_hidden, from_output = (
        read(f"loihi{layer}Spikes") for layer in ("Input", "Hidden", "Output")
    )
    from_output[:, 0] += HIDDEN
    spikes = np.concatenate((from_hidden, from_output))
    spikes = spikes[np.lexsort(spikes.T)]
    voltages = {neuron: read(name)[0] for neuron, name in TRACES.items()}
    return Recording(
        synapses, (given[:, 1] - 1, given[:, 0]), (spikes[:, 1] - 1, spikes[:, 0]), voltages
    )


def network(chip: Recording, neuron: Loihi) -> Network:
    return Network([neuron] * (HIDDEN + 1), INPUTS + HIDDEN + 1, chip.synapses, loop=INPUTS)


def differences(chip: Recording, done: Any) -> list[str]:
    """In what a run is not the chip's."""
    found = [] if all(map(np.array_equal, done.spikes, chip.spikes)) else ["spikes"]
    for neuron, read in chip.voltages.items():
        fired = chip.spikes[0][chip.spikes[1] == neuron]
        if not np.array_equal(np.delete(done.recorded["v"][:, neuron] - read, fired),
                              np.zeros(TICKS - fired.size)):  # fmt: skip
            found.append(f"voltage of neuron {neuron}")
    return found


def test_the_recording_is_the_one_that_is_meant(chip: Recording) -> None:
    assert np.count_nonzero(chip.spikes[1] < HIDDEN) == 639
    assert (chip.spikes[0][chip.spikes[1] == HIDDEN] + 1).tolist() == [57, 60]
    for neuron, read in chip.voltages.items():
        assert read.shape == (TICKS,)
        assert set(read[chip.spikes[0][chip.spikes[1] == neuron]]) == {READ_BACK}


def test_the_integer_model_does_what_the_chip_did(chip: Recording) -> None:
    done = network(chip, NEURON).run(*chip.events, TICKS, record=True)
    assert differences(chip, done) == []
    assert done.saturated == 0


@pytest.mark.parametrize(("layout", "lanes"), [("sparse", 1), ("dense", 4)])
def test_the_rtl_does_what_the_chip_did(chip: Recording, layout: Any, lanes: int) -> None:
    engine = NetworkEngine(Core(network(chip, NEURON), layout, lanes=lanes))
    done = engine.run(*chip.events, TICKS, record=True)
    assert differences(chip, done) == []
    assert (done.violations, done.saturated, done.dropped) == ((), 0, 0)


CHANGES: dict[str, Callable[[Recording], Network]] = {
    "threshold 79": lambda chip: network(chip, replace(NEURON, threshold=79)),
    "threshold 81": lambda chip: network(chip, replace(NEURON, threshold=81)),
    "decay_u 1024": lambda chip: network(chip, replace(NEURON, decay_u=1024)),
    "decay_v 127": lambda chip: network(chip, replace(NEURON, decay_v=127)),
    "a delay of one tick": lambda chip: Network(
        [NEURON] * (HIDDEN + 1),
        INPUTS + HIDDEN + 1,
        Synapses(
            chip.synapses.axon,
            chip.synapses.target,
            chip.synapses.weight,
            (chip.synapses.axon >= INPUTS).astype(int),
        ),
        loop=INPUTS,
        slots=4,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_rule_is_not_the_chips(chip: Recording, change: str) -> None:
    done = CHANGES[change](chip).run(*chip.events, TICKS, record=True)
    assert differences(chip, done) != []
