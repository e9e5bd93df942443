"""From a network in physical units to a network of a platform's integers, and what was lost.

The network is described as for `rheobase.models.reference.network.simulate`, and the same seed
draws the same connections, weights and delays::

    e, i = Population(neuron, 400), Population(neuron, 100)
    projections = [Projection(e, i, FixedInDegree(40), 0.4e-3, delay=2e-3), ...]
    inputs = [Poisson(e, 8e3, 0.4e-3), Poisson(i, 8e3, 0.4e-3)]
    made = quantise_network([e, i], projections, inputs, 1e-3, partial(quantise_loihi, lsb=2e-6))
    ticks, ids = made.network.run(*made.events(1000, seed=2), 1000).spikes

Neurons become what their platform's quantiser makes of them, and start from v_rest. Beyond that:

* A weight is the nearest that the platform has (`Quantised.weights`). SpiNNaker shifts the weights
  of all neurons alike: by the largest shift that one of them asks for.
* A delay is the nearest number of ticks, 1 at least. The integer network counts a spike of tick k
  among the events of tick k + 1: a delay of d ticks is d - 1 of its synapse.
* A held drive goes to the registers (`Quantised.hold`); what they do not take is the weight of an
  event of one axon, the clock, in every tick.
* Poisson spikes come on an axon for each neuron, several of them in a tick if need be. Given spike
  trains have an axon each: a spike at time t is an event of tick t / dt.

So the axons are the neurons, the trains, the Poisson inputs and the clock, in this order.

TrueNorth has four axon types, and a neuron has one weight for each: a source has an axon for each
type, delay and repetition, and each of its synapses is on the axon whose type has its weight. So a
network is TrueNorth's if no neuron has synapses of more than four weights, or more than 256. On the
chip an axon carries one spike in a tick; here a Poisson input may bring several.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import inf

import numpy as np
from numpy.typing import NDArray

from ..neuron import LIF
from ..reference import wiring
from ..reference.elements import (
    Drive,
    Poisson,
    Population,
    Projection,
    SpikeTrains,
    check_integer,
    check_network,
)
from ..reference.synapse import Delta
from .network import Network, Synapses
from .quantise import check_scale
from .quantise_spinnaker import QuantisedSpiNNaker
from .quantise_truenorth import QuantisedTrueNorth
from .quantised import Loss, Quantised

Ints = NDArray[np.int64]
Columns = tuple[NDArray[np.int32], NDArray[np.int32], Ints, NDArray[np.int32]]
Floats = NDArray[np.float64]

_TYPES, _AXONS = 4, 256  # of a neuron of TrueNorth
_DRAWN = 1 << 20  # numbers of Poisson spikes in a block of events


@dataclass(frozen=True, eq=False)
class QuantisedPopulation:
    """What became of a population.

    Attributes
    ----------
    population : Population
    quantised : Quantised
        Its neuron and what that lost; registers hold their part of the drive.
    drive : Loss
        The held drive.
    clock : int
        What every tick adds for it, in units of input.
    headroom : float
        The largest input of a tick over the largest sum, of one sign, that the synapses of a neuron
        make if each brings one spike: from 1 on, no such sum is cut or wraps.
    """

    population: Population
    quantised: Quantised
    drive: Loss
    clock: int
    headroom: float = inf


@dataclass(frozen=True, eq=False)
class QuantisedProjection:
    """What became of a projection, or of a Poisson input.

    Attributes
    ----------
    source : Projection or Poisson
    synapses : int
    weights : (int, int)
        The smallest and the largest, in units of input.
    unit : float
        V that a unit adds to the membrane.
    weight_error : float
        The largest relative error of a weight.
    delays : (int, int)
        The shortest and the longest, in ticks.
    delay_error : float
        The largest error of a delay in s.
    """

    source: Projection | Poisson
    synapses: int
    weights: tuple[int, int]
    unit: float
    weight_error: float
    delays: tuple[int, int]
    delay_error: float


@dataclass(frozen=True, eq=False)
class QuantisedNetwork:
    """A network of integers and the report on it, made by `quantise_network`.

    Attributes
    ----------
    network : Network
        Its neurons are numbered through the populations in their order.
    populations : tuple of QuantisedPopulation
    projections : tuple of QuantisedProjection
        The projections, then the Poisson inputs, each in their order.
    dt : float
        Time of a tick in s.
    trains : array of int64, shape (2, spikes)
        Ticks and axons of the given spike trains.
    poisson : tuple of (float, axons)
        Rate in Hz and axons of each Poisson input.
    clock : int, optional
        The axon that has an event in every tick.
    """

    network: Network
    populations: tuple[QuantisedPopulation, ...]
    projections: tuple[QuantisedProjection, ...]
    dt: float
    trains: Ints
    poisson: tuple[tuple[float, Ints], ...]
    clock: int | None

    def events(self, steps: int, seed: int) -> tuple[Ints, Ints]:
        """Events from outside, ticks and axons, as `Network.run` takes them.

        Parameters
        ----------
        steps : int
            Number of ticks, >= 1.
        seed : int
            Of the Poisson inputs, >= 0.
        """
        ticks, axons = zip(*((ticks, on) for ticks, on, _ in self.blocks(steps, seed)), strict=True)
        return np.concatenate(ticks), np.concatenate(axons)

    def blocks(self, steps: int, seed: int) -> Iterator[tuple[Ints, Ints, int]]:
        """The same events in blocks of ticks, as `Network.run_blocks` takes them."""
        check_integer("steps", steps, 1)
        check_integer("seed", seed, 0)
        drawn = sum(axons.size for _, axons in self.poisson)
        length = max(1, _DRAWN // max(1, drawn))
        ends = [*range(length, steps, length), steps]
        stream, streams = np.random.default_rng(seed), []
        for rate, axons in self.poisson:  # one after another, however long a block is
            streams.append(deepcopy(stream))
            for first, end in pairwise([0, *ends]):
                stream.poisson(rate * self.dt, (end - first, axons.size))
        for first, end in pairwise([0, *ends]):
            inside = (self.trains[0] >= first) & (self.trains[0] < end)
            parts = [self.trains[:, inside]]
            for stream, (rate, axons) in zip(streams, self.poisson, strict=True):
                counts = stream.poisson(rate * self.dt, (end - first, axons.size))
                tick, neuron = np.nonzero(counts)
                once = np.stack((first + tick, axons[neuron]))
                parts.append(np.repeat(once, counts[tick, neuron], axis=1))
            if self.clock is not None:
                every = np.arange(first, end)
                parts.append(np.stack((every, np.full_like(every, self.clock))))
            ticks, on = np.concatenate(parts, axis=1)
            yield ticks, on, end


def quantise_network(
    populations: Sequence[Population],
    projections: Sequence[Projection],
    inputs: Sequence[Poisson | Drive],
    dt: float,
    quantiser: Callable[[LIF, float], Quantised],
    slots: int = 16,
    seed: int = 1,
) -> QuantisedNetwork:
    """The integer network nearest to a network of LIF populations with delta synapses.

    Parameters
    ----------
    populations, projections, inputs : sequences
        As of `simulate`. Neurons are LIF, whose `v0`, if given, is v_rest; synapses are Delta; a
        `Drive` is one number.
    dt : float
        Time of a tick in s.
    quantiser : callable
        Neuron and `dt` to `Quantised`: `quantise`, `quantise_loihi`, `quantise_truenorth` or
        `quantise_spinnaker`, other arguments given by ``functools.partial``.
    slots : int
        Ticks for which sums are kept, a power of two: delays are 1 .. slots - 1 ticks.
    seed : int
        Of the connections, as of `simulate`, and of random numbers within neurons; >= 1.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed: what the platform's neurons refuse; weights
        that do not fit or are rounded to 0; delays beyond the slots; neurons with more weights or
        synapses than TrueNorth has.
    """
    check_scale(dt=dt)
    check_network(populations, projections, inputs)
    check_integer("seed", seed, 1)
    neurons = _neurons(populations, inputs, dt, quantiser)
    poisson = [replace(each) for each in inputs if isinstance(each, Poisson)]  # twice is two
    first, axons = _numbers(populations, projections, poisson)
    sources: dict[str, Projection | Poisson] = {
        **{f"projection {k}": each for k, each in enumerate(projections)},
        **{f"Poisson input {k}": each for k, each in enumerate(poisson)},
    }
    synapses = [_columns(*np.empty((4, 0), np.int64))]
    reports = []
    for number, (name, source) in enumerate(sources.items()):
        made = neurons[id(source.post)].quantised
        try:
            pre, post, jump, seconds = _draw(source, seed, number, dt)
            weight, ticks = made.weights(jump), _ticks(seconds, dt, slots)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
        own = first[id(source.pre if isinstance(source, Projection) else source)]
        synapses.append(_columns(own + pre, first[id(source.post)] + post, weight, ticks - 1))
        reports.append(_lost(source, made.kick, jump, weight, seconds, ticks, dt))
    held = np.concatenate([np.full(each.population.n, each.clock) for each in neurons.values()])
    clock = None
    if held.any():
        clock, axons = axons, axons + 1
        (driven,) = held.nonzero()
        nothing = np.zeros_like(driven)
        synapses.append(_columns(nothing + clock, driven, held[driven], nothing))
    axon, target, weight, delay = _sorted(synapses)
    report = tuple(
        replace(each, headroom=_headroom(target, weight, each, first[key]))
        for key, each in neurons.items()
    )
    channel, shift = None, 0
    match report[0].quantised:
        case QuantisedTrueNorth():
            _check_axon_types(target, weight)
        case QuantisedSpiNNaker(shift=shift):
            channel, weight = (weight < 0).astype(np.int64), np.abs(weight)
    network = Network(
        [each.quantised.neuron for each in report for _ in range(each.population.n)],
        axons,
        Synapses(axon, target, weight, delay, channel),
        loop=0,
        shift=shift,
        slots=slots,
        seed=seed,
    )
    return QuantisedNetwork(
        network,
        report,
        tuple(reports),
        dt,
        _trains(projections, first, dt),
        tuple((float(each.rate), first[id(each)] + np.arange(each.post.n)) for each in poisson),
        clock,
    )


def _neurons(
    populations: Sequence[Population],
    inputs: Sequence[Poisson | Drive],
    dt: float,
    quantiser: Callable[[LIF, float], Quantised],
) -> dict[int, QuantisedPopulation]:
    """The populations by their id, with their drives; SpiNNaker's with one shift for all."""
    scales = []
    for population in populations:
        if not isinstance(population.neuron, LIF):
            raise TypeError(f"populations must be of LIF neurons, not {population.neuron!r}")
        rest = population.neuron.v_rest
        if population.v0 is not None and np.any(np.asarray(population.v0) != rest):
            raise ValueError(f"v0 must be v_rest = {rest} V, from where integer neurons start")
        scales.append(quantiser(population.neuron, dt))
    shift = max(getattr(scale, "shift", 0) for scale in scales)
    held = {}
    for population, scale in zip(populations, scales, strict=True):
        made = replace(scale, shift=shift) if isinstance(scale, QuantisedSpiNNaker) else scale
        drives = [each.mu for each in inputs if isinstance(each, Drive) and each.post is population]
        if any(np.ndim(mu) for mu in drives):
            raise ValueError("mu of a Drive must be one number, the same for all neurons and times")
        mu = float(sum(drives))  # type: ignore[arg-type]
        made, rest = made.hold(mu)
        clock = int(made.input_constant(rest)[0].values[0])
        largest = made.weight_format(mixed=False).largest
        if abs(clock) > largest:
            raise ValueError(f"mu = {mu} V is a weight of {clock} in every tick, beyond {largest}")
        got = Loss("mu", mu, made.held + clock * made.drive_unit, "V")
        held[id(population)] = QuantisedPopulation(population, made, got, clock)
    return held


def _numbers(
    populations: Sequence[Population],
    projections: Sequence[Projection],
    poisson: Sequence[Poisson],
) -> tuple[dict[int, int], int]:
    """The first axon of each source of spikes by its id, and how many axons there are."""
    sizes = {id(each): each.n for each in populations}
    sizes |= {id(each.pre): each.pre.n for each in projections}
    sizes |= {id(each): each.post.n for each in poisson}
    *first, end = accumulate(sizes.values(), initial=0)
    return dict(zip(sizes, first, strict=True)), end


def _trains(projections: Sequence[Projection], first: dict[int, int], dt: float) -> Ints:
    """Ticks and axons of the spikes of all given trains."""
    trains = {id(each.pre): each.pre for each in projections if isinstance(each.pre, SpikeTrains)}
    spikes = [np.empty((2, 0), np.int64)]
    for key, train in trains.items():
        ticks = np.rint(np.asarray(train.times, float) / dt).astype(np.int64)
        spikes.append(np.stack((ticks, first[key] + np.asarray(train.ids, np.int64))))
    return np.concatenate(spikes, axis=1)


def _draw(
    source: Projection | Poisson, seed: int, number: int, dt: float
) -> tuple[Ints, Ints, Floats, Floats]:
    """Source and target of each synapse, its weight in V, its delay in s; one tick for Poisson."""
    if not isinstance(source.synapse, Delta):
        raise TypeError(f"synapse must be Delta, not {source.synapse!r}")
    if isinstance(source, Poisson):
        each = np.arange(source.post.n)
        return each, each, np.full(each.size, float(source.weight)), np.full(each.size, dt)
    targets = wiring.draw(source, seed, number)
    from_each = np.repeat(np.arange(source.pre.n), np.diff(targets.first))
    drawn = source, targets, seed, number
    jump = wiring.per_synapse("weight", *drawn, np.asarray, float)
    delay = wiring.per_synapse("delay", *drawn, np.asarray, float)
    return from_each, targets.target.astype(np.int64), jump, delay


def _columns(axon: Ints, target: Ints, weight: Ints, delay: Ints) -> Columns:
    """Synapses, in as little memory as their numbers take."""
    return axon.astype(np.int32), target.astype(np.int32), weight, delay.astype(np.int32)


def _sorted(parts: list[Columns]) -> Columns:
    """The columns of all parts, by axon. As they may be large, the parts are used up."""
    axons, targets, weights, delays = (list(column) for column in zip(*parts, strict=True))
    parts.clear()
    axon = np.concatenate(axons)
    order = np.argsort(axon, kind="stable")
    columns = []
    for column in (axons, targets, weights, delays):
        columns.append(np.concatenate(column)[order])
        column.clear()
    axon, target, weight, delay = columns
    return axon, target, weight, delay


def _ticks(delay: Floats, dt: float, slots: int) -> Ints:
    """Delays in ticks, of the integer network's `slots`."""
    ticks = np.maximum(np.rint(delay / dt), 1).astype(np.int64)
    if ticks.size and ticks.max() > slots - 1:
        late = int(ticks.argmax())
        raise ValueError(
            f"delay = {delay[late]} s is {ticks[late]} ticks, more than the {slots - 1} of"
            f" {slots} slots"
        )
    return ticks


def _lost(
    source: Projection | Poisson,
    kick: float,
    jump: Floats,
    weight: Ints,
    seconds: Floats,
    ticks: Ints,
    dt: float,
) -> QuantisedProjection:
    """The report on synapses of `jump` V and delays in s."""
    ratio = np.divide(weight * kick, jump, where=jump != 0, out=np.ones_like(jump))
    return QuantisedProjection(
        source,
        weight.size,
        _span(weight),
        kick,
        float(np.abs(ratio - 1).max(initial=0.0)),
        _span(ticks),
        float(np.abs(ticks * dt - seconds).max(initial=0.0)),
    )


def _headroom(
    target: NDArray[np.int32], weight: Ints, each: QuantisedPopulation, first: int
) -> float:
    """See `QuantisedPopulation`; its neurons are numbered from `first` on."""
    end = first + each.population.n
    inside = (target >= first) & (target < end)
    largest = max(
        np.bincount(target[inside] - first, np.maximum(sign * weight[inside], 0)).max(initial=0)
        for sign in (1, -1)
    )
    return float(each.quantised.largest_input / largest) if largest else inf


def _check_axon_types(target: NDArray[np.int32], weight: Ints) -> None:
    """Refuse a neuron with more weights, or more synapses, than TrueNorth has."""
    different = np.unique(np.stack((target, weight)), axis=1)[0]
    for found, most, what, of in (
        (np.bincount(different), _TYPES, "different weights", "axon types"),
        (np.bincount(target), _AXONS, "synapses", "axons"),
    ):
        if found.max(initial=0) > most:
            worst = int(found.argmax())
            raise ValueError(f"neuron {worst} has {found[worst]} {what}: TrueNorth has {most} {of}")


def _span(values: Ints) -> tuple[int, int]:
    """The smallest and the largest; 0 if there are none."""
    return (int(values.min()), int(values.max())) if values.size else (0, 0)
