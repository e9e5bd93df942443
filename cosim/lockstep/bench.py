"""The master of time: a cocotb test bench that runs inside the Verilog simulator.

Both halves of the chip stand at the time `now`. The master repeats::

    1. horizon = now + lookahead. All pulses up to there have been announced by the core.
    2. Each group that stands at `now`, and any that has half the lookahead before it, is granted
       the time up to the horizon, with the pulses that it does not know yet. They run at once.
    3. Each answers how far it came: to the horizon, or to just behind a crossing of its spike node.
    4. safe = the least that any group has reached. All crossings up to there are known. The Verilog
       simulator runs up to `safe`, and each crossing is put on its wire at its own time.
    5. now = safe.

So no side ever gets an event of its past, and nothing has to be taken back: the Verilog simulator
follows the analog groups, and these lead by no more than the delay that every pulse still has to
pass. What the wires of the pulses then do is held against what was announced.

A run ends early, with a reason, when a group fails, a spike is not acknowledged, a neuron fires
while its wire is still busy, or a pulse is not as announced. Every event is written down as it
happens (`record` reads it), so a run that ends, however it ends, leaves what it had.
"""

import json
from pathlib import Path
from typing import Any, TextIO

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer
from cocotb.utils import get_sim_time

from ...analog.granted import Change, Granted
from ...analog.ngspice import NgspiceError

RESET = 4  # clocks


class StoppedError(Exception):
    """The run cannot go on; says why."""


class Master:
    """Both simulators, and what is known of their wires."""

    def __init__(self, dut: Any, job: dict[str, Any], log: TextIO) -> None:
        self.dut, self.job, self.log = dut, job, log
        self.now = self.spikes = self.acknowledged = self.rounds = 0
        self.waiting: dict[int, int] = {}  # by analog neuron: the spike not yet acknowledged
        self.announced: list[tuple[int, int]] = []  # times and levels of all wires, still to come
        self.wrong: str | None = None  # what a watcher found
        self.groups: list[Granted] = []
        self.neurons: list[int] = []  # the first neuron of each group
        self.synapses: list[int] = []  # its first synapse, and that of the next group
        self.unknown: list[list[Change]] = []  # pulses that a group has not been told of
        self.grants: list[int] = []

    def start(self) -> None:
        """Start the groups."""
        neurons = synapses = 0
        for name, sizes in self.job["groups"].items():
            self.groups.append(Granted(name, Path(), self.job["timeout"]))
            self.neurons.append(neurons)
            self.synapses.append(synapses)
            self.unknown.append([])
            self.grants.append(0)
            neurons, synapses = neurons + sizes[0], synapses + sizes[1]

    def close(self) -> None:
        """End the groups."""
        for group in self.groups:
            group.close()

    def time(self) -> int:
        """Time of the chip in ps: since the end of reset."""
        return int(get_sim_time("ps")) - self.job["reset"]

    def note(self, kind: str, index: int, level: int = 1, time: int | None = None) -> None:
        """Write an event down."""
        self.log.write(f"{self.time() if time is None else time},{kind},{index},{level}\n")

    # ------------------------------------------------------------------ the core

    async def reset(self) -> None:
        """Reset the core; the chip's time begins with a rising edge of its clock."""
        dut = self.dut
        Clock(dut.clk, self.job["clock"], unit="ps").start()
        dut.rst.value, dut.spikes.value = 1, 0
        dut.i__valid.value, dut.i__payload.value = 0, 0
        for _ in range(RESET):
            await RisingEdge(dut.clk)
        dut.rst.value = 0
        self.job["reset"] = int(get_sim_time("ps"))

    async def watch_announced(self) -> None:
        """Pulses, the delay of the axons before they come."""
        levels, delay = 0, self.job["delay"] * self.job["clock"]
        while True:
            await self.dut.announced.value_change
            due, new = self.time() + delay, int(self.dut.announced.value)
            if self.announced and self.announced[-1][0] == due:
                self.announced.pop()  # bits that change together come one by one
            self.announced.append((due, new))
            for synapse in bits(new ^ levels):
                group = max(g for g, first in enumerate(self.synapses) if first <= synapse)
                change = Change(due, synapse - self.synapses[group], new >> synapse & 1)
                self.unknown[group].append(change)
            levels = new

    async def watch_pulses(self) -> None:
        """The pulses themselves."""
        levels = 0
        while True:
            await self.dut.pulses.value_change
            new = int(self.dut.pulses.value)
            if not self.announced or (self.time(), new) != self.announced.pop(0):
                self.wrong = f"the core gave pulses {new:b} that it had not announced so"
            for synapse in bits(new ^ levels):
                self.note("pulse", synapse, new >> synapse & 1)
            levels = new

    async def watch_acknowledge(self) -> None:
        """The answers to spikes."""
        while True:
            await self.dut.acknowledge.value_change
            new = int(self.dut.acknowledge.value)
            for neuron in bits(new & ~self.acknowledged):
                self.note("acknowledge", neuron)
                if self.waiting.pop(neuron, None) is None:
                    self.wrong = f"the core acknowledged a spike of neuron {neuron} that none was"
            self.acknowledged = new

    async def watch_last(self, kind: str) -> None:
        """`arrival` or `spike`, which change with each."""
        signal = getattr(self.dut, kind)
        mask = (1 << (len(signal) - 1)) - 1
        while True:
            await signal.value_change
            self.note(kind, int(signal.value) & mask)

    async def offer(self) -> None:
        """Events from elsewhere, each at its time or as soon as the core takes it."""
        dut = self.dut
        for time, axon in self.job["events"]:
            if (wait := time - self.time()) > 0:
                dut.i__valid.value = 0
                await Timer(wait, "ps")
            dut.i__valid.value, dut.i__payload.value = 1, axon
            await RisingEdge(dut.clk)
            while not int(dut.i__ready.value):
                await RisingEdge(dut.clk)
        dut.i__valid.value = 0

    # ------------------------------------------------------------------ both

    def lead(self) -> list[tuple[int, int, int]]:
        """Let the groups run; crossings in the order of their times: time, neuron, level."""
        horizon = min(self.now + self.job["lookahead"], self.job["stop"])
        enough = self.job["lookahead"] // 2
        granted = []
        for g, group in enumerate(self.groups):
            if group.reached == self.now or horizon - group.reached > enough:
                group.grant(horizon, self.unknown[g])
                self.unknown[g] = []
                self.grants[g] += 1
                granted.append(g)
        self.rounds += 1
        return [
            (change.time, self.neurons[g] + change.wire, change.level)
            for g in granted
            for change in self.groups[g].answer()
        ]

    async def advance(self, time: int) -> None:
        """Run the Verilog simulator up to a time."""
        if time > self.now:
            await Timer(time - self.now, "ps")
            self.now = time
        if self.wrong is not None:
            raise StoppedError(self.wrong)
        for neuron, since in self.waiting.items():
            if self.now - since > self.job["patience"]:
                raise StoppedError(
                    f"the core has not acknowledged the spike of analog neuron {neuron} at"
                    f" {since} ps, {self.job['patience']} ps ago"
                )

    def cross(self, neuron: int, level: int) -> None:
        """Put a crossing on its wire."""
        if level:
            if neuron in self.waiting or self.acknowledged >> neuron & 1:
                raise StoppedError(
                    f"analog neuron {neuron} fired while the handshake of its last spike was under"
                    " way: this spike is lost. The clock is too slow for it"
                )
            self.waiting[neuron] = self.now
        self.spikes ^= 1 << neuron
        self.dut.spikes.value = self.spikes
        self.note("analog", neuron, level)

    async def run(self) -> None:
        """Until the stop."""
        await self.reset()
        for watcher in (
            self.watch_announced(),
            self.watch_pulses(),
            self.watch_acknowledge(),
            self.watch_last("arrival"),
            self.watch_last("spike"),
            self.offer(),
        ):
            cocotb.start_soon(watcher)
        crossings: list[tuple[int, int, int]] = []
        while self.now < self.job["stop"]:
            crossings = sorted(crossings + self.lead())
            safe = min(group.reached for group in self.groups)
            while crossings and crossings[0][0] <= safe:
                time, neuron, level = crossings.pop(0)
                await self.advance(time)
                self.cross(neuron, level)
            await self.advance(safe)


def bits(word: int) -> list[int]:
    """The numbers of the bits that are set."""
    return [k for k in range(word.bit_length()) if word >> k & 1]


@cocotb.test()
async def lockstep(dut: Any) -> None:
    """Run the job in the working folder and write what happened."""
    job = json.loads(Path("job.json").read_text())
    reason = None
    with open("events.csv", "w", buffering=1) as log:
        master = Master(dut, job, log)
        try:
            master.start()
            await master.run()
        except (NgspiceError, StoppedError) as error:
            reason = str(error)
        finally:
            master.close()
    counters = ("dropped", "saturated", "lost", "late")
    outcome = {
        "reason": reason,
        "reached": master.now,
        "reset": job["reset"],
        "rounds": master.rounds,
        "grants": master.grants,
    } | {name: int(getattr(dut, name).value) for name in counters}
    Path("outcome.json").write_text(json.dumps(outcome))
