"""The circuits that the tests share, designed and measured once per process."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from rheobase.analog import benches
from rheobase.analog.bias import design
from rheobase.analog.cells.cell import Size
from rheobase.analog.extract import Extracted, extract
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.mismatch import Study, study
from rheobase.analog.monte_carlo import rheobase
from rheobase.analog.sensitivity import MATCHING, Spread
from rheobase.analog.technology import Technology, generic180
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


def enlarged(technology: Technology, speed_up: float, mirror: Size, length: float) -> AnalogLIF:
    """A neuron whose gates match as a designer would have it: a tenth of variation of the rate.

    The comparator's input pair and loads are 32 times as wide as `length` (m), the others 8 times.
    """
    lif = design(BRUNEL, technology, speed_up=speed_up, voltage_scale=2.5)
    lif = replace(
        lif,
        pair_size=Size(8e-6, 4e-6),
        mirror_size=mirror,
        comparator_size=Size(32 * length, length),
        load_size=Size(32 * length, length),
        branch_size=Size(8 * length, length),
    )
    missed = benches.trip(lif) - lif.voltage(lif.neuron.v_th)
    return replace(lif, v_th_reference=lif.v_th_reference - missed)


@pytest.fixture(scope="session")
def matched() -> AnalogLIF:
    """A neuron of well-matched gates, a thousand times faster than biology."""
    return enlarged(generic180, 1000.0, Size(4e-6, 4e-6), 0.5e-6)


@pytest.fixture(scope="session")
def training(matched: AnalogLIF) -> tuple[float, ...]:
    """1.1, 2 and 6 times the rheobase, in A."""
    return tuple(x * rheobase(matched) for x in (1.1, 2.0, 6.0))


@pytest.fixture(scope="session")
def studied(matched: AnalogLIF, training: tuple[float, ...]) -> Study:
    """Six chips, calibrated at the training currents, judged at 1.2 and 5 times the rheobase."""
    held_out = [x * rheobase(matched) for x in (1.2, 5.0)]
    trims = ("i_leak", "v_th_reference", "i_refractory")
    return study(matched, training, held_out, trims, range(1, 7), MATCHING["generic180"])


@pytest.fixture(scope="session")
def spread(studied: Study) -> Spread:
    """Predicted spread of tau_m, rest, trip point and the rates at the training currents."""
    return studied.spread
