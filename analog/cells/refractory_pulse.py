"""A pulse of a set width, the neuron's refractory time (after Indiveri et al. 2011)."""

from ..technology import Technology
from .cell import Cell, Size


class RefractoryPulse(Cell):
    """Pulse of a set width, nodes ``q spike bias speed vdd``.

    A low ``q`` charges ``c_ref`` to the supply at once and raises ``spike``; the bias current then
    discharges it, and ``spike`` falls after ``t = c_ref (V_dd - V_trip)/I_bias``. The inverter that
    watches the slow ramp is starved by the current mirrored from ``speed``: it draws no crow-bar
    current and trips where its pMOS carries just that current.
    """

    def __init__(self, name: str, technology: Technology, c_ref: float, charge: Size) -> None:
        super().__init__(name, ("q", "spike", "bias", "speed", "vdd"), technology)
        slow, fast = Size(0.5e-6, 2e-6), Size(1e-6, technology.l_min)
        self.C("ref", "ramp", "0", c_ref)
        self.pmos("charge", "ramp", "q", "vdd", charge)
        self.nmos("bias", "bias", "bias", "0", slow)
        self.nmos("discharge", "ramp", "bias", "0", slow)
        self.pmos("up", "bar", "ramp", "vdd", Size(1e-6, 0.36e-6))
        self.nmos("down", "bar", "ramp", "starve", fast)
        self.nmos("starve", "starve", "speed", "0", Size(2e-6, 0.36e-6))
        self.pmos("spike_up", "spike", "bar", "vdd", Size(4e-6, technology.l_min))
        self.nmos("spike_down", "spike", "bar", "0", Size(2e-6, technology.l_min))
