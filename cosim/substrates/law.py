"""What an integer neuron should do under independent input: rate, CV and interval distribution.

By its exact chain, where it has one that is small enough to eliminate (`MOST_OPERATIONS`); the
orbit of a held current costs nothing. Otherwise by the exact law of real numbers in discrete time,
for the neuron, drive and noise that the integers mean, the mean drive of the rounding included.
What the integers then still change is within `laws.rate_error`: an estimate of second order in the
LSB, checked against chains, and no proved bound. It is all there is for the CV and the intervals'
law of such neurons. Their rate is the chain's own, iterated, with a proved bound (`iterated`,
`iterated_spinnaker`): of up to `MOST_STATES`, or `MOST_STATES_OF_JUMPS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, floor, sqrt

from ...models.integer import iterated_spinnaker, markov
from ...models.integer.input import IntegerInput
from ...models.integer.iterated import MeanInterval, mean_interval
from ...models.integer.laws import Rounding, rate_error
from ...models.integer.lif import IntegerLIF
from ...models.integer.quantise_spinnaker import QuantisedSpiNNaker, interval
from ...models.integer.quantised import Loss, Quantised
from ...models.integer.transitions import interval as reached
from ...models.integer.truenorth import TrueNorth
from ...models.stimulus import Poisson, WhiteNoise
from ..observables import Floats
from .reference import noise_law

MOST_OPERATIONS = 5e9  # of the elimination: some seconds
MOST_STATES = 1 << 24  # of the iteration under white noise: as long, and 2 GB
MOST_STATES_OF_JUMPS = 1 << 17  # under jumps, which make steps that blocks of states do not follow


@dataclass(frozen=True)
class Law:
    """Rate in Hz (0 if silent), CV, and the interval distribution.

    `isi` gives the probabilities of intervals of 0, 1, ... steps up to a given one; `mean` is the
    mean interval in steps. `error` bounds the relative error of the rate, `shape_error` those of CV
    and distribution. `exact` tells the chain from the law of reals.
    """

    rate: float
    cv: float
    error: float
    shape_error: float
    mean: float
    isi: Callable[[int], Floats]
    exact: bool


def constant(made: Quantised, k: int) -> Law:
    """Under the same input `k` in every step, beside what registers hold."""
    if isinstance(made, QuantisedSpiNNaker):
        steps = interval(made.neuron)
        return _law(0.0 if steps is None else 1 / steps, 0.0, 0.0, 0.0, made.dt)
    chained = made.chain(IntegerInput.constant(k))
    assert chained is not None
    chain = markov.solve(*chained)
    cv = chain.cv if chain.rate > 0 else 0.0
    return _law(chain.rate, cv, chain.error, chain.error, made.dt)


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
            chain.rate, cv, chain.error, chain.error, made.dt,
            lambda n: markov.isi_pmf(neuron, values, n)[0], True,
        )  # fmt: skip
    meant = equivalent(made, stimulus, source, lost, made.bias)
    found = noise_law(made.realised, meant, made.dt)
    smooth = WhiteNoise(*moments(made, source))
    rounding: Rounding = getattr(made.neuron, "rounding", "truncate")
    of_reals = rate_error(made.realised, smooth.mu, smooth.sigma, made.dt, made.lsb, rounding)
    of_reals += found.error
    most = MOST_STATES if isinstance(stimulus, WhiteNoise) else MOST_STATES_OF_JUMPS
    mean = _iterated(made, source, chained, most)
    if mean is None:
        return _law(found.rate * made.dt, found.cv, of_reals, of_reals, made.dt, found.isi, False)
    return _law(1 / mean.steps, found.cv, mean.error, of_reals, made.dt, found.isi, False)


def _iterated(
    made: Quantised,
    source: IntegerInput,
    chained: tuple[IntegerLIF | TrueNorth, IntegerInput] | None,
    most: int,
) -> MeanInterval | None:
    """The mean interval with a proved bound; None if there are more states than `most`."""
    if isinstance(made, QuantisedSpiNNaker):
        lowest = floor(made.lowest(source))
        if made.to_integers(made.realised.v_th) - lowest > most:
            return None
        return iterated_spinnaker.mean_interval(made.neuron, source, made.shift, lowest)
    if chained is None:
        return None
    neuron, values = chained
    if not isinstance(neuron, IntegerLIF) or _states(neuron, values) > most:
        return None
    return mean_interval(neuron, values)


def _law(
    per_step: float, cv: float, error: float, shape_error: float, dt: float,
    isi: Callable[[int], Floats] | None = None, exact: bool = True,
) -> Law:  # fmt: skip
    mean = 1 / per_step if per_step > 0 else float("inf")

    def unknown(n: int) -> Floats:
        raise ValueError("the intervals of a held drive have no distribution to compare with")

    return Law(per_step / dt, cv, error, shape_error, mean, isi or unknown, exact)


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
