# amaranth: UnusedElaboratable=no
"""The words of synapse memories."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rheobase.hdl import verilog, yosys
from rheobase.hdl.core import Core
from rheobase.hdl.synapses import SparseRows
from rheobase.hdl.words import to_numbers
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses


def test_empty_rows_of_a_full_memory_have_no_words() -> None:
    """Behind the last word of a memory that is full there is no first word to point to."""
    network = Network([IntegerLIF(8, 9)] * 6, 3, Synapses([0], [2], [1]))
    rows = SparseRows(network, 2)
    assert len(rows.contents["weights"]) == 1
    counts = [row >> rows.row["count"].offset for row in to_numbers(rows.contents["rows"])]
    assert counts == [1, 0, 0]


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_rows_have_every_synapse_once(lanes: int) -> None:
    """Word by word: the row of an axon, its entries in each lane by target, then delay."""
    rng = np.random.default_rng(lanes)
    n, axons, slots, number = 11, 7, 8, 150
    axon, target = rng.integers(0, axons, number), rng.integers(0, n, number)
    weight, delay = rng.integers(-128, 128, number), rng.integers(0, slots - 1, number)
    synapses = Synapses(axon, target, weight, delay)
    rows = SparseRows(Network([IntegerLIF(8, 9)] * n, axons, synapses, slots=slots), 8, lanes)
    words, place_bits = to_numbers(rows.contents["weights"]), (-(-n // lanes) - 1).bit_length()
    first_bits, entry_bits = (len(words) - 1).bit_length(), 8 + place_bits + 3
    begin = 0
    for k, row in enumerate(to_numbers(rows.contents["rows"])):
        lane_of: dict[int, list[tuple[int, int, int]]] = {lane: [] for lane in range(lanes)}
        for a, j, w, d in zip(axon, target, weight, delay, strict=True):
            if a == k:
                lane_of[int(j) % lanes].append((int(j) // lanes, int(d), int(w)))
        count = max(len(entries) for entries in lane_of.values())
        assert (row % (1 << first_bits), row >> first_bits) == (begin, count)
        for lane, entries in lane_of.items():
            found = [
                word >> lane * entry_bits & (1 << entry_bits) - 1 for word in words[begin:][:count]
            ]
            wanted = [w % 256 | place << 8 | d << 8 + place_bits for place, d, w in entries] + [
                0
            ] * (count - len(entries))
            assert sorted(found) == sorted(wanted)
            assert [e >> 8 & (1 << place_bits) - 1 for e in found][: len(entries)] == sorted(
                place for place, _, _ in entries
            )
        begin += count
    assert begin == len(words)
    met = Counter(zip(axon.tolist(), target.tolist(), delay.tolist(), strict=True))
    assert rows.joint == max(met.values()) > 1


def test_a_memory_that_starts_empty_takes_no_text() -> None:
    """A million synapses: 4 MB of contents, and a circuit of some hundred lines."""
    number, n = 1 << 20, 1 << 10
    axon, target = np.divmod(np.arange(number), n)
    network = Network([IntegerLIF(16, 9)] * n, n, Synapses(axon, target, target % 9), loop=0)
    core = Core(network, filled=False)
    assert core.contents["weights"].nbytes == 4 * number
    text = yosys.load(core, "core")
    assert len(text) < 2_000_000
    assert f"memory width {core.rows.word.size} size {number}" in text


def test_what_starts_empty_cannot_be_delivered(tmp_path: Path) -> None:
    network = Network([IntegerLIF(8, 9)] * 12, 3, Synapses([0, 1], [2, 3], [1, 1]))
    with pytest.raises(ValueError, match="circuit must be filled"):
        verilog.write(tmp_path / "core", Core(network, filled=False), "core")
    assert not (tmp_path / "core").exists()
