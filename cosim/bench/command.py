"""``rheobase bench``: benchmarks one after the other, in one table that is printed as it grows."""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module

from ..doctor import MissingTool
from .table import Failed, LeftOut, Row, Table

BENCHMARKS = (
    "siegert",
    "mean-field",
    "fokker-planck",
    "network",
    "network-core",
    "engines",
    "ngspice",
    "sweep",
    "lockstep",
    "accelerated-time",
)
WITH_PEERS = "network"  # NEST and Brian2 may live in another interpreter


def measured(name: str, peers: str) -> Iterator[Row]:
    """The rows of a benchmark, which is imported now."""
    module = import_module(f"{__package__}.{name.replace('-', '_')}")
    return module.costs(peers) if name == WITH_PEERS else module.costs()


def run(args: argparse.Namespace) -> int:
    """Run the command; 1 if a benchmark fails."""
    names = args.name or BENCHMARKS
    for name in names:
        if name not in BENCHMARKS:
            raise ValueError(f"NAME must be one of {', '.join(BENCHMARKS)}, not {name!r}")
    if args.peers is not None:
        if WITH_PEERS not in names:
            raise ValueError(f"--peers belongs to the benchmark {WITH_PEERS!r}")
        if shutil.which(args.peers) is None:
            raise ValueError(f"--peers must be a Python interpreter, not {args.peers!r}")
    table, failed = Table(shown=not args.json), False
    try:
        for name in names:
            table.begin(name)
            try:
                for row in measured(name, args.peers or sys.executable):
                    table.add(row)
            except MissingTool as error:
                table.add(LeftOut(name, str(error)))
            except Exception as error:  # the others go on
                failed = True
                table.add(Failed(name, f"{type(error).__name__}: {error}"))
    finally:  # Ctrl-C keeps what was measured
        if args.json:
            print(json.dumps(table.rows))
    return 1 if failed else 0
