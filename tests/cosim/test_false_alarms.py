"""A verifier must not cry wolf: without faults, alarms are as rare as the confidence promises.

One small experiment is rerun under the seeds 1 to 200. How many runs fail is binomial if each
fails with the probability that was stated, and the p-values of a number whose budget is its
standard error are uniform. Both criteria are tested on budgets that are wrong, too.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from rheobase.cosim.budget import Check, Point, Term, overall
from rheobase.cosim.engines.cxxrtl import CxxrtlCore
from rheobase.cosim.experiment import Experiment, load
from rheobase.cosim.substrates import law, rtl
from rheobase.cosim.verify import CONFIDENCE, verify
from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.lif import IntegerLIF

RERUNS = 200
ALPHA = 1e-3  # of each criterion

# The resolutions are so coarse that no run is inconclusive: only false alarms are counted.
SMALL = """
title = "small"
[neuron]
tau_m = "20 ms"
v_th = "20 mV"
v_reset = "10 mV"
t_ref = "2 ms"
[[stimulus]]
name = "white noise"
kind = "white noise"
mu = "25 mV"
sigma = "3 mV"
on = ["reference", "rtl"]
[[stimulus]]
name = "shot noise"
kind = "poisson"
rates = ["1.5 kHz", "0.3 kHz"]
weights = ["1 mV", "-1 mV"]
on = ["reference", "rtl"]
[reference]
dt = ["1 ms"]
neurons = 64
spikes = 1500
[rtl]
dt = ["1 ms"]
width = 10
lsb = "0.1 mV"
neurons = 64
spikes = 1500
[check]
observables = ["rate", "cv", "isi"]
rate = 0.5
cv = 0.5
isi = 0.5
"""

Run = list[Check]
PValues = dict[tuple[str, str, str], NDArray[np.float64]]


class _Memory:
    """What does not depend on the seed is computed once: the core and its exact law."""

    def __init__(self) -> None:
        self.sources: dict[bytes, IntegerInput] = {}
        self.core = cache(CxxrtlCore)
        markov = law.markov.solve, law.markov.isi_pmf
        self.solve, self.isi_pmf = map(self.by_value, markov)

    def by_value(self, compute: Any) -> Any:
        @cache
        def known(neuron: IntegerLIF, key: bytes, *rest: int) -> Any:
            return compute(neuron, self.sources[key], *rest)

        def remembered(neuron: IntegerLIF, source: IntegerInput, *rest: int) -> Any:
            key = source.values.tobytes() + source.probabilities.tobytes()
            self.sources[key] = source
            return known(self.seedless(neuron), key, *rest)

        return remembered

    def engine(self, neuron: IntegerLIF, n: int) -> CxxrtlCore:
        return self.core(self.seedless(neuron), n)

    @staticmethod
    def seedless(neuron: IntegerLIF) -> IntegerLIF:
        assert neuron.rounding != "stochastic"  # or the core would depend on it
        return replace(neuron, seed=1)


def seeded(experiment: Experiment, seed: int) -> Experiment:
    change = msgspec.structs.replace
    floating, core = (change(t, seed=seed) for t in (experiment.reference, experiment.rtl))
    return change(experiment, reference=floating, rtl=core)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Run]]:
    """The checks of every rerun."""
    path = tmp_path_factory.mktemp("alarms") / "small.toml"
    path.write_text(SMALL)
    experiment, memory = load(path), _Memory()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rtl, "CxxrtlCore", memory.engine)
        patch.setattr(law.markov, "solve", memory.solve)
        patch.setattr(law.markov, "isi_pmf", memory.isi_pmf)
        yield [
            verify([seeded(experiment, seed)], lambda text: None).findings.checks
            for seed in range(1, RERUNS + 1)
        ]


def faulty(runs: list[Run], scale: float) -> list[Run]:
    """The same runs, judged with standard errors `scale` times the right ones."""

    def judged(point: Point) -> Point:
        def term(t: Term) -> Term:
            if t.kind != "statistical":
                return t
            counts = t.law == "kolmogorov"  # its size is the number of samples
            return replace(t, size=round(t.size / scale**2) if counts else t.size * scale)

        return replace(point, terms=tuple(map(term, point.terms)))

    return [[replace(c, points=tuple(map(judged, c.points))) for c in run] for run in runs]


def alarms(runs: list[Run], confidence: float) -> int:
    return sum(overall(run, confidence) != "agree" for run in runs)


def most(confidence: float) -> int:
    """The largest number of alarms that is no surprise at ALPHA."""
    return int(stats.binom.isf(ALPHA, RERUNS, 1 - confidence))


def p_values(runs: list[Run], *observables: str) -> PValues:
    """Of every rerun, by stimulus, substrate and observable."""
    found = defaultdict(list)
    for run in runs:
        for check in run:
            if check.observable in observables:
                (point,) = check.points
                found[check.stimulus, check.substrate, check.observable].append(point.p_value)
    assert len(found) == 4 * len(observables)  # two stimuli on two substrates
    return {name: np.array(values) for name, values in found.items()}


def uniformity(runs: list[Run]) -> list[float]:
    """Kolmogorov and Smirnov's p of rate's and CV's p-values, one for each kind."""
    kinds = p_values(runs, "rate", "CV").values()
    return [float(stats.kstest(values, "uniform").pvalue) for values in kinds]


def boldness(runs: list[Run]) -> list[float]:
    """The same, one-sided, of the ISI distribution: small if small p-values are too frequent.

    Intervals are whole steps, and the distance of two discrete distribution functions is smaller
    than Kolmogorov's law says: that is conservative, and allowed.
    """
    kinds = p_values(runs, "ISI distribution").values()
    return [float(stats.kstest(v, "uniform", alternative="greater").pvalue) for v in kinds]


@pytest.mark.parametrize("confidence", [CONFIDENCE, 0.9])
def test_false_alarms_are_as_rare_as_stated(runs: list[Run], confidence: float) -> None:
    assert alarms(runs, confidence) <= most(confidence)


def test_no_run_differs_from_the_integer_model(runs: list[Run]) -> None:
    bits = [c for run in runs for c in run if c.observable.startswith("differences")]
    assert len(bits) == 2 * RERUNS
    assert all(point.measured == 0 for check in bits for point in check.points)


def test_substrates_and_stimuli_are_independent(runs: list[Run]) -> None:
    """They have the same seed, and must not share the noise: no rate tells of another."""
    rates = [[c.points[0].measured for c in run if c.observable == "rate"] for run in runs]
    correlation = np.corrcoef(np.transpose(rates))[np.triu_indices(4, 1)]
    assert np.abs(correlation).max() < stats.norm.isf(ALPHA / 2 / len(correlation)) / RERUNS**0.5


def test_bounds_are_negligible_beside_the_statistics(runs: list[Run]) -> None:
    """A p-value is of what lies beyond the bounds; this moves its distribution only a little.

    A bound of b standard errors moves the distribution function by at most ``b sqrt(2/pi)``; that
    is to stay below a fifth of what `uniformity` can see.
    """
    points = [p for run in runs for c in run for p in c.points if c.observable in ("rate", "CV")]
    shifts = [p.bound / p.statistical.size * (2 / np.pi) ** 0.5 for p in points if p.statistical]
    assert len(shifts) == len(points)
    assert max(shifts) < stats.kstwo.isf(ALPHA, RERUNS) / 5


def test_p_values_are_uniform(runs: list[Run]) -> None:
    assert min(uniformity(runs)) > ALPHA


def test_p_values_of_the_isi_distribution_are_not_too_small(runs: list[Run]) -> None:
    assert min(boldness(runs)) > ALPHA


def test_standard_errors_too_small_are_seen(runs: list[Run]) -> None:
    """By 1.4, as if half of the intervals were independent: wolf is cried, and it shows."""
    bold = faulty(runs, 1 / 1.4)
    assert alarms(bold, 0.9) > most(0.9)
    assert max(uniformity(bold)) < ALPHA
    assert max(boldness(bold)) < ALPHA


def test_budgets_too_wide_are_seen(runs: list[Run]) -> None:
    """Twice too wide: no alarms, and p-values that are far from uniform."""
    timid = faulty(runs, 2.0)
    assert alarms(timid, 0.9) <= most(0.9)
    assert max(uniformity(timid)) < ALPHA
