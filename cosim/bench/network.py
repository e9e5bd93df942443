"""How fast Brunel's network runs here, in NEST and in Brian2: CPU seconds per biological second.

The network is state C of Brunel 2000 (g = 5, eta = 2, J = 0.1 mV) with homogeneous synapses, and
with a weight and a delay for every synapse. Every program runs the same network, on one thread but
where it says so, and only the simulation is timed, not the making of the network; `network_peers`
says how the peers are run. Wall time is given for what several threads gain: on a busy machine only
CPU times compare.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from ...models.neuron import LIF
from ...models.reference import network as nw
from . import network_peers
from .network_peers import CASES, DELAY, DT, ETA, REFRACTORY, RESET, SPREAD, TAU, THETA, WARM, G, J
from .table import Cost, LeftOut

MODULES = {"NEST": "nest", "Brian2": "brian2"}
PACKAGES = {"NEST": "nest-simulator", "Brian2": "brian2"}
ASKED = {  # of NEST and of Brian2
    "N = 12,500": {"NEST": 15, "Brian2": 4},
    "N = 12,500, individual": {"NEST": 6},
    "N = 1,250": {"NEST": 15, "Brian2": 4},
}


def ours(inhibitory: int, seconds: float, individual: bool, threads: int = 1) -> dict[str, float]:
    """CPU and wall seconds per biological second, and the rate in Hz."""
    neuron = LIF(TAU, THETA, RESET, t_ref=REFRACTORY)
    start = np.random.default_rng(1)
    sizes = (4 * inhibitory, inhibitory)
    e, i = (nw.Population(neuron, n, start.uniform(0, THETA, n)) for n in sizes)
    inputs = [nw.Poisson(post, ETA * THETA / (J * TAU), J) for post in (e, i)]

    def spread(rng: np.random.Generator, n: int, mean: float) -> NDArray[np.float64]:
        return np.asarray(rng.normal(mean, SPREAD * abs(mean), n))

    def delays(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        return np.asarray(DT * rng.integers(5, 26, n))

    projections = [
        nw.Projection(
            pre,
            post,
            nw.FixedInDegree(pre.n // 10),
            partial(spread, mean=w) if individual else w,
            delays if individual else DELAY,
        )
        for pre, w in ((e, J), (i, -G * J))
        for post in (e, i)
    ]
    clocks = []
    for stop in (WARM, WARM, WARM + seconds):  # the first compiles
        cpu, wall = process_time(), perf_counter()
        times, _, _ = nw.simulate([e, i], projections, inputs, stop, DT, 1, threads)
        clocks.append((process_time() - cpu, perf_counter() - wall))
    cpu, wall = (after - before for before, after in zip(clocks[1], clocks[2], strict=True))
    rate = (times > WARM).sum() / (5 * inhibitory * seconds)
    return {"cpu": cpu / seconds, "wall": wall / seconds, "rate": float(rate)}


def theirs(interpreter: str, program: str, case: str) -> dict[str, float]:
    """The same of a peer, in its interpreter."""
    command = [interpreter, network_peers.__file__, program, case]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program}, {case}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def costs(peers: str) -> Iterator[Cost | LeftOut]:
    """Costs of all programs; `peers` is the interpreter that has NEST and Brian2."""
    here = []
    for name, module in MODULES.items():
        if subprocess.run([peers, "-c", f"import {module}"], capture_output=True).returncode:
            how = f'pip install {PACKAGES[name]} "numpy<2.4", there or in that of --peers'
            yield LeftOut(name, f"{peers} cannot import it: {how}")
        else:
            here.append(name)
    for case, sizes in CASES.items():
        programs: dict[str, Callable[[], dict[str, float]]] = {
            "rheobase": partial(ours, *sizes),
            "rheobase, 2 threads": partial(ours, *sizes, threads=2),
        }
        programs |= {name: partial(theirs, peers, name, case) for name in here}
        for program, run in programs.items():
            found = run()
            remark = f"{found['rate']:.2f} Hz"
            if "wall" in found:
                remark += f", wall {found['wall']:.3g} s/s"
            asked = ASKED[case].get(program)
            yield Cost(f"network, {case}", program, found["cpu"], "s/s", asked, remark)
