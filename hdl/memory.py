"""Memories with contents, which are read by the circuit and written through a port at run time."""

from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory, ReadPort, WritePort
from amaranth.lib.wiring import Out
from amaranth.utils import ceil_log2

from . import ram
from .words import Words, to_numbers


def write_port(shape: ShapeLike, depth: int) -> wiring.Signature:
    """What writes a word: ``data`` goes to ``addr`` where ``en`` is high."""
    return wiring.Signature({"en": Out(1), "addr": Out(ceil_log2(depth)), "data": Out(shape)})


def table(
    m: Module, name: str, words: Words, port: wiring.PureInterface, filled: bool = True
) -> ReadPort:
    """A memory, as deep as its contents, that `port` writes; its read port."""
    read, write = _ports(m, name, words, len(port.data), filled)
    m.d.comb += [write.en.eq(port.en), write.addr.eq(port.addr), write.data.eq(port.data)]
    return read


def single_port_table(
    m: Module, name: str, words: Words, port: wiring.PureInterface, filled: bool, address: Value
) -> Value:
    """The word at an address, a clock later, of a memory that has one address for all.

    It is written in the clocks in which ``port.en`` is high; nothing is read then, and the word is
    not to be used: here it stays, which Yosys takes iCE40's SPRAM to do; its model leaves it open.
    """
    read, write = _ports(m, name, words, len(port.data), filled)
    common = Signal.like(port.addr, name=f"{name}_address")
    m.d.comb += [
        common.eq(Mux(port.en, port.addr, address)),
        read.addr.eq(common),
        read.en.eq(~port.en),
        write.addr.eq(common),
        write.en.eq(port.en),
        write.data.eq(port.data),
    ]
    data: Value = read.data
    return data


def _ports(
    m: Module, name: str, words: Words, width: int, filled: bool
) -> tuple[ReadPort, WritePort]:
    """The ports of a memory, which has the words as its contents, or none."""
    if not filled:
        m.submodules[name], read, write = ram.instance(width, len(words))
        return read, write
    init = to_numbers(words)
    m.submodules[name] = memory = Memory(shape=width, depth=len(init), init=init)
    write = memory.write_port()
    return memory.read_port(), write  # not transparent: Vivado miscompiles transparent reads
