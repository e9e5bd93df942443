"""The ngspice session against ``ngspice -b``, and Monte Carlo on two processes against one.

The deck is the transistor neuron at 1000 times speed, twenty spikes of it, as exported; costs of a
run are CPU time, ours with what Python spends and without the start of the process, which serves
many runs. A chip of the Monte Carlo is one drawn mismatch, measured at two currents; its cost is
wall time, and that of ``ngspice -b`` alone and two at a time stands beside it, for a busy machine
has no second core to give.
"""

import resource
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from ...analog import export, ngspice
from ...analog.bias import design
from ...analog.lif import AnalogLIF
from ...analog.monte_carlo import chips, each, measure, tried
from ...analog.simulate import simulate
from ...models.neuron import LIF
from ..doctor import MissingTool, require
from .clock import least
from .table import Cost, LeftOut

ROUNDS = 4
RUNS = 5
CHIPS = range(1, 33)
DECKS = 4  # that two processes share


def cpu() -> float:
    """CPU time in s of this process and of all that it has started and seen end."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def plain(folder: str) -> None:
    """Run ``ngspice -b`` on the deck."""
    command = ["ngspice", "-b", export.TESTBENCH]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def costs() -> Iterator[Cost | LeftOut]:
    require("libngspice", "rheobase bench ngspice")
    lif = design(LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3), speed_up=1000.0)
    current, t_stop = lif.current(40e-3), 20 * 0.52 * lif.tau_m
    with TemporaryDirectory() as folder:
        export.write(Path(folder), lif, current, t_stop)
        try:
            require("ngspice", "the comparison with ngspice -b")
        except MissingTool as error:
            yield LeftOut("ngspice -b", str(error))
            deck = None
        else:
            deck = folder
        yield from one_deck(lif, current, t_stop, deck)
        yield from monte_carlo(lif, deck)


def one_deck(lif: AnalogLIF, current: float, t_stop: float, deck: str | None) -> Iterator[Cost]:
    """A run in a session, and of ``ngspice -b`` in the folder `deck`."""

    def session(runs: int) -> None:
        ngspice.close()
        for _ in range(runs):
            simulate(lif, current, t_stop)
        ngspice.close()

    programs: dict[str, Callable[[], None]] = {
        "first": lambda: session(1), "all": lambda: session(1 + RUNS)
    }  # fmt: skip
    if deck is not None:
        programs["ngspice -b"] = lambda: plain(deck)
    best = least(programs, ROUNDS, cpu)
    case, first = "20 spikes, CPU time", f"a session's first run {best['first']:.2g} s"
    yield Cost(case, "session", (best["all"] - best["first"]) / RUNS, "s", remark=first)
    if deck is not None:
        yield Cost(case, "ngspice -b", best["ngspice -b"], "s", asked=1 / 1.1)


def monte_carlo(lif: AnalogLIF, deck: str | None) -> Iterator[Cost]:
    """One process and two; beside them two ``ngspice -b`` against one: what the machine allows."""
    currents = [lif.current(mu) for mu in (60e-3, 80e-3)]
    drawn = chips(lif, CHIPS)

    def ours(workers: int) -> None:
        each(tried(lambda chip: measure(chip, currents)), drawn, workers)

    def theirs(workers: int) -> None:
        assert deck is not None
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(plain, [deck] * DECKS))

    programs = {"2 processes": lambda: ours(2), "1 process": lambda: ours(1)}
    if deck is not None:
        programs |= {"2 ngspice -b at once": lambda: theirs(2), "1 ngspice -b": lambda: theirs(1)}
    best = least(programs, ROUNDS, perf_counter)
    for name, asked in (("2 processes", None), ("1 process", 1.8)):
        yield Cost("Monte Carlo, wall time", name, best.pop(name) / len(drawn), "s/chip", asked)
    for name, seconds in best.items():
        yield Cost("20 spikes, wall time", name, seconds / DECKS, "s")
