"""IntegerLIF.run against a naive big-integer interpreter of its equations, and recordings."""

import os
from pathlib import Path

import numpy as np
import pytest

from rheobase.models.integer.lif import IntegerLIF

# Pedersen et al., Nat. Commun. 15:8122 (2024), experiment 01_lif: steps with an input spike
NIR_INPUT = [60, 220, 270, 310, 320, 350, 370, *range(400, 420, 10), *range(430, 540, 10)]
NIR_INPUT += [*range(670, 790, 10), 840, 850]
NIR_SPIKES = [461, 511, 711, 761]  # Lava's fixed-point model and the Loihi chip


def naive(p, currents, v0, r0, x):
    """Python integers only, one neuron at a time, no shift of a negative number."""
    n = len(v0)
    v, r, spikes, history = list(v0), list(r0), [], []
    scale = 2**p.leak_bits
    top = 2 ** (p.width - 1)
    for t, row in enumerate(currents):
        for j in range(n):
            d = {"floor": 0, "nearest": scale // 2, "stochastic": x % scale, "truncate": None}
            d = d[p.rounding]
            if p.rounding == "stochastic":
                x ^= (x * 2**13) % 2**32
                x ^= x // 2**17
                x ^= (x * 2**5) % 2**32
            if r[j] > 0:
                r[j] -= 1
                continue
            if d is None:  # of the size alone
                factor = p.leak_multiplier if p.leak == "multiply" else 1
                part = abs(v[j]) * factor // scale * (1 if v[j] > 0 else -1)
                u = part if p.leak == "multiply" else v[j] - part
            elif p.leak == "multiply":
                u = (v[j] * p.leak_multiplier + d) // scale
            else:
                u = v[j] - (v[j] + d) // scale
            s = sorted((-top, u + int(row[j]), top - 1))[1]
            if s >= p.threshold:
                spikes.append((t, j))
                r[j] = p.refractory
                v[j] = p.v_reset if p.reset == "value" else s - p.threshold
            else:
                v[j] = s
        history.append(list(v))
    return spikes, v, r, x, history


def random_neuron(rng, leak, rounding, reset):
    width = int(rng.integers(4, 33))
    top = 1 << (width - 1)
    bits = int(rng.integers(1, 25))
    subtract = reset == "subtract"
    threshold = int(rng.integers(1 if subtract else 1 - top, top))
    return IntegerLIF(
        width=width,
        threshold=threshold,
        v_reset=0 if subtract else int(rng.integers(-top, threshold)),
        refractory=int(rng.choice([0, 1, 3])),
        leak=leak,
        leak_bits=bits,
        leak_multiplier=int(rng.integers(0, (1 << bits) + 1)) if leak == "multiply" else 0,
        rounding=rounding,
        reset=reset,
        input_width=int(rng.integers(2, 33)),
        seed=int(rng.integers(1, 2**32)),
    )


@pytest.mark.parametrize("reset", ["value", "subtract"])
@pytest.mark.parametrize("rounding", ["floor", "nearest", "stochastic", "truncate"])
@pytest.mark.parametrize("leak", ["multiply", "shift"])
def test_bit_exact_to_the_naive_interpreter(leak, rounding, reset):
    rng = np.random.default_rng([len(leak), len(rounding), len(reset)])
    seen = {"spikes": 0, "refractory": 0, "top": 0, "bottom": 0}
    for trial in range(60):
        p = random_neuron(rng, leak, rounding, reset)
        n = int(rng.integers(1, 8))
        bound = 1 << (p.input_width - 1)
        reach = bound if trial % 2 else min(bound, 1 << (p.width - 2))
        currents = rng.integers(-reach, reach, (25, n))
        v0 = rng.integers(p.v_min, p.v_max + 1, n)
        r0 = rng.integers(0, p.refractory + 1, n)
        x = int(rng.integers(1, 2**32))
        run = p.run(currents, v0, r0, x, record=True)
        spikes, v, r, x_end, history = naive(p, currents, v0.tolist(), r0.tolist(), x)
        assert list(zip(*map(np.ndarray.tolist, run.spikes), strict=True)) == spikes
        assert run.voltages.tolist() == history
        assert (run.v.tolist(), run.r.tolist(), run.x) == (v, r, x_end)
        seen["spikes"] += len(spikes)
        seen["refractory"] += int(p.refractory > 0 and len(spikes) > 0)
        seen["bottom"] += int((run.voltages == p.v_min).sum())
        seen["top"] += int((currents + np.abs(v0).max() > 2 * p.v_max).sum())
    assert min(seen.values()) > 0, seen  # every corner was visited


@pytest.mark.parametrize("dtype", [np.int16, np.uint8])
def test_any_integer_type_and_any_layout_give_the_same_run(dtype):
    p = IntegerLIF(width=12, threshold=300, leak="shift", leak_bits=4, rounding="nearest")
    currents = np.random.default_rng(2).integers(0, 100, (50, 6))
    a, b = p.run(currents), p.run(np.asfortranarray(currents.astype(dtype)))
    assert a.spikes[0].size > 0
    assert np.array_equal(a.spikes, b.spikes) and np.array_equal(a.v, b.v)
    assert a.v.dtype == a.r.dtype == a.spikes[0].dtype == a.spikes[1].dtype == np.int64


def test_starts_from_reset_and_leaves_the_given_state_alone():
    p = IntegerLIF(width=8, threshold=100, leak="shift", leak_bits=3, seed=99)
    start = np.array([5, -7])
    first = p.run([[0, 0]], v0=start)
    assert start.tolist() == [5, -7]
    assert first.r.tolist() == [0, 0] and first.voltages is None
    assert p.run(np.empty((0, 3), int)).v.tolist() == [0, 0, 0]
    assert p.run(np.empty((0, 3), int)).x == 99


def test_a_run_in_pieces_is_the_run():
    p = IntegerLIF(10, 150, refractory=3, leak_bits=8, leak_multiplier=250, rounding="stochastic")
    currents = np.random.default_rng(3).integers(-40, 80, (400, 5))
    whole = p.run(currents)
    v, r, x, steps, ids = None, None, None, [], []
    for begin, end in [(0, 1), (1, 150), (150, 150), (150, 400)]:
        piece = p.run(currents[begin:end], v, r, x)
        v, r, x = piece.v, piece.r, piece.x
        steps += [*(piece.spikes[0] + begin)]
        ids += [*piece.spikes[1]]
    assert len(steps) > 100
    assert np.array_equal(whole.spikes, (steps, ids))
    assert np.array_equal(whole.v, v) and np.array_equal(whole.r, r) and whole.x == x


def test_wrong_input_is_named():
    p = IntegerLIF(width=8, threshold=100, leak="shift", leak_bits=3, refractory=2, input_width=6)
    currents = np.zeros((4, 3), np.int64)
    currents[2, 1], currents[3, 0] = 32, -99
    with pytest.raises(ValueError, match=r"-32 \.\. 31 .*not 32 \(step 2, neuron 1\)"):
        p.run(currents)
    currents[2, 1] = -33
    with pytest.raises(ValueError, match=r"not -33 \(step 2, neuron 1\)"):
        p.run(currents)
    currents[2, 1], currents[3, 0] = 31, -32
    p.run(currents)
    with pytest.raises(TypeError, match="currents must be an array of signed integers"):
        p.run(currents * 1.0)
    with pytest.raises(TypeError, match="uint64"):
        p.run(np.full((1, 1), 2**64 - 1, np.uint64))
    with pytest.raises(ValueError, match=r"2 dimension\(s\), not shape \(3,\)"):
        p.run(currents[0])
    with pytest.raises(ValueError, match=r"v0 must be in -128 \.\. 127, not 128 \(neuron 2\)"):
        p.run(currents, v0=[0, -128, 128])
    with pytest.raises(ValueError, match=r"r0 must be in 0 \.\. 2, not 3 \(neuron 0\)"):
        p.run(currents, r0=[3, 0, 0])
    with pytest.raises(ValueError, match="v0 must have one value per neuron, 3, not 2"):
        p.run(currents, v0=[0, 0])
    with pytest.raises(ValueError, match="x must be in"):
        p.run(currents, x=0)


def loihi_of_nir():
    """`v = (v (4096 - 163)) >> 12 + 640 x[t-1]`, spike when v > 1600, reset to 0."""
    neuron = IntegerLIF(
        width=24, threshold=1601, leak_bits=12, leak_multiplier=4096 - 163, rounding="floor"
    )
    currents = np.zeros((1000, 1), np.int64)
    currents[np.array(NIR_INPUT) + 1] = 640
    return neuron.run(currents, record=True)


def test_the_spikes_of_a_loihi_chip():
    steps, ids = loihi_of_nir().spikes
    assert steps.tolist() == NIR_SPIKES and ids.tolist() == [0] * 4


if "RHEOBASE_SHARED" in os.environ:

    @pytest.mark.parametrize("file", ["lif_lava_cpu_fixed.csv", "lif_lava_loihi_fixed.csv"])
    def test_the_recorded_voltages(file):
        folder = Path(os.environ["RHEOBASE_SHARED"], "data", "nir", "01_lif")
        spikes_in, recorded, spikes_out = np.loadtxt(folder / file, delimiter=",").T
        assert np.flatnonzero(spikes_in).tolist() == NIR_INPUT
        assert np.flatnonzero(spikes_out).tolist() == NIR_SPIKES
        same = loihi_of_nir().voltages[:, 0] == recorded
        # the chip keeps its refractory counter in v and reads back 128 where it spiked
        expected = NIR_SPIKES if "loihi" in file else []
        assert np.flatnonzero(~same).tolist() == expected
