"""The SpiNNaker neuron against vectors of the C code on ARM and a naive interpreter."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from rheobase.models.integer.kind import run
from rheobase.models.integer.spinnaker import SpiNNaker, ring_buffer

PATH = Path(__file__).parents[1] / "vectors" / "spinnaker_lif_arm.json"
VECTORS = json.loads(PATH.read_text())["vectors"]
ROUNDING = {"gcc_accum_floor_wrap": "floor", "round_nearest_sat": "nearest"}
TRACES = {"syn_exc": "syn_e", "syn_inh": "syn_i", "v": "v", "s": "spike"}
MODES = [(c, r) for c in (False, True) for r in ("floor", "nearest")]


def shared_parameters(vector):
    """What a vector states of its neuron besides times and the registers made of them."""
    p = vector["params"]
    names = ["v_rest", "v_reset", "v_thresh", "i_offset"]
    conductance = {"IF_curr_exp": False, "IF_cond_exp": True}[p["model"]]
    reversals = {"e_rev_e": p["e_rev_E"], "e_rev_i": p["e_rev_I"]} if conductance else {}
    return {name: p[name] for name in names} | reversals | {"rounding": ROUNDING[p["mult"]]}


def from_registers(vector):
    """The neuron of a vector by its registers."""
    d = vector["derived"]
    return SpiNNaker(
        resistance=d["R_membrane"],
        decay_v=d["exp_TC"],
        refractory=d["T_refract"],
        decay_e=d["exc_decay"],
        init_e=d["exc_init"],
        decay_i=d["inh_decay"],
        init_i=d["inh_init"],
        **shared_parameters(vector),
    )


def from_times(vector):
    """The neuron of a vector by its time constants and capacitance."""
    p = vector["params"]
    return SpiNNaker.from_parameters(
        ts=p["ts"],
        tau_m=p["tau_m"],
        c_m=p["c_m"],
        t_refract=p["t_refract_ms"],
        tau_e=p["tau_syn_E"],
        tau_i=p["tau_syn_I"],
        **shared_parameters(vector),
    )


def run_vector(vector, neuron):
    inputs = {"x_e": np.array(vector["x_exc"])[:, None], "x_i": np.array(vector["x_inh"])[:, None]}
    done = run(neuron, inputs, {"v": [vector["params"]["v_rest"]]}, record=True)
    return {name: done.recorded[ours][:, 0].tolist() for name, ours in TRACES.items()}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_neuron_does_what_the_c_code_did(vector):
    expected = {name: vector[name] for name in TRACES}
    assert run_vector(vector, from_registers(vector)) == expected


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_registers_are_those_of_the_c_code(vector):
    assert from_times(vector) == from_registers(vector)


class Naive:
    """The stated equations with Python's integers, one neuron and step, no shift."""

    def wrap(self, a):
        return (a + 2**31) % 2**32 - 2**31

    def add(self, a, b):
        return self.wrap(a + b)

    def floor(self, a, b):
        return self.wrap(a * b // 2**15)

    def nearest(self, a, b):
        return sorted((-(2**31), (a * b + 2**14) // 2**15, 2**31 - 1))[1]

    def scale(self, a, factor):
        return a * factor // 2**32

    def reached(self, v, threshold):
        return v >= threshold

    def synapse(self, s, x, init, decay):
        added = self.add(s, self.scale(x, init))
        return added, self.scale(added, decay)

    def inhibition(self, g, drive):
        return self.floor(-g, drive)

    def conductance(self, s):
        return s // 32

    def step(self, p, state, x_e, x_i):
        e, i, v, timer = state
        syn_e, e = self.synapse(e, x_e, p.init_e, p.decay_e)
        syn_i, i = self.synapse(i, x_i, p.init_i, p.decay_i)
        excite, inhibit = syn_e, syn_i
        if p.e_rev_e is not None:
            excite = self.floor(self.conductance(syn_e), self.add(p.e_rev_e, -v))
            inhibit = self.inhibition(self.conductance(syn_i), self.add(p.e_rev_i, -v))
        if timer > 0:
            timer -= 1
        else:
            product = {"floor": self.floor, "nearest": self.nearest}[p.rounding]
            total = self.add(self.add(excite, -inhibit), p.i_offset)
            alpha = self.add(product(total, p.resistance), p.v_rest)
            v = self.add(alpha, -product(p.decay_v, self.add(alpha, -v)))
        spike = self.reached(v, p.v_thresh)
        if spike:
            v, timer = p.v_reset, p.refractory
        return (e, i, v, timer), (int(spike), syn_e, syn_i)


class FloorTruncates(Naive):
    def floor(self, a, b):
        return self.wrap(abs(a * b) // 2**15 * (1 if a * b >= 0 else -1))


class FloorSaturates(Naive):
    def floor(self, a, b):
        return sorted((-(2**31), a * b // 2**15, 2**31 - 1))[1]


class NearestWraps(Naive):
    def nearest(self, a, b):
        return self.wrap((a * b + 2**14) // 2**15)


class NearestHalvesAwayFromZero(Naive):
    def nearest(self, a, b):
        away = (abs(a * b) + 2**14) // 2**15 * (1 if a * b >= 0 else -1)
        return sorted((-(2**31), away, 2**31 - 1))[1]


class SumsSaturate(Naive):
    def add(self, a, b):
        return sorted((-(2**31), a + b, 2**31 - 1))[1]


class DecayTruncates(Naive):
    def scale(self, a, factor):
        return abs(a) * factor // 2**32 * (1 if a >= 0 else -1)


class DecayBeforeUse(Naive):
    def synapse(self, s, x, init, decay):
        decayed = super().synapse(s, x, init, decay)[1]
        return decayed, decayed


class StrictThreshold(Naive):
    def reached(self, v, threshold):
        return v > threshold


class NegatedProduct(Naive):
    def inhibition(self, g, drive):
        return self.wrap(-self.floor(g, drive))


class ShiftOfTheOldTree(Naive):
    def conductance(self, s):
        return s // 1024


class ThresholdOnlyWhenUpdated(Naive):
    def step(self, p, state, x_e, x_i):
        after, outputs = super().step(p, state, x_e, x_i)
        if state[3] > 0:
            after, outputs = (*after[:2], state[2], state[3] - 1), (0, *outputs[1:])
        return after, outputs


class RefractoryOneOff(Naive):
    def step(self, p, state, x_e, x_i):
        after, outputs = super().step(p, state, x_e, x_i)
        return (*after[:3], max(after[3] - outputs[0], 0)), outputs


# with how many of the 74 vectors show it; none has a negative tie, a v at the threshold, or a
# refractory v above it
FAULTS = {
    FloorTruncates: 32,
    FloorSaturates: 5,
    NearestWraps: 1,
    NearestHalvesAwayFromZero: 0,
    SumsSaturate: 5,
    DecayTruncates: 5,
    DecayBeforeUse: 74,
    StrictThreshold: 0,
    NegatedProduct: 40,
    ShiftOfTheOldTree: 41,
    ThresholdOnlyWhenUpdated: 0,
    RefractoryOneOff: 41,
}


def naive_run(model, neurons, state, x):
    """Every field after every step, as (steps, neurons, fields)."""
    rows, states = [], [tuple(map(int, s)) for s in state]
    for x_e, x_i in x.tolist():
        done = [model.step(*each) for each in zip(neurons, states, x_e, x_i, strict=True)]
        states = [after for after, _ in done]
        rows.append([after + outputs for after, outputs in done])
    return np.array(rows)


def shows(vector, model):
    """Whether a vector differs from a naive interpreter."""
    x = np.array([vector["x_exc"], vector["x_inh"]]).T[..., None]
    start = [(0, 0, vector["params"]["v_rest"], 0)]
    _, _, v, _, spike, syn_e, syn_i = naive_run(model, [from_registers(vector)], start, x)[:, 0].T
    ours = {"syn_exc": syn_e, "syn_inh": syn_i, "v": v, "s": spike}
    return any(vector[name] != values.tolist() for name, values in ours.items())


@pytest.mark.parametrize("fault", FAULTS)
def test_the_vectors_show_faults(fault):
    assert sum(shows(vector, fault()) for vector in VECTORS) == FAULTS[fault]


def integers(rng, n, low, high):
    """Over the whole range, near 0, powers of 2, and corners."""
    whole = rng.integers(low, high, n, endpoint=True)
    powers = np.clip(rng.choice([-1, 1], n) << rng.integers(0, 32, n), low, high)
    near = np.clip((whole / 2.0 ** rng.integers(0, 32, n)).astype(np.int64), low, high)
    corners = rng.choice([low, low + 1, high - 1, high, max(low, -1), 0, 1], n)
    return np.choose(rng.integers(0, 5, n), [whole, whole, near, powers, corners])


def random_population(rng, n, steps, conductance, rounding):
    """Neurons, states (neurons, 4) and inputs (steps, 2, neurons) over their whole ranges."""
    signed, unsigned = (-(2**31), 2**31 - 1), (0, 2**32 - 1)
    ranges = dict.fromkeys(["resistance", "decay_v", "v_rest", "v_reset", "v_thresh"], signed)
    ranges |= {"i_offset": signed, "refractory": (0, 65536)}
    ranges |= dict.fromkeys(["decay_e", "init_e", "decay_i", "init_i"], unsigned)
    if conductance:
        ranges |= {"e_rev_e": signed, "e_rev_i": signed}
    drawn = {name: integers(rng, n, *ends).tolist() for name, ends in ranges.items()}
    neurons = [
        SpiNNaker(**dict(zip(drawn, values, strict=True)), rounding=rounding)
        for values in zip(*drawn.values(), strict=True)
    ]
    state = np.array([*(integers(rng, n, *signed) for _ in range(3)), rng.integers(0, 3, n)]).T
    at_threshold = rng.random(n) < 0.2
    state[at_threshold, 2] = np.array(drawn["v_thresh"])[at_threshold]
    x = integers(rng, steps * 2 * n, *signed).reshape(steps, 2, n)
    return neurons, state, x


def both(model, conductance, rounding, n, steps):
    """What the kernel and a naive interpreter do of the same population."""
    rng = np.random.default_rng(15)
    neurons, state, x = random_population(rng, n, steps, conductance, rounding)
    start = dict(zip(["e", "i", "v", "timer"], state.T, strict=True))
    done = run(neurons, {"x_e": x[:, 0], "x_i": x[:, 1]}, start, record=True).recorded
    names = ["e", "i", "v", "timer", "spike", "syn_e", "syn_i"]
    return np.stack([done[name] for name in names], -1), naive_run(model, neurons, state, x)


@pytest.mark.parametrize(("conductance", "rounding"), MODES)
def test_updates_over_the_whole_ranges_are_those_of_the_equations(conductance, rounding):
    ours, naive = both(Naive(), conductance, rounding, n=4000, steps=4)
    np.testing.assert_array_equal(ours, naive)
    assert 0.2 < ours[..., 4].mean() < 0.8


@pytest.mark.parametrize("fault", FAULTS)
def test_the_whole_ranges_show_faults(fault):
    differ = 0
    for mode in MODES:
        ours, naive = both(fault(), *mode, n=500, steps=2)
        differ += (ours != naive).any(axis=(0, 2)).sum()
    assert differ > 0


def test_the_corners_of_the_products():
    """The smallest number squared, through the membrane: (alpha - v) decay_v."""
    low = -(2**31)
    common = dict.fromkeys(["resistance", "v_rest", "i_offset", "v_reset", "refractory"], 0)
    common |= dict.fromkeys(["decay_e", "init_e", "decay_i", "init_i"], 0)
    x, v0 = {"x_e": [[0]], "x_i": [[0]]}, {"v": [low]}
    for rounding, product in {"floor": 0, "nearest": 2**31 - 1}.items():
        neuron = SpiNNaker(**common, decay_v=low, v_thresh=2**31 - 1, rounding=rounding)
        assert run(neuron, x, v0).state["v"].tolist() == [-product]  # alpha - v wraps to low


def test_a_negative_sum_stops_below_zero():
    """At the largest |e| with |e| (2**32 - decay) < 2**32."""
    neuron = from_registers(VECTORS[0])
    done = run(neuron, {"x_e": np.zeros((2000, 2), int)}, {"e": [-1000, 1000]}, record=True)
    stop = -math.floor(2**32 / (2**32 - neuron.decay_e))
    assert stop == -34
    assert done.recorded["e"][-1].tolist() == [stop, 0]


def test_a_reset_at_the_threshold_spikes_for_ever():
    vector = VECTORS[0]
    stated = shared_parameters(vector)
    neuron = SpiNNaker(
        **from_registers(vector).registers | stated | {"v_reset": stated["v_thresh"]}
    )
    assert neuron.refractory > 0
    done = run(neuron, {"x_e": np.zeros((9, 1), int)}, {"v": [stated["v_thresh"]], "timer": [1]})
    assert done.spikes[0].tolist() == list(range(9))


def test_refractory_updates_are_left_out():
    vector = next(v for v in VECTORS if v["name"] == "spin_curr_rn_41")
    neuron = from_registers(vector)
    spikes = np.flatnonzero(vector["s"])
    assert np.diff(spikes).min() == neuron.refractory + 1


def c_exponential(x):
    """2**32 exp(-x / 2**15) as a decay."""
    rest = dict.fromkeys(["tau_m", "c_m", "t_refract", "tau_e", "tau_i"], 1 << 15)
    return SpiNNaker.from_parameters(ts=x, **rest, v_rest=0, v_reset=0, v_thresh=1).decay_e


def test_the_c_exponential_is_near_the_exact_one():
    """Its polynomial is off by 5294 at 0; that is all but its rounding."""
    off = [c_exponential(x) - 2**32 * math.exp(-x / 2**15) for x in range(1, 340000, 7)]
    assert 5293 < -min(off) < 5295
    assert 5293 < max(off) < 5295


def test_the_c_exponential_ends():
    assert [c_exponential(340695) >> 17, c_exponential(340696)] == [1, 0]


def test_a_synapse_too_slow_for_s16_15_loses_its_memory():
    common = {"ts": 32768, "tau_m": 32768, "c_m": 32768, "t_refract": 0, "tau_i": 32768}
    common |= {"v_rest": 0, "v_reset": 0, "v_thresh": 1}
    slow = SpiNNaker.from_parameters(tau_e=32768 * 32768, **common)
    slower = SpiNNaker.from_parameters(tau_e=32768 * 32768 + 1, **common)
    assert slow.decay_e > 2**32 - 2**18
    assert slower.decay_e == 0


def test_the_ring_buffer_saturates_before_its_shift():
    x = ring_buffer([0, 1, 65535, 65536, 10**9], 15)
    assert x.tolist() == [0, 2**15, 65535 << 15, 65535 << 15, 65535 << 15]
    assert x.max() < 2**31


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resistance": 2**31}, r"resistance must be in -2147483648 \.\. 2147483647"),
        ({"decay_e": -1}, r"decay_e must be in 0 \.\. 4294967295, not -1"),
        ({"refractory": 65537}, r"refractory must be in 0 \.\. 65536, not 65537"),
        ({"e_rev_e": 0}, "e_rev_e and e_rev_i must both be given or both left out, not 0 and None"),
        ({"rounding": "even"}, "rounding must be 'floor' or 'nearest', not 'even'"),
    ],
)
def test_bad_registers_are_told(change, message):
    vector = next(v for v in VECTORS if v["params"]["model"] == "IF_curr_exp")
    with pytest.raises(ValueError, match=message):
        SpiNNaker(**from_registers(vector).registers | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ts": 0}, r"ts must be in 1 \.\. 2147483647, not 0"),
        ({"t_refract": -1}, r"t_refract must be in 0 \.\. 2147483647, not -1"),
        ({"tau_m": 2**31 - 1, "c_m": 1}, "tau_m / c_m must be below 65536, not 2147483647 / 1"),
    ],
)
def test_bad_times_are_told(change, message):
    times = dict.fromkeys(["ts", "tau_m", "c_m", "t_refract", "tau_e", "tau_i"], 32768)
    with pytest.raises(ValueError, match=message):
        SpiNNaker.from_parameters(**times | change, v_rest=0, v_reset=0, v_thresh=1)


def test_bad_weights_are_told():
    with pytest.raises(ValueError, match="weights must be at least 0, not -1"):
        ring_buffer([3, -1], 0)
    with pytest.raises(TypeError, match="weights must be integers, not float64"):
        ring_buffer([0.5], 0)
    with pytest.raises(ValueError, match=r"left_shift must be in 0 \.\. 15, not 16"):
        ring_buffer([1], 16)
