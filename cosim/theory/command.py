"""The predictions of ``rheobase theory`` and their options, as a table; and how one is run.

A prediction ``name`` is the function of that name in one of `single`, `synapses`, `population`,
`given` and `chain`, which is imported when it is asked for. It takes the options, converted to SI,
and returns a `Result`.
"""

import argparse
import sys
import warnings
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ...models.units import parse

NUMBER, WHOLE, FILE, WORD, FLAG = "number", "whole number", "file", "word", "flag"
_SHOWN = {"V": "VOLTAGE", "s": "TIME", "Hz": "FREQUENCY", "A": "CURRENT", "F": "CAPACITANCE",
          NUMBER: "X", WHOLE: "N", FILE: "FILE", WORD: "NAME"}  # fmt: skip


EPILOG = (
    'Quantities have units, "15 mV", and negative ones that space; where several may stand, so may'
    ' a range, "10 mV..30 mV:41".'
)


@dataclass(frozen=True)
class Option:
    """An option; `kind` is an SI unit, or `NUMBER`, `WHOLE`, `FILE`, `WORD`, `FLAG`.

    `default` is what a user would write; None with `required` False leaves the option out.
    """

    name: str
    kind: str
    help: str
    default: str | None = None
    required: bool = False
    many: bool = False
    choices: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        """Its attribute in the namespace."""
        return self.name.lstrip("-").replace("-", "_")

    def read(self, text: Any) -> Any:
        """What the user wrote, in SI units."""
        if text is None or self.kind in (FILE, WORD, FLAG):
            return text
        try:
            if self.many:
                return [value for item in text for value in self._values(item)]
            return self._value(text)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None

    def _values(self, item: str) -> list[float]:
        """One value, or ``FROM..TO:COUNT`` of equal spacing."""
        if ".." not in item:
            return [self._value(item)]
        start, _, rest = item.partition("..")
        stop, _, count = rest.rpartition(":")
        if not count.strip().isdecimal() or int(count) < 2:
            raise ValueError(f'{item!r} is no range: write "FROM..TO:COUNT", COUNT at least 2')
        low, high, last = self._value(start), self._value(stop), int(count) - 1
        return [low + (high - low) * k / last for k in range(last)] + [high]

    def _value(self, text: str) -> Any:
        if self.kind not in (NUMBER, WHOLE):
            return parse(text, self.kind)
        try:
            return int(text) if self.kind == WHOLE else float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a {self.kind}") from None


@dataclass(frozen=True)
class Prediction:
    """A line of the table."""

    name: str
    module: str
    help: str
    options: tuple[Option, ...]


def _range(name: str, kind: str, text: str, **how: Any) -> Option:
    return Option(name, kind, text, many=True, **how)


NEURON = Option(
    "--neuron", FILE,
    "the [neuron] of this TOML file or built-in experiment, such as fi-curve, Brunel's",
    "fi-curve",
)  # fmt: skip
OTHER_NEURON = replace(NEURON, default=None, required=True)
QIF_NEURON = replace(OTHER_NEURON, help='TOML file whose [neuron] has kind = "QIF"')
CONDUCTANCE_NEURON = replace(OTHER_NEURON, help='TOML file whose [neuron] has kind = "conductance"')
MUS = _range("--mu", "V", "drive R I", required=True)
SIGMAS = _range("--sigma", "V", "noise; the free membrane has variance sigma**2 / 2", default="0 V")
NOISE = replace(SIGMAS, default=None, required=True)
MU = Option("--mu", "V", "drive R I", required=True)
NO_MU = _range("--mu", "V", "constant drive R I beside the spikes", default="0 V")
SIGMA = Option("--sigma", "V", "noise; the free membrane has variance sigma**2 / 2", required=True)
STEP = Option("--dt", "s", "exactly for a simulation in steps of this length")
TAU_S = Option("--tau-s", "s", "time constant of coloured noise")
FREQUENCIES = _range("--frequency", "Hz", "frequency (default: 60 from 1 Hz to 1 kHz)")
RATES = Option("--rates", "Hz", "summed rate of each kind of synapse", required=True, many=True)
WEIGHTS = Option("--weights", "V", "jump of each kind; < 0 inhibits", required=True, many=True)
NETWORK = Option("file", FILE, "network file, or ei-network or brunel-network", required=True)
POINT = Option("--point", WHOLE, "number of the fixed point, as `network` lists them", "1")
MAX_RATE = Option("--max-rate", "Hz", "upper end of the search; needed where a t_ref is 0")
CONDUCTANCES = (
    CONDUCTANCE_NEURON,
    Option("--weight-e", NUMBER, "fraction of the way to e_e that an event moves V", required=True),
    Option("--weight-i", NUMBER, "the same, to e_i", "0.01"),
)
RATE_E = Option("--rate-e", "Hz", "rate of excitatory events", required=True)
RATE_I = Option("--rate-i", "Hz", "rate of inhibitory events", "0 Hz")
INTEGER = (
    NEURON,
    Option("--dt", "s", "time step", required=True),
    Option("--lsb", "V", "voltage of one integer", required=True),
    Option("--width", WHOLE, "bits of the state", required=True),
    Option("--sigma", "V", "white noise", "0 V"),
    replace(RATES, required=False, help="of Poisson synapses, in place of --sigma"),
    replace(WEIGHTS, required=False),
    Option("--leak", WORD, "", "multiply", choices=("multiply", "shift")),
    Option("--leak-bits", WHOLE, "of the multiplier", "16"),
    Option(
        "--rounding", WORD, "", "nearest",
        choices=("floor", "nearest", "stochastic", "truncate"),
    ),
    Option("--reset", WORD, "", "value", choices=("value", "subtract")),
    Option("--input-width", WHOLE, "bits of the input", "16"),
)  # fmt: skip

PREDICTIONS = (
    Prediction(
        "rate", "single", "firing rate under white noise (LIF, EIF, QIF)",
        (NEURON, MUS, SIGMAS, STEP, TAU_S),
    ),
    Prediction("log-rate", "single", "logarithm of the rate, where it underflows, too",
               (NEURON, MUS, SIGMAS, TAU_S)),
    Prediction("cv", "single", "coefficient of variation of the interval (LIF, EIF)",
               (NEURON, MUS, SIGMAS, STEP)),
    Prediction("slopes", "single", "derivatives of the rate by drive and noise",
               (NEURON, MUS, SIGMAS)),
    Prediction("drive", "single", "the drive at which the neuron fires at a given rate",
               (NEURON, _range("--rate", "Hz", "rate", required=True), SIGMAS)),
    Prediction(
        "isi", "single", "distribution of the inter-spike interval (first passage)",
        (NEURON, MU, SIGMA, _range("--t", "s", "intervals (default: 200 up to 4 means)"), STEP),
    ),
    Prediction(
        "isi-laplace", "single", "Laplace transform of that distribution at s + 2 pi i f",
        (NEURON, MU, SIGMA, FREQUENCIES, Option("--s", "Hz", "real part, per second", "0 Hz")),
    ),
    Prediction(
        "susceptibility", "single", "linear response of the rate to a modulation (LIF, EIF)",
        (NEURON, MU, SIGMA, FREQUENCIES,
         Option("--of", WORD, "what is modulated", "drive",
                choices=("drive", "noise"))),
    ),
    Prediction("density", "single", "stationary density of the membrane (LIF, EIF)",
               (NEURON, MU, SIGMA, STEP)),
    Prediction(
        "step-response", "single", "rate over time after a step of the input (LIF, EIF)",
        (NEURON, MU, SIGMA,
         Option("--mu-to", "V", "drive after the step (default: no change)"),
         Option("--sigma-to", "V", "noise after the step (default: no change)"),
         Option("--duration", "s", "(default: 5 tau_m)"),
         Option("--steps", WHOLE, "time steps", "250")),
    ),
    Prediction(
        "shot-noise", "synapses", "rate under Poisson spikes of exponentially distributed jumps",
        (NEURON,
         replace(RATE_E, many=True),
         Option("--jump-e", "V", "their mean jump", required=True),
         replace(RATE_I, many=True),
         Option("--jump-i", "V", "their mean jump, <= 0", "0 V"), NO_MU),
    ),
    Prediction("fixed-jumps", "synapses", "exact rate under Poisson spikes of fixed jumps",
               (NEURON, RATES, WEIGHTS, NO_MU, STEP)),
    Prediction("diffusion-validity", "synapses", "what taking such spikes as white noise costs",
               (NEURON, RATES, WEIGHTS, TAU_S)),
    Prediction("conductance", "synapses", "rate with conductance synapses, by three theories",
               (*CONDUCTANCES, replace(RATE_E, many=True), replace(RATE_I, many=True), NO_MU)),
    Prediction(
        "conductance-curve", "synapses", "rate under steady conductances",
        (CONDUCTANCE_NEURON, MUS,
         _range("--g-e", NUMBER, "excitatory, in units of the leak's", default="0"),
         _range("--g-i", NUMBER, "inhibitory", default="0")),
    ),
    Prediction("conductance-density", "synapses", "density with conductance synapses",
               (*CONDUCTANCES, RATE_E, RATE_I, replace(NO_MU, many=False))),
    Prediction(
        "qif-population", "population", "states of a QIF population (exact mean field)",
        (QIF_NEURON, MUS,
         Option("--delta", "V", "half-width of the drives' Lorentzian", required=True),
         Option("--coupling", "V", "J; < 0 inhibits", required=True)),
    ),
    Prediction(
        "qif-evolve", "population", "rate and mean voltage of a QIF population over time",
        (QIF_NEURON, MU,
         Option("--delta", "V", "half-width of the drives' Lorentzian", required=True),
         Option("--coupling", "V", "J; < 0 inhibits", required=True),
         Option("--rate", "Hz", "at time 0", "0 Hz"),
         Option("--voltage", "V", "mean, at time 0", "0 V"),
         Option("--duration", "s", "", required=True),
         Option("--steps", WHOLE, "times", "250")),
    ),
    Prediction(
        "network", "population", "fixed points of a network, their stability, frequency and state",
        (NETWORK, MAX_RATE,
         Option("--relax", FLAG, "only the one that the rates reach from 0 (many populations)")),
    ),
    Prediction("loop-gain", "population", "gain around the loop of a network, over frequency",
               (NETWORK, MAX_RATE, POINT, FREQUENCIES)),
    Prediction("finite-size", "population", "spectra of a finite network's rates",
               (NETWORK, MAX_RATE, POINT, FREQUENCIES)),
    Prediction("balanced", "population", "rates at which a network's input cancels", (NETWORK,)),
    Prediction(
        "brunel", "population", "state of Brunel's network",
        (_range("--g", NUMBER, "inhibitory over excitatory weight", required=True),
         _range("--eta", NUMBER, "external rate over that at threshold", required=True),
         Option("--weight", "V", "J", "0.1 mV"),
         Option("--in-degree", WHOLE, "excitatory synapses", "1000"),
         Option("--delay", "s", "", "1.5 ms")),
    ),
    Prediction(
        "spikes", "given", "spikes under the input spikes or the recorded current of an experiment",
        (Option("file", FILE, "experiment, such as published-trace", required=True),
         Option("--stimulus", WORD, "its name (default: the first)"), STEP),
    ),
    Prediction(
        "measured-leak", "given", "rate of a membrane whose leak current is a table",
        (Option("file", FILE, "CSV: voltage in V, current into the membrane in A", required=True),
         Option("--c-m", "F", "capacitance", required=True),
         Option("--v-th", "V", "threshold", required=True),
         Option("--v-reset", "V", "reset", required=True),
         Option("--t-ref", "s", "dead time", "0 s"),
         Option("--current", "A", "drive", required=True, many=True)),
    ),
    Prediction("integer", "chain", "rate and CV of a quantised neuron, exactly",
               (*INTEGER, MUS)),
    Prediction(
        "integer-isi", "chain", "distribution of its inter-spike interval",
        (*INTEGER, MU, Option("--steps", WHOLE, "longest interval (default: 4 means)")),
    ),
    Prediction("integer-density", "chain", "stationary distribution of its state", (*INTEGER, MU)),
    Prediction(
        "integer-correlation", "chain", "serial correlation of its intervals",
        (*INTEGER, MU, Option("--lags", WHOLE, "", "5")),
    ),
    Prediction(
        "integer-synapse", "chain", "rate and CV behind a decaying integer synaptic current",
        (*INTEGER, MUS, Option("--tau-s", "s", "time constant of the current", required=True),
         Option("--current-width", WHOLE, "bits of the current", required=True)),
    ),
)  # fmt: skip


def add_predictions(theory: argparse.ArgumentParser) -> None:
    """Give `theory` a sub-command for each prediction."""
    theory.epilog = EPILOG
    commands = theory.add_subparsers(dest="prediction", required=True, metavar="PREDICTION")
    for prediction in PREDICTIONS:
        command = commands.add_parser(
            prediction.name, help=prediction.help, description=prediction.help, epilog=EPILOG
        )
        for option in prediction.options:
            if option.kind == FLAG:
                command.add_argument(option.name, action="store_true", help=option.help)
                continue
            default = f"(default: {option.default})" if option.default else ""
            text = f"{option.help} {default}" if option.help else default
            how: dict[str, Any] = {"help": text, "choices": option.choices}
            if option.name.startswith("--"):
                how |= {"required": option.required, "dest": option.key}
            if option.many:
                how |= {"nargs": "+", "default": option.default and [option.default]}
            else:
                how |= {"default": option.default}
            if option.choices is None:
                how |= {"metavar": _SHOWN[option.kind]}
            command.add_argument(option.name, **how)
        command.add_argument("--json", action="store_true", help="print JSON, in SI units")
        command.add_argument("--plot", type=Path, metavar="FILE", help="write svg, png or pdf")
        command.set_defaults(chosen=prediction)


def run(args: argparse.Namespace) -> int:
    """Make a prediction, draw it if asked to, and print it; what it warns of goes to stderr."""
    from .result import plot, table, to_json

    chosen: Prediction = args.chosen
    values = {o.key: o.read(getattr(args, o.key)) for o in chosen.options}
    predict = getattr(
        import_module(f".{chosen.module}", __package__), chosen.name.replace("-", "_")
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = predict(argparse.Namespace(**values))
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"rheobase theory {chosen.name}: warning: {text}", file=sys.stderr)
    if args.plot is not None:
        plot(result, args.plot)
    print(to_json(chosen.name, result) if args.json else table(result))
    return 0
