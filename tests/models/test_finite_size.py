"""Fluctuations of population rates against a simulated network and exact limits."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.reference import network as reference
from rheobase.models.theory.finite_size import spectrum
from rheobase.models.theory.mean_field import Network, Poisson, fixed_points
from rheobase.models.theory.stability import loop_gain
from rheobase.models.theory.states import brunel_network

CELL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
N, K, J, DELAY, DT = 1000, 250, -0.2e-3, 2e-3, 1e-4
RATE, WEIGHT, DRIVE = 125e3, 0.1e-3, 14e-3  # external: as much inhibition as excitation

INHIBITORY = Network(
    (CELL,), K, J, DELAY, DRIVE - CELL.tau_m * RATE * WEIGHT, Poisson(RATE, 1, WEIGHT), N, DT
)


def simulated(t_stop=20.0, width=0.5e-3, segment=1000):
    """Frequencies, spectrum over r / N, and independent values per frequency."""
    cells = reference.Population(CELL, N)
    times = reference.simulate(
        [cells],
        [reference.Projection(cells, cells, reference.FixedInDegree(K), J, DELAY)],
        [
            reference.Poisson(cells, RATE / 2, WEIGHT),
            reference.Poisson(cells, RATE / 2, -WEIGHT),
            reference.Drive(cells, DRIVE),
        ],
        t_stop,
        DT,
        seed=7,
    ).times
    bins = round((t_stop - 0.2) / width) // segment * segment
    edges = 0.2 + (np.arange(bins + 1) + 0.5 * DT / width) * width  # spikes stand on the steps
    counts = np.histogram(times, edges)[0].reshape(-1, segment)
    rate = counts.mean() / (N * width)
    power = np.abs(np.fft.rfft((counts - counts.mean()) / (N * width), axis=1)) ** 2
    return (
        np.fft.rfftfreq(segment, width),
        power.mean(0) * width / segment / (rate / N),
        len(counts),
    )


def test_spectrum_of_a_simulated_network():
    """In bands; an estimate from m values has the relative standard error 1 / sqrt(m)."""
    f, power, segments = simulated()
    (point,) = fixed_points(INHIBITORY)
    inside = (f >= 2) & (f <= 100)
    f, power = f[inside], power[inside]
    theory = spectrum(INHIBITORY, point, f)[:, 0, 0].real / (point.rates[0] / N)
    gain = loop_gain(INHIBITORY, point, f)[:, 0, 0]

    def worst(expected):
        z = []
        for low, high in ((2, 6), (6, 12), (12, 20), (20, 35), (35, 60), (60, 100)):
            band = (f >= low) & (f < high)
            error = 1 / np.sqrt(band.sum() * segments)
            z.append((power[band].mean() / expected[band].mean() - 1) / error)
        return np.abs(z).max()

    assert worst(theory) < 4
    assert worst(np.ones_like(f)) > 5  # independent neurons
    assert worst(1 / np.abs(1 + gain) ** 2) > 5  # the sign of the feedback
    assert worst(1 / np.abs(1 - gain)) > 5


def test_uncoupled_populations_fluctuate_as_poisson_processes():
    network = replace(brunel_network(5, 2), weights=0.0)
    (point,) = fixed_points(network)
    found = spectrum(network, point, [0.0, 10.0, 300.0])
    expected = np.broadcast_to(np.diag(point.rates / [10_000, 2500]), (3, 2, 2))
    assert found == pytest.approx(expected, rel=1e-12)


def test_inhibition_suppresses_slow_fluctuations():
    (point,) = fixed_points(INHIBITORY)
    free = point.rates[0] / N
    slow = spectrum(INHIBITORY, point, 0.0)[0, 0]
    static = replace(INHIBITORY, dt=None)
    (point,) = fixed_points(static)
    assert slow.real < 0.3 * free
    slope = point.slopes[0, 0]
    slow = spectrum(static, point, 0.0)[0, 0]
    assert slow == pytest.approx(point.rates[0] / N / (1 - slope) ** 2, rel=1e-6)


def test_cross_spectra_are_hermitian_and_positive():
    network = brunel_network(5, 2)
    (point,) = fixed_points(network)
    found = spectrum(network, point, [0.0, 25.0, 130.0, 400.0])
    assert found == pytest.approx(np.conj(np.swapaxes(found, 1, 2)), rel=1e-12)
    assert np.all(np.linalg.eigvalsh(found) > 0)


def test_spectra_go_as_the_inverse_size():
    network = brunel_network(5, 2)
    larger = replace(network, sizes=network.sizes * 7)
    (point,) = fixed_points(network)
    ratio = spectrum(network, point, 40.0) / spectrum(larger, point, 40.0)
    assert ratio == pytest.approx(np.full((2, 2), 7.0), rel=1e-12)


def test_sizes_are_needed():
    network = replace(brunel_network(5, 2), sizes=None)
    with pytest.raises(ValueError, match="network must have sizes"):
        spectrum(network, fixed_points(network)[0], 1.0)
