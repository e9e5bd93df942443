"""Runs of the integer model, recorded for the test bench that is delivered with a circuit.

Inputs are drawn over their whole ranges, and where they decide: a third of the updates get the
smallest input with which their neuron fires, or the one below; a third the input that, added to v,
would make it one of the registers, or one more or less. The same circuit has the same run.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..models.integer.kind import Field, IntegerNeuron, gather
from ..models.integer.network import Network
from ..models.integer.noise import xorshift32

Columns = dict[str, NDArray[np.int64]]
SEED = 1
UPDATES = 8000  # of a datapath
FEWEST, MOST = 20, 500  # steps of a core, and as many as ...
SWEPT = 20_000  # ... make so many updates
LOAD = 4  # operations of a network core for each update, about


class Population:
    """Neurons of one kind, each with registers of its own, and their state."""

    def __init__(self, neurons: IntegerNeuron | Sequence[IntegerNeuron], n: int) -> None:
        self.kind, self.registers, profile = gather(neurons)
        self.profile = np.zeros(n, np.int64) if profile is None else profile
        self.state = np.zeros((len(self.kind.state), n), np.int64)
        names = list(self.kind.register_fields)
        for row, name in zip(self.state, self.kind.state, strict=True):
            if name in self.kind.start:
                row[:] = self.registers[names.index(self.kind.start[name])][self.profile]

    def update(self, inputs: Columns) -> Columns:
        """One update of each neuron: its outputs."""
        kind = self.kind
        rows = np.array([inputs[name] for name in kind.inputs])
        outputs = np.zeros((len(kind.outputs), self.profile.size), np.int64)
        kind.kernel(kind.modes, self.state, self.registers, self.profile, rows, outputs)
        return dict(zip(kind.outputs, outputs, strict=True))

    def draw(self, rng: np.random.Generator, x: NDArray[np.int64]) -> Columns:
        """Inputs of one update of each neuron, `x` among them where the kind takes it."""
        kind, n = self.kind, self.profile.size
        inputs = {name: _draw(rng, field, n) for name, field in kind.inputs.items()}
        if "x" in inputs:
            inputs["x"] = x
        name = next(iter(kind.sums))
        field = kind.inputs[name]
        edge = self._edge(inputs, name) - rng.integers(0, 2, n)
        register = self.registers[rng.integers(0, len(self.registers), n), self.profile]
        v = self.state[list(kind.state).index("v")]
        onto = register - v + rng.integers(-1, 2, n)
        chosen = np.choose(rng.integers(0, 3, n), (inputs[name], edge, onto))
        return inputs | {name: np.clip(chosen, field.low, field.high)}

    def _edge(self, inputs: Columns, name: str) -> NDArray[np.int64]:
        """The smallest input `name` with which each neuron fires, found by bisection."""
        field = self.kind.inputs[name]
        low = np.full(self.profile.size, field.low)
        high = np.full(self.profile.size, field.high)
        before = self.state.copy()
        for _ in range(field.width):
            middle = (low + high) >> 1
            fires = self.update(inputs | {name: middle})["spike"] != 0
            self.state[:] = before
            low, high = np.where(fires, low, middle + 1), np.where(fires, middle, high)
        return high


def _draw(rng: np.random.Generator, field: Field, n: int) -> NDArray[np.int64]:
    """Numbers of a field: uniform, near a power of two, or 0."""
    uniform = rng.integers(field.low, field.high + 1, n)
    power = np.int64(1) << rng.integers(0, field.width, n)
    near = np.clip(power * rng.choice([-1, 1], n) + rng.integers(-1, 2, n), field.low, field.high)
    sort = rng.random(n)
    return np.where(sort < 0.3, uniform, np.where(sort < 0.7, near, 0))


class Updates(NamedTuple):
    """Updates of a datapath, one after another: what went in, and what came out."""

    given: Columns
    wanted: Columns


def datapath_run(neurons: Sequence[IntegerNeuron]) -> Updates:
    """About `UPDATES` updates: those of `neurons` in turn, each going on from its state."""
    population = Population(list(neurons), len(neurons))
    kind, rng = population.kind, np.random.default_rng(SEED)
    n = len(neurons)
    registers = dict(
        zip(kind.register_fields, population.registers[:, population.profile], strict=True)
    )
    given, wanted = [], []
    for _ in range(max(1, UPDATES // n)):
        state = dict(zip(kind.state, population.state.copy(), strict=True))
        inputs = population.draw(rng, rng.integers(0, 1 << 32, n))
        outputs = population.update(inputs)
        given.append({**state, **inputs, **registers})
        wanted.append(dict(zip(kind.state, population.state.copy(), strict=True)) | outputs)
    return Updates(_joined(given), _joined(wanted))


def _joined(steps: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}


class Events(NamedTuple):
    """Spikes of a core: time steps and neurons, in order; `steps` in all."""

    at: NDArray[np.int64]
    ids: NDArray[np.int64]
    steps: int


def core_run(
    neurons: IntegerNeuron | Sequence[IntegerNeuron], n: int, seed: int
) -> tuple[Columns, Events]:
    """Inputs of a neuron core but ``x``, each of shape (steps, n), and its spikes."""
    population, rng = Population(neurons, n), np.random.default_rng(SEED)
    x, steps = np.uint32(seed), _steps(n)
    given, spikes = [], []
    for _ in range(steps):
        numbers = np.zeros(n, np.int64)
        for j in range(n):
            numbers[j] = x
            x = xorshift32(x)
        inputs = population.draw(rng, numbers)
        spikes.append(population.update(inputs)["spike"])
        given.append({name: values for name, values in inputs.items() if name != "x"})
    at, ids = np.nonzero(np.array(spikes))
    stacked = {name: np.stack([step[name] for step in given]) for name in given[0]}
    return stacked, Events(at, ids, steps)


def _steps(n: int) -> int:
    return max(FEWEST, min(MOST, SWEPT // n))


class Arrivals(NamedTuple):
    """Events from outside: ticks, in order, and axons."""

    ticks: NDArray[np.int64]
    axons: NDArray[np.int64]


def network_run(network: Network, events: int) -> tuple[Arrivals, Events, int]:
    """Arrivals, spikes and cut sums of a network core that takes at most `events` in a tick."""
    rng = np.random.default_rng(SEED)
    per_axon = max(1, network.synapses.axon.size // network.axons)
    most = max(1, min(LOAD * network.n // per_axon, min(network.axons, events) // 2))
    ticks = _steps(network.n)
    counts = rng.integers(0, most + 1, ticks)
    at = np.repeat(np.arange(ticks), counts)
    axons = rng.integers(0, network.axons, at.size)
    spikes = network.run(at, axons, ticks).spikes[0]
    looped = np.bincount(spikes + 1, minlength=ticks + 1)[:ticks] * (network.loop is not None)
    # A core leaves out what it has no room for, and the model does not: so far, and no further.
    full = np.flatnonzero(counts + looped > events)
    steps = int(full[0]) if full.size else ticks
    arrivals = Arrivals(at[at < steps], axons[at < steps])
    done = network.run(*arrivals, steps)
    return arrivals, Events(*done.spikes, steps), done.saturated
