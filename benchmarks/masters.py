"""Test benches in the Verilog simulator, for `lockstep`: masters that write down what a run costs.

``cost.json`` has the CPU time in s, user and system, of the simulator's process from the end of
reset to the stop, and of the groups' processes.
"""

import json
import os
import resource
from pathlib import Path
from typing import Any

import cocotb

from rheobase.cosim.lockstep.bench import Master, carry_out


class Measured(Master):
    """The master of lock-step."""

    async def reset(self) -> None:
        """Begin to measure after the reset."""
        await super().reset()
        self.before = cpu(resource.RUSAGE_SELF)

    def close(self) -> None:
        """Write the costs when the groups have ended."""
        own = cpu(resource.RUSAGE_SELF) - self.before
        super().close()
        groups = cpu(resource.RUSAGE_CHILDREN)
        Path("cost.json").write_text(json.dumps({"simulator": own, "groups": groups}))


class FixedStep(Measured):
    """A master by which both sides meet at the end of every step, of the length of the lookahead.

    There a crossing gets on its wire: up to a step late.
    """

    def lead(self) -> list[tuple[int, int, int]]:
        """Let each group run to the end of the step; crossings count from there on."""
        end = min(self.now + self.job["lookahead"], self.job["stop"])
        found = []
        while behind := [g for g, group in enumerate(self.groups) if group.reached < end]:
            found += self.grant(behind, end)
        return [(end, neuron, level) for _, neuron, level in sorted(found)]


def cpu(who: int) -> float:
    """CPU time so far in s, user and system."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


@cocotb.test()
async def measured(dut: Any) -> None:
    """Run the job in the working folder."""
    await carry_out(FixedStep(dut) if "FIXED_STEP" in os.environ else Measured(dut))
