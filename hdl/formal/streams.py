"""The contracts of valid/ready streams, by induction: they hold for ever, in cores of full size.

What gives keeps ``valid`` and the payload until they are taken. What takes keeps ``ready`` until
something is handed over; the input of the neuron core alone may close again, but only while an
event waits at its output, and then it is closed. So no side's ``ready`` waits for ``valid``.

Weights, rows and registers are arbitrary: all write ports are free. One stream inside the network
core is left out: an axon that waits for its row may make way for one that loops back.
"""

from amaranth.lib.wiring import PureInterface

from ..core import Core
from ..neuron_core import NeuronCore
from .circuit import Circuit


def gives(c: Circuit, name: str, stream: PureInterface) -> None:
    """Claim the contract of what gives."""
    payload = stream.payload.as_value()
    waited = c.past(stream.valid & ~stream.ready)
    c.claim(f"{name} stays valid", ~waited | stream.valid)
    c.claim(f"{name} keeps its payload", ~waited | (payload == c.past(payload)))


def takes(c: Circuit, name: str, stream: PureInterface) -> None:
    """Claim the contract of what takes."""
    c.claim(f"{name} stays ready", ~c.past(stream.ready & ~stream.valid) | stream.ready)


def driven(core: NeuronCore | Core) -> Circuit:
    """A core whose surroundings may do anything at its streams."""
    c = Circuit()
    c.m.submodules.core = core
    c.drive(core.i.valid, "i_valid")
    c.drive(core.i.payload.as_value(), "i_payload")
    c.drive(core.o.ready, "o_ready")
    return c


def written(c: Circuit, core: NeuronCore | Core) -> None:
    """Let the surroundings write what they like."""
    for name in core.signature.members:
        if name.startswith("write_"):
            port = getattr(core, name)
            for field in ("en", "addr", "data"):
                c.drive(getattr(port, field), f"{name}_{field}")


def neuron_core_streams(core: NeuronCore) -> Circuit:
    """Both streams of a neuron core."""
    c = driven(core)
    written(c, core)
    gives(c, "o", core.o)
    stalled = core.o.valid & ~core.o.ready
    c.claim("i is closed while an event waits", ~(stalled & core.i.ready))
    c.claim("i is open otherwise", ~c.past(core.i.ready) | stalled | core.i.ready)
    return c


def core_streams(core: Core) -> Circuit:
    """The streams of a network core, and those to and from its neurons and rows."""
    c = driven(core)
    written(c, core)
    takes(c, "i", core.i)
    c.claim("i is ready while there is room", core.i.ready | (core.pending >= core.queue))
    takes(c, "rows.i", core.rows.i)
    gives(c, "neurons.i", core.neurons.i)
    gives(c, "neurons.o", core.neurons.o)
    gives(c, "o", core.o)
    return c
