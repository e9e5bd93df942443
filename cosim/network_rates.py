"""Rates that a network should have: as it was wanted, and as a platform's integers.

Each population is one neuron, and what its synapses bring is taken as independent and Poisson. With
the mean number K_ij of synapses, of weight w_ij, that a neuron of population i has from population
j, the rates are those that reproduce themselves::

    r_i = F_i(Poisson spikes of rates K_ij r_j and weights w_ij, those of Poisson inputs, mu_i)

On the way from the network as it was wanted to the integers, F takes on one imperfection after the
other: white noise on the ideal neuron in continuous time (Siegert); the exact law of its jumps in
steps of dt (`discrete_time.solve_jumps`); that law with the weights and drives of the integers;
that of the neuron which the integers describe; and `substrates.law.noise`, which is the exact chain
of the integers where that is small enough. The rates of white noise are those that
``dr/ds = F(r) - r`` takes from 0.

What is left out is alike in both: spikes of a network are neither independent nor quite Poisson,
and neurons of a population differ in their number of synapses. So the quotient of the rates is
better than either.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import approx_fprime, root

from ..models.integer.input import IntegerInput
from ..models.integer.quantise_network import QuantisedNetwork, QuantisedPopulation
from ..models.integer.quantised import Loss, Quantised
from ..models.neuron import LIF
from ..models.reference.elements import Poisson, Population
from ..models.stimulus import Poisson as Stimulus
from ..models.stimulus import WhiteNoise
from ..models.theory import siegert
from .observables import Floats
from .substrates.law import equivalent
from .substrates.law import noise as noise_law_of_integers
from .substrates.reference import noise_law

Law = Callable[[Floats], list[tuple[float, float]]]  # rates that rates make, relative errors
OtherLaw = Callable[[Floats], tuple[float, float]]  # of one population

_SETTLED = 50.0  # of s
_LOWEST = 1e-9  # Hz


class Rates(NamedTuple):
    """Rates of the populations in Hz, with one imperfection more from each to the next.

    Attributes
    ----------
    white : ndarray, shape (n,)
        Of ideal neurons under white noise, in continuous time.
    ideal : ndarray, shape (n,)
        In steps of dt, under finite jumps.
    input : ndarray, shape (n,)
        With the weights and drives of the integers.
    neuron : ndarray, shape (n,)
        With the time constant, voltages and refractory time of the integers.
    quantised : ndarray, shape (n,)
        Of the integers, which are rounded in each step.
    ideal_error, quantised_error : ndarray, shape (n,)
        Bounds on the relative numerical errors of `ideal` and `quantised`.
    """

    white: Floats
    ideal: Floats
    input: Floats
    neuron: Floats
    quantised: Floats
    ideal_error: Floats
    quantised_error: Floats

    @property
    def error(self) -> Floats:
        """Relative, of the quantised rates."""
        return self.quantised / self.ideal - 1


class _Synapses(NamedTuple):
    """Those that a neuron has from one source: a population, or (None) a Poisson input."""

    population: int | None
    number: float  # times the rate of the population; the rate of the input in Hz
    wanted: float  # V
    got: float


def predict(made: QuantisedNetwork, others: Mapping[int, OtherLaw] | None = None) -> Rates:
    """Rates of the populations of a network, before and after it was quantised.

    Parameters
    ----------
    made : QuantisedNetwork
    others : mapping of int to callable, optional
        The laws of populations that are not of integers, in place of the chain of the integers:
        from the rates of all populations in Hz to its own and the relative error of that.

    Raises
    ------
    ValueError
        A projection from given spike trains or of several weights, a population without synapses,
        or rates that are not found.
    """
    every = [(each, _synapses(made, each)) for each in made.populations]

    def white(r: Floats) -> list[tuple[float, float]]:
        found = []
        for each, synapses in every:
            neuron = each.quantised.ideal
            noise = _wanted(each, synapses, r).diffusion(neuron.tau_m)
            found.append((float(siegert.rate(neuron, noise.mu, noise.sigma)), 0.0))
        return found

    def ideal(r: Floats) -> list[tuple[float, float]]:
        return [
            _jumps(each.quantised.ideal, _wanted(each, synapses, r), made.dt)
            for each, synapses in every
        ]

    def with_input(r: Floats) -> list[tuple[float, float]]:
        return [
            _jumps(each.quantised.ideal, _got(each, synapses, r, each.drive.got), made.dt)
            for each, synapses in every
        ]

    def with_neuron(r: Floats) -> list[tuple[float, float]]:
        found = []
        for each, synapses in every:
            stimulus = _got(each, synapses, r, _left(each))
            meant = equivalent(each.quantised, stimulus, *_integers(each.quantised, stimulus))
            found.append(_jumps(each.quantised.realised, meant, made.dt))
        return found

    def quantised(r: Floats) -> list[tuple[float, float]]:
        return [
            others[k](r)
            if others and k in others
            else _law(each.quantised, _got(each, synapses, r, _left(each)))
            for k, (each, synapses) in enumerate(every)
        ]

    def drift(_: float, r: Floats) -> Floats:
        tried = np.maximum(r, _LOWEST)  # a solver may try rates below 0
        return np.array([rate for rate, _ in white(tried)]) - r

    settled = solve_ivp(drift, (0, _SETTLED), [_LOWEST] * len(every), "LSODA")
    begin, _ = _solve(white, white, settled.y[:, -1])
    wanted, wanted_error = _solve(ideal, white, begin)
    by_input, _ = _solve(with_input, white, wanted)
    by_neuron, _ = _solve(with_neuron, white, by_input)
    got, got_error = _solve(quantised, white, by_neuron)
    return Rates(begin, wanted, by_input, by_neuron, got, wanted_error, got_error)


def _synapses(made: QuantisedNetwork, target: QuantisedPopulation) -> list[_Synapses]:
    populations = [each.population for each in made.populations]
    found = []
    for each in made.projections:
        if each.source.post is not target.population or each.synapses == 0:
            continue
        weight = each.source.weight
        if callable(weight) or np.ndim(weight):
            raise ValueError("projections must have one weight each, for their rates to be known")
        weights = float(weight), each.weights[0] * each.unit  # type: ignore[arg-type]
        if isinstance(each.source, Poisson):
            found.append(_Synapses(None, each.source.rate, *weights))
        elif isinstance(each.source.pre, Population):
            number = next(k for k, one in enumerate(populations) if one is each.source.pre)
            found.append(_Synapses(number, each.synapses / target.population.n, *weights))
        else:
            raise ValueError("projections must be from populations, whose rates can be known")
    found = [each for each in found if each.number and each.wanted]
    if not found:
        raise ValueError("populations must have synapses each, for their rates to be known")
    return found


def _spikes(synapses: Sequence[_Synapses], r: Floats) -> tuple[float, ...]:
    """Spikes per s from each source."""
    return tuple(
        each.number * (1.0 if each.population is None else float(r[each.population]))
        for each in synapses
    )


def _wanted(each: QuantisedPopulation, synapses: Sequence[_Synapses], r: Floats) -> Stimulus:
    """Input of the ideal neuron."""
    return Stimulus(_spikes(synapses, r), tuple(s.wanted for s in synapses), each.drive.wanted)


def _got(
    each: QuantisedPopulation, synapses: Sequence[_Synapses], r: Floats, drive: float
) -> Stimulus:
    """Input of the integers, `drive` V beside it."""
    return Stimulus(_spikes(synapses, r), tuple(s.got for s in synapses), drive)


def _left(each: QuantisedPopulation) -> float:
    """The part of the drive in V that its registers do not hold."""
    return each.clock * each.quantised.drive_unit


def _jumps(neuron: LIF, stimulus: Stimulus | WhiteNoise, dt: float) -> tuple[float, float]:
    """Rate of a neuron in steps of dt, and its relative error."""
    law = noise_law(neuron, stimulus, dt)
    return law.rate, law.error


def _integers(made: Quantised, stimulus: Stimulus) -> tuple[IntegerInput, tuple[Loss, ...]]:
    return made.input_poisson(stimulus.mu, stimulus.rates, stimulus.weights)


@cache
def _law(made: Quantised, stimulus: Stimulus) -> tuple[float, float]:
    """Rate of a quantised neuron and its relative error; `stimulus` has the drive left over."""
    law = noise_law_of_integers(made, stimulus, *_integers(made, stimulus))
    return law.rate, law.error


def _solve(law: Law, like: Law, begin: Floats) -> tuple[Floats, Floats]:
    """Rates that reproduce themselves by a law whose slopes are like another's, near some.

    By their logarithms. Beside them, their relative errors: those of the law and what is missed, as
    the slopes pass them on.
    """

    def missed(x: Floats, law: Law = law) -> Floats:
        rates = [rate for rate, _ in law(np.exp(x))]
        if not min(rates) > 0:
            told = ", ".join(f"{rate:.3g}" for rate in rates)
            raise ValueError(f"a population is silent: the rates would be {told} Hz")
        return np.log(rates) - x

    def slopes(x: Floats) -> Floats:
        return approx_fprime(x, lambda x: missed(x, like), 1e-5)

    found = root(missed, np.log(begin), jac=slopes, options={"xtol": 1e-6})
    if not found.success:
        raise ValueError(f"rates near {begin} Hz that reproduce themselves are not found")
    rates = np.exp(found.x)
    own = np.array([error for _, error in law(rates)])
    return rates, np.abs(np.linalg.inv(slopes(found.x))) @ (np.abs(found.fun) + own)
