"""Vectors of SpiNNaker neurons: of sPyNNaker's C code, compiled by gcc for ARM.

Every number is an integer: s16.15, but for the decays and inits (u0.32), `T_refract` (steps) and
``s``. ``x_exc`` and ``x_inh`` are what the ring buffers give; ``syn_exc`` and ``syn_inh`` are taken
before they decay, ``v`` after the reset. A run begins with v = v_rest, all else 0. `e_rev_E` and
`e_rev_I` are used by IF_cond_exp only. `derived` is what the C code made of `params`: a vector
where the integer model makes something else of them describes two neurons, and is refused.
"""

from typing import Literal

import numpy as np
from msgspec import Struct

from ...models.integer.spinnaker import SpiNNaker
from .case import Case

ROUNDINGS: dict[str, Literal["floor", "nearest"]] = {
    "gcc_accum_floor_wrap": "floor",
    "round_nearest_sat": "nearest",
}


class SpiNNakerParams(Struct, forbid_unknown_fields=True):
    """Times, capacitance and potentials; the time step is `ts`."""

    model: Literal["IF_curr_exp", "IF_cond_exp"]
    mult: Literal["gcc_accum_floor_wrap", "round_nearest_sat"]
    ts: int
    tau_m: int
    c_m: int
    v_rest: int
    v_reset: int
    v_thresh: int
    i_offset: int
    t_refract_ms: int
    tau_syn_E: int
    tau_syn_I: int
    e_rev_E: int
    e_rev_I: int


class SpiNNakerDerived(Struct, forbid_unknown_fields=True):
    """Registers."""

    R_membrane: int
    exp_TC: int
    T_refract: int
    exc_decay: int
    exc_init: int
    inh_decay: int
    inh_init: int


class SpiNNakerVector(Struct, forbid_unknown_fields=True):
    """One run of a neuron."""

    name: str
    params: SpiNNakerParams
    derived: SpiNNakerDerived
    x_exc: list[int]
    x_inh: list[int]
    syn_exc: list[int]
    syn_inh: list[int]
    v: list[int]
    s: list[int]

    def neuron(self) -> SpiNNaker:
        """The neuron that `params` state; `derived` must agree."""
        p, d = self.params, self.derived
        conductances = p.model == "IF_cond_exp"
        neuron = SpiNNaker.from_parameters(
            ts=p.ts,
            tau_m=p.tau_m,
            c_m=p.c_m,
            t_refract=p.t_refract_ms,
            tau_e=p.tau_syn_E,
            tau_i=p.tau_syn_I,
            v_rest=p.v_rest,
            v_reset=p.v_reset,
            v_thresh=p.v_thresh,
            i_offset=p.i_offset,
            e_rev_e=p.e_rev_E if conductances else None,
            e_rev_i=p.e_rev_I if conductances else None,
            rounding=ROUNDINGS[p.mult],
        )
        for name, stated, made in (
            ("R_membrane", d.R_membrane, neuron.resistance),
            ("exp_TC", d.exp_TC, neuron.decay_v),
            ("T_refract", d.T_refract, neuron.refractory),
            ("exc_decay", d.exc_decay, neuron.decay_e),
            ("exc_init", d.exc_init, neuron.init_e),
            ("inh_decay", d.inh_decay, neuron.decay_i),
            ("inh_init", d.inh_init, neuron.init_i),
        ):
            if stated != made:
                raise ValueError(f"derived.{name} must be {made}, which params make, not {stated}")
        return neuron

    def case(self) -> Case:
        """The vector as a case."""
        return Case(
            self.name,
            self.neuron(),
            {"x_e": np.array(self.x_exc), "x_i": np.array(self.x_inh)},
            {"v": self.params.v_rest},
            {
                "syn_exc": ("syn_e", np.array(self.syn_exc)),
                "syn_inh": ("syn_i", np.array(self.syn_inh)),
                "v": ("v", np.array(self.v)),
                "s": ("spike", np.array(self.s)),
            },
        )
