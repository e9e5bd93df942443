"""A pipelined core that updates N integer LIF neurons in turn, one neuron per clock.

The states lie in a block RAM (v and r side by side). Currents come in as a stream, one per neuron
in address order, N to a time step; spikes go out as address events (AER), with one marker at the
end of every time step. Both are valid/ready streams; an event that is not taken stalls the whole
core. After reset a sweep of N clocks clears the states; no current is taken meanwhile.
"""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..models.integer.lif import IntegerLIF
from .neurons.lif import Fields, LIFDatapath


class Event(StructLayout):
    """An address event, least significant field first: ``addr``, ``spike``, ``last``.

    ``spike``: the neuron `addr` fired. ``last``: neuron ``n - 1`` was updated, the time step ends.
    """

    def __init__(self, n: int) -> None:
        super().__init__({"addr": ceil_log2(n), "spike": 1, "last": 1})


class LIFCore(wiring.Component):
    """N integer LIF neurons, time-multiplexed.

    Parameters
    ----------
    neuron : IntegerLIF
        The parameters that all neurons share.
    n : int
        Number of neurons; more than `latency`, so that a state is written before it is read again.

    Attributes
    ----------
    i : stream of signed(input_width), in
        One current per neuron: 0, 1, ... n-1, 0, 1, ... A stall of `o` holds ``ready`` low in the
        same clock (combinational path).
    o : stream of Event, out
        One event per spike and one per end of a time step (both in one when neuron n-1 fires).
        Registered; held while ``valid & ~ready``.
    latency : int
        Clocks from taking a current to writing the state, stalls not counted.

    Raises
    ------
    TypeError, ValueError
        `n` is no integer, or too small for the pipeline.
    """

    def __init__(self, neuron: IntegerLIF, n: int) -> None:
        self.neuron = neuron
        self.n = n
        self.datapath = LIFDatapath(neuron)
        self.latency = 1 + len(self.datapath.stages)
        if isinstance(n, bool) or not isinstance(n, int):
            raise TypeError(f"n must be an integer, not {n!r}")
        if n <= self.latency:
            raise ValueError(f"n must be > {self.latency}, the depth of the pipeline, not {n!r}")
        super().__init__(
            {
                "i": In(stream.Signature(signed(neuron.input_width))),
                "o": Out(stream.Signature(Event(n))),
            }
        )

    def advance(self) -> Value:
        """High when the pipeline may move: no event waits, or it is being taken."""
        return ~self.o.valid | self.o.ready

    def elaborate(self, platform: object) -> Module:
        m = Module()
        widths = self.datapath.state_widths
        word = StructLayout({"v": signed(widths["v"]), "r": widths["r"]})
        m.submodules.state = state = Memory(shape=word, depth=self.n, init=[])
        read = state.read_port()  # not transparent: Vivado miscompiles transparent reads
        write = state.write_port()
        final = self.n - 1

        # Address counter: first the clearing sweep, then the neurons in turn.
        address = Signal(range(self.n))
        wrap = Signal()
        clearing = Signal(init=1)
        advance = Signal()
        take = Signal()
        m.d.comb += [
            wrap.eq(address == final),
            advance.eq(self.advance()),
            self.i.ready.eq(advance & ~clearing),
            take.eq(self.i.valid & self.i.ready),
            read.addr.eq(address),
            read.en.eq(advance),
        ]
        with m.If(clearing | take):
            m.d.sync += address.eq(Mux(wrap, 0, address + 1))
        with m.If(wrap):
            m.d.sync += clearing.eq(0)

        # The pipeline: fetch from the memory, then a register after every stage but the last.
        def clocked(stage: str, fields: Fields) -> Fields:
            return {name: enabled(m, f"{stage}_{name}", advance, fields[name]) for name in fields}

        d = self.datapath.rounding_number(m, take)
        fields = clocked("asked", {"valid": take, "i": self.i.payload, "d": d})
        fields = clocked("fetched", fields | {"v": read.data.v, "r": read.data.r})
        *stages, fire = self.datapath.stages
        for stage in stages:
            fields = clocked(stage.__name__, {"valid": fields["valid"]} | stage(m, fields))
        result = fire(m, fields)

        # Write back, and the event. Updates end in the order in which they began.
        updated = Signal(range(self.n))
        last = Signal()
        m.d.comb += last.eq(updated == final)
        with m.If(fields["valid"] & advance):
            m.d.sync += updated.eq(Mux(last, 0, updated + 1))
        with m.If(clearing):
            m.d.comb += [write.addr.eq(address), write.en.eq(1)]
        with m.Else():
            m.d.comb += [
                write.addr.eq(updated),
                write.data.v.eq(result["v"]),
                write.data.r.eq(result["r"]),
                write.en.eq(fields["valid"] & advance),
            ]
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(fields["valid"] & (result["spike"] | last)),
                self.o.payload.addr.eq(updated),
                self.o.payload.spike.eq(result["spike"]),
                self.o.payload.last.eq(last),
            ]
        return m


def enabled(m: Module, name: str, enable: Value, value: Value) -> Value:
    """The value of the last enabled clock; a constant needs no register."""
    if isinstance(value, Const):
        return value
    register = Signal.like(value, name=name, reset_less=not name.endswith("_valid"))
    with m.If(enable):
        m.d.sync += register.eq(value)
    return register
