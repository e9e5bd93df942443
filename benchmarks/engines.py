"""How fast each engine updates neurons: 1024 neurons, 24 bits, leak by shift.

Every engine runs the same neuron on the same kind of input, and its spikes are compared with the
integer model's before it is timed. Rates are the best of several rounds in which the engines take
turns, so that a busy machine slows all of them alike.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from rheobase.cosim.engines import icarus
from rheobase.cosim.engines.cxxrtl import CxxrtlCore
from rheobase.hdl import emit
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.hdl.verilog import TOP
from rheobase.models.integer.lif import IntegerLIF

N = 1024
STEPS = 1000
ICARUS_STEPS = 10
ROUNDS = 10

neuron = IntegerLIF(
    24, threshold=1 << 18, refractory=3, leak="shift", leak_bits=4, rounding="floor"
)
currents = np.random.default_rng(1).integers(-2000, 32767, (STEPS, N)).astype(np.int32)
model = neuron.run(currents)

with tempfile.TemporaryDirectory() as folder:
    path = emit.convert(NeuronCore(neuron, N, neuron.seed), TOP).write(Path(folder))
    engines: dict[str, Callable[[], object]] = {
        "integer model (numba)": lambda: neuron.run(currents)
    }
    for name, core in {
        "CXXRTL": CxxrtlCore(neuron, N),
        "CXXRTL from the Verilog": CxxrtlCore.from_verilog(path, neuron, N),
    }.items():
        assert all(map(np.array_equal, core.run(currents).spikes, model.spikes)), name
        engines[name] = lambda core=core: core.run(currents)

    best = dict.fromkeys(engines, float("inf"))
    for _ in range(ROUNDS):
        for name, run in engines.items():
            start = process_time()
            run()
            best[name] = min(best[name], process_time() - start)
    rates = {name: currents.size / seconds for name, seconds in best.items()}

    # The simulator starts anew for every run: the difference of two lengths is the rate.
    seconds = []
    for steps in (1, ICARUS_STEPS + 1):
        start = perf_counter()
        done = icarus.run(path, neuron, N, currents[:steps], seed=1)
        seconds.append(perf_counter() - start)
    assert done.violations == ()
    assert all(map(np.array_equal, done.spikes, neuron.run(currents[: ICARUS_STEPS + 1]).spikes))
    rates["cocotb on Icarus"] = ICARUS_STEPS * N / (seconds[1] - seconds[0])

spikes = len(model.spikes[0]) / currents.size
print(f"{N} neurons, {neuron.width} bits, leak by shift, {spikes:.1%} of the updates spike")
print(f"{'engine':26}{'updates/s':>12}{'integer model / it':>21}{'CXXRTL / it':>14}")
for name, rate in rates.items():
    to_model, to_cxxrtl = rates["integer model (numba)"] / rate, rates["CXXRTL"] / rate
    print(f"{name:26}{rate:12.3g}{to_model:21.3g}{to_cxxrtl:14.3g}")
