"""Rate of a LIF neuron whose Poisson input opens conductances.

An event of weight a moves V by ``a (e - V)`` towards the reversal potential e of its synapse (e_e,
at a rate of rate_e, or e_i, at rate_i); between events ``tau_m dV/dt = -(V - v_rest) + mu``.

    fi_curve     steady conductances, which divide the membrane's time constant
    effective    an LIF under white noise (Burkitt 2001; Richardson 2004):
                     tau_eff = tau_m / (1 + tau_m sum rate a)
                     v_mean = (v_rest + mu + tau_m sum rate a e) tau_eff / tau_m
                     sigma**2 = tau_eff sum rate a**2 (e - v_mean)**2
    stationary   white noise that depends on V: Fokker-Planck, D = sum rate a**2 (e - V)**2 / 2
    jump_rate    the process as it is, by its mean first passage

`stationary` is Ito's: V before the event sets its size, so that the mean and mean square of what
happens in dt are ``sum rate a (e - V) dt`` and ``sum rate a**2 (e - V)**2 dt``, which are drift and
2 D as Ito means them. A conductance pulse of finite width closes on V while V moves: of area A (the
integral of g dt / tau_m) it moves V by the fraction ``a = 1 - exp(-A)``, which is ``A - A**2 / 2``.
Stratonovich's reading with A is Ito's with a.

But white noise that depends on V is no better than white noise that does not: the skewness of the
jumps is of the same order and acts against it (Richardson & Gerstner 2005). See `effective` for
what either is off by.

Conductances that decay exponentially, ``tau_s dg/dt = -g``, from a step of height b (in units of
the leak's) at each event, have ``A = b tau_s / tau_m``: their prediction is `effective` with A for
a, and tau_s given to `siegert.rate`.

Noise convention: ``tau_eff dV/dt = -(V - v_mean) + sigma sqrt(tau_eff) xi(t)``.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf, isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..integer.elimination import eliminate
from ..neuron import LIF, ConductanceLIF
from . import fokker_planck, siegert

_REACH = 9.0  # standard deviations of the free membrane below reset and mean
_PER_LARGEST, _PER_SMALLEST = 10, 4  # grid intervals in the largest and the smallest jump
_FEWEST = 500
_TOLERANCE = 1e-4
_LARGEST_BAND = 2**24  # elements
_ROUNDING = 1e-12


def fi_curve(
    neuron: ConductanceLIF, mu: ArrayLike, g_e: ArrayLike = 0.0, g_i: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Rate with steady conductances.

    A conductance divides the depolarisation ``mu`` and tau_m alike by ``1 + g_e + g_i``. Far above
    threshold the two cancel: the curve of rate against drive is *shifted*, by
    ``g ((v_th + v_reset) / 2 - e)``, and keeps its slope ``1 / (tau_m (v_th - v_reset))`` (Holt &
    Koch 1997). Only with the noise of the same synapses is its slope divided (Chance, Abbott &
    Reyes 2002).

    Parameters
    ----------
    neuron : ConductanceLIF
    mu : array_like
        Drive in V.
    g_e, g_i : array_like, broadcast
        Conductances in units of the leak's, >= 0.

    Returns
    -------
    ndarray
        Hz, of the broadcast shape.

    Raises
    ------
    ValueError
        An argument is empty, not finite or negative; shapes do not broadcast.
    """
    mu, g_e, g_i = (np.asarray(x, float) for x in (mu, g_e, g_i))
    for name, array, least in (("mu", mu, -inf), ("g_e", g_e, 0.0), ("g_i", g_i, 0.0)):
        wrong = ~(np.isfinite(array) & (array >= least))
        if array.size == 0 or wrong.any():
            found = repr(float(array[wrong][0])) if array.size else "empty"
            raise ValueError(f"{name} must be finite and >= {least:g}, not {found}")
    try:
        mu, g_e, g_i = np.broadcast_arrays(mu, g_e, g_i)
    except ValueError:
        raise ValueError(
            f"shapes must broadcast, not mu {mu.shape}, g_e {g_e.shape}, g_i {g_i.shape}"
        ) from None
    total = 1 + g_e + g_i
    drive = (mu + g_e * (neuron.e_e - neuron.v_rest) + g_i * (neuron.e_i - neuron.v_rest)) / total
    leaky = LIF(neuron.tau_m, neuron.v_th, neuron.v_reset, neuron.v_rest)
    with np.errstate(divide="ignore"):  # 1 / 0: no spikes
        passage = 1 / (
            total * siegert.rate(leaky, drive, 0.0)
        )  # of the time constant tau_m / total
    return 1 / (neuron.t_ref + passage)


@dataclass(frozen=True)
class Effective:
    """The LIF neuron under white noise that comes nearest.

    Attributes
    ----------
    neuron : LIF
        With ``tau_m = tau_eff``.
    mu, sigma : float
        Its drive ``v_mean - v_rest`` and noise, in V.
    """

    neuron: LIF
    mu: float
    sigma: float


@dataclass(frozen=True)
class _Input:
    """Checked events: rates in Hz, weights, and reversal potentials in V of what there is."""

    rates: NDArray[np.float64]
    weights: NDArray[np.float64]
    reversals: NDArray[np.float64]


def _input(
    neuron: ConductanceLIF, rate_e: float, rate_i: float, a_e: float, a_i: float, mu: float
) -> _Input:
    for name, value in (("rate_e", rate_e), ("rate_i", rate_i)):
        if not 0 <= value < inf:
            raise ValueError(f"{name} must be finite and >= 0 Hz, not {float(value)!r}")
    for name, value in (("a_e", a_e), ("a_i", a_i)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must be > 0 and < 1, not {float(value)!r}")
    if not isfinite(mu):
        raise ValueError(f"mu must be finite, not {float(mu)!r}")
    there = np.array([rate_e, rate_i]) > 0
    return _Input(
        np.array([rate_e, rate_i], float)[there],
        np.array([a_e, a_i], float)[there],
        np.array([neuron.e_e, neuron.e_i])[there],
    )


def effective(
    neuron: ConductanceLIF,
    rate_e: float,
    rate_i: float,
    a_e: float,
    a_i: float,
    mu: float = 0.0,
) -> Effective:
    """Effective time constant, mean voltage and noise: the rate is `siegert.rate` of them.

    Parameters
    ----------
    neuron : ConductanceLIF
    rate_e, rate_i : float
        Rates in Hz of all excitatory and all inhibitory events, >= 0.
    a_e, a_i : float
        Their weights, > 0 and < 1: an event moves V by that fraction of its distance to the
        reversal potential. (Of a decaying conductance: ``b tau_s / tau_m``, head of this module.)
    mu : float
        Drive in V.

    Returns
    -------
    Effective

    Raises
    ------
    ValueError
        An argument is out of range.

    Notes
    -----
    What ``siegert.rate`` makes of it, and `stationary`, measured against `jump_rate` (tau_m 20 ms,
    threshold, reset, rest, e_i, e_e = -50, -60, -70, -80, 0 mV, mu = 10 mV; inhibition opens as
    much conductance as excitation, or none; weights .002 .. .02, those of inhibition doubled):

        rate    both: effective  stationary    excitation only: effective    stationary
        2 Hz     -8 .. + 3 %    -9 .. +4 %                    -34 .. -8 %   -49 .. -15 %
        10 Hz     3 ..   8 %     3 ..  8 %                     -1 ..  1 %    -2 ..   1 %
        40 Hz     1 ..   8 %     1 ..  8 %                      0 ..  4 %     0 ..   6 %

    Of decaying conductances (against simulation, standard errors 1 .. 4 %): off by -10 .. +4 % for
    ``tau_s <= 0.11 tau_eff`` and by -29 % at ``0.75 tau_eff``; without tau_s, by up to +370 %.
    (`siegert.rate` warns from where its own share may exceed 5 %.)
    """
    events = _input(neuron, rate_e, rate_i, a_e, a_i, mu)
    opened = neuron.tau_m * events.rates * events.weights
    total = 1 + opened.sum()
    mean = (neuron.v_rest + mu + opened @ events.reversals) / total
    tau = neuron.tau_m / total
    sigma = sqrt(tau * (events.rates @ (events.weights * (events.reversals - mean)) ** 2))
    lif = LIF(float(tau), neuron.v_th, neuron.v_reset, neuron.v_rest, neuron.t_ref)
    return Effective(lif, float(mean - neuron.v_rest), float(sigma))


def stationary(
    neuron: ConductanceLIF,
    rate_e: float,
    rate_i: float,
    a_e: float,
    a_i: float,
    mu: float = 0.0,
) -> fokker_planck.Stationary:
    """Stationary density and rate with noise that depends on the voltage.

    Parameters as for `effective`.

    Returns
    -------
    fokker_planck.Stationary
        Its `error` is the numerical one.

    Raises
    ------
    ValueError
        An argument is out of range, no event arrives, or the noise is too weak for the grid.

    Notes
    -----
    Exact where jumps are small against all else; what it is off by otherwise stands in `effective`.
    """
    events = _input(neuron, rate_e, rate_i, a_e, a_i, mu)
    if events.rates.size == 0:
        raise ValueError("rate_e or rate_i must be > 0 Hz: there is no noise")

    def drift(v: NDArray[np.float64]) -> NDArray[np.float64]:
        opened = events.rates * events.weights
        leak = (neuron.v_rest + mu - v) / neuron.tau_m
        return leak + opened @ (events.reversals[:, None] - v)

    def diffusion(v: NDArray[np.float64]) -> NDArray[np.float64]:
        return events.rates @ (events.weights[:, None] * (events.reversals[:, None] - v)) ** 2 / 2

    near = effective(neuron, rate_e, rate_i, a_e, a_i, mu)
    lowest = min(neuron.v_reset, near.neuron.v_rest + near.mu) - _REACH * near.sigma / sqrt(2)
    if rate_e == 0 and lowest <= neuron.e_i:
        raise ValueError(
            f"rate_e must be > 0 Hz: V comes near e_i = {neuron.e_i!r} V, without noise"
        )
    return fokker_planck.stationary(
        near.neuron, 0.0, 0.0, drift=drift, diffusion=diffusion, v_min=lowest
    )


@dataclass(frozen=True)
class JumpRate:
    """The rate of the jump process.

    Attributes
    ----------
    rate : float
        Hz; extrapolated from grids of two spacings. 0 where it underflows.
    error : float
        Bound on the relative error of `rate`: what coarser grids change, plus rounding.
    """

    rate: float
    error: float


def jump_rate(
    neuron: ConductanceLIF,
    rate_e: float,
    rate_i: float,
    a_e: float,
    a_i: float,
    mu: float = 0.0,
) -> JumpRate:
    """Rate of the jump process itself, by its mean first passage from reset to threshold.

    Between events V goes exponentially to ``v_inf = v_rest + mu``. With R the rate of all events,
    T(V) the mean first passage from V (0 from the threshold on) and Q(V) its mean behind an event,

        T(V(0)) = int_0^s exp(-R t) (1 + R Q(V(t))) dt + exp(-R s) T(V(s))

    for any s. From grid point to grid point, with T linear in V between, the integral is in closed
    form and the equations have positive coefficients. T jumps at the threshold if V falls there,
    and so does Q where one event reaches the threshold from: that voltage is a grid point.

    Parameters as for `effective`.

    Returns
    -------
    JumpRate
        Its error is below 1e-4, as a rule below 1e-5; where spikes are so rare that this would
        take a larger grid than one of 2**24 elements, it is what that grid achieves.

    Raises
    ------
    ValueError
        An argument is out of range; or a grid that resolves the smallest jumps would be too large.
    """
    events = _input(neuron, rate_e, rate_i, a_e, a_i, mu)
    v_inf = neuron.v_rest + mu
    if events.rates.size == 0 or (rate_e == 0 and v_inf <= neuron.v_th):
        rate = 0.0 if v_inf <= neuron.v_th else float(fi_curve(neuron, mu))
        return JumpRate(rate, 0.0)
    lowest = min(neuron.v_reset, v_inf, *events.reversals)
    ends = np.array([[lowest], [neuron.v_th]])
    jumps = np.max(events.weights * np.abs(events.reversals - ends), axis=0)
    span = neuron.v_th - lowest
    n = ceil(max(_PER_LARGEST * span / jumps.max(), _PER_SMALLEST * span / jumps.min(), _FEWEST))
    largest_n = sqrt(_LARGEST_BAND * span / jumps.sum())
    if 4 * n > largest_n:
        raise ValueError(
            f"a_e = {float(a_e)!r} and a_i = {float(a_i)!r} must be larger or closer to each "
            f"other: a grid that resolves jumps of {float(jumps.min()):.3g} V would be too large"
        )
    found = [_passage(neuron, events, v_inf, lowest, k * n // 2) for k in (1, 2, 4, 8)]
    while np.all(np.isfinite(found)):
        n *= 2
        coarsest, coarse, fine = ((4 * found[i + 1] - found[i]) / 3 for i in (-4, -3, -2))
        # of third order (T has kinks between grid points), if not better
        error = max(abs(coarse / fine - 1), abs(coarsest / coarse - 1) / 8) + _ROUNDING
        if error < _TOLERANCE or 4 * n > largest_n:
            return JumpRate(1 / (neuron.t_ref + fine), error)
        found.append(_passage(neuron, events, v_inf, lowest, 4 * n))
    return JumpRate(0.0, 0.0)


def _passage(neuron: ConductanceLIF, events: _Input, v_inf: float, lowest: float, n: int) -> float:
    """Mean time from reset to threshold on a grid of about n intervals."""
    reach = np.full(events.rates.size, inf)  # from where on one event is enough
    upwards = events.reversals > neuron.v_th
    reach[upwards] = (neuron.v_th - events.weights * events.reversals)[upwards] / (
        1 - events.weights[upwards]
    )
    marks = {lowest, neuron.v_reset, neuron.v_th}
    marks |= {x for x in (v_inf, *map(float, reach)) if lowest < x < neuron.v_th}
    edges = sorted(marks)
    h = (neuron.v_th - lowest) / n
    pieces = [np.linspace(a, b, ceil((b - a) / h) + 1)[:-1] for a, b in pairwise(edges)]
    v = np.append(np.concatenate(pieces), neuron.v_th)

    # the flow carries point k towards v_inf, up to its neighbour m
    k = np.arange(v.size)
    m = k - np.sign(v - v_inf).astype(int)
    if v_inf > neuron.v_th:  # absorbed at the threshold
        k, m = k[:-1], m[:-1]
    distance, next_distance = v[k] - v_inf, v[m] - v_inf
    rest = distance == 0
    ratio = np.where(rest, 0.0, next_distance / np.where(rest, 1.0, distance))
    total = events.rates.sum()
    power = total * neuron.tau_m
    with np.errstate(divide="ignore"):
        log_ratio = np.log(ratio)
    event = -np.expm1(power * log_ratio)  # before m is reached; then, the weights of Q at k and m
    slope = -np.expm1((power + 1) * log_ratio) * power / (power + 1)
    at_k = np.where(rest, 1.0, (slope - ratio * event) / (1 - ratio))
    at_m = event - at_k

    # to which points, with which probability; a last entry: over the threshold
    rows, columns, values = [k], [m], [1 - event]
    middle = (v[k] + v[m]) / 2
    for rate, weight, reversal, enough in zip(
        events.rates, events.weights, events.reversals, reach, strict=True
    ):
        for start, share in ((k, at_k), (m, at_m)):
            landing = np.minimum(v[start] + weight * (reversal - v[start]), neuron.v_th)
            cell = np.clip(np.searchsorted(v, landing, side="right") - 1, 0, v.size - 2)
            upper = np.clip((landing - v[cell]) / (v[cell + 1] - v[cell]), 0.0, 1.0)
            fires = middle > enough
            part = rate / total * share
            rows += [k, k]
            columns += [np.where(fires, v.size, cell), np.where(fires, v.size, cell + 1)]
            values += [part * (1 - upper), part * upper]
    row, column, value = map(np.concatenate, (rows, columns, values))
    over = column >= k.size
    hazard = np.zeros(k.size)
    np.add.at(hazard, row[over], value[over])
    offset = (column - row)[~over]
    lower = -min(int(offset.min()), 0)
    band = np.zeros((k.size, lower + max(int(offset.max()), 0) + 1))
    np.add.at(band, (row[~over], offset + lower), value[~over])
    times = eliminate(band, lower, hazard).solve(event / total)
    return float(times[np.searchsorted(v, neuron.v_reset)])
