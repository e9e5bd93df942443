"""The circuits that the tests share, designed and measured once per process."""

from collections.abc import Callable
from functools import cache

import pytest

from rheobase.analog.bias import design
from rheobase.analog.extract import Extracted, extract
from rheobase.analog.lif import AnalogLIF
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
