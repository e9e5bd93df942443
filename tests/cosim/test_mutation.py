# amaranth: UnusedElaboratable=no
"""A sample of the faults that ``benchmarks/mutation.py`` plants: vectors catch what is one."""

from pathlib import Path

from rheobase.cosim import mutation
from rheobase.cosim.engines.pipeline import TOP, PipelineEngine
from rheobase.cosim.vectors.check import closed_loop, differences
from rheobase.cosim.vectors.file import read
from rheobase.hdl.neurons import datapath

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
