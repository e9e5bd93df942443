"""What an integer neuron should do under independent input: rate, CV and interval distribution.

By its exact chain, where it has one that is small enough to eliminate (`MOST_OPERATIONS`); the
orbit of a held current costs nothing. Otherwise by the exact law of real numbers in discrete time,
for the neuron, drive and noise that the integers mean, the mean drive of the rounding included.
What the integers then still change is within `laws.rate_error`: an estimate of second order in the
LSB, checked against chains, and no proved bound. It is all there is for the CV and the intervals'
law of such neurons, and for the rate of SpiNNaker and of chains of more than `MOST_STATES` (24
bits). Up to there the rate is the chain's own, iterated, with a proved bound (`iterated`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, sqrt

from ...models.integer import markov
from ...models.integer.input import IntegerInput
from ...models.integer.iterated import mean_interval
from ...models.integer.laws import Rounding, rate_error
from ...models.integer.lif import IntegerLIF
from ...models.integer.quantise_spinnaker import QuantisedSpiNNaker, interval
from ...models.integer.quantised import Loss, Quantised
from ...models.integer.transitions import interval as reached
from ...models.stimulus import Poisson, WhiteNoise
from ..observables import Floats
from .reference import noise_law

MOST_OPERATIONS = 5e9  # of the elimination: some seconds
MOST_STATES = 1 << 17  # of the iteration: as long


@dataclass(frozen=True)
class Law:
    """Rate in Hz (0 if silent), CV, bound on the relative error, and the interval distribution.

    `isi` gives the probabilities of intervals of 0, 1, ... steps up to a given one; `mean` is the
    mean interval in steps. `exact` tells the chain from the law of reals.
    """

    rate: float
    cv: float
    error: float
    mean: float
    isi: Callable[[int], Floats]
    exact: bool


def constant(made: Quantised, k: int) -> Law:
    """Under the same input `k` in every step, beside what registers hold."""
    if isinstance(made, QuantisedSpiNNaker):
        steps = interval(made.neuron)
        return _law(0.0 if steps is None else 1 / steps, 0.0, 0.0, made.dt)
    chained = made.chain(IntegerInput.constant(k))
    assert chained is not None
    chain = markov.solve(*chained)
    return _law(chain.rate, chain.cv if chain.rate > 0 else 0.0, chain.error, made.dt)


def noise(
    made: Quantised, stimulus: WhiteNoise | Poisson, source: IntegerInput, lost: tuple[Loss, ...]
) -> Law:
    """Under noise; `source` and `lost` as of `Core.source`."""
    chained = made.chain(source)
    if chained is not None and _operations(*chained) <= MOST_OPERATIONS:
        neuron, values = chained
        chain = markov.solve(neuron, values)
        cv = chain.cv if chain.rate > 0 else 0.0
        return _law(
            chain.rate, cv, chain.error, made.dt,
            lambda n: markov.isi_pmf(neuron, values, n)[0], True,
        )  # fmt: skip
    meant = equivalent(made, stimulus, source, lost, made.bias)
    found = noise_law(made.realised, meant, made.dt)
    smooth = WhiteNoise(*moments(made, source))
    rounding: Rounding = getattr(made.neuron, "rounding", "truncate")
    error = rate_error(made.realised, smooth.mu, smooth.sigma, made.dt, made.lsb, rounding)
    error += found.error
    per_step = found.rate * made.dt
    if chained is not None:
        neuron, values = chained
        if isinstance(neuron, IntegerLIF) and _states(neuron, values) <= MOST_STATES:
            mean = mean_interval(neuron, values)
            per_step, error = 1 / mean.steps, error + mean.error
    return _law(per_step, found.cv, error, made.dt, found.isi, False)


def _law(
    per_step: float, cv: float, error: float, dt: float,
    isi: Callable[[int], Floats] | None = None, exact: bool = True,
) -> Law:  # fmt: skip
    mean = 1 / per_step if per_step > 0 else float("inf")

    def unknown(n: int) -> Floats:
        raise ValueError("the intervals of a held drive have no distribution to compare with")

    return Law(per_step / dt, cv, error, mean, isi or unknown, exact)


def _operations(neuron: object, source: IntegerInput) -> float:
    """Multiplications of the elimination, at most; a TrueNorth's state is as large as its steps."""
    if not isinstance(neuron, IntegerLIF):
        return 0.0
    n, values = float(_states(neuron, source)), source.values
    up, down = (min(n, max(0.0, float(x))) for x in (values[-1], -values[0]))
    return n * (up + n / 100) * (down + n / 100)


def _states(neuron: IntegerLIF, source: IntegerInput) -> int:
    """How many the reset leads to."""
    first, last = reached(neuron, source)
    return last - first + 1


def moments(made: Quantised, source: IntegerInput) -> tuple[float, float]:
    """Drive and noise in V that mean the same to the neuron that the integers realise."""
    a = exp(-made.dt / made.realised.tau_m)
    mean = made.held * made.gain * made.lsb + source.mean * made.kick
    return mean / (1 - a), sqrt(source.variance) * made.kick / sqrt((1 - a**2) / 2)


def equivalent(
    made: Quantised, stimulus: WhiteNoise | Poisson, source: IntegerInput,
    lost: tuple[Loss, ...], bias: float = 0.0,
) -> WhiteNoise | Poisson:  # fmt: skip
    """The stimulus that the integer input is to the realised neuron, `bias` V added to the drive.

    A Poisson stimulus keeps its rates.
    """
    mu, sigma = moments(made, source)
    if isinstance(stimulus, WhiteNoise):
        return WhiteNoise(mu + bias, sigma)
    weights = tuple(loss.got for loss in lost if loss.name.startswith("weight"))
    a = exp(-made.dt / made.realised.tau_m)
    got = {loss.name: loss.got for loss in lost}
    drive = (made.held + got["mu"]) * made.gain * made.lsb / (1 - a)
    return Poisson(stimulus.rates, weights, drive + bias)
