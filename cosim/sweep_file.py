"""``rheobase sweep``: an experiment and what varies in it, from a TOML file, and how it went.

The file names an ``experiment``, built-in or a file beside it, and one of

- ``[grid]``: a list of values for each key; every combination, the last key fastest;
- ``[[list]]``: one point each;
- ``[monte_carlo]``: ``points``, a ``seed``, and ``vary``, a law for each key: ``{ normal = [mean,
  standard deviation] }``, ``{ uniform = [low, high] }`` or ``{ integers = [low, high] }``, both
  included. Point k draws its values in the order of the keys from a generator that is seeded by
  (seed, k), so that it is the same in a longer sweep.

A key such as "neuron.tau_m" or "stimulus.noisy.mu" leads to a value of the experiment; what stands
in a list of tables is named by its ``name``, or by its number from 1. Every point is checked like
an experiment file before the first one runs. All points together pass with the probability that
`verify` asks of a single run.
"""

import argparse
import copy
import hashlib
import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Printed

from ..models.stimulus import RecordedCurrent
from ..models.units import parse, unit_of
from .doctor import require
from .experiment import (
    BUILT_IN,
    Experiment,
    Positive,
    Seed,
    experiment_path,
    make_experiment,
)
from .network_experiment import BUILT_IN_NETWORKS, make_network, network_path
from .neuron_table import ExperimentError, Table, convert, read_toml
from .point_file import Record
from .preflight import needs
from .report import finite, results
from .sweep import Point, sweep
from .verify import CONFIDENCE, AnyExperiment, show_progress, verify

ROWS = 50  # of the printed table; the file has all
NAME = "results.jsonl"

Bounds = tuple[Any, Any]


class LawTable(Table, frozen=True):
    """How a value is drawn; exactly one of these."""

    normal: Bounds | None = None
    uniform: Bounds | None = None
    integers: tuple[int, int] | None = None


class MonteCarloTable(Table, frozen=True):
    """``[monte_carlo]``."""

    points: Positive
    vary: Annotated[dict[str, dict[str, Any]], msgspec.Meta(min_length=1)]
    seed: Seed = 1


class SweepFileTable(Table, frozen=True):
    """A whole file."""

    experiment: str
    grid: Annotated[dict[str, list[Any]], msgspec.Meta(min_length=1)] | None = None
    list: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(min_length=1)] | None = None
    monte_carlo: dict[str, Any] | None = None


@dataclass(frozen=True)
class Judge:
    """What runs on the workers: `verify` of the experiment in `path` with a point's values.

    `tables` are those of the file; `confidence` that of one point.
    """

    tables: dict[str, Any]
    path: Path
    confidence: float

    def experiment(self, point: Point) -> AnyExperiment:
        """The experiment of a point.

        Raises
        ------
        ExperimentError
            A key leads nowhere; a value is not allowed.
        """
        tables = copy.deepcopy(self.tables)
        for key, value in point.items():
            _put(tables, key, value)
        make = make_network if "population" in tables else make_experiment
        return make(tables, self.path)

    def __call__(self, point: Point) -> Record:
        """What ``results.json`` has of a run, but for its duration and where it ran."""
        run = verify([self.experiment(point)], lambda text: None, confidence=self.confidence)
        found: Record = finite(results(run))
        return {k: v for k, v in found.items() if k not in ("seconds", "provenance")}


def _put(tables: dict[str, Any], key: str, value: Any) -> None:
    """Replace, or add, the value that a key leads to."""
    *way, last = key.split(".")
    at: Any = tables
    for word in way:
        if isinstance(at, list):
            names = [str(each.get("name", "")) for each in at if isinstance(each, dict)]
            number = names.index(word) if word in names else int(word) - 1 if word.isdigit() else -1
            at = at[number] if 0 <= number < len(at) else None
        else:
            at = at.get(word)
        if not isinstance(at, dict | list):
            raise ExperimentError(f"{key}: the experiment has no {word!r}")
    if not isinstance(at, dict):
        raise ExperimentError(f"{key}: must name a value of one of its tables")
    at[last] = value


def _draw(law: dict[str, Any], rng: np.random.Generator) -> Any:
    """One value; a quantity in its SI unit, with all digits."""
    table: LawTable = convert(law, LawTable)
    given = {name: getattr(table, name) for name in law}
    if len(given) != 1:
        raise ValueError("give one of normal, uniform and integers")
    ((kind, (a, b)),) = given.items()
    if kind == "integers":
        if a > b:
            raise ValueError(f"integers = [{a}, {b}] must be [low, high]")
        return int(rng.integers(a, b, endpoint=True))
    unit = unit_of(a) if isinstance(a, str) else ""
    first, second = (parse(each, unit) if unit else _real(each) for each in (a, b))
    if kind == "uniform" and first > second:
        raise ValueError(f"uniform = [{a!r}, {b!r}] must be [low, high]")
    if kind == "normal" and second < 0:
        raise ValueError(f"normal = [{a!r}, {b!r}]: a standard deviation must be >= 0")
    drawn = rng.normal(first, second) if kind == "normal" else rng.uniform(first, second)
    return f"{drawn!r} {unit}" if unit else drawn


def _real(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} must be a number, as the other one is")
    return float(value)


def _drawn(data: dict[str, Any]) -> list[Point]:
    table: MonteCarloTable = convert(data, MonteCarloTable)
    points = []
    for number in range(table.points):
        rng = np.random.default_rng([table.seed, number])
        point = {}
        for key, law in table.vary.items():
            try:
                point[key] = _draw(law, rng)
            except (ValueError, TypeError) as error:
                raise ValueError(f"vary: {key}: {error}") from None
        points.append(point)
    return points


def read(path: Path) -> tuple[Judge, list[Point], str]:
    """What a sweep file asks for.

    Returns
    -------
    judge : Judge
    points : list of dict
        The values of each point by their keys.
    content : str
        All that the results depend on but the points.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake, and what is allowed.
    """
    data = read_toml(path)
    try:
        table: SweepFileTable = convert(data, SweepFileTable)
        ways = [w for w in ("grid", "list", "monte_carlo") if getattr(table, w) is not None]
        if len(ways) != 1:
            raise ValueError("give one of [grid], [[list]] and [monte_carlo]")
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{path}: {error}") from None
    try:
        if table.grid is not None:
            points = [dict(zip(table.grid, v, strict=True)) for v in product(*table.grid.values())]
            if not points:
                raise ValueError("a key has no values")
        else:
            points = list(table.list) if table.list else _drawn(table.monte_carlo or {})
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{path}: [{ways[0]}]: {error}") from None
    where = _experiment_path(table.experiment, path.parent)
    judge = Judge(read_toml(where), where, CONFIDENCE ** (1 / len(points)))
    content = hashlib.sha256(json.dumps(judge.tables, default=str).encode())
    for number, point in enumerate(points):
        try:
            experiment = judge.experiment(point)
        except (ValueError, TypeError) as error:
            raise ExperimentError(f"{path}: point {number}, {_words(point)}: {error}") from None
        for item in experiment.stimuli if isinstance(experiment, Experiment) else ():
            if isinstance(item.stimulus, RecordedCurrent):
                content.update(item.stimulus.t.tobytes() + item.stimulus.i.tobytes())
    return judge, points, content.hexdigest()


def _experiment_path(name: str, folder: Path) -> Path:
    if name in BUILT_IN:
        return experiment_path(name)
    return network_path(name) if name in BUILT_IN_NETWORKS else (folder / name).resolve()


def _words(point: Point) -> str:
    return ", ".join(f"{key} = {value}" for key, value in point.items())


def run(args: argparse.Namespace) -> int:
    """Run the sweep of a file, print how its points went; 1 unless all agree."""
    judge, points, content = read(args.file)
    for tool in needs([judge.experiment(point) for point in points]):
        require(tool, "rheobase sweep")
    file = args.output / NAME
    with show_progress(args.quiet) as progress:
        records = sweep(
            judge, points, file, workers=args.workers, cluster=args.cluster, content=content,
            progress=progress,
        )  # fmt: skip
    outcomes = [_outcome(record) for record in records]
    agreed = sum(outcome == "agree" for outcome in outcomes)
    if args.json:
        print(json.dumps({"points": len(points), "agree": agreed, "file": str(file)}))
    else:
        _print_table(records, outcomes)
        print(f"{agreed} of {len(points)} points agree; results: {file.resolve()}")
    return 0 if agreed == len(points) else 1


def _outcome(record: Record) -> str:
    return str(record["error"] if "error" in record else record["result"]["verdict"])


def _print_table(records: list[Record], outcomes: list[str]) -> None:
    keys = list(dict.fromkeys(key for record in records for key in record["parameters"]))
    table = Printed()
    for name in ("point", *keys, "verdict"):
        table.add_column(escape(name), overflow="fold")
    for record, outcome in list(zip(records, outcomes, strict=True))[:ROWS]:
        values = (str(record["parameters"].get(key, "")) for key in keys)
        table.add_row(*(escape(cell) for cell in (str(record["point"]), *values, outcome)))
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
    if len(records) > ROWS:
        print(f"({ROWS} of {len(records)} points; the file has all)")
