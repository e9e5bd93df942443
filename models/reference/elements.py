"""What a network is made of: populations, given spike trains, projections and inputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike

from ..neuron import EIF, LIF, QIF, ConductanceLIF
from .connectivity import Bernoulli, FixedInDegree, Pairs
from .synapse import Conductance, Delta, Exponential, Neuron, Synapse

DELTA = Delta()

Drawn = Callable[[np.random.Generator, int], ArrayLike]


def check_integer(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be >= {least}, not {value!r}")


def check_number(name: str, value: object, least: float = -np.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not (isfinite(value) and value >= least):
        raise ValueError(f"{name} must be finite and >= {least:g}, not {value!r}")


def check_instance(name: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds):
        allowed = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} must be a {allowed}, not {value!r}")


@dataclass(frozen=True, eq=False)
class Population:
    """`n` neurons of one kind.

    Parameters
    ----------
    neuron : LIF, EIF, QIF or ConductanceLIF
    n : int
        > 0.
    v0 : float or array_like (n,), optional
        V at the start; `v_reset` unless given.
    """

    neuron: Neuron
    n: int
    v0: ArrayLike | None = None

    def __post_init__(self) -> None:
        check_instance("neuron", self.neuron, LIF, EIF, QIF, ConductanceLIF)
        check_integer("n", self.n, 1)
        v0 = np.asarray(self.neuron.v_reset if self.v0 is None else self.v0, float)
        if v0.shape not in ((), (self.n,)):
            raise ValueError(f"v0 must be a number or have shape ({self.n},), not {v0.shape}")
        if self.v0 is not None and not np.isfinite(v0).all():
            raise ValueError(f"v0 must be finite, not {self.v0!r}")


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """`n` given spike trains, to project from.

    Parameters
    ----------
    n : int
        > 0.
    times : array_like, shape (spikes,)
        In s, > 0, multiples of the time step; those after the end of a simulation are left out.
    ids : array_like of int, shape (spikes,)
        Whose spikes they are; no train has two spikes at one time.
    """

    n: int
    times: ArrayLike
    ids: ArrayLike

    def __post_init__(self) -> None:
        check_integer("n", self.n, 1)
        times, ids = np.asarray(self.times, float), np.asarray(self.ids)
        if times.ndim != 1 or times.shape != ids.shape:
            raise ValueError(f"times and ids must pair up, not {times.shape} and {ids.shape}")
        if ids.size and ids.dtype.kind not in "iu":
            raise TypeError(f"ids must hold integers, not {ids.dtype}")
        if not (np.isfinite(times) & (times > 0)).all():
            raise ValueError("times must be finite and > 0 s")
        if ids.size and not (ids.min() >= 0 and ids.max() < self.n):
            raise ValueError(f"ids must be 0 .. {self.n - 1}, not {ids.min()} .. {ids.max()}")


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population onto another, or onto itself.

    Parameters
    ----------
    pre : Population or SpikeTrains
    post : Population
    connect : FixedInDegree, Bernoulli or Pairs
    weight : float, array_like or callable
        What a spike brings (synapse.py): V; for conductances, in units of the leak's.
    delay : float, array_like or callable
        In s, a multiple of the time step, at least one step.
    synapse : Delta, Exponential or Conductance

    Notes
    -----
    An array has one entry per pair of `Pairs`. A callable is given a ``numpy.random.Generator`` and
    a number n and returns n values, each for one synapse. If weight and delay are numbers, a
    synapse takes 2 bytes (4 if `post` has more than 65,536 neurons), else 8 (10): individual
    weights are kept and summed in single precision.
    """

    pre: Population | SpikeTrains
    post: Population
    connect: FixedInDegree | Bernoulli | Pairs
    weight: float | ArrayLike | Drawn
    delay: float | ArrayLike | Drawn
    synapse: Synapse = DELTA

    def __post_init__(self) -> None:
        check_instance("pre", self.pre, Population, SpikeTrains)
        check_instance("post", self.post, Population)
        check_instance("connect", self.connect, FixedInDegree, Bernoulli, Pairs)
        check_synapse(self.synapse, self.post.neuron)
        for name, value in (("weight", self.weight), ("delay", self.delay)):
            if callable(value):
                continue
            values = np.asarray(value)
            if values.dtype.kind not in "iuf":
                raise TypeError(f"{name} must be a number, an array or callable, not {value!r}")
            if values.ndim and not isinstance(self.connect, Pairs):
                raise ValueError(f"{name} can be an array only with Pairs; give a callable")
            if values.ndim and values.shape != np.shape(self.connect.pre):  # type: ignore[union-attr]
                raise ValueError(f"{name} must have one entry per pair, not shape {values.shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} must be finite, not {value!r}")
        if not callable(self.weight):
            check_sign(self.synapse, self.weight)


def check_sign(synapse: Synapse, weight: ArrayLike) -> None:
    """A conductance has a weight >= 0."""
    if isinstance(synapse, Conductance) and np.size(weight) and np.min(weight) < 0:
        raise ValueError(f"weight of a Conductance must be >= 0, not {np.min(weight)!r}")


def check_synapse(synapse: Synapse, neuron: Neuron) -> None:
    check_instance("synapse", synapse, Delta, Exponential, Conductance)
    if isinstance(synapse, Conductance) and not isinstance(neuron, ConductanceLIF):
        raise TypeError(f"{synapse!r} needs a ConductanceLIF, not {neuron!r}")


@dataclass(frozen=True, eq=False)
class Poisson:
    """Poisson spikes, independent for each neuron of `post`.

    Parameters
    ----------
    post : Population
    rate : float
        All spikes that one neuron gets, in Hz, >= 0.
    weight : float
        As in `Projection`.
    synapse : Delta, Exponential or Conductance
    """

    post: Population
    rate: float
    weight: float
    synapse: Synapse = DELTA

    def __post_init__(self) -> None:
        check_instance("post", self.post, Population)
        check_number("rate", self.rate, 0.0)
        check_number("weight", self.weight)
        check_synapse(self.synapse, self.post.neuron)
        check_sign(self.synapse, self.weight)


@dataclass(frozen=True, eq=False)
class Drive:
    """A given drive mu in V, on top of any other.

    Parameters
    ----------
    post : Population
    mu : float or array_like
        One number; shape (n,), one per neuron; or shape (steps, 1) or (steps, n), held during each
        step.
    """

    post: Population
    mu: ArrayLike

    def __post_init__(self) -> None:
        check_instance("post", self.post, Population)
        mu = np.asarray(self.mu, float)
        if mu.ndim > 2 or (mu.ndim and mu.shape[-1] not in (1, self.post.n)) or mu.size == 0:
            raise ValueError(
                f"mu must be a number or have shape ({self.post.n},), (steps, 1) or "
                f"(steps, {self.post.n}), not {mu.shape}"
            )
        if not np.isfinite(mu).all():
            raise ValueError("mu must be finite")


def check_network(
    populations: Sequence[Population],
    projections: Sequence[Projection],
    inputs: Sequence[Poisson | Drive],
) -> None:
    """Refuse populations given twice, and projections or inputs of others."""
    for population in populations:
        check_instance("populations", population, Population)
    if not populations or len(set(map(id, populations))) < len(populations):
        raise ValueError("populations must be one or more, each once")
    for projection in projections:
        check_instance("projections", projection, Projection)
    for source in inputs:
        check_instance("inputs", source, Poisson, Drive)
    ends = [each.post for each in (*projections, *inputs)]
    ends += [each.pre for each in projections if isinstance(each.pre, Population)]
    if not set(map(id, populations)).issuperset(map(id, ends)):
        raise ValueError("populations must hold every population that has a projection or an input")
