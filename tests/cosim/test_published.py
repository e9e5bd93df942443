"""One neuron on other people's platforms (NIR, Pedersen et al. 2024): spikes and voltages.

The built-in experiment ``published-trace`` holds the stimulus and the integer rule; the recorded
traces (one step of 0.1 ms a line: input, voltage, spike) are read from the shared data.
"""

import json
from dataclasses import replace
from math import log1p
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rheobase.cosim.engines.cxxrtl import CxxrtlCore
from rheobase.cosim.experiment import Experiment, built_in
from rheobase.cosim.substrates.core import Core, realise
from rheobase.models.neuron import LIF
from rheobase.models.reference import lif
from rheobase.models.stimulus import InputSpikes

DT = 1e-4
STEPS = 1000
NEURONS = 8
EXACT = [460, 510, 710, 760]
LOIHI = [461, 511, 711, 761]
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return built_in("published-trace")


@pytest.fixture(scope="module")
def drive(experiment: Experiment) -> Floats:
    """Drive in V in each step."""
    (played,) = experiment.stimuli
    assert isinstance(played.stimulus, InputSpikes)
    return played.stimulus.drive(experiment.neuron, DT)


def recorded(shared: Path, platform: str) -> Floats:
    """Columns input, voltage, spike; shape (1000, 3)."""
    return np.loadtxt(shared / "data" / "nir" / "01_lif" / f"lif_{platform}.csv", delimiter=",")


def reference(neuron: LIF, drive: Floats) -> lif.Run:
    return lif.given(neuron, drive, dt=DT, v0=neuron.v_rest, record=(0,))


def test_the_input_is_the_published_one(shared: Path, drive: Floats) -> None:
    assert np.array_equal(drive, recorded(shared, "norse")[:, 0])  # weight 1, in V


def test_the_published_spikes_are_those_of_the_files(shared: Path, experiment: Experiment) -> None:
    facts = json.loads((shared / "data" / "nir" / "01_lif_facts.json").read_text())
    found = facts["output_spike_steps"]
    names = {"Loihi chip": "lava_loihi_fixed", "Lava, fixed point": "lava_cpu_fixed",
             "Lava, floating point": "lava_cpu_float"}  # fmt: skip
    published = experiment.stimuli[0].published
    wanted = {n: tuple(found[names.get(n, n.lower())]) for n in published}
    assert published == wanted
    assert len(published) == len(found)


def test_the_reference_spikes_like_exact_integration(experiment: Experiment, drive: Floats) -> None:
    assert reference(experiment.neuron, drive).steps.tolist() == EXACT


def test_the_reference_gives_norses_trace_to_its_rounding(
    shared: Path, experiment: Experiment, drive: Floats
) -> None:
    """Norse: ``v += dt/tau (x - v)`` in single precision, printed as such.

    That is the exact neuron whose decay in a step is 1 - dt/tau. A step rounds v once and each of
    three factors of the increment (at most dt/tau (1 V + v_th)) once; the leak sums these errors up
    to tau/dt times.
    """
    neuron = experiment.neuron
    share = DT / neuron.tau_m
    euler = replace(neuron, tau_m=-DT / log1p(-share))
    trace = recorded(shared, "norse")
    unit = np.finfo(np.float32).eps / 2
    bound = unit * (neuron.v_th + 3 * share * (1 + neuron.v_th)) / share + unit * neuron.v_th
    run = reference(euler, drive)
    assert run.steps.tolist() == np.flatnonzero(trace[:, 2]).tolist() == EXACT
    differences = np.abs(run.recorded[:, 0] - trace[:, 1])
    assert differences.max() <= bound < 1e-6
    wrong = np.abs(reference(neuron, drive).recorded[:, 0] - trace[:, 1])
    assert wrong.max() > 100 * bound  # the exact decay is told from Euler's


# ------------------------------------------------------------------ the Loihi chip


@pytest.fixture(scope="module")
def core(experiment: Experiment) -> Core:
    return realise(experiment, DT)


@pytest.fixture(scope="module")
def currents(core: Core, drive: Floats) -> NDArray[np.int64]:
    late = np.concatenate((np.zeros(core.delay), drive))[:STEPS]
    held = np.rint(core.quantised.gain * late).astype(np.int64)
    return np.repeat(held[:, None], NEURONS, axis=1)


@pytest.fixture(scope="module")
def engine(core: Core) -> CxxrtlCore:
    return CxxrtlCore(core.neuron, NEURONS)


@pytest.fixture(scope="module")
def chip(shared: Path) -> Floats:
    return recorded(shared, "lava_loihi_fixed")


def test_the_rtl_spikes_like_the_chip(
    chip: Floats, engine: CxxrtlCore, currents: NDArray[np.int64]
) -> None:
    assert np.flatnonzero(chip[:, 2]).tolist() == LOIHI
    done = engine.run(currents)
    assert done.violations == ()
    for neuron in range(NEURONS):
        assert done.spikes[0][done.spikes[1] == neuron].tolist() == LOIHI


def test_the_rtl_has_the_chips_voltages(
    chip: Floats, core: Core, engine: CxxrtlCore, currents: NDArray[np.int64]
) -> None:
    """At every step but the four of a spike, where the chip reads back 128 and the rule resets."""
    model = core.neuron.run(currents, record=True).voltages
    assert model is not None
    states = np.empty((STEPS, NEURONS), np.int64)
    for step in range(STEPS):  # stop after each step, and look
        state = engine.run(currents[: step + 1]).state
        assert state is not None
        states[step] = state["v"]
    assert np.array_equal(states, model)
    differs = np.flatnonzero((states != chip[:, 1:2]).any(axis=1))
    assert differs.tolist() == LOIHI
    assert chip[LOIHI, 1].tolist() == [128] * 4
    assert states[LOIHI].max() == 0


@pytest.mark.parametrize(
    ("name", "change"), [("threshold", -12), ("leak_multiplier", 1), ("leak_multiplier", -1)]
)
def test_another_rule_is_not_the_chips(
    chip: Floats, core: Core, currents: NDArray[np.int64], name: str, change: int
) -> None:
    """Its largest state without a spike is 1589, 12 below the threshold."""
    value = getattr(core.neuron, name) + change
    run = replace(core.neuron, **{name: value}).run(currents[:, :1], record=True)
    assert run.voltages is not None
    same_states = np.delete(run.voltages[:, 0] == chip[:, 1], LOIHI).all()
    assert not (same_states and run.spikes[0].tolist() == LOIHI)
