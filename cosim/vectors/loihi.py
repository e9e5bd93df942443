"""Vectors of Loihi neurons: of Lava's bit-accurate models and of the nengo-loihi emulator.

Every number is an integer. Lava: ``a_in`` is the number on the input port before it is shifted by
6; ``u``, ``v`` and ``s`` are taken after the step (`v` after the reset). `vth` of a ternary neuron
is [low, high]. nengo-loihi: ``q`` is the synaptic input after all shifts, ``noise`` what is added
to it or, where `noise_at_membrane` is 1, behind the current; `noise_exp` and `noise_offset` say how
the recorded noise was scaled and are not used again.
"""

from typing import Literal

import numpy as np
from msgspec import Struct

from ...models.integer.loihi import Loihi
from .case import Case

PLAIN, RESET, TERNARY = "PyLifModelBitAcc", "PyLifResetModelBitAcc", "PyTernLifModelFixed"


class LavaParams(Struct, forbid_unknown_fields=True):
    """Registers and the state before the first step; the last two for `RESET` only."""

    du: int
    dv: int
    vth: int | tuple[int, int]
    bias_mant: int
    bias_exp: int
    u0: int
    v0: int
    reset_interval: int | None = None
    reset_offset: int | None = None


class LavaVector(Struct, forbid_unknown_fields=True):
    """One run of one of Lava's models."""

    name: str
    model: Literal["PyLifModelBitAcc", "PyLifResetModelBitAcc", "PyTernLifModelFixed"]
    params: LavaParams
    a_in: list[int]
    u: list[int]
    v: list[int]
    s: list[int]

    def case(self) -> Case:
        """The vector as a case."""
        p = self.params
        if (self.model == TERNARY) != isinstance(p.vth, tuple):
            raise ValueError(f"params.vth must be [low, high] for {TERNARY} only, not {p.vth}")
        low, high = p.vth if isinstance(p.vth, tuple) else (None, p.vth)
        for value in (p.reset_interval, p.reset_offset):
            if (self.model == RESET) == (value is None):
                raise ValueError(
                    f"params.reset_interval and reset_offset belong to {RESET}, and to it only"
                )
        clear = np.zeros(len(self.a_in), np.int64)
        if p.reset_interval is not None and p.reset_offset is not None:
            if p.reset_interval < 1:
                raise ValueError(f"params.reset_interval must be >= 1, not {p.reset_interval}")
            t = np.arange(1, clear.size + 1)
            clear[:] = (t - p.reset_offset) % p.reset_interval == 0
        return Case(
            self.name,
            Loihi("lava", p.du, p.dv, high, low, p.bias_mant, p.bias_exp),
            {"i": np.array(self.a_in), "clear": clear},
            {"u": p.u0, "v": p.v0},
            {
                "u": ("u", np.array(self.u)),
                "v": ("v", np.array(self.v)),
                "s": ("spike", np.array(self.s)),
            },
        )


class NengoParams(Struct, forbid_unknown_fields=True):
    """Registers of a compartment."""

    decay_u: int
    decay_v: int
    vth_man: int
    bias_man: int
    bias_exp: int
    refract_delay: int
    vmin_exp: int
    vmax_exp: int
    noise: bool
    noise_at_membrane: Literal[0, 1]
    noise_exp: int
    noise_offset: int


class NengoVector(Struct, forbid_unknown_fields=True):
    """One run of a compartment of the emulator."""

    name: str
    params: NengoParams
    q: list[int]
    noise: list[int]
    u: list[int]
    v: list[int]
    s: list[int]

    def case(self) -> Case:
        """The vector as a case."""
        p = self.params
        if not p.noise and any(self.noise):
            raise ValueError("noise must be 0 at every step where params.noise is false")
        neuron = Loihi(
            "nengo",
            p.decay_u,
            p.decay_v,
            p.vth_man,
            None,
            p.bias_man,
            p.bias_exp,
            p.refract_delay,
            p.vmin_exp,
            p.vmax_exp,
            bool(p.noise_at_membrane),
        )
        return Case(
            self.name,
            neuron,
            {"i": np.array(self.q), "noise": np.array(self.noise)},
            {},
            {
                "u": ("u", np.array(self.u)),
                "v": ("v", np.array(self.v)),
                "s": ("spike", np.array(self.s)),
            },
        )
