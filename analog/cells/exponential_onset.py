"""The exponential current that makes an exponential integrate-and-fire neuron of a LIF."""

from ..subthreshold import SATURATION, raised, require_headroom, transistor
from ..technology import Technology
from .cell import Cell, Size


class ExponentialOnset(Cell):
    """A transistor below threshold and a mirror, nodes ``v_m v_exp vdd``.

    The gate is the membrane and the source a reference, so that the current into ``v_m`` is

        i = (1 nA) (W/L) exp((v_m - v_exp - V_1)/(n U_T)),

    n and V_1 at the source's voltage. Beside a leak ``g_m (v_rest - v_m)`` this is the EIF neuron's
    ``g_m delta_t exp((v_m - v_t)/delta_t)`` with ``delta_t = n U_T`` and v_t where it is ``g_m
    delta_t``. The slope cannot be chosen on the chip; how many chip volts are a volt of the neuron
    can.
    """

    def __init__(self, name: str, technology: Technology, sense: Size, mirror: Size) -> None:
        super().__init__(name, ("v_m", "v_exp", "vdd"), technology)
        self.nmos("sense", "copy", "v_m", "v_exp", sense)
        self.pmos("diode", "copy", "copy", "vdd", mirror)
        self.pmos("out", "v_m", "copy", "vdd", mirror)


def design(
    technology: Technology, g_m: float, v_t: float, most: float
) -> tuple[ExponentialOnset, float, float]:
    """An onset beside a leak of a conductance.

    Parameters
    ----------
    technology : Technology
    g_m : float
        In S.
    v_t : float
        Where the current is ``g_m n U_T``, in V.
    most : float
        Largest current that the exponential should hold for, in A.

    Returns
    -------
    cell : ExponentialOnset
    v_exp : float
        Reference in V.
    delta_t : float
        In V.

    Raises
    ------
    ValueError
        No gate is in weak inversion at `most`, or the source has no headroom.
    """
    n, p = transistor(technology, "n"), transistor(technology, "p")
    ratio = min(max(1.5 * most / p.most, 0.5), 20.0)
    length = 2 * technology.l_min  # short, that the mirror may follow
    size = Size(ratio * length, length)
    n.require_weak("the onset's current", most, size)
    p.require_weak("the onset's current", most, size)
    for _ in range(3):
        n = raised(technology, "n", "v_t", v_t, g_m * n.n * n.thermal_voltage, size)
    delta_t = n.n * n.thermal_voltage
    v_exp = v_t - n.gate_voltage(g_m * delta_t, size)
    saturated = SATURATION * n.thermal_voltage
    require_headroom(
        "v_exp", v_exp, 0.0, technology.supply - p.gate_voltage(most, size) - saturated,
        "the transistor needs 4 U_T below the mirror",
    )  # fmt: skip
    return ExponentialOnset("exponential_onset", technology, size, size), v_exp, delta_t
