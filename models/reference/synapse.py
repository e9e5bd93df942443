"""What a spike does to its target.

    Delta         V jumps by the weight
    Exponential   tau_s dI/dt = -I + tau_m w delta(t), and I (in V) adds to the drive mu
    Conductance   tau_s dg/dt = -g,  g jumps by the weight (in units of the leak conductance)

The weight of an exponential current is the charge that it brings, so that ``tau_s -> 0`` gives the
delta synapse of the same weight and the mean drive is the same (Fourcaud & Brunel 2002).
Conductances belong to a ConductanceLIF, which knows the reversal potentials.

In a step of length dt, a current I or a conductance g that decays by ``exp(-dt / tau_s)`` acts

* on a LIF exactly (Rotter & Diesmann 1999): V gains I times the integral over s from 0 to dt of
  ``exp(-(dt - s) / tau_m) exp(-s / tau_s) / tau_m``;
* on every other neuron by its mean over the step, which is right to second order in dt.
"""

from dataclasses import dataclass
from math import exp, expm1, isfinite
from typing import Literal, NamedTuple

from ..neuron import EIF, LIF, QIF, ConductanceLIF

Neuron = LIF | EIF | QIF | ConductanceLIF

DELTA, CURRENT, EXCITATORY, INHIBITORY = range(4)


@dataclass(frozen=True)
class Delta:
    """V jumps by the weight in V."""


def _check_time_constant(tau_s: float) -> None:
    if isinstance(tau_s, bool) or not isinstance(tau_s, int | float):
        raise TypeError(f"tau_s must be a number in s, not {tau_s!r}")
    if not (isfinite(tau_s) and tau_s > 0):
        raise ValueError(f"tau_s must be finite and > 0 s, not {tau_s!r}")


@dataclass(frozen=True)
class Exponential:
    """A current that decays with `tau_s` in s; weight in V, see the head of this module."""

    tau_s: float

    def __post_init__(self) -> None:
        _check_time_constant(self.tau_s)


@dataclass(frozen=True)
class Conductance:
    """A conductance that decays with `tau_s` in s; the weight >= 0 is its jump over the leak's.

    Parameters
    ----------
    kind : {"excitatory", "inhibitory"}
        Whether it draws V to ``e_e`` or to ``e_i`` of the ConductanceLIF.
    tau_s : float
    """

    kind: Literal["excitatory", "inhibitory"]
    tau_s: float

    def __post_init__(self) -> None:
        if self.kind not in ("excitatory", "inhibitory"):
            raise ValueError(f"kind must be 'excitatory' or 'inhibitory', not {self.kind!r}")
        _check_time_constant(self.tau_s)


Synapse = Delta | Exponential | Conductance


class Channel(NamedTuple):
    """How the synapses of one sort act on a neuron in one step.

    Attributes
    ----------
    kind : int
        DELTA, CURRENT, EXCITATORY or INHIBITORY.
    decay : float
        Factor of I or g per step.
    effect : float
        What I or g at the beginning of the step, times this, does in the step.
    gain : float
        What I or g gains at a spike of weight 1.
    """

    kind: int
    decay: float
    effect: float
    gain: float


def channel(synapse: Synapse, neuron: Neuron, dt: float) -> Channel:
    """How `synapse` acts on `neuron` in a step of dt seconds."""
    if isinstance(synapse, Delta):
        return Channel(DELTA, 0.0, 1.0, 1.0)
    x = dt / synapse.tau_s
    mean = -expm1(-x) / x
    if isinstance(synapse, Conductance):
        if not isinstance(neuron, ConductanceLIF):
            raise TypeError(f"{synapse!r} needs a ConductanceLIF, not {neuron!r}")
        kind = EXCITATORY if synapse.kind == "excitatory" else INHIBITORY
        return Channel(kind, exp(-x), mean, 1.0)
    if isinstance(neuron, LIF):
        leak = dt / neuron.tau_m
        mean = leak * exp(-leak) * (expm1(leak - x) / (leak - x) if leak != x else 1.0)
    return Channel(CURRENT, exp(-x), mean, neuron.tau_m / synapse.tau_s)
