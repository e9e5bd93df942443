"""The march on the LIF neuron, whose rate and CV are known to 1e-12, and the map of the voltage."""

from math import sqrt

import numpy as np
import pytest

from rheobase.models.neuron import EIF, LIF
from rheobase.models.theory import siegert
from rheobase.models.theory import threshold_integration as ti

NEURON = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3)
CORTEX = LIF(tau_m=10e-3, v_th=-50e-3, v_reset=-65e-3, v_rest=-65e-3)
BELOW = np.array([[1.0], [0.0]])


def passage(neuron, mu, sigma):
    state, _, width = ti.descend(ti.constants(neuron), mu, sigma, BELOW, np.zeros(1))
    assert width > 0
    return state[ti.M, 0]


@pytest.mark.parametrize("neuron", [NEURON, CORTEX])
def test_passage_of_the_lif(neuron):
    gap = neuron.v_th - neuron.v_rest
    for mu in (-0.05, 0.0, 0.7 * gap, 0.999 * gap, gap, 1.2 * gap, 1.0, 1e6):
        for sigma in (1e-7, 1e-4, 1e-3, 5e-3, 0.1, 100.0):
            rate = siegert.rate(neuron, mu, sigma)
            if rate > 1e-280:
                bound = 1e-8 if rate > 1e-10 else 2e-7
                assert passage(neuron, mu, sigma) * rate == pytest.approx(1, abs=bound)


def test_variance_of_the_lif():
    fluxes = np.array([[1.0, 0.0], [0.0, 0.0]])
    for mu, sigma in [(15e-3, 5e-3), (25e-3, 3e-3), (25e-3, 1e-6), (0.1, 1.0), (5e-3, 2e-3)]:
        mean = passage(NEURON, mu, sigma)
        cell = ti.constants(NEURON)
        state, power, _ = ti.descend(cell, mu, sigma, fluxes, np.zeros(2), ti.VARIANCE, mean)
        assert power[1] == 0
        cv = sqrt(2 * state[ti.M, 1] / mean)
        assert cv == pytest.approx(siegert.cv(NEURON, mu, sigma), abs=2e-7)


def test_growing_rows_are_scaled():
    """At 1 MHz the response to a modulated rate grows by exp(1100) from threshold to reset."""
    neuron = LIF(20e-3, v_th=20e-3, v_reset=-10e-3)
    s = 2j * np.pi * 1e6
    fluxes = np.array([[1, 1, 0], [0, 1, 0]], complex)
    cell = ti.constants(neuron)
    state, power, _ = ti.descend(cell, 10e-3, 10e-3, fluxes, np.array([0, s, s]), ti.DRIVE)
    assert power[0] == 0 and power[1] >= 2 and abs(power[2] - power[1]) <= 1
    assert np.isfinite(state).all() and (np.abs(state) < ti.LARGEST).all()


def test_what_is_beyond_the_largest_number_is_told():
    cell = ti.constants(NEURON)
    assert ti.descend(cell, -1.0, 1e-3, BELOW, np.zeros(1))[2] == -1.0


def test_depth():
    neuron = EIF(20e-3, v_th=20e-3, delta_t=1e-3, v_reset=10e-3, v_peak=30e-3)
    equation = ti.membrane(ti.constants(neuron), 0.0, 1e-3)
    v = np.array([-1.0, 10e-3, 20e-3, 25e-3, 40e-3])
    x = np.array([ti.depth(equation, float(u)) for u in v])
    assert 20e-3 - 1e-3 * np.log(np.expm1(x[1:] / 1e-3)) == pytest.approx(v[1:], rel=1e-12)
    assert x[0] == pytest.approx(1.02)
    assert ti.depth(ti.membrane(ti.constants(NEURON), 0.0, 1e-3), 15e-3) == pytest.approx(5e-3)


def test_the_top_of_a_spike():
    """Where it ends does not matter far above the threshold, and cannot overflow."""
    far = EIF(20e-3, v_th=20e-3, delta_t=1e-5, v_reset=10e-3, v_peak=1e3)
    near = EIF(20e-3, v_th=20e-3, delta_t=1e-5, v_reset=10e-3, v_peak=20.35e-3)
    assert passage(far, 15e-3, 5e-3) == pytest.approx(passage(near, 15e-3, 5e-3), rel=1e-8)
