"""The noise against its equations in plain Python, exact laws, and statistics.

Every statistical test has a fixed seed and would fail with probability ALPHA if its numbers were
ideal, shared evenly among its checks.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import product
from math import exp, factorial, inf, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.markov import solve
from rheobase.models.integer.noise import Noise, xorshift32
from tests.chi_squared import chi2_fails

ALPHA = 1e-4

# ------------------------------------------------------------------ the generator


def following(x: int) -> int:
    """The next word, in Python integers."""
    x ^= (x * 2**13) % 2**32
    x ^= x // 2**17
    return x ^ (x * 2**5) % 2**32


def words(n: int, x: int) -> list[int]:
    stream = [x]
    while len(stream) < n:
        stream.append(following(stream[-1]))
    return stream


def test_the_words_are_marsaglias() -> None:
    """Marsaglia 2003 prints the three that follow 2463534242; those after 1 are widely known."""
    assert words(4, 2463534242)[1:] == [723471715, 2497366906, 2064144800]
    assert words(5, 1)[1:] == [270369, 67634689, 2647435461, 307599695]
    stream = words(100_000, 1)
    assert [int(xorshift32(np.uint32(x))) for x in stream[:-1]] == stream[1:]


Rows = list[int]  # of a matrix over GF(2), as bits: row i says which bits make bit i

STEP: Rows = [sum(1 << j for j in range(32) if following(1 << j) >> i & 1) for i in range(32)]
IDENTITY: Rows = [1 << i for i in range(32)]


def composed(a: Rows, b: Rows) -> Rows:
    """First b, then a."""
    product = []
    for row in a:
        bits = 0
        while row:
            bits ^= b[(row & -row).bit_length() - 1]
            row &= row - 1
        product.append(bits)
    return product


def power(exponent: int) -> Rows:
    result, square = IDENTITY, STEP
    while exponent:
        if exponent & 1:
            result = composed(square, result)
        square = composed(square, square)
        exponent >>= 1
    return result


def test_period() -> None:
    """2**32 - 1 steps, and none of its largest divisors, lead back from every word."""
    period = 2**32 - 1
    assert 3 * 5 * 17 * 257 * 65537 == period
    assert power(period) == IDENTITY
    assert all(power(period // p) != IDENTITY for p in (3, 5, 17, 257, 65537))


def test_each_bit_is_made_of_three_earlier_ones_at_least() -> None:
    """As the head of the module says: none is a copy of one, or the XOR of two."""
    later = IDENTITY
    for _ in range(4096):
        later = composed(STEP, later)
        assert min(row.bit_count() for row in later) >= 3


# ------------------------------------------------------------------ integers of the words

NOISES = {
    "uniform": Noise("uniform", bits=5),
    "uniform, scaled": Noise("uniform", bits=16, weight=-12345, shift=9),
    "signed uniform": Noise("signed uniform", bits=8, weight=3),
    "one signed bit": Noise("signed uniform", bits=1, weight=-32768),
    "bernoulli": Noise.bernoulli(16384, weight=-20),
    "rare": Noise("count", tails=(1,), weight=32767),
    "poisson": Noise.poisson(1.5, weight=7),
    "count with gaps": Noise("count", tails=(65535, 40000, 40000, 40000, 1), weight=5, shift=1),
    "gaussian": Noise("gaussian"),
    "gaussian, scaled": Noise("gaussian", weight=181, shift=15),
}
each_noise = pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)


def twos_complement(bits: int, width: int) -> int:
    return bits - 2**width if bits >= 2 ** (width - 1) else bits


def naive(noise: Noise, x: int) -> int:
    """The integer of a word, from the equations at the head of the module."""
    low = x % 2**noise.bits
    if noise.kind == "uniform":
        draw = low
    elif noise.kind == "signed uniform":
        draw = twos_complement(low, noise.bits)
    elif noise.kind == "count":
        draw = len([tail for tail in noise.tails if tail > x % 2**16])
    else:
        draw = 2 + sum(twos_complement(byte, 8) for byte in x.to_bytes(4, "big"))
    return (draw * noise.weight + 2**noise.shift // 2) // 2**noise.shift


@each_noise
def test_the_stream_is_that_of_the_equations(noise: Noise) -> None:
    values, x = noise.run(100_000, 77)
    stream = words(100_001, 77)
    assert values.tolist() == [naive(noise, word) for word in stream[:-1]]
    assert x == stream[-1]


def test_a_run_in_pieces_is_the_run() -> None:
    noise = NOISES["poisson"]
    whole, x_end = noise.run(1000)
    pieces, x = [], 1
    for n in (1, 0, 400, 599):
        piece, x = noise.run(n, x)
        pieces += piece.tolist()
    assert whole.tolist() == pieces and x_end == x


@each_noise
def test_law(noise: Noise) -> None:
    """Counted over all that a word can do: 2**16 lower halves, or 2**32 sums of four bytes."""
    if noise.kind == "gaussian":
        halves = Counter(a + b for a, b in product(range(-128, 128), repeat=2))
        draws: Counter[int] = Counter()
        for (a, m), (b, n) in product(halves.items(), repeat=2):
            draws[2 + a + b] += m * n
        scaled = Noise("signed uniform", 16, weight=noise.weight, shift=noise.shift)
        counted: Counter[int] = Counter()
        for draw, ways in draws.items():
            counted[naive(scaled, draw % 2**16)] += ways
    else:
        counted = Counter(naive(noise, x) for x in range(2**16))
    law = noise.law
    total = sum(counted.values())
    assert law.values.tolist() == sorted(counted)
    assert [p * total for p in law.probabilities.tolist()] == pytest.approx(
        [counted[v] for v in sorted(counted)], rel=1e-15, abs=0
    )
    assert law.lost_mass == 0


@each_noise
def test_width_is_the_least(noise: Noise) -> None:
    low, high = noise.law.values[[0, -1]]
    half = 1 << (noise.width - 1)
    assert -half <= low and high < half
    assert low < -(half // 2) or high >= half // 2 or noise.width == 1


def test_gaussian_moments() -> None:
    law = Noise("gaussian").law
    assert law.probabilities.tolist() == law.probabilities[::-1].tolist()
    assert law.values.tolist() == (-law.values[::-1]).tolist()
    assert law.variance == pytest.approx(4 * (2**16 - 1) / 12, rel=1e-14)
    kurtosis = law.probabilities @ law.values**4.0 / law.variance**2 - 3
    assert kurtosis == pytest.approx(-0.3 * (2**16 + 1) / (2**16 - 1), rel=1e-12)
    assert f"{kurtosis:.5f} {sqrt(law.variance):.1f}" == "-0.30001 147.8"
    assert 510 / sqrt(law.variance) == pytest.approx(3.45, abs=0.005)


@pytest.mark.parametrize("mean", [2.0**-16, 0.01, 1.0, 4.0])
def test_poisson_tails_are_rounded_once(mean: float) -> None:
    law = Noise.poisson(mean, weight=3).law
    for k in range(1, 40):
        exact = sum(exp(-mean) * mean**j / factorial(j) for j in range(k, 80))
        tail = law.probabilities[law.values >= 3 * k].sum()
        assert abs(tail - exact) <= 2.0**-17 * (1 + 1e-9)


def law_fails(values: NDArray[np.int64], law: IntegerInput, alpha: float) -> bool:
    found, counts = np.unique(values, return_counts=True)
    where = np.searchsorted(law.values, found)
    every = np.zeros(law.values.size, np.int64)
    every[where] = counts
    return chi2_fails(every, law.probabilities * values.size, alpha)


@each_noise
def test_the_stream_follows_the_law(noise: Noise) -> None:
    values, _ = noise.run(1 << 21, 2463534242)
    assert set(np.unique(values)) <= set(noise.law.values)
    assert not law_fails(values, noise.law, ALPHA)


def test_a_wrong_law_is_found() -> None:
    """A probability that is off by 2**-8, and a mean that is off by a hundredth."""
    values, _ = Noise.bernoulli(16384).run(1 << 21, 2463534242)
    assert law_fails(values, Noise.bernoulli(16384 + 256).law, ALPHA)
    values, _ = Noise.poisson(1.0).run(1 << 21, 2463534242)
    assert law_fails(values, Noise.poisson(1.01).law, ALPHA)


def uncorrelated(values: NDArray[np.int64], law: IntegerInput, lags: Iterable[int]) -> bool:
    """Whether the serial covariances, times sqrt(n) / variance, are within normal bounds."""
    centred = (values - law.mean) / sqrt(law.variance)
    lags = list(lags)
    z = [centred[:-lag] @ centred[lag:] / sqrt(values.size - lag) for lag in lags]
    return bool(max(np.abs(z)) < norm.isf(ALPHA / 2 / len(lags)))


@pytest.mark.parametrize("name", ["signed uniform", "bernoulli", "poisson", "gaussian"])
def test_numbers_are_uncorrelated(name: str) -> None:
    noise = NOISES[name]
    values, _ = noise.run(1 << 21, 5)
    assert uncorrelated(values, noise.law, [*range(1, 33), 100, 256, 1000])
    with_repeats = np.where(np.arange(values.size) % 100 == 0, np.roll(values, 3), values)
    assert not uncorrelated(with_repeats, noise.law, range(1, 33))


@pytest.mark.parametrize("name", ["poisson", "gaussian, scaled"])
def test_a_driven_neuron_fires_as_the_exact_chain_says(name: str) -> None:
    """100 neurons that share one stream: the rate within the error of that many intervals."""
    neuron = IntegerLIF(10, threshold=60, refractory=2, leak="shift", leak_bits=3, v_reset=-9)
    noise = {
        "poisson": Noise.poisson(1.5, weight=5),
        "gaussian, scaled": Noise("gaussian", weight=15, shift=7),
    }[name]
    chain = solve(neuron, noise.law)
    values, _ = noise.run(100 * 50_000, 99)
    steps = 50_000 - 1000
    spikes = neuron.run(values.reshape(-1, 100)).spikes[0]
    count, expected = int((spikes >= 1000).sum()), 100 * steps * chain.rate
    z = (count - expected) / (chain.cv * sqrt(expected))
    assert count > 1000 and abs(z) < norm.isf(ALPHA / 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "pink"}, r"kind must be one of \('uniform', .*not 'pink'"),
        ({"kind": "uniform"}, r"bits must be in 1 \.\. 16, not 0"),
        ({"kind": "uniform", "bits": 17}, r"bits must be in 1 \.\. 16, not 17"),
        ({"kind": "gaussian", "bits": 4}, r"bits must be in 0 \.\. 0, not 4"),
        ({"kind": "gaussian", "weight": 32768}, r"weight must be in -32768 \.\. 32767, not 32768"),
        ({"kind": "gaussian", "shift": 16}, r"shift must be in 0 \.\. 15, not 16"),
        ({"kind": "count"}, r"tails must be 1 \.\. 15 numbers, not \(\)"),
        ({"kind": "count", "tails": (1,) * 16}, r"tails must be 1 \.\. 15 numbers"),
        ({"kind": "gaussian", "tails": (1,)}, r"tails must be 0 \.\. 0 numbers, not \(1,\)"),
        ({"kind": "count", "tails": (5, 6)}, r"tails must not increase: \(5, 6\)"),
        ({"kind": "count", "tails": (5, 0)}, r"tails must be in 1 \.\. 65535, not 0"),
        ({"kind": "count", "tails": (65536,)}, r"tails must be in 1 \.\. 65535, not 65536"),
    ],
)
def test_wrong_parameters_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Noise(**arguments)  # type: ignore[arg-type]


def test_wrong_types_and_states_are_named() -> None:
    with pytest.raises(TypeError, match=r"weight must be an integer, not 1\.5"):
        Noise("gaussian", weight=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"tails must be a tuple of integers, not \[3\]"):
        Noise("count", tails=[3])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n must be >= 0, not -1"):
        Noise("gaussian").run(-1)
    for x in (0, 2**32):
        with pytest.raises(ValueError, match=rf"x must be in 1 \.\. 4294967295, not {x}"):
            Noise("gaussian").run(1, x)
    for mean in (0.0, -1.0, inf, float("nan")):
        with pytest.raises(ValueError, match="mean must be > 0 and finite"):
            Noise.poisson(mean)
    for mean in (2.0**-18, 4.5):
        with pytest.raises(ValueError, match="mean must be so that"):
            Noise.poisson(mean)
