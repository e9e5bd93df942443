"""Measure many variants of one neuron circuit in parallel: chips, corners, temperatures, faults.

Each variant is an AnalogLIF, most often the same design in another technology: `chips` has other
seeds of mismatch, `environments` the corners and temperatures. All measurements are made on the
whole netlist, whose topology never changes, so that a seed means the same devices in all of them.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from . import ngspice
from .benches import STATIC, crossing, simulate
from .lif import AnalogLIF
from .ngspice import NgspiceError
from .simulate import simulate as play

PATIENCE = 20.0
"""In designed tau_m: an interval that is longer counts as none. A membrane that has not reached the
threshold by then is within ``exp(-20)`` of where it comes to rest."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Response:
    """What one circuit does, in the chip's own units.

    Parameters
    ----------
    tau_m : float
        At rest, ``Im Y/(omega Re Y)`` of the membrane, in s; with the threshold lifted.
    v_rest, v_trip : float
        Where the membrane rests without a current, and its static trip point, in V.
    rates : tuple of float
        At the currents asked for, in Hz; 0 for a silent neuron.
    """

    tau_m: float
    v_rest: float
    v_trip: float
    rates: tuple[float, ...]

    @property
    def values(self) -> np.ndarray:
        """tau_m, v_rest, v_trip and the rates, shape (3 + currents,)."""
        return np.array([self.tau_m, self.v_rest, self.v_trip, *self.rates])


def measure(lif: AnalogLIF, currents: Sequence[float]) -> Response:
    """Response of one circuit to constant currents in A.

    Raises
    ------
    ValueError
        The comparator does not trip, or the neuron fires without a current.
    NgspiceError
        A simulation failed.
    """
    lifted = _lifted(lif)
    v_rest, v_trip = _rest(lifted), _trip(lif)
    if v_trip <= v_rest:
        raise ValueError(
            f"it fires without a current: it trips at {v_trip:.4f} V and rests at {v_rest:.4f} V"
        )
    return Response(
        tau_m=_time_constant(lifted, v_rest),
        v_rest=v_rest,
        v_trip=v_trip,
        rates=tuple(rate(lif, current) for current in currents),
    )


@dataclass(frozen=True)
class Failed:
    """A circuit that a measurement refused, with the reason."""

    reason: str


def tried(function: Callable[[AnalogLIF], Result]) -> Callable[[AnalogLIF], Result | Failed]:
    """`function`, that returns what it raises of a circuit: one bad chip does not end them all."""

    def attempt(lif: AnalogLIF) -> Result | Failed:
        try:
            return function(lif)
        except (ValueError, NgspiceError) as error:
            return Failed(str(error))

    return attempt


def rate(lif: AnalogLIF, current: float) -> float:
    """Rate in Hz at a constant current in A, from the second to the last spike of a transient.

    The window is made longer until it holds three spikes, thus two intervals (the one that begins
    with the transient is the first), or two of PATIENCE.
    """
    window, longest = 4 * _interval(lif, current), 2 * PATIENCE * lif.tau_m
    while True:
        spikes = play(lif, current, window).spike_times
        if len(spikes) >= 3:
            return float((len(spikes) - 1) / (spikes[-1] - spikes[0]))
        if window >= longest:
            return 0.0
        window = min(3 * window, longest)


def _interval(lif: AnalogLIF, current: float) -> float:
    """First guess of the interval in s: with the designed leak's tanh, and at most PATIENCE / 4."""
    rest, threshold, reset = (
        lif.voltage(v) for v in (lif.neuron.v_rest, lif.neuron.v_th, lif.neuron.v_reset)
    )
    v = np.linspace(reset, threshold, 200)
    net = current - lif.i_leak * np.tanh(lif.g_m * (v - rest) / lif.i_leak)
    longest = PATIENCE / 4 * lif.tau_m
    if net.min() <= 0:
        return lif.t_dead + longest
    return lif.t_dead + min(float(np.trapezoid(lif.c_m / net, v)), longest)


def rheobase(lif: AnalogLIF) -> float:
    """Smallest constant current in A that fires the neuron: what the leak takes at the trip."""
    v_trip = _trip(lif)
    bench = f"Vm m 0 {v_trip!r}\n.op\n.save i(Vm)"
    lifted = _lifted(lif)
    return -float(simulate(lifted, lifted.circuit(), bench, ["vm#branch"], STATIC)["vm#branch"][0])


def _lifted(lif: AnalogLIF) -> AnalogLIF:
    """The neuron with its threshold out of reach."""
    return replace(lif, v_th_reference=lif.technology.supply)


def _rest(lifted: AnalogLIF) -> float:
    low, high = lifted.v_rest_reference - 60e-3, lifted.v_rest_reference + 60e-3
    bench = f"Vm m 0 0\n.dc Vm {low!r} {high!r} 2e-3\n.save v(m) i(Vm)"
    found = simulate(lifted, lifted.circuit(), bench, ["m", "vm#branch"], STATIC)
    zero = crossing(found["m"], -found["vm#branch"], 0.0)  # the leak falls, the branch is its minus
    if not zero.size:
        raise ValueError(f"the membrane does not rest between {low:.4f} and {high:.4f} V")
    return float(zero[0])


def _time_constant(lifted: AnalogLIF, v_rest: float) -> float:
    frequency = 1 / (2 * np.pi * lifted.tau_m)
    bench = f"Vm m 0 {v_rest!r} ac 1\n.ac lin 1 {frequency!r} {frequency!r}\n.save i(Vm)"
    admittance = -simulate(lifted, lifted.circuit(), bench, ["vm#branch"], STATIC)["vm#branch"][0]
    return float(admittance.imag / admittance.real) * lifted.tau_m


def _trip(lif: AnalogLIF) -> float:
    low, high = lif.v_th_reference - 60e-3, lif.v_th_reference + 60e-3
    for step in (1e-3, 1e-5):
        bench = f"Vm m 0 0\n.dc Vm {low!r} {high!r} {step!r}\n.save v(m) v(spike)"
        found = simulate(lif, lif.circuit(), bench, ["m", "spike"], STATIC)
        trips = crossing(found["m"], found["spike"], lif.technology.supply / 2)
        if not trips.size:
            raise ValueError(f"the comparator does not trip between {low:.4f} and {high:.4f} V")
        low, high = float(trips[0]) - step, float(trips[0]) + step
    return float(trips[0])


def chips(lif: AnalogLIF, seeds: Iterable[int]) -> list[AnalogLIF]:
    """The same design on the chips with these seeds of mismatch."""
    return [replace(lif, technology=replace(lif.technology, seed=seed)) for seed in seeds]


def environments(lif: AnalogLIF, temperatures: Iterable[float]) -> dict[str, AnalogLIF]:
    """The same design in each corner, and typical at each temperature in degrees Celsius."""
    tech = lif.technology
    corners = {corner: replace(tech, corner=corner) for corner in tech.corners}
    climates = {f"{t:g} C": replace(tech, temperature=t) for t in temperatures}
    return {name: replace(lif, technology=other) for name, other in (corners | climates).items()}


def each(
    function: Callable[[AnalogLIF], Result],
    variants: Sequence[AnalogLIF],
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> list[Result]:
    """``function`` of each variant, in their order, whatever the number of workers.

    Every worker has ngspice processes of its own. An interrupt, or an error in one variant, ends
    them all at once and goes on to the caller; see `tried`.

    Parameters
    ----------
    function : callable
        From a circuit to a result, such as ``lambda lif: measure(lif, currents)``.
    variants : sequence of AnalogLIF
    workers : int
        >= 1.
    progress : callable, optional
        Called with the number of variants done, after each.
    """
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(function, variant) for variant in variants]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress is not None:
                    progress(done)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if not isinstance(error, Exception):  # Ctrl-C: do not wait for what is running
                while any(future.running() for future in futures):
                    ngspice.close()
                    time.sleep(0.05)
            raise
        return [future.result() for future in futures]
