"""The neuron's cells as PySpice subcircuits: OTA, comparator, refractory pulse, reset switch.

Every cell takes its bias as a current into a node ``bias`` with a diode-connected nMOS to ground;
node 0 is ground. Equations: Mead, Analog VLSI and Neural Systems (1989), chapter 5; Indiveri et
al., Frontiers in Neuroscience 5:73 (2011).
"""

from dataclasses import dataclass

from PySpice.Spice.Netlist import SubCircuit

from .technology import Technology


@dataclass(frozen=True)
class Size:
    """Gate width and length in m."""

    w: float
    l: float  # noqa: E741 - the field's name


class _Cell(SubCircuit):
    """A subcircuit whose transistors carry their junction areas and perimeters."""

    def __init__(self, name: str, nodes: tuple[str, ...], technology: Technology) -> None:
        super().__init__(name, *nodes)
        self._technology = technology

    def _fet(self, name: str, model: str, d: str, g: str, s: str, bulk: str, size: Size) -> None:
        end = self._technology.diffusion
        area, perimeter = size.w * end, 2 * (size.w + end)
        junctions = {"ad": area, "as": area, "pd": perimeter, "ps": perimeter}
        self.MOSFET(name, d, g, s, bulk, model=model, w=size.w, l=size.l, **junctions)

    def nmos(self, name: str, drain: str, gate: str, source: str, size: Size) -> None:
        self._fet(name, self._technology.nmos, drain, gate, source, "0", size)

    def pmos(self, name: str, drain: str, gate: str, source: str, size: Size) -> None:
        self._fet(name, self._technology.pmos, drain, gate, source, "vdd", size)


class OTA(_Cell):
    """Five-transistor transconductance amplifier, nodes ``plus minus out bias vdd``.

    In weak inversion the current ``i = I_bias tanh((v_plus - v_minus)/(2 n U_T))`` leaves ``out``,
    with slope ``g_m = I_bias/(2 n U_T)``; with ``minus`` tied to ``out`` it is a leak towards
    ``v_plus``. The mirrors' gates are long and narrow: at picoamperes a wide diode would have less
    than the few ``U_T`` between drain and source that it needs, and a large one would be slow.
    """

    def __init__(self, name: str, technology: Technology, pair: Size, mirror: Size) -> None:
        super().__init__(name, ("plus", "minus", "out", "bias", "vdd"), technology)
        self.nmos("bias", "bias", "bias", "0", mirror)
        self.nmos("tail", "tail", "bias", "0", mirror)
        self.nmos("plus", "mirror", "plus", "tail", pair)
        self.nmos("minus", "out", "minus", "tail", pair)
        self.pmos("diode", "mirror", "mirror", "vdd", mirror)
        self.pmos("out", "out", "mirror", "vdd", mirror)


class Comparator(_Cell):
    """OTA without feedback and three inverting stages, nodes ``v_m v_th q bias vdd``.

    ``q`` falls when ``v_m`` rises above ``v_th``. n stages of gain-bandwidth ``w`` answer a ramp of
    slope s after about ``(V_dd/(s w**n))**(1/(n + 1))``: on slow ramps several stages of low gain
    are faster than one of high gain, hence the short gates. The membrane drives the mirror side,
    whose node hardly moves, so that little charge is kicked back. Two stages are single pMOS loaded
    with the bias current, so that a slow membrane costs no crow-bar current; the last is a plain
    inverter, whose input is fast.
    """

    def __init__(self, name: str, technology: Technology, size: Size, load: Size) -> None:
        super().__init__(name, ("v_m", "v_th", "q", "bias", "vdd"), technology)
        self.nmos("bias", "bias", "bias", "0", size)
        self.nmos("tail", "tail", "bias", "0", size)
        self.nmos("plus", "mirror", "v_m", "tail", size)
        self.nmos("minus", "first", "v_th", "tail", size)
        self.pmos("diode", "mirror", "mirror", "vdd", load)
        self.pmos("out", "first", "mirror", "vdd", load)
        self.pmos("up1", "second", "first", "vdd", load)
        self.nmos("starve1", "second", "bias", "0", size)
        self.pmos("up2", "third", "second", "vdd", load)
        self.nmos("starve2", "third", "bias", "0", size)
        self.pmos("up3", "q", "third", "vdd", load)
        self.nmos("down3", "q", "third", "0", size)


class RefractoryPulse(_Cell):
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


class ResetSwitch(_Cell):
    """nMOS switch that pulls ``v_m`` to ``v_reset`` while ``spike`` is high.

    When it opens, the overlap and channel charge leave a step of about
    ``-(C_ov V_dd + Q_ch/2)/C_m`` on the membrane.
    """

    def __init__(self, name: str, technology: Technology, size: Size) -> None:
        super().__init__(name, ("v_m", "spike", "v_reset", "vdd"), technology)
        self.nmos("switch", "v_m", "spike", "v_reset", size)
