"""The network simulator against a naive one, closed forms and published rates."""

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from rheobase.models.neuron import EIF, LIF, QIF, ConductanceLIF
from rheobase.models.reference import lif, network, wiring
from rheobase.models.reference.network import (
    Bernoulli,
    Conductance,
    Delta,
    Drive,
    Exponential,
    FixedInDegree,
    Pairs,
    Poisson,
    Population,
    Projection,
    SpikeTrains,
    simulate,
)
from rheobase.models.theory import siegert

DT = 1e-4
L = LIF(20e-3, 20e-3, 10e-3, t_ref=2e-3)
E = EIF(20e-3, 15e-3, 2e-3, v_reset=5e-3, v_peak=30e-3, t_ref=1e-3)
Q = QIF(20e-3, 5e-3, v_0=2e-3, v_peak=60e-3, v_reset=-20e-3, t_ref=0.7e-3)
Q_INFINITE = QIF(20e-3, 5e-3)
C = ConductanceLIF(20e-3, -50e-3, -60e-3, e_e=0.0, e_i=-75e-3, v_rest=-65e-3, t_ref=2e-3)
FAST, SLOW, EQUAL = Exponential(2e-3), Exponential(10e-3), Exponential(20e-3)
G_E, G_I = Conductance("excitatory", 3e-3), Conductance("inhibitory", 8e-3)


# ------------------------------------------------------------------ a naive simulator


class Naive:
    """One synapse, one neuron, one step at a time; `fault` names a mistake to make."""

    def __init__(self, neuron, n: int, synapses: list, fault: str = "") -> None:  # type: ignore[no-untyped-def]
        self.neuron, self.n, self.synapses, self.fault = neuron, n, synapses, fault
        self.known: dict[bytes, NDArray] = {}

    def run(self, given: dict, mu: float, steps: int, v0: NDArray) -> tuple[list, NDArray]:
        """Spikes as (step, neuron), and V after every step."""
        neuron, out = self.neuron, defaultdict(list)
        for pre, post, weight, delay, synapse in self.synapses:
            out[pre].append((post, weight, delay - (self.fault == "delay"), synapse))
        arriving: dict = defaultdict(lambda: defaultdict(float))
        state: dict = defaultdict(lambda: np.zeros(self.n))  # current or conductance by synapse
        v, wait, spikes = v0.copy(), np.zeros(self.n, int), []
        trace = np.empty((steps, self.n))
        held = round(neuron.t_ref / DT) + (self.fault == "refractory")
        threshold = neuron.v_peak if isinstance(neuron, EIF | QIF) else neuron.v_th
        for step in range(steps):
            for train in given.get(step, ()):
                self.send(("given", train), step, out, arriving)
            now = arriving.pop(step, {})
            for i in range(self.n):
                x, spike = self.membrane(v[i], mu, {s: g[i] for s, g in state.items()})
                x += now.get((i, Delta()), 0.0)
                if wait[i]:
                    wait[i] -= 1
                    if self.fault == "kept jumps" and isinstance(neuron, LIF):
                        v[i] += now.get((i, Delta()), 0.0)
                elif spike or x >= threshold:
                    spikes.append((step, i))
                    self.send(("cell", i), step, out, arriving)
                    wait[i] = held
                    v[i] = x if neuron == Q_INFINITE else neuron.v_reset
                else:
                    v[i] = x
            for synapse in {s for *_, s in self.synapses} - {Delta()}:
                arrived = np.array([now.get((i, synapse), 0.0) for i in range(self.n)])
                if isinstance(synapse, Exponential):
                    arrived *= neuron.tau_m / synapse.tau_s
                state[synapse] = state[synapse] * np.exp(-DT / synapse.tau_s) + arrived
            trace[step] = v
        return spikes, trace

    def send(self, source: tuple, step: int, out: dict, arriving: dict) -> None:
        for post, weight, delay, synapse in out[source]:
            sign = -1 if self.fault == "sign" else 1
            arriving[step + delay][post, synapse] += sign * weight

    def membrane(self, v: float, mu: float, state: dict) -> tuple[float, bool]:
        """V after one step without jumps, and whether it passed infinity."""
        neuron = self.neuron
        h = DT / neuron.tau_m
        if isinstance(neuron, LIF):
            taus = [s.tau_s for s in state]
            matrix = np.diag([-1 / neuron.tau_m, *(-1 / tau for tau in taus)])
            matrix[0, 1:] = 1 / neuron.tau_m
            start = np.array([v - neuron.v_rest - mu, *state.values()])
            return neuron.v_rest + mu + (self.exponential(matrix) @ start)[0], False
        mean = {s: g * s.tau_s / DT * (1 - np.exp(-DT / s.tau_s)) for s, g in state.items()}
        current = mu + sum(g for s, g in mean.items() if isinstance(s, Exponential))
        if isinstance(neuron, EIF):
            rest = neuron.v_rest + current
            v = rest + (v - rest) * np.exp(-h / 2)
            inside = np.exp(-(v - neuron.v_th) / neuron.delta_t) - h
            if inside <= 0:
                return v, True
            v = neuron.v_th - neuron.delta_t * np.log(inside)
            return rest + (v - rest) * np.exp(-h / 2), False
        if isinstance(neuron, QIF):
            x = (v - neuron.v_0) / neuron.v_scale
            x_new = -1 / h if np.isinf(x) else (x + h * current / neuron.v_scale) / (1 - h * x)
            return neuron.v_0 + neuron.v_scale * x_new, 1 - h * x <= 0
        g_e = sum(g for s, g in mean.items() if getattr(s, "kind", "") == "excitatory")
        g_i = sum(g for s, g in mean.items() if getattr(s, "kind", "") == "inhibitory")
        total = 1 + g_e + g_i
        to = (neuron.v_rest + current + g_e * neuron.e_e + g_i * neuron.e_i) / total
        return to + (v - to) * np.exp(-h * total), False

    def exponential(self, matrix: NDArray) -> NDArray:
        key = matrix.tobytes()
        if key not in self.known:
            self.known[key] = expm(matrix * DT)
        return self.known[key]


CASES = {
    "LIF, delta": (L, [(Delta(), 1e-3)], 15e-3),
    "LIF, currents": (L, [(FAST, 2e-3), (SLOW, -1e-3), (Delta(), 1e-3)], 17e-3),
    "LIF, equal time constants": (L, [(EQUAL, 2e-3)], 15e-3),
    "EIF, delta": (E, [(Delta(), 1e-3)], 11e-3),
    "EIF, currents": (E, [(FAST, 2e-3), (SLOW, -1e-3)], 14e-3),
    "QIF, delta": (Q, [(Delta(), 1e-3)], 1e-3),
    "QIF, currents": (Q, [(FAST, 2e-3), (SLOW, -0.5e-3)], 2e-3),
    "QIF, infinite": (Q_INFINITE, [(Delta(), 1e-3), (FAST, 1e-3)], 2e-3),
    "conductances": (C, [(G_E, 0.1), (G_I, 0.1)], 15e-3),
    "conductances and others": (C, [(G_E, 0.1), (Delta(), -0.2e-3), (FAST, 1e-3)], 12e-3),
}
N, TRAINS, STEPS = 12, 8, 1000


def both(case: str, individual: bool, fault: str = "") -> tuple[tuple, tuple]:
    """A small network with a synapse of each sort, here and naively."""
    neuron, sorts, mu = CASES[case]
    rng = np.random.default_rng(7)
    start = neuron.v_reset if np.isfinite(neuron.v_reset) else -5e-3
    v0 = rng.uniform(start, start + 5e-3, N)
    cells = Population(neuron, N, v0)
    at = np.unique(rng.integers(0, STEPS * TRAINS, 200))
    trains = SpikeTrains(TRAINS, (at // TRAINS + 1) * DT, at % TRAINS)
    projections, synapses = [], []
    for (synapse, weight), (pre, name, n) in product(
        sorts, ((trains, "given", TRAINS), (cells, "cell", N))
    ):
        sources, targets = rng.integers(0, n, 4 * N), rng.integers(0, N, 4 * N)
        size = rng.integers(1, 4, 4 * N) if individual else np.ones(4 * N)
        weight = np.ldexp(np.rint(np.ldexp(weight, 24)), -24)  # exact in single precision
        weights = size * weight
        delays = rng.integers(1, 30, 4 * N) if individual else np.full(4 * N, 12)
        given = (weights, delays * DT) if individual else (weight, 12 * DT)
        projections.append(Projection(pre, cells, Pairs(sources, targets), *given, synapse))
        synapses += [
            ((name, s), t, w, d, synapse)
            for s, t, w, d in zip(sources, targets, weights, delays, strict=True)
        ]
    by_step = defaultdict(list)
    for spike in at:
        by_step[spike // TRAINS].append(spike % TRAINS)
    inputs = [Drive(cells, mu)]
    found = simulate([cells], projections, inputs, STEPS * DT, DT, 1, record=range(N))
    spikes, trace = Naive(neuron, N, synapses, fault).run(by_step, mu, STEPS, v0)
    ours = (np.rint(found.times / DT).astype(int) - 1, found.ids, found.v)
    return ours, (*np.array(spikes).reshape(-1, 2).T, trace)


@pytest.mark.parametrize("individual", [False, True], ids=["homogeneous", "individual"])
@pytest.mark.parametrize("case", CASES)
def test_spike_for_spike_as_the_naive_simulator(case: str, individual: bool) -> None:
    (steps, ids, v), (naive_steps, naive_ids, naive_v) = both(case, individual)
    assert len(steps) > 2 * N
    np.testing.assert_array_equal(steps, naive_steps)
    np.testing.assert_array_equal(ids, naive_ids)
    np.testing.assert_allclose(v, naive_v, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("fault", ["delay", "refractory", "sign", "kept jumps"])
def test_a_fault_is_found_by_it(fault: str) -> None:
    (steps, ids, _), (naive_steps, naive_ids, _) = both("LIF, delta", True, fault)
    same = steps.shape == naive_steps.shape and (steps == naive_steps).all()
    assert not (same and (ids == naive_ids).all())


# ------------------------------------------------------------------ the neurons' steps


def trace(neuron, mu: float, dt: float, stop: float, v0: float, weight: float = 0.0) -> NDArray:  # type: ignore[no-untyped-def]
    """V at the ends of the steps, with a current that begins at time 0.4 ms."""
    cell = Population(neuron, 1, v0)
    trains = SpikeTrains(1, [0.2e-3], [0])
    projection = Projection(trains, cell, Pairs([0], [0]), weight, 0.2e-3, FAST)
    if isinstance(neuron, ConductanceLIF):
        projection = Projection(trains, cell, Pairs([0], [0]), weight, 0.2e-3, G_E)
    return simulate([cell], [projection], [Drive(cell, mu)], stop, dt, 1, record=[0]).v[:, 0]


def solved(neuron, mu: float, stop: float, v0: float, weight: float) -> float:  # type: ignore[no-untyped-def]
    """The same by an ODE solver."""
    synapse = G_E if isinstance(neuron, ConductanceLIF) else FAST
    gain = 1.0 if isinstance(neuron, ConductanceLIF) else neuron.tau_m / synapse.tau_s

    def velocity(t: float, v: NDArray, on: bool) -> NDArray:
        x = gain * weight * np.exp(-(t - 0.4e-3) / synapse.tau_s) if on else 0.0
        if isinstance(neuron, QIF):
            return ((v - neuron.v_0) ** 2 / neuron.v_scale + mu + x) / neuron.tau_m
        if isinstance(neuron, ConductanceLIF):
            return (-(v - neuron.v_rest) + mu + x * (neuron.e_e - v)) / neuron.tau_m
        rise = 0.0
        if isinstance(neuron, EIF):
            rise = neuron.delta_t * np.exp((v - neuron.v_th) / neuron.delta_t)
        return (-(v - neuron.v_rest) + rise + mu + x) / neuron.tau_m

    for on, span in ((False, (0.0, 0.4e-3)), (True, (0.4e-3, stop))):
        found = solve_ivp(velocity, span, [v0], method="DOP853", rtol=1e-12, atol=1e-16, args=(on,))
        v0 = found.y[0, -1]
    return float(v0)


@pytest.mark.parametrize(
    ("neuron", "mu", "v0", "weight"),
    [(E, 10e-3, 2e-3, 3e-3), (Q, 4e-3, -10e-3, 2e-3), (C, 5e-3, -62e-3, 0.3)],
    ids=["EIF", "QIF", "ConductanceLIF"],
)
def test_steps_are_of_second_order(neuron, mu: float, v0: float, weight: float) -> None:  # type: ignore[no-untyped-def]
    exact = solved(neuron, mu, 8e-3, v0, weight)
    coarse, fine = (trace(neuron, mu, dt, 8e-3, v0, weight)[-1] - exact for dt in (2e-4, 1e-4))
    assert abs(fine) < 1e-5
    assert coarse / fine == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize("dt", [2e-4, 1e-4])
def test_the_lif_step_is_exact(dt: float) -> None:
    exact = solved(L, 12e-3, 8e-3, 2e-3, 3e-3)
    assert trace(L, 12e-3, dt, 8e-3, 2e-3, 3e-3)[-1] == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("eta", [1.0, 100.0])
def test_qif_from_minus_to_plus_infinity(eta: float) -> None:
    # rate sqrt(eta) / (pi tau_m) (Ermentrout & Kopell 1986); Kahan's step runs it slower by
    # sqrt(eta) h / arctan(sqrt(eta) h); a count is right to one spike
    cell = Population(Q_INFINITE, 1)
    stop = 20.0
    found = simulate([cell], [], [Drive(cell, eta * Q_INFINITE.v_scale)], stop, DT, 1)
    h = np.sqrt(eta) * DT / Q_INFINITE.tau_m
    expected = np.sqrt(eta) / (np.pi * Q_INFINITE.tau_m) * np.arctan(h) / h
    assert len(found.times) == pytest.approx(stop * expected, abs=1)


def test_a_qif_waits_at_minus_infinity() -> None:
    neuron = QIF(20e-3, 5e-3, t_ref=3e-3)
    cell = Population(neuron, 1)
    found = simulate([cell], [], [Drive(cell, 25 * 5e-3)], 1.0, DT, 1, record=[0])
    isi = np.diff(found.times)
    # pi tau / sqrt(eta), the refractory time, and up to two steps: it spikes at a step's end
    free = np.pi * neuron.tau_m / 5 * 1.0001
    assert (isi >= neuron.t_ref + free - 1e-9).all()
    assert (isi <= neuron.t_ref + free + 2 * DT).all()
    assert np.isneginf(found.v).sum(axis=0) >= 30 * (len(found.times) - 1)


@pytest.mark.parametrize("neuron", [L, C])
def test_charge_of_a_current_does_not_depend_on_its_time_constant(neuron: LIF) -> None:
    cell = Population(neuron, 1)
    trains = SpikeTrains(1, [1e-3], [0])
    areas = []
    for synapse in (Delta(), FAST, SLOW):
        projection = Projection(trains, cell, Pairs([0], [0]), 1e-3, 1e-3, synapse)
        found = simulate([cell], [projection], [], 1.0, DT, 1, record=[0])
        still = simulate([cell], [], [], 1.0, DT, 1, record=[0])
        areas.append((found.v - still.v).sum() * DT)
    h = DT / neuron.tau_m  # a rectangular sum of the delta's exponential
    assert areas[0] == pytest.approx(1e-3 * DT / -np.expm1(-h), rel=1e-9)
    assert areas[1:] == pytest.approx([1e-3 * neuron.tau_m] * 2, rel=DT / FAST.tau_s)


# ------------------------------------------------------------------ seeds, threads, rates


def brunel(
    inhibitory: int, g: float, eta: float, j: float, individual: bool = False
) -> tuple[list, list, list]:
    """Brunel's network (2000): a tenth of each population is connected to each neuron."""
    start = np.random.default_rng(1)
    e, i = (Population(L, n, start.uniform(0, 20e-3, n)) for n in (4 * inhibitory, inhibitory))
    projections = []
    for pre, w in ((e, j), (i, -g * j)):
        weight = (lambda rng, n, w=w: rng.normal(w, abs(w) / 10, n)) if individual else w
        delay = (lambda rng, n: DT * rng.integers(5, 26, n)) if individual else 1.5e-3
        for post in (e, i):
            projections.append(Projection(pre, post, FixedInDegree(pre.n // 10), weight, delay))
    inputs = [Poisson(post, eta * 20e-3 / (j * 20e-3), j) for post in (e, i)]
    return [e, i], projections, inputs


@pytest.mark.parametrize("individual", [False, True], ids=["homogeneous", "individual"])
def test_threads_change_nothing(individual: bool) -> None:
    parts = brunel(500, 5.0, 2.0, 0.3e-3, individual)
    one, two, five = (simulate(*parts, 0.1, DT, 3, threads=t, record=[7, 2400]) for t in (1, 2, 5))
    assert len(one.times) > 5000
    for other in (two, five):
        for here, there in zip(one, other, strict=True):
            np.testing.assert_array_equal(here, there)


def test_the_seed_decides() -> None:
    parts = brunel(50, 5.0, 2.0, 1e-3)
    first, again, other = (simulate(*parts, 0.1, DT, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.times, again.times)
    np.testing.assert_array_equal(first.ids, again.ids)
    assert len(first.times) != len(other.times) or (first.times != other.times).any()


def test_individual_synapses_of_one_value_are_as_homogeneous_ones() -> None:
    e = Population(L, 600)
    j = 2.0**-13  # exact in single precision
    inputs = [Poisson(e, 12e3, j)]
    rule = FixedInDegree(60)
    one = simulate([e], [Projection(e, e, rule, -j, 1e-3)], inputs, 0.3, DT, 1)
    each = Projection(e, e, rule, lambda rng, n: np.full(n, -j), lambda rng, n: np.full(n, 1e-3))
    many = simulate([e], [each], inputs, 0.3, DT, 1)
    assert len(one.times) > 1000
    np.testing.assert_array_equal(one.times, many.times)
    np.testing.assert_array_equal(one.ids, many.ids)


def rate_of(parts: tuple[list, list, list], seeds: range, stop: float) -> tuple[float, float]:
    """Rate from 0.1 s on in Hz, and its standard error, over seeds."""
    n = sum(population.n for population in parts[0])
    rates = []
    for seed in seeds:
        times = simulate(*parts, stop, DT, seed).times
        rates.append((times > 0.1).sum() / n / (stop - 0.1))
    return float(np.mean(rates)), float(np.std(rates, ddof=1) / np.sqrt(len(rates)))


SEEDS = range(8)
NEST_1250 = (85.50, 0.09)  # NEST 3.10: rate and its spread over seeds in Hz, j = 0.1 mV


@pytest.fixture(scope="module")
def network_rate() -> tuple[float, float]:
    """Rate of the network of NEST_1250 here, and its standard error."""
    return rate_of(brunel(250, 5.0, 2.0, 0.1e-3), SEEDS, 0.5)


def test_the_rate_of_a_network_is_that_of_nest(network_rate: tuple[float, float]) -> None:
    (found, error), (rate, spread) = network_rate, NEST_1250
    assert abs(found - rate) / np.hypot(error, spread) < stats.t.isf(5e-5, len(SEEDS) - 1)


@pytest.mark.parametrize("wrong", [{"g": 4.9}, {"eta": 2.05}])
def test_a_network_that_is_not_nests_has_another_rate(wrong: dict[str, float]) -> None:
    rate, spread = NEST_1250
    parts = {"g": 5.0, "eta": 2.0} | wrong
    found, error = rate_of(brunel(250, parts["g"], parts["eta"], 0.1e-3), SEEDS, 0.5)
    assert abs(found - rate) / np.hypot(error, spread) > stats.t.isf(5e-5, len(SEEDS) - 1)


def mean_field_rate(inhibitory: int, g: float, eta: float, j: float) -> float:
    """Self-consistent rate of Brunel's network (2000, eqs 4 and 21) by bisection."""
    c_e, c_i, tau = 0.4 * inhibitory, 0.1 * inhibitory, L.tau_m
    external = eta * 20e-3 / (j * tau)

    def excess(rate: float) -> float:
        mu = tau * j * (external + rate * (c_e - g * c_i))
        sigma = j * np.sqrt(tau * (external + rate * (c_e + g * g * c_i)))
        return float(siegert.rate(L, mu, sigma, dt=DT)) - rate

    low, high = 0.0, 1 / L.t_ref
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return low


def test_the_rate_of_a_network_is_that_of_mean_field(network_rate: tuple[float, float]) -> None:
    # Mean field leaves out that the neurons' input is neither white nor independent: it is off by
    # 0.3 .. 3 % in this regime for networks of 1,250 to 12,500 neurons (measured with NEST).
    found, error = network_rate
    rate = mean_field_rate(250, 5.0, 2.0, 0.1e-3)
    assert abs(found - rate) < 0.03 * rate + 4 * error


def intervals(times: NDArray, ids: NDArray) -> NDArray:
    """All inter-spike intervals."""
    order = np.lexsort((times, ids))
    return np.diff(times[order])[np.diff(ids[order]) == 0]


def test_neurons_without_synapses_fire_as_single_neurons() -> None:
    # the simulator of single neurons shares no code with this one
    n, rate, weight, stop = 1000, 8e3, 0.12e-3, 1.0
    cells = Population(L, n)
    inputs = [Poisson(cells, rate, weight), Poisson(cells, rate / 4, -weight), Drive(cells, 5e-3)]
    times, ids, _ = simulate([cells], [], inputs, stop, DT, 1)
    alone = lif.poisson(
        L, 5e-3, [rate, rate / 4], [weight, -weight], dt=DT, steps=10_000, neurons=n, seed=2
    )
    here, there = np.bincount(ids, minlength=n), np.bincount(alone.ids, minlength=n)
    assert here.mean() > 5
    assert stats.ttest_ind(here, there).pvalue > 1e-4
    isi = [intervals(times, ids), intervals(alone.steps * DT, alone.ids)]
    assert stats.ks_2samp(*isi).pvalue > 1e-4


def test_populations_may_be_mixed_and_numbered_in_order() -> None:
    quiet, loud = Population(L, 600), Population(E, 700)
    found = simulate([quiet, loud], [], [Drive(loud, 40e-3)], 0.1, DT, 1, record=[650, 3, 600])
    assert found.ids.min() == 600
    assert (np.bincount(found.ids, minlength=1300)[600:] > 0).all()
    assert (found.v[:, 0] == found.v[:, 2]).all()
    assert (found.v[:, 0] != found.v[:, 1]).any()
    assert found.v.shape == (1000, 3)


@pytest.mark.parametrize("weight", [1e-3, lambda rng, n: rng.random(n)])
def test_a_projection_without_synapses_changes_nothing(weight: float) -> None:
    cells = Population(L, 3)
    empty = [Projection(cells, cells, rule, weight, 1e-3) for rule in (Bernoulli(0), Pairs([], []))]
    alone, found = (
        simulate([cells], wires, [Poisson(cells, 12e3, 0.1e-3)], 0.2, DT, 1)
        for wires in ([], empty)
    )
    assert len(alone.times) > 5
    np.testing.assert_array_equal(alone.times, found.times)


def test_drives_of_every_shape_add_up() -> None:
    cells = Population(L, 3)
    rng = np.random.default_rng(1)
    by_step, by_neuron, both_ = rng.random((50, 1)), rng.random(3), rng.random((50, 3))
    drives = [Drive(cells, 1e-3 * x) for x in (2.0, by_step, by_neuron, both_)]
    found = simulate([cells], [], drives, 5e-3, DT, 1, record=[0, 1, 2])
    total = 1e-3 * (2.0 + by_step + by_neuron + both_)
    for i in range(3):
        one = lif.given(L, total[:, i], dt=DT, record=(0,))
        np.testing.assert_allclose(found.v[:, i], one.recorded[:, 0], rtol=1e-12)


# ------------------------------------------------------------------ memory, interruption, errors


@pytest.mark.parametrize(
    ("targets", "individual", "most"), [(5000, False, 2), (70_000, False, 4), (70_000, True, 10)]
)
def test_bytes_per_synapse(targets: int, individual: bool, most: int) -> None:
    pre, post = Population(L, 20), Population(L, targets)
    weight = (lambda rng, n: rng.random(n)) if individual else 1e-3
    projection = Projection(pre, post, FixedInDegree(20), weight, 1e-3)
    made = wiring.wire(projection, np.array([0, targets]), DT, 1, 0)
    per_synapse = (
        [made.targets.target, made.weight, made.delay] if individual else [made.targets.target]
    )
    assert sum(each.nbytes for each in per_synapse) == most * 20 * targets  # type: ignore[union-attr]
    per_source = made.targets.first.nbytes + made.cut.nbytes
    assert per_source <= 8 * 4 * 21


def test_what_exceeds_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = Population(L, 1_000_000)
    projection = Projection(cells, cells, FixedInDegree(10_000_000), 1e-3, 1e-3)
    with pytest.raises(MemoryError, match=r"the synapses need 4e\+04 GB; .* GB are available"):
        simulate([cells], [projection], [], 1.0, DT, 1)
    monkeypatch.setattr(wiring, "available_memory", lambda: 1_000_000)
    small = Population(L, 1000)
    projection = Projection(small, small, FixedInDegree(100), 1e-3, 100.0)
    with pytest.raises(MemoryError, match="ring buffers and recordings need 2 GB"):
        simulate([small], [projection], [], 1.0, DT, 1)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_ends_it(threads: int) -> None:
    before = threading.active_count()
    parts = brunel(250, 5.0, 2.0, 0.1e-3)
    simulate(*parts, 0.01, DT, 1, threads)  # compiled
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        simulate(*parts, 1000.0, DT, 1, threads)
    timer.join()
    assert threading.active_count() == before


def test_an_error_in_a_helper_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, thread: int, *rest: object) -> None:
        if thread == 1:
            raise OSError("planted")

    monkeypatch.setattr(network.Cells, "advance", fail)
    with pytest.raises(OSError, match="planted"):
        simulate(*brunel(250, 5.0, 2.0, 0.1e-3), 0.1, DT, 1, threads=2)


def small(**change: object) -> Callable[[], object]:
    """A simulation of two neurons with one thing changed."""
    cells = Population(L, 2)
    given = {"pre": cells, "post": cells, "connect": Pairs([0], [1]), "weight": 1e-3, "delay": 1e-3}
    given |= {name: change.pop(name) for name in [*change] if name in (*given, "synapse")}
    rest = {"populations": [cells], "inputs": [], "t_stop": 0.01, "dt": DT, "seed": 1} | change

    def run() -> object:
        return simulate(projections=[Projection(**given)], **rest)  # type: ignore[arg-type]

    return run


NAN = float("nan")
CELLS = Population(L, 4)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (small(delay=0.15e-3), ValueError, "delay must be a multiple of dt = 0.0001 s"),
        (small(delay=0.0), ValueError, "delay must be .* at least 1, not 0.0 s"),
        (small(delay=-1e-3), ValueError, "delay must be .* at least 1, not -0.001 s"),
        (small(delay=[0.25e-3]), ValueError, "delay must be .* not 0.00025 s"),
        (small(delay=[7.0]), ValueError, "delay must be <= 65535 dt, not 70000 dt"),
        (small(delay=NAN), ValueError, "delay must be finite, not nan"),
        (small(delay="1 ms"), TypeError, "delay must be a number, an array or callable"),
        (small(weight=NAN), ValueError, "weight must be finite, not nan"),
        (small(weight=[1e-3, 1e-3]), ValueError, r"weight must have one entry per pair, not .*2"),
        (small(weight=[1e-3], connect=Bernoulli(0.5)), ValueError, "array only with Pairs"),
        (small(weight=lambda rng, n: np.ones(n + 1)), ValueError, r"weight\(rng, 1\) .* \(1,\)"),
        (small(weight=lambda rng, n: np.full(n, NAN)), ValueError, r"weight\(rng, 1\) .* finite"),
        (small(pre=CELLS), ValueError, "populations must hold every population"),
        (small(pre=L), TypeError, "pre must be a Population or SpikeTrains"),
        (small(post=L), TypeError, "post must be a Population"),
        (small(connect=0.5), TypeError, "connect must be a FixedInDegree or Bernoulli or Pairs"),
        (small(connect=Pairs([2], [0])), ValueError, "pre must name neurons 0 .. 1, not 2"),
        (small(synapse=G_E), TypeError, "needs a ConductanceLIF"),
        (small(synapse="delta"), TypeError, "synapse must be a Delta or Exponential"),
        (small(populations=[]), ValueError, "populations must be one or more"),
        (small(populations=[CELLS, CELLS]), ValueError, "populations must be one or more, each"),
        (small(populations=[L]), TypeError, "populations must be a Population"),
        (small(inputs=[1.0]), TypeError, "inputs must be a Poisson or Drive"),
        (small(dt=0.0), ValueError, "dt must be > 0 s, not 0.0"),
        (small(dt=NAN), ValueError, "dt must be finite"),
        (small(t_stop=-1.0), ValueError, "t_stop must be a multiple"),
        (small(t_stop=1.23456e-3), ValueError, "t_stop must be a multiple of dt"),
        (small(seed=-1), ValueError, "seed must be >= 0, not -1"),
        (small(seed=1.0), TypeError, "seed must be an integer"),
        (small(threads=0), ValueError, "threads must be >= 1, not 0"),
        (small(record=[2]), ValueError, "record must name neurons 0 .. 1, not 2"),
        (small(record=[1, 1]), ValueError, "record must name each neuron once"),
        (lambda: Population(20e-3, 3), TypeError, "neuron must be a LIF or EIF"),
        (lambda: Population(L, 0), ValueError, "n must be >= 1, not 0"),
        (lambda: Population(L, 3, [0.0, 1.0]), ValueError, r"v0 .* shape \(3,\), not \(2,\)"),
        (lambda: Population(L, 3, NAN), ValueError, "v0 must be finite"),
        (lambda: SpikeTrains(2, [1e-3], [2]), ValueError, r"ids must be 0 .. 1, not 2 .. 2"),
        (lambda: SpikeTrains(2, [0.0], [1]), ValueError, "times must be finite and > 0 s"),
        (lambda: SpikeTrains(2, [1e-3], [0.0]), TypeError, "ids must hold integers"),
        (lambda: SpikeTrains(2, [1e-3], []), ValueError, "times and ids must pair up"),
        (small(pre=SpikeTrains(1, [1.5e-4], [0])), ValueError, "times must be a multiple of dt"),
        (small(pre=SpikeTrains(1, [1e-3] * 2, [0, 0])), ValueError, "train 0 has two spikes"),
        (lambda: Poisson(CELLS, -1.0, 1e-3), ValueError, "rate must be finite and >= 0"),
        (lambda: Poisson(CELLS, 1.0, "x"), TypeError, "weight must be a number"),
        (lambda: Poisson(Population(C, 1), 1.0, -1.0, G_E), ValueError, "Conductance must be >= 0"),
        (lambda: simulate([CELLS], [], [Poisson(CELLS, 1e9, 1e-9)], 1.0, DT, 1), ValueError,
         "rate must be <= 5e.08 Hz"),
        (lambda: Drive(CELLS, [1.0, 2.0]), ValueError, r"mu must be a number or have shape \(4,\)"),
        (lambda: Drive(CELLS, NAN), ValueError, "mu must be finite"),
        (lambda: simulate([CELLS], [], [Drive(CELLS, np.ones((9, 1)))], 1e-3, DT, 1), ValueError,
         r"mu must have one row per step, 10, not shape \(9, 1\)"),
        (lambda: Exponential(0.0), ValueError, "tau_s must be finite and > 0 s, not 0.0"),
        (lambda: Exponential("2 ms"), TypeError, "tau_s must be a number"),
        (lambda: Conductance("shunting", 1e-3), ValueError, "kind must be 'excitatory' or"),
    ],
)  # fmt: skip
def test_errors(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
