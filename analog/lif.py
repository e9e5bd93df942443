"""A leaky integrate-and-fire neuron of transistors: OTA, capacitor, comparator, reset, dead time.

    C dv/dt = I + I_leak tanh((v_rest - v)/(2 n U_T));   v >= v_th: spike, v = v_reset for t_dead

In weak inversion ``tau_m = C/g_m`` with ``g_m = I_leak/(2 n U_T)``. A leak of wide linear range has
another equation (`rheobase.analog.cells.wide_ota`) and about ``g_m = I_leak/(9 U_T)``. Everything
here is in the chip's own volts, amperes and seconds: a neuron's voltage v lies at ``v_mid +
voltage_scale (v - v_rest)``, its time t at ``t/speed_up``. Topology after Aamir et al., IEEE
TCAS-I 65 (2018) 4299 (arXiv 1804.01906).
"""

from dataclasses import dataclass

from PySpice.Spice.Netlist import Circuit

from ..models.neuron import LIF
from .cells.cell import Cell, Size
from .cells.comparator import Comparator
from .cells.ota import OTA
from .cells.refractory_pulse import RefractoryPulse
from .cells.reset_switch import ResetSwitch
from .cells.wide_ota import WideOTA
from .deck import deck
from .technology import Technology

LEAK_VOLTAGE = {False: 2.7, True: 8.8}
"""``I_leak/g_m`` in U_T, about, in weak inversion: 2 n, and 3 n (1 + n') of the wide OTA."""


@dataclass(frozen=True)
class AnalogLIF:
    """A sized and biased neuron circuit; `rheobase.analog.bias.design` makes one.

    Parameters
    ----------
    neuron : LIF
        What the circuit realises.
    technology : Technology
    speed_up, voltage_scale : float
        Chip seconds per second and chip volts per volt.
    c_m : float
        Membrane capacitor in F (drawn; the cells add their parasitic capacitance).
    g_m : float
        Designed leak conductance in S.
    t_dead : float
        Designed time from threshold to release, in chip seconds; ``neuron.t_ref/speed_up``, or the
        shortest that the circuit can build.
    i_leak, i_comparator, i_refractory : float
        Bias currents in A.
    v_rest_reference, v_th_reference, v_reset_reference : float
        Reference voltages in V, corrected for the offsets of the cells that use them.
    c_ref : float
        Capacitor of the refractory pulse in F.
    options : str
        Solver options that the netlist carries; see `rheobase.analog.ngspice.options`.
    pair_size, mirror_size, comparator_size, load_size, branch_size, reset_size, charge_size : Size
        Gates of the OTA's input pair and mirrors, of the comparator's input pair, pMOS loads
        and other branches, of the reset switch, and of the pMOS that charges `c_ref`.
    wide : bool
        Whether the leak is the OTA of wide linear range.
    """

    neuron: LIF
    technology: Technology
    speed_up: float
    voltage_scale: float
    c_m: float
    g_m: float
    t_dead: float
    i_leak: float
    i_comparator: float
    i_refractory: float
    v_rest_reference: float
    v_th_reference: float
    v_reset_reference: float
    c_ref: float
    options: str
    pair_size: Size
    mirror_size: Size
    comparator_size: Size
    load_size: Size
    branch_size: Size
    reset_size: Size
    charge_size: Size
    wide: bool = False

    @property
    def leak_cell(self) -> Cell:
        """The transconductance amplifier that is the leak."""
        kind = WideOTA if self.wide else OTA
        return kind("ota", self.technology, self.pair_size, self.mirror_size)

    @property
    def tau_m(self) -> float:
        """Designed membrane time constant in chip seconds."""
        return self.neuron.tau_m / self.speed_up

    def voltage(self, v: float) -> float:
        """Chip voltage in V of the neuron's voltage `v`."""
        middle = self.technology.supply / 2
        return middle + self.voltage_scale * (v - self.neuron.v_rest)

    def current(self, mu: float) -> float:
        """Chip current in A of a drive `mu` in the neuron's volts (``R I = mu``)."""
        return mu * self.voltage_scale * self.g_m

    def circuit(self) -> Circuit:
        """The neuron with its supply, references and bias currents; nodes ``m`` and ``spike``."""
        tech = self.technology
        circuit = Circuit(f"LIF neuron, {tech.name}, speed-up {self.speed_up:g}")
        circuit.subcircuit(self.leak_cell)
        comparator = (self.comparator_size, self.load_size, self.branch_size)
        circuit.subcircuit(Comparator("comparator", tech, *comparator))
        circuit.subcircuit(RefractoryPulse("refractory", tech, self.c_ref, self.charge_size))
        circuit.subcircuit(ResetSwitch("reset", tech, self.reset_size))
        circuit.V("dd", "vdd", "0", tech.supply)
        circuit.V("rest", "v_rest", "0", self.v_rest_reference)
        circuit.V("th", "v_th", "0", self.v_th_reference)
        circuit.V("reset", "v_reset", "0", self.v_reset_reference)
        circuit.I("leak", "vdd", "n_leak", self.i_leak)
        circuit.I("comparator", "vdd", "n_comparator", self.i_comparator)
        circuit.I("refractory", "vdd", "n_refractory", self.i_refractory)
        circuit.C("m", "m", "0", self.c_m)
        circuit.X("leak", "ota", "v_rest", "m", "m", "n_leak", "vdd")
        circuit.X("comparator", "comparator", "m", "v_th", "q", "n_comparator", "vdd")
        circuit.X("refractory", "refractory", "q", "spike", "n_refractory", "n_comparator", "vdd")
        circuit.X("reset", "reset", "m", "spike", "v_reset", "vdd")
        return circuit

    def netlist(self, bench: str, reltol: float = 1e-4) -> str:
        """The complete deck: the circuit, the lines of a test bench, the solver options."""
        return deck(self.technology, self.circuit(), bench, self.options, reltol)
