"""The transistors' noise on the membrane: kT/C times the OTA's factor, by three ways."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog import benches, noise
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.simulate import simulate

from .conftest import Circuits

BOLTZMANN = 1.380649e-23


def thermal(lif: AnalogLIF) -> float:
    """``kT/C`` in V^2."""
    return BOLTZMANN * (lif.technology.temperature + 273.15) / (lif.g_m * lif.tau_m)


def parameters(lif: AnalogLIF, branches: tuple[str, ...], names: tuple[str, ...]) -> np.ndarray:
    """Small-signal parameters of the OTA's transistors at rest, shape (branches, names)."""
    saved = [f"@m.xleak.{branch}.m0[{name}]" for branch in branches for name in names]
    circuit = benches.without(lif, "Xcomparator", "Xrefractory", "Xreset", "Cm")
    bench = f"Vm m 0 {lif.voltage(lif.neuron.v_rest)!r}\n.op\n.save {' '.join(saved)}"
    found = benches.simulate(lif, circuit, bench, saved, benches.STATIC)
    return np.array([float(found[name][0]) for name in saved]).reshape(len(branches), len(names))


@pytest.mark.parametrize("name", ["brunel", "brunel x1000"])
def test_the_membranes_variance_is_2_n_times_kt_over_c(circuits: Circuits, name: str):
    """``n = I/(g_m U_T)`` of a transistor of the pair; the mirror is a few percent off."""
    lif, _ = circuits(name)
    ((current, g_m),) = parameters(lif, ("xplus",), ("id", "gm"))
    n = current / (g_m * lif.technology.thermal_voltage)
    assert noise.variance(lif) / thermal(lif) == pytest.approx(2 * n, rel=0.02)


@pytest.mark.parametrize("name", ["brunel", "brunel x1000"])
def test_four_branches_reach_the_membrane_in_ngspices_own_analysis(circuits: Circuits, name: str):
    """The models' ``8/3 kT (g_m + g_mb + g_ds)`` of pair and mirror, from the operating point."""
    lif, _ = circuits(name)
    branches = ("xplus", "xminus", "xdiode", "xout")
    conductance = parameters(lif, branches, ("gm", "gmbs", "gds")).sum()
    kt = BOLTZMANN * (lif.technology.temperature + 273.15)
    expected = 8 / 3 * kt * conductance / (4 * lif.g_m**2 * lif.tau_m)
    assert noise.ngspice_variance(lif) == pytest.approx(expected, rel=0.02)


SAMPLES, SHARE = 20_000, 0.2  # of tau_m a sample: 4000 time constants


def spread(lif: AnalogLIF, current: np.ndarray) -> float:
    """Variance of the free membrane under `current`, in that of `noise.variance`."""
    dt = SHARE * lif.tau_m
    free = replace(lif, v_th_reference=lif.technology.supply)
    trace = simulate(free, current, SAMPLES * dt, dt=dt)
    v = np.interp(np.arange(50, SAMPLES) * dt, trace.t, trace.v_m)
    x = SHARE / 2
    return float(v.var()) / noise.variance(lif) / (np.tanh(x) / x)


def test_explicit_sources_give_that_variance(circuits: Circuits):
    """A variance over T has the relative error ``sqrt(2 tau/T)`` = 2.2 %; three of them."""
    lif, _ = circuits("brunel x1000")
    current = noise.held(lif, SAMPLES, SHARE * lif.tau_m, seed=1)
    error = 3 * np.sqrt(2 / (SAMPLES * SHARE))
    assert abs(spread(lif, current) - 1) < error
    assert abs(spread(lif, np.sqrt(4 / 3) * current) - 1) > 2 * error  # one branch too many


def test_held_noise_is_reproducible_and_of_the_stated_density(circuits: Circuits):
    lif, _ = circuits("brunel x1000")
    one, again, other = (noise.held(lif, 4000, 1e-7, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    expected = noise.density(lif) / 2e-7
    assert one.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / 4000))


@pytest.mark.parametrize(("samples", "dt", "name"), [(0, 1e-7, "samples"), (9, 0.0, "dt")])
def test_wrong_arguments_are_named(circuits: Circuits, samples: int, dt: float, name: str):
    lif, _ = circuits("brunel x1000")
    with pytest.raises(ValueError, match=name):
        noise.held(lif, samples, dt, seed=1)
