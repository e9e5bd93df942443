# amaranth: UnusedElaboratable=no
"""A serial port with the simulated core behind it: what is written goes through the RTL's pins."""

import ctypes
from pathlib import Path

import numpy as np

from ...hdl.link import Link
from .model import from_component, library

HARNESS = Path(__file__).with_name("link.cpp")
CLOCKS = 1 << 14  # of one call, unless
CAPACITY = 4096  # so many bytes came


class SimulatedPort:
    """A core on its line, compiled.

    Parameters
    ----------
    link : Link

    Raises
    ------
    MissingTool
        g++ is missing.
    RuntimeError
        It fails.
    """

    def __init__(self, link: Link) -> None:
        model = from_component(link, "link")
        self._model = ctypes.CDLL(str(library(model, HARNESS)))
        self._model.start.restype = ctypes.c_void_p
        self._model.run.restype = ctypes.c_int64
        self._line = ctypes.c_void_p(self._model.start(ctypes.c_int64(link.divisor)))
        self._unsent = bytearray()

    def write(self, data: bytes) -> None:
        """Give bytes to the line."""
        self._unsent += data

    def read(self) -> bytes:
        """What has come since the last call, after some clocks; perhaps nothing."""
        data, out = bytes(self._unsent), np.empty(CAPACITY, np.uint8)
        sent = ctypes.c_int64()
        got = self._model.run(
            self._line, data, ctypes.c_int64(len(data)), ctypes.byref(sent),
            ctypes.c_void_p(out.ctypes.data), ctypes.c_int64(CAPACITY), ctypes.c_int64(CLOCKS),
        )  # fmt: skip
        del self._unsent[: sent.value]
        return out[:got].tobytes()

    def close(self) -> None:
        """End the simulation."""
        self._model.stop(self._line)
