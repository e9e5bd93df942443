# amaranth: UnusedElaboratable=no
"""Faulty datapaths: random updates against the integer model must find each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Mux, Value

from rheobase.cosim.engines.pipeline import PipelineEngine
from rheobase.hdl.neurons.loihi import LoihiDatapath
from rheobase.hdl.neurons.truenorth import TrueNorthDatapath
from rheobase.hdl.pipeline import Datapath, Values
from tests.kinds import SORTS, differing

UPDATES = 500_000


class FloorDecay(LoihiDatapath):
    """Rounds down what is to be truncated toward zero."""

    def truncate(self, m: Module, f: Values) -> dict[str, Value]:
        return {f"{name}_decayed": (f[f"{name}_product"] >> 12)[:25].as_signed() for name in "uv"}


class OtherCompare(LoihiDatapath):
    """Fires at the threshold, not above it."""

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        return super().fire(m, {**f, "threshold": f["threshold"] - 1})


class LateWrap(LoihiDatapath):
    """Takes -2**23 for a legal current."""

    def lava_wrap(self, m: Module, f: Values) -> dict[str, Value]:
        u = super().lava_wrap(m, f)["u"]
        return {"u": Mux(f["u"] == -(1 << 23), f["u"], u)}


class LateSpike(TrueNorthDatapath):
    """Fires above T, not at it."""

    def compare(self, m: Module, f: Values) -> dict[str, Value]:
        return super().compare(m, {**f, "T": f["T"] + 1})


class NotBelow(TrueNorthDatapath):
    """Is not below at N, though symmetric."""

    def compare(self, m: Module, f: Values) -> dict[str, Value]:
        return super().compare(m, {**f, "N": f["N"] - 1})


class BelowFirst(TrueNorthDatapath):
    """Falls below N where it also reaches T."""

    def compare(self, m: Module, f: Values) -> dict[str, Value]:
        above = super().compare(m, f)["above"]
        below = f["b"] < f["N"]
        return {"above": above & ~below, "below": below}


class ReversedAtZero(TrueNorthDatapath):
    """Leaks forward at V = 0."""

    def direct(self, m: Module, f: Values) -> dict[str, Value]:
        return {**super().direct(m, f), "d": f["d"]}


class Ringing(TrueNorthDatapath):
    """Lets the leak carry V across 0."""

    def leak(self, m: Module, f: Values) -> dict[str, Value]:
        return super().leak(m, {**f, "stops": Const(0)})


class LeakAboveRho(TrueNorthDatapath):
    """F(leak) needs |leak| > rho."""

    def acts(self, m: Module, f: Values) -> Value:
        rho = f["x"][:8]
        return super().acts(m, f) & (f["leak"] != rho) & (f["leak"] != -rho)


class RandomSaturation(TrueNorthDatapath):
    """Lowers the negative threshold by eta, though V saturates there."""

    def integrate(self, m: Module, f: Values) -> dict[str, Value]:
        return super().integrate(m, {**f, "negative_saturation": Const(0)})


class OpenReset(TrueNorthDatapath):
    """Wraps after the reset instead of saturating."""

    def reset(self, m: Module, f: Values) -> dict[str, Value]:
        q = f["T"] | f["N"] | f["v_reset"]
        total = Mux(f["minus"], f["p"] - q, f["p"] + q)
        return {**super().reset(m, f), "v": total[: self.kind.width]}


class CorrectedReset(TrueNorthDatapath):
    """PAICORE's correction after the reset, too."""

    def reset(self, m: Module, f: Values) -> dict[str, Value]:
        done = super().reset(m, f)
        return {**done, "v": self.fit(m, done["v"].as_signed())}


FAULTS: list[tuple[str, Callable[[Any], Datapath]]] = [
    ("loihi lava", FloorDecay),
    ("loihi lava", OtherCompare),
    ("loihi lava", LateWrap),
    ("truenorth 20 saturate", LateSpike),
    ("truenorth 32 wrap symmetric", NotBelow),
    ("truenorth 20 saturate", BelowFirst),
    ("truenorth 20 saturate", ReversedAtZero),
    ("truenorth 20 saturate", Ringing),
    ("truenorth 20 saturate", LeakAboveRho),
    ("truenorth 20 saturate", RandomSaturation),
    ("truenorth 20 saturate", OpenReset),
    ("truenorth 32 paicore", CorrectedReset),
]


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_faults_show(name: str, fault: Callable[[Any], Datapath]) -> None:
    sort = SORTS[name]
    update = PipelineEngine(fault(sort.neuron)).run
    assert differing(update, sort, np.random.default_rng(1), UPDATES) > 0
