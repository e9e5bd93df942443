"""The figures of the report that are not plain curves."""

import numpy as np

from rheobase.cosim import figures
from rheobase.cosim.findings import Curve


def test_energy_is_a_bar_of_blocks_for_each_setting() -> None:
    joules = {"speed-up 1": (1e-12, 201e-12, 2e-12), "speed-up 1000": (0.4e-12, 7e-12, 1.6e-12)}
    curves = [
        Curve("energy", "e", block, "spice", setting, "measured", np.zeros(1), np.array([joule]),
              "", "energy in an interval (J)")
        for setting, each in joules.items()
        for block, joule in zip(("leak", "comparator", "refractory"), each, strict=True)
    ]  # fmt: skip
    ((caption, svg),) = figures.draw(curves)["e"]
    assert caption.startswith("Energy of the transistors by block")
    for text in ("speed-up 1: 204 pJ", "speed-up 1000: 9 pJ", "201 pJ", "7 pJ", "1.6 pJ"):
        assert text in svg
    for block in ("leak", "comparator", "refractory"):
        assert svg.count(f">{block}<") == 1
    assert "400 fJ" not in svg  # too small a share to be labelled


def test_spikes_of_populations_share_a_figure_and_have_a_legend() -> None:
    curves = [
        Curve("spikes", "e", name, substrate, "dt 1 ms", "measured", np.array([0.1, 0.2]),
              np.array([number, number]), "time (s)", "neuron")
        for number, (name, substrate) in enumerate((("E", "spice"), ("I", "rtl")))
    ]  # fmt: skip
    ((caption, svg),) = figures.draw(curves)["e"]
    assert caption == "Spikes of the closed loop"
    for text in ("E: spice, dt 1 ms", "I: rtl, dt 1 ms", "time (s)", "neuron"):
        assert svg.count(f">{text}<") == 1
