"""A datapath as a pipeline: one update per clock, a register after every stage.

A datapath is a list of stages, each from named values to named values; what a stage does not
change, it leaves to the next. Registers whose value nobody uses are removed by Yosys. The fields of
a datapath are those of its kind (``rheobase.models.integer.kind``): state, inputs and registers go
in, state and outputs come out.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from amaranth.hdl import Const, Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..models.integer.kind import Field, IntegerNeuron

Values = Mapping[str, Value]
Stage = Callable[[Module, Values], dict[str, Value]]


class Datapath(Protocol):
    """The update of a kind of neuron in hardware.

    Attributes
    ----------
    stages : tuple of callable
        The first takes state, inputs and registers; after the last there are state and outputs.
    """

    stages: tuple[Stage, ...]

    @property
    def kind(self) -> IntegerNeuron:
        """The neuron whose modes are built."""


def shape(field: Field) -> Shape:
    """The Amaranth shape of a field."""
    return Shape(field.width, field.signed)


def clocked(m: Module, stage: str, values: Values, enable: Value | None = None) -> dict[str, Value]:
    """The values at the last (enabled) clock; constants need no register. Only `valid` is reset."""
    held: dict[str, Value] = {}
    for name, value in values.items():
        if isinstance(value, Const):
            held[name] = value
            continue
        held[name] = Signal.like(value, name=f"{stage}_{name}", reset_less=name != "valid")
        update = held[name].eq(value)
        if enable is None:
            m.d.sync += update
        else:
            with m.If(enable):
                m.d.sync += update
    return held


class Pipeline(wiring.Component):
    """A datapath alone, with a port for each field and registers at its inputs.

    Parameters
    ----------
    datapath : Datapath

    Attributes
    ----------
    i_NAME : Signal, in
        Each state, input and register.
    o_NAME : Signal, out
        Each state and output, `latency` clocks later.
    latency : int
    """

    def __init__(self, datapath: Datapath) -> None:
        self.datapath = datapath
        kind = datapath.kind
        self.takes = {**kind.state, **kind.inputs, **kind.register_fields}
        self.gives = {**kind.state, **kind.outputs}
        self.latency = 1 + len(datapath.stages)
        super().__init__(
            {f"i_{name}": In(shape(field)) for name, field in self.takes.items()}
            | {f"o_{name}": Out(shape(field)) for name, field in self.gives.items()}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        values = {name: getattr(self, f"i_{name}") for name in self.takes}
        values = clocked(m, "asked", values)
        for stage in self.datapath.stages:
            values = clocked(m, stage.__name__, values | stage(m, values))
        m.d.comb += [getattr(self, f"o_{name}").eq(values[name]) for name in self.gives]
        return m
