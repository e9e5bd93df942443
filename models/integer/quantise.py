"""From a neuron in physical units to the integers of `lif`, and what is lost on the way.

Integers count LSB from v_rest. With a = exp(-dt / tau_m), the exact step of the membrane under a
drive mu held for dt is v' = a v + (1 - a) mu, a jump adds its weight, and white noise
(tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi, Brunel 2000) adds a normal variable of
mean (1 - a) mu and standard deviation sigma sqrt((1 - a**2) / 2). Each number is rounded to the
nearest that the hardware has, and the difference is reported.
"""

from dataclasses import dataclass
from math import exp, expm1, inf, log, log1p, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..neuron import LIF
from .input import IntegerInput
from .laws import decay
from .lif import IntegerLIF


@dataclass(frozen=True)
class Loss:
    """A quantity that was wanted and what the integers make of it, in SI units."""

    name: str
    wanted: float
    got: float
    unit: str


@dataclass(frozen=True)
class Quantised:
    """An integer neuron and its scale.

    Parameters
    ----------
    neuron : IntegerLIF
    ideal : LIF
        The neuron that was to be realised; its rest is the integer 0, its tau_m scales noise.
    dt : float
        Time of one step in s.
    lsb : float
        V per LSB.
    gain : float
        LSB per step and V of a held drive.
    """

    neuron: IntegerLIF
    ideal: LIF
    dt: float
    lsb: float
    gain: float

    @property
    def lost(self) -> tuple[Loss, ...]:
        """What was wanted and what the integers mean: tau_m, v_th, v_reset, t_ref."""
        a = decay(self.neuron)
        got = {
            "tau_m": inf if a == 1 else 0.0 if a == 0 else -self.dt / log(a),
            "v_th": self.neuron.threshold * self.lsb + self.ideal.v_rest,
            "v_reset": self.neuron.v_reset * self.lsb + self.ideal.v_rest,
            "t_ref": self.neuron.refractory * self.dt,
        }
        units = {"tau_m": "s", "v_th": "V", "v_reset": "V", "t_ref": "s"}
        return tuple(
            Loss(name, float(getattr(self.ideal, name)), value, units[name])
            for name, value in got.items()
        )

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
        return (
            self.neuron.v_min * self.lsb + self.ideal.v_rest,
            self.neuron.v_max * self.lsb + self.ideal.v_rest,
        )

    def to_volts(self, v: ArrayLike) -> Any:
        """Voltages in V of integer states, of any shape."""
        return np.asarray(v) * self.lsb + self.ideal.v_rest

    def to_integers(self, v: ArrayLike) -> NDArray[np.int64]:
        """Nearest integer states of voltages in V, saturating, of any shape."""
        nearest = np.rint((np.asarray(v) - self.ideal.v_rest) / self.lsb)
        return np.clip(nearest, self.neuron.v_min, self.neuron.v_max).astype(np.int64)

    def drive(self, mu: float) -> float:
        """LSB per step of a held drive `mu` in V, not rounded."""
        return self.gain * mu

    def jump(self, weight: float) -> float:
        """LSB of a jump of `weight` V, not rounded."""
        return weight / self.lsb

    def input_constant(self, mu: float) -> tuple[IntegerInput, tuple[Loss, ...]]:
        """A held drive `mu` in V, and what its rounding loses.

        Raises
        ------
        ValueError
            A drive beyond the neuron's `input_width`.
        """
        k = round(self.drive(mu))
        low, high = -(1 << (self.neuron.input_width - 1)), (1 << (self.neuron.input_width - 1)) - 1
        if not low <= k <= high:
            raise ValueError(
                f"mu = {mu} V is {k} LSB per step, beyond {low} .. {high} of input_width"
                f" {self.neuron.input_width}"
            )
        return IntegerInput.constant(k), (Loss("mu", mu, k / self.drive(1.0), "V"),)

    def input_white_noise(self, mu: float, sigma: float) -> tuple[IntegerInput, tuple[Loss, ...]]:
        """White noise of mean `mu` and `sigma` > 0 in V, and what rounding and saturation lose."""
        sd = sqrt(-expm1(-2 * self.dt / self.ideal.tau_m) / 2) / self.lsb
        source = IntegerInput.gaussian(self.drive(mu), sigma * sd, self.neuron.input_width)
        return source, (
            Loss("mu", mu, source.mean / self.drive(1.0), "V"),
            Loss("sigma", sigma, sqrt(source.variance) / sd, "V"),
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
        jumps = np.rint(w / self.lsb).astype(np.int64)
        offset = round(self.drive(mu))
        source = IntegerInput.poisson(r * self.dt, jumps, offset, self.neuron.input_width)
        one, sd = self.drive(1.0), sqrt(-expm1(-2 * self.dt / self.ideal.tau_m) / 2) / self.lsb
        mean = self.drive(mu) + float(r @ w) * self.dt / self.lsb
        variance = float(r @ w**2) * self.dt / self.lsb**2
        names = [f"weight {k}" for k in range(w.size)]
        return source, (
            Loss("mu", mu, offset / one, "V"),
            *(
                Loss(name, float(wanted), float(got) * self.lsb, "V")
                for name, wanted, got in zip(names, w, jumps, strict=True)
            ),
            Loss("mean drive", mean / one, source.mean / one, "V"),
            Loss("sigma", sqrt(variance) / sd, sqrt(source.variance) / sd, "V"),
        )


def quantise(
    neuron: LIF,
    dt: float,
    lsb: float,
    width: int,
    leak: Literal["multiply", "shift"] = "multiply",
    leak_bits: int = 16,
    rounding: Literal["floor", "nearest", "stochastic", "truncate"] = "nearest",
    reset: Literal["value", "subtract"] = "value",
    input_width: int = 16,
) -> Quantised:
    """The integer neuron nearest to a neuron in physical units.

    Parameters
    ----------
    neuron : LIF
    dt : float
        Time of one step in s.
    lsb : float
        V per LSB.
    width, leak, leak_bits, rounding, reset, input_width
        As of `IntegerLIF`; for "shift" the shift follows from `dt` and tau_m, and `leak_bits` is
        not used. With "subtract" a threshold met exactly leads to v_rest.

    Raises
    ------
    ValueError
        `dt` or `lsb` not above 0, or a `width` that cannot hold threshold and reset, with the
        smallest that can.
    """
    for name, value in (("dt", dt), ("lsb", lsb)):
        if not 0 < value < inf:
            raise ValueError(f"{name} must be finite and > 0, not {value}")
    threshold = round((neuron.v_th - neuron.v_rest) / lsb)
    v_reset = round((neuron.v_reset - neuron.v_rest) / lsb) if reset == "value" else 0
    lowest = -v_reset - 1 if v_reset < 0 else v_reset  # -2**b .. 2**b - 1 are b bits and a sign
    sufficient = 1 + max(threshold.bit_length(), lowest.bit_length(), 3)
    if width < sufficient:
        raise ValueError(
            f"width = {width} holds {-(1 << (width - 1))} .. {(1 << (width - 1)) - 1}, not the"
            f" threshold of {threshold} LSB and the reset at {v_reset} LSB: the smallest"
            f" sufficient width is {sufficient}"
        )
    if threshold <= v_reset:
        raise ValueError(
            f"lsb = {lsb} V is too large: threshold and reset are both {threshold} LSB from rest"
        )
    if leak == "shift":
        leak_bits, multiplier = _nearest_shift(dt, neuron.tau_m), 0
    else:
        multiplier = round(exp(-dt / neuron.tau_m) * 2**leak_bits)
    integer = IntegerLIF(
        width=width,
        threshold=threshold,
        v_reset=v_reset,
        refractory=round(neuron.t_ref / dt),
        leak=leak,
        leak_bits=leak_bits,
        leak_multiplier=multiplier,
        rounding=rounding,
        reset=reset,
        input_width=input_width,
    )
    return Quantised(integer, neuron, dt, lsb, -expm1(-dt / neuron.tau_m) / lsb)


def _nearest_shift(dt: float, tau_m: float) -> int:
    """The k of 1 .. 24 whose leak v - v / 2**k comes nearest to tau_m."""
    return min(range(1, 25), key=lambda k: abs(-dt / log1p(-(2.0**-k)) - tau_m))
