"""The exponential onset: its slope, where it is as large as the leak's, what it cannot do."""

import numpy as np
import pytest

from rheobase.analog.cells import exponential_onset
from rheobase.analog.cells.bench import Design
from rheobase.analog.subthreshold import transistor
from rheobase.analog.technology import Technology, generic180

G_M, HOLDS = 50e-9, 2.0


def test_its_current_is_exponential_with_the_slope_of_the_transistor(
    technology: Technology,
) -> None:
    """From ``v_t - delta_t`` to ``v_t + 2 delta_t``.

    Budget: the spread of n of both transistors, and the inversion coefficient that the current
    reaches, by which g_m falls below ``I/(n U_T)``. A slope of ``2 n U_T`` would be seen.
    """
    v_t = technology.supply / 2 + 50e-3
    most = G_M * 40e-3 * np.exp(HOLDS)
    cell, v_exp, delta_t = exponential_onset.design(technology, G_M, v_t, most)
    design = Design(cell, {"v_exp": 0.0})
    low, high = v_t - delta_t, v_t + HOLDS * delta_t
    lines = f"Vexp v_exp 0 {v_exp!r}\nVm v_m 0 0\n.dc Vm {low!r} {high!r} 1e-3\n.save v(v_m) i(Vm)"
    found = design.measure(lines, ["v_m", "vm#branch"])
    v, i = found["v_m"], found["vm#branch"]
    slope = 1 / np.polyfit(v, np.log(i), 1)[0]
    n, p = transistor(technology, "n"), transistor(technology, "p")
    inversion = most / (cell_ratio(cell) * n.i0)
    assert slope == pytest.approx(delta_t * (1 + inversion), rel=n.spread + p.spread + inversion)
    assert n.spread + p.spread + inversion < 0.5


def cell_ratio(cell: exponential_onset.ExponentialOnset) -> float:
    """W/L of its transistors."""
    drawn = cell["Xsense"].parameters
    return float(drawn["w"]) / float(drawn["l"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"most": 1e-6}, r"onset's current must be in .*leaves weak inversion"),
        ({"v_t": 0.2, "g_m": 1e-7}, r"v_t leaves no headroom"),
        ({"v_t": 2.2}, r"v_exp must be in .*4 U_T below the mirror"),
    ],
)
def test_what_no_onset_can_do_is_told(given: dict[str, float], message: str) -> None:
    wanted = {"g_m": G_M, "v_t": 0.95, "most": 10e-9} | given
    with pytest.raises(ValueError, match=message):
        exponential_onset.design(generic180, **wanted)
