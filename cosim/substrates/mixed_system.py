# amaranth: UnusedElaboratable=no
"""A population of transistor neurons and a network core in one closed loop.

Spikes of the transistor neurons are address events of the core, and its spikes are pulses at their
DPI synapses; both halves run in lock-step (`rheobase.cosim.lockstep`). A transistor neuron has one
synapse for each of its sources, on whose wire the pulses of all that it listens to follow each
other: a population of the core, or its Poisson input. That one is made of relays: for each
synapse of each neuron, a neuron of the core that fires in every tick in which it gets an event.

The core's other neurons, its synapses and its inputs are those of `quantise_network`, to which the
transistor neurons are given spike trains.
"""

from dataclasses import dataclass, replace
from itertools import accumulate
from math import ceil

import numpy as np

from ...analog.bombardment import EDGE, LONGEST, RELTOL
from ...analog.group import Group
from ...analog.group import Synapse as GroupSynapse
from ...hdl.core import Core
from ...models.integer.quantise_network import QuantisedNetwork, quantise_network
from ...models.reference.elements import Drive, Poisson, Population, SpikeTrains
from ...models.units import show
from ..lockstep.system import System
from ..network_experiment import MixedSpiceTable, NetworkExperiment
from .core import quantiser
from .mixed_neuron import MixedNeuron
from .network import slots_for, weight_width

_RELAYED = 1.5  # weight of a relay's event, in thresholds
_PS = 1e-12


@dataclass(frozen=True)
class Source:
    """What one of the synapses of a transistor neuron listens to.

    Parameters
    ----------
    population : int or None
        Of the experiment; None is the Poisson input, `rate` (Hz) each.
    number : int
        Neurons or relays of it for each transistor neuron.
    weight : float
        In V.
    """

    population: int | None
    number: int
    weight: float
    rate: float = 0.0


def transistors(experiment: NetworkExperiment) -> int:
    """The number of the population of transistor neurons.

    Raises
    ------
    ValueError
        There is more than one, or it projects onto itself.
    """
    (one, *others) = (k for k, on in enumerate(experiment.on) if on == "spice")
    if others:
        names = ", ".join(experiment.names[k] for k in (one, *others))
        raise ValueError(f'on = "spice" must be of one population, not of {names}')
    name = experiment.names[one]
    if any(link.source == link.target == name for link in experiment.projections):
        raise ValueError(f"{name} to {name}: transistor neurons have no wires to each other")
    return one


def sources(experiment: NetworkExperiment) -> list[Source]:
    """The sources of a transistor neuron, each with a synapse of its own.

    Raises
    ------
    ValueError
        A source without weight, or with more synapses than it has neurons; none at all.
    """
    assert experiment.sizes is not None
    one = transistors(experiment)
    name, drive, found = experiment.names[one], experiment.drives[one], []
    if drive.rate and drive.in_degree:
        if not float(drive.in_degree).is_integer():
            raise ValueError(
                f"{name}: in_degree of drive must be a whole number, not {drive.in_degree}"
            )
        found.append(Source(None, int(drive.in_degree), float(drive.weight), float(drive.rate)))
    for link in experiment.projections:
        if link.target == name and link.in_degree:
            number = experiment.names.index(link.source)
            if link.in_degree > experiment.sizes[number]:
                raise ValueError(
                    f"{link.source} to {name}: in_degree must be at most {link.source}'s size"
                    f" {experiment.sizes[number]}, not {link.in_degree:g}: a wire carries a spike"
                    " once"
                )
            found.append(Source(number, int(link.in_degree), float(link.weight)))
    if any(not each.weight for each in found) or not found:
        raise ValueError(f"{name}: needs synapses with weights other than 0")
    return found


@dataclass(frozen=True)
class Timing:
    """Times of the chip, in clocks: of a tick, a pulse, the gap behind it, and the axons' delay.

    `clock` is in ps.
    """

    clock: int
    tick: int
    width: int
    gap: int
    delay: int

    @classmethod
    def of(cls, experiment: NetworkExperiment) -> "Timing":
        """Those of an experiment.

        Raises
        ------
        ValueError
            A tick or a pulse is no whole number of clocks, or a pulse too long for a tick; a clock
            is no even number of ps; sources have different delays.
        """
        settings, dt = experiment.spice, experiment.dt
        assert settings is not None and dt is not None
        clock = round(settings.clock / _PS)
        if clock < 2 or clock % 2:
            raise ValueError(
                "[spice] clock must be an even number of ps, >= 2 ps, not"
                f" {show(float(settings.clock), 's')}"
            )
        name = experiment.names[transistors(experiment)]
        delays = {float(e.delay) for e in experiment.projections if e.target == name} or {dt}
        if len(delays) > 1:
            told = ", ".join(show(each, "s") for each in sorted(delays))
            raise ValueError(f"delays of projections to {name} must be one, not {told}")
        counts = []
        for what, seconds in (("dt", dt), ("pulse", settings.pulse), ("delay", delays.pop())):
            clocks = seconds / settings.speed_up / settings.clock
            if round(clocks) < 1 or abs(clocks - round(clocks)) > 1e-6 * clocks:
                raise ValueError(
                    f"[spice] {what} = {show(float(seconds), 's')} must be a whole number of clocks"
                    f" of {show(float(settings.clock), 's')} at speed-up {settings.speed_up:g},"
                    f" not {clocks:.6g}"
                )
            counts.append(round(clocks))
        tick, width, delay = counts
        if width + ceil(width / 4) > tick:
            raise ValueError(
                f"[spice] pulse must be at most 0.8 dt = {show(0.8 * dt, 's')}, not"
                f" {show(float(settings.pulse), 's')}: a wire has a pulse and a gap for each spike"
            )
        return cls(clock, tick, width, ceil(width / 4), delay)


@dataclass(frozen=True)
class Wired:
    """The core with its relays, and who drives which synapse.

    Attributes
    ----------
    made : QuantisedNetwork
    starts : dict of int to int
        The first neuron in the core of each population of the experiment.
    relays : int
        The first relay.
    axon : int
        That of transistor neuron 0.
    routes : tuple of tuples of int
        The synapses of each neuron; synapse s of transistor neuron k has the number ``k S + s``.
    """

    made: QuantisedNetwork
    starts: dict[int, int]
    relays: int
    axon: int
    routes: tuple[tuple[int, ...], ...]


def wired(experiment: NetworkExperiment, seed: int) -> Wired:
    """Draw the connections of a seed; in-degrees are exact.

    Raises
    ------
    ValueError
        What `sources`, `transistors` and the platform refuse.
    """
    assert experiment.sizes is not None and experiment.rtl is not None
    assert experiment.dt is not None
    one, listened = transistors(experiment), sources(experiment)
    sizes, count = experiment.sizes, experiment.sizes[transistors(experiment)]
    whole, links, inputs = experiment.elements()
    trains = SpikeTrains(count, [], [])
    pre = {id(whole[one]): trains}
    core = [each for k, each in enumerate(whole) if k != one]
    projections = [
        replace(link, pre=pre.get(id(link.pre), link.pre))
        for link in links
        if link.post is not whole[one]
    ]
    driven: list[Poisson | Drive] = [each for each in inputs if each.post is not whole[one]]
    for source in listened:
        if source.population is None:
            relay = replace(experiment.neurons[one], t_ref=0.0)
            event = _RELAYED * (relay.v_th - relay.v_rest)
            core.append(Population(relay, count * source.number, relay.v_rest))
            driven.append(Poisson(core[-1], source.rate, event))
    made = quantise_network(
        core, projections, driven, experiment.dt, quantiser(experiment.rtl),
        slots_for(experiment), seed,
    )  # fmt: skip
    order = [k for k in range(len(sizes)) if k != one]
    *first, relays = accumulate((sizes[k] for k in order), initial=0)
    starts = dict(zip(order, first, strict=True))
    rng = np.random.default_rng([seed, 7])
    routes: list[list[int]] = [[] for _ in range(made.network.n)]
    for k in range(count):
        for s, source in enumerate(listened):
            if source.population is None:
                heard = relays + k * source.number + np.arange(source.number)
            else:
                mine = rng.choice(sizes[source.population], source.number, replace=False)
                heard = starts[source.population] + mine
            for j in heard.tolist():
                routes[j].append(k * len(listened) + s)
    return Wired(made, starts, relays, made.network.n, tuple(map(tuple, routes)))


def system(
    experiment: NetworkExperiment, core: Wired, neuron: MixedNeuron, steps: int, seed: int
) -> System:
    """The two halves and the Poisson events of `steps` ticks."""
    settings = experiment.spice
    assert isinstance(settings, MixedSpiceTable) and experiment.sizes is not None
    assert experiment.dt is not None
    timing, lif = Timing.of(experiment), neuron.chip.lif
    ticks, axons = core.made.events(steps, seed)
    late = np.random.default_rng([seed, 8]).uniform(0.0, 0.75, ticks.size)
    late[axons == core.made.clock] = 0.0
    times = np.rint((ticks + late) * (timing.tick * timing.clock)).astype(np.int64)
    order = np.argsort(times, kind="stable")
    width, network = timing.width * timing.clock * _PS, core.made.network
    most = network.n + int(np.bincount(ticks).max())  # events of a tick
    synapses = tuple(GroupSynapse(0, each.design) for each in neuron.synapses)
    group = Group((replace(lif, attached=()),), (neuron.current,), synapses, RELTOL)
    return System(
        (group,) * experiment.sizes[transistors(experiment)],
        Core(network, weight_width=weight_width(network), events=most),
        core.axon, core.routes,
        timing.clock, experiment.dt, timing.width, timing.gap, timing.delay,
        LONGEST * width, EDGE * width,
        tuple(zip(times[order].tolist(), axons[order].tolist(), strict=True)),
    )  # fmt: skip
