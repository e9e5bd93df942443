# amaranth: UnusedElaboratable=no
"""Faults of a network core each show beside the integer model."""

from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib.fifo import SyncFIFOBuffered

from rheobase.cosim.engines.network import NetworkEngine
from rheobase.hdl import core as core_module
from rheobase.hdl.accumulators import Accumulators
from rheobase.hdl.core import Core
from rheobase.hdl.synapses import SparseRows
from tests.core_runs import differences, stalls
from tests.networks import FAMILIES, random_events, random_network

STEPS = 200


class Careless(SyncFIFOBuffered):
    """Says that it has room when it has none."""

    def __init__(self, *, width: int, depth: int) -> None:
        super().__init__(width=width, depth=depth)
        self.room, self.w_rdy = self.w_rdy, Const(1)

    def elaborate(self, platform: Any) -> Module:
        self.w_rdy = self.room
        return super().elaborate(platform)


def lossy(wide: bool) -> Callable[[pytest.MonkeyPatch, Core], None]:
    """The queue of arrivals, or that of the loop, loses what it has no room for."""

    def plant(monkeypatch: pytest.MonkeyPatch, core: Core) -> None:
        width = core.i.payload.shape().size

        def queue(**sizes: int) -> SyncFIFOBuffered:
            lost = (sizes["width"] == width) == wide
            return (Careless if lost else SyncFIFOBuffered)(**sizes)

        monkeypatch.setattr(core_module, "SyncFIFOBuffered", queue)

    return plant


def apart(clocks: int) -> Callable[[pytest.MonkeyPatch, Core], None]:
    """Sums that were added fewer clocks ago are not forwarded."""

    def plant(monkeypatch: pytest.MonkeyPatch, core: Core) -> None:
        core.rows.apart = clocks

    return plant


class Uncleared(Accumulators):
    """Never writes a sum of 0, and so keeps what the sweep has read."""

    def bank(self, m: Module, slot: int, lane: int) -> Any:
        read, write = super().bank(m, slot, lane)
        asked = Signal()
        m.d.comb += write.en.eq(asked & (write.data != 0))
        return read, SimpleNamespace(en=asked, addr=write.addr, data=write.data)


class NextSlot(Accumulators):
    """Adds to the slot behind the one that is meant."""

    def add(self, m: Module, lane: int, swept: Value, banks: Any) -> Value:
        return super().add(m, lane, swept, banks[1:] + banks[:1])


class OtherLane(Accumulators):
    """Takes the operations of two lanes for each other's."""

    def add(self, m: Module, lane: int, swept: Value, banks: Any) -> Value:
        return super().add(m, lane ^ 1, swept, banks)


class NeverBusy(Accumulators):
    """Says that additions are done while they are not."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.busy.eq(0)
        return m


class NeverBusyRows(SparseRows):
    """Says that no row is under way while one is."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.busy.eq(0)
        return m


def accumulators(kind: type[Accumulators]) -> Callable[[pytest.MonkeyPatch, Core], None]:
    def plant(monkeypatch: pytest.MonkeyPatch, core: Core) -> None:
        core.accumulators = kind(core.rows, core.accumulators.width)

    return plant


def rows(monkeypatch: pytest.MonkeyPatch, core: Core) -> None:
    core.rows = NeverBusyRows(core.network, core.rows.weight.width, core.rows.lanes)


FAULTS = {
    "arrivals are lost when many wait": lossy(wide=True),
    "spikes that loop back are lost when many wait": lossy(wide=False),
    "nothing is forwarded": apart(4),
    "the last sum only is not forwarded": apart(2),
    "sums are not cleared": accumulators(Uncleared),
    "sums go to the next slot": accumulators(NextSlot),
    "lanes are swapped": accumulators(OtherLane),
    "the sweep does not wait for additions": accumulators(NeverBusy),
    "the sweep does not wait for rows": rows,
}
SIZES = {  # neurons, synapses of an axon, events of a tick
    "spikes that loop back are lost when many wait": (150, 40, 12),
    "the sweep does not wait for rows": (37, 12, 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With stalls or without. Spikes wait only for long rows; a lone row only can be overtaken."""
    rng = Random(1)
    neurons, per_axon, most = SIZES.get(name, (37, 12, 12))
    network = random_network(FAMILIES["lif shift"], rng, neurons, 3, per_axon, 2)
    events = random_events(network, rng, STEPS, most)
    core = Core(network, weight_width=10, lanes=2)
    wanted = network.run(*events, STEPS, record=True)
    FAULTS[name](monkeypatch, core)
    engine = NetworkEngine(core)
    found = [
        differences(wanted, engine.run(*events, STEPS, record=True, **patterns))
        for patterns in ({}, stalls(1))
    ]
    assert any(found)
