"""A population of independent LIF neurons on a time grid, in floating point.

Each step of length dt, for each neuron (Rotter & Diesmann 1999 for the exact leak)::

    counter > 0:   v stays at v_reset, counter -= 1; the step's input is discarded
    counter == 0:  v = m + a (v - m) + input,   m = v_rest + mu,  a = exp(-dt / tau_m)
                   v >= v_th: a spike at this step, v = v_reset, counter = round(t_ref / dt)

so the shortest interval is ``round(t_ref / dt) + 1`` steps. The input of a step is

* white noise: ``sigma sqrt((1 - a**2) / 2) xi``, exact for the free membrane (convention
  ``tau_m dV/dt = -(V - v_rest) + mu + sigma sqrt(tau_m) xi(t)``);
* Poisson synapses: ``sum_j k_j w_j`` with ``k_j`` Poisson of mean ``rates[j] dt``;
* none, with a given drive ``mu = x[k]`` held during step k.

Every neuron has its own random stream (numpy's PCG64, spawned by seed and neuron number): its
spikes depend on the seed, its number and the input, on nothing else.
"""

from dataclasses import dataclass
from math import exp, expm1, sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..neuron import LIF


@dataclass(frozen=True, eq=False)
class Run:
    """What a run returns.

    Attributes
    ----------
    steps, ids : ndarray of int64, shape (spikes,)
        Step (the spike is at time ``(step + 1) dt``) and neuron, sorted by step, then neuron.
    v : ndarray, shape (neurons,)
        Membrane after the last step in V.
    recorded : ndarray, shape (steps, number of recorded neurons)
        Their membrane after every step in V (v_reset after a spike).
    """

    steps: NDArray[np.int64]
    ids: NDArray[np.int64]
    v: NDArray[np.float64]
    recorded: NDArray[np.float64]


# The three kernels run one neuron: they write its spikes and its trace and return (spikes, v).
@njit(cache=True)
def _white_noise(
    v: float,
    neuron: tuple,
    m: NDArray,
    noise: NDArray,
    stream: np.random.Generator,
    spikes: NDArray,
    trace: NDArray,
) -> tuple[int, float]:
    v_th, v_reset, a, refractory = neuron
    counter, count = 0, 0
    for step in range(m.size):
        if counter > 0:
            counter -= 1
        else:
            v = m[step] + a * (v - m[step]) + noise[step] * stream.standard_normal()
            if v >= v_th:
                spikes[count] = step
                count += 1
                v = v_reset
                counter = refractory
        if trace.size:
            trace[step] = v
    return count, v


@njit(cache=True)
def _poisson(
    v: float,
    neuron: tuple,
    m: float,
    means: NDArray,
    weights: NDArray,
    steps: int,
    stream: np.random.Generator,
    spikes: NDArray,
    trace: NDArray,
) -> tuple[int, float]:
    v_th, v_reset, a, refractory = neuron
    counter, count = 0, 0
    for step in range(steps):
        if counter > 0:
            counter -= 1
        else:
            v = m + a * (v - m)
            for j in range(means.size):
                v += weights[j] * stream.poisson(means[j])
            if v >= v_th:
                spikes[count] = step
                count += 1
                v = v_reset
                counter = refractory
        if trace.size:
            trace[step] = v
    return count, v


@njit(cache=True)
def _given(
    v: float, neuron: tuple, v_rest: float, x: NDArray, spikes: NDArray, trace: NDArray
) -> tuple[int, float]:
    v_th, v_reset, a, refractory = neuron
    counter, count = 0, 0
    for step in range(x.size):
        if counter > 0:
            counter -= 1
        else:
            m = v_rest + x[step]
            v = m + a * (v - m)
            if v >= v_th:
                spikes[count] = step
                count += 1
                v = v_reset
                counter = refractory
        if trace.size:
            trace[step] = v
    return count, v


class _Population:
    """Runs a kernel neuron by neuron and puts the spikes in order."""

    def __init__(
        self,
        neuron: LIF,
        dt: float,
        steps: int,
        neurons: int,
        v0: ArrayLike | None,
        record: tuple[int, ...],
    ) -> None:
        if not 0 < dt < np.inf:
            raise ValueError(f"dt must be > 0 s, not {dt!r}")
        for name, count in (("steps", steps), ("neurons", neurons)):
            if isinstance(count, bool) or not isinstance(count, int | np.integer):
                raise TypeError(f"{name} must be an integer, not {count!r}")
            if count < 0:
                raise ValueError(f"{name} must be >= 0, not {count!r}")
        for i in record:
            if not 0 <= i < neurons:
                raise ValueError(f"record must name neurons 0 .. {neurons - 1}, not {i!r}")
        start = np.asarray(neuron.v_reset if v0 is None else v0, float)
        if start.shape not in ((), (neurons,)):
            raise ValueError(f"v0 must be a number or have shape ({neurons},), not {start.shape}")
        if not np.isfinite(start).all():
            raise ValueError(f"v0 must be finite, not {v0!r}")
        refractory = round(neuron.t_ref / dt)
        self.constants = (
            float(neuron.v_th),
            float(neuron.v_reset),
            exp(-dt / neuron.tau_m),
            refractory,
        )
        self.v = np.array(np.broadcast_to(start, (neurons,)))
        self.recorded = np.empty((steps, len(record)))
        self._record = record
        self._buffer = np.empty(steps // (refractory + 1) + 1, np.int64)
        self._trace = np.empty(steps)
        self._spikes: list[NDArray[np.int64]] = []

    def run(self, i: int, kernel, *inputs: object) -> None:  # type: ignore[no-untyped-def]
        """Neuron `i` from ``v[i]`` on."""
        trace = self._trace if i in self._record else self._trace[:0]
        count, self.v[i] = kernel(self.v[i], self.constants, *inputs, self._buffer, trace)
        self._spikes.append(self._buffer[:count].copy())
        for column, neuron in enumerate(self._record):
            if neuron == i:
                self.recorded[:, column] = trace

    def result(self) -> Run:
        ids = np.repeat(np.arange(len(self._spikes)), [s.size for s in self._spikes])
        steps = np.concatenate([np.empty(0, np.int64), *self._spikes])
        order = np.argsort(steps, kind="stable")  # stable: neurons stay in order within a step
        return Run(steps[order], ids[order].astype(np.int64), self.v, self.recorded)


def _stream(seed: int, i: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(i,))))


def _finite(name: str, value: float, low: float = -np.inf) -> float:
    if not (np.isfinite(value) and value >= low):
        raise ValueError(f"{name} must be finite and >= {low:g}, not {value!r}")
    return float(value)


def _per_step(name: str, values: ArrayLike, steps: int, low: float = -np.inf) -> NDArray:
    array = np.asarray(values, float)
    if array.shape not in ((), (steps,)):
        raise ValueError(f"{name} must be a number or have shape ({steps},), not {array.shape}")
    for value in np.unique(array).tolist():
        _finite(name, value, low)
    return np.array(np.broadcast_to(array, (steps,)))


def white_noise(
    neuron: LIF,
    mu: ArrayLike,
    sigma: ArrayLike,
    *,
    dt: float,
    steps: int,
    neurons: int = 1,
    seed: int = 1,
    v0: ArrayLike | None = None,
    record: tuple[int, ...] = (),
) -> Run:
    """Run independent neurons under Gaussian white noise.

    Parameters
    ----------
    neuron : LIF
    mu, sigma : array_like, shape () or (steps,)
        Drive and noise in V (convention at the head of this module); ``sigma >= 0``.
    dt : float
        Time step in s.
    steps, neurons : int
    seed : int
        Non-negative.
    v0 : float or array_like (neurons,), optional
        Membrane at the start in V; `v_reset` unless given.
    record : tuple of int
        Neurons whose membrane is kept at every step.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """
    population = _Population(neuron, dt, steps, neurons, v0, record)
    m = neuron.v_rest + _per_step("mu", mu, steps)
    noise = _per_step("sigma", sigma, steps, 0.0) * sqrt(-expm1(-2 * dt / neuron.tau_m) / 2)
    for i in range(neurons):
        population.run(i, _white_noise, m, noise, _stream(seed, i))
    return population.result()


def poisson(
    neuron: LIF,
    mu: float,
    rates: ArrayLike,
    weights: ArrayLike,
    *,
    dt: float,
    steps: int,
    neurons: int = 1,
    seed: int = 1,
    v0: ArrayLike | None = None,
    record: tuple[int, ...] = (),
) -> Run:
    """Run independent neurons under Poisson synapses on top of a constant drive.

    Parameters
    ----------
    mu : float
        Constant drive in V.
    rates : array_like (synapses,)
        Total spike rate of each kind of synapse in Hz, >= 0.
    weights : array_like (synapses,)
        Jump of the membrane at one spike in V; negative is inhibitory.
    neuron, dt, steps, neurons, seed, v0, record
        As for `white_noise`; so are result and errors.
    """
    population = _Population(neuron, dt, steps, neurons, v0, record)
    rates, weights = np.atleast_1d(np.asarray(rates, float)), np.atleast_1d(weights).astype(float)
    if rates.ndim != 1 or rates.shape != weights.shape:
        raise ValueError(f"rates and weights must pair up, not {rates.shape} and {weights.shape}")
    if not (np.isfinite(rates) & (rates >= 0)).all():
        raise ValueError(f"rates must be finite and >= 0 Hz, not {rates}")
    if not np.isfinite(weights).all():
        raise ValueError(f"weights must be finite, not {weights}")
    m = neuron.v_rest + _finite("mu", mu)
    for i in range(neurons):
        population.run(i, _poisson, m, rates * dt, weights, steps, _stream(seed, i))
    return population.result()


def given(
    neuron: LIF,
    x: ArrayLike,
    *,
    dt: float,
    v0: ArrayLike | None = None,
    record: tuple[int, ...] = (),
) -> Run:
    """Run neurons under a given drive.

    Parameters
    ----------
    x : array_like, shape (steps,) or (steps, neurons)
        Drive in V, held during each step; one neuron where there is one axis.
    neuron, dt, v0, record
        As for `white_noise`; so are result and errors.
    """
    drive = np.asarray(x, float)
    if drive.ndim not in (1, 2):
        raise ValueError(f"x must have shape (steps,) or (steps, neurons), not {drive.shape}")
    if not np.isfinite(drive).all():
        raise ValueError("x must be finite")
    columns = np.atleast_2d(drive.T)
    population = _Population(neuron, dt, columns.shape[1], columns.shape[0], v0, record)
    for i, column in enumerate(columns):
        population.run(i, _given, float(neuron.v_rest), np.ascontiguousarray(column))
    return population.result()
