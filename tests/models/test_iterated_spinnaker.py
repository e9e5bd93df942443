"""The mean interval of SpiNNaker neurons, against a naive chain of all their states."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.iterated_spinnaker import mean_interval
from rheobase.models.integer.spinnaker import SpiNNaker

ONE, SHIFT, LOWEST = 1 << 15, 5, -600
REST, INIT = -65 * ONE, (1 << 32) - 1


def neuron(rounding: str, offset: int = 300, threshold: int = 400) -> SpiNNaker:
    return SpiNNaker(
        resistance=3 * ONE // 2, decay_v=30_000, refractory=2, v_rest=REST, v_reset=REST - 20,
        v_thresh=REST + threshold, i_offset=offset, decay_e=0, init_e=INIT, decay_i=0, init_i=INIT,
        rounding=rounding,
    )  # fmt: skip


NOISE = IntegerInput.gaussian(0.0, 25.0, 12)


def naive(n: SpiNNaker, source: IntegerInput) -> float:
    """Steps from spike to spike, from the equations of `spinnaker`, state by state."""
    half = 1 << 14 if n.rounding == "nearest" else 0
    size = n.v_thresh - n.v_rest - LOWEST
    q = np.zeros((size, size))
    for x, p in zip(source.values.tolist(), source.probabilities.tolist(), strict=True):
        e = (max(x, 0) << SHIFT) * n.init_e >> 32
        i = (max(-x, 0) << SHIFT) * n.init_i >> 32
        alpha = ((e - i + n.i_offset) * n.resistance + half >> 15) + n.v_rest
        for k in range(size):
            v = n.v_rest + LOWEST + k
            new = alpha - (n.decay_v * (alpha - v) + half >> 15)
            if new < n.v_thresh:
                q[k, max(new - n.v_rest - LOWEST, 0)] += p
    t = np.linalg.solve(np.eye(size) - q, np.ones(size))
    return n.refractory + float(t[n.v_reset - n.v_rest - LOWEST])


@pytest.mark.parametrize("rounding", ["floor", "nearest"])
@pytest.mark.parametrize("offset", [150, 300])
def test_the_bound_holds_for_the_naive_chain(rounding: str, offset: int) -> None:
    one = neuron(rounding, offset)
    found, wanted = mean_interval(one, NOISE, SHIFT, LOWEST), naive(one, NOISE)
    assert abs(found.steps / wanted - 1) <= found.error
    assert found.error < 0.2


def test_the_bound_sees_wrong_parameters() -> None:
    """With a state large enough for a close bound, a drive larger by a twentieth."""
    one = replace(neuron("floor", 300 << 8, 400 << 8), v_reset=REST)
    noise = IntegerInput.gaussian(0.0, 200.0, 12)
    found = mean_interval(one, noise, SHIFT + 5, LOWEST << 8)
    other = mean_interval(replace(one, i_offset=315 << 8), noise, SHIFT + 5, LOWEST << 8)
    assert found.steps / other.steps - 1 > 2 * (found.error + other.error)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"decay_e": 5}, "currents that last one step"),
        ({"e_rev_e": 0, "e_rev_i": REST}, "currents that last one step"),
        ({"i_offset": (1 << 31) - 1}, "alpha must stay within 32 bits"),
        ({"i_offset": 0, "v_thresh": REST + 4000}, "fires too rarely"),
    ],
)
def test_what_it_cannot_do_is_refused(changes: dict[str, int], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        mean_interval(replace(neuron("floor"), **changes), NOISE, SHIFT, LOWEST)
