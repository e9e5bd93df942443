"""The model card: its transistors have the published subthreshold figures of a 180 nm process."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog import ngspice
from rheobase.analog.technology import generic180

DECK = """device
{models}
Vd d 0 {drain}
Vg g 0 0
X1 d g 0 0 {model} w=20u l=2u ad=10p as=10p pd=41u ps=41u
.options reltol=1e-6 abstol=1e-18 gmin=1e-18
.dc Vg 0 {gate} {step}
.save v(g) i(Vd)
.end
"""


def transfer(model: str, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Gate voltage and drain current, both positive, saturated."""
    deck = DECK.format(
        model=model, models=generic180.models, drain=0.9 * sign, gate=0.7 * sign, step=0.005 * sign
    )
    result = ngspice.run(deck, ["g", "vd#branch"], generic180.texts)
    return sign * result["g"], -sign * result["vd#branch"]


@pytest.mark.parametrize(
    ("model", "sign", "technology_current"), [("nch", 1, 0.64e-6), ("pch", -1, 0.135e-6)]
)
def test_slope_factor_and_technology_current(model: str, sign: int, technology_current: float):
    """n = 1.35 and I0 = 0.64, 0.135 uA (Binkley 2008).

    In the EKV model ``gm n U_T/I = 1/(1/2 + sqrt(1/4 + I/(I0 W/L)))``, 0.618 at ``I = I0 W/L``. The
    shape of moderate inversion differs between that model and BSIM3 by up to a tenth.
    """
    v, i = transfer(model, sign)
    efficiency = np.gradient(np.log(i), v) * generic180.thermal_voltage
    weak = (i > 1e-11) & (i < 1e-9)
    n = 1 / efficiency[weak].mean()
    assert n == pytest.approx(1.35, rel=0.03)
    moderate = np.interp(-0.618, -efficiency[v > 0.1] * n, np.log(i[v > 0.1]))
    assert np.exp(moderate) / 10 == pytest.approx(technology_current, rel=0.1)


def test_leakage_is_far_below_the_smallest_bias():
    """A mirror of the slow neuron, ten times longer than wide, is biased with 5 pA."""
    for model, sign in (("nch", 1), ("pch", -1)):
        _, i = transfer(model, sign)
        assert 0 < i[0] / 10 * 0.1 < 0.1 * 5e-12


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("supply", 0.0),
        ("supply", float("nan")),
        ("l_min", -1.0),
        ("temperature", -300.0),
        ("files", (Path("absent.lib"),)),
        ("corner", "slow"),
        ("seed", 0),
    ],
)
def test_wrong_parameters_are_named(field: str, value: object):
    with pytest.raises(ValueError, match=field):
        replace(generic180, **{field: value})
