"""Reset by subtraction and any leak: the chain against fractions, Monte Carlo, planted faults."""

from dataclasses import replace
from fractions import Fraction
from math import sqrt

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
    ds = {"floor": [0], "nearest": [one // 2], "stochastic": range(one)}[p.rounding]
    result = {}
    for d in ds:
        u = (v * p.leak_multiplier + d) // one if p.leak == "multiply" else v - (v + d) // one
        result[u] = result.get(u, 0) + Fraction(1, len(ds))
    return result


def general(p, src, leak=None):
    """{v: {(next v, spike): probability}} from the first state on, whatever reset and leak."""
    table, waiting = {}, [p.v_reset]
    while waiting:
        v = waiting.pop()
        if v in table:
            continue
        table[v] = row = {}
        for u, pu in (leaked(p, v) if leak is None else {leak[v]: Fraction(1)}).items():
            for i, pi in zip(src.values.tolist(), src.probabilities.tolist(), strict=True):
                s = min(max(u + i, -(2 ** (p.width - 1))), 2 ** (p.width - 1) - 1)
                spike = s >= p.threshold
                after = s if not spike else p.v_reset if p.reset == "value" else s - p.threshold
                row[after, spike] = row.get((after, spike), 0) + pu * Fraction(pi)
        waiting += [after for after, _ in row]
    return table


def inverted(matrix):
    """Exact inverse of a matrix with pivots on its diagonal (Gauss-Jordan)."""
    n = len(matrix)
    a = [[*row, *(Fraction(i == j) for j in range(n))] for i, row in enumerate(matrix)]
    for k in range(n):
        a[k] = [x / a[k][k] if x else x for x in a[k]]
        for i in range(n):
            if i != k and a[i][k]:
                f = a[i][k]
                a[i] = [x - f * y if y else x for x, y in zip(a[i], a[k], strict=True)]
    return [row[n:] for row in a]


def renewal(p, src, lags, leak=None):
    """Mean, variance and correlations of the ISI and the law of v after a spike, in fractions.

    By raw moments of each pair of states: E[T**k; next state] for k = 0, 1, 2, the last by
    differentiating (1 - s Q)**-1 s H twice at s = 1.
    """
    table = general(p, src, leak)
    states = sorted(table)
    n = range(len(states))
    q = [[table[v].get((w, False), Fraction(0)) for w in states] for v in states]
    h = [[table[v].get((w, True), Fraction(0)) for w in states] for v in states]
    for k in n:  # the probabilities' own rounding is taken as staying
        q[k][k] += 1 - sum(q[k]) - sum(h[k])
    inverse = inverted([[(i == j) - q[i][j] for j in n] for i in n])

    def times(a, b):
        return [
            [sum((x * b[k][j] for k, x in enumerate(row) if x), Fraction(0)) for j in n]
            for row in a
        ]

    g = times(inverse, h)
    m = times(inverse, g)
    m2 = times(inverse, m)
    raw2 = [[2 * m2[i][j] - m[i][j] for j in n] for i in n]
    # the stationary vector: pi (1 - g + rows of u) = u, for any u that adds up to 1
    u = [Fraction(1, len(n))] * len(n)
    fundamental = inverted([[(i == j) - g[i][j] + u[j] for j in n] for i in n])
    pi = [sum(u[i] * fundamental[i][j] for i in n) for j in n]
    r = p.refractory
    t = [sum(row) for row in m]
    mean = sum(x * y for x, y in zip(pi, t, strict=True))
    square = sum(x * sum(row) for x, row in zip(pi, raw2, strict=True))
    variance, found, later = square - mean**2, [], t
    for _ in range(lags):
        product = sum(pi[i] * sum(m[i][k] * later[k] for k in n) for i in n)
        found.append(float((product - mean**2) / variance))
        later = [sum(g[i][k] * later[k] for k in n) for i in n]
    return mean + r, variance, found, dict(zip(states, pi, strict=True))


SUBTRACT = [
    (IntegerLIF(5, 6, 0, 0, "multiply", 4, 14, "floor", "subtract"), {-3: 0.25, 1: 0.5, 4: 0.25}),
    (IntegerLIF(5, 6, 0, 3, "multiply", 4, 14, "nearest", "subtract"), {-3: 0.25, 2: 0.5, 5: 0.25}),
    (
        IntegerLIF(4, 4, 0, 1, "multiply", 2, 3, "stochastic", "subtract"),
        {-1: 0.25, 1: 0.5, 3: 0.25},
    ),
    (IntegerLIF(5, 5, 0, 2, "shift", 3, 0, "floor", "subtract"), {-2: 0.5, 5: 0.25, 6: 0.25}),
    # states above the threshold: several spikes of one input
    (IntegerLIF(5, 3, 0, 0, "shift", 2, 0, "nearest", "subtract"), {-1: 0.5, 9: 0.5}),
    # a perfect integrator, whose residue lives on; and a rare spike (one event in 2**50)
    (IntegerLIF(5, 7, 0, 0, "multiply", 1, 2, "floor", "subtract"), {2: 0.5, 3: 0.5}),
    (
        IntegerLIF(6, 12, 0, 5, "shift", 2, 0, "floor", "subtract"),
        {-2: 0.5, 0: 0.5 - 2**-50, 15: 2**-50},
    ),
]


@pytest.mark.parametrize("neuron, table", SUBTRACT)
def test_subtraction_equals_rational_arithmetic(neuron, table):
    src = source(table)
    chain = markov.solve(neuron, src)
    mean, variance, correlations, pi = renewal(neuron, src, 3)
    assert chain.error < 1e-12
    assert chain.mean_isi == pytest.approx(float(mean), rel=chain.error, abs=0)
    assert chain.cv == pytest.approx(sqrt(variance) / float(mean), rel=1e-12, abs=0)
    found = markov.serial_correlation(neuron, src, 3)
    assert found == pytest.approx(correlations, rel=0, abs=1e-13 * (1 + chain.cv**-2))
    after, p = markov.after_spike(neuron, src)
    assert p == pytest.approx([float(pi[v]) for v in after.tolist()], rel=1e-13, abs=0)
    assert sum(pi[v] for v in after.tolist()) == 1


def test_subtraction_is_told_from_reset_to_zero():
    """The fault that the comparison must find, by a mean that is a million tolerances off."""
    neuron, table = SUBTRACT[0]
    chain = markov.solve(replace(neuron, reset="value"), source(table))
    assert abs(chain.mean_isi / float(renewal(neuron, source(table), 1)[0]) - 1) > 1e6 * chain.error


LEAKS = [
    ("value", lambda v: v - np.sign(v)),  # towards 0 by one
    ("subtract", lambda v: (7 * v) // 8 - (v > 3)),
    ("value", lambda v: np.where(v > 0, v ^ 1, v // 2)),  # not monotonous
    ("subtract", lambda v: np.abs(v) // 2),
]


@pytest.mark.parametrize("reset, leak", LEAKS)
def test_any_leak_equals_rational_arithmetic(reset, leak):
    neuron, src = IntegerLIF(5, 7, 0, 1, reset=reset), source({-3: 0.25, 1: 0.25, 4: 0.5})
    states = np.arange(-16, 16)
    table = np.array(leak(states), int)
    exact = dict(zip(states.tolist(), table.tolist(), strict=True))
    mean, variance, correlations, _ = renewal(neuron, src, 2, exact)
    for given in (leak, table):
        chain = markov.solve(neuron, src, given)
        assert chain.mean_isi == pytest.approx(float(mean), rel=chain.error, abs=0)
        assert chain.variance == pytest.approx(float(variance), rel=1e-12, abs=0)
        found = markov.serial_correlation(neuron, src, 2, given)
        assert found == pytest.approx(correlations, rel=0, abs=1e-13 * (1 + chain.cv**-2))
    pmf, tail = markov.isi_pmf(neuron, src, 400, leak)
    n = np.arange(pmf.size)
    assert tail < 1e-12 and pmf @ n == pytest.approx(float(mean), rel=1e-9, abs=0)
    assert markov.stationary(neuron, src, leak)[1].sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("reset", ["value", "subtract"])
@pytest.mark.parametrize("kind, rounding", [("multiply", "floor"), ("shift", "nearest")])
def test_the_neurons_own_leak_as_a_table(reset, kind, rounding):
    multiplier = 15 if kind == "multiply" else 0
    neuron = IntegerLIF(6, 12, 0, 2, kind, 4, multiplier, rounding, reset)
    src = source({-3: 0.25, 1: 0.25, 4: 0.5})
    v = np.arange(-32, 32)
    table = neuron.run(np.zeros((1, 64), int), v0=v).v
    table[v >= 12] = v[v >= 12]  # where the run would spike
    own, given = markov.solve(neuron, src), markov.solve(neuron, src, table)
    assert own.mean_isi == given.mean_isi and own.fourth == given.fourth


# --- Monte Carlo --------------------------------------------------------------------------------


def drawn(width, rounding, reset, refractory, leak):
    """Threshold at 3/4 of the range, a mean input that reaches it, some noise."""
    top = 2 ** (width - 1)
    neuron = IntegerLIF(
        width,
        3 * top // 4,
        -(top // 8) if reset == "value" else 0,
        refractory,
        leak,
        4,
        15 if leak == "multiply" else 0,
        rounding,
        reset,
    )
    return neuron, IntegerInput.gaussian(top / 18, min(top / 8, 40.0), 16)


EVERY = [
    (width, rounding, reset, (3 * k + width) % 4, ("multiply", "shift")[(k + width) % 2])
    for width in (6, 8, 10, 12)
    for k, (rounding, reset) in enumerate(
        (rounding, reset)
        for rounding in ("floor", "nearest", "stochastic")
        for reset in ("value", "subtract")
    )
]


def spread_z(rate, run, steps, neurons, skipped=500):
    """Distance of the spikes per neuron from `rate`, in standard errors between neurons."""
    counts = np.bincount(run.spikes[1][run.spikes[0] >= skipped], minlength=neurons)
    return (counts.mean() - (steps - skipped) * rate) / (counts.std(ddof=1) / sqrt(neurons))


@pytest.mark.parametrize("width, rounding, reset, refractory, leak", EVERY)
def test_monte_carlo_agrees_on_a_grid(width, rounding, reset, refractory, leak):
    neuron, src = drawn(width, rounding, reset, refractory, leak)
    chain = markov.solve(neuron, src)
    run = neuron.run(src.sample(np.random.default_rng(width), (8500, 256)))
    assert run.spikes[0].size > 20_000
    assert abs(spread_z(chain.rate, run, 8500, 256)) < 4


@pytest.mark.parametrize("leak", ["multiply", "shift"])
def test_monte_carlo_tells_subtraction_from_reset_to_zero(leak):
    neuron, src = drawn(8, "nearest", "subtract", 1, leak)
    run = neuron.run(src.sample(np.random.default_rng(8), (8500, 256)))
    wrong = markov.solve(replace(neuron, reset="value"), src)
    assert abs(spread_z(wrong.rate, run, 8500, 256)) > 5


def test_monte_carlo_agrees_with_what_subtraction_leaves_behind():
    """The law of the ISI, of v after a spike, and the serial correlations of a slow leak."""
    neuron = IntegerLIF(9, 100, 0, 2, "multiply", 8, 250, "stochastic", "subtract")
    src = source({-20: 0.25, 10: 0.25, 70: 0.5})
    steps, neurons = 6000, 128
    run = neuron.run(src.sample(np.random.default_rng(5), (steps, neurons)), record=True)
    trains = [run.spikes[0][run.spikes[1] == k] for k in range(neurons)]
    isi = np.concatenate([np.diff(t)[10:] for t in trains])
    pmf, tail = markov.isi_pmf(neuron, src, 30)
    expected = isi.size * np.append(pmf, tail)
    counts = np.bincount(np.minimum(isi, 31), minlength=32)
    assert counts[expected == 0].sum() == 0
    used = expected > 20
    assert np.abs((counts - expected)[used] / np.sqrt(expected[used])).max() < 4.5
    found = markov.serial_correlation(neuron, src, 2)
    assert found[0] < -0.02
    mean, sd = isi.mean(), isi.std()
    for lag in (1, 2):
        per_train = [
            np.mean((x[:-lag] - mean) * (x[lag:] - mean)) / sd**2
            for x in (np.diff(t)[10:] for t in trains)
        ]
        error = np.std(per_train, ddof=1) / sqrt(neurons)
        assert abs(np.mean(per_train) - found[lag - 1]) < 4 * error
    after, p = markov.after_spike(neuron, src)
    late = run.spikes[0] > 500
    v = run.voltages[run.spikes[0][late], run.spikes[1][late]]
    assert np.isin(v, after).all()
    spread = sqrt(p @ (after - p @ after) ** 2 / v.size)
    assert abs(v.mean() - p @ after) < 4 * spread * (1 + 2 * abs(found[0])) ** 0.5


@pytest.mark.parametrize("multiplier", [240, 256])
def test_lost_mass_bounds_what_a_cut_tail_changes(multiplier):
    """With a leak, and without one, where what a spike leaves behind lives on."""
    neuron = IntegerLIF(8, 60, 0, 1, "multiply", 8, multiplier, "nearest", "subtract")
    whole = source({-5: 0.5, 5: 0.25, 9: 0.25 - 2**-20, 40: 2**-20})
    cut = IntegerInput(whole.values[:-1], whole.probabilities[:-1], 2**-20)
    a, b = markov.solve(neuron, whole), markov.solve(neuron, cut)
    change = abs(b.mean_isi / a.mean_isi - 1)
    assert 1e-6 < change <= b.error < 1e-3
    assert a.error < 1e-12


# --- special cases ------------------------------------------------------------------------------


def test_a_held_current_with_subtraction_comes_round_in_a_cycle():
    """The orbit against the matrix (given the leak as a table) and against the run itself."""
    for kind, multiplier, rounding in (("shift", 0, "floor"), ("multiply", 249, "nearest")):
        neuron = IntegerLIF(9, 90, 0, 1, kind, 8, multiplier, rounding, "subtract")
        v = np.arange(-256, 256)
        table = v - (v >> 8) if kind == "shift" else (v * 249 + 128) >> 8
        for current in (0, 1, 7, 11, 40, 100, 250):
            src = IntegerInput.constant(current)
            chain, solved = markov.solve(neuron, src), markov.solve(neuron, src, table)
            spikes = neuron.run(np.full((20_000, 1), current)).spikes[0]
            if chain.rate == 0:
                assert solved.rate == 0 and spikes.size == 0
                continue
            assert chain.mean_isi == pytest.approx(solved.mean_isi, rel=1e-13, abs=0)
            assert chain.variance == pytest.approx(solved.variance, rel=1e-10, abs=1e-10)
            isi = np.diff(spikes)[-(spikes.size // 2) :]
            # whole cycles but for one: at most 255 intervals that differ by at most their range
            assert abs(isi.mean() - chain.mean_isi) <= np.ptp(isi) * 255 / isi.size + 1e-12
            a = markov.serial_correlation(neuron, src, 3)
            b = markov.serial_correlation(neuron, src, 3, table)
            assert np.isnan(a).all() if chain.variance == 0 else a == pytest.approx(b, abs=1e-9)


def split(trap):
    """A leak that chance leads into {4, 5} or {6, 7}, both for good; the second a trap or not."""
    leak = {0: 0, 1: 3, 2: 6, 3: 6, 4: 12, 5: 12, 6: 6 if trap else 14, 7: 6 if trap else 14}
    return np.array([leak.get(v, 0) for v in range(-16, 16)])


def test_no_one_rate_is_refused():
    neuron, src = IntegerLIF(5, 8, reset="subtract"), source({0: 0.5, 1: 0.5})
    for trap in (False, True):
        with pytest.raises(ValueError, match="one of 2 sets of states that it never leaves"):
            markov.solve(neuron, src, split(trap))
    only_trap = np.where(split(True) == 12, 6, split(True))
    assert markov.solve(neuron, src, only_trap).rate == 0
    assert np.isnan(markov.serial_correlation(neuron, src, 2, only_trap)).all()
    with pytest.raises(ValueError, match="never spikes"):
        markov.isi_pmf(neuron, src, 5, only_trap)
    only_firing = np.where(split(False) == 6, 4, split(False))
    states, p = markov.stationary(neuron, src, only_firing)
    assert states.tolist() == [4, 5] and p == pytest.approx([0.5, 0.5], rel=1e-14)
    assert markov.solve(neuron, src, only_firing).mean_isi == 1


def test_what_the_chain_refuses():
    neuron, src = IntegerLIF(8, 100, 20), source({-1: 0.5, 2: 0.5})
    with pytest.raises(ValueError, match="lags must be >= 1, not 0"):
        markov.serial_correlation(neuron, src, 0)
    with pytest.raises(ValueError, match=r"leak must keep the shape \(228,\), not return \(\)"):
        markov.solve(neuron, src, np.sum)
    with pytest.raises(TypeError, match="leak must lead to integers, not float64"):
        markov.solve(neuron, src, np.sqrt(np.arange(256)))
    with pytest.raises(ValueError, match=r"leak must be a table of the 256 states"):
        markov.solve(neuron, src, np.arange(5))
    with pytest.raises(ValueError, match=r"leak must lead to -128 \.\. 127, not from -128 to"):
        markov.solve(neuron, src, lambda v: v - 1)
