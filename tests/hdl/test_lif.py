# amaranth: UnusedElaboratable=no
"""The datapath of the integer LIF against its equations, for every state, input and number."""

from dataclasses import replace
from itertools import product

import pytest
from amaranth.hdl import Const, Elaboratable, Module, Signal
from amaranth.sim import Simulator

from rheobase.hdl.neurons.lif import LIFDatapath
from rheobase.hdl.pipeline import shape
from rheobase.models.integer.lif import IntegerLIF


def update(p: IntegerLIF, v: int, r: int, i: int, d: int) -> tuple[int, int, int]:
    """One update, word for word from the head of models/integer/lif.py: v', r', spike."""
    if r > 0:
        return v, r - 1, 0
    if p.leak == "multiply":
        u = (v * p.leak_multiplier + d) >> p.leak_bits
    else:
        u = v - ((v + d) >> p.leak_bits)
    s = min(max(u + i, -(2 ** (p.width - 1))), 2 ** (p.width - 1) - 1)
    if s >= p.threshold:
        return (p.v_reset if p.reset == "value" else s - p.threshold), p.refractory, 1
    return s, 0, 0


class Chained(Elaboratable):
    """All stages in one clock, the rounding number from outside."""

    def __init__(self, neuron: IntegerLIF) -> None:
        self.neuron = neuron
        self.datapath = LIFDatapath(replace(neuron, rounding="stochastic"))
        fields = neuron.state | neuron.inputs
        self.inputs = {name: Signal(shape(field)) for name, field in fields.items()}
        self.inputs["x"] = Signal(32)
        self.outputs = (*(Signal(shape(field)) for field in neuron.state.values()), Signal())

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fields = dict(self.inputs)
        for name, value in self.neuron.registers.items():
            fields[name] = Const(value, shape(self.neuron.register_fields[name]))
        for stage in self.datapath.stages:
            fields |= stage(m, fields)
        m.d.comb += [
            out.eq(fields[name])
            for out, name in zip(self.outputs, ("v", "r", "spike"), strict=True)
        ]
        return m


NEURONS = {
    "multiply": IntegerLIF(
        4, threshold=5, v_reset=-3, refractory=2, leak_bits=3, leak_multiplier=7, input_width=5
    ),
    "multiply by one": IntegerLIF(
        4, threshold=7, leak_bits=2, leak_multiplier=4, reset="subtract", input_width=3
    ),
    "multiply by zero": IntegerLIF(4, threshold=-2, v_reset=-8, leak_bits=1, input_width=4),
    "shift": IntegerLIF(
        4, threshold=1, leak="shift", leak_bits=2, reset="subtract", refractory=1, input_width=5
    ),
    "shift by more than the width": IntegerLIF(
        4, threshold=7, v_reset=6, leak="shift", leak_bits=5, input_width=2
    ),
}


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)
def test_every_update(neuron: IntegerLIF) -> None:
    """The stages, chained, equal the equations for every v, r, i and d."""
    dut = Chained(neuron)
    half = 2 ** (neuron.input_width - 1)
    cases = product(
        range(neuron.v_min, neuron.v_max + 1),
        range(neuron.refractory + 1),
        range(-half, half),
        range(2**neuron.leak_bits),
    )
    seen = set()

    async def bench(ctx: object) -> None:
        for v, r, i, d in cases:
            for signal, number in zip(dut.inputs.values(), (v, r, i, d), strict=True):
                ctx.set(signal, number)  # type: ignore[attr-defined]
            got = tuple(ctx.get(out) for out in dut.outputs)  # type: ignore[attr-defined]
            assert got == update(neuron, v, r, i, d), (v, r, i, d)
            seen.add(got[2])

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == {0, 1}


@pytest.mark.parametrize(("rounding", "number"), [("floor", 0), ("nearest", 8)])
def test_fixed_rounding_numbers(rounding: str, number: int) -> None:
    neuron = IntegerLIF(8, threshold=9, leak="shift", leak_bits=4, rounding=rounding)  # type: ignore[arg-type]
    assert LIFDatapath(neuron).rounding_number({}).value == number  # type: ignore[attr-defined]


def test_truncation_takes_its_rounding_number_from_the_sign() -> None:
    """So that v * a goes toward zero: 0 for v >= 0, all ones for v < 0."""
    neuron = IntegerLIF(8, threshold=9, leak_bits=4, leak_multiplier=13, rounding="truncate")
    v, d = Signal(shape(neuron.state["v"])), Signal(4)
    m = Module()
    m.d.comb += d.eq(LIFDatapath(neuron).rounding_number({"v": v}))

    async def bench(ctx: object) -> None:
        for value in range(-128, 128):
            ctx.set(v, value)  # type: ignore[attr-defined]
            number = ctx.get(d)  # type: ignore[attr-defined]
            assert (value * 13 + number) >> 4 == int(value * 13 / 16)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
