"""The DPI synapses against their equation: decay, gain, pulses, and where they are linear."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from rheobase.analog.cells import dpi
from rheobase.analog.cells.bench import Design
from rheobase.analog.subthreshold import gate, slope_factor, transistor
from rheobase.analog.technology import Technology, generic180

from .conftest import Copied

KINDS = get_args(dpi.Kind)
TAU, INCREMENT, WIDTH = 5e-3, 0.5e-9, 100e-6


def designed(technology: Technology, kind: dpi.Kind) -> tuple[Design, dpi.Constants]:
    return dpi.design(technology, kind, TAU, INCREMENT, WIDTH)


def copies(technology: Technology, current: float, folds: int, copied: Copied) -> float:
    """Error of a bias current on its way: one mirror, and with a fold an nMOS one before it."""
    size, middle = gate(technology, current), technology.supply / 2
    kinds = ("n", "p") if folds else ("n",)
    spans = (technology.supply, middle) if folds else (middle,)
    return sum(copied(technology, k, size, current, v) for k, v in zip(kinds, spans, strict=True))


def gain_error(
    technology: Technology, kind: dpi.Kind, found: dpi.Constants, copied: Copied
) -> float:
    """Relative error of ``I_w I_gain**e``: mirrors of three currents, and the spread of n.

    Between I_gain and the largest I_syn, here 30 times as large, ``(I_syn/I_gain)**(n'/n)`` is off
    by ``ln(30)`` times the relative error of the exponent.
    """
    excitatory = kind == "excitatory"
    output = transistor(technology, "p" if excitatory else "n")
    mirrors = (
        copies(technology, found.i_w, int(not excitatory), copied)
        + copies(technology, found.i_gain, int(excitatory), copied)
        + copies(technology, found.i_tau, int(excitatory), copied)
    )
    return mirrors + np.log(30) * output.spread


@pytest.mark.parametrize("kind", KINDS)
def test_the_current_decays_with_the_designed_time_constant(
    technology: Technology, kind: dpi.Kind, copied: Copied
) -> None:
    """``C n' U_T/I_tau``, within the mirrors of I_tau and what n' varies over the decay."""
    design, found = designed(technology, kind)
    pulses = [0.1 * TAU, 0.3 * TAU]
    t, i = dpi.response(design, pulses, WIDTH, 2.5 * TAU, technology.supply / 2)
    after = pulses[-1] + 2 * WIDTH
    measured = dpi.decay(t, i, after)
    top, output = np.interp(after, t, i), "p" if kind == "excitatory" else "n"
    size = gate(technology, 2 * found.i_gain)
    n = [
        slope_factor(technology, output, current * size.l / size.w)
        for current in (INCREMENT, top, 0.3 * top)
    ]
    variation = max(abs(each / n[0] - 1) for each in n[1:])
    budget = copies(technology, found.i_tau, int(kind == "excitatory"), copied) + variation
    assert measured == pytest.approx(found.tau, rel=budget)
    assert budget < 0.25  # half of a capacitor that is half as large again
    # the same against the capacitance and the current measured on the held node
    v_syn = transistor(technology, output).gate_voltage(0.6 * top, size)
    held = technology.supply - v_syn if kind == "excitatory" else v_syn
    capacitance, current = dpi.integrator(design, held, 1 / TAU)
    between = slope_factor(technology, output, 0.6 * top * size.l / size.w)
    independent = capacitance * between * technology.thermal_voltage / current
    assert measured == pytest.approx(independent, rel=0.5 * abs(n[1] / n[2] - 1) + 0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_an_accelerated_synapse_decays_a_thousand_times_as_fast(kind: dpi.Kind) -> None:
    """20 us, held against the capacitance and the current that are measured on the held node."""
    tau, width = 20e-6, 1e-6
    design, found = dpi.design(generic180, kind, tau, 5e-9, width, 0.5e-12)
    pulse = 0.1 * tau
    t, i = dpi.response(design, [pulse, pulse + 3 * width], width, 2 * tau, 0.9)
    after = pulse + 5 * width
    top, size = float(np.interp(after, t, i)), gate(generic180, 2 * found.i_gain)
    output = "p" if kind == "excitatory" else "n"
    v_syn = transistor(generic180, output).gate_voltage(0.6 * top, size)
    held = generic180.supply - v_syn if kind == "excitatory" else v_syn
    capacitance, current = dpi.integrator(design, held, 1 / tau)
    n = [slope_factor(generic180, output, k * top * size.l / size.w) for k in (0.3, 0.6, 0.9)]
    independent = capacitance * n[1] * generic180.thermal_voltage / current
    measured = dpi.decay(t, i, after)
    assert measured == pytest.approx(independent, rel=0.5 * (n[2] / n[0] - 1) + 0.01)
    assert measured == pytest.approx(tau, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_pulse_ends_at_the_gain(
    technology: Technology, kind: dpi.Kind, copied: Copied
) -> None:
    """``I_gain (I_w/I_tau - 1)**(n/n')`` for ``I_w/I_tau`` of 4 and 40."""
    for width in (10 / 3 * TAU, TAU / 3):
        design, found = dpi.design(technology, kind, TAU, 0.2e-9, width)
        budget = gain_error(technology, kind, found, copied)
        assert dpi.steady(design, technology.supply / 2) == pytest.approx(found.steady, rel=budget)


def integrate(
    found: dpi.Constants, start: float, pulses: list[float], t_stop: float
) -> tuple[np.ndarray, np.ndarray]:
    """The equation by Euler's method in ``ln I_syn``, in steps of a fiftieth of a pulse."""
    step = WIDTH / 50
    times = np.arange(0.0, t_stop, step)
    log, logs = np.log(start), []
    for t in times:
        logs.append(log)
        on = any(p <= t < p + WIDTH for p in pulses)
        log += step * found.slope(np.exp(log), on) / np.exp(log)
    return times, np.exp(logs)


@pytest.mark.parametrize("kind", KINDS)
def test_pulses_raise_the_current_as_the_equation_says(
    technology: Technology, kind: dpi.Kind, copied: Copied
) -> None:
    """Six pulses, the first out of silence; twice the I_w would be seen."""
    design, found = designed(technology, kind)
    pulses = [(0.1 + 0.4 * k) * TAU for k in range(6)]
    t_stop = 2.3 * TAU
    t, i = dpi.response(design, pulses, WIDTH, t_stop, technology.supply / 2)
    # the equation from the first trough on: how a silent synapse starts is the next test's
    first = pulses[1]
    times, expected = integrate(
        found, float(np.interp(first, t, i)), [p - first for p in pulses[1:]], t_stop - first
    )
    peaks = np.array(pulses[2:]) + 1.2 * WIDTH
    budget = gain_error(technology, kind, found, copied)
    got, want = np.interp(peaks, t, i), np.interp(peaks - first, times, expected)
    assert got == pytest.approx(want, rel=budget)
    faulted = replace(found, i_w=2 * found.i_w)
    times, doubled = integrate(
        faulted, float(np.interp(first, t, i)), [p - first for p in pulses[1:]], t_stop - first
    )
    assert got != pytest.approx(np.interp(peaks - first, times, doubled), rel=budget)


@pytest.mark.parametrize("kind", KINDS)
def test_pulses_add_far_above_i_gain_and_not_below(kind: dpi.Kind) -> None:
    """What a pulse adds to a decaying current: the same at 10 and at 30 I_gain, none from silence.

    By the equation it goes as ``I_syn**(1 - n'/n)/(1 + (I_gain/I_syn)**(n'/n))/n'``, with n' where
    the current is; the exponent is uncertain by the spread of both n.
    """
    design, found = designed(generic180, kind)
    first, second = 1.0 * TAU, 2.0 * TAU
    loading = [0.02 * TAU + 2.5 * WIDTH * k for k in range(8)]

    def added(before: list[float], at: float) -> tuple[float, float]:
        """Current before, and rise by, a pulse at `at` that follows others."""
        t, i = dpi.response(design, [*before, at], WIDTH, at + 2 * WIDTH, 0.9)
        low, high = np.interp([at, at + 1.1 * WIDTH], t, i)
        return float(low), float(high - low * np.exp(-1.1 * WIDTH / TAU))

    (high, much), (low, less) = added(loading, first), added(loading, second)
    assert high > 2 * low > 8 * found.i_gain
    ratio = (high / low) ** (1 - found.exponent)
    ratio *= (1 + (found.i_gain / low) ** found.exponent) / (
        1 + (found.i_gain / high) ** found.exponent
    )
    size = gate(generic180, 2 * found.i_gain)
    output = "p" if kind == "excitatory" else "n"
    at_low, at_high = (
        slope_factor(generic180, output, each * size.l / size.w) for each in (low, high)
    )
    ratio *= at_low / at_high
    spread = transistor(generic180, "n").spread + transistor(generic180, "p").spread
    assert much / less == pytest.approx(ratio, rel=spread * np.log(high / low) + 0.02)
    _, alone = added([], first)
    assert alone < 0.85 * less


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tau": 0.0}, "tau must be finite and > 0"),
        ({"width": float("inf")}, "width must be finite and > 0"),
        ({"tau": 1.0}, r"I_tau must be in .*its leakage at V_GS = 0"),
        ({"width": 1e-9}, r"I_w must be in .*leaves weak inversion"),
        ({"increment": 1e-5}, r"I_gain must be in .*weak inversion"),
        ({"capacitance": 10e-15, "width": 1e-6, "tau": 50e-6}, r"capacitance must be > .* gates"),
    ],
)
def test_what_no_synapse_can_do_is_told(given: dict[str, float], message: str) -> None:
    wanted = {"tau": TAU, "increment": INCREMENT, "width": WIDTH} | given
    with pytest.raises(ValueError, match=message):
        dpi.design(generic180, "excitatory", **wanted)


def test_a_kind_that_does_not_exist_is_told() -> None:
    with pytest.raises(ValueError, match="kind must be one of excitatory, inhibitory, not 'both'"):
        dpi.design(generic180, "both", TAU, INCREMENT, WIDTH)  # type: ignore[arg-type]
