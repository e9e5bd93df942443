"""A large memory without contents: a module in RTLIL, the words of Yosys.

Amaranth writes the contents of its memories bit by bit, also those of zeros, which takes a hundred
bytes a bit. This memory has a read port, which is not transparent, and a write port, as Amaranth's
have them, but starts with anything. Only what goes through `yosys.load` can have it; Amaranth's own
simulator cannot.
"""

import re

from amaranth.hdl import ClockSignal, Instance
from amaranth.lib.memory import ReadPort, WritePort
from amaranth.utils import ceil_log2

TEXT = r"""
module \ram_{width}_{depth}
  wire input 1 \clk
  wire input 2 \read_en
  wire width {bits} input 3 \read_addr
  wire width {width} output 4 \read_data
  wire input 5 \write_en
  wire width {bits} input 6 \write_addr
  wire width {width} input 7 \write_data
  memory width {width} size {depth} \words
  cell $memwr_v2 \write
    parameter \MEMID "\\words"
    parameter \ABITS {bits}
    parameter \WIDTH {width}
    parameter \CLK_ENABLE 1
    parameter \CLK_POLARITY 1
    parameter \PORTID 0
    parameter \PRIORITY_MASK 0
    connect \ADDR \write_addr
    connect \DATA \write_data
    connect \EN {{ {enables} }}
    connect \CLK \clk
  end
  cell $memrd_v2 \read
    parameter \MEMID "\\words"
    parameter \ABITS {bits}
    parameter \WIDTH {width}
    parameter \TRANSPARENCY_MASK 1'0
    parameter \COLLISION_X_MASK 1'0
    parameter \ARST_VALUE {width}'{unknown}
    parameter \SRST_VALUE {width}'{unknown}
    parameter \INIT_VALUE {width}'{unknown}
    parameter \CE_OVER_SRST 0
    parameter \CLK_ENABLE 1
    parameter \CLK_POLARITY 1
    connect \ADDR \read_addr
    connect \DATA \read_data
    connect \ARST 1'0
    connect \SRST 1'0
    connect \EN \read_en
    connect \CLK \clk
  end
end
"""


def instance(width: int, depth: int) -> tuple[Instance, ReadPort, WritePort]:
    """A memory of `depth` words, 2 at least, and its ports."""
    bits = ceil_log2(depth)
    read = ReadPort.Signature(addr_width=bits, shape=width).create()
    write = WritePort.Signature(addr_width=bits, shape=width).create()
    ports = {
        "i_clk": ClockSignal(),
        "i_read_en": read.en,
        "i_read_addr": read.addr,
        "o_read_data": read.data,
        "i_write_en": write.en,
        "i_write_addr": write.addr,
        "i_write_data": write.data,
    }
    return Instance(f"ram_{width}_{depth}", **ports), read, write


def modules(text: str) -> str:
    """The modules of all memories that RTLIL has instances of."""
    found = sorted(set(re.findall(r"^ *cell \\ram_(\d+)_(\d+) ", text, re.M)))
    return "".join(_module(int(width), int(depth)) for width, depth in found)


def _module(width: int, depth: int) -> str:
    return TEXT.format(
        width=width,
        depth=depth,
        bits=ceil_log2(depth),
        enables=r"\write_en " * width,
        unknown="x" * width,
    )
