"""Address events: every spike once, whatever its time and width; pulses that wait in line."""

from random import Random

import pytest
from amaranth.lib.wiring import Component
from amaranth.sim import Simulator

from rheobase.hdl.aer import LATENCY, Requests
from rheobase.hdl.pulses import WAITING, Pulses

CLOCK = 10_000  # ps
N = 5


def simulate(dut: Component, *benches) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(CLOCK * 1e-12)
    for bench in benches:
        simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("width", [1_234, 400_123], ids=["short pulses", "long pulses"])
@pytest.mark.parametrize("stall", [0.0, 0.6])
def test_every_spike_comes_once_and_its_handshake_ends_in_time(width: int, stall: float) -> None:
    """Random spikes on five wires, some at once; one per wire and microsecond."""
    random, dut = Random(width), Requests(N)
    spikes: list[tuple[int, int]] = []
    for wire in range(N):
        spikes += [(k * 1_000_000 + random.choice((7, random.randrange(500_000))), wire)
                   for k in range(1, 20)]  # fmt: skip
    edges = sorted((t + d, wire, level) for t, wire in spikes for d, level in ((0, 1), (width, 0)))
    taken: list[int] = []
    late: list[tuple[int, int]] = []

    async def wires(ctx) -> None:
        now = word = 0
        for time, wire, level in edges:
            if time > now:
                await ctx.delay((time - now) * 1e-12)
                now = time
            if level and ctx.get(dut.acknowledge) >> wire & 1:
                late.append((time, wire))
            word = word & ~(1 << wire) | level << wire
            ctx.set(dut.spikes, word)
        await ctx.delay(5e-7)

    async def sink(ctx) -> None:
        for _ in range(2_200):
            ready = random.random() >= stall
            ctx.set(dut.o.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid and ready:
                taken.append(payload)

    simulate(dut, wires, sink)
    assert [taken.count(wire) for wire in range(N)] == [19] * N
    assert late == []


@pytest.mark.parametrize("others", [0, N - 1])
def test_a_handshake_takes_as_many_clocks_as_stated(others: int) -> None:
    dut = Requests(N)
    ends: list[int] = []

    async def wire(ctx) -> None:
        ctx.set(dut.o.ready, 1)
        await ctx.delay(CLOCK * 10.3e-12)
        ctx.set(dut.spikes, (1 << others + 1) - 1)
        seen = 0
        for clock in range(1, 40):
            await ctx.tick()
            now = ctx.get(dut.acknowledge)
            ends.extend([clock] * (seen & ~now).bit_count())
            seen = now

    simulate(dut, wire)
    assert len(ends) == others + 1
    assert max(ends) == LATENCY + others


def test_pulses_wait_and_those_beyond_are_counted() -> None:
    """Twenty spikes in a row: one is out, `WAITING` wait, and one more leaves while they come."""
    width, gap, delay, spikes = 12, 3, 7, 20
    dut = Pulses([[0], [1], []], 2, width, gap, delay)
    levels: list[int] = []
    lost: list[int] = []

    async def bench(ctx) -> None:
        for clock in range((WAITING + 4) * (width + gap)):
            ctx.set(dut.valid, clock < spikes)
            await ctx.tick()
            levels.append(ctx.get(dut.pulses))
        lost.append(ctx.get(dut.lost))

    simulate(dut, bench)
    rises = [k for k in range(1, len(levels)) if levels[k] & ~levels[k - 1]]
    falls = [k for k in range(1, len(levels)) if levels[k - 1] & ~levels[k]]
    passed = WAITING + 2  # the second leaves after width + gap = 15 clocks, within the twenty
    assert max(levels) == 1
    assert lost == [spikes - passed]
    assert rises == [3 + delay - 1 + (width + gap) * k for k in range(passed)]
    assert falls == [rise + width for rise in rises]
