"""The neuron's parameters are checked at the constructor."""

import re

import pytest

from rheobase.models.neuron import EIF, LIF, QIF, ConductanceLIF

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


@pytest.mark.parametrize(
    ("neuron", "change", "error"),
    [
        (EIF, {"delta_t": 0.0}, "delta_t must be > 0 V, not 0.0"),
        (EIF, {"v_peak": 0.02}, "v_th must be < v_peak = 0.02 V, not 0.02"),
        (EIF, {"v_reset": 0.05}, "v_reset must be < v_peak = 0.04 V, not 0.05"),
        (EIF, {"v_peak": float("inf")}, "v_peak must be finite, not inf"),
        (QIF, {"v_scale": -1e-3}, "v_scale must be > 0 V, not -0.001"),
        (QIF, {"v_peak": float("nan")}, "v_peak must be finite, not nan"),
        (QIF, {"v_peak": -0.1, "v_reset": 0.1}, "v_reset must be < v_peak = -0.1 V, not 0.1"),
        (ConductanceLIF, {"e_e": 0.01}, "v_th must be < e_e = 0.01 V, not 0.02"),
        (ConductanceLIF, {"e_i": 0.03}, "e_i must be < v_th = 0.02 V, not 0.03"),
    ],
)
def test_other_neurons(neuron: type, change: dict[str, float], error: str) -> None:
    good: dict[type, dict[str, float]] = {
        EIF: BRUNEL | {"delta_t": 2e-3, "v_peak": 40e-3},
        QIF: {"tau_m": 20e-3, "v_scale": 10e-3},
        ConductanceLIF: BRUNEL | {"e_e": 70e-3, "e_i": -10e-3},
    }
    neuron(**good[neuron])
    with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
        neuron(**(good[neuron] | change))
