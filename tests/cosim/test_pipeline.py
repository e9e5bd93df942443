# amaranth: UnusedElaboratable=no
"""Datapaths against their integer models, bit for bit; and what the engine must catch."""

from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module, Mux, Value

from rheobase.cosim.engines.pipeline import PipelineEngine
from rheobase.hdl.neurons import datapath
from rheobase.hdl.neurons.loihi import LoihiDatapath
from rheobase.hdl.pipeline import Datapath, Values
from rheobase.models.integer.loihi import Loihi
from tests.kinds import SORTS, Sort, random_fields, updated

UPDATES, BATCH = 10_000_000, 500_000  # UPDATES of each kind, in all its modes together


def differing(engine: PipelineEngine, sort: Sort, rng: np.random.Generator, n: int) -> int:
    """How many of `n` random updates differ in any field."""
    columns = random_fields(sort, rng, n)
    wanted, got = updated(sort.neuron, columns), engine.run(columns)
    assert got.keys() == wanted.keys()
    return int(np.any([got[name] != wanted[name] for name in wanted], axis=0).sum())


@pytest.mark.parametrize("name", SORTS)
def test_datapath_equals_the_integer_model(name: str) -> None:
    """Parameters, states and inputs over their whole ranges, one update per clock."""
    sort, rng = SORTS[name], np.random.default_rng(1)
    alike = sum(type(each.neuron) is type(sort.neuron) for each in SORTS.values())
    engine = PipelineEngine(datapath(sort.neuron))
    for _ in range(0, UPDATES // alike, BATCH):
        assert differing(engine, sort, rng, BATCH) == 0


class FloorDecay(LoihiDatapath):
    """Rounds down what is to be truncated toward zero."""

    def truncate(self, m: Module, f: Values) -> dict[str, Value]:
        return {f"{name}_decayed": (f[f"{name}_product"] >> 12)[:25].as_signed() for name in "uv"}


class OtherCompare(LoihiDatapath):
    """Fires at the threshold, not above it."""

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        return super().fire(m, {**f, "threshold": f["threshold"] - 1})


class LateWrap(LoihiDatapath):
    """Takes -2**23 for a legal current."""

    def lava_wrap(self, m: Module, f: Values) -> dict[str, Value]:
        u = super().lava_wrap(m, f)["u"]
        return {"u": Mux(f["u"] == -(1 << 23), f["u"], u)}


@pytest.mark.parametrize("fault", [FloorDecay, OtherCompare, LateWrap])
def test_faults_show(fault: type[LoihiDatapath]) -> None:
    sort = SORTS["loihi lava"]
    faulty: Datapath = fault(Loihi("lava", 0, 0, 1))
    assert differing(PipelineEngine(faulty), sort, np.random.default_rng(1), BATCH) > 0


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
