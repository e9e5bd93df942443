"""Run all proofs: ``python -m rheobase.hdl.formal`` prints what was proved; exit 1 unless all."""

import sys
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

from .proofs import PROOFS
from .sby import Proof, Verdict, prove

METHODS = {
    "inputs": "for all inputs",
    "induction": "for ever, induction of {depth} clocks",
    "bounded": "for {depth} clocks from the start",
}
NOT_COVERED = """\
Multiplications: that a datapath multiplies the right pieces of the right factors and adds the
products as it should is proved at full width; the multiplication of two pieces itself, and that the
product of sums is the sum of products, is not."""


def line(proof: Proof, verdict: Verdict) -> str:
    """One line of the table; after it the clocks of a counterexample."""
    how = METHODS[proof.method].format(depth=proof.depth)
    text = f"{verdict.result:8} {verdict.seconds:6.1f} s  {proof.name}: {how}"
    if verdict.failed:
        text += f"\n    not so: {', '.join(verdict.failed)}"
    for clock, values in enumerate(verdict.counterexample):
        text += f"\n    {clock}: {', '.join(f'{name} = {each}' for name, each in values.items())}"
    return text


def main() -> int:
    """Print a line for each proof, in their order."""
    proved = True
    with ThreadPoolExecutor(cpu_count()) as pool:
        for proof, verdict in zip(PROOFS, pool.map(prove, PROOFS), strict=True):
            print(line(proof, verdict), flush=True)
            proved &= verdict.result == "proved"
    print(NOT_COVERED)
    return 0 if proved else 1


if __name__ == "__main__":
    sys.exit(main())
