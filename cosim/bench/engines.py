# amaranth: UnusedElaboratable=no
"""How fast each engine updates neurons: 1024 neurons, 24 bits, leak by shift.

Every engine runs the same neuron on the same input, and its spikes are compared with the integer
model's before it is timed. Costs are CPU times; that of cocotb on Icarus, which starts anew for
every run, is the wall time that more steps take.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from ...hdl import emit
from ...hdl.neuron_core import NeuronCore
from ...hdl.verilog import TOP
from ...models.integer.lif import IntegerLIF
from ..doctor import MissingTool
from ..engines import icarus
from ..engines.cxxrtl import CxxrtlCore
from ..engines.events import Spikes
from .clock import least
from .table import Cost, LeftOut

N, STEPS, ICARUS_STEPS, ROUNDS = 1024, 1000, 10, 5
MODEL = "integer model (numba)"


def same(name: str, spikes: Spikes, expected: Spikes) -> None:
    """Raise RuntimeError unless an engine has the model's spikes."""
    if not all(map(np.array_equal, spikes, expected)):
        raise RuntimeError(f"{name} has other spikes than the integer model")


def costs() -> Iterator[Cost | LeftOut]:
    neuron = IntegerLIF(
        24, threshold=1 << 18, refractory=3, leak="shift", leak_bits=4, rounding="floor"
    )
    currents = np.random.default_rng(1).integers(-2000, 32767, (STEPS, N)).astype(np.int32)
    model = neuron.run(currents)
    programs: dict[str, Callable[[], object]] = {}

    def add(name: str, core: CxxrtlCore) -> None:
        same(name, core.run(currents).spikes, model.spikes)
        programs[name] = lambda: core.run(currents)

    with TemporaryDirectory() as folder:
        path = emit.convert(NeuronCore(neuron, N, neuron.seed), TOP).write(Path(folder))
        add("CXXRTL", CxxrtlCore(neuron, N))
        programs[MODEL] = lambda: neuron.run(currents)
        try:
            add("CXXRTL from the Verilog", CxxrtlCore.from_verilog(path, neuron, N))
        except MissingTool as error:
            yield LeftOut("CXXRTL from the Verilog", str(error))
        case = f"an update of {N} neurons"
        fire = f"{len(model.spikes[0]) / currents.size:.1%} of the updates spike"
        for name, seconds in least(programs, ROUNDS).items():
            remark = fire if name == MODEL else ""
            yield Cost(case, name, seconds / currents.size * 1e9, "ns", None, remark)

        def in_icarus(steps: int) -> None:
            done = icarus.run(path, neuron, N, currents[:steps], seed=1)
            same("cocotb on Icarus", done.spikes, neuron.run(currents[:steps]).spikes)

        lengths = 1, 1 + ICARUS_STEPS
        try:
            spent = least({n: partial(in_icarus, n) for n in lengths}, 1, perf_counter)
        except MissingTool as error:
            yield LeftOut("cocotb on Icarus", str(error))
        else:
            each = (spent[1 + ICARUS_STEPS] - spent[1]) / (ICARUS_STEPS * N)
            yield Cost(case, "cocotb on Icarus", each * 1e9, "ns", None, "wall time")
