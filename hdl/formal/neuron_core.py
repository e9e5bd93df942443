"""No event is lost or invented in a small neuron core, under any input and any stalls.

One neuron is watched, which one is free. Beside the core stands its specification, with a state of
its own, updated when the core takes the neuron's input. Claimed are: the neuron's event is there
when it spikes or ends the step, once, with the right marks, and before the neuron's next update.
The memory of the states begins with any contents, as a reset in mid-run leaves it: the sweep after
reset must clear it.
"""

from amaranth.hdl import Const, Mux, Signal, Value

from ..neuron_core import NeuronCore
from ..pipeline import shape
from .circuit import Circuit
from .neurons import specification
from .streams import driven


def neuron_events(core: NeuronCore) -> Circuit:
    """Claims about a core without products, profiles and random numbers."""
    c = driven(core)
    m, n = c.m, core.n
    watched = c.constant("neuron", range(n))
    c.assume(watched < n)
    kind = core.kind
    fields: dict[str, Value] = {
        name: Const(value, shape(kind.register_fields[name]))
        for name, value in kind.registers.items()
    }
    state = {name: Signal(shape(field), name=f"spec_{name}") for name, field in kind.state.items()}
    inputs = {name: core.i.payload[name] for name in kind.inputs}

    def times(name: str, a: Value, b: Value) -> Value:
        return a * b

    update = specification(kind).update({**fields, **state, **inputs}, times)
    next_neuron = Signal(range(n))
    pending, spike = Signal(), Signal()
    taken, given = Signal(), Signal()
    here = Signal()
    last = watched == n - 1
    m.d.comb += [
        taken.eq(core.i.valid & core.i.ready),
        here.eq(taken & (next_neuron == watched)),
        given.eq(core.o.valid & core.o.ready & (core.o.payload.addr == watched)),
    ]
    with m.If(taken):
        m.d.sync += next_neuron.eq(Mux(next_neuron == n - 1, 0, next_neuron + 1))
    with m.If(given):
        m.d.sync += pending.eq(0)
    with m.If(here):
        m.d.sync += [state[name].eq(update[name]) for name in state]
        m.d.sync += [spike.eq(update["spike"]), pending.eq(update["spike"] | last)]
    c.claim("no event is lost", ~here | ~pending | given)
    c.claim("no event is invented", ~given | pending)
    c.claim("spikes are right", ~given | (core.o.payload.spike == spike))
    c.claim("ends are right", ~given | (core.o.payload.last == last))
    return c
