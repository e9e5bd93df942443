"""Rates of a recurrent network on every platform: what it does, against what was predicted.

A prediction leaves out correlations and the spread of in-degrees. How much that is, is measured on
the floating-point network, as the distance of its rates from theirs; nothing else is allowed for
but the statistics over seeds.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from rheobase.cosim.network_rates import Rates, predict
from rheobase.models.integer import quantise_network as quantise_network_module
from rheobase.models.integer.network import Synapses
from rheobase.models.integer.quantise import quantise
from rheobase.models.integer.quantise_loihi import quantise_loihi
from rheobase.models.integer.quantise_network import QuantisedNetwork, quantise_network
from rheobase.models.integer.quantise_spinnaker import quantise_spinnaker
from rheobase.models.integer.quantise_truenorth import quantise_truenorth
from rheobase.models.integer.quantised import Quantised
from rheobase.models.neuron import LIF
from rheobase.models.reference.network import (
    Drive,
    FixedInDegree,
    Pairs,
    Poisson,
    Population,
    Projection,
    SpikeTrains,
    simulate,
)

DT, STEPS, TRANSIENT, SEEDS = 1e-3, 1600, 100, range(1, 9)
RESOLUTION = 0.03
CONFIDENCE = 0.999  # of all comparisons together
PLATFORMS: dict[str, Callable[[LIF, float], Quantised]] = {
    "generic": partial(quantise, lsb=50e-6, width=11),
    "lava": partial(quantise_loihi, lsb=3e-6),
    "nengo": partial(quantise_loihi, lsb=30e-6, flavour="nengo"),
    "truenorth": partial(quantise_truenorth, lsb=100e-6),
    "spinnaker": quantise_spinnaker,
}
NEURON = LIF(20e-3, 20e-3, 0.0)
E, I = Population(NEURON, 240), Population(NEURON, 60)  # noqa: E741
NETWORK = (
    [E, I],
    [
        Projection(pre, post, FixedInDegree(k), weight, delay)
        for pre, k, weight, delay in ((E, 32, 0.3e-3, 2e-3), (I, 8, -1.5e-3, 1e-3))
        for post in (E, I)
    ],
    [Poisson(E, 3.5e3, 0.3e-3), Poisson(I, 3e3, 0.3e-3), Drive(E, 2e-3), Drive(I, 5e-3)],
)


def counted(ticks: NDArray[Any], ids: NDArray[Any]) -> list[float]:
    """Rates of the two populations in Hz."""
    ids = ids[ticks >= TRANSIENT]
    seconds = (STEPS - TRANSIENT) * DT
    return [
        np.count_nonzero(ids < E.n) / (E.n * seconds),
        np.count_nonzero(ids >= E.n) / (I.n * seconds),
    ]


@cache
def floating() -> NDArray[np.float64]:
    """Rates of the floating-point network, for each seed."""
    runs = [simulate(*NETWORK, STEPS * DT, DT, seed) for seed in SEEDS]
    return np.array([counted(np.rint(run.times / DT) - 1, run.ids) for run in runs])


def quantised(platform: str, seed: int = 1) -> QuantisedNetwork:
    return quantise_network(*NETWORK, DT, PLATFORMS[platform], seed=seed)


def measured(platform: str) -> NDArray[np.float64]:
    """Rates of the integer network, with the connections of the floating-point network."""
    rates = []
    for seed in SEEDS:
        made = quantised(platform, seed)
        run = made.network.run(*made.events(STEPS, seed), STEPS)
        assert run.saturated == 0
        rates.append(counted(*run.spikes))
    return np.array(rates)


@cache
def predicted(platform: str) -> Rates:
    return predict(quantised(platform))


class Judged(NamedTuple):
    """Relative change of the rates by the integers."""

    predicted: NDArray[np.float64]
    measured: NDArray[np.float64]
    budget: NDArray[np.float64]

    @property
    def agree(self) -> bool:
        return bool(np.all(np.abs(self.measured - self.predicted) <= self.budget))


def judge(platform: str) -> Judged:
    rates = predicted(platform)
    ratios = measured(platform) / floating()
    checks = 2 * len(PLATFORMS)
    t = stats.t.isf((1 - CONFIDENCE) / (2 * checks), len(SEEDS) - 1)
    statistical = t * ratios.std(axis=0, ddof=1) / np.sqrt(len(SEEDS))
    model = np.abs(floating().mean(axis=0) / rates.ideal - 1)
    return Judged(rates.error, ratios.mean(axis=0) - 1, statistical + model)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_rates_of_an_integer_network_are_as_predicted(platform: str) -> None:
    judged = judge(platform)
    assert judged.agree
    assert np.all(judged.budget < RESOLUTION)


def test_rates_with_one_imperfection_after_the_other() -> None:
    """Weights of whole LSB and no drive that is rounded: nothing but the neuron changes."""
    found = predicted("generic")
    assert np.all(found.ideal < found.white)  # the threshold is seen in steps only
    np.testing.assert_allclose(found.input, found.ideal, rtol=0.02)
    np.testing.assert_allclose(found.neuron, found.input, rtol=1e-3)
    assert np.all(found.quantised_error < 1e-6)
    assert np.all(found.ideal_error < 1e-3)


@pytest.mark.parametrize("platform", ["generic", "truenorth", "spinnaker"])
def test_wrong_weights_are_not_as_predicted(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Excitatory weights one in twenty larger, by a unit at least, than the report says."""

    def wrong(axon: Any, target: Any, weight: Any, delay: Any, channel: Any) -> Synapses:
        excites = weight > 0 if channel is None else channel == 0
        more = np.where(excites, np.maximum(weight // 20, 1), 0)
        return Synapses(axon, target, weight + more, delay, channel)

    monkeypatch.setattr(quantise_network_module, "Synapses", wrong)
    judged = judge(platform)
    assert not judged.agree


def test_a_silent_population_is_one_error() -> None:
    made = PLATFORMS["generic"]
    network = quantise_network([E], [Projection(E, E, FixedInDegree(1), 1e-3, DT)], [], DT, made)
    with pytest.raises(ValueError, match="a population is silent: the rates would be 0 Hz"):
        predict(network)


TRAINS = SpikeTrains(1, [DT], [0])


@pytest.mark.parametrize(
    ("projections", "text"),
    [
        ([Projection(TRAINS, E, FixedInDegree(1), 1e-3, DT)], "must be from populations"),
        ([Projection(E, E, Pairs([0, 1], [1, 0]), [1e-3, 2e-3], DT)], "must have one weight each"),
        ([], "must have synapses each"),
    ],
)
def test_rates_that_cannot_be_known_are_refused(projections: list[Projection], text: str) -> None:
    made = quantise_network([E], projections, [], DT, PLATFORMS["generic"])
    with pytest.raises(ValueError, match=text):
        predict(made)
