"""The random number of each synapse in each tick against its equations, and as if drawn afresh.

Every statistical test has a fixed seed and would fail with probability ALPHA if its numbers were
ideal, shared evenly among its checks.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from scipy.stats import binom, norm

from rheobase.models.integer.noise import synapse_random, xorshift32
from tests.chi_squared import chi2_fails

ALPHA = 1e-4

Hash = Callable[[int, int], int]


def naive_synapse(key: int, address: int) -> int:
    """From the equations at the head of the module, on strings of bits."""

    def rotated(h: int, places: int) -> int:
        bits = f"{h:020b}"
        return int(bits[places:] + bits[:places], 2)

    h = (address ^ key ^ key // 2**20) % 2**20
    for k in (key % 2**20, key // 2**12, 0):
        h = (h + rotated(h, 13)) % 2**20
        h = h ^ rotated(h, 15) ^ rotated(h, 11) ^ k
    return h % 2**8


def test_synapse_numbers_are_those_of_the_equations() -> None:
    rng = np.random.default_rng(1)
    keys = [0, 2**32 - 1, *rng.integers(0, 2**32, 20_000).tolist()]
    addresses = [0, 2**20 - 1, *rng.integers(0, 2**20, 20_000).tolist()]
    for key, address in zip(keys, addresses, strict=True):
        assert synapse_random(key, address) == naive_synapse(key, address)


@njit
def linear(key: int, address: int) -> int:
    """A planted fault: three xorshift steps without a carry, linear over GF(2)."""
    x = np.uint32(key ^ (address << 12))
    for _ in range(3):
        x = xorshift32(x)
    return np.int64(x) & 0xFF


@njit
def two_rounds(key: int, address: int) -> int:
    """A planted fault: the last of the three rounds is missing."""
    h = (address ^ key ^ (key >> 20)) & 0xFFFFF
    for k in (key, key >> 12):
        h = (h + ((h << 13) | (h >> 7))) & 0xFFFFF
        h = (h ^ ((h << 15) | (h >> 5)) ^ ((h << 11) | (h >> 9)) ^ k) & 0xFFFFF
    return h & 0xFF


@njit
def row_sums(
    draw: Hash, addresses: NDArray[np.int64], limits: NDArray[np.int64], ticks: int
) -> NDArray[np.int64]:
    """How often so many synapses of a row have a number below each limit, over ticks."""
    histogram = np.zeros((limits.size, addresses.size + 1), np.int64)
    x = np.uint32(2463534242)
    for _ in range(ticks):
        x = xorshift32(x)
        transmitted = np.zeros(limits.size, np.int64)
        for address in addresses:
            transmitted += draw(np.int64(x), address) < limits
        for which in range(limits.size):
            histogram[which, transmitted[which]] += 1
    return histogram


ROW = np.arange(256)
LIMITS = np.array([1, 64, 128, 230])
LAYOUTS = {
    "consecutive": ROW,
    "consecutive, far": ROW + 0x5A300,
    "multiples of 64": ROW * 64,
    "multiples of 256": ROW * 256,
    "multiples of 4096": ROW * 4096,
    "bits reversed": np.array([int(f"{a:020b}"[::-1], 2) for a in range(256)]),
}


def rows_fail(draw: Hash, addresses: NDArray[np.int64], ticks: int) -> list[str]:
    """Mean, variance and histogram of the sums of a row that are not the binomial law's."""
    n, alpha, wrong = addresses.size, ALPHA / (3 * LIMITS.size), []
    for limit, histogram in zip(LIMITS, row_sums(draw, addresses, LIMITS, ticks), strict=True):
        law = binom(n, limit / 256)
        deviation = np.arange(n + 1) - law.mean()
        mean, variance = histogram @ deviation / ticks, histogram @ deviation**2 / ticks
        kurtosis = float(law.stats(moments="k"))
        z = {
            "mean": mean / sqrt(law.var() / ticks),
            "variance": (variance / law.var() - 1) / sqrt((kurtosis + 2) / ticks),
        }
        wrong += [f"{name}: z = {z[name]}" for name in z if abs(z[name]) > norm.isf(alpha / 2)]
        if chi2_fails(histogram, ticks * law.pmf(np.arange(n + 1)), alpha):
            wrong.append("histogram")
    return wrong


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_sum_of_a_row_is_binomial(layout: str) -> None:
    assert rows_fail(synapse_random, LAYOUTS[layout], 1 << 16) == []


def test_a_linear_map_gives_wrong_sums() -> None:
    """What the numbers of synapses must not be: a linear map of key and address."""
    assert rows_fail(linear, ROW, 1 << 12) != []


@njit
def pairs(
    draw: Hash, n: int, flip_key: int, flip_address: int, next_tick: bool
) -> NDArray[np.int64]:
    """Joint counts of the numbers of two synapses or ticks, at random keys and addresses."""
    counts = np.zeros((256, 256), np.int64)
    x, y = np.uint32(1), np.uint32(2463534242)
    for _ in range(n):
        x, y = xorshift32(x), xorshift32(y)
        key, address = np.int64(x), np.int64(y) & 0xFFFFF
        other = np.int64(xorshift32(x)) if next_tick else key ^ flip_key
        counts[draw(key, address), draw(other, address ^ flip_address)] += 1
    return counts


FIRST, SECOND = np.divmod(np.arange(1 << 16), 256)


def pairs_fail(draw: Hash, n: int, *, alpha: float, **how: int) -> bool:
    """Whether both numbers, their XOR or their upper halves together are not uniform."""
    counts = pairs(draw, n, how.get("key", 0), how.get("address", 0), "tick" in how).ravel()
    return any(
        chi2_fails(np.bincount(group, counts), np.full(256, n / 256), alpha / 4)
        for group in (FIRST, SECOND, FIRST ^ SECOND, FIRST & 0xF0 | SECOND >> 4)
    )


NEIGHBOURS: list[dict[str, int]] = [
    *({"address": 1 << bit} for bit in range(20)),
    *({"address": ones} for ones in (3, 7, 0xFF, 0xFFFF, 0x10001, 0xFFFFF)),
    *({"key": 1 << bit} for bit in range(32)),
    *({"key": ones} for ones in (3, 7, 0xFF, 0xFFFFFFFF)),
    {"tick": 1},
    {"tick": 1, "address": 1},
]


def test_neighbouring_synapses_and_ticks_are_independent() -> None:
    alpha = ALPHA / len(NEIGHBOURS)
    wrong = [how for how in NEIGHBOURS if pairs_fail(synapse_random, 1 << 19, alpha=alpha, **how)]
    assert wrong == []


def test_dependent_neighbours_are_found() -> None:
    """With a round less, and with a linear map, whose pairs always differ by the same bits."""
    assert any(pairs_fail(two_rounds, 1 << 16, alpha=1e-9, **how) for how in NEIGHBOURS)
    assert pairs_fail(linear, 1 << 16, alpha=1e-9, address=1)


@njit
def flips(draw: Hash, n: int, bit: int) -> NDArray[np.int64]:
    """How often each bit of the number changes with one bit of key (0 .. 31) or address."""
    changed = np.zeros(8, np.int64)
    x, y = np.uint32(1), np.uint32(2463534242)
    for _ in range(n):
        x, y = xorshift32(x), xorshift32(y)
        key, address = np.int64(x), np.int64(y) & 0xFFFFF
        flipped = (1 << bit) if bit < 32 else 0
        other = draw(key ^ flipped, address ^ ((1 << bit) >> 32))
        difference = draw(key, address) ^ other
        for which in range(8):
            changed[which] += (difference >> which) & 1
    return changed


def worst_avalanche(draw: Hash, n: int) -> float:
    """The largest |z| of the counts of flips against one half of the draws."""
    z = [(flips(draw, n, bit) - n / 2) / sqrt(n / 4) for bit in range(52)]
    return float(np.abs(z).max())


def test_every_bit_of_key_and_address_changes_every_bit() -> None:
    limit = norm.isf(ALPHA / 2 / (52 * 8))
    assert worst_avalanche(synapse_random, 1 << 17) < limit
    assert worst_avalanche(two_rounds, 1 << 17) > 2 * limit
