"""Subthreshold figures: the published ones of our card, the measured ones of a kit."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog import pdk
from rheobase.analog.subthreshold import (
    SQUARE,
    drift,
    efficiency,
    gate,
    raised,
    slope_factor,
    transfer,
    transistor,
)
from rheobase.analog.technology import Technology, generic180

GF180 = Path(os.environ.get("RHEOBASE_SHARED", "")) / "pdk" / "gf180mcu"


@pytest.fixture
def gf180mcu(monkeypatch: pytest.MonkeyPatch) -> Technology:
    monkeypatch.setenv("PDK_ROOT", str(GF180))
    return pdk.gf180mcu()


def edited(folder: Path, old: str, new: str) -> Technology:
    """Our card with one change."""
    (original,) = generic180.files
    text = original.read_text()
    assert old in text
    (folder / original.name).write_text(text.replace(old, new))
    return replace(generic180, files=(folder / original.name,))


@pytest.mark.parametrize(("kind", "technology_current"), [("n", 0.64e-6), ("p", 0.135e-6)])
def test_generic180_has_the_published_figures(kind: str, technology_current: float) -> None:
    """n = 1.35 and I0 of Binkley (2008).

    The card's NFACTOR of two digits, 1.2, leaves ``0.05 0.35/1.2`` of n open, and its VOFF more of
    I0 than the tenth by which the shape of BSIM3's moderate inversion differs from EKV's.
    """
    found = transistor(generic180, kind)
    assert found.n_0 == pytest.approx(1.35, abs=0.05 * 0.35 / 1.2)
    assert found.i0 == pytest.approx(technology_current, rel=0.1)


@pytest.mark.needs_shared
@pytest.mark.parametrize(("kind", "n"), [("n", 1.417), ("p", 1.487)])
def test_gf180mcu_has_the_slope_factor_measured_before(
    gf180mcu: Technology, kind: str, n: float
) -> None:
    """By another deck, as a slope from 10 pA to 1 nA; over that range n varies by 5 %.

    How it is averaged makes a tenth of that.
    """
    assert transistor(gf180mcu, kind).n == pytest.approx(n, rel=0.005)


@pytest.mark.parametrize("kind", ["n", "p"])
def test_the_threshold_of_generic180_drifts_as_its_doping_says(kind: str, tmp_path: Path) -> None:
    """``V_T = -E_g/2q + phi/2 + gamma sqrt(phi)`` with ``phi = 2 kT/q ln(NCH/n_i)``, silicon's n_i.

    Against a card whose threshold stays; KT1 has two digits. BSIM3's default would be seen.
    """

    def threshold(celsius: float) -> float:
        kelvin = celsius + 273.15
        volts = 1.380649e-23 * kelvin / 1.602176634e-19
        gap = 1.16 - 7.02e-4 * kelvin**2 / (kelvin + 1108)
        gap_27 = 1.16 - 7.02e-4 * 300.15**2 / (300.15 + 1108)
        intrinsic = 1.45e10 * (kelvin / 300.15) ** 1.5
        intrinsic *= np.exp(gap_27 / (2 * 0.0258649) - gap / (2 * volts))
        phi = 2 * volts * np.log(6.7e17 / intrinsic)
        return float(-gap / 2 + phi / 2 + 0.56 * np.sqrt(phi))

    def moved(technology: Technology) -> float:
        still = edited(tmp_path, "kt1=-0.25", "kt1=0")
        return drift(technology, kind).v_th - drift(still, kind).v_th

    expected = (threshold(85.0) - threshold(-20.0)) / 105
    assert moved(generic180) == pytest.approx(expected, rel=0.04)
    (tmp_path / "default").mkdir()
    default = edited(tmp_path / "default", "kt1=-0.25", "")
    assert abs(moved(default) / expected - 1) > 0.5


@pytest.mark.needs_shared
def test_gf180mcu_drifts_with_temperature_as_measured_before(gf180mcu: Technology) -> None:
    """V_GS at 1 nA: 0.512, 0.432 and 0.333 V at -20, 27 and 85 degrees; n moves by < 0.5 %."""
    assert drift(gf180mcu, "n").v_1 == pytest.approx((0.333 - 0.512) / 105, rel=0.01)
    slopes = [transistor(replace(gf180mcu, temperature=t), "n").n for t in (-20.0, 27.0, 85.0)]
    assert slopes == pytest.approx([slopes[1]] * 3, rel=0.005)


def test_a_card_of_another_slope_is_told_apart(tmp_path: Path) -> None:
    """``n - 1`` goes as NFACTOR."""
    steeper = transistor(edited(tmp_path, "nfactor=1.2", "nfactor=2.4"), "n")
    assert steeper.n_0 - 1 == pytest.approx(2 * (transistor(generic180, "n").n_0 - 1), rel=0.05)


@pytest.mark.parametrize("kind", ["n", "p"])
def test_the_exponential_law_holds_over_the_range_of_n(kind: str) -> None:
    """Its error is at most that of a slope off by the spread, over half of two decades."""
    found = transistor(generic180, kind)
    v, i = transfer(generic180, kind)
    worked = (i > 10e-12) & (i < 1e-9)
    law = [found.gate_voltage(float(each), SQUARE) for each in i[worked]]
    budget = found.n * found.thermal_voltage * found.spread * np.log(10)
    assert np.abs(law - v[worked]).max() < budget
    wide = gate(generic180, 4e-9)
    assert found.gate_voltage(4e-9, wide) == pytest.approx(
        found.gate_voltage(4e-9 * wide.l / wide.w, SQUARE)
    )


def test_the_slope_factor_rises_with_inversion() -> None:
    found = transistor(generic180, "n")
    assert slope_factor(generic180, "n", 1e-8) > found.n > found.n_0
    v, i = transfer(generic180, "n")
    assert 1 / efficiency(generic180, v, i).max() == pytest.approx(found.n_0)


def test_a_raised_source_has_a_smaller_slope_factor_and_a_larger_threshold() -> None:
    """``n = 1 + gamma/(2 sqrt(phi + V_P))`` in the EKV model: 1.28 at 0.6 V for 1.35 at 0."""
    ground = transistor(generic180, "n")
    found = raised(generic180, "n", "v", 0.9, 1e-9, SQUARE)
    assert found.n < ground.n and found.v_1 > ground.v_1
    assert found.v_sb == pytest.approx(0.9 - found.gate_voltage(1e-9, SQUARE), abs=0.01)
    gamma, phi = 0.56, (0.56 / (2 * 0.35)) ** 2
    assert found.n_0 / ground.n_0 == pytest.approx(
        (1 + gamma / (2 * np.sqrt(phi + found.v_sb))) / 1.35, rel=0.03
    )


def test_mismatch_does_not_change_the_figures() -> None:
    assert transistor(replace(generic180, seed=3), "n") == transistor(generic180, "n")


def test_bias_currents_out_of_range_are_told_with_the_reason() -> None:
    found = transistor(generic180, "n")
    found.require_weak("I", found.least, SQUARE)
    found.require_weak("I", found.most, SQUARE)
    with pytest.raises(ValueError, match=r"I must be in .* weak inversion, at 0.1 of its specific"):
        found.require_weak("I", 1.01 * found.most, SQUARE)
    with pytest.raises(ValueError, match=r"I must be in .* saturates: its leakage at V_GS = 0 is"):
        found.require_weak("I", 0.99 * found.least, SQUARE)
