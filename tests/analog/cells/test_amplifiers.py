"""The five-transistor OTA and the one of wide linear range against their equations."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rheobase.analog.cells import ota, wide_ota
from rheobase.analog.cells.bench import Design
from rheobase.analog.subthreshold import gate, raised, transistor
from rheobase.analog.technology import Technology, generic180

from .conftest import Copied

STEP = 2e-3  # V; a parabola through three points is exact to 1e-3 of the slope


def mirrors(
    technology: Technology, design: Design, v_tail: float, copied: Copied
) -> tuple[float, float]:
    """Errors of the tail mirror and of the load."""
    current, middle = design.currents["bias"], technology.supply / 2
    size = gate(technology, current)
    tail = copied(technology, "n", size, current, v_tail)
    return tail, copied(technology, "p", size, current / 2, middle)


@pytest.mark.parametrize("g_m", [3e-10, 3e-8])
def test_an_ota_has_the_slope_it_was_designed_for(
    technology: Technology, g_m: float, copied: Copied
) -> None:
    """``I_bias/(2 n U_T)`` within the errors of its mirrors and the variation of n.

    The offset is what an uneven load and pair make of it: ``n U_T`` times their relative error.
    """
    middle = technology.supply / 2
    design = ota.design(technology, g_m, middle)
    v, i = ota.characteristic(design, middle, 0.1, STEP)
    current = design.currents["bias"]
    pair = ota.gates(technology, current)[0]
    n = raised(technology, "n", "v_common", middle, current / 2, pair)
    tail, load = mirrors(technology, design, n.v_sb, copied)
    budget = tail + load / 2 + n.spread
    slope, offset = ota.transconductance(v, i)
    assert slope == pytest.approx(g_m, rel=budget)
    uneven = load + middle / n.early  # the drains of the pair differ by less than that
    assert abs(offset) <= n.n * n.thermal_voltage * uneven
    at_ground = transistor(technology, "n").n  # a fault: the pair's source is not at its bulk
    assert slope * at_ground / n.n != pytest.approx(g_m, rel=budget / 2)


@pytest.mark.parametrize(
    "chip",
    [{"temperature": -20.0}, {"temperature": 85.0}, {"corner": "ff"}, {"corner": "ss"}],
    ids=lambda chip: "-".join(map(str, chip.values())),
)
def test_an_ota_is_designed_for_its_temperature_and_corner(
    chip: dict[str, Any], copied: Copied
) -> None:
    """A design for 27 degrees would be 16 to 20 % off at the others: U_T."""
    technology, g_m = replace(generic180, **chip), 3e-9
    design = ota.design(technology, g_m, 0.9)
    current = design.currents["bias"]
    n = raised(technology, "n", "v_common", 0.9, current / 2, ota.gates(technology, current)[0])
    tail, load = mirrors(technology, design, n.v_sb, copied)
    budget = tail + load / 2 + n.spread
    slope, _ = ota.transconductance(*ota.characteristic(design, 0.9, 0.1, STEP))
    assert slope == pytest.approx(g_m, rel=budget)
    if "temperature" in chip:
        ignorant = ota.design(generic180, g_m, 0.9).currents["bias"]
        assert ignorant / current != pytest.approx(1.0, rel=2 * budget)


def test_a_wide_ota_has_its_slope_and_its_shape(technology: Technology, copied: Copied) -> None:
    """``I_bias sinh(x)/(2 + cosh(x))``; without the bump it would be ``I_bias tanh(x/2)``."""
    middle, g_m = technology.supply / 2, 3e-9
    design = wide_ota.design(technology, g_m, middle)
    v, i = ota.characteristic(design, middle, 0.4, STEP)
    current = design.currents["bias"]
    pair = ota.gates(technology, current)[0]
    upper, lower = wide_ota.stack(technology, middle, current / 3, pair)
    scale = wide_ota.scale(upper, lower)
    tail, load = mirrors(technology, design, lower.v_sb, copied)
    budget = tail + load / 2 + upper.spread + lower.spread
    slope, offset = ota.transconductance(v, i)
    assert slope == pytest.approx(g_m, rel=budget)
    x = (v - offset) / scale
    assert np.abs(i / current - np.sinh(x) / (2 + np.cosh(x))).max() <= budget
    assert np.abs(i / current - np.tanh(x / 2)).max() > 2 * budget


def test_the_wide_range_is_at_least_three_times_the_narrow_one(technology: Technology) -> None:
    """Deviations of a tenth; ``1.13 n U_T`` and ``2.2 n (1 + n') U_T`` by the equations."""
    middle = technology.supply / 2
    designs = [module.design(technology, 3e-9, middle) for module in (ota, wide_ota)]
    narrow, wide = (
        ota.linear_range(*ota.characteristic(each, middle, 0.4, STEP)) for each in designs
    )
    assert wide > 3 * narrow
    assert narrow > 0.035
    assert wide > 0.17


def test_the_predicted_range_is_where_the_equation_leaves_its_line() -> None:
    limit = wide_ota.predicted_range(scale=1.0)
    assert 3 * np.sinh(limit) / (limit * (2 + np.cosh(limit))) == pytest.approx(0.9, rel=1e-9)


@pytest.mark.parametrize("module", [ota, wide_ota])
def test_what_an_amplifier_cannot_do_is_told(module: object) -> None:
    design = getattr(module, "design")  # noqa: B009
    with pytest.raises(ValueError, match=r"bias current must be in .*leaves weak inversion"):
        design(generic180, 1e-3, 0.9)
    with pytest.raises(ValueError, match=r"bias current must be in .*its leakage at V_GS = 0"):
        design(generic180, 1e-13, 0.9)
    with pytest.raises(ValueError, match=r"v_common (leaves no headroom|must be in)"):
        design(generic180, 1e-9, 0.1)
    with pytest.raises(ValueError, match=r"v_common must be in .*1.790 V.*4 U_T"):
        design(generic180, 1e-9, 1.79)
    with pytest.raises(ValueError, match="g_m must be finite and > 0"):
        design(generic180, 0.0, 0.9)


def test_a_span_inside_the_linear_range_is_refused() -> None:
    v, i = ota.characteristic(wide_ota.design(generic180, 3e-9, 0.9), 0.9, 0.05, STEP)
    with pytest.raises(ValueError, match="widen its span"):
        ota.linear_range(v, i)
