"""A synapse that opens a conductance towards a reversal potential."""

from collections.abc import Sequence

import numpy as np

from ..technology import Technology
from . import dpi, ota
from .bench import TRANSIENT, Design
from .cell import Cell


class ConductanceSynapse(Cell):
    """A DPI that biases an OTA, nodes ``pulse v_rev out i_w i_tau i_gain vdd``.

    The DPI's current is the OTA's bias, and the OTA follows v_rev: into ``out``, at v, flows

        i = I_syn(t) tanh((v_rev - v)/(2 n U_T)),

    within the OTA's linear range ``g(t) (v_rev - v)`` with ``g = I_syn/(2 n U_T)``, n of the
    OTA's pair. v_rev alone makes the synapse excitatory, inhibitory or shunting; the DPI is always
    the excitatory one, which gives its current from the supply. The OTA's offset, a few millivolts,
    adds to v_rev.
    """

    def __init__(self, name: str, synapse: Cell, amplifier: Cell) -> None:
        nodes = ("pulse", "v_rev", "out", "i_w", "i_tau", "i_gain", "vdd")
        super().__init__(name, nodes, synapse.technology)
        self.subcircuit(synapse)
        self.subcircuit(amplifier)
        self.X("dpi", synapse.name, "pulse", "i_syn", "i_w", "i_tau", "i_gain", "vdd")
        self.X("ota", amplifier.name, "v_rev", "out", "out", "i_syn", "vdd")


def design(
    technology: Technology,
    tau: float,
    increment: float,
    width: float,
    v_rev: float,
    capacitance: float = 1e-12,
) -> tuple[Design, dpi.Constants]:
    """A synapse whose conductance a pulse raises by an increment.

    Parameters
    ----------
    technology : Technology
    tau, width : float
        Time constant, and width of a pulse, in s.
    increment : float
        Of the conductance, in S.
    v_rev : float
        Reversal potential in V, about which the membrane moves.
    capacitance : float
        Of the node that integrates, in F.

    Returns
    -------
    design : Design
    constants : dpi.Constants
        For the equation of I_syn.

    Raises
    ------
    ValueError
        A current that this needs is out of the subthreshold range, or a transistor has no headroom.
    """
    amplifier = ota.design(technology, increment, v_rev)
    synapse, constants = dpi.design(
        technology, "excitatory", tau, amplifier.currents["bias"], width, capacitance
    )
    cell = ConductanceSynapse("conductance_synapse", synapse.cell, amplifier.cell)
    return Design(cell, synapse.currents, {"v_rev": v_rev}), constants


def response(
    design: Design, pulses: Sequence[float], width: float, t_stop: float, v_out: float
) -> tuple[np.ndarray, np.ndarray]:
    """Time (s) and current (A) into a membrane held at `v_out` (V); see `dpi.response`."""
    lines = (
        f"{dpi.train(design, pulses, width)}\nVout out 0 {v_out!r}\n"
        f".tran {width!r} {t_stop!r} 0 {width!r}\n.save i(Vout)"
    )
    found = design.measure(lines, ["time", "vout#branch"], TRANSIENT)
    return found["time"], found["vout#branch"]
