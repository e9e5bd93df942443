# amaranth: UnusedElaboratable=no
"""A network: mean field, the floating-point network, and the network core in RTL.

The rates of the populations are compared, over runs with different connections and Poisson spikes:

* theory: a fixed point of the mean field, with the stationary Fokker-Planck equation at its inputs;
* reference: with the rates that reproduce themselves by the exact law of jumps in steps of dt
  (`network_rates`). What spikes that are neither independent nor Poisson make of them is the model
  term (`models.theory.correlated_input`);
* RTL: bit for bit with the integer network; and with the rate of the reference, times the quotient
  of the rates that theory has for the integers and for the ideal network. By how much the reference
  misses its theory is the model term, as theory leaves out the same in both.

The mean field must have one fixed point, and a stable one: else the rates depend on how the network
starts, or oscillate.
"""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, log, sqrt

import numpy as np

from ...hdl import datapath_cells
from ...hdl.core import Core
from ...models.integer.network import Network, NetworkRun, Synapses
from ...models.integer.quantise_network import QuantisedNetwork, quantise_network
from ...models.reference.network import Projection, simulate
from ...models.theory import correlated_input, fokker_planck, states
from ...models.theory.mean_field import FixedPoint, fixed_points
from ...models.theory.stability import stability
from ...models.units import show
from ..budget import Check, Point, Term
from ..engines.network import CoreNetworkRun, NetworkEngine
from ..findings import Cause, Curve, Explanation, Findings, Row
from ..network_experiment import NetworkExperiment
from ..network_rates import Rates, predict
from ..network_state import network_state
from ..observables import Floats, Ints
from .core import quantiser

Progress = Callable[[str], None]

_UNLIKELY = 1e-12  # that the sums of a core are too narrow for a seed: it would be refused, or seen


def quantised(experiment: NetworkExperiment, seed: int) -> QuantisedNetwork:
    """The network of integers, with the connections of a seed.

    Raises
    ------
    TypeError, ValueError
        What the platform refuses.
    """
    assert experiment.dt is not None and experiment.rtl is not None
    slots = slots_for(experiment)
    return quantise_network(
        *experiment.elements(), experiment.dt, quantiser(experiment.rtl), slots, seed
    )


def slots_for(experiment: NetworkExperiment) -> int:
    """Of sums in the core: its delays are up to one tick less."""
    assert experiment.dt is not None
    ticks = max((link.delay / experiment.dt for link in experiment.projections), default=1)
    return 1 << max(1, round(ticks).bit_length())


@dataclass(frozen=True)
class Bench:
    """An experiment that has all that `preflight` asks for, and its findings so far."""

    experiment: NetworkExperiment
    dt: float
    seconds: float
    transient: float
    seeds: range
    findings: Findings

    @classmethod
    def of(cls, experiment: NetworkExperiment) -> "Bench":
        """Without findings."""
        settings, dt = experiment.run, experiment.dt
        assert settings is not None and dt is not None
        seeds = range(settings.seed, settings.seed + settings.seeds)
        seconds, transient = float(settings.seconds), float(settings.transient)
        return cls(experiment, dt, seconds, transient, seeds, Findings())

    @property
    def steps(self) -> int:
        """Of a run."""
        return round(self.seconds / self.dt)

    @property
    def skipped(self) -> int:
        """Steps of the transient."""
        return round(self.transient / self.dt)

    @property
    def setting(self) -> str:
        """What tells its substrates from others."""
        return f"dt {show(self.dt, 's')}"

    def counted(self, steps: Ints, ids: Ints) -> list[float]:
        """Rates of the populations in Hz, after the transient."""
        assert self.experiment.sizes is not None
        sizes = np.array(self.experiment.sizes)
        population = np.searchsorted(np.cumsum(sizes), ids[steps >= self.skipped], side="right")
        counts = np.bincount(population, minlength=sizes.size)
        return list(counts / (sizes * (self.steps - self.skipped) * self.dt))

    def check(self, observable: str, unit: str, substrate: str, at: str, *points: Point) -> None:
        """Add a check; `at` is a population, or what all of them are called."""
        names = self.experiment.name, at, substrate, self.setting
        self.findings.checks.append(Check(*names, observable, unit, points))

    def rates(self, substrate: str, measured: Floats, predicted: Floats) -> None:
        """Add curves of rates, shape (seeds, populations), and their predictions."""
        seeds = np.array(self.seeds)
        for number, name in enumerate(self.experiment.names):
            where = "rates", self.experiment.name, name, substrate, self.setting
            labels = "seed", "rate (Hz)"
            line = np.full(seeds.size, predicted[number])
            self.findings.curves += [
                Curve(*where, "measured", seeds, measured[:, number], *labels),
                Curve(*where, "predicted", seeds, line, *labels),
            ]


def run(experiment: NetworkExperiment, progress: Progress) -> Findings:
    """Judge the network on every substrate."""
    bench = Bench.of(experiment)
    progress(f"{experiment.name}: theory")
    missed = theory(bench)
    made = quantised(experiment, bench.seeds[0])
    circuit = _circuit(made, bench.steps)
    made = replace(made, network=circuit.network)  # large networks are in memory one at a time
    rates = predict(made)
    progress(f"{experiment.name}: reference")
    reference = reference_rates(bench, rates, missed)
    progress(f"{experiment.name}: RTL")
    _rtl(bench, made, circuit, rates, reference)
    return bench.findings


def theory(bench: Bench) -> Floats:
    """The mean field and what it leaves out, in Hz, for each population."""
    experiment = bench.experiment
    network = replace(experiment.mean_field(), dt=None)
    point = _only_state(experiment, fixed_points(network, 1 / bench.dt))
    if stability(network, point).unstable:
        raise ValueError(
            f"the rates {point.rates.tolist()} Hz are unstable: the network oscillates"
        )
    every = zip(
        experiment.names, experiment.neurons, point.rates, point.mu, point.sigma, strict=True
    )
    for name, neuron, rate, mu, sigma in every:
        found = fokker_planck.stationary(neuron, float(mu), float(sigma))
        terms = (Term("Fokker-Planck grid", "numerical", found.error * found.rate),)
        resolution = experiment.check.rate * found.rate
        at = Point("mean field", float(rate), found.rate, terms, resolution)
        bench.check("rate", "Hz", "theory", name, at)
    return correlated_input.rate_error(network, point)


def _only_state(experiment: NetworkExperiment, points: tuple[FixedPoint, ...]) -> FixedPoint:
    if len(points) > 1:
        rates = "; ".join(", ".join(f"{r:.4g} Hz" for r in each.rates) for each in points)
        raise ValueError(
            f"the mean field has {len(points)} states, at {', '.join(experiment.names)} = {rates}:"
            " the rates depend on how the network starts"
        )
    return points[0]


def reference_rates(bench: Bench, rates: Rates, missed: Floats) -> Floats:
    """Rates in Hz of the floating-point network, shape (seeds, populations)."""
    experiment = bench.experiment
    t_stop = bench.steps * bench.dt
    simulated = partial(simulate, *experiment.elements(), t_stop, bench.dt)
    measured = []
    for seed in bench.seeds:
        done = simulated(seed)
        measured.append(bench.counted(np.rint(done.times / bench.dt).astype(int) - 1, done.ids))
    found = np.array(measured)
    mean, count = found.mean(axis=0), len(bench.seeds)
    error = found.std(axis=0, ddof=1) / np.sqrt(count)
    for k, name in enumerate(experiment.names):
        predicted = float(rates.ideal[k])
        terms = (
            Term(f"{count} seeds", "statistical", float(error[k]), freedom=count - 1),
            Term("predictor", "numerical", float(rates.ideal_error[k]) * predicted),
            Term("spikes not independent, not Poisson", "model", float(missed[k])),
        )
        resolution = experiment.check.rate * predicted
        point = Point(f"mean of {count} runs", float(mean[k]), predicted, terms, resolution)
        bench.check("rate", "Hz", "reference", name, point)
        causes = (stepped(bench, rates, k),)
        where = experiment.name, name, "reference", bench.setting, "rate", "Hz"
        bench.findings.explanations.append(
            Explanation(*where, float(rates.white[k]), causes, float(mean[k]))
        )
    bench.rates("reference", found, rates.ideal)
    return found


def stepped(bench: Bench, rates: Rates, k: int) -> Cause:
    change = float(rates.ideal[k] - rates.white[k])
    return Cause("time step, and finite jumps instead of diffusion", show(bench.dt, "s"), change)


def _rtl(
    bench: Bench, made: QuantisedNetwork, circuit: Core, rates: Rates, reference: Floats
) -> None:
    experiment, n = bench.experiment, circuit.network.n
    engine = NetworkEngine(circuit)
    points, measured, runs = [], [], []
    for seed in bench.seeds:
        done, model = _played(bench, engine, seed)
        at = f"seed {seed}: {done.spikes[0].size} spikes, {model.operations} operations"
        points.append(Point(at, _differences(done, model, n), 0, ()))
        measured.append(bench.counted(*done.spikes))
        runs.append(done.spikes)
    bench.check("differences from the integer network", "", "rtl", "all populations", *points)
    found, count = np.array(measured), len(bench.seeds)
    predicted = reference * (rates.quantised / rates.ideal)  # of each seed
    error = (found - predicted).std(axis=0, ddof=1) / np.sqrt(count)
    correlated = reference.mean(axis=0) / rates.ideal
    numerical = rates.ideal_error + rates.quantised_error
    for k, name in enumerate(experiment.names):
        of_all = float(predicted[:, k].mean())
        terms = (
            Term(f"{count} seeds", "statistical", float(error[k]), freedom=count - 1),
            Term("predictor", "numerical", float(numerical[k]) * of_all),
            Term(
                "the reference misses its theory", "model", abs(float(correlated[k]) - 1) * of_all
            ),
        )
        resolution = experiment.check.rate * of_all
        point = Point(f"mean of {count} runs", float(found[:, k].mean()), of_all, terms, resolution)
        bench.check("rate", "Hz", "rtl", name, point)
        _explain(bench, made, rates, k, float(correlated[k]), point)
    bench.rates("rtl", found, predicted.mean(axis=0))
    _tables(bench, made, rates, found.mean(axis=0) / reference.mean(axis=0) - 1)
    _state(bench, n, runs)


def weight_width(network: Network) -> int:
    """Bits of the weights in a core for this network."""
    largest = int(np.abs(network.synapses.weight).max(initial=1)).bit_length()
    return largest + (len(network.kind.sums) == 1)  # a sign, or two channels


def _circuit(made: QuantisedNetwork, steps: int) -> Core:
    """The core for a network with the connections of any seed; it has no synapses yet.

    Its sums are wide enough for the events and the joint synapses that any seed is likely to have.
    """
    network, words = made.network, max(2, made.network.synapses.weight.size)
    most, joint = network.n + (made.clock is not None), 1
    for rate, axons in made.poisson:
        most += _most(rate * made.dt * axons.size, steps)
    for link in made.projections:
        if isinstance(link.source, Projection):
            pairs = link.source.pre.n * link.source.post.n
            joint = max(joint, _most(link.synapses / pairs, pairs))
    bare = Network(
        network.neurons, network.axons, Synapses([], [], []), network.loop, network.shift,
        network.slots, network.seed,
    )  # fmt: skip
    return Core(bare, "sparse", weight_width(network), 1, most, joint, words, filled=False)


def _most(mean: float, numbers: int) -> int:
    """What none of many Poisson or binomial numbers is likely to exceed: Bernstein's bound."""
    unlikely = log(numbers / _UNLIKELY)
    return ceil(mean + sqrt(2 * mean * unlikely) + unlikely / 3)


def _played(bench: Bench, engine: NetworkEngine, seed: int) -> tuple[CoreNetworkRun, NetworkRun]:
    """The runs of a seed: of the core, and of the integer network."""
    gc.collect()  # a core has references in cycles; that of the seed before may be large
    circuit, made = engine.core, quantised(bench.experiment, seed)
    core = Core(
        made.network, "sparse", circuit.rows.weight.width, 1, circuit.events, circuit.joint,
        len(circuit.contents["weights"]), filled=False,
    )  # fmt: skip
    circuit.contents.update(core.contents)
    done = engine.run_blocks(made.blocks(bench.steps, seed), bench.steps)
    return done, made.network.run_blocks(made.blocks(bench.steps, seed), bench.steps)


def _differences(done: CoreNetworkRun, model: NetworkRun, n: int) -> int:
    """Spikes that differ from the integer network's, counters that do, protocol violations."""
    wanted, got = (spikes[0] * n + spikes[1] for spikes in (model.spikes, done.spikes))
    counters = (done.dropped, done.saturated, done.pending) != (0, model.saturated, 0)
    return (
        len(np.setxor1d(wanted, got))
        + abs(wanted.size - got.size)
        + counters
        + len(done.violations)
    )


def _explain(
    bench: Bench, made: QuantisedNetwork, rates: Rates, k: int, correlated: float, point: Point
) -> None:
    """From mean field to integers; what the reference shows of correlations scales the rest."""
    experiment, own = bench.experiment, made.populations[k]
    weights = ", ".join(
        f"{each.weights[0]} x {show(each.unit, 'V')}"
        for each in made.projections
        if each.source.post is own.population
    )
    stages = [
        ("spikes not independent, not Poisson, as in the reference", f"{correlated - 1:+.2%}",
         rates.ideal * correlated),
        ("weights and drive in integers", weights, rates.input * correlated),
        ("neuron in integers: time constant, levels, refractory time",
         f"{show(own.quantised.lsb, 'V')} per LSB", rates.neuron * correlated),
        ("state rounded in each step", f"as a drive {show(own.quantised.bias, 'V', 3)}",
         rates.quantised * correlated),
    ]  # fmt: skip
    causes, before = [stepped(bench, rates, k)], float(rates.ideal[k])
    for name, size, after in stages:
        causes.append(Cause(name, size, float(after[k]) - before))
        before = float(after[k])
    where = experiment.name, experiment.names[k], "rtl", bench.setting, "rate", "Hz"
    bench.findings.explanations.append(
        Explanation(*where, float(rates.white[k]), tuple(causes), point.measured)
    )


def _tables(bench: Bench, made: QuantisedNetwork, rates: Rates, error: Floats) -> None:
    """What quantisation lost, and the platform beside others."""
    experiment = bench.experiment
    one = made.populations[0].quantised
    facts = {"precision": f"{one.neuron.state['v'].width} bits", "time step": show(bench.dt, "s")}
    for k, (name, each) in enumerate(zip(experiment.names, made.populations, strict=True)):
        lost = {
            loss.name: f"{show(loss.wanted, loss.unit)} → {show(loss.got, loss.unit, 6)}"
            for loss in each.quantised.lost
        }
        lost["largest sum over the largest of the synapses"] = f"{each.headroom:.3g}"
        for link in made.projections:
            if link.source.post is each.population and link.synapses:
                got = show(link.weights[0] * link.unit, "V", 6)
                lost[f"weight {show(float(link.source.weight), 'V')}"] = got  # type: ignore[arg-type]
        row = Row(experiment.name, "rtl", f"{bench.setting}, {name}", lost)
        bench.findings.losses.append(row)
        facts[f"rate error, {name}"] = f"{rates.error[k]:+.3%}"
        facts[f"rate error, {name}, measured"] = f"{error[k]:+.3%}"
    cells = datapath_cells.MEASURED.get(datapath_cells.key(one.neuron))
    facts["cost"] = one.cost + ("" if cells is None else f"; {cells}")
    bench.findings.platforms.append(Row(experiment.name, "rtl", bench.setting, facts))


def _state(bench: Bench, n: int, runs: Sequence[tuple[Ints, Ints]]) -> None:
    """The state of the core's runs beside the theory's, in the table of platforms."""
    network = replace(bench.experiment.mean_field(), dt=None)
    (point,) = fixed_points(network, 1 / bench.dt)
    every = [network_state(*spikes, n, bench.dt, bench.skipped, bench.steps) for spikes in runs]
    found = [each for each in every if each is not None]
    facts = {"state in theory": states.state(network, point), "state": "too few spikes"}
    if found:
        facts["state"] = ", ".join(sorted({each.name for each in found}))
        facts["CV of intervals"] = f"{np.mean([each.cv for each in found]):.3f}"
        squared = np.mean([each.synchrony for each in found])
        facts["synchrony (mean square modulation)"] = f"{squared:.2g}"
    bench.findings.platforms[-1].values.update(facts)
