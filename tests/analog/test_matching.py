"""Pelgrom's coefficients, extracted from simulated mismatch."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog import pdk
from rheobase.analog.matching import SIDES, Matching, matching
from rheobase.analog.technology import generic180

GF180 = Path(os.environ.get("RHEOBASE_SHARED", "")) / "pdk" / "gf180mcu"
Z = 3.3  # one of a thousand normal numbers is further away


@pytest.fixture(scope="module", params=["n", "p"])
def generic(request: pytest.FixtureRequest) -> Matching:
    return matching(generic180, request.param)


def test_generic180_has_the_coefficients_of_its_card(generic: Matching) -> None:
    """A_VT = 5 mV um and A_K = 1 % um; thresholds alone make up to 0.4 % um of A_K, in square."""
    assert abs(generic.a_vt - 5e-9) < Z * generic.a_vt_error
    assert 1e-8 - Z * generic.a_k_error < generic.a_k
    assert generic.a_k < np.hypot(1e-8, 0.4e-8) + Z * generic.a_k_error
    assert generic.a_vt_error == pytest.approx(generic.a_vt / np.sqrt(2 * 3 * generic.pairs))


def test_the_deviation_goes_as_the_inverse_root_of_the_area(generic: Matching) -> None:
    each = np.array(generic.deviations) * np.array(SIDES)
    assert np.abs(each / generic.a_vt - 1).max() < Z / np.sqrt(2 * generic.pairs)


def test_a_card_of_twice_the_mismatch_is_told_apart(tmp_path: Path) -> None:
    (original,) = generic180.files
    text = original.read_text().replace("agauss(0, 5m*", "agauss(0, 10m*")
    (tmp_path / original.name).write_text(text)
    found = matching(replace(generic180, files=(tmp_path / original.name,)), "n")
    assert abs(found.a_vt - 10e-9) < Z * found.a_vt_error
    assert abs(found.a_vt - 5e-9) > 10 * found.a_vt_error


@pytest.mark.needs_shared
@pytest.mark.parametrize(("kind", "a_vt"), [("n", 7.148e-9), ("p", 6.66e-9)])
def test_gf180mcu_has_the_coefficients_of_the_kit(
    kind: str, a_vt: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kit divides by an effective area, W + 0.1 um by L - 0.15 um, and varies thresholds only.

    That makes the larger of A_VT as drawn by what these areas lack, at most 1.5 %, at W = L = 2 um.
    """
    monkeypatch.setenv("PDK_ROOT", str(GF180))
    found = matching(pdk.gf180mcu(), kind)
    sides = np.array(SIDES) * 1e6
    drawn = a_vt * np.sqrt(np.mean(sides**2 / ((sides + 0.1) * (sides - 0.15))))
    assert drawn < 1.015 * a_vt
    assert abs(found.a_vt - drawn) < Z * found.a_vt_error
    assert found.a_k < 0.25e-8


def test_one_pair_has_no_spread() -> None:
    with pytest.raises(ValueError, match="pairs must be >= 2, not 1"):
        matching(generic180, "n", pairs=1)
