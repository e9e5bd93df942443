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
from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from ..models.stimulus import RecordedCurrent
from ..models.units import parse, unit_of
from .doctor import require
from .experiment import BUILT_IN, Experiment, experiment_path, make_experiment
from .network_experiment import BUILT_IN_NETWORKS, make_network, network_path
from .point_file import Record
from .preflight import needs
from .report import finite, results
from .sweep import Point, sweep
from .tables import ExperimentError, Positive, Seed, Table, convert, read_toml
from .verify import CONFIDENCE, AnyExperiment, show_progress, verify

MOST_SHOWN = 20  # points that do not agree; the file has all

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


class SweepTable(Table, frozen=True):
    """A whole file."""

    experiment: str
    grid: Annotated[dict[str, list[Any]], msgspec.Meta(min_length=1)] | None = None
    list: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(min_length=1)] | None = None
    monte_carlo: dict[str, Any] | None = None


@dataclass(frozen=True)
class Judge:
    """What runs on the workers: `verify` of an experiment with a point's values.

    Attributes
    ----------
    tables : dict
        Those of the experiment's file.
    path : Path
        That file.
    confidence : float
        Of one point.
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


@dataclass(frozen=True)
class Plan:
    """What a sweep file asks for.

    Attributes
    ----------
    judge : Judge
    points : list of dict
        The values of each point by their keys.
    content : str
        A digest of all that the results depend on but the points.
    tools : list of str
        Those that the experiments need, as `doctor` names them.
    """

    judge: Judge
    points: list[Point]
    content: str
    tools: list[str]


def _put(tables: dict[str, Any], key: str, value: Any) -> None:
    """Replace, or add, the value that a key leads to."""
    *way, last = key.split(".")
    at: Any = tables
    for word in way:
        if isinstance(at, list):
            named = {each["name"]: each for each in at if isinstance(each, dict) and "name" in each}
            at = {str(number): each for number, each in enumerate(at, 1)} | named
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
    unit = unit_of(a) if isinstance(a, str) else ""
    first, second = (parse(each, unit) for each in (a, b)) if unit else (a, b)
    if not all(isinstance(each, float | int) for each in (first, second)):
        raise ValueError(f"{kind} = [{a!r}, {b!r}] must be two numbers or two quantities")
    if kind == "normal":
        if second < 0:
            raise ValueError(f"normal = [{a!r}, {b!r}]: a standard deviation must be >= 0")
        drawn = rng.normal(first, second)
    elif first > second:
        raise ValueError(f"{kind} = [{a!r}, {b!r}] must be [low, high]")
    elif kind == "uniform":
        drawn = rng.uniform(first, second)
    else:
        return int(rng.integers(a, b, endpoint=True))
    return f"{drawn!r} {unit}" if unit else drawn


def _drawn(data: dict[str, Any]) -> list[Point]:
    table: MonteCarloTable = convert(data, MonteCarloTable)
    points = []
    for number in range(table.points):
        rng, point = np.random.default_rng([table.seed, number]), {}
        for key, law in table.vary.items():
            try:
                point[key] = _draw(law, rng)
            except (ValueError, TypeError) as error:
                raise ValueError(f"vary: {key}: {error}") from None
        points.append(point)
    return points


def _points(data: dict[str, Any], table: SweepTable) -> list[Point]:
    ways = [way for way in ("grid", "list", "monte_carlo") if way in data]
    if len(ways) != 1:
        raise ValueError("give one of [grid], [[list]] and [monte_carlo]")
    try:
        if table.list is not None:
            return list(table.list)
        if table.monte_carlo is not None:
            return _drawn(table.monte_carlo)
        grid = table.grid or {}
        points = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
        if not points:
            raise ValueError("a key has no values")
        return points
    except (ValueError, TypeError) as error:
        raise ValueError(f"[{ways[0]}]: {error}") from None


def read(path: Path) -> Plan:
    """What a sweep file asks for.

    Raises
    ------
    ExperimentError
        File, key and value of the first mistake, and what is allowed.
    """
    data = read_toml(path)
    try:
        table: SweepTable = convert(data, SweepTable)
        points = _points(data, table)
    except (ValueError, TypeError) as error:
        raise ExperimentError(f"{path}: {error}") from None
    name = table.experiment
    if name in BUILT_IN:
        where = experiment_path(name)
    elif name in BUILT_IN_NETWORKS:
        where = network_path(name)
    else:
        where = (path.parent / name).resolve()
    judge = Judge(read_toml(where), where, CONFIDENCE ** (1 / len(points)))
    content = hashlib.sha256(json.dumps(judge.tables, default=str).encode())
    tools: list[str] = []
    for number, point in enumerate(points):
        try:
            experiment = judge.experiment(point)
        except (ValueError, TypeError) as error:
            raise ExperimentError(f"{path}: point {number}, {_words(point)}: {error}") from None
        tools += needs([experiment])
        for item in experiment.stimuli if isinstance(experiment, Experiment) else ():
            if isinstance(item.stimulus, RecordedCurrent):
                content.update(item.stimulus.t.tobytes() + item.stimulus.i.tobytes())
    return Plan(judge, points, content.hexdigest(), list(dict.fromkeys(tools)))


def _words(point: Point) -> str:
    return ", ".join(f"{key} = {value}" for key, value in point.items())


def run(args: argparse.Namespace) -> int:
    """Run the sweep of a file, print how its points went; 1 unless all agree."""
    plan = read(args.file)
    if args.cluster is None:
        for tool in plan.tools:
            require(tool, "rheobase sweep")
    file = args.output or Path(f"{args.file.stem}.jsonl")
    with show_progress(args.quiet) as progress:
        records = sweep(
            plan.judge, plan.points, file, workers=args.workers, cluster=args.cluster,
            content=plan.content, progress=progress,
        )  # fmt: skip
    counts = Counter({"agree": 0, "disagree": 0, "inconclusive": 0, "failed": 0})
    odd = []
    for record in records:
        verdict = record["result"]["verdict"] if "result" in record else "failed"
        counts[verdict] += 1
        if verdict != "agree":
            why = record.get("error", "see its checks")
            odd.append(f"point {record['point']}, {_words(record['parameters'])}: {verdict}: {why}")
    if args.json:
        print(json.dumps({"points": len(records), **counts, "file": str(file)}))
    else:
        if len(odd) > MOST_SHOWN:
            odd[MOST_SHOWN:] = [f"... and {len(odd) - MOST_SHOWN} more"]
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
        print(*odd, f"{len(records)} points: {told}; results: {file.resolve()}", sep="\n")
    return 0 if counts["agree"] == len(records) else 1
