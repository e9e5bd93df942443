"""The SpiNNaker neuron against a naive interpreter, and what its constructor makes and refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest

from rheobase.models.integer.kind import run
from rheobase.models.integer.spinnaker import SpiNNaker, ring_buffer

MODES = [(c, r) for c in (False, True) for r in ("floor", "nearest")]
TIMES = {"ts": 3276, "tau_m": 250756, "c_m": 32764, "t_refract": 155662}
TIMES |= {"tau_e": 112043, "tau_i": 320321}
REGISTERS = {"resistance": 250786, "decay_v": 32342, "refractory": 48}  # made by the C code
REGISTERS |= {"decay_e": 4171219068, "init_e": 4232330604}
REGISTERS |= {"decay_i": 4251286117, "init_i": 4271061549}
POTENTIALS = {"v_rest": -2161785, "v_reset": -2200295, "v_thresh": -1883148}
NEURON = SpiNNaker(**REGISTERS, **POTENTIALS, i_offset=0)


def test_the_registers_are_those_of_the_c_code():
    assert SpiNNaker.from_parameters(**TIMES, **POTENTIALS) == NEURON


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


FAULTS = Naive.__subclasses__()


def naive_run(model, neurons, state, x):
    """Every field after every step, as (steps, neurons, fields)."""
    rows, states = [], [tuple(map(int, s)) for s in state]
    for x_e, x_i in x.tolist():
        done = [model.step(*each) for each in zip(neurons, states, x_e, x_i, strict=True)]
        states = [after for after, _ in done]
        rows.append([after + outputs for after, outputs in done])
    return np.array(rows)


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
    done = run(NEURON, {"x_e": np.zeros((2000, 2), int)}, {"e": [-1000, 1000]}, record=True)
    stop = -math.floor(2**32 / (2**32 - NEURON.decay_e))
    assert stop == -34
    assert done.recorded["e"][-1].tolist() == [stop, 0]


def test_a_reset_at_the_threshold_spikes_for_ever():
    neuron = replace(NEURON, v_reset=NEURON.v_thresh)
    assert neuron.refractory > 0
    done = run(neuron, {"x_e": np.zeros((9, 1), int)}, {"v": [neuron.v_thresh], "timer": [1]})
    assert done.spikes[0].tolist() == list(range(9))


def test_refractory_updates_are_left_out():
    driven = replace(NEURON, i_offset=1 << 22)  # one update is enough
    done = run(driven, {"x_e": np.zeros((200, 1), int)}, {"v": [NEURON.v_rest]})
    assert done.spikes[0].tolist() == [0, 49, 98, 147, 196]


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
    with pytest.raises(ValueError, match=message):
        replace(NEURON, **change)


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
