"""The refractory pulse: its width, whatever started it."""

from dataclasses import replace

import pytest

from rheobase.analog.cells import refractory_pulse
from rheobase.analog.subthreshold import transistor
from rheobase.analog.technology import Technology, generic180


@pytest.mark.parametrize("width", [2e-3, 2e-6])
def test_its_width_is_charge_over_bias(technology: Technology, width: float) -> None:
    """``c_ref V_SG,p/I`` to 40 %: the gates on c_ref, and inverters that answer late.

    Half of the bias makes it twice as wide to 15 %; the rest is leakage and their delay.
    """
    speed, length = (2.5e-9, 10) if width > 1e-3 else (100e-9, 1)
    design = refractory_pulse.design(technology, width, speed, length * technology.l_min)
    found = refractory_pulse.measured(design, width)
    assert found == pytest.approx(width, rel=0.4)
    half = replace(design, currents=design.currents | {"bias": design.currents["bias"] / 2})
    assert refractory_pulse.measured(half, width) == pytest.approx(2 * found, rel=0.15)


def test_its_design_is_its_equation() -> None:
    """Twice the starving current moves the trip point by ``n U_T ln 2``."""
    one, two = (refractory_pulse.sized(generic180, 1e-3, i, 1.8e-6)[0] for i in (1e-9, 2e-9))
    found = transistor(generic180, "p")
    expected = 0.1e-12 * found.n * found.thermal_voltage * 0.6931 / 1e-3
    assert two - one == pytest.approx(expected, rel=1e-3)


def test_what_it_cannot_do_is_told() -> None:
    with pytest.raises(ValueError, match="width must be finite and > 0, not 0"):
        refractory_pulse.design(generic180, 0.0, 1e-9, 1.8e-6)
