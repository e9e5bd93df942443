"""The 2-D chain against rational arithmetic, Monte Carlo, and the chain without a current."""

from fractions import Fraction
from math import inf, sqrt

import numpy as np
import pytest

from rheobase.models.integer import markov, markov_2d
from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.lif import IntegerLIF


def source(table):
    values = sorted(table)
    return IntegerInput(np.array(values), np.array([table[v] for v in values]))


def lose_an_eighth(i):
    return i - ((i + 4) >> 3)


def halve(i):
    return i >> 1


# --- rational arithmetic ------------------------------------------------------------------------


def step(p, src, width, decay, state):
    """{(i, v, r, spike): probability} of one step, in fractions; independent of the module."""
    i, v, r = state
    one, result = 2**p.leak_bits, {}
    ds = {"floor": [0], "nearest": [one // 2], "stochastic": range(one)}[p.rounding]
    for x, px in zip(src.values.tolist(), src.probabilities.tolist(), strict=True):
        j = min(max(decay(i) + x, -(2 ** (width - 1))), 2 ** (width - 1) - 1)
        for d in ds:
            if r > 0:
                after = (j, v, r - 1, False)
            else:
                u = (
                    (v * p.leak_multiplier + d) // one
                    if p.leak == "multiply"
                    else v - (v + d) // one
                )
                s = min(max(u + j, -(2 ** (p.width - 1))), 2 ** (p.width - 1) - 1)
                if s >= p.threshold:
                    reset = p.v_reset if p.reset == "value" else s - p.threshold
                    after = (j, reset, p.refractory, True)
                else:
                    after = (j, s, 0, False)
            result[after] = result.get(after, 0) + Fraction(px) / len(ds)
    return result


def rational(p, src, width, decay, n_max):
    """Mean ISI from the stationary chain of (i, v, r), and the ISI's law to n_max, in fractions."""
    table, waiting = {}, [(0, p.v_reset, 0)]
    while waiting:
        state = waiting.pop()
        if state not in table:
            table[state] = step(p, src, width, decay, state)
            waiting += [after[:3] for after in table[state]]
    states = sorted(table, key=lambda s: (s[2], s[1], s[0]))
    index = {s: k for k, s in enumerate(states)}
    rows = []  # x (A - 1) = 0 by elimination without pivoting, sparse: {column: value}
    for s in states:
        row = {}
        for after, q in table[s].items():
            row[index[after[:3]]] = row.get(index[after[:3]], 0) + q
        rows.append(row)
    order = list(range(len(states) - 1, 0, -1))
    for k in order:  # censoring, as in GTH, but exact
        out = sum(q for j, q in rows[k].items() if j < k)
        for i in range(k):
            if k in rows[i]:
                f = rows[i][k] = rows[i][k] / out if out else Fraction(0)
                for j, q in rows[k].items():
                    if j < k:
                        rows[i][j] = rows[i].get(j, 0) + f * q
    x = [Fraction(1)]
    for k in range(1, len(states)):
        x.append(sum((x[i] * rows[i].get(k, 0) for i in range(k)), Fraction(0)))
    spiking = {}  # (i, v, r) after a spike, weighted by how often
    for s, weight in zip(states, x, strict=True):
        for after, q in table[s].items():
            if after[3]:
                spiking[after[:3]] = spiking.get(after[:3], 0) + weight * q
    flux = sum(spiking.values())
    law, here = [0.0], {s: q / flux for s, q in spiking.items()}
    for _ in range(n_max):
        following, fired = {}, Fraction(0)
        for s, weight in here.items():
            for after, q in table[s].items():
                if after[3]:
                    fired += weight * q
                else:
                    following[after[:3]] = following.get(after[:3], 0) + weight * q
        law.append(float(fired))
        here = following
    return float(sum(x) / flux), law, float(sum(here.values()))


SMALL = [
    (IntegerLIF(4, 4, -1, 0, "multiply", 2, 3, "floor"), {-1: 0.25, 0: 0.25, 2: 0.5}),
    (IntegerLIF(4, 4, 0, 2, "shift", 2, 0, "nearest"), {-1: 0.25, 2: 0.75}),
    (IntegerLIF(4, 3, 0, 0, "multiply", 2, 3, "nearest", "subtract"), {-1: 0.25, 1: 0.5, 3: 0.25}),
    (IntegerLIF(4, 3, 0, 1, "shift", 2, 0, "floor", "subtract"), {-1: 0.375, 2: 0.625}),
    (IntegerLIF(4, 4, 0, 1, "multiply", 1, 1, "stochastic", "subtract"), {-1: 0.5, 3: 0.5}),
    # an event in 1e9 steps, of which it takes three together
    (IntegerLIF(4, 5, 0, 1, "multiply", 1, 1, "floor"), {0: 1 - 2**-30, 3: 2**-30}),
]


@pytest.mark.parametrize("neuron, table", SMALL)
def test_mean_and_law_equal_rational_arithmetic(neuron, table):
    src = source(table)
    chain = markov_2d.solve(neuron, src, 3, halve)
    mean, law, tail = rational(neuron, src, 3, halve, 12)
    assert chain.error < 1e-6
    assert chain.mean_isi == pytest.approx(mean, rel=chain.error, abs=0)
    pmf, left = chain.isi_pmf(12)
    # the start of the law has the error of the distribution after a spike
    assert pmf == pytest.approx(law, rel=0, abs=markov_2d.STATIONARY)
    assert left == pytest.approx(tail, rel=0, abs=20 * markov_2d.STATIONARY)


# --- Monte Carlo --------------------------------------------------------------------------------


def filtered(src, width, decay, steps, neurons, seed):
    """Currents, shape (steps, neurons), by the definition."""
    x = src.sample(np.random.default_rng(seed), (steps, neurons)).astype(np.int64)
    low, high = -(2 ** (width - 1)), 2 ** (width - 1) - 1
    i, out = np.zeros(neurons, np.int64), np.empty((steps, neurons), np.int32)
    for t in range(steps):
        i = out[t] = np.clip(decay(i) + x[t], low, high)
    return out


def count_z(chain, neuron, currents, skipped=1000):
    """Distance of the spikes per neuron from the chain's, by the spread between the neurons."""
    steps, ids = neuron.run(currents).spikes
    counts = np.bincount(ids[steps >= skipped], minlength=currents.shape[1])
    expected = (currents.shape[0] - skipped) * chain.rate
    return (counts.mean() - expected) / (counts.std(ddof=1) / sqrt(counts.size)), counts.sum()


GRID = [
    (IntegerLIF(8, 60, 20, 0, "shift", 4, 0, "floor"), 5, {-3: 0.25, 0: 0.25, 4: 0.5}),
    (IntegerLIF(8, 60, 0, 2, "shift", 4, 0, "nearest", "subtract"), 5, {-3: 0.25, 0: 0.25, 4: 0.5}),
    (IntegerLIF(7, 40, 0, 1, "multiply", 6, 60, "stochastic"), 4, {-2: 0.25, 0: 0.5, 3: 0.25}),
    # the current saturates, and a spike leaves more than the threshold
    (IntegerLIF(8, 30, 0, 3, "multiply", 6, 60, "floor", "subtract"), 5, {-9: 0.25, 9: 0.75}),
]


@pytest.mark.parametrize("neuron, width, table", GRID)
def test_monte_carlo_agrees(neuron, width, table):
    src = source(table)
    chain = markov_2d.solve(neuron, src, width, lose_an_eighth)
    currents = filtered(src, width, lose_an_eighth, 21_000, 128, 1)
    z, count = count_z(chain, neuron, currents)
    assert count > 20_000 and abs(z) < 4
    run = neuron.run(currents).spikes
    isi = np.concatenate([np.diff(run[0][run[1] == k])[20:] for k in range(128)])
    n_max = int(np.quantile(isi, 0.9))
    pmf, tail = chain.isi_pmf(n_max)
    p = np.append(pmf, tail)
    counts = np.bincount(np.minimum(isi, n_max + 1), minlength=p.size)
    assert counts[p == 0].sum() == 0
    z = (counts - isi.size * p) / np.sqrt(isi.size * p + 1e-9)
    assert np.abs(z[isi.size * p > 20]).max() < 5  # some 100 bins


@pytest.mark.parametrize("fault", [lambda i: i - (i >> 3), lambda i: i - ((i + 4) >> 2)])
def test_a_wrong_decay_is_caught(fault):
    neuron, width, table = GRID[0]
    currents = filtered(source(table), width, lose_an_eighth, 21_000, 128, 1)
    z, _ = count_z(markov_2d.solve(neuron, source(table), width, fault), neuron, currents)
    assert abs(z) > 5


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_a_current_that_decays_at_once_is_the_chain_without_it(reset):
    neuron = IntegerLIF(8, 60, 0, 2, "multiply", 8, 240, "stochastic", reset)
    src = source({-4: 0.25, 3: 0.25, 9: 0.5})
    one, two = markov.solve(neuron, src), markov_2d.solve(neuron, src, 6, np.zeros_like)
    assert two.mean_isi == pytest.approx(one.mean_isi, rel=two.error, abs=0)
    assert two.cv == pytest.approx(one.cv, rel=1e-6, abs=0)
    pmf, tail = two.isi_pmf(40)
    wanted, left = markov.isi_pmf(neuron, src, 40)
    assert pmf == pytest.approx(wanted, rel=0, abs=markov_2d.STATIONARY)
    assert tail == pytest.approx(left, rel=1e-6, abs=0)


def test_the_law_and_the_moments_are_of_one_distribution():
    neuron, width, table = GRID[1]
    chain = markov_2d.solve(neuron, source(table), width, lose_an_eighth)
    pmf, tail = chain.isi_pmf(5000)
    n = np.arange(pmf.size)
    assert tail < 1e-13
    assert pmf.sum() == pytest.approx(1, abs=1e-12)
    assert pmf @ n == pytest.approx(chain.mean_isi, rel=1e-10, abs=0)
    assert pmf @ (n - chain.mean_isi) ** 2 == pytest.approx(chain.variance, rel=1e-9, abs=0)
    short, long = chain.isi_pmf(3)
    assert short.tolist() == pmf[:4].tolist() and long == pytest.approx(1 - short.sum(), abs=1e-12)


def test_a_neuron_that_cannot_spike_has_rate_zero():
    neuron = IntegerLIF(8, 100, 0, 0, "shift", 2, 0)
    chain = markov_2d.solve(neuron, source({-1: 0.5, 1: 0.5}), 5, halve)
    assert chain.rate == 0 and chain.mean_isi == inf and np.isnan(chain.cv)
    with pytest.raises(ValueError, match="never spikes"):
        chain.isi_pmf(5)


def test_what_the_chain_refuses():
    neuron, src = IntegerLIF(10, 400, 200, input_width=8), source({-1: 0.5, 2: 0.5})
    with pytest.raises(ValueError, match=r"width must be in 2 \.\. 8 \(input_width\), not 9"):
        markov_2d.solve(neuron, src, 9, halve)
    with pytest.raises(ValueError, match=r"decay must be a table of the 16 states -8 \.\. 7"):
        markov_2d.solve(neuron, src, 4, np.zeros(15, int))
    with pytest.raises(ValueError, match=r"decay must lead to -8 \.\. 7, not from -8 to -16"):
        markov_2d.solve(neuron, src, 4, lambda i: 2 * i)
    with pytest.raises(TypeError, match="decay must lead to integers, not float64"):
        markov_2d.solve(neuron, src, 4, lambda i: i / 2)
    with pytest.raises(ValueError, match="65536 currents make 131072000 transitions"):
        many = IntegerInput(np.arange(2000), np.full(2000, 1 / 2000))
        markov_2d.solve(IntegerLIF(10, 400), many, 16, halve)
    with pytest.raises(ValueError, match="16384 by 16384 currents make 268435456 transitions"):
        markov_2d.solve(IntegerLIF(10, 400), src, 14, lambda i: i)
    with pytest.raises(ValueError, match="transitions, more than 33554432: take fewer bits"):
        wide = IntegerLIF(24, 2**22, leak_bits=1, leak_multiplier=2)
        markov_2d.solve(wide, src, 8, lose_an_eighth)
    with pytest.raises(ValueError, match="does not become stationary: after 200 spikes"):
        turning = IntegerLIF(6, 10, 0, 0, "multiply", 1, 2, "floor", "subtract")
        markov_2d.solve(turning, IntegerInput.constant(3), 4, np.zeros_like)
