# amaranth: UnusedElaboratable=no
"""What a synaptic operation and a neuron update cost: compiled network cores and two models.

The sparse network has 1024 LIF neurons, four excitatory for an inhibitory one, and 256 axons from
outside; each neuron and axon has 40 synapses with delays of 1 to 7 ticks, and in a tick some 6 % of
the neurons fire. In the dense one 256 axons from outside reach all of the same neurons. CXXRTL,
Verilator (see `verilated`) and the integer network give the same spikes, which is checked. The
floating-point network has the sparse one's synapses and trains, but decays by exp(-1/16) instead of
1 - 1/16; its rate is given. Costs of an operation are CPU times of a run over its operations, those
of the neurons included; costs of an update come from runs without events. What does not depend on
the number of ticks drops out, as short runs are subtracted; times are the best of rounds in which
the programs take turns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from ...hdl.core import Core
from ...models.integer.lif import IntegerLIF
from ...models.integer.network import Network, Synapses
from ...models.neuron import LIF
from ...models.reference import network as floating
from ..doctor import MissingTool
from ..engines.network import NetworkEngine
from .clock import least
from .table import Cost, LeftOut
from .verilated import VerilatorEngine

N, EXCITATORY, OUTSIDE, EACH, SLOTS = 1024, 820, 256, 40, 8
THRESHOLD, REFRACTORY, TAU = 2000, 2, 16
STEPS, SHORT, ROUNDS = 400, 100, 5
TICK = 1e-3  # s, of the floating-point network
ASKED = {
    "Verilator": 1,  # it is to be slower than the compiled core ...
    "integer network": 1 / 20,  # ... and the integer network not 20 times faster
}

Ints = NDArray[np.int64]
Program = Callable[[int, bool], object]  # of the steps, and whether no events come
Others = dict[str, Callable[[int, bool], floating.Recording]]


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Events from outside: ticks, and axons counted from the first that comes from outside."""

    ticks: Ints
    axons: Ints

    def until(self, steps: int, quiet: bool) -> tuple[Ints, Ints]:
        """The events of the first steps; none if it is to be quiet."""
        kept = np.zeros(self.ticks.size, bool) if quiet else self.ticks < steps
        return self.ticks[kept], self.axons[kept]


def networks() -> tuple[Network, Network, Stimulus]:
    """The sparse network, the dense one, and what comes from outside."""
    rng = np.random.default_rng(1)
    axon = np.repeat(np.arange(N + OUTSIDE), EACH)
    target = rng.integers(0, N, axon.size)
    delay = rng.integers(0, SLOTS - 1, axon.size)
    weight = np.where((axon >= EXCITATORY) & (axon < N), -5, 1) * rng.integers(80, 121, axon.size)
    ticks = np.repeat(np.arange(STEPS), rng.poisson(60, STEPS))
    events = rng.integers(0, OUTSIDE, ticks.size)
    neuron = IntegerLIF(16, THRESHOLD, 0, REFRACTORY, leak="shift", leak_bits=4)
    synapses = Synapses(axon, target, weight, delay)
    sparse = Network([neuron] * N, N + OUTSIDE, synapses, loop=0, slots=SLOTS)
    pre, post = np.indices((OUTSIDE, N)).reshape(2, -1)
    to_all = Synapses(pre, post, rng.integers(-100, 121, pre.size))
    return sparse, Network([neuron] * N, OUTSIDE, to_all), Stimulus(ticks, events)


def floating_run(
    sparse: Network, stimulus: Stimulus, steps: int, quiet: bool
) -> floating.Recording:
    """The floating-point network: it draws and sorts its synapses anew in every run."""
    ideal = LIF(TAU * TICK, THRESHOLD, 0.0, t_ref=REFRACTORY * TICK)
    neurons = floating.Population(ideal, N)
    synapses = sparse.synapses
    from_outside = synapses.axon >= N
    ticks, axons = np.unique(np.stack(stimulus.until(steps, quiet)), axis=1)
    outside = floating.SpikeTrains(OUTSIDE, (ticks + 1) * TICK, axons)
    projections = [
        floating.Projection(
            pre,
            neurons,
            floating.Pairs(synapses.axon[chosen] - first, synapses.target[chosen]),
            synapses.weight[chosen].astype(float),
            (1 + synapses.delay[chosen]) * TICK,
        )
        for pre, chosen, first in ((neurons, ~from_outside, 0), (outside, from_outside, N))
    ]
    return floating.simulate([neurons], projections, [], steps * TICK, TICK, seed=1)


def costs() -> Iterator[Cost | LeftOut]:
    sparse, dense, stimulus = networks()
    others: Others = {"floating-point network": partial(floating_run, sparse, stimulus)}
    one, four = (Core(sparse, weight_width=11, lanes=lanes) for lanes in (1, 4))
    yield from compared("sparse, 1 lane", one, N, stimulus, others)
    yield from compared("sparse, 4 lanes", four, N, stimulus, {})
    yield from compared("dense, 1 lane", Core(dense, "dense"), 0, stimulus, {})


def compared(
    case: str,
    core: Core,
    first: int,
    stimulus: Stimulus,
    others: Others,
) -> Iterator[Cost | LeftOut]:
    """Costs of one core and of the models; its axons from outside begin with `first`."""
    outside = Stimulus(stimulus.ticks, stimulus.axons + first)
    model, short = (core.network.run(*outside.until(n, False), n) for n in (STEPS, SHORT))
    programs: dict[str, Program] = {}

    def add(name: str, engine: NetworkEngine) -> None:
        found = engine.run(*outside.until(STEPS, False), STEPS)
        if found.violations or not all(map(np.array_equal, found.spikes, model.spikes)):
            raise RuntimeError(f"{name}, {case}: other spikes than the integer network's")
        programs[name] = lambda steps, quiet: engine.run(*outside.until(steps, quiet), steps)

    with TemporaryDirectory() as folder:
        add("CXXRTL", NetworkEngine(core))
        try:
            add("Verilator", VerilatorEngine(core, Path(folder)))
        except MissingTool as error:
            yield LeftOut("Verilator", str(error))
        programs["integer network"] = lambda steps, quiet: core.network.run(
            *outside.until(steps, quiet), steps
        )
        programs |= others
        runs = {
            (name, steps, quiet): partial(programs[name], steps, quiet)
            for name, steps, quiet in product(programs, (SHORT, STEPS), (False, True))
        }
        best = least(runs, ROUNDS)
    remarks = {"integer network": f"{len(model.spikes[0]) / (N * STEPS):.1%} fire"}
    for name, run in others.items():
        remarks[name] = f"{len(run(STEPS, False).times) / (N * STEPS):.1%}"
    served = model.operations - short.operations
    for unit, quiet, number in (("ns/op", False, served), ("ns/update", True, N * (STEPS - SHORT))):
        what = "update" if quiet else "operation"
        cost = {
            name: (best[name, STEPS, quiet] - best[name, SHORT, quiet]) / number * 1e9
            for name in programs
        }
        for name in programs:
            if name not in others:
                remark = "" if quiet else remarks.get(name, "")
                yield Cost(f"{case}: {what}", name, cost[name], unit, ASKED.get(name), remark)
        for name in ("integer network", *others) if others else ():
            remark = "" if quiet else remarks[name]
            yield Cost(f"integer network: {what}", name, cost[name], unit, None, remark)
