"""A designed circuit beside the equation of what was extracted from it, under the same input."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import expm1, sqrt
from threading import Lock

import numpy as np

from ...analog import bias
from ...analog.extract import Extracted, extract
from ...analog.lif import AnalogLIF
from ...analog.simulate import Trace, simulate
from ...analog.technology import Technology, generic180
from ...models.neuron import LIF
from ...models.reference import measured_leak as ode
from ...models.stimulus import NoiseStep, Poisson, Stimulus, WhiteNoise
from ...models.theory import measured_leak as quadrature
from ...models.units import show
from ..budget import Point, Term
from ..findings import Findings
from ..observables import Floats
from .place import Place

WORKERS = 2  # ngspice processes at a time


def held_drive(stimulus: Stimulus, neuron: LIF, dt: float, steps: int, seed: list[int]) -> Floats:
    """Drive in V, held during each step, that moves the membrane as the noise does by its end."""
    rng = np.random.default_rng(seed)
    gain = -expm1(-dt / neuron.tau_m)
    match stimulus:
        case NoiseStep():
            parts = [
                held_drive(noise, neuron, dt, count, [*seed, number])
                for number, (noise, count) in enumerate(stimulus.phases(dt))
            ]
            return np.concatenate(parts)[:steps]
        case WhiteNoise(mu, sigma):
            jump = sigma * sqrt(-expm1(-2 * dt / neuron.tau_m) / 2) * rng.normal(size=steps)
        case Poisson(rates, weights, mu):
            counts = rng.poisson(np.array(rates) * dt, (steps, len(rates)))
            jump = counts @ np.array(weights)
        case _:
            raise TypeError(f"stimulus must be noise, not {stimulus!r}")
    return mu + jump / gain


@dataclass(frozen=True)
class Chip:
    """A designed circuit and what was extracted from its netlist."""

    lif: AnalogLIF
    extracted: Extracted

    @property
    def setting(self) -> str:
        """How tables name it."""
        process = self.lif.technology
        others = (
            process.name if process.name != generic180.name else "",
            process.corner if process.corner != process.corners[0] else "",
            f"{process.temperature:g} C" if process.temperature != generic180.temperature else "",
        )
        return ", ".join(filter(None, (f"speed-up {self.lif.speed_up:g}", *others)))

    @cached_property
    def rheobase(self) -> float:
        """Smallest constant current in A that makes it fire."""
        return self.extracted.rheobase()

    def rate(self, current: float) -> float:
        """Rate in Hz at a constant current in A, by quadrature over the measured leak."""
        e = self.extracted
        if current <= self.rheobase:
            return 0.0
        return float(quadrature.rate(e.measured_neuron(e.slope(current)), current)[0])

    def terms(self, current: float) -> tuple[Term, ...]:
        """The terms of the error of `rate`, in Hz."""
        if current <= self.rheobase:
            return ()
        rate = self.rate(current)
        return tuple(
            Term(cause, "model" if cause == "varying capacitance" else "numerical", share * rate)
            for cause, share in self.extracted.budget(current).items()
        )


_chips: dict[tuple[LIF, Technology, float, float, float | None], Chip] = {}
_designing = Lock()


def made(
    neuron: LIF,
    technology: Technology,
    speed_up: float,
    voltage_scale: float,
    offset: float | None = None,
) -> Chip:
    """Design a circuit and extract it, once: experiments on the same neuron share it."""
    key = (neuron, technology, speed_up, voltage_scale, offset)
    with _designing:
        if key not in _chips:
            lif = bias.design(neuron, technology, speed_up, voltage_scale, offset=offset)
            _chips[key] = Chip(lif, extract(lif))
        return _chips[key]


def pieces(spikes: int) -> int:
    """In how many runs, each from reset on, that many spikes are sought: some five in each."""
    return min(16, max(1, spikes // 5))


def unmatched(a: Floats, b: Floats, window: float) -> int:
    """Spikes of both trains without a partner in the other, one to one, within `window` in s."""
    i = j = alone = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= window:
            i, j = i + 1, j + 1
        elif a[i] < b[j]:
            i, alone = i + 1, alone + 1
        else:
            j, alone = j + 1, alone + 1
    return alone + len(a) - i + len(b) - j


@dataclass(frozen=True)
class Replay:
    """One run of the netlist and of the equation under the same held current, spike by spike.

    Attributes
    ----------
    run : Trace
    expected : ndarray
        The equation's spikes, in s.
    alone : int
        Spikes of either without a partner.
    allowed : int
        Spikes without a partner that the equation itself has when the comparator's lag is the
        smallest that was measured on triangles, or that of a ramp (the membrane's path is between
        the two), or when the trip point or the input is off by its error.
    lags : tuple of float
        These lags in s.
    """

    run: Trace
    expected: Floats
    alone: int
    allowed: int
    lags: tuple[float, float]


def replay(chip: Chip, current: Floats, dt: float) -> Replay:
    """Play a held current; `dt` in chip seconds."""
    return compare(chip, simulate(chip.lif, current, len(current) * dt, dt=dt), current, dt)


def compare(
    chip: Chip, run: Trace, current: Floats, dt: float, uncertain: Sequence[Floats] = ()
) -> Replay:
    """A run of the netlist beside the equation under a held current.

    `uncertain` are other currents that the netlist may as well have had; `dt` is in chip seconds.
    """
    e, lif = chip.extracted, chip.lif
    start = lif.voltage(lif.neuron.v_reset)

    def spikes(lag: float, shift: float = 0.0, drive: Floats = current) -> Floats:
        neuron = e.measured_neuron(slope)
        moved = replace(neuron, v_trip=neuron.v_trip + shift)
        times = ode.run(moved, drive, dt, v0=start, lag=min(lag, neuron.t_dead))[0]
        return times + (e.delay(slope) - lag)

    slope = float(np.median(e.beyond.slopes))
    found = spikes(e.lag(slope))
    if len(found):  # the lag at the slopes that are met
        at = np.minimum((found / dt).astype(int), len(current) - 1)
        met = float(np.median([e.slope(i) for i in current[at].tolist()]))
        slope = max(met, float(e.beyond.slopes[0]))
        found = spikes(e.lag(slope))
    lags = (float(e.lags.min()), max(e.delay(slope), e.lag(slope)))
    others = [spikes(lag) for lag in lags]
    others += [spikes(e.lag(slope), shift * e.v_trip.error) for shift in (-1, 1)]
    others += [spikes(e.lag(slope), drive=drive) for drive in uncertain]
    window = float(np.diff(found, prepend=-lif.tau_m).min(initial=np.inf)) / 2
    allowed = max(unmatched(found, other, window) for other in others)
    alone = unmatched(run.spike_times, found, window)
    return Replay(run, found, alone, allowed, lags)


def partners(place: Place, replays: list[Replay], uncertain: str = "") -> Findings:
    """Spikes without a partner, over all replays; `uncertain` says what of the input is, if any."""
    spikes = sum(len(r.run.spike_times) for r in replays)
    predicted = sum(len(r.expected) for r in replays)
    alone, allowed = sum(r.alone for r in replays), sum(r.allowed for r in replays)
    low, high = min(r.lags[0] for r in replays), max(r.lags[1] for r in replays)
    between = f"{show(low, 's', 2)} and {show(high, 's', 2)}"
    moved = " or ".join(filter(None, (f"a comparator's lag between {between}", uncertain)))
    pairs = 2 * max(predicted, 1)  # a spike that is moved leaves one of each train alone
    share = allowed / pairs
    terms = (
        Term(f"spikes moved by {moved}", "model", share),
        Term("the number of these", "statistical", max(predicted, 1), "binomial", share=share),
    )
    at = f"{spikes} spikes, {predicted} of the equation"
    point = Point(at, alone / pairs, 0, terms, place.experiment.check.spikes / 2)
    return Findings(checks=[place.check("share of spikes without a partner", "", (point,))])
