"""The ngspice session against ``ngspice -b``, and Monte Carlo on two processes against one.

Run: ``python benchmarks/ngspice.py``. The deck is the transistor neuron at 1000 times speed, twenty
spikes of it, as exported; costs of a run are CPU time, ours with what Python spends and without
the start of the process, which serves many runs. A chip of the Monte Carlo is one drawn mismatch,
measured at two currents; its cost is wall time, and that of ``ngspice -b`` alone and two at a time
stands beside it, for a busy machine has no second core to give. All take turns, and the best round
counts.
"""

import resource
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from table import Cost, show

from rheobase.analog import export, ngspice
from rheobase.analog.bias import design
from rheobase.analog.monte_carlo import chips, each, measure
from rheobase.analog.simulate import simulate
from rheobase.models.neuron import LIF

ROUNDS = 4
RUNS = 5
CHIPS = range(1, 33)


def cpu() -> float:
    """CPU time in s of this process and of all that it has started and seen end."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


lif = design(LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3), speed_up=1000.0)
current, t_stop = lif.current(40e-3), 20 * 0.52 * lif.tau_m


def session(runs: int) -> float:
    """CPU time in s of a new session that simulates the deck so often."""
    ngspice.close()
    start = cpu()
    for _ in range(runs):
        simulate(lif, current, t_stop)
    ngspice.close()
    return cpu() - start


def plain(folder: str) -> float:
    """CPU time in s of ``ngspice -b`` on the deck."""
    start = cpu()
    command = ["ngspice", "-b", export.TESTBENCH]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return cpu() - start


def one_deck() -> Iterator[Cost]:
    ours, starts, theirs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        export.write(Path(folder), lif, current, t_stop)
        for _ in range(ROUNDS):
            starts.append(session(1))
            ours.append((session(1 + RUNS) - starts[-1]) / RUNS)
            theirs.append(plain(folder))
    first = f"a session's first run {min(starts):.2g} s"
    yield Cost("20 spikes, CPU time", "session", min(ours), "s", remark=first)
    yield Cost("20 spikes, CPU time", "ngspice -b", min(theirs), "s", asked=1 / 1.1)


def monte_carlo() -> Iterator[Cost]:
    """One process and two; beside them two ``ngspice -b`` against one: what the machine allows."""
    currents = [lif.current(mu) for mu in (60e-3, 80e-3)]
    drawn = chips(lif, CHIPS)
    spent: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        export.write(Path(folder), lif, current, t_stop)
        for _ in range(ROUNDS):
            for workers in (1, 2):
                start = perf_counter()
                each(lambda chip: measure(chip, currents), drawn, workers)
                seconds = (perf_counter() - start) / len(drawn)
                spent.setdefault(("each", workers), []).append(seconds)
                start = perf_counter()
                with ThreadPoolExecutor(workers) as pool:
                    list(pool.map(plain, [folder] * 4))
                seconds = (perf_counter() - start) / 4
                spent.setdefault(("plain", workers), []).append(seconds)
    best = {key: min(values) for key, values in spent.items()}
    yield Cost("Monte Carlo, wall time", "2 processes", best["each", 2], "s/chip")
    yield Cost("Monte Carlo, wall time", "1 process", best["each", 1], "s/chip", asked=1.8)
    yield Cost("20 spikes, wall time", "2 ngspice -b at once", best["plain", 2], "s")
    yield Cost("20 spikes, wall time", "1 ngspice -b", best["plain", 1], "s")


show([*one_deck(), *monte_carlo()])
