"""The technologies that cells are held in, and the errors that an equation of a cell may have."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog import pdk
from rheobase.analog.cells.cell import Size
from rheobase.analog.subthreshold import transistor
from rheobase.analog.technology import Technology, generic180

GF180 = Path(os.environ.get("RHEOBASE_SHARED", "")) / "pdk" / "gf180mcu"


@pytest.fixture(params=["generic180", pytest.param("gf180mcu", marks=pytest.mark.needs_shared)])
def technology(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Technology:
    """One technology after the other."""
    if request.param == "generic180":
        return generic180
    monkeypatch.setenv("PDK_ROOT", str(GF180))
    return pdk.gf180mcu()


Copied = Callable[[Technology, str, Size, float, float], float]


@pytest.fixture
def copied() -> Copied:
    """Relative error of a mirror of the kind and gate at a current, its output at V_DS.

    ``(V_DS - V_GS)/V_A + exp(-V_GS/U_T)``: the diode has V_DS = V_GS, and V_A is measured on one
    transistor; the second term is what the diode lacks of saturation.
    """

    def error(technology: Technology, kind: str, size: Size, current: float, v_ds: float) -> float:
        found = transistor(technology, kind, size=size)
        diode = found.gate_voltage(current, size)
        return abs(v_ds - diode) / found.early + float(np.exp(-diode / found.thermal_voltage))

    return error
