"""Conductance synapses against event-driven simulation, moments, quadrature and closed forms."""

from math import exp, expm1, inf, log, sqrt

import numpy as np
import pytest
from numba import njit

from rheobase.models.neuron import LIF, ConductanceLIF
from rheobase.models.theory import conductance, siegert

NEURON = ConductanceLIF(
    tau_m=20e-3, v_th=-50e-3, v_reset=-60e-3, e_e=0.0, e_i=-80e-3, v_rest=-70e-3, t_ref=2e-3
)


# --- steady conductances -------------------------------------------------------------------------
def test_steady_conductances_make_another_lif():
    mu, g_e, g_i = np.array([[20e-3], [40e-3]]), np.array([0.0, 0.1, 0.5]), 0.3
    total = 1 + g_e + g_i
    rest = (NEURON.v_rest + mu + g_e * NEURON.e_e + g_i * NEURON.e_i) / total
    with np.errstate(invalid="ignore", divide="ignore"):
        passage = np.log((rest - NEURON.v_reset) / (rest - NEURON.v_th)) * NEURON.tau_m / total
    exact = np.where(rest > NEURON.v_th, 1 / (NEURON.t_ref + passage), 0.0)
    assert (exact > 0).any() and (exact == 0).any()
    np.testing.assert_allclose(conductance.fi_curve(NEURON, mu, g_e, g_i), exact, rtol=1e-13)


def best_fits(drive, control, changed):
    """The rms by which `changed` misses a multiple of `control`, and a shift of it; the factor."""
    factor = (control @ changed) / (control @ control)
    multiple = np.sqrt(np.mean((changed - factor * control) ** 2))
    shifts = np.linspace(-10e-3, 30e-3, 401)
    shifted = np.array([np.interp(drive - s, drive, control) for s in shifts])
    return multiple, np.sqrt(np.mean((changed - shifted) ** 2, axis=1)).min(), factor


def test_shunting_without_noise_subtracts():
    """Holt & Koch 1997: far from threshold, a shift by g ((v_th + v_reset) / 2 - e) and no more."""
    neuron = ConductanceLIF(20e-3, -50e-3, -60e-3, 0.0, -80e-3, -70e-3)  # no refractory time
    drive = np.linspace(0.1, 0.4, 31)
    control = conductance.fi_curve(neuron, drive)
    for g in (0.5, 2.0):
        shift = g * ((neuron.v_th + neuron.v_reset) / 2 - neuron.e_i)
        found = conductance.fi_curve(neuron, drive + shift, 0.0, g)
        # (1 + g) / (12 x**2) of 1, x the drive over v_th - v_reset: the next term of the logarithm
        x = (neuron.v_rest + drive - (neuron.v_th + neuron.v_reset) / 2) / 10e-3
        np.testing.assert_allclose(found, control, rtol=(2 + g) ** 2 / 12 / x.min() ** 2)
    slopes = np.diff(conductance.fi_curve(neuron, np.array([0.39, 0.4]), 0.0, 2.0)) / 0.01
    assert slopes == pytest.approx(1 / (20e-3 * 10e-3), rel=1e-2)


def background(strength):
    """A balanced background of which the noise and the conductance grow together: rates, g_e, g_i.

    It holds the membrane at -60 mV.
    """
    g_i = 0.6 * strength
    g_e = g_i * 20e-3 / 60e-3
    return (g_e / NEURON.tau_m / 0.01, g_i / NEURON.tau_m / 0.04), g_e, g_i


def test_shunting_with_noise_divides():
    """Chance, Abbott & Reyes 2002: three times the background divides the curve.

    The same conductances held steady shift it.
    """
    drive = np.linspace(10e-3, 34e-3, 13)
    noisy, quiet = [], []
    for strength in (1.0, 3.0):
        rates, g_e, g_i = background(strength)
        noisy.append([conductance.jump_rate(NEURON, *rates, 0.01, 0.04, m).rate for m in drive])
        quiet.append(conductance.fi_curve(NEURON, drive + 10e-3, g_e, g_i))
    multiple, shift, factor = best_fits(drive, *np.array(noisy))
    assert multiple < shift / 2
    assert 0.5 < factor < 0.7
    multiple, shift, _ = best_fits(drive, *np.array(quiet))
    assert shift < multiple


# --- the effective neuron ------------------------------------------------------------------------
def moments(rate_e, rate_i, a_e, a_i, mu):
    """Mean and variance of the free membrane, from what an event does to V and V**2."""
    rate, a = np.array([rate_e, rate_i]), np.array([a_e, a_i])
    e = np.array([NEURON.e_e, NEURON.e_i])
    leak = 1 / NEURON.tau_m
    mean = (leak * (NEURON.v_rest + mu) + rate @ (a * e)) / (leak + rate @ a)
    # 0 = d<(V - mean)**2>/dt: an event turns V - mean = x into (1 - a) x + a (e - mean)
    decay = 2 * leak + rate @ (1 - (1 - a) ** 2)
    return mean, rate @ (a * (e - mean)) ** 2 / decay


INPUTS = [
    (2500.0, 1500.0, 0.01, 0.02, 0.0),
    (544.0, 272.0, 0.02, 0.04, 10e-3),
    (358.0, 0.0, 0.02, 0.04, 10e-3),
    (100.0, 100.0, 0.1, 0.1, 0.0),
    (300.0, 300.0, 0.02, 0.1, 25e-3),  # the drive alone reaches threshold
]


@pytest.mark.parametrize("given", INPUTS)
def test_effective_mean_is_exact_and_its_variance_to_first_order(given):
    rate_e, rate_i, a_e, a_i, _ = given
    found = conductance.effective(NEURON, *given)
    mean, variance = moments(*given)
    assert found.neuron.v_rest + found.mu == pytest.approx(mean, rel=1e-13)
    # sum rate a**2 is missing from the decay: relative tau_eff / 2 of it
    less = found.neuron.tau_m / 2 * (rate_e * a_e**2 + rate_i * a_i**2)
    assert found.sigma**2 / 2 == pytest.approx(variance * (1 - less), rel=1e-13)
    opened = NEURON.tau_m * (rate_e * a_e + rate_i * a_i)
    assert found.neuron.tau_m == pytest.approx(NEURON.tau_m / (1 + opened))


def test_far_reversals_are_current_noise():
    """Jumps of 0.5 mV: corrections are of the order of tau_m sum rate a = 6e-6."""
    far = ConductanceLIF(20e-3, -50e-3, -60e-3, 1e4, -1e4, -70e-3, 2e-3)
    given = (4000.0, 2000.0, 0.5e-7, 0.5e-7, 5e-3)
    found = conductance.effective(far, *given)
    assert found.mu == pytest.approx(25e-3, rel=6e-5)
    assert found.sigma == pytest.approx(sqrt(20e-3 * 6000) * 0.5e-3, rel=6e-5)
    exact = siegert.rate(LIF(20e-3, -50e-3, -60e-3, -70e-3, 2e-3), found.mu, found.sigma)
    assert conductance.stationary(far, *given).rate == pytest.approx(exact, rel=6e-5)


@pytest.mark.parametrize("given", INPUTS[:3])
def test_fokker_planck_has_the_moments_of_the_jumps(given):
    """With the threshold out of reach: Ito's noise alone gives mean and variance of the jumps."""
    mean, variance = moments(*given)
    top = mean + 12 * sqrt(variance)
    free = ConductanceLIF(20e-3, min(top, -1e-3), mean, 0.0, -80e-3, -70e-3)
    found = conductance.stationary(free, *given)
    v, p = found.v, found.density
    assert np.trapezoid(v * p, v) == pytest.approx(mean, rel=1e-5)
    spread = np.trapezoid((v - mean) ** 2 * p, v)
    assert spread == pytest.approx(variance, rel=1e-4)
    near = conductance.effective(NEURON, *given)
    assert abs(near.sigma**2 / 2 / variance - 1) > 1e-3  # which is told apart


def passage_rate(given, stratonovich):
    """1 / (t_ref + int dx / psi(x) int_{-oo}^x psi / D dy), psi = exp(int A / D)."""
    rate_e, rate_i, a_e, a_i, mu = given
    points, weights = np.polynomial.legendre.leggauss(8)
    mean, variance = moments(*given)
    low = min(mean, NEURON.v_reset) - 12 * sqrt(variance)

    def drift_and_diffusion(v):
        e, i = a_e * (NEURON.e_e - v), a_i * (NEURON.e_i - v)
        drift = (NEURON.v_rest + mu - v) / NEURON.tau_m + rate_e * e + rate_i * i
        if stratonovich:
            drift = drift - (rate_e * a_e * e + rate_i * a_i * i) / 2
        return drift, (rate_e * e**2 + rate_i * i**2) / 2

    n = 4000
    edges = np.linspace(low, NEURON.v_th, n + 1)
    h = edges[1] - edges[0]
    x = edges[:-1, None] + h / 2 * (points + 1)
    drift, diffusion = drift_and_diffusion(x)
    slope = drift / diffusion
    # primitives at the nodes: the integral of the interpolating polynomial up to them
    powers = np.vander(points, 8, increasing=True)
    primitive = ((powers * points[:, None] - (-1.0) ** np.arange(1, 9)) / np.arange(1, 9)) @ (
        np.linalg.inv(powers)
    )

    def integrate(f):
        whole = np.append(0.0, np.cumsum(f @ weights)) * h / 2
        return whole[:-1, None] + f @ primitive.T * h / 2

    log_psi = integrate(slope)
    log_psi -= log_psi.max()
    inner = integrate(np.exp(log_psi) / diffusion)
    outer = (np.exp(-log_psi) * inner * np.where(x > NEURON.v_reset, 1.0, 0.0)) @ weights * h / 2
    first = (NEURON.v_reset - low) / h  # the cell that reset cuts
    cut = int(first)
    part = np.interp(first - cut, [0, 1], [1, 0])
    whole = (np.exp(-log_psi[cut]) * inner[cut]) @ weights * h / 2
    return 1 / (NEURON.t_ref + outer[cut + 1 :].sum() + part * whole)


@pytest.mark.parametrize("given", INPUTS[:3])
def test_fokker_planck_rate_is_the_first_passage_of_ito_noise(given):
    found = conductance.stationary(NEURON, *given)
    assert found.rate == pytest.approx(passage_rate(given, stratonovich=False), rel=1e-5)
    assert abs(passage_rate(given, stratonovich=True) / found.rate - 1) > 1e-3


# --- the jump process ----------------------------------------------------------------------------
@njit(cache=True)
def intervals(tau, v_th, v_reset, v_inf, rates, weights, reversals, n, seed):
    """First passages of the jump process, exact: one event after the other."""
    np.random.seed(seed)
    total = rates.sum()
    out = np.zeros(n)
    for k in range(n):
        v = v_reset
        while True:
            wait = np.random.exponential(1 / total)
            if v_inf > v_th:
                crossing = tau * log((v_inf - v) / (v_inf - v_th))
                if crossing <= wait:
                    out[k] += crossing
                    break
            out[k] += wait
            v = v_inf + (v - v_inf) * exp(-wait / tau)
            x = 0 if np.random.random() * total < rates[0] else 1
            v += weights[x] * (reversals[x] - v)
            if v >= v_th:
                break
    return out


def simulated(given, n, seed):
    """Rate and its standard error."""
    rates, weights = np.array(given[:2]), np.array(given[2:4])
    reversals = np.array([NEURON.e_e, NEURON.e_i])
    passages = intervals(
        NEURON.tau_m, NEURON.v_th, NEURON.v_reset, NEURON.v_rest + given[4],
        rates, weights, reversals, n, seed,
    )  # fmt: skip
    mean = NEURON.t_ref + passages.mean()
    return 1 / mean, passages.std(ddof=1) / sqrt(n) / mean**2


@pytest.mark.parametrize("given", INPUTS)
def test_jump_rate_is_the_simulated_rate(given):
    found = conductance.jump_rate(NEURON, *given)
    assert found.error < 1e-4
    spikes_per_event = found.rate / (given[0] + given[1])
    rate, error = simulated(given, int(min(6e6 * spikes_per_event, 40_000)), seed=3)
    assert error < 0.02 * rate
    assert abs(found.rate - rate) < 4 * error
    # weights as if they were areas of conductance pulses are told apart
    areas = [-expm1(-a) for a in given[2:4]]
    other = conductance.jump_rate(NEURON, *given[:2], *areas, given[4])
    assert abs(other.rate - rate) > 2 * error


def test_jump_rate_where_the_first_event_fires():
    """The wait for an event, cut short by the drive if that reaches threshold itself."""
    for mu in (0.0, 30e-3):
        found = conductance.jump_rate(NEURON, 50.0, 0.0, 0.4, 0.1, mu)
        wait = 1 / 50.0
        if mu > 0:
            crossing = NEURON.tau_m * log((mu - 10e-3) / (mu - 20e-3))
            wait *= -expm1(-50.0 * crossing)
        assert found.rate == pytest.approx(1 / (NEURON.t_ref + wait), rel=1e-11)


def test_jump_rate_without_events_is_the_f_i_curve():
    assert conductance.jump_rate(NEURON, 0.0, 0.0, 0.1, 0.1, 30e-3).rate == pytest.approx(
        float(conductance.fi_curve(NEURON, 30e-3)), rel=1e-14
    )
    few = conductance.jump_rate(NEURON, 1e-9, 1e-9, 0.1, 0.1, 30e-3)
    assert few.rate == pytest.approx(float(conductance.fi_curve(NEURON, 30e-3)), rel=1e-9)
    assert conductance.jump_rate(NEURON, 0.0, 100.0, 0.1, 0.1, 10e-3).rate == 0


def test_jump_rate_of_rare_spikes_keeps_its_accuracy():
    """A rate of 1e-10 of the events': two events at least are needed, within a short time.

    Fired by pairs in the limit of rare events: rate_e**2 times the time after one event from rest
    during which another one fires.
    """
    rate_e, a = 1e-4, 0.18
    lifted = NEURON.v_rest + a * (NEURON.e_e - NEURON.v_rest)
    needed = (NEURON.v_th - a * NEURON.e_e) / (1 - a)
    window = NEURON.tau_m * log((lifted - NEURON.v_rest) / (needed - NEURON.v_rest))
    found = conductance.jump_rate(NEURON, rate_e, 0.0, a, 0.1)
    assert found.rate == pytest.approx(rate_e**2 * window, rel=1e-4)


# --- what the predictions are off by -------------------------------------------------------------
def test_the_stated_errors_are_the_measured_ones():
    """Rows of the table in the docstring of `effective`, by weight: 10 Hz, and 2 Hz unshunted."""
    for given, of_effective, of_stationary in [
        ((3144.0, 1572.0, 0.005, 0.01, 10e-3), 4.5, 4.6),
        ((544.3, 272.2, 0.02, 0.04, 10e-3), 7.5, 7.7),
        ((357.8, 0.0, 0.02, 0.04, 10e-3), -0.9, -1.4),
        ((255.31, 0.0, 0.02, 0.04, 10e-3), -34.3, -49.2),
    ]:
        exact = conductance.jump_rate(NEURON, *given).rate
        near = conductance.effective(NEURON, *given)
        white = siegert.rate(near.neuron, near.mu, near.sigma)
        assert 100 * (white / exact - 1) == pytest.approx(of_effective, abs=0.1)
        multiplicative = conductance.stationary(NEURON, *given).rate
        assert 100 * (multiplicative / exact - 1) == pytest.approx(of_stationary, abs=0.1)


@njit(cache=True)
def decaying(tau, v_th, v_reset, v_rest, t_ref, rates, steps, tau_s, reversals, t_stop, dt, seed):
    """Spike count, mean and variance of V with decaying conductances, at their mid-step values."""
    np.random.seed(seed)
    g = rates * steps * tau_s
    decay, half = exp(-dt / tau_s), exp(-dt / 2 / tau_s)
    v, spikes, held = v_rest, 0, 0.0
    n = round(t_stop / dt)
    total, square = 0.0, 0.0
    for _ in range(n):
        for x in range(2):
            g[x] += steps[x] * np.random.poisson(rates[x] * dt)
        middle = g * half
        g *= decay
        if held > 0:
            held -= dt
            continue
        opened = 1 + middle.sum()
        v_inf = (v_rest + middle[0] * reversals[0] + middle[1] * reversals[1]) / opened
        v = v_inf + (v - v_inf) * exp(-opened * dt / tau)
        total += v - v_rest
        square += (v - v_rest) ** 2
        if v >= v_th:
            spikes += 1
            v, held = v_reset, t_ref - dt / 2
    return spikes, v_rest + total / n, square / n - (total / n) ** 2


def test_decaying_conductances_are_coloured_noise():
    given, tau_s, t_stop = (2600.0, 1300.0, 0.01, 0.02), 0.25e-3, 100.0
    rates, areas = np.array(given[:2]), np.array(given[2:])
    near = conductance.effective(NEURON, *given)
    reversals = np.array([NEURON.e_e, NEURON.e_i])
    ends = (rates, areas * NEURON.tau_m / tau_s, tau_s, reversals, t_stop, tau_s / 15)
    tau_eff = near.neuron.tau_m
    _, mean, variance = decaying(NEURON.tau_m, inf, 0.0, NEURON.v_rest, 0.0, *ends, 1)
    # white noise through one more filter; the shunt's own fluctuations add ~ tau_eff sum R A**2
    filtered = near.sigma**2 / 2 * tau_eff / (tau_eff + tau_s)
    extra = tau_eff * (rates @ areas**2)
    spread = 3 * sqrt(2 * (tau_eff + tau_s) / t_stop)  # three standard errors, over what varies
    assert abs(mean - NEURON.v_rest - near.mu) < extra * near.mu + spread * sqrt(filtered)
    assert abs(variance / filtered - 1) < 2 * extra + spread
    spikes, _, _ = decaying(
        NEURON.tau_m, NEURON.v_th, NEURON.v_reset, NEURON.v_rest, NEURON.t_ref, *ends, 2
    )
    assert spikes > 500
    off = 0.1 + 3 / sqrt(spikes)  # as stated for tau_s <= 0.11 tau_eff, and three standard errors
    coloured = siegert.rate(near.neuron, near.mu, near.sigma, tau_s=tau_s)
    assert abs(coloured * t_stop / spikes - 1) < off
    white = siegert.rate(near.neuron, near.mu, near.sigma)
    assert white * t_stop / spikes - 1 > off


# --- bad input -----------------------------------------------------------------------------------
@pytest.mark.parametrize("function", ["effective", "stationary", "jump_rate"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((-1.0, 1.0, 0.1, 0.1), "rate_e must be finite and >= 0 Hz, not -1.0"),
        ((1.0, np.nan, 0.1, 0.1), "rate_i must be finite and >= 0 Hz, not nan"),
        ((1.0, 1.0, 0.0, 0.1), "a_e must be > 0 and < 1, not 0.0"),
        ((1.0, 1.0, 0.1, 1.0), "a_i must be > 0 and < 1, not 1.0"),
        ((1.0, 1.0, 0.1, 0.1, inf), "mu must be finite, not inf"),
    ],
)
def test_bad_input_is_named(function, given, message):
    with pytest.raises(ValueError, match=message):
        getattr(conductance, function)(NEURON, *given)


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match="there is no noise"):
        conductance.stationary(NEURON, 0.0, 0.0, 0.1, 0.1)
    with pytest.raises(ValueError, match=r"a_e = 1e-06 and a_i = 0\.1 must be larger or closer"):
        conductance.jump_rate(NEURON, 1e5, 1.0, 1e-6, 0.1)
    with pytest.raises(ValueError, match=r"g_i must be finite and >= 0, not -1\.0"):
        conductance.fi_curve(NEURON, 0.0, 0.0, [0.0, -1.0])
    with pytest.raises(ValueError, match="mu must be finite and >= -inf, not empty"):
        conductance.fi_curve(NEURON, [])
    with pytest.raises(ValueError, match=r"shapes must broadcast, not mu \(2,\), g_e \(3,\)"):
        conductance.fi_curve(NEURON, [0.0, 1.0], [0.0, 1.0, 2.0])
