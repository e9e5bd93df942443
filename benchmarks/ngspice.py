"""Our ngspice session against ``ngspice -b`` on the same deck, in the same run.

Run: ``python benchmarks/ngspice.py``. The deck is the exported transistor neuron at 1000 times
speed, twenty spikes of it; each side simulates it five times in turns, and the best times count.
Ours starts with a warm session, as every run but a program's first does; the first is shown too.
"""

import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

from rheobase.analog import export, ngspice
from rheobase.analog.bias import design
from rheobase.analog.simulate import simulate
from rheobase.models.neuron import LIF

lif = design(LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3), speed_up=1000.0)
current, t_stop = lif.current(40e-3), 20 * 0.52 * lif.tau_m
spikes = 0


def session() -> None:
    global spikes
    spikes = len(simulate(lif, current, t_stop).spike_times)


def plain() -> None:
    command = ["ngspice", "-b", export.TESTBENCH]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def seconds(function) -> float:
    start = perf_counter()
    function()
    return perf_counter() - start


with tempfile.TemporaryDirectory() as folder:
    export.write(Path(folder), lif, current, t_stop)
    ngspice.close()
    cold = seconds(session)
    rounds = [(seconds(session), seconds(plain)) for _ in range(5)]

ours, theirs = (min(column) for column in zip(*rounds, strict=True))
print(f"{spikes} spikes   session {ours:.3f} s (first {cold:.3f} s)   ngspice -b {theirs:.3f} s")
print(f"session / ngspice -b = {ours / theirs:.3f}")
