"""Calibrate chips one by one: codes of trim DACs from measured rates, as a tester finds them.

Every chip has up to three trims: DACs that add to a bias current or a reference, and that mismatch
like everything else. `plan` knows the design only: the nominal rates are the targets, the predicted
spread of the rates says how far each trim must reach, and the nominal circuit how the rates answer.
`calibrate` sees of a chip nothing but its rates at the training currents. With x the codes, r(x)
the relative errors of the rates and J their derivative by the codes, it repeats

    x <- round(x - J**+ r),    J <- J + (dr - J dx) dx^T/|dx|**2     (Broyden 1965, a secant step)

until the codes stay or were tried before, and keeps the codes with the smallest sum of
``(r/spread)**2``. Of rounding alone remains per trim ``2 reach/(2**bits sqrt(12))`` of its spread:
a 28th for a reach of 4 standard deviations and 6 bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .lif import AnalogLIF
from .monte_carlo import rate
from .sensitivity import Spread

BITS = 6
ROUNDS = 8
"""Most measurements of the training rates of one chip."""

_NUDGE = 0.02  # of a bias current, or of U_T: step of a trim for the nominal derivatives


@dataclass(frozen=True)
class Trim:
    """A binary-weighted DAC that sets a parameter of the circuit, as `cells.current_dac` is one.

    The parameter is ``lowest + lsb (1 + g) sum_k b_k (2**k + sqrt(2**k) e_k)`` for the bits b_k of
    the code: 2**k unit transistors per bit, a reference and an output mirror that scale all. The
    relative errors are normal: e_k with `unit_sd`, g with ``sqrt(2) unit_sd``: a reference as large
    as a unit, and the two transistors of the mirror, which are twice as large.

    Parameters
    ----------
    parameter : str
        A field of AnalogLIF: a bias current in A or a reference in V.
    lowest, lsb : float
        At code 0, and per step of an ideal DAC.
    unit_sd : float
        Relative standard deviation of one unit's current.
    """

    parameter: str
    lowest: float
    lsb: float
    unit_sd: float

    def value(self, code: int, seed: int) -> float:
        """The parameter on the chip with this seed."""
        bits = 2 ** np.arange(BITS)
        errors = np.random.default_rng([seed, *self.parameter.encode()]).standard_normal(BITS + 1)
        weights = bits + np.sqrt(bits) * self.unit_sd * errors[:BITS]
        gain = 1 + np.sqrt(2) * self.unit_sd * errors[BITS]
        return float(self.lowest + self.lsb * gain * weights[(code & bits) != 0].sum())


@dataclass(frozen=True, eq=False)
class Plan:
    """What the tester knows before it sees a chip.

    Parameters
    ----------
    currents, targets, spreads : ndarray, shape (n,)
        Training currents in A, the nominal circuit's rates in Hz, their relative spread.
    trims : tuple of Trim, at most n
    response : ndarray, shape (n, trims)
        Relative change of the nominal rates per code.
    """

    currents: np.ndarray
    targets: np.ndarray
    spreads: np.ndarray
    trims: tuple[Trim, ...]
    response: np.ndarray


@dataclass(frozen=True)
class Calibrated:
    """A chip with its trims set: the codes, the circuit, and the number of rates measured."""

    codes: tuple[int, ...]
    lif: AnalogLIF
    measurements: int


def plan(
    lif: AnalogLIF,
    currents: Sequence[float],
    spread: Spread,
    parameters: Sequence[str],
    unit_sd: float = 0.05,
    reach: float = 4.0,
) -> Plan:
    """Ranges of the trims and how the rates answer to them, from the nominal design.

    Parameters
    ----------
    lif : AnalogLIF
        The design, without a seed.
    currents : sequence of float
        Training currents in A, at least as many as trims.
    spread : Spread
        Of the rates at `currents`.
    parameters : sequence of str
        Fields of AnalogLIF to trim, at most three.
    unit_sd : float
        Relative standard deviation of a DAC's unit current, ``A_VT/(n U_T sqrt(2 W L))``: 5 % for a
        unit of 2 um by 2 um at 5 mV um.
    reach : float
        Half of each trim's range, in standard deviations of what the chips need of it.

    Raises
    ------
    ValueError
        There are more than three trims, or more trims than currents, or a rate is zero.
    """
    if not 1 <= len(parameters) <= min(3, len(currents)):
        raise ValueError(
            f"parameters must name 1 to 3 trims, no more than currents, not {tuple(parameters)!r}"
        )
    if spread.nominal.shape != (len(currents),) or not np.all(spread.nominal > 0):
        raise ValueError(f"spread must be that of rates > 0 Hz at {len(currents)} currents")
    slopes = np.empty((len(currents), len(parameters)))  # relative, per unit of the parameter
    for k, name in enumerate(parameters):
        middle = getattr(lif, name)
        step = _NUDGE * (middle if name.startswith("i_") else lif.technology.thermal_voltage)
        ends = [_with(lif, {name: middle + x * step}) for x in (-1, 1)]
        low, high = (np.array([rate(end, current) for current in currents]) for end in ends)
        slopes[:, k] = (high - low) / (2 * step * spread.nominal)
    needed = np.linalg.pinv(slopes) @ (spread.contributions / spread.nominal[:, None])
    half = reach * np.sqrt((needed**2).sum(1))
    lsb = 2 * half / (2**BITS - 1)
    trims = tuple(
        Trim(name, getattr(lif, name) - h, s, unit_sd)
        for name, h, s in zip(parameters, half.tolist(), lsb.tolist(), strict=True)
    )
    relative = spread.first / spread.nominal
    return Plan(np.array(currents), spread.nominal, relative, trims, slopes * lsb)


def apply(chip: AnalogLIF, trims: Sequence[Trim], codes: Sequence[int]) -> AnalogLIF:
    """`chip` (which has a seed) with its trims set to these codes."""
    seed = chip.technology.seed
    if seed is None:
        raise ValueError("chip must have a seed of mismatch: the design itself has no trims")
    values = {t.parameter: t.value(code, seed) for t, code in zip(trims, codes, strict=True)}
    return _with(chip, values)


def _with(lif: AnalogLIF, values: dict[str, Any]) -> AnalogLIF:
    return replace(lif, **values)


def calibrate(chip: AnalogLIF, plan: Plan) -> Calibrated:
    """Find the codes of one chip from its rates at the training currents."""
    most = 2**BITS - 1
    response = plan.response.copy()
    codes = np.full(len(plan.trims), (most + 1) // 2)
    seen: dict[tuple[int, ...], np.ndarray] = {}
    before = None
    while len(seen) < ROUNDS and tuple(codes.tolist()) not in seen:
        lif = apply(chip, plan.trims, codes.tolist())
        errors = np.array([rate(lif, i) for i in plan.currents.tolist()]) / plan.targets - 1
        if before is not None:
            step = codes - before
            missed = errors - seen[tuple(before.tolist())] - response @ step
            response += np.outer(missed, step) / (step @ step)
        seen[tuple(codes.tolist())] = errors
        before = codes
        step = -np.linalg.pinv(response) @ errors
        codes = np.clip(np.rint(codes + step), 0, most).astype(int)
    best = min(seen, key=lambda tried: float(np.sum((seen[tried] / plan.spreads) ** 2)))
    return Calibrated(best, apply(chip, plan.trims, best), len(seen) * len(plan.currents))
