# amaranth: UnusedElaboratable=no
"""Faulty SpiNNaker datapaths: random updates must find each; the vectors find those they can."""

from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module, Mux, Value

from rheobase.cosim.engines.pipeline import PipelineEngine
from rheobase.cosim.vectors.check import closed_loop
from rheobase.cosim.vectors.file import read
from rheobase.hdl.neurons.spinnaker import SpiNNakerDatapath, floor, scaled, wrapped
from rheobase.hdl.pipeline import Values
from tests.kinds import SORTS, differing

CASES = read(Path(__file__).parents[1] / "vectors" / "spinnaker_lif_arm.json")
UPDATES = 500_000


def saturated(value: Value) -> Value:
    """The nearest of 32 bits."""
    low, high = -(1 << 31), (1 << 31) - 1
    return Mux(value > high, high, Mux(value < low, low, value))[:32].as_signed()


class FloorTruncates(SpiNNakerDatapath):
    """Products round toward zero."""

    def target(self, m: Module, f: Values) -> dict[str, Value]:
        up = Mux(f["product"][-1], (1 << 15) - 1, 0)
        return super().target(m, {**f, "product": f["product"] + up})


class FloorSaturates(SpiNNakerDatapath):
    """Products saturate that should wrap."""

    def target(self, m: Module, f: Values) -> dict[str, Value]:
        return super().target(m, {**f, **self.saturate(m, f)})


class NearestWraps(SpiNNakerDatapath):
    """Products wrap that should saturate."""

    def saturate(self, m: Module, f: Values) -> dict[str, Value]:
        return {}


class NearestHalvesAwayFromZero(SpiNNakerDatapath):
    """Negative halves go down."""

    def saturate(self, m: Module, f: Values) -> dict[str, Value]:
        tie = (f["product"][:15] == 0) & (f["product"] <= 0)
        return super().saturate(m, {**f, "product": f["product"] - (tie << 15)})


class SumsSaturate(SpiNNakerDatapath):
    """Synaptic sums saturate that should wrap."""

    def arrive(self, m: Module, f: Values) -> dict[str, Value]:
        e, i = (saturated(f[name] + scaled(f[f"added_{name}"])) for name in "ei")
        return {"e": e, "i": i, "syn_e": e, "syn_i": i}


class DecayTruncates(SpiNNakerDatapath):
    """Negative sums decay toward zero."""

    def target(self, m: Module, f: Values) -> dict[str, Value]:
        up = Mux(f["decayed_e"][-1], (1 << 32) - 1, 0)
        return super().target(m, {**f, "decayed_e": f["decayed_e"] + up})


class DecayBeforeUse(SpiNNakerDatapath):
    """The current is that of sums after their decay."""

    def current(self, m: Module, f: Values) -> dict[str, Value]:
        decayed = {name: scaled(f[name] * f[f"decay_{name}"]) for name in "ei"}
        return super().current(m, {**f, **decayed})


class StrictThreshold(SpiNNakerDatapath):
    """Fires above the threshold, not at it."""

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        return super().fire(m, {**f, "v_thresh": f["v_thresh"] + 1})


class NegatedProduct(SpiNNakerDatapath):
    """Negates the product of the inhibitory conductance, not the conductance."""

    def drive(self, m: Module, f: Values) -> dict[str, Value]:
        return {**super().drive(m, f), "g_i": f["i"] >> 5}

    def conductance_current(self, m: Module, f: Values) -> dict[str, Value]:
        total = floor(f["current_e"]) + floor(f["current_i"]) + f["i_offset"]
        return {"current": wrapped(m, "total", total)}


class ShiftOfTheOldTree(SpiNNakerDatapath):
    """Shifts conductances by 10."""

    def drive(self, m: Module, f: Values) -> dict[str, Value]:
        return super().drive(m, {**f, "e": f["e"] >> 5, "i": f["i"] >> 5})


class ThresholdOnlyWhenUpdated(SpiNNakerDatapath):
    """A neuron whose v is held does not fire."""

    def update(self, m: Module, f: Values) -> dict[str, Value]:
        return {**super().update(m, f), "held": f["timer"] != 0}

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        silent = {"spike": 0, "v": f["v"], "timer": f["timer"]}
        return {name: Mux(f["held"], silent[name], x) for name, x in super().fire(m, f).items()}


class RefractoryOneOff(SpiNNakerDatapath):
    """Leaves out one update too few."""

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        fewer = Mux(f["refractory"] == 0, 0, f["refractory"] - 1)
        return super().fire(m, {**f, "refractory": fewer})


# with how many of the vectors of these synapses and products show it
FAULTS: list[tuple[str, type[SpiNNakerDatapath], int]] = [
    ("current floor", FloorTruncates, 11),
    ("current floor", FloorSaturates, 2),
    ("conductance nearest", NearestWraps, 1),
    ("current nearest", NearestHalvesAwayFromZero, 0),
    ("current floor", SumsSaturate, 2),
    ("current floor", DecayTruncates, 1),
    ("current floor", DecayBeforeUse, 14),
    ("current floor", StrictThreshold, 0),
    ("conductance floor", NegatedProduct, 19),
    ("conductance floor", ShiftOfTheOldTree, 20),
    ("current floor", ThresholdOnlyWhenUpdated, 0),
    ("current floor", RefractoryOneOff, 9),
]


@pytest.mark.parametrize(("mode", "fault", "vectors"), FAULTS)
def test_random_updates_and_the_vectors_show_faults(
    mode: str, fault: type[SpiNNakerDatapath], vectors: int
) -> None:
    sort = SORTS[f"spinnaker {mode}"]
    update = PipelineEngine(fault(sort.neuron)).run
    assert differing(update, sort, np.random.default_rng(1), UPDATES) > 0
    cases = [case for case in CASES if case.neuron.modes == sort.neuron.modes]
    done = closed_loop(update, cases)
    shown = [
        any((done[field][:, row] != wanted).any() for field, wanted in case.expected.values())
        for row, case in enumerate(cases)
    ]
    assert sum(shown) == vectors
