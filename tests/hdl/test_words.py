"""Words in chunks of 32 bits against Python's numbers."""

from random import Random

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned
from amaranth.lib.data import StructLayout

from rheobase.hdl.words import blank, from_numbers, packed, put, to_numbers


@pytest.mark.parametrize("seed", range(20))
def test_fields_lie_where_the_layout_says(seed: int) -> None:
    """Of 0 to 64 bits, across the borders of chunks; a value's upper bits are cut off."""
    rng = Random(seed)
    widths = [rng.choice([0, 1, rng.randint(1, 64), 32, 31, 33]) for _ in range(rng.randint(1, 6))]
    layout = StructLayout({f"f{k}": signed(w) if w else unsigned(0) for k, w in enumerate(widths)})
    columns = {
        name: [rng.randint(-(1 << 63), (1 << 63) - 1) for _ in range(5)] for name, _ in layout
    }
    wanted = [0] * 5
    for name, field in layout:
        for k, value in enumerate(columns[name]):
            wanted[k] |= value % (1 << field.width) << field.offset
    words = packed(layout, {name: np.array(values) for name, values in columns.items()})
    assert words.shape == (5, max(1, (layout.size + 31) // 32))
    assert to_numbers(words) == wanted


@pytest.mark.parametrize("width", [1, 31, 32, 33, 70])
@pytest.mark.parametrize("offset", [0, 5, 31, 32, 40])
def test_narrow_words_are_put_into_wide_ones(width: int, offset: int) -> None:
    rng = Random(width * 100 + offset)
    narrow = [rng.getrandbits(width) for _ in range(3)]
    words = blank(9, offset + width)
    put(words, np.array([4, 0, 7]), offset, from_numbers(narrow, width))
    wanted = [0] * 9
    wanted[4], wanted[0], wanted[7] = (value << offset for value in narrow)
    assert to_numbers(words) == wanted
