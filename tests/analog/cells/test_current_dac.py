"""The current DAC: monotonic by design, and with mismatch of its own."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog.cells import current_dac
from rheobase.analog.subthreshold import gate, transistor
from rheobase.analog.technology import Technology, generic180

from .conftest import Copied

BITS = 6


def test_codes_are_currents(technology: Technology, copied: Copied) -> None:
    """``code I_bias`` within the errors of its two mirrors; even steps; nothing at code 0.

    The mirrors' outputs are at most the supply from their rail. A missing unit would be seen.
    """
    least, middle = 1e-10, technology.supply / 2
    design = current_dac.design(technology, least, BITS)
    currents = current_dac.outputs(design, middle)
    codes = np.arange(2**BITS)
    unit, mirror = gate(technology, least), gate(technology, least * np.sqrt(63))
    gain = copied(technology, "n", unit, least, technology.supply)
    gain += copied(technology, "p", mirror, least, middle)
    assert currents[1:] == pytest.approx(codes[1:] * least, rel=gain)
    steps = np.diff(currents) / currents[1]
    assert np.all(steps > 0)
    assert np.abs(steps - 1).max() < gain
    assert currents[0] < 0.05 * least
    design.cell["Xunit3_0"].detach()
    faulted = np.diff(current_dac.outputs(design, middle)) / currents[1]
    assert np.abs(faulted - 1).max() > gain and faulted.min() < 0.2


def test_its_mismatch_is_pelgroms_and_reproducible() -> None:
    """``sd(ln I) = sqrt((A_VT/(n U_T))**2 + A_K**2)/sqrt(2 W L)`` for each transistor.

    At code 1 four transistors matter: the diode and the unit, and the two of the pMOS mirror. 60
    chips: the standard deviation has a relative error of 1/sqrt(118), and three of them are one
    test in 400.
    """
    chips = 60
    least = 1e-10
    first = []
    for seed in range(1, chips + 1):
        technology = replace(generic180, seed=seed)
        first.append(current_dac.outputs(current_dac.design(technology, least, 1), 0.9)[1])
    unit = gate(generic180, least)
    variance = sum(
        2 * ((5e-3 / (n * generic180.thermal_voltage)) ** 2 + 0.01**2) / (2e12 * unit.w * unit.l)
        for n in (transistor(generic180, kind).n for kind in ("n", "p"))
    )
    assert np.std(np.log(first), ddof=1) == pytest.approx(np.sqrt(variance), rel=3 / np.sqrt(118))
    again = current_dac.design(replace(generic180, seed=1), least, 1)
    assert current_dac.outputs(again, 0.9)[1] == first[0]


def test_a_mismatched_chip_is_not_the_nominal_one_at_the_major_step() -> None:
    """From 31 to 32 all units change: the step may be negative, which calibration must take."""
    steps = [
        np.diff(
            current_dac.outputs(
                current_dac.design(replace(generic180, seed=seed), 1e-10, BITS), 0.9
            )
        )[31]
        for seed in (1, 2, 3)
    ]
    assert np.ptp(steps) > 0.1e-10


@pytest.mark.parametrize(
    ("least", "bits", "message"),
    [
        (1e-10, 0, r"bits must be in 1 .. 6, not 0"),
        (1e-10, 7, r"bits must be in 1 .. 6, not 7"),
        (1e-13, 4, r"DAC's step must be in .*leakage"),
        (1e-8, 6, r"DAC's full scale must be in .*weak inversion"),
    ],
)
def test_what_the_dac_cannot_do_is_told(least: float, bits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        current_dac.design(generic180, least, bits)


def test_a_supply_without_room_for_the_switches_is_told() -> None:
    low = replace(generic180, supply=0.6)
    with pytest.raises(ValueError, match=r"the supply must be in .*switches need their threshold"):
        current_dac.design(low, 1e-10, 4)
