"""The host of a network core behind a serial line, on a board or simulated.

It speaks the protocol of ``rheobase.hdl.link``, and keeps less under way than the link can hold, so
that nothing is lost on the way to the core, however long it takes. On the way back, the computer
has to take what comes: between two looks, no more is sent than the link can hold. If it loses
bytes all the same, a checksum is wrong or a tick is missing, which is an error here.
"""

import time
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from amaranth.lib.crc.catalog import CRC16_IBM_3740
from numpy.typing import ArrayLike, NDArray

from ..hdl import link
from ..hdl.core import Core
from ..models.integer.kind import first_outside

CHUNK = link.BUFFER // 4  # bytes of items in a frame
FRAME = 1 + link.CRC_BYTES + 1  # bytes of a frame without items that the link may hold, its end too
CRC = CRC16_IBM_3740(data_width=8)


class Port(Protocol):
    """What a serial port does."""

    def write(self, data: bytes, /) -> object:
        """Send bytes."""

    def read(self) -> bytes:
        """Bytes that came, perhaps none after a while."""


class SerialPort:
    """A serial port of this computer.

    Parameters
    ----------
    name : str
        Such as ``/dev/ttyUSB0``.
    baud : int
        Bits per second.

    Raises
    ------
    RuntimeError
        pyserial is missing.
    OSError
        There is no such port, or it is in use.
    """

    def __init__(self, name: str, baud: int) -> None:
        try:
            import serial
        except ImportError:
            install = 'Install: pip install "rheobase[fpga]"'
            raise RuntimeError(f"serial ports need pyserial, which is missing. {install}") from None
        self._port = serial.serial_for_url(name, baud, timeout=0.05)
        self.write, self.close = self._port.write, self._port.close

    def read(self) -> bytes:
        """What has come, one byte at least unless nothing comes for 50 ms."""
        return bytes(self._port.read(max(1, self._port.in_waiting)))


class Counters(NamedTuple):
    """The counters of the core and of its link (see ``Core`` and ``rheobase.hdl.link``)."""

    dropped: int
    saturated: int
    refused: int


@dataclass(frozen=True, eq=False)
class HostedRun:
    """What a core did.

    Attributes
    ----------
    spikes : (ticks, ids)
        Two int64 arrays, in the order in which they came.
    counters : Counters
        After the run, since the core was loaded.
    """

    spikes: tuple[NDArray[np.int64], NDArray[np.int64]]
    counters: Counters


class Host:
    """A core that is reached by a port.

    Parameters
    ----------
    core : Core
        As it was built; gives the memories' contents.
    port : Port
    patience : float
        Seconds to wait for a byte.
    """

    def __init__(self, core: Core, port: Port, patience: float = 10.0) -> None:
        self.core, self.port, self.patience = core, port, patience
        self._ticks: deque[list[int]] = deque()
        self._counters: deque[Counters] = deque()
        self._came = bytearray()
        self._under_way = 0

    def load(self) -> None:
        """Write all memories, and bring the core to its start."""
        self.port.write(bytes([link.END]))  # whatever came before ends here
        for number, (name, words) in enumerate(self.core.contents.items()):
            bytes_of = link.size(getattr(self.core, f"write_{name}").data.shape().width)
            each = max(1, CHUNK // bytes_of)
            data = words.astype("<u4").view(np.uint8)[:, :bytes_of]
            for first in range(0, len(words), each):
                address = first.to_bytes(link.ADDRESS_BYTES, "little")
                self._send(link.WRITE + number, address + data[first : first + each].tobytes())
        self._send(link.RESET)

    def arrivals(self, payloads: list[int]) -> None:
        """Send events (axons) and ends of ticks, as `Arrival` payloads."""
        bytes_of = link.size(self.core.i.payload.shape().size)
        each = CHUNK // bytes_of
        for first in range(0, len(payloads), each):
            some = payloads[first : first + each]
            self._send(link.ARRIVALS, b"".join(p.to_bytes(bytes_of, "little") for p in some))

    def counters(self) -> Counters:
        """The counters when all that was sent is done."""
        self.port.write(frame(bytes([link.COUNTERS])))
        while not self._counters:
            self._receive()
        self._under_way = 0
        return self._counters.popleft()

    def tick(self) -> list[int]:
        """The spikes of the next tick."""
        while not self._ticks:
            self._receive()
        return self._ticks.popleft()

    def run(self, ticks: ArrayLike, axons: ArrayLike, steps: int) -> HostedRun:
        """Send the events of some ticks, and receive their spikes.

        Parameters
        ----------
        ticks, axons : array_like of int, shape (events,)
            In any order; ticks 0 .. steps - 1.
        steps : int
            Number of ticks.

        Raises
        ------
        ValueError
            An event out of range, with where it stands.
        RuntimeError
            The core does not answer, or what it says is not of the protocol.
        """
        at, on = np.asarray(ticks, np.int64), np.asarray(axons, np.int64)
        limits = (("ticks", at, steps - 1), ("axons", on, self.core.network.axons - 1))
        for name, values, high in limits:
            if (bad := first_outside(values, 0, high)) is not None:
                raise ValueError(
                    f"{name} must be in 0 .. {high}, not {values[bad]} (event {bad[0]})"
                )
        end = 1 << self.core.i.payload.shape()["end"].offset
        order = np.argsort(at, kind="stable")
        ends = np.searchsorted(at[order], np.arange(steps), side="right")
        self.arrivals(np.insert(on[order], ends, end).tolist())
        spikes = [self.tick() for _ in range(steps)]
        return HostedRun(
            (
                np.repeat(np.arange(steps), [len(ids) for ids in spikes]),
                np.array([neuron for ids in spikes for neuron in ids], np.int64),
            ),
            self.counters(),
        )

    def _send(self, kind: int, items: bytes = b"") -> None:
        """Send a frame, as soon as the link has room for it."""
        held = FRAME + len(items)
        if self._under_way + held + FRAME >= link.BUFFER:  # one more: to ask for the counters
            self.counters()
        self._under_way += held
        self.port.write(frame(bytes([kind]) + items))

    def _receive(self) -> None:
        """Wait for bytes, and take the frames that they complete."""
        until = time.monotonic() + self.patience
        while not (data := self.port.read()):
            if time.monotonic() > until:
                raise RuntimeError(f"the core has not answered for {self.patience:g} s")
        *frames, rest = bytes(self._came + data).split(bytes([link.END]))
        self._came = bytearray(rest)
        for each in frames:
            if each:
                self._take(content(each))

    def _take(self, data: bytes) -> None:
        """A frame from the core."""
        kind, items = data[0], data[1:]
        if kind == link.COUNTERS and len(items) == 10:
            dropped, saturated, refused = items[:4], items[4:8], items[8:]
            self._counters.append(
                Counters(
                    *(int.from_bytes(part, "little") for part in (dropped, saturated, refused))
                )
            )
            return
        bytes_of = link.size(self.core.o.payload.shape().size)
        if kind != link.TICK or len(items) % bytes_of:
            raise RuntimeError(f"the core sent a frame that is none: {data.hex()}")
        fields = self.core.o.payload.shape()
        events = [
            fields.from_bits(int.from_bytes(items[k : k + bytes_of], "little"))
            for k in range(0, len(items), bytes_of)
        ]
        self._ticks.append([event.addr for event in events if event.spike])


def frame(data: bytes) -> bytes:
    """A frame as it goes over the line."""
    whole = data + CRC.compute(data).to_bytes(link.CRC_BYTES, "big")
    for byte, code in ((link.ESC, link.ESC_ESC), (link.END, link.ESC_END)):
        whole = whole.replace(bytes([byte]), bytes([link.ESC, code]))
    return whole + bytes([link.END])


def content(data: bytes) -> bytes:
    """Kind and items of what stood between two ends.

    Raises
    ------
    RuntimeError
        Its checksum is wrong.
    """
    for byte, code in ((link.END, link.ESC_END), (link.ESC, link.ESC_ESC)):
        data = data.replace(bytes([link.ESC, code]), bytes([byte]))
    whole, sent = data[: -link.CRC_BYTES], int.from_bytes(data[-link.CRC_BYTES :], "big")
    if not whole or CRC.compute(whole) != sent:
        raise RuntimeError(f"the core sent a frame of wrong checksum: {data.hex()}")
    return whole
