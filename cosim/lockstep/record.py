"""What a lock-step run recorded, and whether every spike came through, once and in time.

The log has a line for each event: time in ps, kind, number, level. A spike leaves a trail:

* ``analog`` (the wire of an analog neuron rises or falls), ``acknowledge``, ``arrival`` (what the
  core took: its axon; above the axon's bits, the end of a tick);
* ``spike`` (a neuron of the core), ``announced`` and, the delay of the axons later, ``pulse`` (the
  wire of a synapse rises or falls).

`violations` follows each trail. Every rise of neuron k has one acknowledge and one arrival at axon
``first + k`` before it rises again; only the last one may still be under way. Events from elsewhere
arrive in their order; only the last ones may still have to. The core's spikes are
those that the integer network gives for these arrivals, in this order; only those of the last ticks
may be missing. From the core to the synapses every time is known: the n-th pulse of a synapse rises
``2 + delay`` clocks after the n-th spike that is for it or, if that is later, ``width + gap``
clocks after the pulse before.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...analog.granted import recorded
from .system import System

KINDS = ("analog", "acknowledge", "arrival", "spike", "announced", "pulse")
COUNTED = {
    "dropped": "events or synaptic operations that were left out",
    "lost": "pulses that were left out, as too many waited for their synapse",
    "late": "ticks that ended before the core had begun with the one before",
}
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Events:
    """Events of one kind, in the order in which they happened: times in ps, numbers, levels."""

    times: Ints
    numbers: Ints
    levels: Ints

    @property
    def rises(self) -> tuple[Ints, Ints]:
        """Times and numbers of those with level 1."""
        up = self.levels == 1
        return self.times[up], self.numbers[up]


@dataclass(frozen=True, eq=False)
class Record:
    """A run.

    Attributes
    ----------
    folder : Path
        Where all files are.
    events : dict of str to Events
        By kind; those that have a level rise and fall.
    reached : int
        Time in ps up to which both sides came.
    reset : int
        Time of the Verilog simulator in ps at which the chip's time begins.
    rounds : int
        How often the master let the groups run.
    grants : tuple of int
        Of each group.
    counters : dict of str to int
        ``dropped``, ``saturated``, ``lost`` and ``late`` of `MixedCore`.
    """

    folder: Path
    events: dict[str, Events]
    reached: int
    reset: int
    rounds: int
    grants: tuple[int, ...]
    counters: dict[str, int]

    def voltages(self, group: int) -> dict[str, NDArray[np.float64]]:
        """Every accepted time point of a group; see `rheobase.analog.granted.recorded`."""
        return recorded(f"group{group}", self.folder)


def read(folder: Path) -> tuple[Record, str | None]:
    """What a run left in its folder, and why it ended early, if it did.

    A run whose simulator ended before it could say why has the events up to then, and no counters.
    """
    rows: dict[str, list[tuple[int, int, int]]] = {kind: [] for kind in KINDS}
    log = folder / "events.csv"
    lines = log.read_text().split("\n") if log.exists() else [""]
    for line in lines[:-1]:  # the last one is empty, or cut
        time, kind, number, level = line.split(",")
        rows[kind].append((int(time), int(number), int(level)))
    columns = {kind: np.array(found, np.int64).reshape(-1, 3).T for kind, found in rows.items()}
    last = max((int(found[0, -1]) for found in columns.values() if found.size), default=0)
    told: dict[str, Any] = {"reason": "the Verilog simulator ended early"}
    if (outcome := folder / "outcome.json").exists():
        told = json.loads(outcome.read_text())
    reason = told.pop("reason")
    begun = folder / "begun.json"
    reset = json.loads(begun.read_text())["reset"] if begun.exists() else 0
    record = Record(
        folder,
        {kind: Events(*found) for kind, found in columns.items()},
        told.pop("reached", last),
        reset,
        told.pop("rounds", 0),
        tuple(told.pop("grants", ())),
        told,
    )
    return record, reason


def violations(system: System, record: Record) -> list[str]:
    """Spikes that were lost, doubled or late, and counters that say so; empty if all is well."""
    counted = [
        f"the core has counted {record.counters[name]} {what}"
        for name, what in COUNTED.items()
        if record.counters.get(name)
    ]
    steps = (_into_the_core, _from_elsewhere, _through_the_core, _out_of_the_core)
    return [*(each for step in steps for each in step(system, record)), *counted]


def _into_the_core(system: System, record: Record) -> list[str]:
    wrong = []
    spikes, fired = record.events["analog"].rises
    for neuron in range(system.neurons):
        mine = spikes[fired == neuron]
        recent = bool(mine.size and record.reached - mine[-1] < system.patience)
        for kind, number in (("acknowledge", neuron), ("arrival", system.first + neuron)):
            found = record.events[kind]
            times = found.times[found.numbers == number]
            many = times.size
            complete = many == mine.size or (recent and many == mine.size - 1)
            if not complete or not (
                np.all(mine[:many] < times) and np.all(times[: mine.size - 1] < mine[1 : many + 1])
            ):
                wrong.append(
                    f"analog neuron {neuron}: {mine.size} spikes, {many} {kind}s, which must be"
                    " as many and each between its spike and the next"
                )
    return wrong


def _from_elsewhere(system: System, record: Record) -> list[str]:
    arrivals = record.events["arrival"]
    mine = (arrivals.numbers < system.core.network.axons) & (
        (arrivals.numbers < system.first) | (arrivals.numbers >= system.first + system.neurons)
    )
    times, axons = np.array(system.events, np.int64).reshape(-1, 2).T
    due, overdue = (
        int(np.count_nonzero(times < record.reached - since)) for since in (0, system.patience)
    )
    n = int(np.count_nonzero(mine))
    if (
        overdue <= n <= due
        and np.array_equal(arrivals.numbers[mine], axons[:n])
        and np.all(arrivals.times[mine] > times[:n])
    ):
        return []
    return [f"{due} events from elsewhere, {n} arrivals, which must be those, each after its event"]


def _through_the_core(system: System, record: Record) -> list[str]:
    arrivals, found = record.events["arrival"], record.events["spike"].numbers
    ends = arrivals.numbers == 1 << system.core.i.payload.shape()["axon"].width
    ticks, steps = np.cumsum(ends), int(np.count_nonzero(ends))
    if not steps:
        return []
    taken = ~ends & (ticks < steps)
    network = system.core.network
    ticks, expected = network.run(ticks[taken], arrivals.numbers[taken], steps).spikes
    overdue = arrivals.times[ends][ticks] < record.reached - system.patience
    n = found.size
    if np.count_nonzero(overdue) <= n <= expected.size and np.array_equal(found, expected[:n]):
        return []
    return [
        f"the core: {n} spikes by {record.reached} ps, which are not the {expected.size} (the last"
        " ones in part later) of the integer network with these arrivals"
    ]


def _out_of_the_core(system: System, record: Record) -> list[str]:
    wrong = []
    spikes = record.events["spike"]
    rises, wires = record.events["pulse"].rises
    through = (2 + system.delay) * system.clock
    apart = (system.width + system.gap) * system.clock
    for synapse in range(system.synapses):
        sources = [j for j, route in enumerate(system.routes) if synapse in route]
        expected: list[int] = []
        for asked in spikes.times[np.isin(spikes.numbers, sources)].tolist():
            rise = max(asked + through, expected[-1] + apart if expected else 0)
            expected.append(rise)
        found = rises[wires == synapse].tolist()
        if found != [rise for rise in expected if rise < record.reached]:
            wrong.append(
                f"synapse {synapse}: {len(found)} pulses by {record.reached} ps, not the"
                f" {len(expected)} (in part later) that the core's spikes ask for, at their times"
            )
    return wrong
