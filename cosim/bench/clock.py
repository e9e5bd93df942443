"""How costs are measured: programs take turns, and the best round of each counts.

So a machine that is busy for a while slows all alike, and what disturbs a round is left out.
"""

from collections.abc import Callable, Hashable, Mapping
from math import inf
from time import process_time
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def least(
    programs: Mapping[Name, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = process_time,
) -> dict[Name, float]:
    """The least time in s that each program takes in some rounds, by default CPU time.

    They are not run before, so what compiles at first is left out from two rounds on.
    """
    best = dict.fromkeys(programs, inf)
    for _ in range(rounds):
        for name, run in programs.items():
            start = clock()
            run()
            best[name] = min(best[name], clock() - start)
    return best
