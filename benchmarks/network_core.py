"""What a synaptic operation and a neuron update cost: compiled network cores and two models.

    python benchmarks/network_core.py

The sparse network has 1024 LIF neurons, four excitatory for an inhibitory one, and 256 axons from
outside; each neuron and axon has 40 synapses with delays of 1 to 7 ticks, and in a tick some 6 % of
the neurons fire. In the dense one 256 axons from outside reach all of the same neurons. CXXRTL,
Verilator (see ``verilated.py``) and the integer network give the same spikes, which is checked. The
floating-point network has the sparse one's synapses and trains, but decays by exp(-1/16) instead of
1 - 1/16; its rate is given. Costs of an operation are CPU times of a run over its operations, those
of the neurons included; costs of an update come from runs without events. What does not depend on
the number of ticks drops out, as short runs are subtracted; times are the best of rounds in which
the programs take turns.
"""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
from table import Cost, show
from verilated import VerilatorEngine

from rheobase.cosim.engines.network import NetworkEngine
from rheobase.hdl.core import Core
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses
from rheobase.models.neuron import LIF
from rheobase.models.reference import network as floating

N, EXCITATORY, OUTSIDE, EACH, SLOTS = 1024, 820, 256, 40, 8
THRESHOLD, REFRACTORY, TAU = 2000, 2, 16
STEPS, SHORT, ROUNDS = 400, 100, 5
TICK = 1e-3  # s, of the floating-point network
ASKED = 1 / 20  # of the compiled core's cost: the integer network may be 20 times faster ...
SLOWER = 1  # ... and Verilator is to be slower

rng = np.random.default_rng(1)
axon = np.repeat(np.arange(N + OUTSIDE), EACH)
target = rng.integers(0, N, axon.size)
delay = rng.integers(0, SLOTS - 1, axon.size)
weight = np.where((axon >= EXCITATORY) & (axon < N), -5, 1) * rng.integers(80, 121, axon.size)
ticks = np.repeat(np.arange(STEPS), rng.poisson(60, STEPS))
events = rng.integers(N, N + OUTSIDE, ticks.size)

neuron = IntegerLIF(16, THRESHOLD, 0, REFRACTORY, leak="shift", leak_bits=4)
network = Network(
    [neuron] * N, N + OUTSIDE, Synapses(axon, target, weight, delay), loop=0, slots=SLOTS
)
pairs = np.indices((OUTSIDE, N)).reshape(2, -1)
dense = Network([neuron] * N, OUTSIDE, Synapses(*pairs, rng.integers(-100, 121, pairs.shape[1])))


def floating_run(steps: int, quiet: bool) -> floating.Recording:
    """The floating-point network: it draws and sorts its synapses anew in every run."""
    ideal = LIF(TAU * TICK, THRESHOLD, 0.0, t_ref=REFRACTORY * TICK)
    neurons = floating.Population(ideal, N)
    trains, from_outside = np.unique(np.stack((ticks, events)), axis=1), axon >= N
    kept = np.zeros(trains.shape[1], bool) if quiet else trains[0] < steps
    outside = floating.SpikeTrains(OUTSIDE, (trains[0, kept] + 1) * TICK, trains[1, kept] - N)
    projections = [
        floating.Projection(
            pre,
            neurons,
            floating.Pairs(axon[chosen] - first, target[chosen]),
            weight[chosen].astype(float),
            (1 + delay[chosen]) * TICK,
        )
        for pre, chosen, first in ((neurons, ~from_outside, 0), (outside, from_outside, N))
    ]
    return floating.simulate([neurons], projections, [], steps * TICK, TICK, seed=1)


def seconds(program: Callable[[int, bool], object], steps: int, quiet: bool) -> float:
    """CPU time of a run."""
    start = process_time()
    program(steps, quiet)
    return process_time() - start


def costs() -> Iterator[Cost]:
    sparse = {lanes: Core(network, weight_width=11, lanes=lanes) for lanes in (1, 4)}
    yield from compared("sparse, 1 lane", sparse[1], N, {"floating-point network": floating_run})
    yield from compared("sparse, 4 lanes", sparse[4], N, {})
    yield from compared("dense, 1 lane", Core(dense, "dense"), 0, {})


def compared(
    case: str, core: Core, first: int, others: dict[str, Callable[[int, bool], object]]
) -> Iterator[Cost]:
    """Costs of one core and of the models; its axons from outside begin with `first`."""

    def given(steps: int, quiet: bool) -> tuple[np.ndarray, np.ndarray]:
        kept = np.zeros(ticks.size, bool) if quiet else ticks < steps
        return ticks[kept], events[kept] - N + first

    model = core.network.run(*given(STEPS, False), STEPS)
    programs: dict[str, Callable[[int, bool], object]] = {}
    with TemporaryDirectory() as folder:
        for name, engine in (
            ("CXXRTL", NetworkEngine(core)), ("Verilator", VerilatorEngine(core, Path(folder)))
        ):  # fmt: skip
            found = engine.run(*given(STEPS, False), STEPS)
            assert found.violations == ()
            assert all(map(np.array_equal, found.spikes, model.spikes)), name
            programs[name] = lambda steps, quiet, run=engine.run: run(*given(steps, quiet), steps)
        programs["integer network"] = lambda steps, quiet: core.network.run(
            *given(steps, quiet), steps
        )
        programs |= others
        best = dict.fromkeys(product(programs, (SHORT, STEPS), (False, True)), np.inf)
        for _ in range(ROUNDS):
            for name, steps, quiet in best:
                spent = seconds(programs[name], steps, quiet)
                best[name, steps, quiet] = min(best[name, steps, quiet], spent)
    served = model.operations - core.network.run(*given(SHORT, False), SHORT).operations
    remarks = {"integer network": f"{len(model.spikes[0]) / (N * STEPS):.1%} fire"}
    if others:
        rate = len(floating_run(STEPS, False).times) / (N * STEPS)
        remarks["floating-point network"] = f"{rate:.1%}"
    asked = {"Verilator": SLOWER, "integer network": ASKED}
    for unit, quiet, number in (("ns/op", False, served), ("ns/update", True, N * (STEPS - SHORT))):
        what = "update" if quiet else "operation"
        cost = {
            name: (best[name, STEPS, quiet] - best[name, SHORT, quiet]) / number * 1e9
            for name in programs
        }
        for name in ("CXXRTL", "Verilator", "integer network"):
            remark = "" if quiet else remarks.get(name, "")
            yield Cost(f"{case}: {what}", name, cost[name], unit, asked.get(name), remark)
        for name in ("integer network", *others) if others else ():
            remark = "" if quiet else remarks[name]
            yield Cost(f"integer network: {what}", name, cost[name], unit, None, remark)


if __name__ == "__main__":
    show(costs())
