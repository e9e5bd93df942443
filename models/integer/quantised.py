"""A neuron in integers, its scale, and what was lost: what every platform's quantiser returns.

The state v counts LSB from v_rest. With a = exp(-dt / tau_m), the exact step of the membrane under
a drive mu held for dt is v' = a v + (1 - a) mu, a jump adds its weight, and white noise
(tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi, Brunel 2000) adds a normal variable of
mean (1 - a) mu and standard deviation sigma sqrt((1 - a**2) / 2). Each number is rounded to the
nearest that the hardware has, and the difference is reported.

Platforms differ in where a held drive goes: to a register of the neuron (`hold`), or to the
integer input of every step. An input counts units of `kick` volts, one LSB or many.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, expm1, log10, sqrt
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neuron import LIF
from .input import IntegerInput
from .lif import IntegerLIF
from .truenorth import TrueNorth


@dataclass(frozen=True)
class Loss:
    """A quantity that was wanted and what the integers make of it, in SI units."""

    name: str
    wanted: float
    got: float
    unit: str


class Span(NamedTuple):
    """The smallest and the largest of what integers can represent, in V."""

    smallest: float
    largest: float

    @property
    def decibel(self) -> float:
        """Dynamic range, ``20 log10(largest / smallest)``."""
        return 20 * log10(self.largest / self.smallest)


class WeightFormat(NamedTuple):
    """The integers that can be weights of one projection: a unit times ``-largest .. largest``."""

    largest: int
    units: Sequence[int]


@dataclass(frozen=True)
class Quantised(ABC):
    """A neuron on a platform and its scale.

    Parameters
    ----------
    neuron : IntegerNeuron
        With no drive in its registers.
    ideal : LIF
        The neuron that was to be realised; its rest is the integer 0, its tau_m scales noise.
    dt : float
        Time of one step in s.
    lsb : float
        V per unit of the state v.
    gain : float
        LSB per step and V of a held drive.
    """

    neuron: Any
    ideal: LIF
    dt: float
    lsb: float
    gain: float

    @property
    @abstractmethod
    def lost(self) -> tuple[Loss, ...]:
        """What was wanted and what the integers mean: tau_m, v_th, v_reset, t_ref."""

    @property
    @abstractmethod
    def limits(self) -> tuple[int, int]:
        """Smallest and largest v."""

    @property
    @abstractmethod
    def kick(self) -> float:
        """V that an input of 1 adds to the membrane."""

    @property
    @abstractmethod
    def input_width(self) -> int:
        """Bits of the signed input of a step."""

    @abstractmethod
    def weight_format(self, mixed: bool) -> WeightFormat:
        """What a weight can be in a projection whose weights have one sign, or both (`mixed`)."""

    @property
    @abstractmethod
    def bias(self) -> float:
        """Shift of the mean drive, in V, that rounding the leak makes (`laws.rounding_bias`)."""

    @property
    @abstractmethod
    def dead_zone(self) -> tuple[float, float]:
        """The v, in V from rest, between which the leak does nothing (`laws.dead_zone`)."""

    @property
    @abstractmethod
    def kicks(self) -> Span:
        """Smallest and largest change that the input of one step makes to a membrane at rest."""

    @property
    @abstractmethod
    def drives(self) -> Span:
        """Smallest and largest held drive."""

    @property
    @abstractmethod
    def cost(self) -> str:
        """Memory of a neuron and products of an update, in words."""

    @abstractmethod
    def inputs(self, values: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """The inputs of the kind, by name, that integer inputs mean."""

    @abstractmethod
    def chain(self, source: IntegerInput) -> tuple[IntegerLIF | TrueNorth, IntegerInput] | None:
        """A neuron and an input whose exact chain (`markov`) is that of this neuron; None if none.

        Parameters
        ----------
        source : IntegerInput
            Of each step, beside what a register holds.
        """

    def lowest(self, source: IntegerInput) -> float:
        """LSB from rest below which the free membrane is with a probability below 1e-30.

        Twelve of its standard deviations below its mean.
        """
        a = exp(-self.dt / self.ideal.tau_m)
        units = self.kick / self.lsb
        mean = (self.held * self.gain + source.mean * units) / (1 - a)
        return min(0.0, mean - 12 * units * sqrt(source.variance / (1 - a**2)))

    @property
    def realised(self) -> LIF:
        """The neuron that the integers describe, rounding of the state aside.

        Raises
        ------
        ValueError
            The integers have no leak, or nothing but leak.
        """
        return LIF(v_rest=self.ideal.v_rest, **{loss.name: loss.got for loss in self.lost})

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest voltage that the state can hold, in V."""
        low, high = self.limits
        return low * self.lsb + self.ideal.v_rest, high * self.lsb + self.ideal.v_rest

    def to_volts(self, v: ArrayLike) -> Any:
        """Voltages in V of integer states, of any shape."""
        return np.asarray(v) * self.lsb + self.ideal.v_rest

    def to_integers(self, v: ArrayLike) -> NDArray[np.int64]:
        """Nearest integer states of voltages in V, saturating, of any shape."""
        nearest = np.rint((np.asarray(v) - self.ideal.v_rest) / self.lsb)
        return np.clip(nearest, *self.limits).astype(np.int64)

    def from_rest(self, v: NDArray[np.int64]) -> NDArray[np.int64]:
        """States as the kind holds them, in LSB from rest."""
        return v

    @property
    def smallest_input(self) -> int:
        """Of those that leave a trace in a membrane at rest."""
        return 1

    @property
    def largest_input(self) -> int:
        """In either sign."""
        return (1 << (self.input_width - 1)) - 1

    def drive(self, mu: float) -> float:
        """LSB per step of a held drive `mu` in V, not rounded."""
        return self.gain * mu

    def jump(self, weight: float) -> float:
        """Units of input of a jump of `weight` V, not rounded."""
        return weight / self.kick

    def weights(self, jumps: NDArray[np.float64]) -> NDArray[np.int64]:
        """Nearest weights of the synapses of one projection, in units of input, for jumps in V.

        The smallest of the format's units that holds all of them is taken.

        Raises
        ------
        ValueError
            A jump that no unit holds, or one that is rounded to 0.
        """
        wanted = jumps / self.kick
        largest, units = self.weight_format(bool((jumps > 0).any() and (jumps < 0).any()))
        needed = np.abs(wanted).max(initial=0.0)
        unit = next((unit for unit in units if np.rint(needed / unit) <= largest), None)
        if unit is None:
            raise ValueError(
                f"weight = {jumps[np.abs(wanted).argmax()]} V is {needed:.4g} times the smallest,"
                f" {self.kick:.4g} V, beyond {largest * units[-1]}"
            )
        found = np.rint(wanted / unit).astype(np.int64) * unit
        if (lost := jumps[(found == 0) & (jumps != 0)]).size:
            raise ValueError(f"weight = {lost[0]} V rounds to 0 times {unit * self.kick:.4g} V")
        return found

    def hold(self, mu: float) -> tuple[Self, float]:
        """With a drive `mu` in V in its registers; V of it that are left to the input.

        Raises
        ------
        ValueError
            A drive beyond the register.
        """
        return self, mu

    @property
    def held(self) -> float:
        """The drive in its registers, in V, as `gain` counts it."""
        return 0.0

    @property
    def drive_unit(self) -> float:
        """V of held drive of an input of 1."""
        return self.kick / (self.lsb * self.gain)

    @property
    def _spread(self) -> float:
        """Standard deviation of an input of white noise of sigma 1 V, in units."""
        return sqrt(-expm1(-2 * self.dt / self.ideal.tau_m) / 2) / self.kick

    def input_constant(self, mu: float) -> tuple[IntegerInput, tuple[Loss, ...]]:
        """A held drive `mu` in V, and what its rounding loses.

        Raises
        ------
        ValueError
            A drive beyond the neuron's `input_width`.
        """
        k = round(mu / self.drive_unit)
        bound = 1 << (self.input_width - 1)
        if not -bound <= k < bound:
            raise ValueError(
                f"mu = {mu} V is {k} LSB per step, beyond {-bound} .. {bound - 1} of input_width"
                f" {self.input_width}"
            )
        source = IntegerInput.constant(k)
        return source, (Loss("mu", mu, source.mean * self.drive_unit, "V"),)

    def input_white_noise(self, mu: float, sigma: float) -> tuple[IntegerInput, tuple[Loss, ...]]:
        """White noise of mean `mu` and `sigma` > 0 in V, and what rounding and saturation lose."""
        source = IntegerInput.gaussian(mu / self.drive_unit, sigma * self._spread, self.input_width)
        return source, (
            Loss("mu", mu, source.mean * self.drive_unit, "V"),
            Loss("sigma", sigma, sqrt(source.variance) / self._spread, "V"),
        )

    def input_poisson(
        self, mu: float, rates: ArrayLike, weights: ArrayLike
    ) -> tuple[IntegerInput, tuple[Loss, ...]]:
        """Poisson synapses on top of a held drive, and what rounding and saturation lose.

        Parameters
        ----------
        mu : float
            Held drive in V.
        rates : array_like of float, shape (synapses,)
            Events per s, all synapses of one weight together.
        weights : array_like of float, shape (synapses,)
            Jump of one event in V.

        Returns
        -------
        source : IntegerInput
        lost : tuple of Loss
            The held drive, each weight, and the mean and standard deviation of a step's input as
            the drive mu and the sigma of white noise that have the same.
        """
        r, w = np.atleast_1d(rates).astype(float), np.atleast_1d(weights).astype(float)
        jumps = np.rint(w / self.kick).astype(np.int64)
        offset = round(mu / self.drive_unit)
        source = IntegerInput.poisson(r * self.dt, jumps, offset, self.input_width)
        mean = mu / self.drive_unit + float(r @ w) * self.dt / self.kick
        variance = float(r @ w**2) * self.dt / self.kick**2
        names = [f"weight {k}" for k in range(w.size)]
        return source, (
            Loss("mu", mu, offset * self.drive_unit, "V"),
            *(
                Loss(name, float(wanted), float(got) * self.kick, "V")
                for name, wanted, got in zip(names, w, jumps, strict=True)
            ),
            Loss("mean drive", mean * self.drive_unit, source.mean * self.drive_unit, "V"),
            Loss("sigma", sqrt(variance) / self._spread, sqrt(source.variance) / self._spread, "V"),
        )
