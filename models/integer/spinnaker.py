"""LIF neurons of SpiNNaker with exponential synapses, in the s16.15 arithmetic of sPyNNaker.

State: synaptic sums ``e`` (excitatory) and ``i`` (inhibitory), voltage ``v``, refractory ``timer``.
Inputs of a step: ``x_e`` and ``x_i``, the weights that arrived (`ring_buffer`). All but the timer
are 32-bit, x / 2**15 in PyNN's units (ms, mV, nA, nF, MOhm); the synapses' ``decay`` and ``init``
are unsigned, x / 2**32. ``>>`` rounds down, also negative numbers, and every sum and difference
wraps at 32 bits. A step, in this order::

    e += (x_e init_e) >> 32,   i += (x_i init_i) >> 32              recorded as syn_e, syn_i
    currents:      I = e - i
    conductances:  I = floor(e >> 5, e_rev_e - v) - floor(-(i >> 5), e_rev_i - v)
    timer == 0:    alpha = mul(I + i_offset, resistance) + v_rest
                   v = alpha - mul(decay_v, alpha - v)
    timer > 0:     timer -= 1                                       v stays
    v >= v_thresh: spike = 1, v = v_reset, timer = refractory
    e = (e decay_e) >> 32,     i = (i decay_i) >> 32

``floor(a, b) = wrap32((a b) >> 15)`` is the product of two ``accum`` by gcc: it wraps. `rounding`
says what ``mul`` is: "floor" the same; "nearest" saturates and rounds halves up,
``min(max((a b + 2**14) >> 15, -2**31), 2**31 - 1)``. The product that makes a current of a
conductance is ``floor`` in both.

Easily missed: the threshold is tested at every step, so that ``v_reset >= v_thresh`` spikes for
ever; synapses go on while v is held; a negative sum stops where it decays by less than 1, at the
largest ``|e|`` with ``|e| (2**32 - decay) < 2**32``, about -tau / ts, and never reaches 0; the
product of ``-(i >> 5)`` is not the negative of the product; e and i are recorded before they decay.

Sources: SpiNNakerManchester/sPyNNaker, under ``neural_modelling/src/neuron``:
``models/neuron_model_lif_impl.h`` @29f4c462 ("floor") and @001e4d93 ("nearest"),
``synapse_types/exp_synapse_utils.h`` @2bf8a116, ``input_types/input_type_conductance.h`` @13b2e107
(an older one, @05ae7508, shifts by 10 and negates the product: not modelled), ``decay.h``
@0326f6a2, ``implementations/neuron_impl_standard.h`` @001e4d93; ``common/maths-util.h`` @03c5ec1e
beside that folder; and SpiNNakerManchester/spinn_common@1e3a090, ``include/round.h`` and
``src/stdfix-exp.c``.

Different from the chip: a run starts from the state it is given, not from v = v_rest; the chip
records v before its update and conductances after the shift; there are no current sources besides
`i_offset`, no additional inputs and no stochastic threshold. What is claimed is bit-exactness to
this C code, compiled by gcc for ARM.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Literal, Self

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from .kind import Field, Fields, Rows, check_parameters, wrap

_SHIFT = 5  # of a conductance, to the right


@dataclass(frozen=True)
class SpiNNaker:
    """Parameters of a neuron, as its registers; the equations are at the head of this module.

    Parameters
    ----------
    resistance : int
        Membrane resistance, 32 bits signed, s16.15.
    decay_v : int
        Factor of the membrane in a step, 32 bits signed, s16.15: 32768 is 1.
    refractory : int
        Updates of v that are left out after a spike, 0 .. 65536.
    v_rest, v_reset, v_thresh, i_offset : int
        32 bits signed, s16.15.
    decay_e, init_e, decay_i, init_i : int
        Factors of the synaptic sums in a step and of what is added, 32 bits unsigned, u0.32.
    e_rev_e, e_rev_i : int, optional
        Reversal potentials, 32 bits signed, s16.15. With both, the synapses are conductances.
    rounding : {"floor", "nearest"}

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """

    resistance: int
    decay_v: int
    refractory: int
    v_rest: int
    v_reset: int
    v_thresh: int
    i_offset: int
    decay_e: int
    init_e: int
    decay_i: int
    init_i: int
    e_rev_e: int | None = None
    e_rev_i: int | None = None
    rounding: Literal["floor", "nearest"] = "floor"

    def __post_init__(self) -> None:
        if self.rounding not in ("floor", "nearest"):
            raise ValueError(f"rounding must be 'floor' or 'nearest', not {self.rounding!r}")
        if (self.e_rev_e is None) != (self.e_rev_i is None):
            raise ValueError(
                "e_rev_e and e_rev_i must both be given or both left out,"
                f" not {self.e_rev_e!r} and {self.e_rev_i!r}"
            )
        ranges = {name: (field.low, field.high) for name, field in self.register_fields.items()}
        check_parameters(self, ranges | {"refractory": (0, 1 << 16)})

    @classmethod
    def from_parameters(
        cls,
        *,
        ts: int,
        tau_m: int,
        c_m: int,
        t_refract: int,
        tau_e: int,
        tau_i: int,
        v_rest: int,
        v_reset: int,
        v_thresh: int,
        i_offset: int = 0,
        e_rev_e: int | None = None,
        e_rev_i: int | None = None,
        rounding: Literal["floor", "nearest"] = "floor",
    ) -> Self:
        """The registers that the C code makes of times and a capacitance, all in s16.15.

        With ``a : b = (a << 15) // b`` and ``exp_c`` the C library's exponential, whose result has
        32 bits of fraction (see `_exp`)::

            resistance = tau_m : c_m
            decay_v    = exp_c(-(ts : tau_m)) >> 17
            refractory = ceil((t_refract : ts) / 2**15)
            decay      = exp_c(-(ts : tau)) mod 2**32
            init       = ((tau : ts) (2**32 - 1 - decay)) >> 15  mod 2**32

        So a synapse of more than 32768 steps, where ``ts : tau`` is 0, has decay 0, not 1.

        Parameters
        ----------
        ts : int
            Time step.
        tau_m, c_m, t_refract, tau_e, tau_i : int
            Membrane time constant and capacitance, refractory time, synaptic time constants.

        Raises
        ------
        TypeError, ValueError
            With the name, the value and what is allowed; also a quotient beyond s16.15.
        """
        given = {"ts": ts, "tau_m": tau_m, "c_m": c_m, "tau_e": tau_e, "tau_i": tau_i}
        top = Field(32).high
        check_parameters(SimpleNamespace(**given), dict.fromkeys(given, (1, top)))
        check_parameters(SimpleNamespace(t_refract=t_refract), {"t_refract": (0, top)})
        given["t_refract"] = t_refract

        def divide(a: str, b: str) -> int:
            quotient = (given[a] << 15) // given[b]
            if quotient > top:
                raise ValueError(f"{a} / {b} must be below 65536, not {given[a]} / {given[b]}")
            return quotient

        def synapse(tau: str) -> tuple[int, int]:
            mask = (1 << 32) - 1
            decay = _exp(divide("ts", tau)) & mask
            return decay, (divide(tau, "ts") * (mask - decay) >> 15) & mask

        decay_e, init_e = synapse("tau_e")
        decay_i, init_i = synapse("tau_i")
        return cls(
            resistance=divide("tau_m", "c_m"),
            decay_v=_exp(divide("ts", "tau_m")) >> 17,
            refractory=-(-divide("t_refract", "ts") >> 15),
            v_rest=v_rest,
            v_reset=v_reset,
            v_thresh=v_thresh,
            i_offset=i_offset,
            decay_e=decay_e,
            init_e=init_e,
            decay_i=decay_i,
            init_i=init_i,
            e_rev_e=e_rev_e,
            e_rev_i=e_rev_i,
            rounding=rounding,
        )

    @property
    def modes(self) -> tuple[int, ...]:
        """1 for conductances; 1 for "nearest"."""
        return int(self.e_rev_e is not None), int(self.rounding == "nearest")

    @property
    def state(self) -> Fields:
        """``e`` and ``i`` after their decay, ``v`` after the reset."""
        return {
            "e": Field(32),
            "i": Field(32),
            "v": Field(32),
            "timer": Field(17, signed=False),
        }

    @property
    def inputs(self) -> Fields:
        """s16.15; see `ring_buffer`."""
        return {"x_e": Field(32), "x_i": Field(32)}

    @property
    def outputs(self) -> Fields:
        """``syn_e`` and ``syn_i`` are e and i before their decay."""
        return {"spike": Field(1, signed=False), "syn_e": Field(32), "syn_i": Field(32)}

    @property
    def register_fields(self) -> Fields:
        """Widths of the registers."""
        fields = {
            "resistance": Field(32),
            "decay_v": Field(32),
            "refractory": Field(17, signed=False),
            "v_rest": Field(32),
            "v_reset": Field(32),
            "v_thresh": Field(32),
            "i_offset": Field(32),
            "decay_e": Field(32, signed=False),
            "init_e": Field(32, signed=False),
            "decay_i": Field(32, signed=False),
            "init_i": Field(32, signed=False),
        }
        if self.e_rev_e is not None:
            fields["e_rev_e"] = Field(32)
            fields["e_rev_i"] = Field(32)
        return fields

    @property
    def registers(self) -> dict[str, int]:
        """The parameters as the datapath takes them."""
        return {name: getattr(self, name) for name in self.register_fields}

    @property
    def start(self) -> dict[str, str]:
        """The voltage starts at rest."""
        return {"v": "v_rest"}

    @property
    def sums(self) -> Fields:
        """``x_e`` and ``x_i``: a ring buffer of 16 bits for each, before its shift."""
        return {"x_e": Field(16, signed=False), "x_i": Field(16, signed=False)}

    @property
    def kernel(self) -> Callable[..., None]:
        """The update of a population (see `kind`)."""
        return _update


def ring_buffer(weights: ArrayLike, left_shift: int) -> NDArray[np.int64]:
    """The input x that arriving weights make.

    The weights of one step, neuron and synapse type meet in a ring buffer of 16 bits that
    saturates: ``x = min(weights, 65535) << left_shift``.

    Parameters
    ----------
    weights : array_like of int
        Sums of unsigned 16-bit weights.
    left_shift : int
        0 .. 15, one for all synapses of a type.

    Raises
    ------
    TypeError, ValueError
        Weights that are not integers or are negative; a shift out of range.
    """
    check_parameters(SimpleNamespace(left_shift=left_shift), {"left_shift": (0, 15)})
    array = np.asarray(weights)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"weights must be integers, not {array.dtype}")
    if array.size and array.min() < 0:
        raise ValueError(f"weights must be at least 0, not {array.min()}")
    return np.minimum(array, 65535).astype(np.int64) << left_shift


def _exp(x: int) -> int:
    """2**32 exp(-x / 2**15) for x >= 0, as ``expk`` and ``expulr`` of spinn_common compute it.

    ``exp(-k)`` and ``1 - exp(-m / 16)`` are tables of rounded numbers there; the rest of the
    exponent, below 1 / 16, goes through a polynomial of second order, which is not 0 at 0: results
    are off by up to 5295.
    """
    if x > 340695:
        return 0
    k, fraction = divmod(x, 1 << 15)
    result = round(2**32 * math.exp(-k))
    if fraction == 0:
        return result
    sixteenths, rest = divmod(fraction, 1 << 11)
    result -= _scale(result, round(-(2**32) * math.expm1(-sixteenths / 16)))
    rest <<= 17
    series = 5294 + ((4293434720 - (2081624032 * rest >> 32)) * rest >> 32)
    return result - _scale(result, series)


def _scale(a: int, b: int) -> int:
    """a b / 2**32, rounded to the nearest."""
    return (a * b + (1 << 31)) >> 32


@njit(cache=True)
def _multiply(a: int, b: int, nearest: int) -> int:
    """The s16.15 product: |a b| <= 2**62 fits 64 bits."""
    if nearest:
        return min(max((a * b + (1 << 14)) >> 15, -(1 << 31)), (1 << 31) - 1)
    return wrap((a * b) >> 15, 32)


@njit(cache=True)
def _update(
    modes: tuple[int, int],
    state: Rows,
    registers: Rows,
    profile: Rows,
    inputs: Rows,
    outputs: Rows,
) -> None:
    conductance, nearest = modes
    for j in range(profile.size):
        constants = registers[:, profile[j]]
        resistance, decay_v, refractory, v_rest, v_reset, v_thresh, i_offset = constants[:7]
        decay_e, init_e, decay_i, init_i = constants[7:11]
        e, i, v, timer = state[:, j]
        # signed 32 bits times unsigned 32 bits fits 64 bits signed
        e = wrap(e + ((inputs[0, j] * init_e) >> 32), 32)
        i = wrap(i + ((inputs[1, j] * init_i) >> 32), 32)
        outputs[1, j], outputs[2, j] = e, i
        if timer > 0:
            timer -= 1
        else:
            current = e - i
            if conductance:
                e_rev_e, e_rev_i = constants[11:]
                current = _multiply(e >> _SHIFT, wrap(e_rev_e - v, 32), 0)
                current -= _multiply(-(i >> _SHIFT), wrap(e_rev_i - v, 32), 0)
            alpha = wrap(_multiply(wrap(current + i_offset, 32), resistance, nearest) + v_rest, 32)
            v = wrap(alpha - _multiply(decay_v, wrap(alpha - v, 32), nearest), 32)
        spike = v >= v_thresh
        if spike:
            v, timer = v_reset, refractory
        # e and i only shrink here and need no wrap
        state[0, j], state[1, j] = (e * decay_e) >> 32, (i * decay_i) >> 32
        state[2, j], state[3, j] = v, timer
        outputs[0, j] = spike
