# amaranth: UnusedElaboratable=no
"""Datapaths against their integer models, bit for bit; and what the engine refuses."""

from pathlib import Path

import numpy as np
import pytest

from rheobase.cosim.engines.pipeline import PipelineEngine
from rheobase.hdl.neurons import datapath
from rheobase.models.integer.loihi import Loihi
from tests.kinds import SORTS, differing

UPDATES, BATCH = 10_000_000, 500_000  # UPDATES of each kind, in all its modes together


@pytest.mark.parametrize("name", SORTS)
def test_datapath_equals_the_integer_model(name: str) -> None:
    """Parameters, states and inputs over their whole ranges, one update per clock."""
    sort, rng = SORTS[name], np.random.default_rng(1)
    alike = sum(type(each.neuron) is type(sort.neuron) for each in SORTS.values())
    update = PipelineEngine(datapath(sort.neuron)).run
    for _ in range(0, UPDATES // alike, BATCH):
        assert differing(update, sort, rng, BATCH) == 0


def test_fields_must_be_all_there() -> None:
    engine = PipelineEngine(datapath(Loihi("lava", 0, 0, 1)))
    with pytest.raises(ValueError, match=r"^values must be u, v, i, .*, not u$"):
        engine.run({"u": 0})


def test_verilog_without_the_ports_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "other.v"
    source.write_text(
        "module other(input clk, input [3:0] i_u, output o); assign o = clk; endmodule\n"
    )
    with pytest.raises(ValueError, match=r"other\.v lacks ports of rheobase's datapath: i_u "):
        PipelineEngine.from_verilog(source, datapath(Loihi("lava", 0, 0, 1)))
