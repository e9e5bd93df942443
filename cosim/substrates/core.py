"""The integer neuron of an experiment at one time step, and its input as integers."""

from dataclasses import dataclass, replace

from ...models.integer.input import IntegerInput
from ...models.integer.lif import IntegerLIF
from ...models.integer.quantise import QuantisedLIF, quantise
from ...models.stimulus import Poisson, WhiteNoise
from ...models.units import show
from ..experiment import Experiment


@dataclass(frozen=True)
class Core:
    """The integer neuron of an experiment at one time step; its input is `delay` steps late."""

    quantised: QuantisedLIF
    delay: int

    @property
    def neuron(self) -> IntegerLIF:
        """The integers."""
        return self.quantised.neuron

    @property
    def lsb(self) -> float:
        """V per LSB."""
        return self.quantised.lsb

    @property
    def dt(self) -> float:
        """Seconds per step."""
        return self.quantised.dt

    def held(self, mu: float) -> int:
        """Integer input of a constant drive in V."""
        return round(self.quantised.drive(mu))

    def source(self, stimulus: WhiteNoise | Poisson) -> IntegerInput:
        """Distribution of the integer input of one step under noise."""
        if isinstance(stimulus, Poisson):
            weights, mu = stimulus.weights, stimulus.mu
            return self.quantised.input_poisson(mu, stimulus.rates, weights)[0]
        if stimulus.sigma == 0:
            return self.quantised.input_constant(stimulus.mu)[0]
        return self.quantised.input_white_noise(stimulus.mu, stimulus.sigma)[0]

    def losses(self) -> dict[str, str]:
        """Wanted and realised parameters, in words."""
        values = {
            loss.name: f"{show(loss.wanted, loss.unit)} → {show(loss.got, loss.unit, 6)}"
            for loss in self.quantised.lost
        }
        low, high = self.quantised.range
        values["LSB"] = show(self.lsb, "V")
        values["range"] = f"{show(low, 'V')} to {show(high, 'V')}"
        return values


def realise(experiment: Experiment, dt: float) -> Core:
    """The integer neuron: quantised from the physical one, or the rule that is stated outright.

    Raises
    ------
    ValueError
        Widths that cannot hold the threshold; no [rtl] in the experiment.
    """
    settings, ideal = experiment.rtl, experiment.neuron
    if settings is None:
        raise ValueError(f"{experiment.path}: has no [rtl]")
    lsb, rule = float(settings.lsb), settings.rule
    try:
        if rule is None:
            quantised = quantise(
                ideal, dt, lsb, settings.width, leak=settings.leak, leak_bits=settings.leak_bits,
                rounding=settings.rounding, input_width=settings.input_width,
            )  # fmt: skip
            neuron = replace(quantised.neuron, seed=settings.seed)
            return Core(replace(quantised, neuron=neuron), 0)
        neuron = IntegerLIF(
            settings.width, rule.threshold, rule.v_reset, rule.refractory,
            leak_bits=rule.leak_bits, leak_multiplier=rule.leak_multiplier,
            rounding=settings.rounding, input_width=settings.input_width, seed=settings.seed,
        )  # fmt: skip
        return Core(QuantisedLIF(neuron, ideal, dt, lsb, rule.gain), rule.delay)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{experiment.path}: [rtl] {error}") from None
