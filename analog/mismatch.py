"""What mismatch does to a design, and what calibration leaves of it: the numbers of a report.

`study` predicts the spread of a neuron circuit from Pelgrom's law, draws chips, measures them,
calibrates each one at the training currents and measures it again at other, held-out currents.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from . import calibration
from .calibration import Calibrated, Plan
from .lif import AnalogLIF
from .monte_carlo import Response, chips, each, measure
from .sensitivity import Matching, Spread, predict


@dataclass(frozen=True, eq=False)
class Study:
    """Responses of many chips before and after calibration.

    Parameters
    ----------
    seeds : tuple of int
    held_out : tuple of float
        Currents in A of the responses' rates.
    nominal : Response
        Of the design, without mismatch.
    before : tuple of Response
        Of each chip with its trims at their nominal values.
    spread : Spread
        Predicted, of tau_m, v_rest, v_trip and the rates at the training currents.
    plan : Plan
    calibrated : tuple of Calibrated
    after : tuple of Response
        Of each chip with the codes found.
    """

    seeds: tuple[int, ...]
    held_out: tuple[float, ...]
    nominal: Response
    before: tuple[Response, ...]
    spread: Spread
    plan: Plan
    calibrated: tuple[Calibrated, ...]
    after: tuple[Response, ...]

    @property
    def reduction(self) -> np.ndarray:
        """By how much calibration divides the variation of the rate at each held-out current."""
        return variation(rates(self.before)) / variation(rates(self.after))

    def yields(self, window: float) -> tuple[float, float]:
        """Shares of chips, before and after, within a relative `window` of all nominal rates."""
        nominal = np.array(self.nominal.rates)
        before, after = (
            float((np.abs(rates(found) / nominal - 1) <= window).all(axis=1).mean())
            for found in (self.before, self.after)
        )
        return before, after


def rates(responses: Sequence[Response]) -> np.ndarray:
    """Rates in Hz, shape (chips, currents)."""
    return np.array([response.rates for response in responses])


def variation(samples: np.ndarray) -> np.ndarray:
    """Coefficient of variation over the first axis: standard deviation over mean."""
    return np.asarray(samples.std(axis=0, ddof=1) / samples.mean(axis=0))


def study(
    lif: AnalogLIF,
    training: Sequence[float],
    held_out: Sequence[float],
    trims: Sequence[str],
    seeds: Sequence[int],
    matching: Matching,
    workers: int = 2,
    progress: Callable[[str, int], None] | None = None,
) -> Study:
    """Predict, measure and calibrate the chips with these seeds.

    Parameters
    ----------
    lif : AnalogLIF
        The design, without a seed.
    training, held_out : sequence of float
        Currents in A at which chips are calibrated, and judged.
    trims : sequence of str
        Fields of AnalogLIF to trim; see `rheobase.analog.calibration.plan`.
    seeds : sequence of int
    matching : Matching
    workers : int
    progress : callable, optional
        Called with ``predict``, ``measure`` or ``calibrate`` and the number of circuits done in it.
    """

    def tell(stage: str) -> Callable[[int], None] | None:
        return None if progress is None else lambda done: progress(stage, done)

    def trained(circuit: AnalogLIF) -> np.ndarray:
        return measure(circuit, training).values

    def held(circuit: AnalogLIF) -> Response:
        return measure(circuit, held_out)

    def calibrated(chip: AnalogLIF) -> tuple[Calibrated, Response]:
        found = calibration.calibrate(chip, plan)
        return found, held(found.lif)

    spread = predict(lif, trained, matching, workers, tell("predict"))
    plan = calibration.plan(lif, training, spread.only(slice(3, None)), trims)
    nominal, *before = each(held, [lif, *chips(lif, seeds)], workers, tell("measure"))
    found = each(calibrated, chips(lif, seeds), workers, tell("calibrate"))
    return Study(
        seeds=tuple(seeds),
        held_out=tuple(held_out),
        nominal=nominal,
        before=tuple(before),
        spread=spread,
        plan=plan,
        calibrated=tuple(codes for codes, _ in found),
        after=tuple(response for _, response in found),
    )
