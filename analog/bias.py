"""From a neuron's parameters to bias currents, references and capacitors of its circuit.

First guesses from the design functions of the cells, then corrections from benches of the cells in
the neuron, until they no longer change: the leak's slope and zero, the capacitance that the cells
add, the comparator's trip point, the reset's charge step, the dead time.
"""

from dataclasses import replace

from ..models.neuron import LIF
from . import benches, ngspice
from .cells import comparator, ota, refractory_pulse, reset_switch
from .lif import LEAK_VOLTAGE, AnalogLIF
from .subthreshold import transistor
from .technology import Technology, generic180

SHORTEST_DEAD_TIME = 100e-9
"""In chip seconds: the reset switch needs tens of nanoseconds to settle to 0.1 mV."""

RELATIVE, ABSOLUTE = 2e-4, 20e-6
"""A design is finished when tau_m and t_dead are within RELATIVE (t_dead: ten times that) and all
voltages within ABSOLUTE (V) of what was asked for, as measured on the cells."""

_WEAK = (0.7, 1.5)  # g_m may be so many times that of weak inversion: half-way out, leaking
# Of the OTA's mirrors: current of a square, and shortest length. Small gates, for at low currents a
# large one lags behind the membrane.
_DENSITY, _SHORTEST = 20e-9, 0.7e-6  # A, m
_RESET_TIME = 40e-9  # s, in which the reset switch settles


def design(
    neuron: LIF,
    technology: Technology = generic180,
    speed_up: float = 1.0,
    voltage_scale: float = 1.0,
    c_m: float = 2e-12,
    wide: bool = False,
    offset: float | None = None,
) -> AnalogLIF:
    """Size and bias a circuit that realises `neuron`.

    Parameters
    ----------
    neuron : LIF
        Its `c_m` is not used: the chip's capacitor is the one given here.
    technology : Technology
    speed_up, voltage_scale : float
        Chip seconds per second, chip volts per volt; > 0. The OTA is linear to 10 % over about
        40 mV on the chip on either side of rest.
    c_m : float
        Membrane capacitor in F, > 0.
    wide : bool
        Whether the leak is the OTA of wide linear range: about 150 mV, for three times the current.
    offset : float, optional
        Standard deviation in V, on the chip, that mismatch may give to rest and to the trip point:
        gates are then as large as Pelgrom's law asks, and the comparator takes a bias to match. By
        default gates are as small as speed wants, and the trip points of fast chips in generic180
        deviate by 13 mV.

    Returns
    -------
    AnalogLIF
        With ``t_dead = neuron.t_ref/speed_up``. No circuit resets in no time: where `t_ref` is 0,
        ``t_dead`` is a hundredth of the chip's tau_m, but at least SHORTEST_DEAD_TIME.

    Raises
    ------
    ValueError
        A parameter is out of range, or the cells cannot be brought to the design; the message says
        what stands against it.
    """
    for name, value in (
        ("speed_up", speed_up), ("voltage_scale", voltage_scale), ("c_m", c_m), ("offset", offset),
    ):  # fmt: skip
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name} must be finite and > 0, not {value!r}")
    tau = neuron.tau_m / speed_up
    t_dead = neuron.t_ref / speed_up or max(tau / 100, SHORTEST_DEAD_TIME)
    if t_dead < SHORTEST_DEAD_TIME:
        raise ValueError(
            f"t_ref = {neuron.t_ref:g} s is {t_dead:.3g} s on the chip at speed-up {speed_up:g},"
            f" comparator and reset need {SHORTEST_DEAD_TIME:g} s: it takes a speed-up of at most"
            f" {neuron.t_ref / SHORTEST_DEAD_TIME:.3g}, or t_ref = 0 for the shortest there is"
        )
    middle, g_m = technology.supply / 2, c_m / tau
    i_leak = LEAK_VOLTAGE[wide] * technology.thermal_voltage * g_m
    shortest = (
        _SHORTEST if offset is None else max(_SHORTEST, ota.shortest_gate(technology, offset))
    )
    nmos = transistor(technology, "n")
    pair, mirror = ota.gates(technology, i_leak, _DENSITY, shortest)
    i_comparator, size, load, branch = comparator.sized(technology, t_dead, offset)
    i_refractory, c_ref, charge = refractory_pulse.sized(technology, t_dead, i_comparator, branch.l)
    cannot = _impossible(neuron, technology, speed_up)
    off = nmos.i_off * mirror.w / mirror.l
    if i_leak < off:
        raise ValueError(
            f"{cannot}: a leak bias of {i_leak:.3g} A is outside weak inversion (leaks): its mirror"
            f" conducts {off:.3g} A without a bias; a larger c_m or speed-up brings it back"
        )
    v_reset = middle + voltage_scale * (neuron.v_reset - neuron.v_rest)
    try:
        reset_size = reset_switch.sized(technology, c_m, v_reset, _RESET_TIME)
    except ValueError as error:
        raise ValueError(f"{cannot}: {error}; it takes a smaller voltage_scale") from error
    lif = AnalogLIF(
        neuron=neuron,
        technology=technology,
        speed_up=speed_up,
        voltage_scale=voltage_scale,
        c_m=c_m,
        g_m=g_m,
        t_dead=t_dead,
        i_leak=i_leak,
        i_comparator=i_comparator,
        i_refractory=i_refractory,
        v_rest_reference=0.0,
        v_th_reference=0.0,
        v_reset_reference=0.0,
        c_ref=c_ref,
        options=ngspice.options(abstol=1e-18 * max(speed_up, 1.0)),
        pair_size=pair,
        mirror_size=mirror,
        comparator_size=size,
        load_size=load,
        branch_size=branch,
        reset_size=reset_size,
        charge_size=charge,
        wide=wide,
    )
    rest, threshold, reset = (lif.voltage(v) for v in (neuron.v_rest, neuron.v_th, neuron.v_reset))
    return corrected(
        replace(lif, v_rest_reference=rest, v_th_reference=threshold, v_reset_reference=reset)
    )


def corrected(lif: AnalogLIF) -> AnalogLIF:
    """Bring a circuit to its design, from the test benches of its cells.

    Parameters
    ----------
    lif : AnalogLIF
        Its leak and refractory biases and its reference voltages are first guesses; its gates,
        capacitors and comparator bias are kept.

    Raises
    ------
    ValueError
        As `design`.
    """
    neuron, tau, t_dead = lif.neuron, lif.tau_m, lif.t_dead
    rest, threshold, reset = (lif.voltage(v) for v in (neuron.v_rest, neuron.v_th, neuron.v_reset))
    first, cannot = lif, _impossible(neuron, lif.technology, lif.speed_up)
    try:
        _check_headroom(lif)
        for _ in range(12):
            g_m = (lif.c_m + benches.parasitic_capacitance(lif)) / tau
            slope, zero = benches.leak(lif)
            _check_inversion(lif, slope)
            tripped = benches.trip(lif)
            at_trip = 0.5 * benches.sunk(lif, threshold) / (tau * g_m)  # V/s, at 1.5 rheobases
            dead, after = benches.cycle(lif, tripped, at_trip)
            if (
                abs(slope / g_m - 1) <= RELATIVE
                and abs(dead / t_dead - 1) <= 10 * RELATIVE
                and max(abs(zero - rest), abs(tripped - threshold), abs(after - reset)) <= ABSOLUTE
            ):
                return replace(lif, g_m=g_m)
            lif = replace(
                lif,
                g_m=g_m,
                i_leak=lif.i_leak * g_m / slope,
                i_refractory=lif.i_refractory * dead / t_dead,
                v_rest_reference=lif.v_rest_reference + rest - zero,
                v_th_reference=lif.v_th_reference + threshold - tripped,
                v_reset_reference=lif.v_reset_reference + reset - after,
            )
            if lif.i_refractory > 30 * first.i_refractory:
                raise ValueError(
                    f"t_dead = {t_dead:.3g} s is too short: the comparator and the reset alone take"
                    f" about {dead:.3g} s at a bias of {lif.i_comparator:.3g} A; a longer t_ref or"
                    " a smaller speed-up leaves them the time"
                )
    except ValueError as error:
        raise ValueError(f"{cannot}: {error}") from error
    raise ValueError(
        f"{cannot}: the last design has tau_m off by {slope / g_m - 1:.2%}, t_dead by "
        f"{dead / t_dead - 1:.2%}, rest by {zero - rest:.2e} V, threshold by "
        f"{tripped - threshold:.2e} V, reset by {after - reset:.2e} V"
    )


def _check_headroom(lif: AnalogLIF) -> None:
    """Rest, reset and threshold must lie where the supply leaves the OTA's current intact."""
    neuron, supply = lif.neuron, lif.technology.supply
    low, high = benches.swing(lif)
    middle = lif.voltage(neuron.v_rest)
    for name in ("v_reset", "v_th"):
        v = lif.voltage(getattr(neuron, name))
        if not low < v < high:
            fits = lif.voltage_scale * ((high if v > middle else low) - middle) / (v - middle)
            raise ValueError(
                f"{name} = {getattr(neuron, name):g} V lies at {v:.3g} V on the chip, and of its"
                f" {supply:g} V the OTA leaves {low:.3g} .. {high:.3g} V: it takes a voltage_scale"
                f" below {fits:.2g}"
            )


def _check_inversion(lif: AnalogLIF, g_m: float) -> None:
    """``g_m`` must be about that of weak inversion, or the leak does not follow its equation."""
    weak = lif.i_leak / (LEAK_VOLTAGE[lif.wide] * lif.technology.thermal_voltage)
    if not _WEAK[0] < g_m / weak < _WEAK[1]:
        why, way = ("strong inversion begins", "smaller") if g_m < weak else ("leaks", "larger")
        raise ValueError(
            f"a leak bias of {lif.i_leak:.3g} A is outside weak inversion ({why}): its conductance"
            f" is {g_m / weak:.0%} of what weak inversion gives; a {way} c_m or speed-up brings it"
            " back"
        )


def _impossible(neuron: LIF, technology: Technology, speed_up: float) -> str:
    return f"{technology.name} cannot realise {neuron} at speed-up {speed_up:g}"
