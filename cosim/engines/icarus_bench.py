"""The cocotb test bench that `icarus` runs inside the simulator, in its working folder.

One loop, one turn per rising clock edge. What it reads there are the values before the edge: they
decide which handshakes that edge completes. What it writes holds until the next edge.
"""

import json
import random
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.handle import SimHandleBase
from cocotb.triggers import RisingEdge

PERIOD_NS = 10
SETTLE = 64  # clocks after the last marker
PATIENCE = 1000  # open clocks per neuron without a transfer, after which a core counts as hung


class Bench:
    """Source of currents, sink of events, and the monitor of both streams."""

    def __init__(self, dut: Any, job: dict[str, Any], currents: list[int]) -> None:
        self.dut = dut
        self.job = job
        self.currents = currents
        self.random = random.Random(job["seed"])
        self.events: list[tuple[int, int]] = []
        self.faults: dict[str, int] = {}
        self.updates = self.cycles = self.stalls = self.gaps = 0

    def fault(self, what: str) -> None:
        """Count a violation."""
        self.faults[what] = self.faults.get(what, 0) + 1

    async def reset(self) -> None:
        """Two clocks of reset, both streams idle."""
        dut = self.dut
        Clock(dut.clk, PERIOD_NS, unit="ns").start()
        dut.rst.value, dut.i__valid.value, dut.i__payload.value, dut.o__ready.value = 1, 0, 0, 0
        for _ in range(2):
            await RisingEdge(dut.clk)
        dut.rst.value = 0

    async def run(self) -> None:
        """Offer all currents, take all events, and watch."""
        dut, job, currents = self.dut, self.job, self.currents
        i_valid, i_ready, i_payload = dut.i__valid, dut.i__ready, dut.i__payload
        o_valid, o_ready, o_payload = dut.o__valid, dut.o__ready, dut.o__payload
        mask = (1 << job["input_width"]) - 1
        markers = last_transfer = extra = 0
        waiting: int | None = None
        patience = PATIENCE * job["n"] / (1 - max(job["idle"], job["backpressure"]))
        edge = RisingEdge(dut.clk)
        while extra < SETTLE and self.cycles - last_transfer < patience:
            pending = self.updates < len(currents)
            offer = pending and self.random.random() >= job["idle"]
            accept = self.random.random() >= job["backpressure"]
            i_valid.value = int(offer)
            i_payload.value = currents[self.updates] & mask if offer else 0
            o_ready.value = int(accept)
            await edge

            handshakes = (i_ready.value, o_valid.value)
            known = all(value.is_resolvable for value in handshakes)
            open_, valid = map(int, handshakes) if known else (0, 0)
            event = o_payload.value if valid else None
            if not known or (event is not None and not event.is_resolvable):
                self.fault("unknown values (x or z) on the outputs")
                return
            payload = None if event is None else int(event)
            if waiting is not None and payload != waiting:
                self.fault("events withdrawn or changed while they waited")
            stalled = payload is not None and not accept
            waiting = payload if stalled else None
            self.stalls += stalled
            self.gaps += bool(open_ and not offer and pending)
            if open_ and self.cycles < job["n"]:
                self.fault("ready for a current during the clearing sweep")
            if open_ and stalled:
                self.fault("ready for a current while an event waited")
            if payload is not None and accept:
                self.events.append((self.cycles, payload))
                markers += payload >> job["last_bit"] & 1
                last_transfer = self.cycles
            if offer and open_:
                self.updates += 1
                last_transfer = self.cycles
            self.cycles += 1
            extra += self.updates == len(currents) and markers >= job["steps"]
        if self.updates < len(currents):
            self.faults[f"hung: took {self.updates} of {len(currents)} currents"] = 1


def wrong_ports(dut: SimHandleBase, job: dict[str, Any]) -> list[str]:
    """Every port that is missing or of another width."""
    widths = dict.fromkeys(("clk", "rst", "i__valid", "i__ready", "o__valid", "o__ready"), 1)
    widths |= {"i__payload": job["input_width"], "o__payload": job["last_bit"] + 1}
    wrong = []
    for name, width in widths.items():
        port = getattr(dut, name, None)
        if port is None or len(port) != width:
            found = "missing" if port is None else f"{len(port)} bits"
            wrong.append(f"{name} ({width} bits) is {found}")
    return wrong


@cocotb.test()
async def bench(dut: Any) -> None:
    """Run the job in the working folder and write what happened."""
    job = json.loads(Path("job.json").read_text())
    if wrong := wrong_ports(dut, job):
        Path("result.json").write_text(json.dumps({"wrong ports": wrong}))
        return
    bench = Bench(dut, job, np.load("currents.npy").tolist())
    await bench.reset()
    await bench.run()
    np.save("events.npy", np.array(bench.events, np.int64).reshape(-1, 2))
    result = {
        "updates": bench.updates,
        "cycles": bench.cycles,
        "stalls": bench.stalls,
        "gaps": bench.gaps,
        "violations": [f"{count} x {what}" for what, count in bench.faults.items()],
    }
    Path("result.json").write_text(json.dumps(result))
