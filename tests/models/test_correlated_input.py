"""The input spectrum that mean field leaves out, against all the ways to draw the synapses."""

from itertools import product

import numpy as np
import pytest

from rheobase.models.neuron import LIF
from rheobase.models.theory import correlated_input, siegert
from rheobase.models.theory.correlated_input import input_excess, rate_error
from rheobase.models.theory.mean_field import Network, Poisson, fixed_points

CELL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
K, J, SIZES = np.array([[2, 3], [3, 1]]), np.array([[0.3e-3, -1e-3], [0.2e-3, -0.8e-3]]), (3, 2)
NETWORK = Network((CELL, CELL), K, J, 2e-3, 0.0, Poisson(375, 1, 2e-3), SIZES)
(POINT,) = fixed_points(NETWORK)
OWN = 0.2, 0.3  # Hz, of pairs of neurons of one population
OTHER = -0.1  # of pairs of two populations


def naive(i: int, own: tuple[float, float]) -> float:
    """Mean over all draws of the spectrum of a neuron's input, from the spectra of single cells."""
    cells = [(j, number) for j in range(2) for number in range(SIZES[j])]

    def of_pair(a: tuple[int, int], b: tuple[int, int]) -> float:
        if a == b:
            return own[a[0]]
        return OWN[a[0]] if a[0] == b[0] else OTHER

    total, draws = 0.0, 0
    for first, second in product(
        product([c for c in cells if c[0] == 0], repeat=int(K[i, 0])),
        product([c for c in cells if c[0] == 1], repeat=int(K[i, 1])),
    ):
        sources = first + second
        draws += 1
        for a in sources:
            for b in sources:
                total += J[i, a[0]] * J[i, b[0]] * of_pair(a, b)
    return total / draws


def crossed(own: tuple[float, float]) -> np.ndarray:
    """Cross-spectra of the population rates of cells with these spectra."""
    return np.array(
        [
            [own[j] / SIZES[j] + (1 - 1 / SIZES[j]) * OWN[j] if j == k else OTHER for k in range(2)]
            for j in range(2)
        ],
        complex,
    )


def test_the_excess_is_that_of_all_draws() -> None:
    """Cells of spectrum r, and what mean field takes."""
    own = float(POINT.rates[0]), float(POINT.rates[1])
    found = input_excess(NETWORK, POINT, crossed(own), irregular=True)
    for i in range(2):
        taken = sum(K[i, j] * J[i, j] ** 2 * own[j] for j in range(2))
        assert found[i] == pytest.approx(naive(i, own) - taken, rel=1e-9)


def test_regular_spikes_bring_less_at_low_frequencies() -> None:
    cross = crossed((float(POINT.rates[0]), float(POINT.rates[1])))
    less = input_excess(NETWORK, POINT, cross, True) - input_excess(NETWORK, POINT, cross, False)
    cv = [float(siegert.cv(CELL, POINT.mu[j], POINT.sigma[j])) for j in range(2)]
    for i in range(2):
        wanted = sum(K[i, j] * J[i, j] ** 2 * POINT.rates[j] * (1 - cv[j] ** 2) for j in range(2))
        assert less[i] == pytest.approx(wanted, rel=1e-9)


def test_an_excess_at_all_frequencies_is_more_white_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixed point of a network with as much more noise from outside, to first order."""
    shared = np.diag(POINT.rates / SIZES).astype(complex)
    monkeypatch.setattr(correlated_input, "spectrum", lambda *_: shared[None])
    monkeypatch.setattr(siegert, "cv", lambda *_: 1.0)
    excess = input_excess(NETWORK, POINT, shared, irregular=True)
    change = fixed_points(noisier(excess))[0].rates - POINT.rates
    assert np.all(change > 0.01)
    np.testing.assert_allclose(rate_error(NETWORK, POINT), change, rtol=0.03)


def noisier(excess: np.ndarray) -> Network:
    """The network with `excess` V**2 Hz more white noise from outside, of no mean."""
    outside = NETWORK.external
    weight = np.sqrt((outside.rate * outside.weight**2 + excess) / outside.rate)
    held = CELL.tau_m * outside.rate * (outside.weight - weight)
    return Network((CELL, CELL), K, J, 2e-3, held, Poisson(outside.rate, 1, weight), SIZES)
