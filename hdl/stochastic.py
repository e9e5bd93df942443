"""Stochastic synapses: a random number per operation decides whether it adds the weight's sign.

What it computes is stated at the head of ``rheobase.models.integer.network``: with a magnitude of
the weight of at least the number, the sign is added, else nothing. The number depends on the axon,
the target and the tick's key alone, so it does not matter when an event is served.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from .noise import SynapseRandom, xorshift32
from .synapses import Rows


class StochasticSynapses(wiring.Component):
    """Operations, some of them stochastic, and what they add, `latency` clocks later.

    Parameters
    ----------
    rows : Rows
        Where the operations come from; gives the sizes.

    Attributes
    ----------
    i_valid, i_axon, i : in
        The operations of one clock, as `Rows` gives them.
    valid, o : out
        Operations without chance.
    end : Signal, in
        The tick ends: the next key.
    busy : Signal, out
    """

    latency = SynapseRandom.latency

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        super().__init__(
            {
                "i_valid": In(1),
                "i_axon": In(rows.axon.shape()),
                "i": In(rows.operations),
                "valid": Out(1),
                "o": Out(rows.operations),
                "end": In(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        network = self.rows.network
        key = Signal(32, init=network.seeds[1])
        with m.If(self.end):
            m.d.sync += key.eq(xorshift32(m, key))
        lane_bits = ceil_log2(self.rows.lanes)
        numbers = []
        for lane in range(self.rows.lanes):
            m.submodules[f"random_{lane}"] = random = SynapseRandom()
            target = Cat(Const(lane, lane_bits), self.i[lane].place)
            m.d.comb += [
                random.key.eq(key),
                random.advance.eq(1),
                random.address.eq(target | (self.i_axon << network.target_bits)),
            ]
            numbers.append(random.number)
        valid, operations = self.i_valid, self.i
        under_way = []
        for clock in range(self.latency):
            next_valid = Signal(name=f"valid_{clock}")
            next_operations = Signal(self.rows.operations, name=f"operations_{clock}")
            m.d.sync += [next_valid.eq(valid), next_operations.eq(operations)]
            valid, operations = next_valid, next_operations
            under_way.append(valid)
        m.d.comb += [
            self.valid.eq(valid),
            self.o.eq(operations),
            self.busy.eq(Cat(under_way).any()),
        ]
        for lane, number in enumerate(numbers):
            weight = operations[lane].weight
            sign = Mux(weight == 0, 0, Mux(weight < 0, -1, 1))
            with m.If(operations[lane].stochastic):
                m.d.comb += self.o[lane].weight.eq(Mux(abs(weight) >= number, sign, 0))
        return m
