"""What a kind of integer neuron consists of, and a run of a population of any kind.

A kind has *registers* (the constants of one neuron, as the hardware holds them), a *state*,
*inputs* of each step and *outputs* of each step. All are integers of a stated width. An object of
the kind holds the parameters of a neuron and says what they are as registers; `modes` are the
parameters that the neurons of one circuit must share. The kind's kernel updates all neurons of a
population once::

    kernel(modes, state, registers, profile, inputs, outputs)

with one row per field, in the order in which they are declared: `state`, `inputs` and `outputs` of
shape (fields, neurons), `registers` of shape (fields, profiles); neuron j has the registers
``registers[:, profile[j]]``. The same declaration gives a datapath in ``rheobase.hdl`` its ports.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Rows = NDArray[np.int64]


class Field(NamedTuple):
    """An integer of `width` bits."""

    width: int
    signed: bool = True

    @property
    def low(self) -> int:
        """The smallest value."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The largest value."""
        return (1 << (self.width - self.signed)) - 1


Fields = Mapping[str, Field]


@runtime_checkable
class IntegerNeuron(Protocol):
    """The parameters of one neuron; see the head of this module."""

    @property
    def modes(self) -> tuple[int, ...]:
        """What all neurons of a circuit share, as integers."""

    @property
    def state(self) -> Fields:
        """What a neuron keeps from step to step."""

    @property
    def inputs(self) -> Fields:
        """What it takes at each step."""

    @property
    def outputs(self) -> Fields:
        """What it gives at each step; the first is ``spike``."""

    @property
    def register_fields(self) -> Fields:
        """The widths of its constants."""

    @property
    def registers(self) -> Mapping[str, int]:
        """Their values."""

    @property
    def start(self) -> Mapping[str, str]:
        """The registers with whose values states start; the others start with 0."""

    @property
    def sums(self) -> Fields:
        """The inputs that are sums of weights, and the width to which a sum is cut."""

    @property
    def kernel(self) -> Callable[..., None]:
        """The update of a population."""


@dataclass(frozen=True, eq=False)
class Run:
    """What a population did.

    Attributes
    ----------
    spikes : (steps, ids)
        Two int64 arrays, sorted by step, then id; step 0 is the first.
    state : dict of int64 arrays of shape (neurons,)
        After the last step.
    recorded : dict of int64 arrays of shape (steps, neurons)
        Each state, after every step, and each output; empty if nothing was recorded.
    """

    spikes: tuple[NDArray[np.int64], NDArray[np.int64]]
    state: dict[str, NDArray[np.int64]]
    recorded: dict[str, NDArray[np.int64]]


def run(
    neurons: IntegerNeuron | Sequence[IntegerNeuron],
    inputs: Mapping[str, ArrayLike],
    state: Mapping[str, ArrayLike] | None = None,
    record: bool = False,
) -> Run:
    """Run a population on given inputs.

    A run cut into pieces, each begun with the `state` of the one before, gives the spikes of the
    whole run.

    Parameters
    ----------
    neurons : a neuron, or one for each of the population
        All of one kind and of the same modes.
    inputs : mapping of str to array_like of int, shape (steps, neurons)
        By name; those that are left out are 0, one at least is given.
    state : mapping of str to array_like of int, shape (neurons,), optional
        Before the first step; those that are left out are 0.
    record : bool
        Keep the states and outputs of every step.

    Raises
    ------
    TypeError
        An array that is not of integers.
    ValueError
        Modes that differ, an unknown name, a shape that does not fit, or the first value out of
        range, with where it stands.
    """
    kind, registers, profile = gather(neurons)
    given = checked("inputs", inputs, kind.inputs, 2)
    shapes = {array.shape for array in given.values()}
    if len(shapes) != 1:
        raise ValueError(f"inputs must have one shape (steps, neurons), not {sorted(shapes)}")
    ((steps, n),) = shapes
    if profile is not None and profile.size != n:
        raise ValueError(f"inputs must be of {profile.size} neurons, not of {n}")
    x = np.zeros((len(kind.inputs), steps, n), np.int64)
    for row, name in zip(x, kind.inputs, strict=True):
        row[:] = given.get(name, 0)
    s = np.zeros((len(kind.state), n), np.int64)
    for row, name in zip(s, kind.state, strict=True):
        start = checked("state", state or {}, kind.state, 1).get(name, 0)
        if np.shape(start) not in ((), (n,)):
            raise ValueError(f"state {name} must be of {n} neurons, not of {np.size(start)}")
        row[:] = start
    y = np.zeros((len(kind.outputs), steps, n), np.int64)
    traces = np.zeros((len(kind.state), steps if record else 0, n), np.int64)
    each = np.zeros(n, np.int64) if profile is None else profile
    for t in range(steps):
        kind.kernel(kind.modes, s, registers, each, x[:, t], y[:, t])
        if record:
            traces[:, t] = s
    at, ids = np.nonzero(y[0])
    recorded = dict(zip(kind.state, traces, strict=True)) | dict(zip(kind.outputs, y, strict=True))
    return Run((at, ids), dict(zip(kind.state, s, strict=True)), recorded if record else {})


def gather(
    neurons: IntegerNeuron | Sequence[IntegerNeuron],
) -> tuple[IntegerNeuron, Rows, NDArray[np.int64] | None]:
    """Their kind, the registers of its profiles, and the profile of each (None: one for all).

    Raises
    ------
    TypeError, ValueError
        No neuron, something else, or neurons of several kinds or modes.
    """
    each = neurons if isinstance(neurons, Sequence) else [neurons]
    if not each:
        raise ValueError("neurons must be at least one")
    if not isinstance(each[0], IntegerNeuron):
        raise TypeError(f"neurons must be integer neurons, not {each[0]!r}")
    if not isinstance(neurons, Sequence):
        return neurons, _columns(each), None
    first = neurons[0]
    for number, neuron in enumerate(neurons):
        if type(neuron) is not type(first) or neuron.modes != first.modes:
            raise ValueError(
                f"neurons of one population must share their modes: neuron 0 is {first!r},"
                f" neuron {number} is {neuron!r}"
            )
    profiles = list(dict.fromkeys(neurons))
    number_of = {neuron: number for number, neuron in enumerate(profiles)}
    return first, _columns(profiles), np.array([number_of[each] for each in neurons])


def widest(
    neurons: IntegerNeuron | Sequence[IntegerNeuron], part: Literal["state", "register_fields"]
) -> dict[str, Field]:
    """Fields that hold those of every neuron: counters may be as wide as their neuron needs."""
    every = neurons if isinstance(neurons, Sequence) else [neurons]
    return {
        name: max(getattr(neuron, part)[name] for neuron in every)
        for name in getattr(every[0], part)
    }


def _columns(profiles: Sequence[IntegerNeuron]) -> Rows:
    return np.array(
        [[neuron.registers[name] for neuron in profiles] for name in profiles[0].register_fields],
        np.int64,
    ).reshape(-1, len(profiles))


def checked(
    what: str, values: Mapping[str, ArrayLike], fields: Fields, ndim: int
) -> dict[str, NDArray[Any]]:
    """Arrays of known names, of integers, of `ndim` dimensions and within their fields."""
    arrays = {}
    for name, value in values.items():
        if name not in fields:
            raise ValueError(f"{what} must be among {', '.join(fields)}, not {name!r}")
        array = np.asarray(value)
        if not np.issubdtype(array.dtype, np.integer) or array.dtype == np.uint64:
            raise TypeError(f"{what} {name} must be signed integers, not {array.dtype}")
        if array.ndim != ndim:
            raise ValueError(f"{what} {name} must have {ndim} dimension(s), not {array.shape}")
        low, high = fields[name].low, fields[name].high
        if (bad := first_outside(array, low, high)) is not None:
            where = ", ".join(
                f"{axis} {at}" for axis, at in zip(("step", "neuron")[-ndim:], bad, strict=True)
            )
            raise ValueError(
                f"{what} {name} must be in {low} .. {high}, not {array[bad]} ({where})"
            )
        arrays[name] = array
    return arrays


def first_outside(array: NDArray[Any], low: int, high: int) -> tuple[int, ...] | None:
    """Where the first value beyond low .. high stands, if there is one."""
    if array.size == 0 or (array.min() >= low and array.max() <= high):
        return None
    return tuple(int(at) for at in np.argwhere((array < low) | (array > high))[0])


@njit(cache=True)
def wrap(value: int, width: int) -> int:
    """The `width`-bit two's complement number that equals `value` modulo 2**width."""
    half = 1 << (width - 1)
    return ((value + half) & ((1 << width) - 1)) - half


@njit(cache=True)
def towards_zero(value: int, bits: int) -> int:
    """value / 2**bits, truncated toward zero."""
    return value >> bits if value >= 0 else -(-value >> bits)


def check_parameters(neuron: object, ranges: Mapping[str, tuple[int, int]]) -> None:
    """Check the integer parameters of a neuron.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """
    for name, (low, high) in ranges.items():
        value = getattr(neuron, name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an integer, not {value!r}")
        if not low <= value <= high:
            raise ValueError(f"{name} must be in {low} .. {high}, not {value}")
