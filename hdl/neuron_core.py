"""A pipelined core that updates N integer neurons of any kind in turn, one neuron per clock.

The states lie in a block RAM. Inputs come in as a stream, one per neuron in address order, N to a
time step; spikes go out as address events (AER), with one marker at the end of every time step.
Both are valid/ready streams; an event that is not taken stalls the whole core. After reset a sweep
of all neurons brings the states to those in which their kind starts; no input is taken meanwhile.

The registers of the neurons are constants of the circuit, where all share them, or they lie in a
memory of profiles, each neuron having the number of its own. That can be written at any time, and
also during reset, which leaves it as it is: states that start with a register take it in the sweep
after reset.
"""

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..models.integer.kind import Field, IntegerNeuron, gather, widest
from .memory import table, write_port
from .neurons import datapath
from .noise import xorshift32
from .pipeline import clocked, shape
from .words import Words, packed


class Event(StructLayout):
    """An address event, least significant field first: ``addr``, ``spike``, ``last``.

    ``spike``: the neuron `addr` fired. ``last``: neuron ``n - 1`` was updated, the time step ends.
    """

    def __init__(self, n: int) -> None:
        super().__init__({"addr": ceil_log2(n), "spike": 1, "last": 1})


class NeuronCore(wiring.Component):
    """N neurons, time-multiplexed.

    Parameters
    ----------
    neurons : IntegerNeuron, or sequence of n of them
        One: its registers are constants. A sequence: profiles of registers in a memory.
    n : int
        Number of neurons; more than `latency`, so that a state is written before it is read again.
    seed : int
        Of the generator of the random numbers ``x``, one per update, for kinds that take them;
        1 .. 2**32 - 1.

    Attributes
    ----------
    i : stream of the kind's inputs but ``x``, in
        For neurons 0, 1, ... n-1, 0, 1, ... A stall of `o` holds ``ready`` low in the same clock
        (combinational path).
    o : stream of Event, out
        One event per spike and one per end of a time step (both in one when neuron n-1 fires).
        Registered; held while ``valid & ~ready``.
    write_registers, write_profile : write ports, in
        ``en``, ``addr`` and ``data``, of the registers of a profile and of the profile of a neuron.
        Only in a core of profiles; the second only if there are several.
    contents : dict of str to Words
        The words of the memory behind each write port.
    latency : int
        Clocks from taking an input to writing the state, stalls not counted.

    Raises
    ------
    TypeError, ValueError
        `n` is no integer, too small for the pipeline, or not the number of neurons; spikes that
        have a sign.
    """

    def __init__(
        self, neurons: IntegerNeuron | Sequence[IntegerNeuron], n: int, seed: int = 1
    ) -> None:
        self.kind, self.registers, self.profile = gather(neurons)
        self.neurons = neurons
        self.n = n
        self.seed = seed
        self.datapath = datapath(self.kind)
        self.state = layout(widest(neurons, "state"))
        self.register_word = layout(widest(neurons, "register_fields"))
        self.profiles = self.registers.shape[1]
        self.latency = 1 + len(self.datapath.stages) + (self.profiles > 1)
        if isinstance(n, bool) or not isinstance(n, int):
            raise TypeError(f"n must be an integer, not {n!r}")
        if n <= self.latency:
            raise ValueError(f"n must be > {self.latency}, the depth of the pipeline, not {n!r}")
        if self.profile is not None and self.profile.size != n:
            raise ValueError(f"n must be the number of neurons, {self.profile.size}, not {n}")
        if self.kind.outputs["spike"].width != 1:
            raise ValueError(f"neurons must have spikes without sign, not {self.kind!r}")
        taken = {name: field for name, field in self.kind.inputs.items() if name != "x"}
        ports = {
            "i": In(stream.Signature(layout(taken))),
            "o": Out(stream.Signature(Event(n))),
        }
        self.contents: dict[str, Words] = {}
        if self.profile is not None:
            columns = dict(zip(self.kind.register_fields, self.registers, strict=True))
            self.contents["registers"] = packed(self.register_word, columns)
            word = unsigned(self.register_word.size)
            ports["write_registers"] = In(write_port(word, self.profiles))
        if self.profiles > 1 and self.profile is not None:
            self.contents["profile"] = self.profile.astype(np.uint32)[:, None]
            ports["write_profile"] = In(write_port(unsigned(ceil_log2(self.profiles)), n))
        super().__init__(ports)

    def advance(self) -> Value:
        """High when the pipeline may move: no event waits, or it is being taken."""
        return ~self.o.valid | self.o.ready

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.state = state = Memory(shape=self.state, depth=self.n, init=[])
        read = state.read_port()  # not transparent: Vivado miscompiles transparent reads
        write = state.write_port()
        final = self.n - 1

        # Address counter: first the sweep that starts the states, then the neurons in turn.
        address = Signal(range(self.n))
        wrap = Signal()
        starting = Signal(init=1)
        advance = Signal()
        take = Signal()
        m.d.comb += [
            wrap.eq(address == final),
            advance.eq(self.advance()),
            self.i.ready.eq(advance & ~starting),
            take.eq(self.i.valid & self.i.ready),
        ]
        with m.If(starting | take):
            m.d.sync += address.eq(Mux(wrap, 0, address + 1))
        with m.If(wrap):
            m.d.sync += starting.eq(0)

        # The pipeline: fetch from the memories, then a register after every stage but the last.
        values: dict[str, Value] = {"valid": starting | take, "start": starting}
        values |= {name: self.i.payload[name] for name, _ in self.i.payload.shape()}
        if "x" in self.kind.inputs:
            values["x"] = self.random(m, take)
        constants: dict[str, Value] = {}
        if self.profiles > 1:
            registers = self.profile_registers(m, address, advance)
            values = clocked(m, "profiled", values | {"address": address}, advance)
            m.d.comb += read.addr.eq(values.pop("address"))
        else:
            registers, constants = {}, self.shared_registers(m)
            m.d.comb += read.addr.eq(address)
        m.d.comb += read.en.eq(advance)
        fetched = {name: read.data[name] for name in self.kind.state}
        values = clocked(m, "asked", values, advance)
        values = clocked(m, "fetched", values | fetched | registers, advance)
        *stages, fire = self.datapath.stages
        for stage in stages:
            values = clocked(m, stage.__name__, values | stage(m, values | constants), advance)
        result = values | fire(m, values | constants)

        # Write back, and the event. Updates end in the order in which they began.
        updated = Signal(range(self.n))
        last = Signal()
        done = Signal()
        m.d.comb += [last.eq(updated == final), done.eq(values["valid"] & advance)]
        with m.If(done):
            m.d.sync += updated.eq(Mux(last, 0, updated + 1))
        m.d.comb += [write.addr.eq(updated), write.en.eq(done)]
        for name in self.kind.state:
            first = (values | constants)[self.kind.start[name]] if name in self.kind.start else 0
            m.d.comb += write.data[name].eq(Mux(values["start"], first, result[name]))
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(values["valid"] & ~values["start"] & (result["spike"] | last)),
                self.o.payload.addr.eq(updated),
                self.o.payload.spike.eq(result["spike"]),
                self.o.payload.last.eq(last),
            ]
        return m

    def random(self, m: Module, take: Value) -> Value:
        """The number ``x`` of the present update; the generator moves on when `take` is high."""
        x = Signal(32, init=self.seed)
        with m.If(take):
            m.d.sync += x.eq(xorshift32(m, x))
        return x

    def shared_registers(self, m: Module) -> dict[str, Value]:
        """Registers that all neurons share: constants, or one profile in flip-flops.

        A reset of the circuit leaves them as they are, like a memory.
        """
        if self.profile is None:
            return {
                name: Const(value, shape(self.kind.register_fields[name]))
                for name, value in self.kind.registers.items()
            }
        word = Signal(self.register_word, init=dict(self.kind.registers), reset_less=True)
        with m.If(self.write_registers.en):
            m.d.sync += word.eq(self.write_registers.data)
        return {name: word[name] for name in self.kind.registers}

    def profile_registers(self, m: Module, address: Value, advance: Value) -> dict[str, Value]:
        """Registers of a neuron, two clocks after its address."""
        profile = table(m, "profile", self.contents["profile"], self.write_profile)
        registers = table(m, "registers", self.contents["registers"], self.write_registers)
        m.d.comb += [
            profile.addr.eq(address),
            registers.addr.eq(profile.data),
            profile.en.eq(advance),
            registers.en.eq(advance),
        ]
        word = self.register_word(registers.data)
        return {name: word[name] for name in self.kind.registers}


def layout(fields: dict[str, Field]) -> StructLayout:
    """Fields side by side, the first at bit 0."""
    return StructLayout({name: shape(field) for name, field in fields.items()})
