"""The TrueNorth neuron (Cassidy et al., IJCNN 2013) and its relatives RANC and PAICORE.

State: membrane potential ``V``. Input of an update: the synaptic sum ``i`` and a random number
``x`` of 32 bits. With ``sgn(0) = 0``, and nothing cut but by `fit` and `end`, which are below::

    rho = x & 255                    8 bits, for the leak
    eta = (x >> 8) & M               M = 2**mask_bits - 1, for the thresholds
    d = F(leak)                      F(s) = sgn(s) if |s| >= rho, else 0;  leak_stochastic
        leak                         otherwise
    Omega = sgn(a)                   leak_reversal
            1                        otherwise

    a = fit(V + i)
    b = 0                            no_ringing, and a + Omega d has the sign opposite to a
        fit(a + Omega d)             otherwise
    c = a                            leak_after_compare
        b                            otherwise
    T = threshold + eta
    N = negative_threshold           negative_saturation
        negative_threshold - eta     otherwise

    c >= T:                           spike = 1,  V' = end(v_reset | b - T | b)
    else c < N (symmetric: c <= N):   V' = N                            negative_saturation
                                           end(-v_reset | b - N | b)    otherwise
    else:                             V' = b

where ``|`` separates reset "value", "subtract" and "none"; ``v_pre = b``. In the letters of the
paper: leak lambda, leak_stochastic c, leak_reversal epsilon, threshold alpha, negative_threshold
-beta, reset gamma, negative_saturation kappa, v_reset R. What an addition does beyond the range of
V, `width` bits::

    "wrap":      fit = end = wrap, two's complement
    "saturate":  fit = end = the nearest number within the range
    "paicore":   fit = correct(wrap(.)),  end = wrap,  32 bits
                 correct(s) = s - (2**30 - 1)   s >  2**29 - 1
                              s + (2**30 - 1)   s < -2**29         once
                              s                 otherwise

So hardware needs to cut three times: after the synaptic sum, after the leak, after the reset.

Widths: V, leak, threshold, negative_threshold and v_reset are signed, of `width` bits; i is signed,
of max(width, 17) bits, enough for 256 axons of 9-bit weights; M has min(width - 1, 24) bits. T,
N and the sums have one bit more than what they add.

The random number is made elsewhere: by one generator for the whole population, xorshift32
(Marsaglia 2003), one number per update, for neuron 0, 1, 2, ... within a tick. Neurons without
random leak and mask ignore it. A stochastic synapse needs a number of its own for each event: see
`contribution`.

Three public models that this is bit-exact to:

* RANC's simulator, UA-RCL/RANC@08ae4bd, ``simulator/src/neuronblock.cpp``: "wrap" with 32 bits
  (a C++ int, whose overflow is undefined), forward leak, reset "value" or "subtract", and either
  comparison: its reset_type 1 is `symmetric`.
* RANC's hardware, ``hardware/IP/RANCNetwork/src/sources/NeuronBlock.v``: "wrap" with 9 bits. It
  wraps after every weight, which is the same. There `negative_threshold` may be positive, and
  above `threshold`.
* PAICORE in PAIBox 1.3.0 (PyPI), ``paibox/components/neuron/base.py``, ``OfflineNeuron.step``:
  "paicore". V is to have 30 bits, but an overflow is corrected by 2**30 - 1 instead of 2**30, and
  not at all after the reset, so that it leaves them: PAIBox holds it in an int32, and `width` is
  32. PAIBox does not compute the stochastic modes. Given sums in int64 instead of int32 it differs
  where V + i needs more than 32 bits.

TrueNorth itself has 20 bits of V, weights and leak of 9 bits, thresholds of 18 bits without sign.
No executable model of its stochastic modes was trustworthy, and the paper was not read again:
that 0 <= rho <= 255, so that F(s) is not 0 with probability (|s| + 1) / 256, that both thresholds
take the same eta, how V overflows (here "saturate", once after the synaptic sum and not after each
axon) and the no_ringing rule (from a comment in markplagge/NeMo@5edb82c, ``src/neuro/tn_neuron.c``,
on IBM's Neuron Behavior Reference) are unverified. Its random generator is not public.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from numba import njit

from .kind import Field, Fields, Rows, check_parameters, wrap

OVERFLOWS = ("wrap", "saturate", "paicore")
RESETS = ("value", "subtract", "none")
LEAK_BITS = 8  # of the random number, its lowest ones
MASK_BITS = 32 - LEAK_BITS
_SATURATE, _PAICORE = 1, 2
_VALUE, _SUBTRACT = 0, 1


@dataclass(frozen=True)
class TrueNorth:
    """Parameters of a neuron; the equations are at the head of this module.

    Parameters
    ----------
    width : int
        Bits of V, 4 .. 32; 32 for "paicore".
    overflow : {"wrap", "saturate", "paicore"}
    threshold : int
        `width` bits, signed, as are all without another range.
    negative_threshold : int
        With its sign: -beta of the paper.
    mask_bits : int
        0 .. min(width - 1, 24) random bits raise `threshold` and lower `negative_threshold`.
    leak : int
        Added at each update.
    leak_stochastic : bool
        Add the sign of the leak with a probability, instead of the leak.
    leak_reversal : bool
        A positive leak drives V away from 0, a negative one towards 0.
    no_ringing : bool
        A leak that would carry V across 0 ends there; with `leak_reversal` only.
    leak_after_compare : bool
        Compare with the thresholds before the leak.
    symmetric : bool
        V is below the negative threshold if it equals it.
    reset : {"value", "subtract", "none"}
    v_reset : int
        For reset "value": V after a spike, and -V after a fall below the negative threshold.
    negative_saturation : bool
        V below the negative threshold becomes that threshold.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """

    width: int
    overflow: Literal["wrap", "saturate", "paicore"]
    threshold: int
    negative_threshold: int
    mask_bits: int = 0
    leak: int = 0
    leak_stochastic: bool = False
    leak_reversal: bool = False
    no_ringing: bool = False
    leak_after_compare: bool = False
    symmetric: bool = False
    reset: Literal["value", "subtract", "none"] = "value"
    v_reset: int = 0
    negative_saturation: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (("overflow", OVERFLOWS), ("reset", RESETS)):
            if (value := getattr(self, name)) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
        for name in (
            "leak_stochastic",
            "leak_reversal",
            "no_ringing",
            "leak_after_compare",
            "symmetric",
            "negative_saturation",
        ):
            if not isinstance(value := getattr(self, name), bool):
                raise TypeError(f"{name} must be a bool, not {value!r}")
        if self.no_ringing and not self.leak_reversal:
            raise ValueError("no_ringing must be False without leak_reversal")
        check_parameters(self, {"width": (32 if self.overflow == "paicore" else 4, 32)})
        names = ("threshold", "negative_threshold", "leak", "v_reset")
        v = Field(self.width)
        check_parameters(self, {name: (v.low, v.high) for name in names})
        check_parameters(self, {"mask_bits": (0, self._mask_width)})

    @property
    def _mask_width(self) -> int:
        return min(self.width - 1, MASK_BITS)

    @property
    def modes(self) -> tuple[int, ...]:
        """The width, the number of the overflow, 1 for leak_after_compare, 1 for symmetric."""
        overflow = OVERFLOWS.index(self.overflow)
        return self.width, overflow, int(self.leak_after_compare), int(self.symmetric)

    @property
    def state(self) -> Fields:
        """The membrane potential ``v``."""
        return {"v": Field(self.width)}

    @property
    def inputs(self) -> Fields:
        """The synaptic sum ``i`` and the random number ``x``."""
        return {"i": Field(max(self.width, 17)), "x": Field(32, signed=False)}

    @property
    def outputs(self) -> Fields:
        """``spike``, and ``v_pre``: V after the leak, before the reset."""
        return {"spike": Field(1, signed=False), "v_pre": Field(self.width)}

    @property
    def register_fields(self) -> Fields:
        """Widths of the registers."""
        v, flag = Field(self.width), Field(1, signed=False)
        return {
            "leak": v,
            "leak_stochastic": flag,
            "leak_reversal": flag,
            "no_ringing": flag,
            "threshold": v,
            "negative_threshold": v,
            "mask": Field(self._mask_width, signed=False),
            "reset": Field(2, signed=False),
            "v_reset": v,
            "negative_saturation": flag,
        }

    @property
    def registers(self) -> dict[str, int]:
        """The parameters as the datapath takes them; ``reset`` is the paper's gamma, 0 .. 2."""
        return {
            "leak": self.leak,
            "leak_stochastic": int(self.leak_stochastic),
            "leak_reversal": int(self.leak_reversal),
            "no_ringing": int(self.no_ringing),
            "threshold": self.threshold,
            "negative_threshold": self.negative_threshold,
            "mask": (1 << self.mask_bits) - 1,
            "reset": RESETS.index(self.reset),
            "v_reset": self.v_reset,
            "negative_saturation": int(self.negative_saturation),
        }

    @property
    def start(self) -> dict[str, str]:
        """V starts with 0."""
        return {}

    @property
    def sums(self) -> Fields:
        """The input ``i``."""
        return {"i": self.inputs["i"]}

    @property
    def kernel(self) -> Callable[..., None]:
        """The update of a population (see `kind`)."""
        return _update


@njit(cache=True)
def contribution(s: int, stochastic: int, rho: int) -> int:
    """What an event of an axon adds to the synaptic sum, and the leak to V before its reversal.

    Parameters
    ----------
    s : int
        The weight of the axon's type, or the leak.
    stochastic : int
        0: it is `s`. Otherwise it is the sign of `s` if ``|s| >= rho``, else 0.
    rho : int
        A random number, 0 .. 255; one for each event.
    """
    if stochastic:
        return _sign(s) if abs(s) >= rho else 0
    return s


@njit(cache=True)
def _sign(value: int) -> int:
    return 1 if value > 0 else (-1 if value < 0 else 0)


@njit(cache=True)
def _fit(total: int, width: int, overflow: int) -> int:
    if overflow == _SATURATE:
        half = 1 << (width - 1)
        return min(max(total, -half), half - 1)
    total = wrap(total, width)
    if overflow == _PAICORE:
        if total > (1 << 29) - 1:
            total -= (1 << 30) - 1
        elif total < -(1 << 29):
            total += (1 << 30) - 1
    return total


@njit(cache=True)
def _end(total: int, width: int, overflow: int) -> int:
    return wrap(total, width) if overflow == _PAICORE else _fit(total, width, overflow)


@njit(cache=True)
def _update(
    modes: tuple[int, int, int, int],
    state: Rows,
    registers: Rows,
    profile: Rows,
    inputs: Rows,
    outputs: Rows,
) -> None:
    width, overflow, leak_after_compare, symmetric = modes
    for j in range(profile.size):
        constants = registers[:, profile[j]]
        leak, stochastic, reversal, no_ringing, threshold = constants[:5]
        negative_threshold, mask, reset, v_reset, saturation = constants[5:]
        i, x = inputs[:, j]
        eta = (x >> LEAK_BITS) & mask

        charged = _fit(state[0, j] + i, width, overflow)
        change = contribution(leak, stochastic, x & ((1 << LEAK_BITS) - 1))
        if reversal:
            change *= _sign(charged)
        leaked = _fit(charged + change, width, overflow)
        if no_ringing and _sign(charged + change) == -_sign(charged):
            leaked = 0

        compared = charged if leak_after_compare else leaked
        above = threshold + eta
        below = negative_threshold if saturation else negative_threshold - eta
        spike = compared >= above
        v = leaked
        if spike:
            if reset == _VALUE:
                v = v_reset
            elif reset == _SUBTRACT:
                v = _end(leaked - above, width, overflow)
        elif compared < below or (symmetric and compared == below):
            if saturation:
                v = negative_threshold
            elif reset == _VALUE:
                v = _end(-v_reset, width, overflow)
            elif reset == _SUBTRACT:
                v = _end(leaked - below, width, overflow)
        state[0, j] = v
        outputs[0, j], outputs[1, j] = spike, leaked
