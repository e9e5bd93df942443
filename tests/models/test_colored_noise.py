"""The boundary shifts of coloured noise against Monte Carlo of membrane and current."""

from functools import lru_cache
from math import exp, inf, nan, sqrt

import numpy as np
import pytest
from nnmt.lif import exp as nnmt_exp
from numba import njit

from rheobase.models.neuron import LIF
from rheobase.models.theory import colored_noise, siegert

STEPS = 10  # a tau_s
BATCHES = 50


@njit(cache=True)
def intervals(a, b, ratio, t_ref, spikes, seed):
    """Mean intervals of batches; V in units of sigma from v_rest + mu, time in units of tau_m.

    The current is stepped exactly and taken as linear within a step; a step that starts upwards
    and ends downwards is tested at its maximum, too.
    """
    np.random.seed(seed)
    h = ratio / STEPS
    keep = exp(-h / ratio)
    kick = sqrt((1 - keep * keep) / (2 * ratio))
    decay = exp(-h)
    start, end = (1 - decay) / h - decay, 1 - (1 - decay) / h
    rest_keep = exp(-t_ref / ratio)
    rest_kick = sqrt((1 - rest_keep * rest_keep) / (2 * ratio))
    y, s = a, np.random.normal() / sqrt(2 * ratio)
    out = np.zeros(BATCHES + 1)
    for batch in range(BATCHES + 1):
        for _ in range(spikes // BATCHES):
            part = -1.0
            while part < 0:
                s1 = s * keep + kick * np.random.normal()
                y1 = y * decay + s * start + s1 * end
                slope, slope1 = s - y, s1 - y1
                top = slope / (slope - slope1) if slope > 0 > slope1 else 0.0
                if y1 >= b:
                    part = (b - y) / (y1 - y)
                elif y + h * slope * top / 2 >= b:
                    part = top
                if part < 0:
                    y, s = y1, s1
                    out[batch] += h
            out[batch] += part * h + t_ref
            s += part * (s1 - s)
            s, y = s * rest_keep + rest_kick * np.random.normal(), a
    return out[1:] / (spikes // BATCHES)


@lru_cache
def monte_carlo(a, b, ratio, t_ref, spikes):
    """Rate in 1 / tau_m and its relative standard error."""
    found = intervals(a, b, ratio, t_ref, spikes, 1)
    return 1 / found.mean(), found.std(ddof=1) / sqrt(BATCHES) / found.mean()


def neuron_with(a, b, t_ref):
    """tau_m 1 s, mu and sigma 1 V."""
    return LIF(tau_m=1.0, v_th=b, v_reset=a, v_rest=-1.0, t_ref=t_ref)


@pytest.mark.parametrize(
    ("a", "b", "ratio", "t_ref", "spikes"),
    [
        (-1.0, 0.0, 0.03, 0.1, 10_000),
        (-3.0, -0.9, 0.03, 0.0, 10_000),
        (-1.0, 0.0, 0.01, 0.03, 5_000),
        (-0.5, 1.2, 0.03, 0.0, 5_000),
    ],
)
def test_the_rate_is_right_to_five_percent_and_the_white_one_is_not(a, b, ratio, t_ref, spikes):
    rate, error = monte_carlo(a, b, ratio, t_ref, spikes)
    neuron = neuron_with(a, b, t_ref)
    assert error < 0.02
    assert abs(siegert.rate(neuron, 1.0, 1.0, tau_s=ratio) / rate - 1) < 0.05 + 4 * error
    assert abs(siegert.rate(neuron, 1.0, 1.0) / rate - 1) > 0.05 + 4 * error


def test_a_current_forgets_the_spike_while_the_neuron_is_refractory():
    """Moving the reset as if t_ref were zero is wrong by 8 %."""
    rate, error = monte_carlo(-1.0, 0.0, 0.03, 0.1, 10_000)
    shift = colored_noise.shifts(neuron_with(-1.0, 0.0, 0.0), 0.03)
    assert shift[0] == shift[1]
    published = siegert.rate(neuron_with(-1.0 + shift[1], shift[0], 0.1), 1.0, 1.0)
    assert abs(published / rate - 1) > 0.05 + 4 * error


def test_without_refractoriness_the_law_is_nnmts():
    """Fourcaud & Brunel 2002 as NNMT 1.3 has it."""
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3)
    mu, sigma = np.array([15e-3, 19e-3, 22e-3]), np.array([5e-3, 4e-3, 3e-3])
    theirs = nnmt_exp._firing_rate_shift(mu, sigma, 10e-3, 20e-3, 20e-3, 0.0, 0.4e-3)
    assert siegert.rate(neuron, mu, sigma, tau_s=0.4e-3) == pytest.approx(theirs, rel=1e-9)
    assert np.exp(siegert.log_rate(neuron, mu, sigma, tau_s=0.4e-3)) == pytest.approx(
        theirs, rel=1e-9
    )


def test_the_domain_is_warned_of_and_no_noise_is_in_it():
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3)
    mu = np.array([15e-3, 0.0, 15e-3, 40e-3, 19e-3])
    sigma = np.array([5e-3, 5e-3, 0.0, 5e-3, 11e-3])
    inside = colored_noise.in_domain(neuron, mu, sigma, 0.6e-3)
    assert inside.tolist() == [True, False, True, False, False]
    assert colored_noise.in_domain(neuron, mu, sigma, 0.7e-3).tolist() == [False] * 2 + [
        True,
        False,
        False,
    ]
    with pytest.warns(UserWarning, match="tau_s = 0.0006 s .* 3 of 5 inputs"):
        siegert.rate(neuron, mu, sigma, tau_s=0.6e-3)
    assert siegert.rate(neuron, 30e-3, 0.0, tau_s=5e-3) == siegert.fi_curve(neuron, 30e-3)


@pytest.mark.parametrize("tau_s", [0.0, -1e-3, inf, nan])
def test_what_is_refused(tau_s):
    with pytest.raises(ValueError, match="tau_s must be > 0 s, not"):
        colored_noise.shifts(LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3), tau_s)
