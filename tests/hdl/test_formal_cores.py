"""The streams and events of the cores are proved; faulty cores break a claim."""

from collections.abc import Callable
from typing import Any

import pytest
from amaranth.hdl import Cat, Module, Signal, signed

from rheobase.hdl.accumulators import Accumulators
from rheobase.hdl.core import QUEUE, Arrival, Core
from rheobase.hdl.formal import sby
from rheobase.hdl.formal.circuit import Circuit
from rheobase.hdl.formal.core import NEURONS, SOURCE, network_events, small_core
from rheobase.hdl.formal.neuron_core import neuron_events
from rheobase.hdl.formal.proofs import PROOFS, SMALL
from rheobase.hdl.formal.sby import Proof, prove
from rheobase.hdl.formal.streams import core_streams, neuron_core_streams
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.hdl.synapses import SparseRows

OF_CORES = {proof.name: proof for proof in PROOFS if proof.method != "inputs"}


@pytest.mark.parametrize("proof", OF_CORES.values(), ids=OF_CORES)
def test_cores_keep_their_claims(proof: Proof) -> None:
    verdict = prove(proof)
    assert verdict.result == "proved", (verdict.failed, verdict.counterexample)


Fault = Callable[[Any, Module], None]


def faulty(component: Any, fault: Fault) -> None:
    """Let the last assignments to a component's signals be those of a fault."""
    elaborate = component.elaborate

    def changed(platform: object) -> Module:
        m = elaborate(platform)
        fault(component, m)
        return m

    component.elaborate = changed


def neurons_of_streams(fault: Fault) -> Circuit:
    core = NeuronCore(SMALL, 5)
    faulty(core, fault)
    return neuron_core_streams(core)


def neurons_of_events(fault: Fault) -> Circuit:
    core = NeuronCore(SMALL, 5)
    faulty(core, fault)
    return neuron_events(core)


def network_of_streams(fault: Fault) -> Circuit:
    core = small_core()
    core.queue = QUEUE
    faulty(core, fault)
    return core_streams(core)


def rows_of_streams(fault: Fault) -> Circuit:
    core = small_core()
    faulty(core.rows, fault)
    return core_streams(core)


def network_of_events(fault: Fault) -> Circuit:
    core = small_core()
    faulty(core, fault)
    return network_events(core)


def additions_of_events(fault: Fault) -> Circuit:
    core = small_core()
    faulty(core.accumulators, fault)
    return network_events(core)


def eager(core: NeuronCore, m: Module) -> None:
    """Takes inputs while an event waits."""
    m.d.comb += core.i.ready.eq(1)


def impatient(core: NeuronCore, m: Module) -> None:
    """Withdraws an event that is not taken at once."""
    with m.If(~core.o.ready):
        m.d.sync += core.o.valid.eq(0)


def restless(core: NeuronCore, m: Module) -> None:
    """Changes an event that is not taken at once."""
    with m.If(~core.o.ready):
        m.d.sync += core.o.payload.addr.eq(0)


def hasty(core: Core, m: Module) -> None:
    """Offers an event only while one comes in."""
    m.d.comb += core.o.valid.eq(core.neurons.o.valid & core.i.valid)


def shy(core: Core, m: Module) -> None:
    """Is ready only for what is valid."""
    m.d.comb += core.i.ready.eq(m.submodules.queue.w_rdy & core.i.valid)


def fickle(rows: SparseRows, m: Module) -> None:
    """Are ready in every other clock."""
    odd = Signal()
    m.d.sync += odd.eq(~odd)
    with m.If(odd):
        m.d.comb += rows.i.ready.eq(0)


def unswept(core: NeuronCore, m: Module) -> None:
    """Does not bring the states to their start."""
    with m.If(~core.i.ready):
        m.d.comb += m.submodules.state.write_ports[0].en.eq(0)


def silent(core: NeuronCore, m: Module) -> None:
    """Loses a spike that is no end."""
    m.d.sync += core.o.valid.eq(0)


def no_loop(core: Core, m: Module) -> None:
    """Loses the spikes that loop back."""
    m.d.comb += m.submodules.loop.w_en.eq(0)


def served_twice(core: Core, m: Module) -> None:
    """Serves an event again, as long as nothing follows."""
    queue = m.submodules.queue
    head = Arrival(NEURONS)(queue.r_data)
    with m.If((queue.level == 1) & ~head.end & (head.axon == SOURCE)):
        m.d.comb += queue.r_en.eq(0)


def all_last(core: Core, m: Module) -> None:
    """Says of every event that it ends the tick."""
    m.d.comb += core.o.payload.last.eq(1)


def uncounted(core: Core, m: Module) -> None:
    """Does not count what it drops."""
    m.d.sync += core.dropped.eq(0)


def never_busy(accumulators: Accumulators, m: Module) -> None:
    """Does not say that additions are under way, so that the sweep comes too early."""
    m.d.comb += accumulators.busy.eq(0)


FAULTS: list[tuple[Callable[[Fault], Circuit], Fault, str]] = [
    (neurons_of_streams, eager, "i is closed while an event waits"),
    (rows_of_streams, fickle, "rows.i stays ready"),
    (network_of_streams, shy, "i is ready while there is room"),
    (network_of_streams, hasty, "o stays valid"),
    (neurons_of_streams, impatient, "o stays valid"),
    (neurons_of_streams, restless, "o keeps its payload"),
    (network_of_events, no_loop, "sums are those of the events"),
    (network_of_events, served_twice, "sums are those of the events"),
    (network_of_events, all_last, "no end is invented"),
    (network_of_events, uncounted, "unknown axons are counted"),
    (additions_of_events, never_busy, "sums are those of the events"),
    (neurons_of_events, unswept, "spikes are right"),
    (neurons_of_events, silent, "no event is lost"),
    (neurons_of_events, eager, "no event is lost"),
]


@pytest.mark.parametrize(("circuit", "fault", "claim"), FAULTS)
def test_faults_break_a_claim(
    circuit: Callable[[Fault], Circuit], fault: Fault, claim: str
) -> None:
    """In runs from the start, as long as those of the proofs."""
    any_memory = circuit is neurons_of_events
    name = f"{circuit.__name__}, {fault.__name__}"
    verdict = prove(Proof(name, lambda: circuit(fault), "bounded", 28, any_memory))
    assert verdict.result == "failed"
    assert claim in verdict.failed
    assert 1 <= len(verdict.counterexample) <= 28


def test_what_no_induction_shows_is_unknown() -> None:
    """A counter that reaches 100: not in the first clocks, but from some states."""

    def counter() -> Circuit:
        c = Circuit()
        count = Signal(8)
        c.m.d.sync += count.eq(count + 1)
        c.claim("the count is not 100", count != 100)
        return c

    assert prove(Proof("counter", counter, "induction", 3)).result == "unknown"


def test_sums_of_64_bits() -> None:
    """Two ways to add four parts of a product: of these Yices 2.6.5 says that they differ."""

    def parts() -> Circuit:
        c = Circuit()
        low, low_high = c.free("low", 33), c.free("low_high", 33)
        high_low, high, i = (
            c.free(name, signed(width))
            for name, width in [("high_low", 33), ("high", 33), ("i", 32)]
        )
        c.assume(low < 1 << 32)
        exact = low + (low_high << 16) + (high_low << 16) + (high << 32)
        outer = Cat(low[:32], high)
        above = (outer[16:] + (low_high + high_low))[:49]
        narrow = i + Cat(outer[:16], above).as_signed()[32:].as_signed()
        c.claim("the sums are equal", narrow[:32] == (i + (exact >> 32))[:32])
        return c

    assert prove(Proof("parts", parts)).result == "proved"


@pytest.mark.parametrize("missing", ["yowasp-sby", "bitwuzla"])
def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setattr(sby, "which", lambda name, path: None if name == missing else name)
    monkeypatch.setattr(sby, "find_spec", lambda name: None if name == missing else name)
    message = rf'proofs need {missing}, .* pip install "rheobase\[formal\]"'
    with pytest.raises(RuntimeError, match=message):
        sby.sby()
