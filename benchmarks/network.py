"""How fast Brunel's network runs here, in NEST and in Brian2: CPU seconds per biological second.

    python benchmarks/network.py [INTERPRETER]

INTERPRETER is the Python that has the peers, by default the one that runs this (``pip install
nest-simulator brian2 "numpy<2.4"``); those that it lacks are named. The network is state C of
Brunel 2000 (g = 5, eta = 2, J = 0.1 mV) with homogeneous synapses, and with a weight and a delay
for every synapse. Every program runs the same network, on one thread but where it says so, and only
the simulation is timed, not the making of the network. In the homogeneous case NEST takes its
homogeneous synapses and Brian2 (C++ standalone) one weight and delay; Brian2 connects every pair
with probability 0.1. Wall time is given for what several threads gain: on a busy machine only CPU
times compare.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time

from table import Cost, show

DT, WARM = 1e-4, 0.1
TAU, THETA, RESET, REFRACTORY = 20e-3, 20e-3, 10e-3, 2e-3
J, DELAY = 1e-4, 1.5e-3
G, ETA, SPREAD = 5.0, 2.0, 0.1
CASES = {  # inhibitory neurons, biological seconds, individual synapses
    "N = 12,500": (2500, 0.3, False),
    "N = 12,500, individual": (2500, 0.2, True),
    "N = 1,250": (250, 2.0, False),
}


def ours(inhibitory: int, seconds: float, individual: bool, threads: int = 1) -> dict[str, float]:
    import numpy as np

    from rheobase.models.neuron import LIF
    from rheobase.models.reference import network as nw

    neuron = LIF(TAU, THETA, RESET, t_ref=REFRACTORY)
    start = np.random.default_rng(1)
    sizes = (4 * inhibitory, inhibitory)
    e, i = (nw.Population(neuron, n, start.uniform(0, THETA, n)) for n in sizes)
    inputs = [nw.Poisson(post, ETA * THETA / (J * TAU), J) for post in (e, i)]
    projections = [
        nw.Projection(
            pre,
            post,
            nw.FixedInDegree(pre.n // 10),
            (lambda rng, n, w=w: rng.normal(w, SPREAD * abs(w), n)) if individual else w,
            (lambda rng, n: DT * rng.integers(5, 26, n)) if individual else DELAY,
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


def nest(inhibitory: int, seconds: float, individual: bool, threads: int = 1) -> dict[str, float]:
    import nest as sim

    sim.set_verbosity("M_ERROR")
    sim.ResetKernel()
    sim.resolution = DT * 1e3
    sim.local_num_threads = threads
    neuron = {
        "tau_m": TAU * 1e3,
        "t_ref": REFRACTORY * 1e3,
        "E_L": 0.0,
        "V_th": THETA * 1e3,
        "V_reset": RESET * 1e3,
        "V_m": sim.random.uniform(0.0, THETA * 1e3),
    }
    e, i = (sim.Create("iaf_psc_delta", n, neuron) for n in (4 * inhibitory, inhibitory))
    everyone = e + i
    noise = sim.Create("poisson_generator", params={"rate": ETA * THETA / (J * TAU)})
    recorder = sim.Create("spike_recorder", params={"start": WARM * 1e3})
    sim.Connect(noise, everyone, syn_spec={"weight": J * 1e3, "delay": DELAY * 1e3})
    sim.Connect(everyone, recorder)
    for number, (pre, w) in enumerate(((e, J * 1e3), (i, -G * J * 1e3))):
        rule = {"rule": "fixed_indegree", "indegree": len(pre) // 10}
        if individual:
            synapse = {
                "weight": sim.random.normal(w, SPREAD * abs(w)),
                "delay": sim.random.uniform_int(21) * (DT * 1e3) + 5 * DT * 1e3,
            }
        else:
            sim.CopyModel("static_synapse_hom_w", f"s{number}", {"weight": w})
            synapse = {"synapse_model": f"s{number}", "delay": DELAY * 1e3}
        sim.Connect(pre, everyone, rule, synapse)
    sim.Simulate(WARM * 1e3)
    cpu, wall = process_time(), perf_counter()
    sim.Simulate(seconds * 1e3)
    cpu, wall = process_time() - cpu, perf_counter() - wall
    rate = recorder.n_events / (5 * inhibitory * seconds)
    return {"cpu": cpu / seconds, "wall": wall / seconds, "rate": rate}


def brian2(inhibitory: int, seconds: float, individual: bool) -> dict[str, float]:
    import brian2 as sim

    folder = tempfile.mkdtemp()
    sim.set_device("cpp_standalone", build_on_run=False, directory=folder)
    sim.prefs.codegen.cpp.extra_compile_args_gcc = ["-O3", "-march=native", "-ffast-math"]
    sim.defaultclock.dt = DT * sim.second
    n, excitatory = 5 * inhibitory, 4 * inhibitory
    cells = sim.NeuronGroup(
        n,
        "dv/dt = -v / tau : 1 (unless refractory)",
        threshold="v >= theta",
        reset="v = reset_to",
        refractory=REFRACTORY * sim.second,
        method="exact",
        namespace={"tau": TAU * sim.second, "theta": THETA * 1e3, "reset_to": RESET * 1e3},
    )
    cells.v = f"rand() * {THETA * 1e3}"
    each = 1000  # Poisson trains per neuron; their sum per step is binomial
    noise = sim.PoissonInput(cells, "v", each, ETA * THETA / (J * TAU) / each * sim.Hz, J * 1e3)
    monitor = sim.SpikeMonitor(cells, record=False)
    parts: list[object] = [cells, noise, monitor]
    for pre, w in ((cells[:excitatory], J * 1e3), (cells[excitatory:], -G * J * 1e3)):
        if individual:
            synapses = sim.Synapses(pre, cells, "w : 1", on_pre="v_post += w")
        else:
            synapses = sim.Synapses(pre, cells, on_pre=f"v_post += {w}", delay=DELAY * sim.second)
        synapses.connect(p=0.1)
        if individual:
            synapses.w = f"{w} + {SPREAD * abs(w)} * randn()"
            synapses.delay = "(5 + int(21 * rand())) * 0.1 * ms"
        parts.append(synapses)
    network = sim.Network(*parts)
    report = f"""{{
        double spikes = 0;
        for (int i = 0; i < {n}; i++) spikes += brian::_array_{monitor.name}_count[i];
        std::cout << "CPU " << double(clock()) / CLOCKS_PER_SEC << " " << spikes << std::endl;
    }}"""
    network.run(WARM * sim.second)
    sim.device.insert_code("main", report)
    network.run(seconds * sim.second)
    sim.device.insert_code("main", report)
    sim.device.build(directory=folder, run=False, with_output=False)
    done = subprocess.run(
        [f"{folder}/main"], cwd=folder, capture_output=True, text=True, check=True
    )
    before, after = (line.split()[1:] for line in done.stdout.splitlines() if line[:3] == "CPU")
    spent = float(after[0]) - float(before[0])
    count = float(after[1]) - float(before[1])
    return {"cpu": spent / seconds, "rate": count / (n * seconds)}


PROGRAMS = {
    "rheobase": ours,
    "rheobase, 2 threads": lambda *case: ours(*case, threads=2),
    "NEST": nest,
    "Brian2": brian2,
}
MODULES = {"NEST": "nest", "Brian2": "brian2"}
ASKED = {  # of NEST and of Brian2
    "N = 12,500": (15, 4),
    "N = 12,500, individual": (6, None),
    "N = 1,250": (15, 4),
}


def measured(interpreter: str, program: str, case: str) -> dict[str, float]:
    """What a program measures in an interpreter of its own."""
    command = [interpreter, str(Path(__file__).resolve()), "--one", program, case]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program}, {case}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def costs(peers: str) -> Iterator[Cost]:
    """Costs of all programs; `peers` is the interpreter that has NEST and Brian2."""
    missing = {
        name
        for name, module in MODULES.items()
        if subprocess.run([peers, "-c", f"import {module}"], capture_output=True).returncode
    }
    for name in sorted(missing):
        print(f"{name} cannot be imported by {peers}: see the head of benchmarks/network.py")
    for case, asked in ASKED.items():
        for program in PROGRAMS:
            if program in missing:
                continue
            found = measured(peers if program in MODULES else sys.executable, program, case)
            remark = f"{found['rate']:.2f} Hz"
            if "wall" in found:
                remark += f", wall {found['wall']:.3g} s/s"
            limit = asked[list(MODULES).index(program)] if program in MODULES else None
            yield Cost(f"network, {case}", program, found["cpu"], "s/s", limit, remark)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(PROGRAMS[sys.argv[2]](*CASES[sys.argv[3]])))
    else:
        show(costs(sys.argv[1] if len(sys.argv) > 1 else sys.executable))
