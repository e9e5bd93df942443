"""Rates that a network should have: as it was wanted, and as a platform's integers.

Each population is one neuron, and what its synapses bring is taken as independent and Poisson. With
the mean number K_ij of synapses, of weight w_ij, that a neuron of population i has from population
j, the rates are those that reproduce themselves::

    r_i = F_i(Poisson spikes of rates K_ij r_j and weights w_ij, those of Poisson inputs, mu_i)

F of the ideal neuron is the exact law of jumps in steps of dt (`discrete_time.solve_jumps`), F of
the integers that of `substrates.law.noise`: their exact chain where it is small enough. Siegert's
formula only says where to begin, at the rates that ``dr/ds = F(r) - r`` takes from 0.

What is left out is alike in both: spikes of a network are neither independent nor quite Poisson,
and neurons of a population differ in their number of synapses. So the quotient of the rates is
better than either.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import approx_fprime, root

from ..models.integer.quantise_network import QuantisedNetwork, QuantisedPopulation
from ..models.integer.quantised import Quantised
from ..models.reference.elements import Poisson, Population
from ..models.stimulus import Poisson as Stimulus
from ..models.theory import siegert
from .observables import Floats
from .substrates.law import noise as noise_law_of_integers
from .substrates.reference import noise_law

Law = Callable[[Floats], list[float]]  # rates that rates make

_SETTLED = 50.0  # of s
_LOWEST = 1e-9  # Hz


class Rates(NamedTuple):
    """Rates of the populations in Hz."""

    ideal: Floats
    quantised: Floats

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


def predict(made: QuantisedNetwork) -> Rates:
    """Rates of the populations of a network, before and after it was quantised.

    Raises
    ------
    ValueError
        A projection from given spike trains or of several weights, a population without synapses,
        or rates that are not found.
    """
    every = [(each, _synapses(made, each)) for each in made.populations]

    def white(r: Floats) -> list[float]:
        found = []
        for each, synapses in every:
            neuron = each.quantised.ideal
            noise = _wanted(each, synapses, r).diffusion(neuron.tau_m)
            found.append(float(siegert.rate(neuron, noise.mu, noise.sigma)))
        return found

    def ideal(r: Floats) -> list[float]:
        return [
            noise_law(each.quantised.ideal, _wanted(each, synapses, r), made.dt).rate
            for each, synapses in every
        ]

    def quantised(r: Floats) -> list[float]:
        return [_law(each.quantised, _got(each, synapses, r)) for each, synapses in every]

    def drift(_: float, r: Floats) -> Floats:
        return white(np.maximum(r, _LOWEST)) - r  # a solver may try rates below 0

    settled = solve_ivp(drift, (0, _SETTLED), [_LOWEST] * len(every), "LSODA")
    wanted = _solve(ideal, white, settled.y[:, -1])
    return Rates(wanted, _solve(quantised, white, wanted))


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


def _got(each: QuantisedPopulation, synapses: Sequence[_Synapses], r: Floats) -> Stimulus:
    """Input of the quantised neuron, beside what its registers hold."""
    rest = each.clock * each.quantised.drive_unit
    return Stimulus(_spikes(synapses, r), tuple(s.got for s in synapses), rest)


@cache
def _law(made: Quantised, stimulus: Stimulus) -> float:
    """Rate of a quantised neuron; `stimulus` has the drive that its registers do not."""
    source, lost = made.input_poisson(stimulus.mu, stimulus.rates, stimulus.weights)
    return noise_law_of_integers(made, stimulus, source, lost).rate


def _solve(law: Law, like: Law, begin: Floats) -> Floats:
    """Rates that reproduce themselves by a law whose slopes are like another's, near some.

    By their logarithms.
    """

    def missed(x: Floats, law: Law = law) -> Floats:
        return np.log(law(np.exp(x))) - x

    def slopes(x: Floats) -> Floats:
        return approx_fprime(x, lambda x: missed(x, like), 1e-5)

    found = root(missed, np.log(begin), jac=slopes, options={"xtol": 1e-6})
    if not found.success:
        raise ValueError(f"rates near {begin} Hz that reproduce themselves are not found")
    return np.exp(found.x)
