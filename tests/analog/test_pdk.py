"""Process design kits: found in both layouts, run in all corners, mismatched only on request."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rheobase.analog import ngspice, pdk
from rheobase.analog.technology import Technology, generic180

GF180 = Path(os.environ.get("RHEOBASE_SHARED", "")) / "pdk" / "gf180mcu"

PAIRS = """{count} pairs of transistors, diode-connected voltages, saturated
{models}
Vdd vdd 0 {supply}
Vn n 0 {gate}
Vp p 0 {{{supply} - {gate}}}
{devices}
.options reltol=1e-6 abstol=1e-18 gmin=1e-18
.op
.save {saved}
.end
"""


def currents(technology: Technology, gate: float, count: int = 1) -> np.ndarray:
    """Drain currents in A of equal devices, shape (2, count): n and p."""
    devices, saved = [], []
    size = "w=4u l=1u ad=2p as=2p pd=9u ps=9u"
    for k in range(count):
        devices += [
            f"Vdn{k} dn{k} 0 {technology.supply / 2}",
            f"Xn{k} dn{k} n 0 0 {technology.nmos} {size}",
            f"Vdp{k} dp{k} 0 {technology.supply / 2}",
            f"Xp{k} dp{k} p vdd vdd {technology.pmos} {size}",
        ]
        saved += [f"vdn{k}#branch", f"vdp{k}#branch"]
    deck = PAIRS.format(
        count=count,
        models=technology.models,
        supply=technology.supply,
        gate=gate,
        devices="\n".join(devices),
        saved=" ".join(f"i({name.removesuffix('#branch')})" for name in saved),
    )
    found = ngspice.run(deck, saved, technology.texts)
    values = np.array([found[name][0] for name in saved]).reshape(count, 2).T
    return values * np.array([[-1.0], [1.0]])


@pytest.fixture(params=["generic180", pytest.param("gf180mcu", marks=pytest.mark.needs_shared)])
def technology(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Technology:
    if request.param == "generic180":
        return generic180
    monkeypatch.setenv("PDK_ROOT", str(GF180))
    return pdk.gf180mcu()


def test_fast_corners_are_fast_and_mixed_ones_are_mixed(technology: Technology) -> None:
    n, p = (
        dict(zip(technology.corners, column, strict=True))
        for column in np.hstack(
            [currents(replace(technology, corner=c), 0.5) for c in technology.corners]
        )
    )
    for kind, mixed in ((n, ("sf", "fs")), (p, ("fs", "sf"))):
        slow, fast = mixed
        assert kind["ss"] < kind["typical"] < kind["ff"]
        assert kind[slow] < kind["typical"] < kind[fast]


def test_devices_differ_only_with_a_seed_and_the_same_seed_is_the_same_chip(
    technology: Technology,
) -> None:
    count = 20
    assert np.ptp(currents(technology, 0.5, count), axis=1) == pytest.approx([0, 0], abs=0)
    one, again, other = (currents(replace(technology, seed=s), 0.5, count) for s in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.any(one == other)
    assert len(np.unique(one)) == 2 * count


def test_generic_mismatch_is_pelgroms() -> None:
    """sd(ln I) = sqrt((A_VT/(n U_T))**2 + A_K**2)/sqrt(2 W L) in weak inversion, n = 1.35.

    400 devices of 4 um2: the standard deviation has a relative error of 1/sqrt(800) = 3.5 %.
    """
    logs = np.log(currents(replace(generic180, seed=7), 0.25, 400))
    expected = np.hypot(5e-3 / (1.35 * generic180.thermal_voltage), 0.01) / np.sqrt(2 * 4)
    assert logs.std(axis=1) == pytest.approx(expected, rel=4 / np.sqrt(800))


def test_temperature_raises_a_subthreshold_current(technology: Technology) -> None:
    cold, warm = (currents(replace(technology, temperature=t), 0.3) for t in (-20.0, 85.0))
    assert np.all(warm > 2 * cold)


@pytest.mark.needs_shared
@pytest.mark.parametrize("layout", ["flat", "open_pdks", "open_pdks with PDK"])
def test_both_layouts_are_found(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path if layout == "flat" else tmp_path / "gf180mcuD" / "libs.tech" / "ngspice"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "design.ngspice").symlink_to(GF180 / "design.ngspice")
    (folder / "sm141064.ngspice").symlink_to(GF180 / "gf180_3p3_all.lib")
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    if layout == "open_pdks with PDK":
        (tmp_path / "gf180mcuA" / "libs.tech" / "ngspice").mkdir(parents=True)
        monkeypatch.setenv("PDK", "gf180mcuD")
    found = pdk.gf180mcu()
    assert str(folder / "sm141064.ngspice") in found.models
    assert np.all(currents(found, 0.5) > 0)


def test_what_is_no_kit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PDK_ROOT", raising=False)
    with pytest.raises(ValueError, match="PDK_ROOT is not set"):
        pdk.gf180mcu()
    monkeypatch.setenv("PDK_ROOT", str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"PDK_ROOT must name a folder, not '.*absent'"):
        pdk.sky130()
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    for kit in pdk.KITS.values():
        with pytest.raises(ValueError, match=f"holds no {kit.__name__}: .* must be in it or in"):
            kit()
