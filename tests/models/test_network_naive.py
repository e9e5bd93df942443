"""The network simulator spike for spike beside a naive one."""

from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm

from rheobase.models.neuron import EIF, LIF, QIF
from rheobase.models.reference.network import (
    Delta,
    Drive,
    Exponential,
    Pairs,
    Population,
    Projection,
    SpikeTrains,
    simulate,
)
from tests.simulated import DT, EQUAL, FAST, G_E, G_I, Q_INFINITE, SLOW, C, E, L, Q


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
