"""Fixed points of networks against naive relaxation, brute-force scans and published rates."""

import json
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from rheobase.models.neuron import EIF, LIF
from rheobase.models.theory import siegert
from rheobase.models.theory.mean_field import Network, Poisson, fixed_points, relax

CELL = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
FAST = LIF(tau_m=10e-3, v_th=20e-3, v_reset=10e-3, t_ref=1e-3)


def brunel(g, eta, g_i=None, weight=0.1e-3, **more):
    """E and I of 1000 and 250 synapses; g_i: inhibition of inhibition, by default the same."""
    weights = [[weight, -g * weight], [weight, -(g_i or g) * weight]]
    external = Poisson(10.0 * eta * 0.1e-3 / weight, 1000, weight)
    return Network((CELL, CELL), [[1000, 250]] * 2, weights, 1.5e-3, external=external, **more)


def memory(w_plus):
    """A tenth of the excitatory neurons, the rest, and inhibition (after Amit & Brunel 1997)."""
    f, j, g = 0.1, 0.2e-3, 4.0
    w_minus = 1 - f * (w_plus - 1) / (1 - f)
    w = j * np.array(
        [
            [w_plus, w_minus, -g],
            [w_minus, (1 - f * w_minus) / (1 - f), -g],
            [1.0, 1.0, -g],
        ]
    )
    rate = 0.9 * np.array([5.0, 5.0, 9.5])
    external = Poisson(rate, 1000, j)
    return Network((CELL, CELL, FAST), [[100, 900, 250]] * 3, w, external=external)


@lru_cache
def memory_points():
    return fixed_points(memory(2.0))


def naive_response(network, rates):
    """Phi written out, one population at a time."""
    out = []
    for i, neuron in enumerate(network.neurons):
        e = network.external
        drive = e.rate[i] * e.in_degree[i]
        mean, variance = drive * e.weight[i], drive * e.weight[i] ** 2
        for j, r in enumerate(rates):
            mean += network.in_degrees[i, j] * network.weights[i, j] * r
            variance += network.in_degrees[i, j] * network.weights[i, j] ** 2 * r
        mu, sigma = network.mu_ext[i] + neuron.tau_m * mean, np.sqrt(neuron.tau_m * variance)
        out.append(float(siegert.rate(neuron, mu, sigma, dt=network.dt)))
    return np.array(out)


def naive_relaxation(network, start, steps=400, step=0.3):
    r = np.array(start, float)
    for _ in range(steps):
        r += step * (naive_response(network, r) - r)
    return r


# ------------------------------------------------------------------ input, response, slopes


@pytest.mark.parametrize("dt", [None, 1e-4])
def test_response_is_the_siegert_rate_of_the_input(dt):
    network = replace(memory(2.0), mu_ext=[1e-3, -2e-3, 0.0], dt=dt)
    rates = [30.0, 2.0, 9.0]
    assert network.response(rates) == pytest.approx(naive_response(network, rates), rel=1e-11)


def test_response_and_slopes_take_stacks_of_rates():
    network = brunel(5, 2, 5.5)
    rates = np.array([[[3.0, 4.0]], [[50.0, 60.0]]])
    assert network.response(rates).shape == (2, 1, 2)
    assert network.slopes(rates).shape == (2, 1, 2, 2)
    assert network.slopes(rates)[1, 0] == pytest.approx(network.slopes([50.0, 60.0]), rel=1e-12)


@pytest.mark.parametrize("shift", [{}, {"dt": 1e-4}, {"tau_s": 2e-4}])
@pytest.mark.parametrize("rates", [[1.0, 2.0], [40.0, 30.0], [0.0, 0.0], [400.0, 10.0]])
def test_slopes_are_derivatives(rates, shift):
    network = brunel(4.2, 1.1, 4.5, **shift)
    assert_derivatives(network, np.array(rates), network.slopes(rates))


def test_slopes_by_the_mean_alone_are_not_the_derivatives():
    network, rates = brunel(4.2, 1.1, 4.5), np.array([1.0, 2.0])
    mu, sigma = network.input(rates)
    by_mean = siegert.rate_dmu(CELL, mu, sigma)[:, None] * network.equations.a
    with pytest.raises(AssertionError):
        assert_derivatives(network, rates, by_mean)


def assert_derivatives(network, rates, slopes):
    for j in range(2):
        h = 1e-3 * np.eye(2)[j]  # the third derivative makes an error of about h**2
        f = [network.response(rates + k * h) for k in range(5)]
        one_sided = (-25 * f[0] + 48 * f[1] - 36 * f[2] + 16 * f[3] - 3 * f[4]) / 12e-3
        assert slopes[:, j] == pytest.approx(one_sided, rel=1e-6, abs=1e-8)


# ------------------------------------------------------------------ fixed points


@pytest.mark.parametrize(
    ("g", "eta", "white", "stepped"),
    [
        (5, 2, 37.95, 37.25),
        (5, 1.2, 14.52, 14.17),
        (8, 1.5, 8.08, 7.95),
        (4.5, 0.9, 6.52, 6.07),
        (6, 4, 55.84, 55.09),
        (3, 2, 327.0, 317.1),
    ],
)
def test_brunels_rates(g, eta, white, stepped):
    """Made once with another program; two decimals, one in the last row."""
    fast = (
        pytest.warns(UserWarning, match="boundary shift for dt = 0.0001")
        if g == 3
        else nullcontext()
    )
    (point,) = fixed_points(brunel(g, eta))
    assert point.rates == pytest.approx(white, abs=0.0051 if white < 100 else 0.051)
    with fast:  # a rate that is not small against 1 / dt
        (point,) = fixed_points(brunel(g, eta, dt=1e-4))
    assert point.rates == pytest.approx(stepped, abs=0.0051 if white < 100 else 0.051)


def test_published_theory(shared):
    table = json.loads((shared / "data" / "tables" / "brunel2000.json").read_text())
    for state in table["states"].values():
        (point,) = fixed_points(brunel(state["g"], state["eta"]))
        assert point.rates == pytest.approx(state["own_siegert_fixed_points_Hz"][0], rel=1e-9)
        if "theory_rate_Hz" in state:
            assert point.rates == pytest.approx(state["theory_rate_Hz"], abs=0.051)


@pytest.mark.parametrize(
    ("network", "start"),
    [(brunel(5, 2, 5.2), 30.0), (brunel(4.5, 0.9), 5.0), (brunel(3.9, 0.95, 3.95), 60.0)],
)
def test_naive_relaxation_arrives_at_the_fixed_point(network, start):
    settled = naive_relaxation(network, [start] * 2)
    (point,) = fixed_points(network)
    assert point.stable
    assert point.rates == pytest.approx(settled, rel=1e-9)


def test_working_memory_is_bistable():
    """Spontaneous activity and persistent activity of the selective population."""
    network = memory(2.0)
    spontaneous, barrier, persistent = memory_points()
    assert [p.stable for p in (spontaneous, barrier, persistent)] == [True, False, True]
    assert spontaneous.rates[0] < 1.1 * spontaneous.rates[1]
    assert persistent.rates[0] > 20 * persistent.rates[1]
    assert np.sum(barrier.eigenvalues.real > 1) == 1
    # on either side of the barrier the rates run to either state
    values, vectors = np.linalg.eig(barrier.slopes)
    way = vectors[:, values.real.argmax()].real
    way *= 1e-2 * barrier.rates[0] / way[0]
    for sign, end in ((-1, spontaneous), (1, persistent)):
        settled = naive_relaxation(network, barrier.rates + sign * way, 2000, 0.1)
        assert settled == pytest.approx(end.rates, rel=1e-6)


def test_without_potentiation_there_is_no_memory():
    (point,) = fixed_points(memory(1.0))
    assert point.rates[0] == pytest.approx(point.rates[1], rel=1e-9)


def test_a_silent_network_without_noise():
    network = Network((CELL, FAST), [[100, 50]] * 2, [[1e-4, -4e-4]] * 2, mu_ext=[0.015, 0.01])
    points = fixed_points(network)
    assert np.all(points[0].rates == 0.0)
    assert points[0].stable


def test_a_noiseless_population_fires_as_its_f_i_curve():
    (point,) = fixed_points(Network((CELL,), 0.0, 0.0, mu_ext=0.03))
    assert point.rates[0] == pytest.approx(float(siegert.fi_curve(CELL, 0.03)), rel=1e-12)


# ------------------------------------------------------------------ relax


def test_relax_finds_the_state_that_it_starts_near():
    network = memory(2.0)
    spontaneous, _, persistent = memory_points()
    assert relax(network).rates == pytest.approx(spontaneous.rates, rel=1e-9)
    assert relax(network, [250.0, 1.0, 30.0]).rates == pytest.approx(persistent.rates, rel=1e-9)


def microcircuit(shared):
    table = json.loads(
        (shared / "data" / "tables" / "potjans_diesmann_2014_meanfield.json").read_text()
    )
    cell = LIF(tau_m=10e-3, v_th=-50e-3, v_reset=-65e-3, v_rest=-65e-3, t_ref=2e-3)
    per_pa = 1e-12 * 0.5e-3 / 250e-12
    external = Poisson(table["nu_ext_Hz"], table["K_ext"], table["W_ext_pA"] * per_pa)
    weights = per_pa * np.array(table["W_pA"])
    return table, Network((cell,) * 8, table["K_indegree"], weights, external=external)


@pytest.mark.parametrize("start", [0.0, 300.0])
def test_relax_settles_in_the_microcircuit(shared, start):
    _, network = microcircuit(shared)
    settled = naive_relaxation(network, [3.0] * 8, 700, 0.03)
    assert relax(network, start).rates == pytest.approx(settled, rel=1e-8)


def test_the_microcircuits_published_rates(shared):
    """Layer et al. 2022 shift threshold and reset by the same 1.0326 sigma sqrt(tau_s / tau_m)."""
    table, network = microcircuit(shared)
    equations = replace(
        network.equations, shift=np.full(8, 2.0652531522312172 / 2 * np.sqrt(0.5 / 10))
    )
    rates = equations.newton(relax(network).rates)
    assert rates == pytest.approx(table["own_check_shift_Hz"], rel=1e-10)
    assert rates == pytest.approx(table["expected_mean_field"]["nnmt_shift_Hz"], rel=1e-7)


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"neurons": ()}, ValueError, "neurons must hold"),
        ({"neurons": (CELL, 3)}, TypeError, "neurons must be LIF, not 3"),
        (
            {"neurons": (CELL, EIF(20e-3, 20e-3, 1e-3, 10e-3, 40e-3))},
            TypeError,
            "neurons must be LIF",
        ),
        ({"in_degrees": [[1, 2, 3]]}, ValueError, r"in_degrees .* shape \(2, 2\).* \(1, 3\)"),
        (
            {"in_degrees": [[1, -2], [3, 4]]},
            ValueError,
            "in_degrees must be finite and >= 0, not -2",
        ),
        ({"weights": np.nan}, ValueError, "weights must be finite, not nan"),
        ({"weights": np.zeros((0, 2))}, ValueError, "weights must broadcast"),
        ({"delays": -1e-3}, ValueError, "delays must be finite and >= 0, not -0.001"),
        ({"mu_ext": [np.inf, 0]}, ValueError, "mu_ext must be finite, not inf"),
        ({"sizes": [100, 0]}, ValueError, "sizes must be finite and >= 1, not 0"),
        ({"external": Poisson(-1.0, 10, 1e-3)}, ValueError, "external.rate must be .* not -1"),
        ({"external": Poisson(1.0, [1, 2, 3], 1e-3)}, ValueError, "external.in_degree must broad"),
        ({"external": 3.0}, TypeError, "external must be a Poisson, not 3"),
        ({"dt": 0.0}, ValueError, "dt must be finite and > 0 s, not 0"),
        ({"tau_s": np.inf}, ValueError, "tau_s must be finite and > 0 s, not inf"),
        ({"dt": 1e-4, "tau_s": 1e-3}, ValueError, "dt and tau_s must not both be given"),
        ({"weights": "x"}, TypeError, "weights must be numbers, not 'x'"),
    ],
)
def test_bad_networks(change, error, words):
    with pytest.raises(error, match=words):
        replace(brunel(5, 2), **change)


@pytest.mark.parametrize("rates", [3.0, [1.0], [[]], [1.0, 2.0, 3.0], [1.0, -1.0], [np.nan, 1.0]])
def test_bad_rates(rates):
    for method in ("input", "response", "slopes"):
        with pytest.raises(ValueError, match="rates must"):
            getattr(brunel(5, 2), method)(rates)


def test_no_fixed_point_in_range():
    with pytest.raises(ValueError, match=r"no fixed point with rates up to \[10.0, 10.0\] Hz"):
        fixed_points(brunel(5, 2), max_rate=10.0)


def test_without_refractory_time_the_range_must_be_given():
    neuron = replace(CELL, t_ref=0.0)
    network = replace(brunel(5, 2), neurons=(neuron, neuron))
    with pytest.raises(ValueError, match="max_rate is needed"):
        fixed_points(network)
    (point,) = fixed_points(network, max_rate=1000.0)
    assert point.rates == pytest.approx(naive_relaxation(network, [40.0] * 2), rel=1e-9)
    with pytest.raises(ValueError, match=r"max_rate must be > 0 and <= 1e\+09 Hz, not nan"):
        fixed_points(network, max_rate=np.nan)
    runaway = replace(network, weights=1e-4)
    with pytest.raises(ValueError, match="no fixed point"):
        fixed_points(runaway, max_rate=1000.0)


@pytest.mark.parametrize("start", [[1.0, 2.0, 3.0], -1.0, np.nan])
def test_bad_start(start):
    with pytest.raises(ValueError, match="start must"):
        relax(brunel(5, 2), start)


def test_relax_leaves_an_unstable_point():
    network = memory(2.0)
    start = memory_points()[1].rates
    assert relax(network, start * [1.001, 1, 1]).rates[0] > 200
    assert relax(network, start * [0.999, 1, 1]).rates[0] < 1


def test_relax_of_what_never_settles():
    runaway = Network((replace(CELL, t_ref=0.0),), 1000, 1e-4, mu_ext=0.03)
    with pytest.raises(ValueError, match=r"does not settle from start = \[5.0\] Hz"):
        relax(runaway, [5.0])
