"""The reset switch: how soon the membrane is at its reset voltage, and what opening it leaves."""

import numpy as np
import pytest

from rheobase.analog.cells import reset_switch
from rheobase.analog.technology import Technology, generic180

TIME = 40e-9


def test_the_membrane_settles_in_the_time(technology: Technology) -> None:
    """From 0.1 V to 0.1 mV: ln 1000 time constants, of which the equation gives three quarters.

    A switch a third as wide would be seen.
    """
    middle = technology.supply / 2
    left, _ = reset_switch.response(
        reset_switch.design(technology, 2e-12, middle, TIME), 2e-12, middle, TIME
    )
    assert left < 0.1 * np.exp(-0.75 * np.log(1000))
    narrow = reset_switch.design(technology, 2e-12, middle, 3 * TIME)
    assert reset_switch.response(narrow, 2e-12, middle, TIME)[0] > 0.1 * np.exp(
        -0.75 * np.log(1000)
    )


def test_the_step_is_overlap_and_channel_charge() -> None:
    """``-(C_ov V_dd + Q_ch/2)/C_m``, Q_ch = C_ox W L (V_dd - v_reset - V_T); both of the card."""
    size = reset_switch.sized(generic180, 2e-12, 0.9, TIME)
    _, step = reset_switch.response(
        reset_switch.design(generic180, 2e-12, 0.9, TIME), 2e-12, 0.9, TIME
    )
    channel = 8.42e-3 * size.w * size.l * (0.9 - 0.6)
    expected = -(3e-10 * size.w * 1.8 + channel / 2) / 2e-12
    assert step == pytest.approx(expected, rel=0.3)


def test_the_step_does_not_grow_with_the_capacitor() -> None:
    """The gate grows with it."""
    (small, large) = (
        reset_switch.response(reset_switch.design(generic180, c, 0.9, TIME), c, 0.9, TIME)[1]
        for c in (2e-12, 20e-12)
    )
    assert small == pytest.approx(large, rel=0.01)


def test_a_supply_that_does_not_close_the_switch_is_told(technology: Technology) -> None:
    with pytest.raises(
        ValueError, match=r"v_reset on the chip must be in 0.000 .. .*supply on its gate"
    ):
        reset_switch.design(technology, 2e-12, technology.supply - 0.3, TIME)
