"""Test benches of single cells: what each one does to the membrane, before there is a neuron.

`rheobase.analog.bias` designs from these; `rheobase.analog.extract` then measures the whole neuron
by other analyses, so that the two can disagree.
"""

import numpy as np
from PySpice.Spice.Netlist import Circuit

from . import ngspice
from .lif import AnalogLIF, deck

PRECISE = ngspice.OPTIONS.replace("reltol=1e-4", "reltol=1e-6")
"""For static measurements, whose differences must resolve 1e-4 of a bias current."""


def crossing(x: np.ndarray, y: np.ndarray, level: float) -> np.ndarray:
    """Abscissae at which `y` rises through `level`, by linear interpolation."""
    above = y >= level
    k = np.flatnonzero(~above[:-1] & above[1:])
    return x[k] + (x[k + 1] - x[k]) * (level - y[k]) / (y[k + 1] - y[k])


def simulate(
    lif: AnalogLIF, circuit: Circuit, bench: str, vectors: list[str]
) -> dict[str, np.ndarray]:
    """Run one bench on (a part of) the neuron with precise options."""
    card = {lif.technology.model_file.name: lif.technology.model_file.read_text()}
    return ngspice.run(deck(lif.technology, circuit, bench, PRECISE), vectors, card)


def _without(lif: AnalogLIF, *names: str) -> Circuit:
    """The neuron's circuit without the named elements."""
    circuit = lif.circuit()
    for name in names:
        circuit[name].detach()
    return circuit


def leak(lif: AnalogLIF, step: float = 0.5e-3) -> tuple[float, float]:
    """Slope (S) at the designed rest and zero (V) of the OTA cell's current, by a DC sweep.

    Four-point differences on a grid of `step`: the error of the slope is of order ``(step/2 n
    U_T)**4``, below 1e-7.
    """
    rest = lif.voltage(lif.neuron.v_rest)
    circuit = _without(lif, "Xcomparator", "Xrefractory", "Xreset", "Cm")
    low, high = rest - 40 * step, rest + 40 * step
    bench = f"Vm m 0 0\n.dc Vm {low!r} {high!r} {step!r}\n.save v(m) i(Vm)"
    result = simulate(lif, circuit, bench, ["m", "vm#branch"])
    v, i = result["m"], result["vm#branch"]  # the branch current flows out of the membrane
    k = int(np.argmin(abs(v - rest)))
    slope = float((8 * (i[k - 1] - i[k + 1]) - (i[k - 2] - i[k + 2])) / (12 * step))
    return slope, float(crossing(v, -i, 0.0)[0])


def parasitic_capacitance(lif: AnalogLIF) -> float:
    """Capacitance (F) that the cells add to the membrane at rest, by AC at ``1/(2 pi tau_m)``.

    The current mirror's own delay is in it: a leak that follows the membrane late by t acts as
    ``-g_m t``.
    """
    rest = lif.voltage(lif.neuron.v_rest)
    frequency = 1 / (2 * np.pi * lif.tau_m)
    bench = f"Vm m 0 {rest!r} ac 1\n.ac lin 1 {frequency!r} {frequency!r}\n.save i(Vm)"
    admittance = -simulate(lif, _without(lif, "Cm"), bench, ["vm#branch"])["vm#branch"][0]
    return float(admittance.imag / (2 * np.pi * frequency))


def trip(lif: AnalogLIF, span: float = 10e-3, resolution: float = 1e-6) -> float:
    """Membrane voltage (V) at which the comparator and the pulse cell raise the spike, by DC.

    Found by nested sweeps to `resolution`, in V, from within `span` of the reference.
    """
    circuit = _without(lif, "Xleak", "Xreset", "Cm")
    low, high = lif.v_th_reference - span, lif.v_th_reference + span
    while True:
        step = (high - low) / 40
        bench = f"Vm m 0 0\n.dc Vm {low!r} {high!r} {step!r}\n.save v(m) v(spike)"
        result = simulate(lif, circuit, bench, ["m", "spike"])
        found = np.flatnonzero(result["spike"] >= lif.technology.supply / 2)
        if not found.size or not found[0]:
            raise ValueError(
                f"the comparator does not trip within {span:g} V of its reference "
                f"{lif.v_th_reference:.4f} V at a bias of {lif.i_comparator:.3g} A"
            )
        low, high = (float(v) for v in result["m"][found[0] - 1 : found[0] + 1])
        if high - low <= resolution:
            return (low + high) / 2


def cycle(lif: AnalogLIF, v_trip: float, slope: float) -> tuple[float, float]:
    """Dead time (s) and voltage after release (V) of one spike of the cells without the leak.

    The membrane ramps through `v_trip` at `slope` (V/s) on a constant current, which ends as soon
    as the spike is under way; after release it therefore stays where the reset has left it.
    """
    circuit = _without(lif, "Xleak")
    before = 3e-3 / slope
    end = before + 3 * lif.t_dead
    step = lif.t_dead / 200
    drive = slope * (lif.c_m + parasitic_capacitance(lif))
    bench = (
        f"Im 0 m pwl(0 {drive!r} {before + 0.5 * lif.t_dead!r} {drive!r} "
        f"{before + 0.5 * lif.t_dead + step!r} 0)\n"
        f".ic v(m)={v_trip - 3e-3!r}\n.tran {step!r} {end!r} 0 {step!r}\n.save v(m) v(spike)"
    )
    result = simulate(lif, circuit, bench, ["time", "m", "spike"])
    t, v, spike = result["time"], result["m"], result["spike"]
    half = lif.technology.supply / 2
    release = crossing(t, -spike, -half)
    if not release.size:
        raise ValueError(f"no spike of about t_dead = {lif.t_dead:.3g} s from the pulse cell")
    dead = float(release[0] - crossing(t, v, v_trip)[0])
    return dead, float(v[t > release[0] + 0.5 * lif.t_dead][0])
