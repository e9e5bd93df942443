"""What a synaptic operation and a neuron update cost: the compiled network core and two models.

    python benchmarks/network_core.py

The network has 1024 LIF neurons, four excitatory for an inhibitory one, and 256 axons from outside;
each neuron and axon has 40 synapses with delays of 1 to 7 ticks, and in a tick some 6 % of the
neurons fire. The compiled core and the integer network give the same spikes, which is checked. The
floating-point network has the same synapses and trains, but decays by exp(-1/16) instead of
1 - 1/16; its rate is given. Costs of an operation are CPU times of a run over its operations, those
of the neurons included; costs of an update come from runs without events. What does not depend on
the number of ticks drops out, as short runs are subtracted; times are the best of rounds in which
the programs take turns.
"""

from collections.abc import Callable, Iterator
from itertools import product
from time import process_time

import numpy as np
from table import Cost, show

from rheobase.cosim.engines.network import NetworkEngine
from rheobase.hdl.core import Core
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses
from rheobase.models.neuron import LIF
from rheobase.models.reference import network as floating

N, EXCITATORY, OUTSIDE, EACH, SLOTS = 1024, 820, 256, 40, 8
THRESHOLD, REFRACTORY, TAU = 2000, 2, 16
STEPS, SHORT, ROUNDS = 1000, 100, 5
TICK = 1e-3  # s, of the floating-point network
ASKED = 1 / 20  # of the compiled core's cost: the integer network may be 20 times faster

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
    engines = {
        f"CXXRTL core, {lanes} lane{'s' * (lanes > 1)}": NetworkEngine(
            Core(network, weight_width=11, lanes=lanes)
        )
        for lanes in (1, 4)
    }
    model = network.run(ticks, events, STEPS)
    programs: dict[str, Callable[[int, bool], object]] = {}
    for name, engine in engines.items():
        found = engine.run(ticks, events, STEPS)
        assert found.violations == ()
        assert all(map(np.array_equal, found.spikes, model.spikes)), name
        programs[name] = lambda steps, quiet, run=engine.run: run(*given(steps, quiet), steps)
    programs["integer network"] = lambda steps, quiet: network.run(*given(steps, quiet), steps)
    programs["floating-point network"] = floating_run
    best = dict.fromkeys(product(programs, (SHORT, STEPS), (False, True)), np.inf)
    for _ in range(ROUNDS):
        for name, steps, quiet in best:
            spent = seconds(programs[name], steps, quiet)
            best[name, steps, quiet] = min(best[name, steps, quiet], spent)
    served = model.operations - network.run(*given(SHORT, False), SHORT).operations
    updates = N * (STEPS - SHORT)
    rate = len(model.spikes[0]) / (N * STEPS)
    other = len(floating_run(STEPS, False).times) / (N * STEPS)
    for unit, quiet, number in (("ns/op", False, served), ("ns/update", True, updates)):
        cost = {
            name: (best[name, STEPS, quiet] - best[name, SHORT, quiet]) / number * 1e9
            for name in programs
        }
        remarks = {"integer network": f"{rate:.1%} fire", "floating-point network": f"{other:.1%}"}
        case = "network core: synaptic operation" if unit == "ns/op" else "network core: update"
        for name in programs:
            if name == "floating-point network":
                continue
            asked = ASKED if name == "integer network" else None
            yield Cost(case, name, cost[name], unit, asked, "" if quiet else remarks.get(name, ""))
        case = case.replace("network core", "integer network")
        for name in ("integer network", "floating-point network"):
            yield Cost(case, name, cost[name], unit, None, "" if quiet else remarks[name])


def given(steps: int, quiet: bool) -> tuple[np.ndarray, np.ndarray]:
    """Events of the first ticks, or none."""
    kept = np.zeros(ticks.size, bool) if quiet else ticks < steps
    return ticks[kept], events[kept]


if __name__ == "__main__":
    show(costs())
