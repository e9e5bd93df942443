"""Synapse memories with a single port: a write holds up the rows, and nothing is lost."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const
from amaranth.sim import Simulator

from rheobase.hdl.synapses import DenseRows, Rows, SparseRows
from rheobase.hdl.words import to_numbers
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses

AXONS, N, LANES = 6, 10, 2
Row = list[tuple[int, int]]  # places and weights


def network() -> Network:
    axon, target = np.divmod(np.arange(AXONS * N), N)
    weight = np.random.default_rng(1).integers(1, 8, axon.size)
    return Network([IntegerLIF(12, 1000)] * N, AXONS, Synapses(axon, target, weight))


def served(rows: Rows, axons: list[int]) -> list[Row]:
    """Operations of each lane, while words are written again with what they have."""
    rng, found = np.random.default_rng(2), [[] for _ in range(LANES)]
    words = to_numbers(rows.contents["weights"])

    async def bench(ctx: Any) -> None:
        left, quiet = list(axons), 0
        while quiet < 20:
            ctx.set(rows.i.valid, bool(left))
            ctx.set(rows.i.payload, left[0] if left else 0)
            address = int(rng.integers(len(words)))
            ctx.set(rows.write_weights.en, rng.random() < 0.4)
            ctx.set(rows.write_weights.addr, address)
            ctx.set(rows.write_weights.data, words[address])
            if left and ctx.get(rows.i.ready):
                left.pop(0)
            if ctx.get(rows.valid):
                for lane in range(LANES):
                    operation = ctx.get(rows.o[lane])
                    found[lane].append((operation.place, operation.weight))
            quiet = 0 if left or ctx.get(rows.busy) else quiet + 1
            await ctx.tick()

    simulator = Simulator(rows)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def expected(axons: list[int]) -> list[Row]:
    synapses = network().synapses
    weight = dict(
        zip(zip(synapses.axon, synapses.target, strict=True), synapses.weight, strict=True)
    )
    return [
        [(j // LANES, int(weight[axon, j])) for axon in axons for j in range(lane, N, LANES)]
        for lane in range(LANES)
    ]


@pytest.mark.parametrize("layout", [DenseRows, SparseRows])
def test_writes_hold_up_rows(layout: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    axons = np.random.default_rng(3).integers(0, AXONS, 40).tolist()
    assert served(layout(network(), 4, LANES, single_port=True), axons) == expected(axons)

    # Rows that go on during a write read nothing, or the wrong word.
    fetch = Rows.fetch
    monkeypatch.setattr(Rows, "fetch", lambda *of: (fetch(*of)[0], Const(1)))
    assert served(layout(network(), 4, LANES, single_port=True), axons) != expected(axons)
