"""What drives a neuron: six kinds of input, in physical units, the same for every substrate.

Voltages are drives ``mu = R I`` above rest. A given drive is held constant over each time step.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .neuron import LIF

Array = NDArray[np.float64]


def _finite(owner: object, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not isfinite(number):
                raise ValueError(f"{name} must be finite, not {number!r}")


@dataclass(frozen=True)
class Constant:
    """Constant drives, one neuron (or one run) for each of them.

    Parameters
    ----------
    mu : tuple of float
        Drives in V.
    """

    mu: tuple[float, ...]

    def __post_init__(self) -> None:
        _finite(self, "mu")
        if not self.mu:
            raise ValueError("mu must name at least one drive")


@dataclass(frozen=True)
class WhiteNoise:
    """Gaussian white noise, ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``.

    Parameters
    ----------
    mu, sigma : float
        Mean drive and noise in V; the free membrane has variance ``sigma**2 / 2`` (Brunel 2000).
    """

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        _finite(self, "mu", "sigma")
        if self.sigma < 0:
            raise ValueError(f"sigma must be >= 0 V, not {self.sigma!r}")


@dataclass(frozen=True)
class NoiseStep:
    """White noise whose mean and strength change at one time; all neurons begin at v_reset.

    Parameters
    ----------
    before, after : WhiteNoise
    at, duration : float
        When it changes and how long it lasts in all, in s; ``0 < at < duration``.
    bin : float
        Width of the bins in which spikes are counted in s; `at` and `duration` are multiples of it.
    """

    before: WhiteNoise
    after: WhiteNoise
    at: float
    duration: float
    bin: float

    def __post_init__(self) -> None:
        _finite(self, "at", "duration", "bin")
        if not 0 < self.at < self.duration:
            raise ValueError(
                f"at must be > 0 s and < duration {self.duration!r} s, not {self.at!r}"
            )
        if self.bin <= 0:
            raise ValueError(f"bin must be > 0 s, not {self.bin!r}")
        for name in ("at", "duration"):
            whole(getattr(self, name), self.bin, f"{name} must be a multiple of bin")
        for noise in (self.before, self.after):
            if noise.sigma == 0:
                raise ValueError("sigma must be > 0 V before and after the step")

    @property
    def bins(self) -> int:
        """Number of bins."""
        return round(self.duration / self.bin)

    def phases(self, dt: float) -> tuple[tuple[WhiteNoise, int], tuple[WhiteNoise, int]]:
        """Noise and number of time steps before and after the step; `dt` divides a bin."""
        per_bin = whole(self.bin, dt, "bin must be a multiple of dt")
        first = round(self.at / self.bin) * per_bin
        return (self.before, first), (self.after, self.bins * per_bin - first)


def whole(time: float, unit: float, what: str) -> int:
    """How many units a time has; ValueError that begins with `what` if that is no whole number."""
    count = round(time / unit)
    if count < 1 or abs(count * unit / time - 1) > 1e-6:
        raise ValueError(f"{what} = {unit!r} s, not {time!r}")
    return count


@dataclass(frozen=True)
class Poisson:
    """Independent Poisson synapses: each event moves the membrane by its weight at once.

    Parameters
    ----------
    rates : tuple of float
        Summed rate of each kind of synapse in Hz, > 0.
    weights : tuple of float
        Jump of each kind in V; negative weights inhibit.
    mu : float
        A constant drive beside them, in V.
    """

    rates: tuple[float, ...]
    weights: tuple[float, ...]
    mu: float = 0.0

    def __post_init__(self) -> None:
        _finite(self, "rates", "weights", "mu")
        if not self.rates or len(self.rates) != len(self.weights):
            raise ValueError(
                f"rates and weights must be of the same length, at least 1,"
                f" not {len(self.rates)} and {len(self.weights)}"
            )
        if min(self.rates) <= 0:
            raise ValueError(f"rates must be > 0 Hz, not {min(self.rates)!r}")

    def diffusion(self, tau_m: float) -> WhiteNoise:
        """The white noise with the same mean and variance (diffusion approximation)."""
        rates, weights = np.array(self.rates), np.array(self.weights)
        mu = self.mu + tau_m * float(rates @ weights)
        return WhiteNoise(mu, float(np.sqrt(tau_m * (rates @ weights**2))))


@dataclass(frozen=True)
class InputSpikes:
    """Given input spikes, each a rectangular pulse of drive.

    Parameters
    ----------
    times : tuple of float
        Onsets in s, >= 0.
    amplitude : float
        Drive during a pulse in V.
    width : float
        Length of a pulse in s, > 0.
    duration : float
        Length of the whole stimulus in s.
    """

    times: tuple[float, ...]
    amplitude: float
    width: float
    duration: float

    def __post_init__(self) -> None:
        _finite(self, "times", "amplitude", "width", "duration")
        if self.width <= 0 or self.duration <= 0:
            raise ValueError(
                f"width and duration must be > 0 s, not {self.width!r}, {self.duration!r}"
            )
        for time in self.times:
            if not 0 <= time < self.duration:
                raise ValueError(f"times must be in 0 .. {self.duration!r} s, not {time!r}")

    def drive(self, neuron: LIF, dt: float) -> Array:
        """Drive in V held during each step of `dt`: the mean of the pulses over the step."""
        edges = np.arange(round(self.duration / dt) + 1) * dt
        onsets = np.array(self.times)[:, None]
        covered = np.clip(edges - onsets, 0, self.width).sum(axis=0)
        return self.amplitude * np.round(np.diff(covered) / dt, 9)


@dataclass(frozen=True)
class RecordedCurrent:
    """A recorded current.

    Parameters
    ----------
    t : ndarray, shape (samples,)
        Times in s, rising; a sample holds until the next one.
    i : ndarray, shape (samples,)
        Currents in A.
    """

    t: Array
    i: Array

    def __post_init__(self) -> None:
        if self.t.ndim != 1 or self.t.shape != self.i.shape or len(self.t) < 2:
            raise ValueError(
                f"t and i must be one-dimensional, of one length >= 2,"
                f" not {self.t.shape} and {self.i.shape}"
            )
        if not (np.isfinite(self.t).all() and np.isfinite(self.i).all()):
            raise ValueError("t and i must be finite")
        if not (np.diff(self.t) > 0).all():
            raise ValueError("t must rise from sample to sample")

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, RecordedCurrent)
            and np.array_equal(self.t, other.t)
            and np.array_equal(self.i, other.i)
        )

    @property
    def duration(self) -> float:
        """Length in s; the last sample holds as long as the one before it."""
        return float(2 * self.t[-1] - self.t[-2] - self.t[0])

    def drive(self, neuron: LIF, dt: float) -> Array:
        """Drive ``R i`` in V held during each step of `dt`: the mean current over the step."""
        t = np.append(self.t, self.t[0] + self.duration) - self.t[0]
        charge = np.concatenate(([0.0], np.cumsum(self.i * np.diff(t))))
        steps = int(self.duration / dt + 1e-6)
        if steps < 1:
            raise ValueError(f"the recording of {self.duration!r} s is shorter than dt = {dt!r} s")
        mean = np.diff(np.interp(np.arange(steps + 1) * dt, t, charge)) / dt
        return mean * neuron.resistance


GivenDrive = InputSpikes | RecordedCurrent
Stimulus = Constant | WhiteNoise | NoiseStep | Poisson | InputSpikes | RecordedCurrent
