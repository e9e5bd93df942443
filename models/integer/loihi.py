"""Current-based neurons of Intel Loihi 1, in the arithmetic of two public models.

State: current ``u``, voltage ``v``, refractory counter ``r``. Input of a step: the synaptic sum
``i``. ``tz(x / 2**n)`` truncates toward zero; ``wrapN`` is N-bit two's complement.

Flavour "lava": ``PyLifModelBitAcc``, ``PyLifResetModelBitAcc`` and ``PyTernLifModelFixed`` of
lava-nc/lava@b6822fb, ``src/lava/proc/lif/models.py``. `i` is the number on the input port::

    clear:   u = v = 0                                       before all else
    u' = tz(u (4095 - decay_u) / 4096) + 64 i
    u' > 2**23:   u' -= 2**24;   u' <= -2**23:   u' += 2**24        once
    w  = tz(v (4096 - decay_v) / 4096) + u' + bias
    v' = min(max(w, -(2**23 - 1)), 2**23 - 1)
    v' >  64 threshold:       spike = 1,  v' = 0
    v' <  64 threshold_low:   spike = -1, v' = 0             ternary neurons only

So u reaches +2**23, which is not a 24-bit number: u has 25 bits here. There is no refractoriness.

Flavour "nengo": ``CompartmentState.update`` of nengo/nengo-loihi@e564f66,
``nengo_loihi/emulator/interface.py``. `i` is the sum of weights that were shifted before::

    q  = wrap22(i + noise if not noise_at_membrane)
    u' = wrap24(tz(u (4095 - decay_u) / 4096) + q)
    w  = tz(v (4096 - decay_v) / 4096) + wrap24(u' + bias + noise if noise_at_membrane)
    v' = min(max(w, v_min), v_max),  v_min = 1 - 2**v_min_exp,  v_max = 2**(9 + 2 v_max_exp) - 1
    r > 0:                v' = 0
    v' > 64 threshold:    spike = 1, v' = 0, r = refractory
    r' = max(r - 1, 0)

so that two spikes are `refractory` steps apart at least. In both, ``bias = bias_mant <<
bias_exp`` (a negative exponent shifts right, rounding down: only Lava's model has that).

Different from the chip: it reads back v = 128 times the remaining refractory steps after a spike;
its noise comes from a generator that is not public; and Lava's model is itself disputed
(lava-nc/lava issue 322). What is claimed is bit-exactness to these two models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from numba import njit

from .kind import Field, Fields, Rows, check_parameters, towards_zero, wrap

SCALE = 6  # bits that a threshold, and Lava's input, is shifted to the left
_LIMIT = 1 << 23


@dataclass(frozen=True)
class Loihi:
    """Parameters of a neuron; the equations are at the head of this module.

    Parameters
    ----------
    flavour : {"lava", "nengo"}
    decay_u, decay_v : int
        0 .. 4095, the chip's 12 bits; Lava's model also computes with 4096.
    threshold : int
        Mantissa, 17 bits: 0 .. 131071, from 1 for "nengo". Of a ternary neuron: from
        -131072, and not below `threshold_low`.
    threshold_low : int, optional
        Makes a ternary neuron, for "lava" only: -131072 .. 131071.
    bias_mant : int
        -4096 .. 4095 (13 bits).
    bias_exp : int
        0 .. 7 (3 bits); for "lava" from -13.
    refractory : int
        Steps from a spike to the next at least; 1 .. 63 for "nengo", 1 for "lava".
    v_min_exp : int
        0 .. 23; 23 for "lava".
    v_max_exp : int
        0 .. 7; 7 for "lava".
    noise_at_membrane : bool
        Where the noise joins; False for "lava", which has none.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """

    flavour: Literal["lava", "nengo"]
    decay_u: int
    decay_v: int
    threshold: int
    threshold_low: int | None = None
    bias_mant: int = 0
    bias_exp: int = 0
    refractory: int = 1
    v_min_exp: int = 23
    v_max_exp: int = 7
    noise_at_membrane: bool = False

    def __post_init__(self) -> None:
        if self.flavour not in ("lava", "nengo"):
            raise ValueError(f"flavour must be 'lava' or 'nengo', not {self.flavour!r}")
        lava, ternary = self.flavour == "lava", self.threshold_low is not None
        if ternary and not lava:
            raise ValueError("threshold_low makes a ternary neuron, which only 'lava' has")
        if not isinstance(self.noise_at_membrane, bool):
            raise TypeError(f"noise_at_membrane must be a bool, not {self.noise_at_membrane!r}")
        if lava and self.noise_at_membrane:
            raise ValueError("noise_at_membrane must be False for 'lava', which has no noise")
        ranges = {
            "decay_u": (0, 4096 if lava else 4095),
            "decay_v": (0, 4096 if lava else 4095),
            "bias_mant": (-4096, 4095),
            "bias_exp": (-13 if lava else 0, 7),
            "refractory": (1, 1 if lava else 63),
            "v_min_exp": (23 if lava else 0, 23),
            "v_max_exp": (7 if lava else 0, 7),
        }
        if ternary:
            ranges["threshold_low"] = (-(1 << 17), (1 << 17) - 1)
        check_parameters(self, ranges)
        least = 0 if lava else 1
        if self.threshold_low is not None:
            least = self.threshold_low
        check_parameters(self, {"threshold": (least, (1 << 17) - 1)})

    @property
    def modes(self) -> tuple[int, ...]:
        """1 for "nengo"; 1 for ternary neurons."""
        return int(self.flavour == "nengo"), int(self.threshold_low is not None)

    @property
    def state(self) -> Fields:
        """``u`` has 25 bits for "lava", 24 for "nengo"; only "nengo" has ``r``."""
        if self.flavour == "lava":
            return {"u": Field(25), "v": Field(24)}
        return {"u": Field(24), "v": Field(24), "r": Field(6, signed=False)}

    @property
    def inputs(self) -> Fields:
        """For "lava" `i` of 19 bits, with which one correction of u suffices, and `clear`."""
        if self.flavour == "lava":
            return {"i": Field(19), "clear": Field(1, signed=False)}
        return {"i": Field(32), "noise": Field(24)}

    @property
    def outputs(self) -> Fields:
        """``spike``: 0 or 1; of ternary neurons also -1."""
        ternary = self.threshold_low is not None
        return {"spike": Field(2) if ternary else Field(1, signed=False)}

    @property
    def register_fields(self) -> Fields:
        """Widths of the registers."""
        fields = {
            "factor_u": Field(13),
            "factor_v": Field(13, signed=False),
            "bias": Field(20),
            "threshold": Field(24),
        }
        if self.flavour == "nengo":
            fields["v_min"] = Field(24)
            fields["v_max"] = Field(24)
            fields["refractory"] = Field(6, signed=False)
            fields["noise_at_membrane"] = Field(1, signed=False)
        elif self.threshold_low is not None:
            fields["threshold_low"] = Field(24)
        return fields

    @property
    def registers(self) -> dict[str, int]:
        """The parameters as the datapath takes them."""
        exp = self.bias_exp
        values = {
            "factor_u": 4095 - self.decay_u,
            "factor_v": 4096 - self.decay_v,
            "bias": self.bias_mant << exp if exp >= 0 else self.bias_mant >> -exp,
            "threshold": self.threshold << SCALE,
            "threshold_low": (self.threshold_low or 0) << SCALE,
            "v_min": 1 - (1 << self.v_min_exp),
            "v_max": (1 << (9 + 2 * self.v_max_exp)) - 1,
            "refractory": self.refractory,
            "noise_at_membrane": int(self.noise_at_membrane),
        }
        return {name: values[name] for name in self.register_fields}

    @property
    def start(self) -> dict[str, str]:
        """All states start with 0."""
        return {}

    @property
    def sums(self) -> Fields:
        """The input ``i``."""
        return {"i": self.inputs["i"]}

    @property
    def kernel(self) -> Callable[..., None]:
        """The update of a population (see `kind`)."""
        return _nengo if self.flavour == "nengo" else _lava


@njit(cache=True)
def _lava(
    modes: tuple[int, int],
    state: Rows,
    registers: Rows,
    profile: Rows,
    inputs: Rows,
    outputs: Rows,
) -> None:
    for j in range(profile.size):
        constants = registers[:, profile[j]]
        factor_u, factor_v, bias, threshold = constants[:4]
        u, v = state[0, j], state[1, j]
        if inputs[1, j]:
            u, v = 0, 0
        u = towards_zero(u * factor_u, 12) + (inputs[0, j] << SCALE)
        if u > _LIMIT:
            u -= 2 * _LIMIT
        elif u <= -_LIMIT:
            u += 2 * _LIMIT
        v = towards_zero(v * factor_v, 12) + u + bias
        v = min(max(v, 1 - _LIMIT), _LIMIT - 1)
        spike = 0
        if v > threshold:
            spike = 1
        elif modes[1] and v < constants[4]:
            spike = -1
        state[0, j], state[1, j] = u, 0 if spike else v
        outputs[0, j] = spike


@njit(cache=True)
def _nengo(
    modes: tuple[int, int],
    state: Rows,
    registers: Rows,
    profile: Rows,
    inputs: Rows,
    outputs: Rows,
) -> None:
    for j in range(profile.size):
        constants = registers[:, profile[j]]
        factor_u, factor_v, bias, threshold = constants[:4]
        v_min, v_max, refractory, at_membrane = constants[4:]
        u, v, r = state[:, j]
        i, noise = inputs[:, j]
        q = wrap(i + (0 if at_membrane else noise), 22)
        u = wrap(towards_zero(u * factor_u, 12) + q, 24)
        w = wrap(u + bias + (noise if at_membrane else 0), 24)
        v = min(max(towards_zero(v * factor_v, 12) + w, v_min), v_max)
        if r > 0:
            v = 0
        spike = v > threshold
        if spike:
            v, r = 0, refractory
        state[0, j], state[1, j], state[2, j] = u, v, max(r - 1, 0)
        outputs[0, j] = spike
