"""A network core that holds a memory: excitatory neurons with two rates (Amit & Brunel 1997).

The network starts at its lower rate; a volley of excitatory spikes takes it up, one of inhibitory
spikes down again. The core gives the integer network's spikes. The unstable fixed point of the mean
field parts the two states. The upper rate itself is not the mean field's, which is unstable there.
"""

import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.reference.connectivity import FixedInDegree, Pairs
from rheobase.models.reference.elements import Poisson, Population, Projection, SpikeTrains
from rheobase.models.theory import mean_field
from tests.on_core import played

N, IN_DEGREE, DT, DELAY = 300, 60, 0.5e-3, 6e-3
NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=5e-3)
NOISE = 600.0, 1e-3  # Hz, V: a mean of 12 mV
UP, DOWN, KICK, END = 1.0, 2.0, 0.2, 3.0  # s


def volley(start: float, rng: np.random.Generator) -> SpikeTrains:
    """Spikes at 120 Hz, independent of each other, for each neuron."""
    step, neuron = np.nonzero(rng.random((round(KICK / DT), N)) < 120 * DT)
    return SpikeTrains(N, start + DT * step, neuron)


def rates(weight: float) -> list[float]:
    """Of the core before, between and after the volleys, in Hz."""
    rng = np.random.default_rng(1)
    neurons, one_to_one = Population(NEURON, N), Pairs(np.arange(N), np.arange(N))
    projections = [
        Projection(neurons, neurons, FixedInDegree(IN_DEGREE), weight, DELAY),
        Projection(volley(UP, rng), neurons, one_to_one, 6e-3, DT),
        Projection(volley(DOWN, rng), neurons, one_to_one, -20e-3, DT),
    ]
    noise = [Poisson(neurons, *NOISE)]
    found = played([neurons], projections, noise, DT, END, width=13, lsb=20e-6, slots=16)
    windows = ((0.2, UP), (UP + 2 * KICK, DOWN), (DOWN + 2 * KICK, END))
    return [found.rate(0, *window) for window in windows]


def fixed_points(weight: float) -> list[float]:
    network = mean_field.Network(
        neurons=(NEURON,), in_degrees=[[IN_DEGREE]], weights=[[weight]], delays=DELAY,
        external=mean_field.Poisson(rate=NOISE[0], in_degree=1, weight=NOISE[1]), sizes=(N,),
    )  # fmt: skip
    return [float(point.rates[0]) for point in mean_field.fixed_points(network)]


def test_a_network_remembers_the_last_volley() -> None:
    _, parting, _ = fixed_points(0.3e-3)
    before, between, after = rates(0.3e-3)
    assert max(before, after) < parting < between


def test_weaker_synapses_have_one_state_and_forget() -> None:
    (only,) = fixed_points(0.15e-3)
    for rate in rates(0.15e-3):
        assert rate == pytest.approx(only, abs=1)
