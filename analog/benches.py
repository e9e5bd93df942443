"""Test benches of single cells: what each one does to the membrane, before there is a neuron.

`rheobase.analog.bias` designs from these; `rheobase.analog.extract` then measures the whole neuron
by other analyses, so that the two can disagree.
"""

import numpy as np
from PySpice.Spice.Netlist import Circuit

from . import ngspice
from .deck import deck
from .lif import AnalogLIF

STATIC = 1e-6
"""reltol of static measurements: their differences must resolve 1e-4 of a bias current."""

SPAN = 50e-3
"""V, on either side of its reference, within which the comparator must trip."""


def crossing(x: np.ndarray, y: np.ndarray, level: float) -> np.ndarray:
    """Abscissae at which `y` rises through `level`, by linear interpolation."""
    above = y >= level
    k = np.flatnonzero(~above[:-1] & above[1:])
    return x[k] + (x[k + 1] - x[k]) * (level - y[k]) / (y[k + 1] - y[k])


def simulate(
    lif: AnalogLIF, circuit: Circuit, bench: str, vectors: list[str], reltol: float = 1e-4
) -> dict[str, np.ndarray]:
    """Run one bench on (a part of) the neuron; static measurements ask for a smaller `reltol`."""
    lines = deck(lif.technology, circuit, bench, lif.options, reltol)
    return ngspice.run(lines, vectors, lif.technology.texts)


def without(lif: AnalogLIF, *names: str) -> Circuit:
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
    circuit = without(lif, "Xcomparator", "Xrefractory", "Xreset", "Cm")
    low, high = rest - 40 * step, rest + 40 * step
    bench = f"Vm m 0 0\n.dc Vm {low!r} {high!r} {step!r}\n.save v(m) i(Vm)"
    result = simulate(lif, circuit, bench, ["m", "vm#branch"], STATIC)
    v, i = result["m"], result["vm#branch"]  # the branch current flows out of the membrane
    k = int(np.argmin(abs(v - rest)))
    slope = float((8 * (i[k - 1] - i[k + 1]) - (i[k - 2] - i[k + 2])) / (12 * step))
    zero = crossing(v, -i, 0.0)
    if not zero.size:
        raise ValueError(f"the leak has no zero within {40 * step:g} V of rest")
    return slope, float(zero[0])


def sunk(lif: AnalogLIF, v: float) -> float:
    """Current in A that the OTA cell draws from the membrane at `v` (V), by DC."""
    circuit = without(lif, "Xcomparator", "Xrefractory", "Xreset", "Cm")
    bench = f"Vm m 0 {v!r}\n.op\n.save i(Vm)"
    return -float(simulate(lif, circuit, bench, ["vm#branch"], STATIC)["vm#branch"][0])


def swing(lif: AnalogLIF, step: float = 10e-3) -> tuple[float, float]:
    """Voltages between which the OTA's current stays within 1.5 times its bias, by a DC sweep."""
    circuit = without(lif, "Xcomparator", "Xrefractory", "Xreset", "Cm")
    supply = lif.technology.supply
    bench = f"Vm m 0 0\n.dc Vm 0 {supply!r} {step!r}\n.save v(m) i(Vm)"
    result = simulate(lif, circuit, bench, ["m", "vm#branch"], STATIC)
    v, rest = np.minimum(result["m"], supply), lif.voltage(lif.neuron.v_rest)
    broken = v[np.abs(result["vm#branch"]) >= 1.5 * lif.i_leak]
    low, high = broken[broken < rest], broken[broken > rest]
    return float(low.max(initial=0.0)), float(high.min(initial=supply))


def parasitic_capacitance(lif: AnalogLIF, times: float = 1.0) -> float:
    """Capacitance (F) that the cells add to the membrane at rest, by AC at ``times/(2 pi tau_m)``.

    The current mirror's own delay is in it: a leak that follows the membrane late by t acts as
    ``-g_m t``, except at frequencies that the mirror cannot follow.
    """
    rest = lif.voltage(lif.neuron.v_rest)
    frequency = times / (2 * np.pi * lif.tau_m)
    bench = f"Vm m 0 {rest!r} ac 1\n.ac lin 1 {frequency!r} {frequency!r}\n.save i(Vm)"
    admittance = -simulate(lif, without(lif, "Cm"), bench, ["vm#branch"], STATIC)["vm#branch"][0]
    return float(admittance.imag / (2 * np.pi * frequency))


def trip(lif: AnalogLIF) -> float:
    """Membrane voltage (V) at which the comparator and the pulse cell raise the spike, by DC.

    Found by upward sweeps from within SPAN of the reference, the last one in steps of 1 uV. Each
    starts well below the trip point: what the pulse cell draws off its capacitor before a spike is
    less after it, so that right below the trip point it has two states.
    """
    circuit = without(lif, "Xleak", "Xreset", "Cm")
    tripped = lif.v_th_reference
    for step, reach in ((SPAN / 20, SPAN), (25e-6, SPAN / 20), (1e-6, 0.2e-3)):
        low, high = tripped - reach, tripped + reach
        bench = f"Vm m 0 0\n.dc Vm {low!r} {high!r} {step!r}\n.save v(m) v(spike)"
        result = simulate(lif, circuit, bench, ["m", "spike"], STATIC)
        found = crossing(result["m"], result["spike"], lif.technology.supply / 2)
        if not found.size:
            raise ValueError(
                f"the comparator does not trip within {SPAN:g} V of its reference "
                f"{lif.v_th_reference:.4f} V at a bias of {lif.i_comparator:.3g} A: its input has"
                " to be a threshold above ground and a few tenths of a volt below the supply of"
                f" {lif.technology.supply:g} V, which a smaller voltage_scale brings about"
            )
        tripped = float(found[0])
    return tripped


def lead(lif: AnalogLIF, slope: float) -> float:
    """Time in s that a ramp of `slope` (V/s) takes from where `one_spike` begins to the trip.

    Half a dead time, but at least a millivolt below the trip: nearer to it, the spike node of a
    comparator of low gain is up already.
    """
    return min(max(0.5 * slope * lif.t_dead, 1e-3), 5e-3) / slope


def one_spike(
    lif: AnalogLIF,
    circuit: Circuit,
    v_trip: float,
    slope: float,
    before: float,
    after: float,
    spiking: float,
    t_stop: float,
    coarseness: int = 1,
) -> dict[str, np.ndarray]:
    """Time (s), ``m`` and ``spike`` (V) from just below `v_trip` through one spike and beyond it.

    The current into the membrane is `before` (A), which gives `slope` (V/s) at the trip, up to
    `spiking` (s), a time within the spike, and `after` from then on; `spiking` and `t_stop` (s)
    count from a time `lead` after the beginning. `coarseness` 2 doubles the time step and takes a
    ten times larger reltol.
    """
    begun = lead(lif, slope)
    change, step = begun + spiking, coarseness * lif.t_dead / 100
    bench = (
        f"Im 0 m pwl(0 {before!r} {change!r} {before!r} {change + step / 10!r} {after!r})\n"
        f".ic v(m)={v_trip - slope * begun!r}\n"
        f".tran {step!r} {t_stop + begun!r} 0 {step!r}\n.save v(m) v(spike)"
    )
    reltol = 1e-5 * 10 ** (coarseness - 1)
    return simulate(lif, circuit, bench, ["time", "m", "spike"], reltol)


def cycle(lif: AnalogLIF, v_trip: float, slope: float) -> tuple[float, float]:
    """Dead time (s) and voltage after release (V) of one spike of the cells without the leak.

    The membrane ramps through `v_trip` at `slope` (V/s) on a constant current. In a first run the
    current ends during the spike: the membrane stays where the reset has left it. In a second run
    it goes on: the ramp after the spike, drawn back to that voltage, gives the instant of release,
    which is a little before the switch's gate is low.
    """
    circuit = without(lif, "Xleak")
    drive = slope * (lif.c_m + parasitic_capacitance(lif))
    half = lif.technology.supply / 2
    still, moving = (
        one_spike(lif, circuit, v_trip, slope, drive, after, 0.5 * lif.t_dead, 3 * lif.t_dead)
        for after in (0.0, drive)
    )
    t, v = moving["time"], moving["m"]
    released = crossing(t, -moving["spike"], -half)
    if not released.size:
        raise ValueError(
            f"no spike ends within three times t_dead = {lif.t_dead:.3g} s: at a bias of"
            f" {lif.i_comparator:.3g} A the comparator is slower; a longer t_ref or a smaller"
            " speed-up leaves it the time"
        )
    reset = float(still["m"][-1])
    late = np.searchsorted(t, t[-1] - lif.t_dead / 2)
    risen = (v[-1] - v[late]) / (t[-1] - t[late])
    release = float(t[-1] - (v[-1] - reset) / risen)
    crossed = crossing(t, v, v_trip)  # some are early, and reset the membrane before it is there
    return release - (float(crossed[0]) if crossed.size else lead(lif, slope)), reset
