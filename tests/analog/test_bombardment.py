"""Trains of pulses into a synapse: the equation that is fitted on one holds on another."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog import bombardment
from rheobase.analog.bias import design
from rheobase.analog.cells import dpi
from rheobase.analog.cells.bench import Design
from rheobase.analog.extract import extract
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.technology import generic180
from rheobase.models.neuron import LIF
from rheobase.models.reference.log_domain_synapse import Pulses, serial

BRUNEL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
SPEED = 30.0
TAU, WINDOW, INCREMENT = 0.5e-3 / SPEED, 20e-3 / SPEED, 0.24e-9
WIDTH = TAU / 10


def train(seed: int) -> Pulses:
    times = np.cumsum(np.random.default_rng(seed).exponential(1 / (1500 * SPEED), 200))
    return serial(times, WIDTH)


@pytest.fixture(scope="module")
def lif() -> AnalogLIF:
    return design(BRUNEL, generic180, SPEED)


@pytest.mark.parametrize("kind", ["excitatory", "inhibitory"])
def test_an_equation_of_four_constants_holds_on_another_train(
    kind: dpi.Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the largest error in a window of the train of the fit; another I_w is outside it."""
    made, constants = dpi.design(generic180, kind, TAU, INCREMENT, WIDTH)
    trains = train(1), train(2)
    found = bombardment.extract(made, constants, trains, WIDTH, 0.9, WINDOW)
    error = np.abs(found.errors).max()
    assert error < 0.05
    assert found.predicted == pytest.approx(found.measured, rel=error)
    assert found.equation.tau == pytest.approx(constants.tau, rel=0.15)

    right = bombardment.charges

    def faulty(synapse: Design, pulses: Pulses, *others: object) -> np.ndarray:
        more = {**synapse.currents, "i_w": 1.1 * synapse.currents["i_w"]}
        return right(synapse if pulses is trains[0] else replace(synapse, currents=more), pulses,
                     *others)  # type: ignore[arg-type]  # fmt: skip

    monkeypatch.setattr(bombardment, "charges", faulty)
    found = bombardment.extract(made, constants, trains, WIDTH, 0.9, WINDOW)
    assert found.measured > (1 + np.abs(found.errors).max()) * found.predicted


def test_synapses_load_the_membrane_and_pulses_move_it(lif: AnalogLIF) -> None:
    """Their drains add capacitance; ten excitatory pulses more make the first spike earlier."""
    made = [dpi.design(generic180, kind, TAU, INCREMENT, WIDTH)[0]
            for kind in ("excitatory", "inhibitory")]  # fmt: skip
    loaded = replace(lif, attached=tuple(made))
    bare, found = extract(lif), extract(loaded)
    assert 0.1e-15 < found.c_m.value - bare.c_m.value < 20e-15
    assert found.v_trip.value == pytest.approx(bare.v_trip.value, abs=10e-6)

    times = (np.arange(10) + 1.0) * TAU
    silent, pulses = serial(np.empty(0), WIDTH), serial(times, WIDTH)
    current, t_stop = lif.current(24e-3), 3 * lif.tau_m
    first = [
        bombardment.simulate(loaded, trains, WIDTH, current, t_stop).spike_times[0]
        for trains in ((silent, pulses), (silent, silent), (pulses, silent))
    ]
    assert first[2] < first[1] < first[0]
