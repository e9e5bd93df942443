"""The five-transistor transconductance amplifier of Mead (1989), chapter 5."""

from math import sqrt

import numpy as np

from ..subthreshold import SATURATION, SQUARE, gate, raised, require_headroom, transistor
from ..technology import Technology, matching_of
from .bench import Design
from .cell import Cell, Size


class OTA(Cell):
    """Five-transistor transconductance amplifier, nodes ``plus minus out bias vdd``.

    In weak inversion the current ``i = I_bias tanh((v_plus - v_minus)/(2 n U_T))`` leaves ``out``,
    with slope ``g_m = I_bias/(2 n U_T)``, n being that of the pair, whose source is far above
    ground; with ``minus`` tied to ``out`` it is a leak towards ``v_plus``. The mirrors' gates are
    long and narrow: at picoamperes a wide diode would have less than the few ``U_T`` between drain
    and source that it needs, and a large one would be slow.
    """

    def __init__(self, name: str, technology: Technology, pair: Size, mirror: Size) -> None:
        super().__init__(name, ("plus", "minus", "out", "bias", "vdd"), technology)
        self.nmos("bias", "bias", "bias", "0", mirror)
        self.nmos("tail", "tail", "bias", "0", mirror)
        self.nmos("plus", "mirror", "plus", "tail", pair)
        self.nmos("minus", "out", "minus", "tail", pair)
        self.pmos("diode", "mirror", "mirror", "vdd", mirror)
        self.pmos("out", "out", "mirror", "vdd", mirror)


def design(technology: Technology, g_m: float, v_common: float) -> Design:
    """An OTA of a transconductance.

    Parameters
    ----------
    technology, g_m, v_common
        As `sized` takes them.

    Raises
    ------
    ValueError
        The bias current is out of the subthreshold range, or the tail has no headroom.
    """
    current, pair, mirror = sized(technology, g_m, v_common)
    require_weak(technology, "the OTA's bias current", current, mirror)
    n = raised(technology, "n", "v_common", v_common, current / 2, pair)
    saturated = SATURATION * n.thermal_voltage
    require_headroom(
        "v_common", v_common, n.gate_voltage(current / 2, pair) + saturated,
        technology.supply - saturated, "the tail and the mirror need 4 U_T each",
    )  # fmt: skip
    return Design(OTA("ota", technology, pair, mirror), {"bias": current})


def sized(
    technology: Technology,
    g_m: float,
    v_common: float,
    density: float | None = None,
    shortest: float = SQUARE.l,
) -> tuple[float, Size, Size]:
    """Bias current in A and gates of the pair and of the mirrors, for a transconductance.

    Parameters
    ----------
    technology : Technology
    g_m : float
        In S, > 0.
    v_common : float
        Voltage in V about which its inputs move.
    density, shortest : float
        Of the mirrors, see `rheobase.analog.subthreshold.gate`; the pair is as short.
    """
    if not 0 < g_m < float("inf"):
        raise ValueError(f"g_m must be finite and > 0, not {g_m!r}")
    n = transistor(technology, "n")
    for _ in range(3):
        current = 2 * n.n * n.thermal_voltage * g_m
        pair, mirror = gates(technology, current, density, shortest)
        n = raised(technology, "n", "v_common", v_common, current / 2, pair)
    return current, pair, mirror


def shortest_gate(technology: Technology, offset: float) -> float:
    """Length in m at which the input's offset has about the standard deviation `offset` (V).

    By Pelgrom's law ``A_n**2/(W L)`` of the pair and ``(n_n/n_p)**2 A_p**2/(W L)`` of the mirror,
    the slope factor of the pair, whose source is raised, being the smaller one.
    """
    matching = matching_of(technology)
    return sqrt(matching.nmos**2 / 4 + matching.pmos**2 / 2) / offset


def gates(
    technology: Technology,
    current: float,
    density: float | None = None,
    shortest: float = SQUARE.l,
) -> tuple[Size, Size]:
    """Gates of an amplifier's input pair and of its mirrors, for a bias current.

    Both kinds' mirrors have one gate, at `current` and at half of it; the pair has a wide one, that
    the tail may have room.
    """
    size = gate(technology, current, density, shortest)
    return Size(max(4.0, size.w / size.l) * shortest, shortest), size


def require_weak(technology: Technology, name: str, current: float, mirror: Size) -> None:
    """Refuse a bias current at which the mirrors are not in weak inversion; it is called `name`."""
    transistor(technology, "n").require_weak(name, current, mirror)
    transistor(technology, "p").require_weak(f"half of {name}", current / 2, mirror)


def characteristic(
    design: Design, v_common: float, span: float, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Current out of the amplifier in A against its differential input in V, by a DC sweep.

    The inputs move symmetrically about `v_common`, where the output is held.

    Returns
    -------
    v, i : ndarray
        From ``-span`` to `span` in steps of `step`.
    """
    lines = (
        f"Vd d 0 0\nEplus plus 0 vol='{v_common!r} + 0.5*v(d)'\n"
        f"Eminus minus 0 vol='{v_common!r} - 0.5*v(d)'\nVout out 0 {v_common!r}\n"
        f".dc Vd {-span!r} {span!r} {step!r}\n.save v(d) i(Vout)"
    )
    found = design.measure(lines, ["d", "vout#branch"])
    return found["d"], found["vout#branch"]


def transconductance(v: np.ndarray, i: np.ndarray) -> tuple[float, float]:
    """Slope in S and offset in V of a characteristic at its zero."""
    zero = float(np.interp(0.0, i, v))
    return float(np.interp(zero, v, np.gradient(i, v))), zero


def linear_range(v: np.ndarray, i: np.ndarray, deviation: float = 0.1) -> float:
    """Input in V, counted from the zero, up to which both branches follow the slope there.

    Parameters
    ----------
    v, i : ndarray
        A characteristic.
    deviation : float
        Largest relative distance from the straight line.

    Raises
    ------
    ValueError
        The characteristic ends before it leaves the line.
    """
    slope, zero = transconductance(v, i)
    x = v - zero
    near = abs(x) < 2 * (v[1] - v[0])  # where a quotient would be 0/0
    chord = np.divide(i, slope * x, out=np.ones_like(x), where=~near)
    left = np.abs(chord - 1) > deviation
    if not (left[x > 0].any() and left[x < 0].any()):
        raise ValueError(f"the characteristic stays within {deviation:g} of a line: widen its span")
    return float(np.abs(x[left]).min())
