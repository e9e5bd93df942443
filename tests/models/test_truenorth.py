"""TrueNorth neurons against a naive interpreter of their equations."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from rheobase.models.integer.kind import run
from rheobase.models.integer.truenorth import OVERFLOWS, RESETS, TrueNorth, contribution
from tests.naive_truenorth import FAULTS, Update, faulty, naive


def some(rng: np.random.Generator, low: int, high: int) -> int:
    """A number of low .. high: at the ends or 0, near 0, or anywhere."""
    where = rng.integers(3)
    if where == 0:
        return int(rng.choice([low, low + 1, 0, high - 1, high]))
    near = min(high, 6) if where == 1 else high
    return int(rng.integers(max(low, -near) if where == 1 else low, near + 1))


def random_neuron(
    rng: np.random.Generator, width: int, overflow: Any, after: bool, symmetric: bool
) -> TrueNorth:
    top = 2 ** (width - 1)
    small = max(-top, -256), min(top - 1, 256)
    reversal = bool(rng.integers(2))
    return TrueNorth(
        width=width,
        overflow=overflow,
        threshold=some(rng, -top, top - 1),
        negative_threshold=some(rng, -top, top - 1),
        mask_bits=int(rng.choice([0, rng.integers(0, min(width - 1, 24) + 1)])),
        leak=int(rng.choice([some(rng, -top, top - 1), some(rng, *small)])),
        leak_stochastic=bool(rng.integers(2)),
        leak_reversal=reversal,
        no_ringing=reversal and bool(rng.integers(2)),
        leak_after_compare=after,
        symmetric=symmetric,
        reset=RESETS[rng.integers(3)],  # type: ignore[arg-type]
        v_reset=some(rng, -top, top - 1),
        negative_saturation=bool(rng.integers(2)),
    )


def random_updates(overflow: str, after: bool, symmetric: bool, populations: int = 12):
    """Populations of 60 neurons for 6 steps: neurons, their start, inputs, and the model's run."""
    rng = np.random.default_rng([OVERFLOWS.index(overflow), after, symmetric])
    for number in range(populations):
        widths = (4, 9, 20, 32, int(rng.integers(4, 33)))
        width = 32 if overflow == "paicore" else widths[number % 5]
        neurons = [random_neuron(rng, width, overflow, after, symmetric) for _ in range(60)]
        fields = neurons[0].state | neurons[0].inputs
        drawn = {
            name: np.array([[some(rng, f.low, f.high) for _ in neurons] for _ in range(6)])
            for name, f in fields.items()
        }
        start = drawn.pop("v")[0]
        yield neurons, start, drawn, run(neurons, drawn, {"v": start}, record=True).recorded


def differences(update: Update, overflow: str, after: bool, symmetric: bool, populations: int = 12):
    """Updates that differ from the model's, and how often each case was met."""
    wrong, met = 0, Counter()
    for neurons, start, drawn, recorded in random_updates(overflow, after, symmetric, populations):
        for j, p in enumerate(neurons):
            v = int(start[j])
            for t in range(6):
                i, x = int(drawn["i"][t, j]), int(drawn["x"][t, j])
                spike, v_pre, v_next = update(p, v, i, x)
                model = tuple(int(recorded[name][t, j]) for name in ("spike", "v_pre", "v"))
                wrong += (spike, v_pre, v_next) != model
                met["updates"] += 1
                met["spikes"] += spike
                met["other resets"] += not spike and v_next != v_pre
                met["overflows"] += not -(2 ** (p.width - 1)) <= v + i < 2 ** (p.width - 1)
                met["at threshold"] += v_pre == p.threshold
                met["at negative threshold"] += v_pre == p.negative_threshold
                met["stopped at 0"] += p.no_ringing and v_pre == 0 != v + i
                v = model[2]
    return wrong, met


MODES = [(overflow, a, s) for overflow in OVERFLOWS for a in (False, True) for s in (False, True)]


@pytest.mark.parametrize(("overflow", "after", "symmetric"), MODES)
def test_random_updates_are_those_of_the_naive_interpreter(overflow, after, symmetric):
    wrong, met = differences(naive, overflow, after, symmetric)
    assert wrong == 0
    assert met["updates"] == 4_320  # 51,840 in all modes
    assert min(met.values()) > 0, met  # every case was met


@pytest.mark.parametrize("fault", FAULTS)
def test_random_updates_find_a_fault(fault):
    update = faulty(fault)
    assert sum(differences(update, *modes, populations=2)[0] for modes in MODES) > 0


# ------------------------------------------------------------------ PAICORE's overflow

TOP = 2**29  # PAICORE's 30 bits end at TOP - 1


@pytest.mark.parametrize(
    ("changed", "sums", "potentials", "spikes"),
    [
        (
            {"reset": "none"},
            [TOP - 2, 2, 0, -TOP, -1, -1],
            [536870910, -536870911, -536870911, 0, -1, -2],
            [0, 0, 0, 0, 0, 0],
        ),
        (
            {"leak_after_compare": True, "leak": 1},
            [TOP - 1, -TOP],
            [-1073741822, -536870910],
            [1, 0],
        ),
        (
            {"reset": "value", "v_reset": -TOP},
            [-TOP, -5, 0],
            [536870912, 536870907, 536870907],
            [0, 0, 0],
        ),
        (
            {"reset": "none", "leak_reversal": True, "leak": 3},
            [TOP - 3, 0, 0],
            [-536870911, 536870909, -536870911],
            [0, 0, 0],
        ),
    ],
)
def test_overflow_of_paicore_is_that_of_paibox(changed, sums, potentials, spikes):
    """Numbers that PAIBox 1.3.0 gave."""
    neuron = TrueNorth(32, "paicore", TOP - 1, 1 - TOP, **({"reset": "subtract"} | changed))
    done = run(neuron, {"i": np.array(sums)[:, None]}, record=True)
    assert done.recorded["v"][:, 0].tolist() == potentials
    assert done.recorded["spike"][:, 0].tolist() == spikes


# ------------------------------------------------------------------ randomness


def z_score(hits: int, trials: int, probability: float) -> float:
    return (hits - trials * probability) / np.sqrt(trials * probability * (1 - probability))


TRIALS = 200_000


@pytest.mark.parametrize("leak", [-200, -37, -1, 1, 90, 254])
def test_a_stochastic_leak_acts_with_the_stated_probability(leak):
    rng = np.random.default_rng(abs(leak))
    neuron = TrueNorth(
        width=20,
        overflow="saturate",
        threshold=1000,
        negative_threshold=-1000,
        leak=leak,
        leak_stochastic=True,
        leak_reversal=True,
    )
    x = rng.integers(0, 2**32, (1, TRIALS))
    for start in (50, -50):
        v = run(neuron, {"x": x}, {"v": np.full(TRIALS, start)}).state["v"]
        step = int(np.sign(leak) * np.sign(start))
        assert set(np.unique(v)) == {start, start + step}
        assert abs(z_score((v != start).sum(), TRIALS, (abs(leak) + 1) / 256)) < 4


@pytest.mark.parametrize("leak", [0, -256, -255, 255, 256])
def test_a_stochastic_leak_of_0_never_acts_and_one_of_255_always(leak):
    neuron = TrueNorth(20, "saturate", 1000, -1000, leak=leak, leak_stochastic=True)
    v = run(neuron, {"x": np.arange(256)[None]}).state["v"]
    assert np.array_equal(v, np.full(256, np.sign(leak)))


@pytest.mark.parametrize(("mask_bits", "above"), [(1, 0), (4, 5), (8, 200), (17, 30_000)])
def test_a_stochastic_threshold_is_passed_with_the_stated_probability(mask_bits, above):
    rng = np.random.default_rng(mask_bits)
    neuron = TrueNorth(20, "saturate", 100, -100, mask_bits=mask_bits, reset="subtract")
    x = rng.integers(0, 2**32, (1, TRIALS))
    passed = (above + 1) / 2**mask_bits  # eta = 0 .. above
    for v, probability in ((100 + above, passed), (-100 - above - 1, passed)):
        done = run(neuron, {"i": np.full((1, TRIALS), v), "x": x}, record=True)
        hits = done.recorded["spike"].sum() if v > 0 else (done.state["v"] != v).sum()
        assert abs(z_score(int(hits), TRIALS, probability)) < 4


def test_a_stochastic_leak_and_threshold_are_independent():
    rng = np.random.default_rng(6)
    neuron = TrueNorth(20, "saturate", 5, -9, 3, leak=63, leak_stochastic=True)
    x = rng.integers(0, 2**32, (1, TRIALS))
    spikes = run(neuron, {"i": np.full((1, TRIALS), 7), "x": x}, record=True).recorded["spike"]
    # V is 7 or, with probability 1/4, 8; eta is 0 .. 7 and must be 2 or 3 at most
    assert abs(z_score(int(spikes.sum()), TRIALS, 0.75 * 3 / 8 + 0.25 * 4 / 8)) < 4


def test_a_deterministic_neuron_ignores_the_random_number():
    neuron = TrueNorth(9, "wrap", 40, -40, leak=-3, leak_reversal=True, reset="subtract")
    rng = np.random.default_rng(8)
    sums = rng.integers(-90, 90, (50, 20))
    x = rng.integers(0, 2**32, sums.shape)
    assert np.array_equal(run(neuron, {"i": sums}).spikes, run(neuron, {"i": sums, "x": x}).spikes)


def test_a_stochastic_synapse_counts_the_sign_of_its_weight():
    for s in range(-256, 256):
        events = [contribution(s, 1, rho) for rho in range(256)]
        assert set(events) <= {0, int(np.sign(s))}
        assert abs(sum(events)) == (min(abs(s) + 1, 256) if s else 0)
        assert contribution(s, 0, 7) == s


# ------------------------------------------------------------------ parameters

GOOD = {"width": 20, "overflow": "saturate", "threshold": 9, "negative_threshold": -9}


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"overflow": "clip"}, ValueError, "overflow must be one of wrap, saturate, paicore, not"),
        ({"reset": 1}, ValueError, "reset must be one of value, subtract, none, not 1"),
        ({"width": 3}, ValueError, "width must be in 4 .. 32, not 3"),
        ({"overflow": "paicore"}, ValueError, "width must be in 32 .. 32, not 20"),
        ({"threshold": 2**19}, ValueError, "threshold must be in -524288 .. 524287, not 524288"),
        ({"negative_threshold": -(2**19) - 1}, ValueError, "negative_threshold must be in"),
        ({"leak": 0.5}, TypeError, "leak must be an integer, not 0.5"),
        ({"v_reset": 2**19}, ValueError, "v_reset must be in"),
        ({"mask_bits": 20}, ValueError, "mask_bits must be in 0 .. 19, not 20"),
        ({"width": 32, "mask_bits": 25}, ValueError, "mask_bits must be in 0 .. 24, not 25"),
        ({"leak_reversal": 1}, TypeError, "leak_reversal must be a bool, not 1"),
        ({"no_ringing": True}, ValueError, "no_ringing must be False without leak_reversal"),
    ],
)
def test_a_wrong_parameter_is_named(changed, error, message):
    TrueNorth(**GOOD)
    with pytest.raises(error, match=message):
        TrueNorth(**(GOOD | changed))


@pytest.mark.parametrize("width", [4, 9, 20, 32])
def test_registers_fit_their_fields_at_both_ends(width):
    top = 2 ** (width - 1)
    bits = min(width - 1, 24)
    for low in (True, False):
        end = -top if low else top - 1
        neuron = TrueNorth(
            width, "wrap", end, end, 0 if low else bits, leak=end, reset="none", v_reset=end
        )
        fields = neuron.register_fields
        assert list(neuron.registers) == list(fields)
        for name, value in neuron.registers.items():
            assert fields[name].low <= value <= fields[name].high, name
