"""The circuits that the tests share, designed and measured once per process."""

from collections.abc import Callable
from functools import cache

import pytest

from rheobase.analog.bias import design
from rheobase.analog.extract import Extracted, extract
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.mismatch import Study, study
from rheobase.analog.monte_carlo import rheobase
from rheobase.analog.sensitivity import Spread
from rheobase.analog.technology import generic180, matching_of
from rheobase.models.neuron import LIF

BRUNEL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
NIR = LIF(tau_m=2.5e-3, v_th=0.1, v_reset=0.0)
NEURONS = {
    "brunel": (BRUNEL, 1.0, 1.0),
    "brunel x1000": (BRUNEL, 1000.0, 1.0),
    "nir x1000": (NIR, 1000.0, 0.25),
}

Circuits = Callable[[str], tuple[AnalogLIF, Extracted]]


@cache
def _circuit(name: str) -> tuple[AnalogLIF, Extracted]:
    neuron, speed_up, voltage_scale = NEURONS[name]
    lif = design(neuron, speed_up=speed_up, voltage_scale=voltage_scale)
    return lif, extract(lif)


@pytest.fixture(scope="session")
def circuits() -> Circuits:
    """From a name in NEURONS to the designed circuit and what extraction finds in it."""
    return _circuit


OFFSET = 1.6e-3
"""V: with gates for this deviation of rest and trip the rate varies by 6 % at two rheobases."""


@pytest.fixture(scope="session")
def matched() -> AnalogLIF:
    """A neuron of well-matched gates, a thousand times faster than biology."""
    return design(BRUNEL, speed_up=1000.0, voltage_scale=2.5, offset=OFFSET)


@pytest.fixture(scope="session")
def training(matched: AnalogLIF) -> tuple[float, ...]:
    """1.1, 2 and 6 times the rheobase, in A."""
    return tuple(x * rheobase(matched) for x in (1.1, 2.0, 6.0))


@pytest.fixture(scope="session")
def studied(matched: AnalogLIF, training: tuple[float, ...]) -> Study:
    """Six chips, calibrated at the training currents, judged at 1.2 and 5 times the rheobase."""
    held_out = [x * rheobase(matched) for x in (1.2, 5.0)]
    trims = ("i_leak", "v_th_reference", "i_refractory")
    return study(matched, training, held_out, trims, range(1, 7), matching_of(generic180))


@pytest.fixture(scope="session")
def spread(studied: Study) -> Spread:
    """Predicted spread of tau_m, rest, trip point and the rates at the training currents."""
    return studied.spread
