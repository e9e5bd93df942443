"""Play a current into the neuron circuit and record the membrane and the spikes.

Everything is in the chip's own amperes, volts and seconds: scale a neuron's drive with
`AnalogLIF.current` and its times with ``speed_up``.
"""

from dataclasses import dataclass

import numpy as np

from . import ngspice
from .benches import crossing
from .lif import AnalogLIF

STIMULUS_FILE = "stimulus.txt"


@dataclass(frozen=True, eq=False)
class Trace:
    """What the circuit did.

    Parameters
    ----------
    t, v_m : ndarray, shape (points,)
        The solver's own time points in s and the membrane there in V.
    spike_times : ndarray, shape (spikes,)
        Rising crossings of half the supply by the spike node, interpolated, in s.
    """

    t: np.ndarray
    v_m: np.ndarray
    spike_times: np.ndarray


@dataclass(frozen=True)
class Bench:
    """A test bench for `AnalogLIF.netlist`: its lines, the files that they name, the reltol."""

    lines: str
    files: dict[str, str]
    reltol: float


def bench(
    lif: AnalogLIF,
    current: float | np.ndarray,
    t_stop: float,
    dt: float | None = None,
    t_max: float | None = None,
) -> Bench:
    """Test bench that plays `current` into the membrane, from the reset voltage on; see `simulate`.

    XSPICE's filesource plays an array, scaled to order one. It does not tell the solver when it
    jumps, and a jump inside a time step is smeared over it; so a noise source of amplitude zero
    makes a break point at each multiple of `dt`, and each jump comes a thousandth of `dt` later,
    just behind its break point. (A PULSE source loses its break points after some twenty periods,
    a PWL source of n points takes a time of order n**2.)
    """
    if not 0 < t_stop < np.inf:
        raise ValueError(f"t_stop must be finite and > 0 s, not {t_stop!r}")
    if not isinstance(current, np.ndarray):
        if dt is not None:
            raise ValueError(f"dt = {dt!r} goes with a current array, and current is a number")
        step = _time_step(lif, current) if t_max is None else t_max
        source = f"Istimulus 0 m {float(current)!r}"
        return Bench(f"{source}\n{_transient(lif, t_stop, step)}", {}, 1e-4)
    if dt is None or not 0 < dt < np.inf:
        raise ValueError(f"a current array needs its dt in s, > 0, not {dt!r}")
    if t_max is not None:
        raise ValueError(f"t_max = {t_max!r} goes with a constant current, not with an array")
    if current.ndim != 1 or len(current) < t_stop / dt * (1 - 1e-9):
        raise ValueError(
            f"current must have shape (samples,) with at least t_stop/dt = {t_stop / dt:g} "
            f"entries, not shape {current.shape}"
        )
    if not np.all(np.isfinite(current)):
        raise ValueError("current must be finite")
    scale = float(np.max(np.abs(current))) or 1.0
    times = (np.arange(len(current) + 1) + 1e-3) * dt
    times[0] = 0.0
    values = np.append(current, current[-1]) / scale
    rows = zip(times.tolist(), values.tolist(), strict=True)
    lines = (
        "Astimulus %vd([level 0]) stimulus\n"
        f'.model stimulus filesource (file="{STIMULUS_FILE}" '
        "amploffset=[0] amplscale=[1] amplstep=true)\n"
        f"Gstimulus 0 m level 0 {scale!r}\n"
        f"Vclock clock 0 trnoise(0 {float(dt)!r} 0 0)\n"
        f"{_transient(lif, t_stop, dt)}"
    )
    # The break points keep the time steps short, so a coarser reltol does.
    return Bench(lines, {STIMULUS_FILE: "".join(f"{t!r} {x!r}\n" for t, x in rows)}, 3e-3)


def _transient(lif: AnalogLIF, t_stop: float, t_max: float) -> str:
    start = lif.voltage(lif.neuron.v_reset)
    return (
        f".ic v(m)={start!r}\n"
        f".tran {float(t_max)!r} {float(t_stop)!r} 0 {float(t_max)!r}\n"
        ".save v(m) v(spike)"
    )


def simulate(
    lif: AnalogLIF,
    current: float | np.ndarray,
    t_stop: float,
    dt: float | None = None,
    t_max: float | None = None,
    timeout: float = 600.0,
) -> Trace:
    """Simulate the neuron circuit from its reset voltage on.

    Parameters
    ----------
    lif : AnalogLIF
    current : float or ndarray, shape (samples,)
        Into the membrane, in A; an array is held for `dt` per entry and must reach to `t_stop`.
    t_stop : float
        In chip seconds, > 0.
    dt : float, optional
        Chip seconds per entry; needed with an array, and only then.
    t_max : float, optional
        Largest time step in s for a constant current; by default a hundredth of `tau_m` or, where
        the designed neuron fires faster, of its interspike interval.
    timeout : float
        Wall-clock limit in s.

    Returns
    -------
    Trace

    Raises
    ------
    ValueError
        The arguments do not fit together.
    NgspiceError
        The simulation failed.
    """
    played = bench(lif, current, t_stop, dt, t_max)
    deck = lif.netlist(played.lines, played.reltol)
    result = ngspice.run(deck, ["time", "m", "spike"], lif.technology.texts | played.files, timeout)
    t, v_m = result["time"], result["m"]
    return Trace(t, v_m, crossing(t, result["spike"], lif.technology.supply / 2))


def _time_step(lif: AnalogLIF, current: float) -> float:
    """A hundredth of tau_m or of the linear neuron's interspike interval."""
    rest, threshold, reset = (
        lif.voltage(v) for v in (lif.neuron.v_rest, lif.neuron.v_th, lif.neuron.v_reset)
    )
    target = rest + current / lif.g_m
    if target <= threshold:
        return lif.tau_m / 100
    interval = lif.t_dead + lif.tau_m * np.log((target - reset) / (target - threshold))
    return float(min(lif.tau_m, interval)) / 100
