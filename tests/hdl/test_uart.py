"""The serial line, bit by bit: bytes through both ends, clocks that differ, noise."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from rheobase.hdl.uart import Receiver, Transmitter


def simulate(component: Any, bench: Any) -> None:
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def received(divisor: int, line: list[int]) -> tuple[list[int], int]:
    """Bytes, and how many were broken."""
    receiver = Receiver(divisor)
    found: list[int] = []
    broken = 0

    async def bench(ctx: Any) -> None:
        nonlocal broken
        for level in line + [1] * 3 * divisor:
            ctx.set(receiver.rx, level)
            if ctx.get(receiver.valid):
                found.append(ctx.get(receiver.o))
            broken += ctx.get(receiver.broken)
            await ctx.tick()

    simulate(receiver, bench)
    return found, broken


def line_of(data: list[int], clocks: float, stop: int = 1) -> list[int]:
    """Levels, clock by clock, of bytes one after the other whose bits last `clocks`."""
    bits = [level for byte in data for level in (0, *(byte >> k & 1 for k in range(8)), stop)]
    return [bits[int(k / clocks)] for k in range(int(len(bits) * clocks))]


DATA = np.random.default_rng(1).integers(0, 256, 60).tolist()


@pytest.mark.parametrize("divisor", [4, 5, 16])
def test_transmitted_bytes_have_the_stated_form(divisor: int) -> None:
    transmitter = Transmitter(divisor)
    levels: list[int] = []

    async def bench(ctx: Any) -> None:
        left = list(DATA)
        for _ in range(len(DATA) * (10 * divisor + 1) + 5):
            ctx.set(transmitter.i.valid, bool(left))
            ctx.set(transmitter.i.payload, left[0] if left else 0)
            if left and ctx.get(transmitter.i.ready):
                left.pop(0)
            levels.append(ctx.get(transmitter.tx))
            await ctx.tick()

    simulate(transmitter, bench)
    first = levels.index(0)
    for number, byte in enumerate(DATA):  # a clock between two bytes
        begin = first + number * (10 * divisor + 1)
        assert levels[begin : begin + 10 * divisor] == line_of([byte], divisor)


@pytest.mark.parametrize("clocks", [15.6, 16, 16.4])
def test_clocks_may_differ(clocks: float) -> None:
    assert received(16, line_of(DATA, clocks)) == (DATA, 0)


def test_the_smallest_divisor() -> None:
    assert received(4, line_of(DATA, 4)) == (DATA, 0)


def test_what_has_no_start_or_stop_is_no_byte() -> None:
    spike = [0] * 5 + [1] * 40  # shorter than half a bit
    assert received(16, spike + line_of([0x55], 16)) == ([0x55], 0)
    found, broken = received(16, line_of([0xFF], 16, stop=0) + [1] * 40 + line_of([0x55], 16))
    assert found[-1] == 0x55 and 0xFF not in found[:-1] and broken == 1
