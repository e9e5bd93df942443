"""One neuron at many speeds: rate times tau_m, CV and the intervals' law in units of tau_m.

In an ideal circuit they are the same at every speed-up. What changes them is predicted at each
speed from what was extracted there: delays and dead time that do not shrink with tau_m, and the
slope factor, which depends on the currents. The products of both speeds are held against each
other, netlist by netlist; the causes are those of the one speed less those of the other.
"""

from math import sqrt

from ..budget import Check, Point, Term, point_error_rate
from ..experiment import Experiment
from ..findings import Cause, Explanation, Findings
from .chip import Chip
from .circuit_renewal import Shape, distance
from .place import Place

CONFIDENCE = 0.999  # with which "holds up to" is said of an experiment by itself

Speed = tuple[Chip, Findings, dict[str, Shape]]


def _ratio(first: Point, other: Point, scale: float) -> Point | None:
    """The quotient of two numbers times `scale`; a bound of each is a bound of the quotient."""
    if not (first.predicted > 0 and other.predicted > 0 and first.measured > 0):
        return None
    predicted = scale * other.predicted / first.predicted
    relative = other.bound / other.predicted + first.bound / first.predicted
    terms = [Term("of both speeds", "model", predicted * relative / (1 - relative))]
    told = [(t, t.size / p.predicted) for p in (first, other) if (t := p.statistical) is not None]
    if told:  # the noise is the same at both, so that this is wider than it need be
        whole = predicted * sqrt(sum(share**2 for _, share in told))
        freedom = min(t.freedom for t, _ in told)
        terms.append(Term("differences at both speeds", "statistical", whole, freedom=freedom))
    resolution = predicted * (
        other.resolution / other.predicted + first.resolution / first.predicted
    )
    at = other.at if other.at == first.at else "both"
    return Point(at, scale * other.measured / first.measured, predicted, tuple(terms), resolution)


def _compared(place: Place, first: Speed, other: Speed, against: str) -> list[Check]:
    checks = []
    before = {(c.stimulus, c.observable): c for c in first[1].checks}
    taus = [chip.extracted.tau_m.value for chip, _, _ in (first, other)]
    for check in other[1].checks:
        if check.observable not in ("rate", "CV"):
            continue
        pairs = zip(before[check.stimulus, check.observable].points, check.points, strict=True)
        is_rate = check.observable == "rate"
        scale = taus[1] / taus[0] if is_rate else 1.0
        points = tuple(p for pair in pairs if (p := _ratio(*pair, scale)) is not None)
        if points:
            what = "rate * tau_m" if is_rate else "CV"
            here = Place(place.experiment, check.stimulus, "spice", place.setting)
            checks.append(here.check(f"{what} over that of {against}", "", points))
    for stimulus, shape in other[2].items():
        base = first[2][stimulus]
        apart = distance(shape.measured, base.measured)
        expected = distance(shape.law, base.law)
        n, m = len(shape.measured), len(base.measured)
        terms = (
            Term("distance of the laws of both speeds", "model", expected),
            Term("intervals of both speeds", "statistical", n * m // (n + m), "kolmogorov"),
        )
        point = Point(f"{n} and {m} intervals", apart, 0.0, terms, 2 * place.experiment.check.isi)
        here = Place(place.experiment, stimulus, "spice", place.setting)
        checks.append(here.check(f"intervals / tau_m against {against}", "", (point,)))
    return checks


def _explained(first: Speed, other: Speed, against: str) -> list[Explanation]:
    found = []
    before = {e.stimulus: e for e in first[1].explanations if e.observable == "rate"}
    tau_0, tau = (chip.extracted.tau_m.value for chip, _, _ in (first, other))
    for e in other[1].explanations:
        if e.observable != "rate" or e.stimulus not in before:
            continue
        base = before[e.stimulus]
        designed = Cause(
            "tau_m as extracted", "times the ideal rate", e.ideal * tau - base.ideal * tau_0
        )
        causes = tuple(
            Cause(
                there.name, f"{here.size}; {there.size}", there.change * tau - here.change * tau_0
            )
            for here, there in zip(base.causes, e.causes, strict=True)
        )
        observable = f"rate * tau_m, from {against}"
        names = (e.experiment, e.stimulus, e.substrate, e.setting, observable, "")
        start = base.predicted * tau_0
        found.append(Explanation(*names, start, (designed, *causes), e.measured * tau))
    return found


def invariance(experiment: Experiment, speeds: list[Speed]) -> Findings:
    """Hold every speed against the first, and say up to which one everything agrees."""
    findings = Findings()
    against = speeds[0][0].setting
    for other in speeds[1:]:
        place = Place(experiment, "", "spice", other[0].setting)
        findings.checks += _compared(place, speeds[0], other, against)
        findings.explanations += _explained(speeds[0], other, against)
    checks = [*(c for _, found, _ in speeds for c in found.checks), *findings.checks]
    rate = point_error_rate(checks, CONFIDENCE)
    holds = None
    for chip, _, _ in sorted(speeds, key=lambda speed: speed[0].lif.speed_up):
        here = [c for c in checks if c.setting == chip.setting]
        if any(c.verdict(rate) != "agree" for c in here):
            break
        holds = chip
    if len(speeds) > 1:
        text = "none" if holds is None else f"{holds.lif.speed_up:g}"
        place = Place(experiment, "", "spice", "all speeds")
        findings.scaling.append(place.row({"every prediction holds up to speed-up": text}))
    return findings
