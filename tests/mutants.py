"""Faulty cores: each has one of the faults that the comparisons exist to catch.

``MUTANTS[name](neuron, n)`` is a core with the ports of ``NeuronCore(neuron, n)`` and one fault.
Run it with ``CxxrtlCore(neuron, n, core=...)``, or as Verilog from `write_verilog`. Judged as
`neuron`, it must fail, if the neuron and its input exercise the fault: a wrapping sum shows only
where the sum saturates, a lost event only under back-pressure, a wrong threshold only where a sum
equals it.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from amaranth.hdl import Const, Module, Signal, Value, signed

from rheobase.hdl import emit
from rheobase.hdl.neuron_core import NeuronCore
from rheobase.hdl.neurons.lif import LIFDatapath
from rheobase.hdl.pipeline import Values
from rheobase.hdl.verilog import TOP
from rheobase.models.integer.lif import IntegerLIF


class StrictThreshold(LIFDatapath):
    def reached(self, f: Values) -> Value:
        return f["s"] > f["threshold"]


class WrappingSum(LIFDatapath):
    def integrate(self, m: Module, f: Values) -> dict[str, Value]:
        s = Signal(signed(self.kind.width))
        m.d.comb += s.eq(f["u"] + f["i"])
        return {"s": s}


class ResetOneHigh(LIFDatapath):
    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        result = super().fire(m, f)
        v = Signal(signed(self.kind.width))
        m.d.comb += v.eq(result["v"] + result["spike"])
        return result | {"v": v}


class RefractoryOneOff(LIFDatapath):
    """One skipped update too few; without refractoriness, one too many."""

    def fire(self, m: Module, f: Values) -> dict[str, Value]:
        result = super().fire(m, f)
        r = Signal.like(result["r"])
        m.d.comb += r.eq(result["r"] - result["spike"])
        return result | {"r": r}


class DeafCore(NeuronCore):
    """Goes on while an event waits, and so overwrites it."""

    def advance(self) -> Value:
        return Const(1)


def _with_datapath(datapath: type[LIFDatapath]) -> Callable[[IntegerLIF, int], NeuronCore]:
    def mutant(neuron: IntegerLIF, n: int) -> NeuronCore:
        core = NeuronCore(neuron, n, neuron.seed)
        core.datapath = datapath(neuron)
        return core

    return mutant


def _leak_one_off(neuron: IntegerLIF, n: int) -> NeuronCore:
    if neuron.leak == "shift":
        bits = neuron.leak_bits
        return NeuronCore(
            replace(neuron, leak_bits=bits + 1 if bits < 24 else bits - 1), n, neuron.seed
        )
    factor = neuron.leak_multiplier
    return NeuronCore(replace(neuron, leak_multiplier=factor - 1 if factor else 1), n, neuron.seed)


def _wrong_rounding(neuron: IntegerLIF, n: int) -> NeuronCore:
    """Floor for nearest and for stochastic, nearest for floor."""
    return NeuronCore(
        replace(neuron, rounding="nearest" if neuron.rounding == "floor" else "floor"),
        n,
        neuron.seed,
    )


MUTANTS: dict[str, Callable[[IntegerLIF, int], NeuronCore]] = {
    "threshold: > for >=": _with_datapath(StrictThreshold),
    "sum: wraps": _with_datapath(WrappingSum),
    "reset: one LSB high": _with_datapath(ResetOneHigh),
    "refractory: one off": _with_datapath(RefractoryOneOff),
    "leak: constant one off": _leak_one_off,
    "rounding: another": _wrong_rounding,
    "events: lost under back-pressure": lambda neuron, n: DeafCore(neuron, n, neuron.seed),
}


def write_verilog(core: NeuronCore, folder: Path) -> Path:
    """The mutant as a Verilog file, with the memory file that it reads."""
    return emit.convert(core, TOP).write(folder)
