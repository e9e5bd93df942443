"""Brunel's network in NEST and in Brian2, for `network`: CPU seconds per biological second.

    INTERPRETER network_peers.py PROGRAM CASE

runs as a script in the Python that has the peers (``pip install nest-simulator brian2
"numpy<2.4"``), which need not have rheobase, and prints JSON. NEST takes its homogeneous synapses
in the homogeneous cases, Brian2 (C++ standalone) one weight and delay; Brian2 connects every pair
with probability 0.1.
"""

import json
import os
import subprocess
import sys
import tempfile
from time import perf_counter, process_time

DT, WARM = 1e-4, 0.1
TAU, THETA, RESET, REFRACTORY = 20e-3, 20e-3, 10e-3, 2e-3
J, DELAY = 1e-4, 1.5e-3
G, ETA, SPREAD = 5.0, 2.0, 0.1
CASES = {  # inhibitory neurons, biological seconds, individual synapses
    "N = 12,500": (2500, 0.3, False),
    "N = 12,500, individual": (2500, 0.2, True),
    "N = 1,250": (250, 2.0, False),
}


def nest(inhibitory: int, seconds: float, individual: bool) -> dict[str, float]:
    """CPU and wall seconds per biological second, and the rate in Hz."""
    import nest as sim

    sim.set_verbosity("M_ERROR")
    sim.ResetKernel()
    sim.resolution = DT * 1e3
    sim.local_num_threads = 1
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
    """CPU seconds per biological second, and the rate in Hz; compiles in the current folder."""
    import brian2 as sim

    folder = os.getcwd()
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


PROGRAMS = {"NEST": nest, "Brian2": brian2}

if __name__ == "__main__":
    _, program, case = sys.argv
    with tempfile.TemporaryDirectory() as folder:  # for the code that Brian2 makes
        os.chdir(folder)
        found = PROGRAMS[program](*CASES[case])
    print(json.dumps(found))
