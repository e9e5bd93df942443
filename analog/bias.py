"""From a neuron's parameters to bias currents, references and capacitors of its circuit.

First guesses from the equations of weak inversion (``I_leak = 2 n U_T C/tau_m``), then corrections
from the test bench of each cell, until they no longer change: the leak's slope and zero, the
capacitance that the cells add, the comparator's trip point, the reset's charge step, the dead time.
"""

from dataclasses import replace

from ..models.neuron import LIF
from . import benches, ngspice
from .cells.cell import Size
from .lif import AnalogLIF
from .technology import Technology, generic180

SHORTEST_DEAD_TIME = 100e-9
"""In chip seconds: the reset switch needs tens of nanoseconds to settle to 0.1 mV."""

RELATIVE, ABSOLUTE = 2e-4, 20e-6
"""A design is finished when tau_m and t_dead are within RELATIVE (t_dead: ten times that) and all
voltages within ABSOLUTE (V) of what was asked for, as measured on the cells."""

_SLOPE_FACTOR = 1.35  # first guess only
_COMPARATOR_CHARGE = 20e-12  # C: this over t_dead makes the delay about a fiftieth of it
_COMPARATOR_LIMIT = 20e-6  # A: beyond, the comparator leaves weak inversion and gains nothing
_REFRACTORY_SWING = 0.4  # V, first guess only
_LEAKY = 100e-12  # A: a bias below needs narrow gates, whose off-current is far smaller; else fast


def design(
    neuron: LIF,
    technology: Technology = generic180,
    speed_up: float = 1.0,
    voltage_scale: float = 1.0,
    c_m: float = 2e-12,
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

    Returns
    -------
    AnalogLIF
        With ``t_dead >= neuron.t_ref/speed_up``: a circuit cannot reset in no time.

    Raises
    ------
    ValueError
        A parameter is out of range, or the cells cannot be brought to the design.
    """
    for name, value in (("speed_up", speed_up), ("voltage_scale", voltage_scale), ("c_m", c_m)):
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be finite and > 0, not {value!r}")
    tau = neuron.tau_m / speed_up
    t_dead = max(neuron.t_ref / speed_up, tau / 100, SHORTEST_DEAD_TIME)
    c_ref, l_min = 0.5e-12, technology.l_min
    i_leak = 2 * _SLOPE_FACTOR * technology.thermal_voltage * c_m / tau
    i_refractory = c_ref * _REFRACTORY_SWING / t_dead
    lif = AnalogLIF(
        neuron=neuron,
        technology=technology,
        speed_up=speed_up,
        voltage_scale=voltage_scale,
        c_m=c_m,
        g_m=c_m / tau,
        t_dead=t_dead,
        i_leak=i_leak,
        i_comparator=min(_COMPARATOR_CHARGE / t_dead, _COMPARATOR_LIMIT),
        i_refractory=i_refractory,
        v_rest_reference=0.0,
        v_th_reference=0.0,
        v_reset_reference=0.0,
        c_ref=c_ref,
        options=ngspice.options(abstol=1e-18 * max(speed_up, 1.0)),
        pair_size=Size(2e-6, 2e-6),
        mirror_size=Size(0.5e-6, 5e-6) if i_leak < _LEAKY else Size(1e-6, 1e-6),
        comparator_size=Size(2e-6, l_min),
        load_size=Size(1e-6, l_min),
        reset_size=Size(1e-6, l_min),
        charge_size=Size(1e-6, 2 * l_min) if i_refractory < 10 * _LEAKY else Size(4e-6, l_min),
    )
    rest, threshold, reset = (lif.voltage(v) for v in (neuron.v_rest, neuron.v_th, neuron.v_reset))
    lif = replace(lif, v_rest_reference=rest, v_th_reference=threshold, v_reset_reference=reset)
    nominal_slope = 0.5 * (threshold - rest) / tau  # at threshold, driven at 1.5 times rheobase
    for _ in range(12):
        try:
            g_m = (c_m + benches.parasitic_capacitance(lif)) / tau
            slope, zero = benches.leak(lif)
            tripped = benches.trip(lif)
            dead, after = benches.cycle(lif, tripped, nominal_slope)
        except ValueError as error:
            raise ValueError(f"{_impossible(lif)}: {error}") from error
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
    raise ValueError(
        f"{_impossible(lif)}: the last design has tau_m off by {slope / g_m - 1:.2%}, t_dead by "
        f"{dead / t_dead - 1:.2%}, rest by {zero - rest:.2e} V, threshold by "
        f"{tripped - threshold:.2e} V, reset by {after - reset:.2e} V"
    )


def _impossible(lif: AnalogLIF) -> str:
    return f"{lif.technology.name} cannot realise {lif.neuron} at speed-up {lif.speed_up:g}"
