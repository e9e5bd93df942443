"""A transconductance amplifier of wide linear range, for membranes that swing by 100 mV and more.

Source degeneration by diodes (Watts, Kerns, Lyon & Mead, IEEE JSSC 27 (1992) 692) and bump
linearisation (Sarpeshkar, Lyon & Mead, Analog Integr. Circ. Signal Process. 13 (1997) 123; the bump
circuit is Delbrueck's, IJCNN 1991), both in one differential pair.
"""

from math import cosh, sinh

from scipy.optimize import brentq

from ..subthreshold import SATURATION, Transistor, raised, require_headroom, transistor
from ..technology import Technology
from .bench import Design
from .cell import Cell, Size
from .ota import gates, require_weak


class WideOTA(Cell):
    """Degenerated and bump-linearised OTA, nodes ``plus minus out bias vdd``.

    A diode below each transistor of the pair takes n/(1 + n) of the input. Two transistors in
    series beside the diodes, each twice as wide, carry most of the tail current when the inputs are
    equal and less as they part, which just undoes the compression of the tanh to third order:

        i = I_bias sinh(x)/(2 + cosh(x)),    x = (v_plus - v_minus)/(n (1 + n') U_T)

    with slope ``g_m = I_bias/(3 n (1 + n') U_T)``; n is that of the pair and n' that of the diodes,
    at their sources' voltages.
    """

    def __init__(self, name: str, technology: Technology, pair: Size, mirror: Size) -> None:
        super().__init__(name, ("plus", "minus", "out", "bias", "vdd"), technology)
        bump = Size(2 * pair.w, pair.l)
        self.nmos("bias", "bias", "bias", "0", mirror)
        self.nmos("tail", "tail", "bias", "0", mirror)
        self.nmos("plus", "mirror", "plus", "plus_source", pair)
        self.nmos("minus", "out", "minus", "minus_source", pair)
        self.nmos("plus_diode", "plus_source", "plus_source", "tail", pair)
        self.nmos("minus_diode", "minus_source", "minus_source", "tail", pair)
        self.nmos("plus_bump", "vdd", "plus_source", "middle", bump)
        self.nmos("minus_bump", "middle", "minus_source", "tail", bump)
        self.pmos("diode", "mirror", "mirror", "vdd", mirror)
        self.pmos("out", "out", "mirror", "vdd", mirror)


def scale(pair: Transistor, diode: Transistor) -> float:
    """``n (1 + n') U_T`` in V."""
    return pair.n * (1 + diode.n) * pair.thermal_voltage


def predicted_range(scale: float, deviation: float = 0.1) -> float:
    """Differential input in V up to which the equation is within `deviation` of its slope."""
    x = brentq(lambda x: 3 * sinh(x) / (x * (2 + cosh(x))) - 1 + deviation, 0.1, 10.0)
    return float(x) * scale


def stack(
    technology: Technology, v_common: float, arm: float, pair: Size
) -> tuple[Transistor, Transistor]:
    """The input pair and the diodes at their sources' voltages, each carrying `arm` (A).

    Raises
    ------
    ValueError
        The tail below them has not the 4 U_T that it needs.
    """
    saturated = SATURATION * transistor(technology, "n").thermal_voltage
    upper = raised(technology, "n", "v_common", v_common, arm, pair)
    lower = raised(technology, "n", "v_common", upper.v_sb, arm, pair)
    low = v_common - lower.v_sb + saturated
    require_headroom(
        "v_common", v_common, low, technology.supply - saturated,
        "below the input pair and a diode the tail needs 4 U_T",
    )  # fmt: skip
    return upper, lower


def design(technology: Technology, g_m: float, v_common: float) -> Design:
    """A wide-range OTA of a transconductance.

    Parameters
    ----------
    technology : Technology
    g_m : float
        In S, > 0.
    v_common : float
        Voltage in V about which its inputs move.

    Raises
    ------
    ValueError
        The bias current is out of the subthreshold range, or the tail has no headroom.
    """
    if not 0 < g_m < float("inf"):
        raise ValueError(f"g_m must be finite and > 0, not {g_m!r}")
    upper = lower = transistor(technology, "n")
    for _ in range(3):
        current = 3 * scale(upper, lower) * g_m
        pair, mirror = gates(technology, current)
        require_weak(technology, "the OTA's bias current", current, mirror)
        upper, lower = stack(technology, v_common, current / 3, pair)  # the bump has a third
    return Design(WideOTA("wide_ota", technology, pair, mirror), {"bias": current})
