"""The rows that benchmarks yield, and the one table that they become.

The first `Cost` of a case is rheobase's; those of other programs are divided by it. So a ratio
above one is what rheobase saves, and it is met where it is at least as large as was asked.
"""

from dataclasses import asdict, dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Cost:
    """What one program needs for a case; the first of a case is rheobase's.

    `asked` is the ratio to rheobase's cost that the project wants to reach.
    """

    HEAD: ClassVar[str] = (
        f"{'case':36}{'program':24}{'cost':>9} {'unit':10}"
        f"{'x ours':>8}{'asked':>7} {'met':4} remark"
    )

    case: str
    program: str
    cost: float
    unit: str
    asked: float | None = None
    remark: str = ""


@dataclass(frozen=True)
class Pace:
    """How fast a substrate lives.

    Attributes
    ----------
    substrate : str
    neurons : int, optional
        None: it is not known, or any number takes as long.
    simulation : float, optional
        Biological seconds per wall-clock second of its simulation.
    hardware : float, optional
        Biological seconds per second of the hardware itself.
    known : str
        How both are known.
    """

    HEAD: ClassVar[str] = (
        f"{'substrate':28}{'neurons':>8}{'bio s/s, simulated':>20}{'the hardware':>14}"
        "  how it is known"
    )

    substrate: str
    neurons: int | None
    simulation: float | None
    hardware: float | None
    known: str


@dataclass(frozen=True)
class LeftOut:
    """A program that is not here, and how it comes here."""

    program: str
    reason: str


@dataclass(frozen=True)
class Failed:
    """A benchmark that broke off."""

    benchmark: str
    error: str


Row = Cost | Pace | LeftOut | Failed


@dataclass
class Table:
    """Rows, printed as they come if they are to be `shown`; `rows` keeps all that JSON has."""

    shown: bool = True
    rows: list[dict[str, object]] = field(default_factory=list)
    _benchmark: str = ""
    _head: str = ""
    _case: str = ""
    _ours: float = 1.0

    def begin(self, benchmark: str) -> None:
        """Name the benchmark that is measured now."""
        self._benchmark, self._case = benchmark, ""
        self._print(f"[{benchmark}]")

    def add(self, row: Row) -> None:
        """Take a row."""
        about: dict[str, object] = {"benchmark": self._benchmark, "row": type(row).__name__}
        about |= asdict(row)
        match row:
            case Cost():
                self._top(row.HEAD)
                about |= self._compared(row)
            case Pace():
                self._top(row.HEAD)
                neurons = "" if row.neurons is None else row.neurons
                self._print(
                    f"{row.substrate:28}{neurons:>8}{_number(row.simulation):>20}"
                    f"{_number(row.hardware):>14}  {row.known}"
                )
            case LeftOut():
                self._print(f"{row.program} is left out: {row.reason}")
            case Failed():
                self._print(f"{row.benchmark} FAILED: {row.error}")
        self.rows.append(about)

    def _compared(self, row: Cost) -> dict[str, object]:
        """Print a cost; its ratio to rheobase's, and whether that is what was asked."""
        first = row.case != self._case
        if first:
            self._case, self._ours = row.case, row.cost
        ratio = None if first else row.cost / self._ours
        met = None if ratio is None or row.asked is None else ratio >= row.asked
        shown = "" if met is None else "yes" if met else "NO"
        self._print(
            f"{row.case if first else '':36}{row.program:24}{row.cost:9.3g} {row.unit:10}"
            f"{_number(ratio):>8}{_number(row.asked):>7} {shown:4} {row.remark}"
        )
        return {"ratio": ratio, "met": met}

    def _top(self, head: str) -> None:
        """Print the heads of the columns where they change."""
        if head != self._head:
            self._head = head
            self._print(head)

    def _print(self, line: str) -> None:
        if self.shown:
            print(line.rstrip(), flush=True)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
