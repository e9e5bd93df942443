# amaranth: UnusedElaboratable=no
"""The core around the datapath: reset sweep, pipeline depth, streams."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from rheobase.cosim.engines.cxxrtl import CxxrtlCore
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.models.integer.lif import IntegerLIF

SHIFT = IntegerLIF(10, threshold=60, refractory=1, leak="shift", leak_bits=3, input_width=8)
MULTIPLY = IntegerLIF(
    10, threshold=60, leak_bits=8, leak_multiplier=240, rounding="stochastic", input_width=8
)


def currents(steps: int, n: int) -> np.ndarray:
    return np.random.default_rng(3).integers(-20, 50, (steps, n))


@pytest.mark.parametrize("neuron", [SHIFT, MULTIPLY], ids=["shift", "multiply"])
def test_smallest_core(neuron: IntegerLIF) -> None:
    """One neuron more than the latency is enough: every state is written before it is read."""
    n = NeuronCore(neuron, 100).latency + 1
    done = CxxrtlCore(neuron, n).run(currents(400, n))
    model = neuron.run(currents(400, n))
    assert done.violations == ()
    np.testing.assert_array_equal(done.spikes, model.spikes)
    np.testing.assert_array_equal(done.state["v"], model.v)
    with pytest.raises(ValueError, match=f"n must be > {n - 1}.*not {n - 1}"):
        NeuronCore(neuron, n - 1)


def test_fewer_neurons_would_be_wrong() -> None:
    """The limit on n is needed: without it, the core reads a state before it is written."""
    core = NeuronCore(MULTIPLY, 6)
    core.n = core.latency
    done = CxxrtlCore(MULTIPLY, core.latency, core=core).run(currents(400, core.latency))
    model = MULTIPLY.run(currents(400, core.latency))
    assert not np.array_equal(done.state["v"], model.v)


@pytest.mark.parametrize("n", [True, 16.0, "16"])
def test_n_is_an_integer(n: Any) -> None:
    with pytest.raises(TypeError, match="n must be an integer"):
        NeuronCore(SHIFT, n)


def test_reset_clears_everything() -> None:
    """A reset in mid-run, with events under way: n closed clocks, then the run of a fresh core."""
    n, steps = 8, 6
    reset = Signal()
    core = NeuronCore(MULTIPLY, n, MULTIPLY.seed)
    given = currents(steps, n).ravel().tolist()
    runs: list[list[int]] = []

    async def feed(ctx: Any, numbers: list[int]) -> list[int]:
        events, taken, clocks = [], 0, 0
        while clocks < 200:
            ctx.set(core.i.valid, taken < len(numbers))
            ctx.set(core.i.payload.i, numbers[min(taken, len(numbers) - 1)])
            open_, valid = ctx.get(core.i.ready), ctx.get(core.o.valid)
            assert not (open_ and clocks < n), "takes a current during the sweep"
            if valid:
                events.append(ctx.get(core.o.payload.as_value()))
            taken += open_ and taken < len(numbers)
            clocks += 1
            await ctx.tick()
        assert taken == len(numbers)
        return events

    async def bench(ctx: Any) -> None:
        ctx.set(core.o.ready, 1)
        runs.append(await feed(ctx, given))
        ctx.set(core.i.valid, 1)
        for _ in range(13):  # leave the pipeline full
            await ctx.tick()
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        runs.append(await feed(ctx, given))

    simulator = Simulator(ResetInserter(reset)(core))
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert runs[0] == runs[1]
    assert len(runs[0]) > steps
