"""A pulse of a set width, the neuron's refractory time (after Indiveri et al. 2011)."""

from ..technology import Technology
from .cell import Cell, Size

KICK = 1.5e-15
"""F for the shortest gates, and in proportion to their length: a few um of metal beside metal."""


class RefractoryPulse(Cell):
    """Pulse of a set width, nodes ``q spike bias speed vdd``.

    A low ``q`` charges ``c_ref`` to the supply at once and raises ``spike``; the bias current then
    discharges it, and ``spike`` falls after ``t = c_ref (V_dd - V_trip)/I_bias``.

    - Both inverters are starved by the current mirrored from ``speed``: the first watches a slow
      ramp, the second its slow answer, and plain inverters would draw crow-bar currents ten
      thousand times the bias. The first one trips where its pMOS carries just that current.
    - A slow membrane makes ``q`` fall slowly; the spike would come, and the reset take ``q`` back,
      while ``c_ref`` is charged in part, and the pulse would be shorter than after a fast membrane.
      A capacitance by which the falling inverter pulls ``q`` down completes the charge.
    - Between pulses the transistors ``clear`` empty ``c_ref``, or the next pulse would remember
      how long ago the last one was; they also make the pulse's end steeper.
    """

    def __init__(self, name: str, technology: Technology, c_ref: float, charge: Size) -> None:
        super().__init__(name, ("q", "spike", "bias", "speed", "vdd"), technology)
        slow, fast = Size(0.5e-6, 2e-6), Size(technology.w_min, charge.l)
        self.C("ref", "ramp", "0", c_ref)
        self.C("kick", "bar", "q", KICK * charge.l / technology.l_min)
        self.pmos("charge", "ramp", "q", "vdd", charge)
        self.nmos("bias", "bias", "bias", "0", slow)
        self.nmos("discharge", "ramp", "bias", "0", slow)
        self.pmos("up", "bar", "ramp", "vdd", fast)
        self.nmos("down", "bar", "ramp", "starve", fast)
        self.nmos("starve", "starve", "speed", "0", fast)
        self.nmos("clear", "ramp", "bar", "starve_clear", fast)
        self.nmos("starve_clear", "starve_clear", "speed", "0", fast)
        self.pmos("spike_up", "spike", "bar", "vdd", fast)
        self.nmos("spike_down", "spike", "bar", "starve_spike", fast)
        self.nmos("starve_spike", "starve_spike", "speed", "0", fast)
