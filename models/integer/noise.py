"""Noise that a circuit can make: a stream of words, an integer of each, a number per synapse.

The words are Marsaglia's xorshift generator (2003, J. Stat. Softw. 8(14), shifts 13, 17, 5)::

    x ^= x << 13;  x ^= x >> 17;  x ^= x << 5        (32 bits; what is shifted out is lost)

Every word but 0 comes once in the period of 2**32 - 1. The generator is linear over GF(2): each
bit of a later word is the XOR of some bits of the present one, of at least three for the next 4096
words. So two different bits are independent over the period, and numbers that are sums of bits (a
uniform, a sum of bytes) are uncorrelated along the stream. What does not hold:

- a word determines all that follow, and parities of many bits obey linear relations, so that tests
  of the rank of binary matrices fail;
- all seeds run through one cycle and differ only in where they begin;
- a word with few ones is followed by words with few: the seed 1 begins 1, 270369, 67634689.

It serves for one number per update, not for many numbers made of one word: a linear map of one
word and many addresses gives sums over the addresses that vary far too little.

A `Noise` makes one integer of each word x::

    kind = "uniform":         draw = x mod 2**bits
    kind = "signed uniform":  draw = the same bits, as two's complement
    kind = "count":           draw = how many of `tails` exceed x mod 2**16
    kind = "gaussian":        draw = 2 + the sum of the four bytes of x, each as two's complement

    value = (draw * weight + h) >> shift,   h = 2**(shift-1), or 0 for shift 0      (>> is floor)

So "count" has P(draw >= k) = tails[k-1] / 2**16: one entry makes Bernoulli numbers, the tails of
Poisson's law make its numbers. "gaussian" is symmetric in -510 .. 510, with variance
4 (2**16 - 1) / 12 = 21845 (standard deviation 147.8) and excess kurtosis
-(3/10) (2**16 + 1) / (2**16 - 1) = -0.30001; nothing lies beyond 3.45 standard deviations.

`synapse_random` makes a number of 8 bits for a synapse in a tick, the same in whichever order the
synapses are asked. The tick's `key` is a word of the generator, `address` has 20 bits, and so has
all of the following (<<< rotates to the left)::

    h = address ^ key ^ (key >> 20)
    for k = key, key >> 12, 0:   h += h <<< 13;   h ^= (h <<< 15) ^ (h <<< 11) ^ k
    number = h mod 2**8

The carries of the additions make it nonlinear over GF(2); a synapse of probability p / 256
transmits if number < p. It is found by trial, not proved: the probabilities of a pair of numbers
(two addresses, or two keys, that differ in given bits) were within 0.4 % rms of those of
independent numbers for every difference tried. Two ticks with keys that differ in their upper 12
bits only, one pair of ticks in 2**20, draw related numbers at addresses that differ likewise. The
variance of the sum over 2**16 addresses was the binomial law's within 3 %, that over all 2**20
twice as large.
"""

from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import gammainc

from .input import IntegerInput
from .kind import check_parameters, wrap

KINDS = ("uniform", "signed uniform", "count", "gaussian")
MOST_COUNTS = 15
ADDRESS_BITS = 20  # of a synapse


@dataclass(frozen=True)
class Noise:
    """One integer per update; the equations are at the head of this module.

    Parameters
    ----------
    kind : {"uniform", "signed uniform", "count", "gaussian"}
    bits : int
        Of the uniform kinds: 1 .. 16; 0 for the others.
    tails : tuple of int
        Of "count": 1 to 15 numbers in 1 .. 65535, none larger than the one before it; empty for
        the others.
    weight : int
        -32768 .. 32767.
    shift : int
        0 .. 15.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """

    kind: Literal["uniform", "signed uniform", "count", "gaussian"]
    bits: int = 0
    tails: tuple[int, ...] = ()
    weight: int = 1
    shift: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, not {self.kind!r}")
        uniform, count = self.kind in KINDS[:2], self.kind == "count"
        check_parameters(
            self,
            {
                "bits": (1, 16) if uniform else (0, 0),
                "weight": (-(1 << 15), (1 << 15) - 1),
                "shift": (0, 15),
            },
        )
        if not isinstance(self.tails, tuple) or any(type(tail) is not int for tail in self.tails):
            raise TypeError(f"tails must be a tuple of integers, not {self.tails!r}")
        least, most = (1, MOST_COUNTS) if count else (0, 0)
        if not least <= len(self.tails) <= most:
            raise ValueError(f"tails must be {least} .. {most} numbers, not {self.tails}")
        if list(self.tails) != sorted(self.tails, reverse=True):
            raise ValueError(f"tails must not increase: {self.tails}")
        for tail in self.tails:
            if not 1 <= tail < 1 << 16:
                raise ValueError(f"tails must be in 1 .. 65535, not {tail}")

    @classmethod
    def bernoulli(cls, probability: int, weight: int = 1) -> "Noise":
        """`weight` with a probability of 1 .. 65535 in 2**16, else 0."""
        return cls("count", tails=(probability,), weight=weight)

    @classmethod
    def poisson(cls, mean: float, weight: int = 1) -> "Noise":
        """`weight` times a Poisson number, each tail of its law rounded to 2**-16.

        Parameters
        ----------
        mean : float
            From 2**-16; at most about 4, where 16 events have a probability below 2**-17.

        Raises
        ------
        ValueError
            A mean of which the tails do not fit.
        """
        if not 0 < mean < inf:
            raise ValueError(f"mean must be > 0 and finite, not {mean}")
        tails = [round(65536 * float(gammainc(k, mean))) for k in range(1, MOST_COUNTS + 2)]
        if tails[0] == 0 or tails[-1] > 0:
            raise ValueError(
                f"mean must be so that P(1 or more) and P(at most {MOST_COUNTS}) do not round to 0"
                f" and to less than 1 in 2**16, not {mean}"
            )
        return cls("count", tails=tuple(tail for tail in tails if tail > 0), weight=weight)

    @property
    def law(self) -> IntegerInput:
        """The exact law of the values, for a word that is uniform over all 2**32.

        The generator leaves out the word 0 only, which changes no probability by more than
        2**-32.
        """
        if self.kind == "count":
            draws = np.arange(len(self.tails) + 1)
            ways = -np.diff([1 << 16, *self.tails, 0])
        elif self.kind == "gaussian":
            byte = np.ones(256, np.int64)
            draws = np.arange(-510, 511)
            ways = np.convolve(np.convolve(byte, byte), np.convolve(byte, byte))
        else:
            first = -(1 << (self.bits - 1)) if self.kind == "signed uniform" else 0
            draws = np.arange(first, first + (1 << self.bits))
            ways = np.ones(draws.size, np.int64)
        values, where = np.unique(_scaled(draws, self.weight, self.shift), return_inverse=True)
        p = np.bincount(where, ways) / ways.sum()
        return IntegerInput(values[p > 0], p[p > 0])

    @property
    def width(self) -> int:
        """Bits of the value, as a signed number."""
        ends = (int(self.law.values[0]), int(self.law.values[-1]))
        return 1 + max((v if v >= 0 else ~v).bit_length() for v in ends)

    def run(self, n: int, x: int = 1) -> tuple[NDArray[np.int64], int]:
        """The integers of `n` updates.

        An update makes its integer of the present word and then advances the generator.

        Parameters
        ----------
        n : int
            >= 0.
        x : int
            The word before the first update, 1 .. 2**32 - 1.

        Returns
        -------
        values : ndarray of int64, shape (n,)
        x : int
            The word after the last update, with which the stream goes on.

        Raises
        ------
        ValueError
            `n` or `x` out of range.
        """
        if n < 0:
            raise ValueError(f"n must be >= 0, not {n}")
        if not 1 <= x < 1 << 32:
            raise ValueError(f"x must be in 1 .. {2**32 - 1}, not {x}")
        draws = np.empty(n, np.int64)
        tails = np.array(self.tails, np.int64)
        x_end = _draws(KINDS.index(self.kind), self.bits, tails, np.uint32(x), draws)
        return _scaled(draws, self.weight, self.shift), int(x_end)


def _scaled(draws: NDArray[np.int64], weight: int, shift: int) -> NDArray[np.int64]:
    """The draws times `weight` / 2**`shift`, halves rounded up."""
    return (draws * weight + ((1 << shift) >> 1)) >> shift


@njit(cache=True)
def xorshift32(x: np.uint32) -> np.uint32:
    """The word that follows `x`."""
    x ^= np.uint32(x << np.uint32(13))
    x ^= x >> np.uint32(17)
    x ^= np.uint32(x << np.uint32(5))
    return x


def words(x: int, n: int) -> NDArray[np.int64]:
    """The first `n` words of the generator, from the seed `x` on."""
    out = np.empty(n, np.int64)
    _fill(np.uint32(x), out)
    return out


@njit(cache=True)
def _fill(x: np.uint32, out: NDArray[np.int64]) -> None:
    for j in range(out.size):
        out[j] = x
        x = xorshift32(x)


@njit(cache=True)
def _draws(
    kind: int, bits: int, tails: NDArray[np.int64], x: np.uint32, out: NDArray[np.int64]
) -> np.uint32:
    """Fill `out` with draws; returns the generator."""
    for j in range(out.size):
        word = int(np.int64(x))  # signed, or negative draws would wrap
        if kind == 0:
            out[j] = word & ((1 << bits) - 1)
        elif kind == 1:
            out[j] = wrap(word, bits)
        elif kind == 2:
            count = 0
            for tail in tails:
                count += (word & 0xFFFF) < tail
            out[j] = count
        else:
            total = 2
            for lowest in range(0, 32, 8):
                total += wrap(word >> lowest, 8)
            out[j] = total
        x = xorshift32(x)
    return x


@njit(cache=True)
def synapse_random(key: int, address: int) -> int:
    """The number, 0 .. 255, of the synapse `address` (20 bits) in the tick of `key` (32 bits)."""
    h = (address ^ key ^ (key >> 20)) & 0xFFFFF
    for k in (key, key >> 12, 0):
        h = (h + _rotated(h, 13)) & 0xFFFFF
        h = (h ^ _rotated(h, 15) ^ _rotated(h, 11) ^ k) & 0xFFFFF
    return h & 0xFF


@njit(cache=True)
def _rotated(h: int, places: int) -> int:
    """20 bits, rotated to the left."""
    return ((h << places) | (h >> (20 - places))) & 0xFFFFF
