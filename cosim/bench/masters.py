"""Test benches in the Verilog simulator, for `lockstep`: masters that write down what a run costs.

``cost.json`` has the CPU time in s, user and system, of the simulator's process from the end of
reset to the stop, and of the groups' processes. COCOTB_TEST_FILTER chooses the master.
"""

import json
import resource
from pathlib import Path
from typing import Any

import cocotb

from ..lockstep.bench import Master, carry_out


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


class Bridged(Measured):
    """cocotbext-ams: ngspice in a thread of the simulator's process, all neurons in one deck.

    The deck is the subcircuit ``neurons`` of ``neurons.cir``. Its sources get ``external`` without
    ``dc 0`` before it, with which libngspice 39 ends by a segmentation fault.
    """

    def start(self) -> None:
        """There are no processes of groups."""

    async def run(self) -> None:
        """Until the stop."""
        from cocotbext.ams import AnalogBlock, DigitalPin, MixedSignalBridge, _bridge

        grants = self.grants = [0]

        class Bridge(MixedSignalBridge):
            """Counts how often both sides meet."""

            def _read_analog_outputs(self, block: AnalogBlock) -> None:
                grants[0] += 1
                super()._read_analog_outputs(block)

        generate = _bridge.generate_netlist
        _bridge.generate_netlist = lambda **given: [
            line.replace(" dc 0 external", " external") for line in generate(**given)
        ]
        deck = json.loads(Path("neurons.json").read_text())
        pins = {
            name: DigitalPin(direction, len(getattr(self.dut, name)), deck["high"])
            for name, direction in (("pulses", "input"), ("spikes", "output"))
        }
        block = AnalogBlock(
            "neurons",
            "neurons.cir",
            "neurons",
            pins,
            vdd=deck["high"],
            tran_step=repr(deck["step"]),
            extra_lines=[deck["options"]],
        )
        await self.reset()
        await Bridge(self.dut, [block]).start(self.job["stop"] / 1000)
        self.now = self.time()


def cpu(who: int) -> float:
    """CPU time so far in s, user and system."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


@cocotb.test()
async def lockstep(dut: Any) -> None:
    """Lock-step."""
    await carry_out(Measured(dut))


@cocotb.test()
async def steps(dut: Any) -> None:
    """Fixed steps."""
    await carry_out(FixedStep(dut))


@cocotb.test()
async def bridge(dut: Any) -> None:
    """cocotbext-ams."""
    await carry_out(Bridged(dut))
