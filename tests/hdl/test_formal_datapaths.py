"""Every datapath is proved; of faulty ones the proof says which claim they break, and by what."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Mux, Value

from rheobase.hdl.formal.datapath import meets_specification
from rheobase.hdl.formal.neurons import specification
from rheobase.hdl.formal.neurons.lif import LIFSpecification
from rheobase.hdl.formal.proofs import NEURONS, of_datapath
from rheobase.hdl.formal.sby import Proof, Verdict, prove
from rheobase.hdl.neurons.lif import LIFDatapath
from rheobase.hdl.neurons.loihi import LoihiDatapath
from rheobase.hdl.neurons.spinnaker import SpiNNakerDatapath
from rheobase.hdl.neurons.truenorth import TrueNorthDatapath
from rheobase.hdl.pipeline import Datapath, Values
from rheobase.models.integer.lif import IntegerLIF
from tests import mutants


@pytest.mark.parametrize("name", NEURONS)
def test_datapaths_meet_their_specifications(name: str) -> None:
    verdict = prove(of_datapath(name))
    assert verdict.result == "proved", verdict.counterexample


class RoundsDown(LoihiDatapath):
    """Rounds u down, where it is to be truncated toward zero."""

    def truncate(self, m: Module, f: Values) -> dict[str, Value]:
        u = (f["u_product"] >> 12)[:25].as_signed()
        return {**super().truncate(m, f), "u_decayed": Mux(f["clear"], 0, u)}


class OpenBelow(LoihiDatapath):
    """Takes -2**23 for a legal current."""

    def lava_wrap(self, m: Module, f: Values) -> dict[str, Value]:
        u = super().lava_wrap(m, f)["u"]
        return {"u": Mux(f["u"] == -(1 << 23), f["u"], u)}


class UnsignedPiece(LoihiDatapath):
    """Takes the high piece of u for a number without sign."""

    def multiply(self, m: Module, f: Values) -> dict[str, Value]:
        return {**super().multiply(m, f), "u_high": f["u"][17:] * f["factor_u"]}


class OtherFactor(LoihiDatapath):
    """Decays v by the factor of u."""

    def multiply(self, m: Module, f: Values) -> dict[str, Value]:
        return super().multiply(m, {**f, "factor_v": f["factor_u"]})


class WrongWeight(LoihiDatapath):
    """Adds the high part one bit too low."""

    def add(self, m: Module, f: Values) -> dict[str, Value]:
        return {**super().add(m, f), "u_product": (f["u_high"] << 16) + f["u_low"]}


class NarrowSum(LoihiDatapath):
    """Has no room for the sum that leaves 24 bits, and so clips nothing."""

    def nengo_voltage(self, m: Module, f: Values) -> dict[str, Value]:
        return {"v": super().nengo_voltage(m, f)["v"][:24].as_signed()}


class RefractoryStep(LoihiDatapath):
    """Counts one step less after a spike."""

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        return {**super().fire(m, f), "r": Mux(f["r"] == 0, 0, f["r"] - 1)}


class LateSpike(TrueNorthDatapath):
    """Fires above T, not at it."""

    def compare(self, m: Module, f: Values) -> dict[str, Value]:
        return super().compare(m, {**f, "T": f["T"] + 1})


class LeakAboveRho(TrueNorthDatapath):
    """F(leak) needs |leak| > rho."""

    def acts(self, m: Module, f: Values) -> Value:
        rho = f["x"][:8]
        return super().acts(m, f) & (f["leak"] != rho) & (f["leak"] != -rho)


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


class LowCross(SpiNNakerDatapath):
    """Adds the sum that weighs 2**16 one bit too low."""

    def arrive(self, m: Module, f: Values) -> dict[str, Value]:
        cross = f["added_e_cross"] << 15
        return super().arrive(m, {**f, "added_e": (f["added_e"] - cross).as_signed()})


class UnwrappedDistance(SpiNNakerDatapath):
    """Multiplies a distance that saturates where it is to wrap."""

    def target(self, m: Module, f: Values) -> dict[str, Value]:
        done = super().target(m, f)
        exact, limit = done["alpha"] - f["v"], 1 << 31
        distance = Mux(exact < -limit, -limit, Mux(exact >= limit, limit - 1, exact))
        return {**done, "distance": distance[:32].as_signed()}


class OtherShift(SpiNNakerDatapath):
    """Negates the conductance before its shift."""

    def drive(self, m: Module, f: Values) -> dict[str, Value]:
        return {**super().drive(m, f), "g_i": (-f["i"]) >> 5}


class OpenProduct(SpiNNakerDatapath):
    """Does not saturate what rounds to the nearest."""

    def saturate(self, m: Module, f: Values) -> dict[str, Value]:
        return {"product": f["product"]}


class FreeTimer(SpiNNakerDatapath):
    """Moves v while the timer holds it."""

    def update(self, m: Module, f: Values) -> dict[str, Value]:
        return {**super().update(m, {**f, "timer": Const(0)}), "timer": f["timer"]}


# Claims of which a counterexample breaks one at least.
FAULTS: list[tuple[str, Callable[[Any], Datapath], set[str]]] = [
    (
        "lif, multiply, stochastic, 16 bits",
        mutants.StrictThreshold,
        {"spike is right", "v is right", "r is right"},
    ),
    ("lif, multiply, stochastic, 16 bits", mutants.ResetOneHigh, {"v is right"}),
    (
        "lif, multiply, nearest, subtract, 24 bits",
        mutants.WrappingSum,
        {"v is right", "spike is right"},
    ),
    ("lif, shift, stochastic, 12 bits", mutants.RefractoryOneOff, {"r is right"}),
    ("lif, shift, floor, subtract, 32 bits", mutants.WrappingSum, {"v is right", "spike is right"}),
    ("loihi, lava", RoundsDown, {"u is right", "v is right", "spike is right"}),
    ("loihi, lava", OpenBelow, {"u is right", "v is right", "spike is right"}),
    ("loihi, lava", UnsignedPiece, {"u_high of decayed_u is a product"}),
    (
        "loihi, lava",
        OtherFactor,
        {"v_low of decayed_v is a product", "v_high of decayed_v is a product"},
    ),
    ("loihi, lava, ternary", WrongWeight, {"u is right", "v is right", "spike is right"}),
    ("loihi, nengo", NarrowSum, {"v is right", "spike is right", "r is right"}),
    ("loihi, nengo", RefractoryStep, {"r is right"}),
    ("truenorth, saturate, 20 bits", LateSpike, {"spike is right", "v is right"}),
    (
        "truenorth, saturate, 20 bits",
        LeakAboveRho,
        {"v is right", "v_pre is right", "spike is right"},
    ),
    ("truenorth, saturate, 20 bits", OpenReset, {"v is right"}),
    ("truenorth, wrap, 9 bits, symmetric", LateSpike, {"spike is right", "v is right"}),
    ("truenorth, wrap, 32 bits", LateSpike, {"spike is right", "v is right"}),
    ("truenorth, paicore, late leak", CorrectedReset, {"v is right"}),
    (
        "spinnaker, currents, floor",
        LowCross,
        {"syn_e is right", "driven has its factors", "decayed_e has its factors"},
    ),
    ("spinnaker, currents, floor", UnwrappedDistance, {"decayed_v has its factors"}),
    ("spinnaker, conductances, floor", OtherShift, {"current_i has its factors"}),
    (
        "spinnaker, currents, nearest",
        OpenProduct,
        {"decayed_v has its factors", "v is right", "spike is right"},
    ),
    (
        "spinnaker, conductances, nearest",
        FreeTimer,
        {"v is right", "timer is right", "spike is right"},
    ),
]


def judged(name: str, fault: Callable[[Any], Datapath]) -> Verdict:
    neuron = NEURONS[name]
    spec = specification(neuron)
    return prove(Proof(name, lambda: meets_specification(fault(neuron), spec)))


@pytest.mark.parametrize(("name", "fault", "claims"), FAULTS)
def test_faults_break_a_claim(
    name: str, fault: Callable[[Any], Datapath], claims: set[str]
) -> None:
    verdict = judged(name, fault)
    assert verdict.result == "failed"
    assert claims & set(verdict.failed)


def test_a_range_that_is_not_kept_shows() -> None:
    class Narrow(LIFSpecification):
        def ranges(self, f: Values) -> dict[str, Value]:
            return {"v": f["v"] < f["threshold"] - 1}

    neuron = NEURONS["lif, shift, stochastic, 12 bits"]
    assert isinstance(neuron, IntegerLIF)
    verdict = prove(
        Proof("narrow", lambda: meets_specification(LIFDatapath(neuron), Narrow(neuron)))
    )
    assert verdict.failed == ("v stays in range",)


def test_counterexamples_are_what_they_say() -> None:
    """What a strict threshold breaks is an update whose sum equals the threshold."""
    name = "lif, shift, stochastic, 12 bits"
    neuron = NEURONS[name]
    (values,) = judged(name, mutants.StrictThreshold).counterexample

    def spike(threshold: int) -> int:
        given = values | {"threshold": threshold}
        rows = [
            np.array([[given[name]] for name in names])
            for names in (neuron.state, neuron.register_fields, neuron.inputs)
        ]
        outputs = np.zeros((1, 1), np.int64)
        state, registers, inputs = rows
        neuron.kernel(neuron.modes, state, registers, np.zeros(1, np.int64), inputs, outputs)
        return int(outputs[0, 0])

    assert spike(values["threshold"]) == 1
    assert spike(values["threshold"] + 1) == 0
