"""The exact chain against rational arithmetic, against Monte Carlo, and against planted faults."""

from dataclasses import replace
from fractions import Fraction
from math import exp, inf, isnan, sqrt

import numpy as np
import pytest

from rheobase.models.integer import markov
from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.lif import IntegerLIF


def source(table):
    values = sorted(table)
    return IntegerInput(np.array(values), np.array([table[v] for v in values]))


# --- rational arithmetic ------------------------------------------------------------------------


def leaked(p, v):
    """{u: probability} in fractions, counting the values of d one by one."""
    one = 2**p.leak_bits
    if p.rounding == "truncate":
        factor = p.leak_multiplier if p.leak == "multiply" else 1
        part = abs(v) * factor // one * (1 if v > 0 else -1)
        return {part if p.leak == "multiply" else v - part: Fraction(1)}
    ds = {"floor": [0], "nearest": [one // 2], "stochastic": range(one)}[p.rounding]
    result = {}
    for d in ds:
        u = (v * p.leak_multiplier + d) // one if p.leak == "multiply" else v - (v + d) // one
        result[u] = result.get(u, 0) + Fraction(1, len(ds))
    return result


def transitions(p, src):
    """{v: {next v or "spike": probability}} of all states that the reset reaches."""
    table, waiting = {}, [p.v_reset]
    while waiting:
        v = waiting.pop()
        if v in table:
            continue
        table[v] = row = {}
        for u, pu in leaked(p, v).items():
            for i, pi in zip(src.values.tolist(), src.probabilities.tolist(), strict=True):
                w = max(u + i, -(2 ** (p.width - 1)))
                w = "spike" if w >= p.threshold else w
                row[w] = row.get(w, 0) + pu * Fraction(pi)
        waiting += [w for w in row if w != "spike"]
    return table


def gauss(matrix, b):
    """Exact Gaussian elimination."""
    a = [[*row, x] for row, x in zip(matrix, b, strict=True)]
    n = len(a)
    for k in range(n):
        pivot = next(i for i in range(k, n) if a[i][k] != 0)
        a[k], a[pivot] = a[pivot], a[k]
        for i in range(n):
            if i != k and a[i][k] != 0:
                f = a[i][k] / a[k][k]
                a[i] = [x - f * y for x, y in zip(a[i], a[k], strict=True)]
    return [a[k][n] / a[k][k] for k in range(n)]


def rational(p, src):
    """Mean and central moments 2..4 of the ISI, and the visits to each state, in fractions.

    Leaving the probabilities' rounding to the spike and to the other states as it is, the
    diagonal takes up what they lack to 1, as a probability of staying.
    """
    table = transitions(p, src)
    states = sorted(table)
    n = len(states)
    q = [[table[v].get(w, Fraction(0)) for w in states] for v in states]
    for k, v in enumerate(states):
        q[k][k] = 1 - table[v].get("spike", 0) - sum(q[k]) + q[k][k]
    rest = [[(i == j) - q[i][j] for j in range(n)] for i in range(n)]
    raw = [[Fraction(1)] * n]  # raw moments of T = 1 + T', binomially
    for order in range(1, 5):
        b = []
        for i in range(n):
            row = Fraction(1)
            for k in range(1, order):
                binomial = (
                    [0, order, order * (order - 1) // 2, 4][k] if order < 4 else [0, 4, 6, 4][k]
                )
                row += binomial * sum(q[i][j] * raw[k][j] for j in range(n))
            b.append(row)
        raw.append(gauss(rest, b))
    start = states.index(p.v_reset)
    m1, m2, m3, m4 = (raw[k][start] for k in range(1, 5))
    visits = gauss([list(c) for c in zip(*rest, strict=True)], [int(i == start) for i in range(n)])
    return (
        m1 + p.refractory,
        m2 - m1**2,
        m3 - 3 * m1 * m2 + 2 * m1**3,
        m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4,
        states,
        visits,
    )


SMALL = [
    (IntegerLIF(5, 9, 2, 0, "multiply", 4, 14, "floor"), {-3: 0.25, 1: 0.5, 4: 0.25}),
    (IntegerLIF(5, 9, 2, 3, "multiply", 4, 14, "nearest"), {-3: 0.25, 1: 0.5, 4: 0.25}),
    (IntegerLIF(5, 9, -2, 1, "multiply", 3, 7, "stochastic"), {-3: 0.25, 1: 0.5, 4: 0.25}),
    (IntegerLIF(5, 9, 2, 2, "shift", 3, 0, "floor"), {-3: 0.25, 1: 0.5, 4: 0.25}),
    (IntegerLIF(5, 9, -2, 1, "multiply", 4, 14, "truncate"), {-3: 0.25, 1: 0.5, 4: 0.25}),
    (IntegerLIF(5, 9, -3, 0, "shift", 2, 0, "truncate"), {-3: 0.25, 1: 0.5, 4: 0.25}),
    (IntegerLIF(5, 9, 2, 0, "shift", 3, 0, "nearest"), {-9: 0.125, 0: 0.5, 3: 0.375}),
    (IntegerLIF(5, 9, 2, 0, "shift", 2, 0, "stochastic"), {-9: 0.125, 0: 0.5, 3: 0.375}),
    (IntegerLIF(4, -3, -8, 1, "multiply", 4, 13, "floor"), {-2: 0.5, 0: 0.25, 1: 0.25}),
    # spikes of probability 1e-12 and 1e-15 per step, and a wide range of scales
    (IntegerLIF(6, 12, 0, 0, "multiply", 4, 13, "nearest"), {-1: 0.5, 1: 0.5 - 1e-12, 15: 1e-12}),
    (IntegerLIF(6, 12, 0, 5, "shift", 2, 0, "floor"), {-2: 0.5, 0: 0.5 - 2**-50, 14: 2**-50}),
    (IntegerLIF(6, 12, 0, 0, "multiply", 4, 13, "stochastic"), {-1: 0.5, 1: 0.499, 4: 0.001}),
]


@pytest.mark.parametrize("neuron, table", SMALL)
def test_moments_and_visits_equal_rational_arithmetic(neuron, table):
    src = source(table)
    chain = markov.solve(neuron, src)
    mean, variance, third, fourth, states, visits = rational(neuron, src)
    assert chain.error < 1e-13  # n machine epsilons, no lost mass
    assert chain.mean_isi == pytest.approx(float(mean), rel=chain.error, abs=0)
    assert chain.rate == pytest.approx(float(1 / mean), rel=chain.error, abs=0)
    assert chain.cv == pytest.approx(sqrt(variance) / float(mean), rel=1e-13, abs=0)
    assert chain.third == pytest.approx(float(third), rel=1e-12, abs=0)
    assert chain.fourth == pytest.approx(float(fourth), rel=1e-12, abs=0)
    found, p = markov.stationary(neuron, src)
    assert found.tolist() == states
    assert p == pytest.approx([float(x / sum(visits)) for x in visits], rel=1e-13, abs=0)


def test_the_mean_is_exact_however_rare_the_spikes():
    neuron = IntegerLIF(6, 12, leak="shift", leak_bits=2, rounding="floor")
    src = source({-2: 0.5, 0: 0.5 - 2**-50, 11: 2**-50})
    chain, exact = markov.solve(neuron, src), rational(neuron, src)[0]
    assert exact > 10**29
    assert chain.mean_isi == pytest.approx(float(exact), rel=chain.error, abs=0)


def test_isi_distribution_equals_rational_arithmetic():
    for neuron, table in SMALL[:9]:
        src = source(table)
        step, q, exact = transitions(neuron, src), {neuron.v_reset: Fraction(1)}, []
        for _ in range(12):
            after = {}
            for v, pv in q.items():
                for w, pw in step[v].items():
                    after[w] = after.get(w, 0) + pv * pw
            exact.append(float(after.pop("spike", 0)))
            q = after
        n_max = neuron.refractory + 12
        pmf, tail = markov.isi_pmf(neuron, src, n_max)
        assert pmf[: neuron.refractory + 1].tolist() == [0.0] * (neuron.refractory + 1)
        assert pmf[neuron.refractory + 1 :] == pytest.approx(exact, rel=1e-13, abs=0)
        assert tail == pytest.approx(float(sum(q.values())), rel=1e-13, abs=0)


# --- a real size --------------------------------------------------------------------------------


def brunel(width=12, lsb=0.0125, dt=0.1, rounding="nearest"):
    """Brunel's neuron (2000): 20 ms, threshold 20 mV, reset 10 mV, refractory 2 ms."""
    return IntegerLIF(
        width=width,
        threshold=round(20 / lsb),
        v_reset=round(10 / lsb),
        refractory=round(2 / dt),
        leak_multiplier=round(exp(-dt / 20) * 2**16),
        rounding=rounding,
    )


def white_noise(mu, sigma, lsb=0.0125, dt=0.1):
    a = exp(-dt / 20)
    return IntegerInput.gaussian((1 - a) * mu / lsb, sigma * sqrt((1 - a * a) / 2) / lsb, 16)


def test_moments_equal_those_of_the_isi_distribution():
    neuron, src = brunel(dt=1.0, rounding="stochastic"), white_noise(25, 3, dt=1.0)
    chain = markov.solve(neuron, src)
    pmf, tail = markov.isi_pmf(neuron, src, 300)
    n = np.arange(pmf.size)
    assert tail < 1e-20
    central = [float(pmf @ (n - chain.mean_isi) ** k) for k in (2, 3, 4)]
    assert float(pmf @ n) == pytest.approx(chain.mean_isi, rel=1e-12, abs=0)
    assert central == pytest.approx([chain.variance, chain.third, chain.fourth], rel=1e-11, abs=0)


def test_lost_mass_bounds_what_a_cut_tail_changes():
    neuron, whole = brunel(10, 0.05), white_noise(15, 5, 0.05)
    keep = whole.probabilities > 1e-9
    cut = IntegerInput(
        whole.values[keep],
        whole.probabilities[keep],
        float(whole.probabilities[~keep].sum()) + whole.lost_mass,
    )
    a, b = markov.solve(neuron, whole), markov.solve(neuron, cut)
    change = abs(b.mean_isi / a.mean_isi - 1)
    assert 1e-12 < change <= b.error < 1e-4
    assert a.error < 1e-12


# --- Monte Carlo --------------------------------------------------------------------------------


def z_score(chain, neuron, src, steps, neurons=256, seed=1):
    """Distance of a run's spike count from the chain's, in standard errors, and the count.

    A renewal process's count in `steps` has mean steps / mean_isi - (1 - cv**2)/2 ... from a
    renewal at 0, and variance cv**2 steps / mean_isi, up to terms that vanish with the number.
    """
    currents = src.sample(np.random.default_rng(seed), (steps, neurons))
    v0 = np.full(neurons, neuron.v_reset)
    count = neuron.run(currents, v0=v0).spikes[0].size
    # renewal at 0 without refractoriness left: the first interval is shorter by that
    expected = (steps + neuron.refractory) * chain.rate + (chain.cv**2 - 1) / 2
    expected += chain.rate / 2  # steps are integers: half a step, Feller (1949)
    return (count - neurons * expected) / sqrt(neurons * steps * chain.rate * chain.cv**2), count


GRID = [
    (brunel(8, 0.2), white_noise(15, 4, 0.2)),
    (brunel(8, 0.2, 1.0, "floor"), white_noise(30, 5, 0.2, 1.0)),
    (brunel(10, 0.05, 0.1, "floor"), white_noise(22, 5, 0.05)),
    (brunel(10, 0.05, 0.1, "stochastic"), white_noise(22, 5, 0.05)),
    (brunel(12, 0.0125, 0.1, "stochastic"), white_noise(25, 3)),
    (brunel(12, 0.0125, 1.0, "nearest"), white_noise(25, 3, 0.0125, 1.0)),
    (IntegerLIF(12, 1600, 800, 20, "shift", 8, 0, "floor"), white_noise(22, 5)),
    (IntegerLIF(11, 800, 400, 2, "shift", 4, 0, "stochastic"), white_noise(25, 3, 0.025, 1.0)),
    (brunel(12), IntegerInput.poisson([1.0, 0.4], [16, -24], 2)),
]


@pytest.mark.parametrize("neuron, src", GRID)
def test_monte_carlo_agrees(neuron, src):
    z, count = z_score(markov.solve(neuron, src), neuron, src, 60_000)
    assert count > 20_000
    assert abs(z) < 4


def test_monte_carlo_agrees_with_the_distributions():
    neuron, src = brunel(10, 0.05, 1.0), white_noise(25, 4, 0.05, 1.0)
    currents = src.sample(np.random.default_rng(3), (20_000, 64))
    run = neuron.run(currents, v0=np.full(64, neuron.v_reset), record=True)
    isi = np.concatenate([np.diff(run.spikes[0][run.spikes[1] == j]) for j in range(64)])
    pmf, tail = markov.isi_pmf(neuron, src, 80)
    counts = np.bincount(np.minimum(isi, 81), minlength=82)
    z = (counts - isi.size * np.append(pmf, tail)) / np.sqrt(isi.size * np.append(pmf, tail) + 1e-9)
    assert np.abs(z[isi.size * np.append(pmf, tail) > 20]).max() < 4.5  # 60 bins
    chain = markov.solve(neuron, src)
    error = chain.variance * (chain.fourth / chain.variance**2 - 1) / isi.size * chain.variance
    assert abs(isi.var() - chain.variance) < 4 * sqrt(error)
    refractory = np.zeros(run.voltages.shape, bool)
    for k in range(neuron.refractory):
        steps = run.spikes[0] + k
        refractory[steps[steps < 20_000], run.spikes[1][steps < 20_000]] = True
    states, p = markov.stationary(neuron, src)
    v = run.voltages[2000:][~refractory[2000:]]
    mean, m2 = p @ states, p @ (states - p @ states) ** 2
    independent = v.size / (2 * 20)  # a time constant is 20 steps: correlated over 40
    assert abs(v.mean() - mean) < 4 * sqrt(m2 / independent)
    assert np.isin(v, states).all()
    assert abs((v == neuron.v_reset).mean() / p[states == neuron.v_reset][0] - 1) < 0.05


FAULTS = {
    "threshold + 1": lambda p: replace(p, threshold=p.threshold + 1),
    "multiplier + 1": lambda p: replace(p, leak_multiplier=p.leak_multiplier + 1),
    "floor for nearest": lambda p: replace(p, rounding="floor"),
    "refractory - 1": lambda p: replace(p, refractory=p.refractory - 1),
    "reset + 1": lambda p: replace(p, v_reset=p.v_reset + 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_neuron_is_caught(fault):
    """Over a million spikes of a 10-bit neuron; the true neuron passes the same test."""
    neuron = replace(brunel(10, 0.05, 1.0), leak_bits=12, leak_multiplier=3896)
    src = white_noise(30, 4, 0.05, 1.0)
    z, count = z_score(markov.solve(neuron, src), neuron, src, 60_000, 400)
    assert abs(z) < 4 and count > 1_000_000
    z, _ = z_score(markov.solve(FAULTS[fault](neuron), src), neuron, src, 60_000, 400)
    assert abs(z) > 5


# --- special cases ------------------------------------------------------------------------------


def test_a_held_current_follows_its_orbit():
    neuron = brunel()
    for current in range(-3, 40):
        src = IntegerInput.constant(current)
        chain = markov.solve(neuron, src)
        run = neuron.run(np.full((3000, 1), current), v0=[neuron.v_reset])
        if run.spikes[0].size:
            assert set(np.diff(run.spikes[0])) == {chain.mean_isi} and chain.cv == 0
            assert run.spikes[0][0] == chain.mean_isi - neuron.refractory - 1
            pmf, tail = markov.isi_pmf(neuron, src, int(chain.mean_isi))
            assert (pmf[-1], tail) == (1.0, 0.0)
        else:
            assert chain.rate == 0 and chain.mean_isi == inf and isnan(chain.cv)
    assert markov.solve(neuron, IntegerInput.constant(0)).rate == 0
    assert markov.solve(neuron, IntegerInput.constant(39)).rate > 0


def test_a_neuron_that_cannot_spike_has_rate_zero():
    """Brunel's neuron in 8 bits with floor rounding: 15 mV of mean never reach threshold."""
    neuron, src = brunel(8, 0.2, rounding="floor"), source({-1: 0.5, 1: 0.5})
    chain = markov.solve(neuron, src)
    assert chain.rate == 0 and chain.mean_isi == inf and isnan(chain.cv) and chain.error == 0
    with pytest.raises(ValueError, match="never spikes"):
        markov.stationary(neuron, src)
    pmf, tail = markov.isi_pmf(neuron, src, 50)
    assert not pmf.any() and tail == pytest.approx(1, abs=1e-13)


def test_a_neuron_that_may_be_caught_has_rate_zero():
    """From 4 it spikes half of the times; once at 0 it stays: multiplier 1/2, no input up."""
    neuron = IntegerLIF(5, 5, 4, 0, "multiply", 1, 1, "floor")
    assert markov.solve(neuron, source({0: 0.5, 3: 0.5})).rate > 0
    neuron = replace(neuron, threshold=5)
    assert markov.solve(neuron, source({-2: 0.5, 3: 0.5})).rate > 0
    assert markov.solve(neuron, source({-16: 0.5, 2: 0.5})).rate == 0


def test_few_states_of_a_wide_neuron():
    neuron = IntegerLIF(32, 1 << 30, 0, 0, "shift", 3, 0, "nearest", input_width=32)
    src = source({-3: 0.5, 4: 0.25, 100: 0.25})
    assert markov.solve(neuron, src).rate == 0
    wide, narrow = replace(neuron, threshold=500), replace(neuron, threshold=500, width=11)
    assert markov.solve(wide, src).mean_isi == markov.solve(narrow, src).mean_isi < inf


def test_what_the_chain_refuses():
    neuron, src = brunel(), source({-1: 0.5, 2: 0.5})
    with pytest.raises(ValueError, match=r"-2 \.\. 1 \(input_width 2\), not 2"):
        markov.solve(replace(neuron, input_width=2), src)
    with pytest.raises(ValueError, match="n_max must be >= 0, not -1"):
        markov.isi_pmf(neuron, src, -1)
    with pytest.raises(ValueError, match=r"GiB for a limit of 1 GiB: take fewer bits"):
        far = source({-20_000: 0.25, 3: 0.25, 20_000: 0.5})
        markov.solve(brunel(16, 0.0008), far)
    with pytest.raises(ValueError, match="take fewer bits"):
        markov.solve(brunel(20, 5e-5), white_noise(15, 5, 1e-3))
    no_leak = IntegerLIF(32, 2**31 - 1, 0, leak_bits=1, leak_multiplier=2, input_width=32)
    with pytest.raises(ValueError, match="states, more than"):
        markov.solve(no_leak, source({-(2**20): 0.5, 2**20: 0.5}))
