"""A transistor neuron at constant drives: its f-I curve, and the range over which that is ideal.

Rates are held against the quadrature over the extracted leak; the causes of what sets one apart
from the ideal neuron's are told one by one.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import log10

import numpy as np

from ...analog.simulate import simulate
from ...models.neuron import LIF
from ...models.stimulus import Constant
from ...models.theory import siegert
from ...models.units import show
from ..budget import Point, Term
from ..experiment import Experiment, NamedStimulus
from ..findings import Curve, Explanation, Findings
from ..observables import Floats
from .chip import WORKERS, Chip
from .place import Place, decibel, grid, scaling, span, within

INTERVALS = 2  # of a constant drive
AROUND = np.arange(-3, 3)  # drives about the lower end of the dynamic range that are measured
TANH_WITHIN_10_PERCENT = 0.568  # tanh(x) / x = 0.9


def _rate(spikes: Floats) -> float:
    """Rate in Hz of the intervals after the first spike."""
    return (len(spikes) - 1) / (spikes[-1] - spikes[0]) if len(spikes) > 1 else 0.0


def _duration(chip: Chip, predicted: float) -> float:
    """Chip seconds for INTERVALS intervals after the first passage, or five tau_m of silence."""
    return (INTERVALS + 2) / predicted if predicted > 0 else 5 * chip.lif.tau_m


def constant(
    experiment: Experiment, played: NamedStimulus, stimulus: Constant, chip: Chip
) -> Findings:
    lif, neuron = chip.lif, experiment.neuron
    place = Place(experiment, played.name, "spice", chip.setting)
    currents = [lif.current(mu) for mu in stimulus.mu]
    predicted = [(chip.rate(current), chip.terms(current)) for current in currents]

    def simulated(job: tuple[float, float, float]) -> float:
        current, rate, coarseness = job
        step = min(lif.tau_m, 1 / rate if rate > 0 else lif.tau_m) / 100 * coarseness
        return _rate(simulate(lif, current, _duration(chip, rate), t_max=step).spike_times)

    jobs = [
        (current, rate, coarseness)
        for current, (rate, _) in zip(currents, predicted, strict=True)
        for coarseness in (1.0, 2.0)
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        rates = np.array(list(pool.map(simulated, jobs))).reshape(-1, 2)
    points = []
    for mu, (rate, terms), (fine, coarse) in zip(stimulus.mu, predicted, rates, strict=True):
        step = Term("time step of ngspice", "numerical", abs(fine - coarse))
        terms = (*terms, step) if rate > 0 else ()
        points.append(Point(show(mu, "V"), fine, rate, terms, experiment.check.rate * rate))
    drives = np.array(stimulus.mu)
    names = (experiment.name, played.name, "spice", f"{chip.setting}, per biological second")
    per_second = rates[:, 0] / lif.speed_up
    labels = ("drive R I (mV)", "rate (Hz)")
    curve = Curve("f-I", *names, "measured", 1e3 * drives, per_second, *labels)
    findings = Findings(checks=[place.check("rate", "Hz", tuple(points))], curves=[curve])
    findings.scaling.append(scaling(place, drives, rates[:, 0], lif.tau_m))
    findings.add(_dynamic_range(place, stimulus, chip, simulated))
    nearest = int(np.argmin(np.abs(drives - 1.2 * (neuron.v_th - neuron.v_rest))))
    if predicted[nearest][0] > 0:
        findings.explanations.append(
            _explain(place, chip, float(drives[nearest]), rates[nearest, 0])
        )
    return findings


def _dynamic_range(
    place: Place, stimulus: Constant, chip: Chip,
    simulated: Callable[[tuple[float, float, float]], float],
) -> Findings:  # fmt: skip
    """Drives over which the rate follows the ideal neuron, predicted and measured, and swings.

    Predicted on a fine grid; measured on some of its drives, on which the prediction is taken
    again: those around the lower predicted end, and a few from there on. The budget is what the
    range would be if all rates were off by their terms.
    """
    experiment, lif = place.experiment, chip.lif
    neuron, error = experiment.neuron, experiment.check.range_error
    scan = grid(neuron, stimulus.mu)
    scanned = np.array([chip.rate(lif.current(float(mu))) for mu in scan])
    whole = siegert.fi_curve(neuron, scan) * lif.speed_up
    range_ = within(scan, scanned, whole, error)
    ends = span(scan, scanned, whole, error)
    low = 0 if ends is None else int(np.searchsorted(scan, ends[0]))
    chosen = np.unique(
        np.concatenate((low + AROUND, np.linspace(low, len(scan) - 1, 6).round().astype(int)))
    )
    chosen = chosen[(chosen >= 0) & (chosen < len(scan))]
    drives, rates, ideal = scan[chosen], scanned[chosen], whole[chosen]
    jobs = [
        (lif.current(mu), rate, 1.0)
        for mu, rate in zip(drives.tolist(), rates.tolist(), strict=True)
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        counted = np.array(list(pool.map(simulated, jobs)))
    off = np.array([sum(t.size for t in chip.terms(lif.current(mu))) for mu in drives.tolist()])
    margin = off / np.where(ideal > 0, ideal, 1.0)
    wanted = decibel(span(drives, rates, ideal, error))
    others = [decibel(span(drives, rates, ideal, error + s * margin)) for s in (-1, 1)]
    terms = (
        Term("rounding of floats", "numerical", 1e-9),
        Term("predicted rates at its ends", "model", max(abs(x - wanted) for x in others)),
    )
    measured = decibel(span(drives, counted, ideal, error))
    point = Point(f"{len(drives)} drives, within {100 * error:g} %", measured, wanted, terms)
    curve = Curve(
        "f-I", experiment.name, place.stimulus, "spice", f"{chip.setting}, per biological second",
        "predicted", 1e3 * scan, scanned / lif.speed_up, "drive R I (mV)", "rate (Hz)",
    )  # fmt: skip
    check = place.check("dynamic range of the drive", "dB", (point,))
    findings = Findings(checks=[check], curves=[curve])
    shown = {**range_, "in dB, measured": f"{measured:.1f}", **_swing(chip)}
    findings.ranges.append(place.row(shown))
    return findings


def _swing(chip: Chip) -> dict[str, str]:
    """How far the membrane may go: by the OTA and by the supply, in dB over threshold less reset.

    An OTA in weak inversion, ``I tanh(g v/I)``, is within 10 % of linear as far as 0.568 I/g.
    """
    e, lif, neuron = chip.extracted, chip.lif, chip.lif.neuron
    middle, used = e.v_rest.value, lif.voltage_scale * (neuron.v_th - neuron.v_reset)

    def reach(ends: tuple[float, float]) -> str:
        low, high = ends[0] - middle, ends[1] - middle
        return f"{show(low, 'V', 3)} to {show(high, 'V', 3)}, {_over(high - low, used)}"

    weak = TANH_WITHIN_10_PERCENT * lif.i_leak / e.g_m.value
    half = lif.technology.supply / 2
    return {
        "linear swing, of weak inversion": reach((middle - weak, middle + weak)),
        "linear swing, measured": reach(e.linear_range),
        "supply": reach((middle - half, middle + half)),
        "swing that the supply leaves, measured": reach(e.swing),
    }


def _over(swing: float, used: float) -> str:
    return f"{20 * log10(swing / used):.1f} dB"


def _explain(place: Place, chip: Chip, mu: float, measured: float) -> Explanation:
    """From the ideal neuron to the extracted circuit, one imperfection at a time; chip Hz."""
    lif, e, ideal = chip.lif, chip.extracted, place.experiment.neuron
    current = lif.current(mu)
    fast = lif.speed_up

    def linear(tau_m: float, v_rest: float, v_trip: float, v_reset: float, dead: float) -> float:
        neuron = LIF(tau_m, v_trip, v_reset, v_rest, dead)
        return float(siegert.fi_curve(neuron, current * tau_m / c_m))

    rest, trip, reset = (lif.voltage(v) for v in (ideal.v_rest, ideal.v_th, ideal.v_reset))
    tau_m, c_m, dead = lif.tau_m, lif.tau_m * lif.g_m, e.dead_time(e.slope(current)).value
    steps = [("", "", linear(tau_m, rest, trip, reset, ideal.t_ref / fast))]
    size = f"{show(lif.t_dead, 's')} for t_ref {show(ideal.t_ref / fast, 's')}"
    steps.append(
        ("dead time that the circuit can build", size, linear(tau_m, rest, trip, reset, lif.t_dead))
    )
    size = f"{show(dead - lif.t_dead, 's', 3)} more at this slope"
    steps.append(("comparator delay and pulse", size, linear(tau_m, rest, trip, reset, dead)))
    c_m = e.c_m.value
    size = f"tau_m {show(c_m / e.g_m.value, 's', 5)}"
    steps.append(
        (
            "leak conductance and capacitance",
            size,
            linear(c_m / e.g_m.value, rest, trip, reset, dead),
        )
    )
    tau_m = c_m / e.g_m.value
    size = f"rest {show(e.v_rest.value - rest, 'V', 2)}, trip {show(e.v_trip.value - trip, 'V', 2)}"
    rest, trip = e.v_rest.value, e.v_trip.value
    steps.append(("offsets of OTA and comparator", size, linear(tau_m, rest, trip, reset, dead)))
    kick = show(e.charge_injection.value / c_m, "V", 2)
    size = f"{show(e.v_reset.value - reset, 'V', 2)} (charge injection of {kick} designed away)"
    reset = e.v_reset.value
    steps.append(("reset level", size, linear(tau_m, rest, trip, reset, dead)))
    size = f"leak at trip {e.leak(trip) / (e.g_m.value * (rest - trip)) - 1:+.2%} of linear"
    steps.append(("OTA non-linearity", size, chip.rate(current)))
    at = replace(place, stimulus=f"{place.stimulus}, {show(mu, 'V')}")
    return at.explained("rate", "Hz", steps, float(measured))
