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

A run ends early, with a reason, when a group fails, a handshake does not end, a neuron fires
during its last one's, or a pulse is not as announced. Should the Verilog simulator need
longer for a step than the wall-clock limit, an alarm ends its process: it may turn for ever in one
point of time, where no Python can run. `harness` writes every event down as it happens (`record`
reads it), so a run that ends, however it ends, leaves what it had.
"""

import json
from pathlib import Path
from signal import ITIMER_REAL, setitimer
from typing import Any, TextIO

import cocotb
from cocotb.triggers import FallingEdge, Timer
from cocotb.utils import get_sim_time

from ...analog.granted import Change, Granted
from ...analog.ngspice import NgspiceError

COUNTERS = ("dropped", "saturated", "lost", "late")


class StoppedError(Exception):
    """The run cannot go on; says why."""


class Master:
    """Both simulators, and what is known of their wires."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.job: dict[str, Any] = json.loads(Path("job.json").read_text())
        self.now = self.spikes = self.rounds = 0
        self.begin = 0  # time of the simulator at which the chip's begins
        self.waiting: dict[int, int] = {}  # by analog neuron: a spike whose handshake may last
        self.open: set[tuple[int, str, str]] = set()  # announced and not come, or the reverse
        self.groups: list[Granted] = []
        self.neurons: list[int] = []  # the first neuron of each group
        self.synapses: list[tuple[int, int]] = []  # the group of each, and its number there
        self.unknown: list[list[Change]] = []  # pulses that a group has not been told of
        self.grants: list[int] = []

    def start(self) -> None:
        """Start the groups."""
        before = 0
        for g, (name, (neurons, synapses)) in enumerate(self.job["groups"].items()):
            self.groups.append(Granted(name, Path(), self.job["timeout"]))
            self.neurons.append(before)
            self.synapses += [(g, k) for k in range(synapses)]
            self.unknown.append([])
            self.grants.append(0)
            before += neurons

    def close(self) -> None:
        """End the groups."""
        for group in self.groups:
            group.close()

    def time(self) -> int:
        """Time of the chip in ps: since the end of reset. A step of the simulator is 1 ps."""
        return get_sim_time() - self.begin

    def pending(self, neuron: int) -> bool:
        """Whether the handshake of an analog neuron's last spike is under way."""
        return bool(int(self.dut.pending.value) >> neuron & 1)

    # ------------------------------------------------------------------ the core

    async def reset(self) -> None:
        """Wait for the end of the core's reset: the chip's time begins."""
        alarm(self.job["timeout"])
        await FallingEdge(self.dut.rst)
        alarm(0)
        self.begin = get_sim_time()
        Path("begun.json").write_text(json.dumps({"reset": self.begin}))

    def read_on(self, log: TextIO) -> None:
        """Read what the log has got since: pulses, the delay of the axons before they come.

        Each has to come at that time, and no other. That is judged a lookahead later: a simulator
        in which Verilog says ``$finish`` may let the master come so far, without the core.
        """
        delay = self.job["delay"] * self.job["clock"]
        for line in log:
            time, kind, number, level = line.rstrip().split(",")
            if kind == "announced":
                group, wire = self.synapses[int(number)]
                self.unknown[group].append(Change(int(time) + delay, wire, int(level)))
                self.open ^= {(int(time) + delay, number, level)}
            elif kind == "pulse":
                self.open ^= {(int(time), number, level)}
        for at, synapse, to in self.open:
            if at < self.now - self.job["lookahead"]:
                raise StoppedError(
                    f"synapse {synapse} got the level {to} at {at} ps, or did not, which the core"
                    " had not announced so"
                )

    async def offer(self) -> None:
        """Events from elsewhere, each at its time or as soon as the core takes it.

        All at times of falling edges, at which nothing else changes: simulators do not agree on
        what a rising edge sees of what is written then, or has changed of what is read.
        """
        dut, clock = self.dut, self.job["clock"]
        await Timer(clock // 2)
        for time, axon in self.job["events"]:
            if (wait := time - self.time()) > 0:
                dut.i__valid.value = 0
                await Timer(wait + (clock // 2 - time) % clock)
            dut.i__valid.value, dut.i__payload.value = 1, axon
            while not int(dut.i__ready.value):
                await Timer(clock)
            await Timer(clock)
        dut.i__valid.value = 0

    # ------------------------------------------------------------------ both

    def lead(self) -> list[tuple[int, int, int]]:
        """Let the groups run as far as they may; crossings: time, neuron, level."""
        horizon = min(self.now + self.job["lookahead"], self.job["stop"])
        enough = self.job["lookahead"] // 2
        chosen = [
            g
            for g, group in enumerate(self.groups)
            if group.reached == self.now or horizon - group.reached > enough
        ]
        return self.grant(chosen, horizon)

    def grant(self, chosen: list[int], until: int) -> list[tuple[int, int, int]]:
        """Let some groups run up to a time, at once, and wait for all of them."""
        for g in chosen:
            self.groups[g].grant(until, self.unknown[g])
            self.unknown[g] = []
            self.grants[g] += 1
        self.rounds += 1
        return [
            (change.time, self.neurons[g] + change.wire, change.level)
            for g in chosen
            for change in self.groups[g].answer()
        ]

    async def advance(self, time: int) -> None:
        """Run the Verilog simulator up to a time."""
        if time > self.now:
            alarm(self.job["timeout"])
            await Timer(time - self.now)
            alarm(0)
            self.now = time
        patience = self.job["patience"]
        for neuron in [k for k, since in self.waiting.items() if time - since > patience]:
            since = self.waiting.pop(neuron)
            if self.pending(neuron):
                raise StoppedError(
                    f"the core has not ended the handshake of the spike of analog neuron {neuron}"
                    f" at {since} ps, {patience} ps ago"
                )

    def cross(self, neuron: int, level: int) -> None:
        """Put a crossing on its wire."""
        if level:
            if self.pending(neuron):
                raise StoppedError(
                    f"analog neuron {neuron} fired while the handshake of its last spike was under"
                    " way: this spike is lost. The clock is too slow for it"
                )
            self.waiting[neuron] = self.now
        self.spikes ^= 1 << neuron
        self.dut.spikes.value = self.spikes

    async def run(self) -> None:
        """Until the stop."""
        await self.reset()
        cocotb.start_soon(self.offer())
        crossings: list[tuple[int, int, int]] = []
        with open("events.csv") as log:
            while self.now < self.job["stop"]:
                crossings = sorted(crossings + self.lead())
                safe = min(group.reached for group in self.groups)
                while crossings and crossings[0][0] <= safe:
                    time, neuron, level = crossings.pop(0)
                    await self.advance(time)
                    self.cross(neuron, level)
                await self.advance(safe)
                self.read_on(log)


def alarm(seconds: float) -> None:
    """End this process by SIGALRM then, unless set anew; 0 for never."""
    setitimer(ITIMER_REAL, seconds)


async def carry_out(master: Master) -> None:
    """Let a master run, and write how it ended."""
    reason = None
    try:
        master.start()
        await master.run()
    except (NgspiceError, StoppedError) as error:
        reason = str(error)
    finally:
        master.close()
    counters = {name: getattr(master.dut, name).value for name in COUNTERS}
    outcome = {
        "reason": reason,
        "reached": master.now,
        "rounds": master.rounds,
        "grants": master.grants,
    } | {name: int(value) for name, value in counters.items() if value.is_resolvable}
    Path("outcome.json").write_text(json.dumps(outcome))


@cocotb.test()
async def lockstep(dut: Any) -> None:
    """Run the job in the working folder."""
    await carry_out(Master(dut))
