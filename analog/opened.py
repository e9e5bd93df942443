"""A conductance synapse that a regular train of pulses keeps open, and a membrane beside it.

Some tau after the train has begun the synapse is nearly steady: from then on its mean current at a
held voltage is a second leak of the membrane. Its mirrors lag behind the voltage; that acts as a
capacitance, of either sign. Everything is in the chip's own volts, amperes and seconds.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import curve_fit

from ..models.reference.log_domain_synapse import Pulses, serial
from . import bombardment, ngspice
from .benches import without
from .bombardment import RELTOL, source, trapezoidal
from .cells.bench import Design
from .deck import deck
from .lif import AnalogLIF

SETTLED, LAST = 60, 120  # pulses from which on, and up to which, the synapse is measured
STEP = 2e-3  # V


@dataclass(frozen=True, eq=False)
class OpenSynapse:
    """What an open synapse gives.

    Parameters
    ----------
    v, current : ndarray, shape (points,)
        Mean current in A into the membrane at voltages v (V, ascending).
    error : float
        Bound of the error of `current` in A: by how much it changes from the first to the second
        half of the time in which it is measured, and what interpolation misses if every other point
        is left out.
    capacitance : float
        In F, of the membrane, that the synapse adds by being open.
    """

    v: np.ndarray
    current: np.ndarray
    error: float
    capacitance: float


def regular(rate: float, width: float, duration: float) -> Pulses:
    """A pulse every 1/`rate` (s) for a `duration` (s)."""
    return serial(np.arange(1, int(duration * rate) + 1) / rate, width)


def measure(synapse: Design, rate: float, width: float, v: np.ndarray) -> OpenSynapse:
    """Hold the output of the open synapse at each voltage; see `OpenSynapse`.

    At the middle voltage it then steps up by 2 mV. What flows in beyond the difference of the mean
    currents is the charge of a capacitance; that of the same step at the closed synapse is taken
    off, for it is found with the membrane's own.
    """
    periods = np.arange(LAST + 1) / rate
    middle, half = float(v[len(v) // 2]), (SETTLED + LAST) // 2

    def charges(pulses: Pulses, held: str) -> np.ndarray:
        """In C into the membrane in each period."""
        return bombardment.charges(synapse, pulses, width, held, periods)

    train = regular(rate, width, float(periods[-1]))
    halves = np.array([charges(train, repr(float(each)))[SETTLED:].reshape(2, -1).mean(1)
                       for each in v]) * rate  # fmt: skip

    at = float(periods[half]) + 0.5 / rate
    held = f"pwl(0 {middle!r} {at!r} {middle!r} {at + width!r} {middle + STEP!r})"
    beyond = []
    for pulses in (train, Pulses(np.empty(0), np.empty(0))):
        moved, still, ended = (
            charges(pulses, what) for what in (held, repr(middle), repr(middle + STEP))
        )
        steady = (still[half:] + ended[half:])[:1].sum() / 2 + ended[half + 1 :].sum()
        beyond.append(steady - moved[half:].sum())
    capacitance = float(beyond[0] - beyond[1]) / STEP
    current = halves.mean(1)
    thinned = PchipInterpolator(v[::2], current[::2])(v[1:-1:2])
    error = np.abs(halves[:, 1] - halves[:, 0]).max() + np.abs(thinned - current[1:-1:2]).max()
    return OpenSynapse(v, current, float(error), capacitance)


def step_response(
    lif: AnalogLIF, pulses: Pulses, width: float, current: float, step: float, at: float,
    t_stop: float, v_start: float,
) -> tuple[float, float]:  # fmt: skip
    """How the membrane answers a step of its current.

    Parameters
    ----------
    lif : AnalogLIF
        With one attached synapse; its current must be too small for a spike.
    pulses : Pulses
    width : float
        Of a pulse, in s.
    current, step : float
        Into the membrane in A, and what is added from `at` (s) on.
    at, t_stop : float
        In s.
    v_start : float
        Membrane at the beginning, in V.

    Returns
    -------
    tau, height : float
        Time constant in s and height in V of the exponential nearest to the difference of the runs
        with and without the step.
    """
    circuit, paths = without(lif, "Vp0"), []
    grid = np.linspace(at + width, t_stop, 400)
    for added in (0.0, step):
        lines = (
            f"Vp0 p0 0 {source(pulses, width, lif.technology.supply)}\n"
            f"Idrive 0 m pwl(0 {current!r} {at!r} {current!r} {at + width!r} {current + added!r})\n"
            f".ic v(m)={v_start!r}\n.tran {width!r} {t_stop!r} 0 {lif.tau_m / 200!r}\n.save v(m)"
        )
        text = deck(lif.technology, circuit, lines, trapezoidal(lif.options), RELTOL)
        found = ngspice.run(text, ["time", "m"], lif.technology.texts, 600.0)
        paths.append(np.interp(grid, found["time"], found["m"]))
    t, dv = grid - at - width / 2, paths[1] - paths[0]

    def rise(t: np.ndarray, log_tau: float, height: float) -> np.ndarray:
        return height * -np.expm1(-t / np.exp(log_tau))

    first = (np.log((t_stop - at) / 5), 1.0)
    (log_tau, height), _ = curve_fit(rise, t, dv / dv[-1], first)
    return float(np.exp(log_tau)), float(height * dv[-1])
