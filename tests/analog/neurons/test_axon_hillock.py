"""The axon hillock against its equation: width and rate from charges and currents."""

import numpy as np
import pytest

from rheobase.analog.benches import crossing
from rheobase.analog.cells.cell import Size
from rheobase.analog.neurons import axon_hillock, orbit
from rheobase.analog.neurons.record import interval
from rheobase.analog.subthreshold import transistor
from rheobase.analog.technology import Technology, generic180

C_OX = 8.4e-3  # F/m2, generic180's; thicker oxides have less
CURRENT, RATE, WIDTH = 100e-12, 100.0, 0.2e-3


@pytest.mark.parametrize("drive", [0.3, 1.0, 5.0, 20.0])
def test_rate_and_width_follow_from_the_charge_of_the_feedback_capacitor(
    technology: Technology, drive: float
) -> None:
    """The budget: the mirror of I_reset, the leakage below I, and two charges beside that of C_fb.

    The amplifier needs some of the swing to turn over: as much of it as its output has of the
    supply between 5 and 95 %. And as it turns over, a channel comes and one goes in the gates of
    its first inverter, on the membrane, below ``W L C_ox V_dd``. A C_fb of 1.1 times the drawn one
    would be seen.
    """
    neuron = axon_hillock.design(technology, CURRENT, RATE, WIDTH)
    circuit, current = neuron.circuit, drive * CURRENT
    expected = axon_hillock.interval(circuit, current)
    measured, _ = interval(neuron, current, expected)

    low = orbit.held(neuron, neuron.legs[0], 0.0)[1]
    leakage = float(np.max(np.abs(low))) / current
    i_reset = circuit.currents["i_reset"]
    drawn = circuit.cell["Xreset"].parameters
    unit = technology.length_unit
    size = Size(float(drawn["w"]) * unit, float(drawn["l"]) * unit)
    n = transistor(technology, "n", size=size)
    v_gs = n.gate_voltage(i_reset, size)
    top = neuron.legs[1].start
    mirror = abs(top - v_gs) / n.early + np.exp(-v_gs / n.thermal_voltage)
    edges = turned_over(neuron) / (neuron.legs[1].start - neuron.legs[0].start) * 2 * 0.85
    share = current / i_reset  # of the interval that is spike
    c_fb = float(circuit.cell["Cfb"].capacitance)
    first = circuit.cell["Xfirst_up"].parameters
    gates = float(first["w"]) * float(first["l"]) * unit**2 * C_OX / c_fb
    budget = leakage + share * mirror / (1 - share) + edges + gates
    assert measured == pytest.approx(expected, rel=budget)
    assert budget < 0.1


def turned_over(neuron: orbit.Neuron) -> float:
    """Input in V over which the amplifier's output goes from 5 to 95 % of the supply."""
    supply = neuron.circuit.technology.supply
    lines = f"Vm m 0 0\n.dc Vm 0 {supply!r} 1e-4\n.save v(m) v(spike)"
    found = neuron.circuit.measure(lines, ["m", "spike"])
    begin, end = (crossing(found["m"], found["spike"], share * supply) for share in (0.05, 0.95))
    return float(end[0] - begin[0])


def test_it_has_no_leak_to_speak_of() -> None:
    """Whatever the membrane is at: a hundredth of the current that it is designed for."""
    neuron = axon_hillock.design(generic180, CURRENT, RATE, WIDTH)
    _, leak = orbit.held(neuron, neuron.legs[0], 0.0)
    assert np.abs(leak).max() < 0.01 * CURRENT


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"current": 0.0}, "current must be finite and > 0"),
        ({"width": 0.02}, "width must be below 1/rate = 0.01 s"),
        ({"width": 1e-9}, r"I_reset must be in .*weak inversion"),
        ({"swing": 2.0}, "swing must be below the supply"),
        ({"swing": 0.7}, r"swing must be in .* V: the amplifier trips at 0\.\d+ V"),
    ],
)
def test_what_no_axon_hillock_can_do_is_told(given: dict[str, float], message: str) -> None:
    wanted = {"current": CURRENT, "rate": RATE, "width": WIDTH} | given
    with pytest.raises(ValueError, match=message):
        axon_hillock.design(generic180, **wanted)
