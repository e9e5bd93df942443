"""Networks of spiking neurons on a time grid, in floating point.

A network is populations of neurons, projections between them, and inputs::

    e, i = Population(neuron, 10_000), Population(neuron, 2_500)
    projections = [
        Projection(pre, post, FixedInDegree(k), weight, delay=1.5e-3)
        for pre, k, weight in ((e, 1000, 0.1e-3), (i, 250, -0.5e-3))
        for post in (e, i)
    ]
    inputs = [Poisson(post, rate=20e3, weight=0.1e-3) for post in (e, i)]
    times, ids, _ = simulate([e, i], projections, inputs, t_stop=1.0, dt=0.1e-3, seed=1)

(the network of Brunel 2000, state C). What a step does is said in membrane.py (neurons), synapse.py
(synapses), population.py (order); a spike at step k has the time ``(k + 1) dt``, and after a delay
of d steps it arrives at the end of step ``k + d``. Connections are drawn as connectivity.py says.

Every neuron has its own random stream, every projection another: the spikes depend on the seed and
on the network, not on the number of threads.
"""

from collections.abc import Sequence
from threading import Barrier, BrokenBarrierError, Thread
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cells import Cells, shares
from .connectivity import Bernoulli, FixedInDegree, Pairs
from .delivery import Spikes
from .elements import (
    Drive,
    Poisson,
    Population,
    Projection,
    SpikeTrains,
    check_integer,
    check_network,
    check_number,
)
from .population import GROUP
from .synapse import Conductance, Delta, Exponential
from .wiring import Wiring, expected_bytes, refuse_beyond_memory, steps_of, wire

__all__ = [
    "Bernoulli",
    "Conductance",
    "Delta",
    "Drive",
    "Exponential",
    "FixedInDegree",
    "Pairs",
    "Poisson",
    "Population",
    "Projection",
    "Recording",
    "SpikeTrains",
    "simulate",
]

_LONGEST_BLOCK = 100


class _Trains:
    """Given spike trains ready to run: their spikes by step."""

    def __init__(self, trains: SpikeTrains, steps: int, block: int, dt: float) -> None:
        at = steps_of("times", np.asarray(trains.times, float), dt, least=1) - 1
        ids = np.asarray(trains.ids)[at < steps]
        at = at[at < steps]
        order = np.lexsort((ids, at))
        self._ids, at = ids[order].astype(np.int32), at[order]
        twice = (np.diff(self._ids) == 0) & (np.diff(at) == 0)
        if twice.any():
            raise ValueError(f"ids: train {self._ids[1:][twice][0]} has two spikes at one time")
        self._first = np.searchsorted(at, np.arange(steps + block + 1))
        self._block = block

    def spikes(self, number: int) -> Spikes:
        """Those of block `number`."""
        begin = number * self._block
        return Spikes(self._ids[None], self._first[None, begin : begin + self._block + 1])


def _run(
    cells: Sequence[Cells],
    wires: Sequence[tuple[Wiring, Cells | _Trains, NDArray]],
    steps: int,
    block: int,
    threads: int,
) -> None:
    """All blocks: each thread delivers the spikes of the block before, then advances its share."""
    barrier = Barrier(threads)
    failed: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for number, begin in enumerate(range(0, steps, block)):
                if number:
                    for wiring, source, ring in wires:
                        spikes = source.spikes(number - 1)
                        wiring.deliver(thread, ring, spikes, begin - block)
                for each in cells:
                    each.advance(thread, begin, number, min(block, steps - begin))
                barrier.wait()
        except BrokenBarrierError:
            pass
        except BaseException as error:
            failed.append(error)
            barrier.abort()

    helpers = [Thread(target=work, args=(thread,)) for thread in range(1, threads)]
    for helper in helpers:
        helper.start()
    work(0)
    for helper in helpers:
        helper.join()
    if failed:
        raise failed[0]


class Recording(NamedTuple):
    """What a simulation returns.

    Attributes
    ----------
    times : ndarray, shape (spikes,)
        In s, sorted; multiples of dt.
    ids : ndarray of int64, shape (spikes,)
        Neurons, numbered through the populations in their order; sorted among equal times.
    v : ndarray, shape (steps, recorded neurons)
        V at the end of each step (v_reset after a spike).
    """

    times: NDArray[np.float64]
    ids: NDArray[np.int64]
    v: NDArray[np.float64]


def simulate(
    populations: Sequence[Population],
    projections: Sequence[Projection],
    inputs: Sequence[Poisson | Drive],
    t_stop: float,
    dt: float,
    seed: int,
    threads: int = 1,
    record: Sequence[int] = (),
) -> Recording:
    """Draw the connections and run the network from 0 to `t_stop`.

    Parameters
    ----------
    populations : sequence of Population
        Each once.
    projections, inputs : sequences
        Between and into these populations.
    t_stop, dt : float
        Length of the simulation and of a step in s; `t_stop` is a multiple of `dt`.
    seed : int
        >= 0. The same seed gives the same connections and spikes.
    threads : int
        They meet once per shortest delay; more than one pays from some 10,000 neurons on.
    record : sequence of int
        Neurons (numbered as in the result) whose V is kept.

    Returns
    -------
    Recording

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed: also for delays and given spike times that are
        not multiples of `dt`.
    MemoryError
        Before its arrays are made, if the network needs more memory than is available.
    """
    check_network(populations, projections, inputs)
    check_number("dt", dt)
    check_number("t_stop", t_stop)
    if not dt > 0:
        raise ValueError(f"dt must be > 0 s, not {dt!r}")
    steps = round(t_stop / dt)
    if steps < 0 or abs(t_stop / dt - steps) > 1e-6 * max(steps, 1):
        raise ValueError(f"t_stop must be a multiple of dt = {dt!r} s, not {t_stop!r}")
    check_integer("seed", seed, 0)
    check_integer("threads", threads, 1)
    total = sum(population.n for population in populations)
    for neuron in record:
        check_integer("record", neuron, 0)
        if neuron >= total:
            raise ValueError(f"record must name neurons 0 .. {total - 1}, not {neuron!r}")
    if len(set(record)) < len(record):
        raise ValueError(f"record must name each neuron once, not {record!r}")
    refuse_beyond_memory(
        sum(expected_bytes(projection, threads) for projection in projections), "the synapses"
    )
    wirings = [
        wire(each, np.minimum(shares(each.post.n, threads) * GROUP, each.post.n), dt, seed, number)
        for number, each in enumerate(projections)
    ]
    block = min((w.shortest for w in wirings), default=_LONGEST_BLOCK)
    block = min(block, _LONGEST_BLOCK)
    cells: dict[int, Cells] = {}
    offset = 0
    order = np.argsort(np.asarray(record, np.int64))
    recorded = np.asarray(record, np.int64)[order]
    for number, population in enumerate(populations):
        inside = recorded[(recorded >= offset) & (recorded < offset + population.n)]
        cells[id(population)] = Cells(
            population,
            [w for w in wirings if w.projection.post is population],
            [each for each in inputs if each.post is population],
            steps,
            block,
            dt,
            np.random.SeedSequence(seed, spawn_key=(3, number)),
            threads,
            inside - offset,
            offset,
            total,
        )
        offset += population.n
    sources: dict[int, Cells | _Trains] = {**cells}
    for projection in projections:
        if isinstance(projection.pre, SpikeTrains) and id(projection.pre) not in sources:
            sources[id(projection.pre)] = _Trains(projection.pre, steps, block, dt)
    wires = []
    for wiring in wirings:
        post = cells[id(wiring.projection.post)]
        wires.append((wiring, sources[id(wiring.projection.pre)], post.ring(wiring)))
    _run([*cells.values()], wires, steps, block, threads)
    keys = np.sort(np.concatenate([part for each in cells.values() for part in each.logged()]))
    at, ids = np.divmod(keys, total)
    v = np.empty((steps, len(record)))
    v[:, order] = np.concatenate([each.trace for each in cells.values()], axis=1)
    return Recording((at + 1) * dt, ids, v)
