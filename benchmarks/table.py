"""One table for measured costs: each program's beside rheobase's, and their ratio."""

from collections.abc import Iterable
from dataclasses import dataclass

HEAD = f"{'case':36}{'program':22}{'cost':>9} {'unit':8}{'x ours':>8}{'asked':>7}  remark"


@dataclass(frozen=True)
class Cost:
    """What one program needs for a case; the first of a case is rheobase's.

    `asked` is the ratio to rheobase's cost that the project wants to reach.
    """

    case: str
    program: str
    cost: float
    unit: str
    asked: float | None = None
    remark: str = ""


def show(costs: Iterable[Cost]) -> None:
    """Print the costs as they come."""
    print(HEAD)
    case, ours = "", 1.0
    for each in costs:
        first = each.case != case
        if first:
            case, ours = each.case, each.cost
        asked = "" if each.asked is None else f"{each.asked:g}"
        ratio = "" if first else f"{each.cost / ours:.3g}"
        print(
            f"{each.case if first else '':36}{each.program:22}{each.cost:9.3g} {each.unit:8}"
            f"{ratio:>8}{asked:>7}  {each.remark}",
            flush=True,
        )
