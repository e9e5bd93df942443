"""The integer neurons of an experiment at one time step, and their input as integers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from ...models.integer.input import IntegerInput
from ...models.integer.lif import IntegerLIF
from ...models.integer.quantise import QuantisedLIF, quantise
from ...models.integer.quantise_loihi import quantise_loihi
from ...models.integer.quantise_spinnaker import quantise_spinnaker
from ...models.integer.quantise_truenorth import quantise_truenorth
from ...models.integer.quantised import Loss, Quantised
from ...models.neuron import LIF
from ...models.stimulus import Poisson, WhiteNoise
from ...models.units import show
from ..experiment import Experiment
from ..substrate_tables import (
    AnyRtlTable,
    LoihiTable,
    RtlTable,
    RuleTable,
    SpiNNakerTable,
    TrueNorthTable,
)
from ..tables import Volt


@dataclass(frozen=True)
class Core:
    """The integer neuron of an experiment at one time step; its input is `delay` steps late.

    `setting` tells it from others of the experiment.
    """

    quantised: Quantised
    delay: int
    setting: str

    @property
    def neuron(self) -> Any:
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

    @property
    def bits(self) -> int:
        """Width of the membrane state."""
        return int(self.neuron.state["v"].width)

    def held(self, mu: float) -> tuple[Quantised, int]:
        """With a constant drive in V: what its registers hold, and the input of each step."""
        made, rest = self.quantised.hold(mu)
        return made, int(made.input_constant(rest)[0].values[0])

    def source(
        self, stimulus: WhiteNoise | Poisson
    ) -> tuple[Quantised, IntegerInput, tuple[Loss, ...]]:
        """Under noise: what its registers hold, the input of one step, and what that loses."""
        made, rest = self.quantised.hold(stimulus.mu)
        if isinstance(stimulus, Poisson):
            return made, *made.input_poisson(rest, stimulus.rates, stimulus.weights)
        if stimulus.sigma == 0:
            return made, *made.input_constant(rest)
        return made, *made.input_white_noise(rest, stimulus.sigma)

    def losses(self) -> dict[str, str]:
        """Wanted and realised parameters, and what integers can represent, in words."""
        made = self.quantised
        values = {
            loss.name: f"{show(loss.wanted, loss.unit)} → {show(loss.got, loss.unit, 6)}"
            for loss in made.lost
        }
        low, high = made.range
        quiet_low, quiet_high = made.dead_zone
        values["LSB"] = show(self.lsb, "V")
        values["range"] = f"{show(low, 'V')} to {show(high, 'V')}"
        values["rounding as a drive"] = show(made.bias, "V", 3)
        values["dead zone"] = (
            f"{show(quiet_low, 'V', 3)} to {show(quiet_high, 'V', 3)}"
            if quiet_low < quiet_high
            else "none"
        )
        headroom = (high - made.ideal.v_rest) / (made.ideal.v_th - made.ideal.v_rest)
        values["highest state over threshold"] = f"{headroom:.3g}"
        for name, span in (("input of a step", made.kicks), ("held drive", made.drives)):
            values[name] = (
                f"{show(span.smallest, 'V', 3)} to {show(span.largest, 'V', 3)},"
                f" {span.decibel:.1f} dB"
            )
        return values


def realise(experiment: Experiment, dt: float, width: int | None = None) -> Core:
    """The integer neuron: quantised from the physical one, or the rule that is stated outright.

    `width` is one of the `widths` of an [rtl]; its own by default.

    Raises
    ------
    ValueError
        Widths that cannot hold the threshold; no [rtl] in the experiment.
    """
    settings = experiment.rtl
    if settings is None:
        raise ValueError(f"{experiment.path}: has no [rtl]")
    setting = f"dt {show(dt, 's')}"
    try:
        if isinstance(settings, RtlTable):
            if settings.rule is not None:
                return _stated(experiment, settings, settings.rule, dt, setting)
            bits = settings.width if width is None else width
            if settings.widths:
                setting += f", {bits} bits"
            lsb = Volt(settings.lsb * 2.0 ** (settings.width - bits))
            settings = msgspec.structs.replace(settings, width=bits, lsb=lsb)
        made = quantiser(settings)(experiment.neuron, dt)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{experiment.path}: [rtl] {error}") from None
    return Core(made, 0, setting)


def quantiser(settings: AnyRtlTable) -> Callable[[LIF, float], Quantised]:
    """What makes integers of a neuron and a time step on the platform of an [rtl]."""
    match settings:
        case LoihiTable():
            return partial(quantise_loihi, lsb=float(settings.lsb), flavour=settings.flavour)
        case TrueNorthTable():
            return partial(
                quantise_truenorth, lsb=float(settings.lsb), width=settings.width,
                mask_bits=settings.mask_bits,
            )  # fmt: skip
        case SpiNNakerTable():
            return partial(quantise_spinnaker, rounding=settings.rounding)
        case RtlTable():
            return partial(_generic, settings=settings)


def every(experiment: Experiment, settings: AnyRtlTable) -> Iterator[Core]:
    """One for each time step and width."""
    widths = settings.widths if isinstance(settings, RtlTable) else ()
    for dt in map(float, settings.dt):
        yield realise(experiment, dt)
        for width in widths:
            yield realise(experiment, dt, width)


def _generic(neuron: LIF, dt: float, settings: RtlTable) -> QuantisedLIF:
    made = quantise(
        neuron, dt, float(settings.lsb), settings.width, leak=settings.leak,
        leak_bits=settings.leak_bits, rounding=settings.rounding, input_width=settings.input_width,
    )  # fmt: skip
    return replace(made, neuron=replace(made.neuron, seed=settings.seed))


def _stated(
    experiment: Experiment, settings: RtlTable, rule: RuleTable, dt: float, setting: str
) -> Core:
    neuron = IntegerLIF(
        settings.width, rule.threshold, rule.v_reset, rule.refractory,
        leak_bits=rule.leak_bits, leak_multiplier=rule.leak_multiplier,
        rounding=settings.rounding, input_width=settings.input_width, seed=settings.seed,
    )  # fmt: skip
    made = QuantisedLIF(neuron, experiment.neuron, dt, float(settings.lsb), rule.gain)
    return Core(made, rule.delay, setting)
