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
from .monte_carlo import Failed, Response, chips, each, measure, tried
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
    before : tuple of Response or Failed
        Of each chip with its trims at their nominal values.
    spread : Spread
        Predicted, of tau_m, v_rest, v_trip and the rates at the training currents.
    plan : Plan
    calibrated : tuple of Calibrated or Failed
    after : tuple of Response or Failed
        Of each chip with the codes found.
    """

    seeds: tuple[int, ...]
    held_out: tuple[float, ...]
    nominal: Response
    before: tuple[Response | Failed, ...]
    spread: Spread
    plan: Plan
    calibrated: tuple[Calibrated | Failed, ...]
    after: tuple[Response | Failed, ...]

    @property
    def reduction(self) -> np.ndarray:
        """By how much calibration divides the variation of the rate at each held-out current.

        Over the chips that could be measured before and after.
        """
        both = [
            (before, after)
            for before, after in zip(self.before, self.after, strict=True)
            if isinstance(before, Response) and isinstance(after, Response)
        ]
        before, after = (variation(rates(found)) for found in zip(*both, strict=True))
        return np.asarray(before / after)

    @property
    def failures(self) -> dict[int, tuple[str, str]]:
        """Why chips failed, before and after calibration, by seed; "" for a chip that did not."""
        found = zip(self.seeds, self.before, self.after, strict=True)
        reasons = {seed: (_reason(before), _reason(after)) for seed, before, after in found}
        return {seed: both for seed, both in reasons.items() if any(both)}

    def yields(self, window: float) -> tuple[float, float]:
        """Shares of chips, before and after, within a relative `window` of all nominal rates.

        A chip that failed is not.
        """
        nominal = np.array(self.nominal.rates)
        before, after = (
            sum(np.all(np.abs(each.rates / nominal - 1) <= window) for each in working(found))
            for found in (self.before, self.after)
        )
        return float(before / len(self.seeds)), float(after / len(self.seeds))


def working(responses: Sequence[Response | Failed]) -> list[Response]:
    """Those of the chips that could be measured."""
    return [found for found in responses if isinstance(found, Response)]


def _reason(found: Response | Failed) -> str:
    return found.reason if isinstance(found, Failed) else ""


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
    """Predict, measure and calibrate the chips with these seeds; what fails on one is recorded.

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

    def calibrated(chip: AnalogLIF) -> tuple[Calibrated | Failed, Response | Failed]:
        found = tried(lambda chip: calibration.calibrate(chip, plan))(chip)
        return found, found if isinstance(found, Failed) else tried(held)(found.lif)

    spread = predict(lif, trained, matching, workers, tell("predict"))
    plan = calibration.plan(lif, training, spread.only(slice(3, None)), trims)
    nominal = held(lif)
    before = each(tried(held), chips(lif, seeds), workers, tell("measure"))
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
