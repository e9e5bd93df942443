"""A transistor neuron beside a conductance synapse that is kept open: shunted, and so faster.

A steady conductance divides the time constant and the depolarisation of a drive alike (Holt & Koch
1997). The synapse, a DPI that biases an OTA, hangs at the membrane, which is extracted with it;
what it gives while a regular train keeps it open is measured on a bench at a row of held voltages.
Both currents together are one measured leak: its slope over the capacitance is the effective time
constant, held against the netlist's answer to a small step of current, and the quadrature over it
is the rate at constant drives.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.interpolate import PchipInterpolator

from ...analog import bombardment, opened
from ...analog.cells import conductance_synapse
from ...analog.extract import extract
from ...models.neuron import LIF
from ...models.stimulus import OpenSynapse
from ...models.theory import siegert
from ...models.units import show
from ..budget import Point, Term
from ..findings import Curve, Findings
from ..observables import Floats
from .chip import WORKERS, Chip
from .dpi_synapse import with_largest
from .place import Place

INTERVALS = 4  # of a constant drive
RELTOL = 1e-5  # with ten times more, intervals are up to 0.2 % off
WIDTH = 0.02  # of a pulse, in tau_s
BELOW, ABOVE, APART = 15e-3, 8e-3, 5e-3  # V beyond rest and trip, and between held voltages
CAPACITORS = (1e-12, 0.5e-12, 0.25e-12)  # F, of the synapse


@dataclass(frozen=True)
class Shunted:
    """A neuron with its synapse: extracted while it is closed, and as one leak while it is open."""

    closed: Chip
    open: Chip
    synapse: opened.OpenSynapse
    rate: float
    width: float

    def slope(self, v: float) -> float:
        """Conductance in S of the open synapse at `v` in V."""
        return -float(PchipInterpolator(self.synapse.v, self.synapse.current)(v, 1))

    @property
    def reversal(self) -> float:
        """Where its current is 0, in V."""
        return float(np.interp(0.0, -self.synapse.current, self.synapse.v))


def _shunted(bare: Chip, stimulus: OpenSynapse) -> Shunted:
    lif, fast = bare.lif, bare.lif.speed_up
    rate, tau_s = stimulus.rate * fast, stimulus.tau_s / fast
    width, increment = WIDTH * tau_s, stimulus.conductance * lif.g_m / (rate * tau_s)
    v_rev = lif.voltage(stimulus.v_rev)
    design, _ = with_largest(
        CAPACITORS,
        lambda c: conductance_synapse.design(lif.technology, tau_s, increment, width, v_rev, c),
        f"conductance synapse of tau_s = {show(tau_s, 's')} and {show(increment, 'S', 3)}"
        f" at speed-up {fast:g}",
    )
    lif = replace(lif, attached=(design,))
    e = extract(lif)
    low = min(e.v_rest.value, e.v_reset.value) - BELOW
    high = e.v_trip.value + ABOVE
    v = np.linspace(low, high, 1 + 2 * round((high - low) / APART / 2))
    found = opened.measure(design, rate, width, v)
    inside = (e.v >= low) & (e.v <= high)
    whole = replace(
        e, v=e.v[inside],
        i_leak=e.i_leak[inside] + PchipInterpolator(found.v, found.current)(e.v[inside]),
        i_leak_error=e.i_leak_error + found.error,
        c_m=replace(e.c_m, value=e.c_m.value + found.capacitance),
    )  # fmt: skip
    return Shunted(Chip(lif, e), Chip(lif, whole), found, rate, width)


def open_synapse(place: Place, stimulus: OpenSynapse, bare: Chip) -> Findings:
    """Design, extract, and play the small step and every drive."""
    made = _shunted(bare, stimulus)
    findings = _time_constant(place, made, stimulus)
    findings.add(_rates(place, made, stimulus))
    return findings


def _time_constant(place: Place, made: Shunted, stimulus: OpenSynapse) -> Findings:
    """The answer to a step of current that moves the membrane by 2 mV, half-way to the trip."""
    e, both, lif = made.closed.extracted, made.open.extracted, made.closed.lif
    v = (e.v_rest.value + e.v_trip.value) / 2
    at = v + opened.STEP / 2
    leak = -float(PchipInterpolator(e.v, e.i_leak)(at, 1))
    g = leak + made.slope(at)
    predicted = both.c_m.value / g
    start = opened.SETTLED / made.rate
    t_stop = start + 6 * predicted
    measured, height = opened.step_response(
        made.closed.lif, opened.regular(made.rate, made.width, t_stop), made.width,
        -both.leak(v), opened.STEP * g, start, t_stop, v,
    )  # fmt: skip
    low, high = e.c_m_range
    terms = (
        Term("varying capacitance", "model", predicted * (high - low) / 2 / e.c_m.value),
        Term("slope of the currents", "numerical", predicted * 2 * both.i_leak_error / APART / g),
    )
    resolution = place.experiment.check.design * predicted
    point = Point("a step of 2 mV", measured, predicted, terms, resolution)
    slopes = Term("slope of the currents", "numerical", terms[1].size / predicted * opened.STEP)
    share = place.experiment.check.design * opened.STEP
    moved = Point(show(opened.STEP * g, "A", 3), height, opened.STEP, (slopes,), share)
    ideal = lif.tau_m / (1 + stimulus.conductance)
    realised = made.slope(made.reversal) / lif.g_m
    stages = [
        ("", "", lif.tau_m),
        ("the conductance asked for", f"{stimulus.conductance:g} of the leak's", ideal),
        (
            "the conductance that the synapse has", f"{realised:.3f} of the leak's",
            lif.tau_m / (1 + realised),
        ),
        (
            "extracted leak and capacitance", show(e.c_m.value, "F", 4),
            e.c_m.value / (e.g_m.value + realised * lif.g_m),
        ),
        ("both OTAs' tanh at this voltage", f"{g / (e.g_m.value + realised * lif.g_m) - 1:+.2%}",
         e.c_m.value / g),
        ("mirrors of the open synapse", show(made.synapse.capacitance, "F", 2), predicted),
    ]  # fmt: skip
    return Findings(
        checks=[
            place.check("effective time constant", "s", (point,)),
            place.check("depolarisation by a step of current", "V", (moved,)),
        ],
        explanations=[place.explained("effective time constant", "s", stages, measured)],
    )


@dataclass(frozen=True)
class _Drive:
    """Rates in Hz at a constant current: of the netlist, of the quadrature, and its error."""

    measured: float
    predicted: float
    terms: tuple[Term, ...]

    @property
    def error(self) -> float:
        return sum(term.size for term in self.terms)


def _rates(place: Place, made: Shunted, stimulus: OpenSynapse) -> Findings:
    """Rates at constant drives, beside the open synapse and the closed one, and their slopes."""
    lif = made.closed.lif
    start = opened.SETTLED / made.rate

    def simulated(job: tuple[Chip, float]) -> _Drive:
        chip, mu = job
        current = lif.current(mu)
        rate = chip.rate(current)
        t_stop = start + ((INTERVALS + 2) / rate if rate > 0 else 5 * lif.tau_m)
        heard = t_stop if chip is made.open else 0.0
        pulses = opened.regular(made.rate, made.width, heard)
        run = bombardment.simulate(lif, [pulses], made.width, current, t_stop, RELTOL)
        times = run.spike_times
        times = times[times > start]
        found = float((len(times) - 1) / (times[-1] - times[0])) if len(times) > 1 else 0.0
        terms = chip.terms(current)
        if heard and rate > 0:  # after a reset the lag has yet to build up: at most all it does
            e = chip.extracted
            charging = 1 - rate * e.dead_time(e.slope(current)).value
            late = abs(made.synapse.capacitance) / e.c_m.value * charging
            terms += (Term("lag of the open synapse's mirrors", "model", late * rate),)
        return _Drive(found, rate, terms)

    jobs = [(chip, mu) for chip in (made.open, made.closed) for mu in stimulus.mu]
    with ThreadPoolExecutor(WORKERS) as pool:
        drives = list(pool.map(simulated, jobs))
    shunted, alone = drives[: len(stimulus.mu)], drives[len(stimulus.mu) :]
    share = place.experiment.check.rate
    findings = Findings()
    for what, row in (("rate", shunted), ("rate without the synapse", alone)):
        points = tuple(
            Point(show(mu, "V"), d.measured, d.predicted, d.terms, share * d.predicted)
            for mu, d in zip(stimulus.mu, row, strict=True)
        )
        findings.checks.append(place.check(what, "Hz", points))
    fine = np.linspace(min(stimulus.mu), max(stimulus.mu), 60)
    for chip, what, row in (
        (made.open, f"{stimulus.conductance:g} of the leak's", shunted),
        (made.closed, "closed", alone),
    ):
        names = (place.experiment.name, place.stimulus, "spice", f"{place.setting}, {what}")
        law = [chip.rate(lif.current(mu)) for mu in fine.tolist()]
        lines: tuple[tuple[Literal["measured", "predicted"], Floats, list[float]], ...] = (
            ("measured", np.array(stimulus.mu), [d.measured for d in row]),
            ("predicted", fine, law),
        )
        findings.curves += [
            Curve(
                "f-I", *names, kind, 1e3 * mu, np.array(y) / lif.speed_up, "drive R I (mV)",
                "rate (Hz)",
            )
            for kind, mu, y in lines
        ]  # fmt: skip
    firing = [k for k, d in enumerate(shunted) if d.predicted > 0]
    if firing:
        mu = stimulus.mu[firing[0]]
        stages = _stages(made, stimulus, mu, place.experiment.neuron)
        at = replace(place, stimulus=f"{place.stimulus}, {show(mu, 'V')}")
        measured = shunted[firing[0]].measured
        findings.explanations.append(at.explained("rate", "Hz", stages, measured))
    if len(firing) > 1:
        ends = firing[0], firing[-1]
        mus = stimulus.mu[ends[0]], stimulus.mu[ends[1]]
        pairs = [(row[ends[0]], row[ends[1]]) for row in (shunted, alone)]
        findings.add(_slopes(place, stimulus, mus, pairs))
    return findings


def _slopes(
    place: Place, stimulus: OpenSynapse, mus: tuple[float, float],
    pairs: list[tuple[_Drive, _Drive]],
) -> Findings:  # fmt: skip
    """The slope of f-I with the synapse over that without: does the shunt divide, or subtract?"""
    neuron = place.experiment.neuron
    measured, predicted = (
        (rates[0][1] - rates[0][0]) / (rates[1][1] - rates[1][0])
        for rates in (
            [[d.measured for d in pair] for pair in pairs],
            [[d.predicted for d in pair] for pair in pairs],
        )
    )
    error = sum((a.error + b.error) / (b.predicted - a.predicted) for a, b in pairs)
    finest = place.experiment.check.rate * sum(
        (a.predicted + b.predicted) / (b.predicted - a.predicted) for a, b in pairs
    )
    at = f"{show(mus[0], 'V')} to {show(mus[1], 'V')}"
    terms = (Term("the four rates", "numerical", predicted * error),)
    point = Point(at, measured, predicted, terms, predicted * finest)

    def ideal(g: float) -> float:
        shunted = replace(neuron, tau_m=neuron.tau_m / (1 + g))
        drives = (np.array(mus) + g * (stimulus.v_rev - neuron.v_rest)) / (1 + g)
        low, high = siegert.fi_curve(shunted, drives).tolist()
        return float(high - low)

    divided = 1 / (1 + stimulus.conductance)
    stages = [
        ("", "", divided),
        ("tau_m is divided, too", "ideal neuron", ideal(stimulus.conductance) / ideal(0.0)),
        ("circuit", "quadrature", predicted),
    ]
    what = "slope of f-I over that without the synapse"
    return Findings(
        checks=[place.check(what, "", (point,))],
        explanations=[place.explained(what, "", stages, measured)],
    )


def _stages(
    made: Shunted, stimulus: OpenSynapse, mu: float, neuron: LIF
) -> list[tuple[str, str, float]]:
    """From the ideal neuron without a synapse to the quadrature; chip Hz."""
    lif, e = made.open.lif, made.closed.extracted
    current = lif.current(mu)
    dead = made.open.extracted.dead_time(made.open.extracted.slope(current)).value
    rest, trip, reset = (lif.voltage(v) for v in (neuron.v_rest, neuron.v_th, neuron.v_reset))

    def linear(
        c_m: float, g_m: float, levels: tuple[float, float, float], g: float, v_rev: float,
        t_dead: float,
    ) -> float:  # fmt: skip
        """With the leak g_m towards rest and the synapse g towards v_rev."""
        rest, trip, reset = levels
        drive = (current + g * (v_rev - rest)) / (g_m + g)
        shunted = LIF(c_m / (g_m + g), trip, reset, rest, t_dead)
        return float(siegert.fi_curve(shunted, drive))

    c_m, g_m, t_dead = lif.tau_m * lif.g_m, lif.g_m, lif.t_dead
    asked, v_rev = stimulus.conductance * g_m, lif.voltage(stimulus.v_rev)
    levels, found = (rest, trip, reset), (e.v_rest.value, e.v_trip.value, e.v_reset.value)
    has, reversal = made.slope(made.reversal), made.reversal
    c_open = made.open.extracted.c_m.value
    return [
        ("", "", linear(c_m, g_m, levels, 0.0, v_rev, t_dead)),
        (
            "shunted: time constant and drive divided",
            f"by {1 + stimulus.conductance:g}", linear(c_m, g_m, levels, asked, v_rev, t_dead),
        ),
        (
            "the conductance that the synapse has", f"{has / g_m:.3f} of the leak's",
            linear(c_m, g_m, levels, has, v_rev, t_dead),
        ),
        (
            "offset of the synapse's OTA", show(reversal - v_rev, "V", 2),
            linear(c_m, g_m, levels, has, reversal, t_dead),
        ),
        (
            "extracted leak, capacitance, levels, dead time", show(dead, "s", 4),
            linear(c_open, e.g_m.value, found, has, reversal, dead),
        ),
        ("both OTAs' tanh", "quadrature", made.open.rate(current)),
    ]  # fmt: skip
