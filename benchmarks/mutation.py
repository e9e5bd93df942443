"""How many planted faults the golden vectors catch, datapath by datapath.

    python benchmarks/mutation.py [KIND ...]

Yosys plants some 300 mutants into the Verilog of a datapath. A mutant is caught if any vector of
``tests/vectors`` that the datapath can run differs. What is left goes to a SAT solver: either it
equals the datapath for all inputs, or it is a survivor, which is listed. Minutes for each kind.
"""

import sys
import tempfile
from pathlib import Path

from rheobase.cosim import mutation
from rheobase.cosim.engines.pipeline import TOP, PipelineEngine
from rheobase.cosim.vectors.case import Case
from rheobase.cosim.vectors.check import alike, closed_loop, differences
from rheobase.cosim.vectors.file import read
from rheobase.hdl.neurons import datapath

VECTORS = Path(__file__).parents[1] / "tests" / "vectors"
KINDS = {
    "lif": ["rheobase_lif"],
    "loihi-lava": ["loihi_lava_bitacc", "rheobase_loihi_lava"],
    "loihi-nengo": ["loihi_nengo_emulator", "rheobase_loihi_nengo"],
    "truenorth": ["rheobase_truenorth"],
    "spinnaker": ["spinnaker_lif_arm", "rheobase_spinnaker"],
}
MUTANTS, SEED = 300, 2


def catches(engine: PipelineEngine, groups: list[list[Case]], mutant: int) -> bool:
    """Whether any vector differs."""
    for group in groups:
        done = closed_loop(lambda values: engine.run({**values, mutation.PORT: mutant}), group)
        if any(next(differences(case, done, row), None) for row, case in enumerate(group)):
            return True
    return False


def measure(name: str) -> None:
    cases = [case for file in KINDS[name] for case in read(VECTORS / f"{file}.json")]
    neuron = cases[-1].neuron  # ours: the modes that are delivered
    cases = [case for case in cases if case.neuron.modes == neuron.modes]
    groups = [[cases[number] for number in group] for group in alike(cases)]
    with tempfile.TemporaryDirectory() as folder:
        path = mutation.write(datapath(neuron), Path(folder))
        mutants = mutation.listed(path, TOP, MUTANTS, SEED)
        model = mutation.planted(path, TOP, mutants)
        engine = PipelineEngine.with_mutants(model, datapath(neuron))
        assert not catches(engine, groups, 0), "the datapath itself differs from the vectors"
        left = [k for k in range(1, len(mutants) + 1) if not catches(engine, groups, k)]
        constant = mutation.CONSTANT.get(name, {})
        alive = [k for k in left if not mutation.equivalent(path, TOP, mutants[k - 1], constant)]
    equal = len(left) - len(alive)
    faults = len(mutants) - equal
    caught = faults - len(alive)
    print(
        f"{name}: {len(cases)} vectors, {len(mutants)} mutants, {equal} equivalent,"
        f" {caught} of {faults} caught ({caught / faults:.1%})",
        flush=True,
    )
    for k in alive:
        print(f"    survives: {mutants[k - 1]}", flush=True)


if __name__ == "__main__":
    for kind in sys.argv[1:] or KINDS:
        measure(kind)
