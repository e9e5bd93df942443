# amaranth: UnusedElaboratable=no
"""The words of synapse memories."""

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
