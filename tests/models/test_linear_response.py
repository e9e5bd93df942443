"""Susceptibilities against the closed form, static derivatives, a sparse solver, and limits."""

from math import pi

import mpmath as mp
import numpy as np
import pytest
from scipy.sparse import csc_matrix, diags, identity
from scipy.sparse.linalg import splu

from rheobase.models.neuron import EIF, LIF
from rheobase.models.theory import exponential, siegert
from rheobase.models.theory.linear_response import noise_susceptibility, susceptibility

LEAKY = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
SHARP = EIF(20e-3, v_th=20e-3, delta_t=1e-3, v_reset=10e-3, v_peak=45e-3, t_ref=2e-3)
SMOOTH = EIF(10e-3, v_th=-52e-3, delta_t=3e-3, v_reset=-60e-3, v_peak=-40e-3, v_rest=-65e-3)
FREQUENCY = np.array([0.01, 1.0, 10.0, 45.0, 200.0, 1000.0])


# ------------------------------------------------------------------ the LIF's closed form


def closed_form(neuron, mu, sigma, frequency, delay_of_slope=0.0):
    """r0 / (sigma (1 + s)) (U'(b) - U'(a)) / (U(b) - exp(-s t_ref / tau_m) U(a)), s = i omega tau_m

    with ``U(y) = exp(y**2) (1F1((1-s)/2; 1/2; -y**2) / Gamma((1+s)/2)
    + 2 y 1F1(1-s/2; 3/2; -y**2) / Gamma(s/2))`` at b (threshold) and a (reset). The refractory
    phase stands in the denominator only; `delay_of_slope` puts a wrong one to U'(a).
    """
    a, b = ((v - neuron.v_rest - mu) / sigma for v in (neuron.v_reset, neuron.v_th))
    s = 2j * mp.pi * mp.mpf(frequency) * neuron.tau_m

    def u_and_slope(y):
        even, odd = mp.hyp1f1((1 - s) / 2, 0.5, -y * y), mp.hyp1f1(1 - s / 2, 1.5, -y * y)
        d_even = -2 * y * (1 - s) * mp.hyp1f1((3 - s) / 2, 1.5, -y * y)
        d_odd = -2 * y * (2 - s) / 3 * mp.hyp1f1(2 - s / 2, 2.5, -y * y)
        g, f = 1 / mp.gamma((1 + s) / 2), 1 / mp.gamma(s / 2)
        u = even * g + 2 * y * odd * f
        slope = d_even * g + 2 * odd * f + 2 * y * d_odd * f + 2 * y * u
        return mp.exp(y * y) * u, mp.exp(y * y) * slope

    with mp.workdps(40 + int(2 * max(a * a, b * b)) + int(frequency / 20)):
        a, b = mp.mpf(a), mp.mpf(b)
        (u_a, slope_a), (u_b, slope_b) = u_and_slope(a), u_and_slope(b)
        phase = mp.exp(-s * neuron.t_ref / neuron.tau_m)
        rate = float(siegert.rate(neuron, mu, sigma))
        slopes = slope_b - phase**delay_of_slope * slope_a
        return complex(rate / (sigma * (1 + s)) * slopes / (u_b - phase * u_a))


@pytest.mark.parametrize(
    ("mu", "sigma"), [(15e-3, 5e-3), (25e-3, 3e-3), (12e-3, 2.5e-3), (19e-3, 2e-3), (9e-3, 1.7e-3)]
)
def test_lif_has_the_closed_form(mu, sigma):
    expected = [closed_form(LEAKY, mu, sigma, f) for f in FREQUENCY]
    found = susceptibility(LEAKY, mu, sigma, FREQUENCY)
    assert np.max(np.abs(found / expected - 1)) < 1e-8


def test_a_refractory_phase_in_the_wrong_place_is_found():
    wrong = closed_form(LEAKY, 25e-3, 3e-3, 30.0, delay_of_slope=1.0)
    assert abs(wrong / susceptibility(LEAKY, 25e-3, 3e-3, 30.0) - 1) > 0.01


# ------------------------------------------------------------------ frequency 0


def derivative(f, h):
    """f'(0) to order h**6."""
    one, two, three = (f(i * h) - f(-i * h) for i in (1, 2, 3))
    return (45 * one - 9 * two + three) / (60 * h)


@pytest.mark.parametrize("neuron", [LEAKY, SHARP, SMOOTH])
@pytest.mark.parametrize(("mu", "sigma"), [(15e-3, 5e-3), (25e-3, 3e-3), (8e-3, 4e-3)])
def test_at_frequency_0_it_is_the_derivative_of_the_rate(neuron, mu, sigma):
    rate, h = (siegert if neuron is LEAKY else exponential).rate, sigma / 200
    for found, moved in (
        (susceptibility, lambda x: rate(neuron, mu + x, sigma)),
        (noise_susceptibility, lambda x: rate(neuron, mu, sigma + x)),
    ):
        slope, coarse = derivative(moved, h / 2), derivative(moved, h)
        # truncation, and the error of the rate, 1e-8, over h / 2
        bound = abs(slope - coarse) + 1e-8 * moved(0.0) / (h / 2)
        assert bound < 1e-5 * moved(0.0) / sigma
        static = found(neuron, mu, sigma, 0.0)
        assert static.imag == 0
        assert abs(static.real - slope) < bound
        assert found(neuron, mu, sigma, 1e-6) == pytest.approx(static, rel=1e-5)


# ------------------------------------------------------------------ a sparse solver, any drift


def sparse_response(neuron, mu, sigma, frequency, modulate, n):
    """The discretised generator, central differences on nodes of which reset and threshold are two.

    Modulating the drive or the noise changes the flux ``a p - d dp/dV`` through every face.
    """
    top, v_rest, tau_m = getattr(neuron, "v_peak", neuron.v_th), neuron.v_rest, neuron.tau_m
    low = min(neuron.v_reset, v_rest + mu) - 6 * sigma
    above = round(n * (top - neuron.v_reset) / (top - low))
    h = (top - neuron.v_reset) / above
    below = round((neuron.v_reset - low) / h)
    nodes = below + above  # without the threshold, where p = 0
    face = neuron.v_reset + h * (np.arange(-below, above) + 0.5)
    a = (v_rest + mu - face) / tau_m
    if isinstance(neuron, EIF):
        a += neuron.delta_t / tau_m * np.exp((face - neuron.v_th) / neuron.delta_t)

    def flux(a, d):
        return diags([a / 2 + d / h, (a / 2 - d / h)[:-1]], [0, 1])

    still = flux(a, sigma**2 / (2 * tau_m))
    moved = {
        "drive": flux(np.full(nodes, 1 / tau_m), 0.0),
        "noise": flux(np.zeros(nodes), sigma / tau_m),
    }[modulate]
    difference = diags([1 / h, -1 / h], [0, -1], shape=(nodes, nodes))
    omega = 2 * pi * frequency

    def generator(flux, phase):
        reset = csc_matrix(([phase / h], ([below], [0])), shape=(nodes, 1))
        return (reset @ flux.tocsr()[-1] - difference @ flux).tocsc()

    balance = generator(still, 1.0).real.tolil()
    balance[0] = h  # the equation of the lowest node follows from the others: normalise instead
    balance = balance.tocsr()
    out = still.tocsr()[-1]
    balance[0] += neuron.t_ref * out
    unit = np.zeros(nodes)
    unit[0] = 1.0
    p0 = splu(balance.tocsc()).solve(unit)
    phase = np.exp(-1j * omega * neuron.t_ref)
    operator = 1j * omega * identity(nodes) - generator(still, phase)
    p1 = splu(operator.tocsc()).solve(generator(moved, phase) @ p0)
    return (out @ p1 + moved.tocsr()[-1] @ p0)[0]


@pytest.mark.parametrize("modulate", ["drive", "noise"])
@pytest.mark.parametrize(
    ("neuron", "mu", "sigma"),
    [
        (LEAKY, 15e-3, 5e-3),
        (LEAKY, 25e-3, 3e-3),
        (SMOOTH, 8e-3, 5e-3),
        (SMOOTH, 18e-3, 4e-3),
    ],
)
def test_response_is_that_of_the_discretised_generator(neuron, mu, sigma, modulate):
    function = {"drive": susceptibility, "noise": noise_susceptibility}[modulate]
    other = {"drive": noise_susceptibility, "noise": susceptibility}[modulate]
    for frequency in (3.0, 40.0, 300.0):
        h2 = [sparse_response(neuron, mu, sigma, frequency, modulate, n) for n in (500, 1000, 2000)]
        coarse, fine = (4 * h2[1] - h2[0]) / 3, (4 * h2[2] - h2[1]) / 3
        error = abs(coarse - fine)
        assert error < 1e-5 * abs(fine)
        assert abs(function(neuron, mu, sigma, frequency) - fine) < error
        assert abs(other(neuron, mu, sigma, frequency) - fine) > 100 * error


# ------------------------------------------------------------------ high frequency


def test_lif_at_high_frequency():
    """r0 sqrt(2 / (i omega tau_m)) / sigma and 2 r0 / sigma, up to f**(-1/2)."""
    mu, sigma, f = 15e-3, 5e-3, np.array([1e4, 4e4])
    r0 = siegert.rate(LEAKY, mu, sigma)
    drive = r0 * np.sqrt(2 / (2j * pi * f * LEAKY.tau_m)) / sigma
    for found, limit in (
        (susceptibility(LEAKY, mu, sigma, f), drive),
        (noise_susceptibility(LEAKY, mu, sigma, f), 2 * r0 / sigma),
    ):
        rest = np.abs(found / limit - 1)
        assert rest[1] < 0.05
        assert rest[0] / rest[1] == pytest.approx(2, abs=0.15)


def test_eif_at_high_frequency():
    """r0 / (i omega tau_m delta_t), and sigma / delta_t of it for the noise (v_peak far off)."""
    mu, sigma, f = 15e-3, 5e-3, np.array([1e4, 4e4])
    r0 = exponential.rate(SHARP, mu, sigma)
    drive = r0 / (2j * pi * f * SHARP.tau_m * SHARP.delta_t)
    for found, limit in (
        (susceptibility(SHARP, mu, sigma, f), drive),
        (noise_susceptibility(SHARP, mu, sigma, f), drive * sigma / SHARP.delta_t),
    ):
        rest = np.abs(found / limit - 1)
        assert rest[1] < 0.05 and rest[1] < rest[0] / 2


@pytest.mark.parametrize(("neuron", "exponent"), [(LEAKY, -0.5), (SHARP, -1.0)])
def test_the_onset_of_the_spike_sets_the_cutoff(neuron, exponent):
    low, high = np.abs(susceptibility(neuron, 15e-3, 5e-3, [2e4, 4e4]))
    assert np.log2(high / low) == pytest.approx(exponent, abs=0.02)


# ------------------------------------------------------------------ limits, shapes, errors


def test_a_sharp_onset_makes_it_a_lif():
    eif = EIF(20e-3, 20e-3, 1e-9, v_reset=10e-3, v_peak=20.1e-3, t_ref=2e-3)
    f = [0.1, 10.0, 100.0]
    for function in (susceptibility, noise_susceptibility):
        found, expected = function(eif, 15e-3, 5e-3, f), function(LEAKY, 15e-3, 5e-3, f)
        assert found == pytest.approx(expected, rel=1e-5)


def test_weak_noise_at_low_frequency_follows_the_f_i_curve():
    mu, sigma = 25e-3, 1e-6
    slope = derivative(lambda x: siegert.fi_curve(LEAKY, mu + x), 1e-6)
    assert susceptibility(LEAKY, mu, sigma, 1e-4) == pytest.approx(slope, rel=1e-4)
    assert susceptibility(LEAKY, -10.0, 1e-3, 10.0) == 0  # and where the neuron is silent, nothing


def test_the_opposite_frequency_has_the_conjugate_response():
    f = np.array([3.0, 80.0])
    assert susceptibility(SHARP, 15e-3, 5e-3, -f) == pytest.approx(
        susceptibility(SHARP, 15e-3, 5e-3, f).conj(), rel=1e-12
    )


def test_shapes():
    assert susceptibility(LEAKY, 15e-3, 5e-3, 1.0).shape == ()
    mu, f = np.array([[15e-3], [25e-3]]), np.array([1.0, 10.0, 100.0])
    found = noise_susceptibility(LEAKY, mu, 5e-3, f)
    assert found.shape == (2, 3) and found.dtype == complex
    assert found[1, 2] == noise_susceptibility(LEAKY, 25e-3, 5e-3, 100.0)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (TypeError, "neuron must be a LIF or an EIF", ("LIF", 15e-3, 5e-3, 1.0)),
        (ValueError, "sigma must be > 0 V", (LEAKY, 15e-3, 0.0, 1.0)),
        (ValueError, "sigma must be 0 or 1e-12 .*, not -0.005", (LEAKY, 15e-3, -5e-3, 1.0)),
        (ValueError, "frequency must be .*, not nan", (LEAKY, 15e-3, 5e-3, [1.0, np.nan])),
        (ValueError, "mu must not be empty", (LEAKY, [], 5e-3, 1.0)),
        (ValueError, "shapes must broadcast", (LEAKY, [1, 2], 5e-3, [1, 2, 3])),
        (TypeError, "frequency must be numbers", (LEAKY, 15e-3, 5e-3, "10 Hz")),
        (ValueError, "frequency = 1000000000000.0 Hz too large", (LEAKY, 15e-3, 5e-3, 1e12)),
    ],
)
@pytest.mark.parametrize("function", [susceptibility, noise_susceptibility])
def test_what_is_refused(function, error, message, arguments):
    with pytest.raises(error, match=message):
        function(*arguments)
