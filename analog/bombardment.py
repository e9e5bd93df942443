"""Trains of pulses into DPI synapses: a synapse alone, and synapses at the membrane of a neuron.

Everything is in the chip's own amperes, volts and seconds. Pulses are `log_domain_synapse.Pulses`,
at half of edges that last for a twentieth of a `width`. A source of n corners takes ngspice a time
of order n**2, and below some thousand corners less than the transistors do: long trains should be
played in pieces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from ..models.reference.log_domain_synapse import Array, LogDomainSynapse, Pulses
from . import ngspice
from .benches import crossing, without
from .cells import dpi
from .cells.bench import Design
from .deck import deck
from .lif import AnalogLIF
from .simulate import Trace

EDGE = 0.05  # of a width
RELTOL = 1e-4
"""A pulse's charge is then 1 % too large, on the bench of a synapse as at a neuron."""

ABSTOL = 1e-17
"""Of a synapse on its bench, in A: with less, rounding stops the solver at edges of pulses."""

LONGEST = 2  # widths, a time step
SETTLING = 20  # tau until a synapse that began in silence is judged
BIN = 2.0  # tau, over which the fit compares charges


def trapezoidal(options: str) -> str:
    """Solver options with which a capacitor gets the integral of the current that was saved.

    With Gear's method, pulses of a synapse charge it by 4 % more.
    """
    return options.replace("method=gear", "method=trap")


def source(pulses: Pulses, width: float, high: float) -> str:
    """What stands behind a voltage source that plays pulses."""
    rise = EDGE * width / 2
    corners = (
        f"+ {on - rise!r} 0 {on + rise!r} {high!r} {off - rise!r} {high!r} {off + rise!r} 0"
        for on, off in zip(pulses.on.tolist(), pulses.off.tolist(), strict=True)
    )
    return "\n".join(("pwl(0 0", *corners, "+ )"))


def charges(
    synapse: Design, pulses: Pulses, width: float, held: str, edges: np.ndarray
) -> np.ndarray:
    """Charge in C out of a synapse between the times `edges` (s, from 0 on).

    `held` is what stands behind the voltage source that holds its output.
    """
    lines = (
        f"Vpulse pulse 0 {source(pulses, width, synapse.technology.supply)}\nVout out 0 {held}\n"
        f".tran {width!r} {float(edges[-1])!r} 0 {LONGEST * width!r}\n.save i(Vout)"
    )
    options = trapezoidal(ngspice.options(ABSTOL))
    text = deck(synapse.technology, synapse.circuit(), lines, options, RELTOL)
    found = ngspice.run(text, ["time", "vout#branch"], synapse.technology.texts)
    t, i = found["time"], found["vout#branch"]
    charge = np.concatenate(([0.0], np.cumsum(np.diff(t) * (i[1:] + i[:-1]) / 2)))
    return np.diff(np.interp(edges, t, charge))


def simulate(
    lif: AnalogLIF, trains: Sequence[Pulses], width: float, current: float, t_stop: float,
    reltol: float = RELTOL,
) -> Trace:  # fmt: skip
    """The neuron from its reset voltage on, a train into each of its synapses; a constant current.

    Raises
    ------
    NgspiceError
        The simulation failed.
    """
    supply, step = lif.technology.supply, LONGEST * width
    lines = [f"Vp{k} p{k} 0 {source(pulses, width, supply)}" for k, pulses in enumerate(trains)]
    lines += [
        f"Idrive 0 m {float(current)!r}",
        f".ic v(m)={lif.voltage(lif.neuron.v_reset)!r}",
        f".tran {step!r} {float(t_stop)!r} 0 {step!r}",
        ".save v(m) v(spike)",
    ]
    circuit = without(lif, *(f"Vp{k}" for k in range(len(trains))))
    text = deck(lif.technology, circuit, "\n".join(lines), trapezoidal(lif.options), reltol)
    found = ngspice.run(text, ["time", "m", "spike"], lif.technology.texts, 600.0)
    t = found["time"]
    return Trace(t, found["m"], crossing(t, found["spike"], supply / 2))


@dataclass(frozen=True)
class ExtractedDPI:
    """A synapse as its equation needs it.

    Parameters
    ----------
    equation : LogDomainSynapse
    errors : ndarray, shape (windows,)
        What the synapse gives beyond its equation in windows of the train of the fit, over the mean
        charge of a window.
    measured, predicted : float
        Charge in C of the second train after settling, and what the equation says of it.
    """

    equation: LogDomainSynapse
    errors: Array
    measured: float
    predicted: float


def extract(
    synapse: Design, constants: dpi.Constants, trains: tuple[Pulses, Pulses], width: float,
    v_out: float, window: float,
) -> ExtractedDPI:  # fmt: skip
    """Fit the equation to a synapse under one train of pulses, and test it on another one.

    The four constants are fitted by least squares to the mean currents in bins of two tau, from
    twenty tau on: the membrane, far slower, feels charges. `window` (s) is that over which charges
    are compared.
    """
    dt = BIN * constants.tau
    first = round(SETTLING / BIN)
    off = f"Vpulse pulse 0 0\nVout out 0 {v_out!r}\n.op\n.save i(Vout)"
    start = float(abs(synapse.measure(off, ["vout#branch"])["vout#branch"][0]))

    def play(pulses: Pulses) -> np.ndarray:
        edges = np.arange(int(pulses.off[-1] / dt) + 1) * dt
        return np.abs(charges(synapse, pulses, width, repr(v_out), edges)) / dt

    def equation(logs: Array) -> LogDomainSynapse:
        tau, gain, i_gain, exponent = np.exp(logs).tolist()
        return LogDomainSynapse(tau, gain, i_gain, exponent, start)

    fitted, tested = (play(pulses) for pulses in trains)

    def distance(logs: Array) -> Array:
        currents = equation(logs).currents(trains[0], dt, len(fitted))
        return (currents - fitted)[first:] / constants.i_gain

    designed = [constants.tau, constants.i_w / constants.i_tau, constants.i_gain]
    found = equation(least_squares(distance, np.log([*designed, constants.exponent])).x)
    size = round(window / dt)

    def windows(currents: np.ndarray) -> np.ndarray:
        count = (len(currents) - first) // size
        return currents[first : first + count * size].reshape(count, size).sum(1) * dt

    own, other = (
        (windows(played), windows(found.currents(pulses, dt, len(played))))
        for played, pulses in zip((fitted, tested), trains, strict=True)
    )
    errors = (own[0] - own[1]) / own[0].mean()
    return ExtractedDPI(found, errors, float(other[0].sum()), float(other[1].sum()))
