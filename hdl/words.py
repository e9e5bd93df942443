"""Words of memories as arrays: each in chunks of 32 bits, the lowest first.

So a word may have any number of bits, and millions of words take no more memory than their bits.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib.data import StructLayout
from numpy.typing import NDArray

Words = NDArray[np.uint32]  # of shape (words, chunks)


def blank(number: int, width: int) -> Words:
    """This many words of 0 with `width` bits."""
    return np.zeros((number, max(1, -(-width // 32))), np.uint32)


def put(words: Words, at: NDArray[np.integer] | slice, offset: int, fields: Words) -> None:
    """Put narrower words, whose bits are free there, into the words `at`, from a bit on."""
    first, shift = divmod(offset, 32)
    for number, chunk in enumerate(fields.T):
        words[at, first + number] |= chunk << np.uint32(shift)
        if shift and first + number + 1 < words.shape[1]:
            words[at, first + number + 1] |= chunk >> np.uint32(32 - shift)


def packed(layout: StructLayout, columns: Mapping[str, NDArray[np.integer]]) -> Words:
    """Words of a layout from the values of its fields, of which only the lowest bits count."""
    words = blank(next(iter(columns.values())).size, layout.size)
    for name, field in layout:
        width = Shape.cast(field.shape).width
        values = columns[name].astype(np.int64).view(np.uint64)
        for bit in range(0, width, 32):
            mask = np.uint64((1 << min(32, width - bit)) - 1)
            chunk = (values >> np.uint64(bit) & mask).astype(np.uint32)
            put(words, slice(None), field.offset + bit, chunk[:, None])
    return words


def from_numbers(numbers: Iterable[int], width: int) -> Words:
    """Numbers >= 0 as words of `width` bits."""
    size = blank(1, width).shape[1]
    data = b"".join(number.to_bytes(4 * size, "little") for number in numbers)
    return np.frombuffer(data, "<u4").astype(np.uint32).reshape(-1, size)


def to_numbers(words: Words) -> list[int]:
    """Words as numbers."""
    return [int.from_bytes(word.tobytes(), "little") for word in words.astype("<u4")]
