# amaranth: UnusedElaboratable=no
"""A sample of the faults that ``benchmarks/mutation.py`` plants: vectors catch what is one."""

import re
from pathlib import Path

import pytest

from rheobase.cosim import correspondence, mutation, network_runs
from rheobase.cosim.engines import network
from rheobase.cosim.engines.pipeline import TOP, PipelineEngine
from rheobase.cosim.vectors.check import closed_loop, differences
from rheobase.cosim.vectors.file import read
from rheobase.hdl import core, emit
from rheobase.hdl.neurons import datapath
from rheobase.hdl.neurons.kinds import KINDS

VECTORS = Path(__file__).parents[1] / "vectors" / "rheobase_truenorth.json"
MUTANTS, SEED = 40, 3


def test_mutants_are_caught_or_none(tmp_path: Path) -> None:
    """Each differs from the vectors, or a SAT solver proves that it is no fault."""
    cases = read(VECTORS)
    path = mutation.write(datapath(cases[0].neuron), tmp_path)
    mutants = mutation.listed(path, TOP, MUTANTS, SEED)
    assert len(mutants) > MUTANTS // 2
    model = mutation.planted(path, TOP, mutants)
    engine = PipelineEngine.with_mutants(model, datapath(cases[0].neuron))

    def caught(number: int) -> bool:
        done = closed_loop(lambda v: engine.run({**v, mutation.PORT: number}), cases)
        return any(next(differences(c, done, row), None) for row, c in enumerate(cases))

    assert not caught(0)
    left = [text for number, text in enumerate(mutants, 1) if not caught(number)]
    assert [text for text in left if not mutation.equivalent(path, TOP, text, {})] == []
    assert len(left) < len(mutants) // 2
    a_fault = next(text for text in mutants if text not in left)
    assert not mutation.equivalent(path, TOP, a_fault, {})


def test_mutants_of_the_network_core_are_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three in four of a sample at least; the others are for a solver, which takes long."""
    monkeypatch.setattr(core, "COUNTER", 8)
    runs, circuit = network_runs.runs(12, SEED), network_runs.core()
    assert sum(run.spikes[0].size for run in runs) > 1000
    assert all(max(getattr(run, name) for run in runs) > 255 for name in ("dropped", "saturated"))
    path = emit.convert(circuit, network.TOP).write(tmp_path)
    mutants = mutation.listed(path, network.TOP, MUTANTS, SEED)
    model = mutation.planted(path, network.TOP, mutants)
    engine = network.NetworkEngine.with_mutants(model, circuit)
    own = network.NetworkEngine(network_runs.core())
    wanted = [(run, run.pace(own)) for run in runs]
    assert all(pace is not None for _, pace in wanted)
    numbers = range(len(mutants) + 1)  # 0 is none
    left = [k for k in numbers if all(run.pace(engine, k) == pace for run, pace in wanted)]
    assert left[0] == 0 and len(left) < len(mutants) / 4
    a_fault = next(text for number, text in enumerate(mutants, 1) if number not in left)
    assert not correspondence.equivalent(path, network.TOP, a_fault)


@pytest.mark.parametrize("name", mutation.CONSTANT)
def test_constant_bits_are_constant(name: str) -> None:
    """In the neurons on which delivered datapaths are tested."""
    for bits, value in mutation.CONSTANT[name].items():
        register, high, low = re.fullmatch(r"i_(\w+)\[(\d+):?(\d*)\]", bits).groups()  # type: ignore[union-attr]
        for neuron in KINDS[name]:
            word = neuron.registers[register] >> int(low or high)
            assert word & ((1 << len(value)) - 1) == int(value, 2)


def test_bits_that_are_known_are_no_fault_if_they_are_stuck(tmp_path: Path) -> None:
    """Also where the register of such a bit is stuck, whatever it starts with."""
    (tmp_path / "top.v").write_text(
        "module top(input clk, input [1:0] i_a, output reg [1:0] o_a);"
        " reg [1:0] held = 0; initial o_a = 0;"
        " always @(posedge clk) begin held <= i_a; o_a <= held; end endmodule"
    )
    mutants = mutation.listed(tmp_path / "top.v", "top", 200, 1)
    stuck = [m for m in mutants if re.search(r"const. .*\$procdff\S+ -port Q -portbit 0", m)]
    assert len(stuck) == 4
    for mutant in stuck:
        proved = mutation.equivalent(tmp_path / "top.v", "top", mutant, {"i_a[0]": "1"})
        assert proved == ("const1" in mutant), mutant
