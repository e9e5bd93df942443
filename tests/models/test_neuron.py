"""The neuron's parameters are checked at the constructor."""

import re

import pytest

from rheobase.models.neuron import LIF

BRUNEL = {"tau_m": 20e-3, "v_th": 20e-3, "v_reset": 10e-3, "t_ref": 2e-3}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"tau_m": 0.0}, "tau_m must be > 0 s, not 0.0"),
        ({"tau_m": -1.0}, "tau_m must be > 0 s, not -1.0"),
        ({"t_ref": -1e-3}, "t_ref must be >= 0 s, not -0.001"),
        ({"v_reset": 20e-3}, "v_reset must be < v_th = 0.02 V, not 0.02"),
        ({"v_rest": 0.03}, "v_rest must be < v_th = 0.02 V, not 0.03"),
        ({"c_m": 0.0}, "c_m must be > 0 F, not 0.0"),
        ({"v_th": float("nan")}, "v_th must be finite, not nan"),
    ],
)
def test_values_out_of_range(change: dict[str, float], error: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
        LIF(**(BRUNEL | change))


def test_types() -> None:
    with pytest.raises(TypeError, match="tau_m must be a number in SI units, not '20 ms'"):
        LIF(**(BRUNEL | {"tau_m": "20 ms"}))  # type: ignore[arg-type]


def test_resistance() -> None:
    assert LIF(**BRUNEL, c_m=1e-12).resistance == 2e10
    with pytest.raises(ValueError, match="c_m is needed"):
        _ = LIF(**BRUNEL).resistance
