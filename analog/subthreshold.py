"""Subthreshold figures of a technology's transistors, extracted by simulation.

In the EKV model (Enz, Krummenacher & Vittoz, Analog Integr. Circ. Signal Process. 8 (1995) 83) a
saturated transistor whose source is at its bulk carries

    I = I0 (W/L) ln(1 + exp((V_GS - V_T)/(2 n U_T)))**2

with slope factor n, technology current ``I0 = 2 n mu C_ox U_T**2`` and threshold V_T.
``I/(I0 W/L)`` is the inversion coefficient IC; ``g_m n U_T/I = 1/(1/2 + sqrt(1/4 + IC))``. In weak
inversion, below IC = 0.1,

    I = (W/L) (1 nA) exp((V_GS - V_1)/(n U_T))             V_1: V_GS at 1 nA in a square gate

Extraction, from one sweep of a square gate at half of the supply: n is the mean of ``I/(g_m U_T)``
from 10 pA to 1 nA, where the cells work, and n_0 its least value, deep in weak inversion; I0 is the
current at which ``g_m n_0 U_T/I`` is 0.618, its value at IC = 1; V_T is where ``I = I0 ln(2)**2``.
A source above its bulk widens the depletion layer: n falls and V_GS rises, so the figures of a
transistor inside a cell are taken at its own V_SB. The Early voltage V_A, ``I ~ 1 + V_DS/V_A``, is
taken at 1 nA between a sixth and a half of the supply; longer gates have a larger one.
"""

from dataclasses import dataclass, replace
from functools import cache
from math import exp, log, sqrt

import numpy as np

from . import ngspice
from .cells.cell import Size
from .technology import Technology

SQUARE = Size(2e-6, 2e-6)
"""The gate that is measured, unless another one is asked for."""

MOST_INVERSION = 0.1
"""Inversion coefficient that ends weak inversion: g_m is 8 % below ``I/(n U_T)``."""

SATURATION = 4.0
"""V_DS in U_T from which a transistor in weak inversion is a current source, within 2 %."""

TEMPERATURES = (-20.0, 85.0)  # degrees Celsius, between which the threshold's drift is taken

_WORKED = (10e-12, 1e-9)  # A, between which n is taken
_EFFICIENCY_AT_1 = 1 / (0.5 + sqrt(1.25))
_STEP = 0.005  # V

_BENCH = """{kind}MOS transistor
{models}
Vs s 0 {source}
Vd d s {drain}
Vg g s 0
X1 d g s 0 {model} {size}
.options reltol=1e-6 {options}
.dc Vg 0 {gate} {step}
.save v(g) i(Vd)
.end
"""


@dataclass(frozen=True)
class Transistor:
    """What weak inversion needs to know of a transistor; voltages of a pMOS count downwards.

    Parameters
    ----------
    kind : str
        ``n`` or ``p``.
    n, n_0 : float
        Slope factor from 10 pA to 1 nA, and deep in weak inversion.
    i0 : float
        Technology current in A.
    v_th, v_1 : float
        Threshold V_T, and V_GS at 1 nA in a square gate, in V, at V_SB = 0.
    i_off : float
        Current of a square gate at V_GS = 0, in A.
    early : float
        Early voltage V_A of the 2 um gate in V.
    v_sb : float
        Voltage in V from the bulk to the source, at which the figures hold.
    thermal_voltage : float
        U_T in V.
    """

    kind: str
    n: float
    n_0: float
    i0: float
    v_th: float
    v_1: float
    i_off: float
    early: float
    v_sb: float
    thermal_voltage: float

    @property
    def least(self) -> float:
        """Least current of a square diode in A: ``V_GS = V_DS`` is 4 U_T, it just saturates."""
        return self.i_off * exp(SATURATION / self.n)

    @property
    def most(self) -> float:
        """Largest current of a square gate in weak inversion, in A."""
        return MOST_INVERSION * self.i0

    @property
    def spread(self) -> float:
        """By how much n varies, relatively, from deep weak inversion to the decades of its mean."""
        return self.n / self.n_0 - 1

    def gate_voltage(self, current: float, size: Size) -> float:
        """V_GS in V at which a gate carries `current`, in weak inversion."""
        return self.v_1 + self.n * self.thermal_voltage * log(current * size.l / (1e-9 * size.w))

    def require_weak(self, name: str, current: float, size: Size) -> None:
        """Refuse a bias current at which `size` is no current mirror in weak inversion.

        Raises
        ------
        ValueError
            With the name, the current, the range and the physical reason.
        """
        ratio = size.w / size.l
        least, most = self.least * ratio, self.most * ratio
        if least <= current <= most:
            return
        reason = (
            f"above it the transistor leaves weak inversion, at {MOST_INVERSION:g} of its specific"
            f" current I0 W/L = {self.i0 * ratio:.3g} A"
            if current > most
            else f"below it V_GS is less than the {SATURATION:g} U_T at which a diode saturates:"
            f" its leakage at V_GS = 0 is {self.i_off * ratio:.3g} A"
        )
        raise ValueError(
            f"{name} must be in {least:.3g} .. {most:.3g} A for the {self.kind}MOS of"
            f" W/L = {ratio:.3g}, not {current:.3g} A: {reason}"
        )


def require_headroom(name: str, value: float, low: float, high: float, reason: str) -> None:
    """Refuse a voltage at which a transistor would have too little between drain and source.

    Raises
    ------
    ValueError
        `value` is outside ``low .. high``, all in V; `reason` says what needs the room.
    """
    if not low <= value <= high:
        raise ValueError(
            f"{name} must be in {low:.3f} .. {high:.3f} V, not {value:.3f} V: {reason}"
        )


def transfer(
    technology: Technology,
    kind: str,
    v_sb: float = 0.0,
    v_ds: float | None = None,
    size: Size = SQUARE,
) -> tuple[np.ndarray, np.ndarray]:
    """V_GS (V) and drain current (A) per W/L of a gate; both count upwards for a pMOS, too.

    Parameters
    ----------
    technology : Technology
    kind : str
        ``n`` or ``p``.
    v_sb, v_ds : float
        From bulk to source and from source to drain, in V; `v_ds` is half of the supply by default.
    size : Size
    """
    sign, model = (1, technology.nmos) if kind == "n" else (-1, technology.pmos)
    lines = _BENCH.format(
        kind=kind,
        models=technology.models,
        model=model,
        size=" ".join(f"{name}={value!r}" for name, value in size.drawn(technology).items()),
        source=sign * v_sb,
        drain=sign * (technology.supply / 2 if v_ds is None else v_ds),
        gate=sign * technology.supply,
        step=sign * _STEP,
        options=ngspice.options(1e-18),
    )
    found = ngspice.run(lines, ["g", "vd#branch"], technology.texts)
    return sign * found["g"] - v_sb, -sign * found["vd#branch"] * size.l / size.w


def efficiency(technology: Technology, v: np.ndarray, i: np.ndarray) -> np.ndarray:
    """``g_m U_T/I`` along a transfer curve, by central differences."""
    return np.asarray(np.gradient(np.log(i), v) * technology.thermal_voltage)


@cache
def _curve(
    technology: Technology, kind: str, v_sb: float, size: Size
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A transfer curve at half of the supply, and its efficiency."""
    v, i = transfer(technology, kind, v_sb, size=size)
    return v, i, efficiency(technology, v, i)


def slope_factor(technology: Technology, kind: str, density: float) -> float:
    """``I/(g_m U_T)`` where a square gate carries `density`, in A; V_SB is 0."""
    _, i, slope = _curve(replace(technology, seed=None), kind, 0.0, SQUARE)
    return float(np.interp(np.log(density), np.log(i), 1 / slope))


def transistor(
    technology: Technology, kind: str, v_sb: float = 0.0, size: Size = SQUARE
) -> Transistor:
    """Figures of the nMOS (`kind` ``n``) or pMOS (``p``) of a technology, without its mismatch.

    Currents of another gate than the square one are divided by its W/L; its threshold may differ.
    """
    return _extracted(replace(technology, seed=None), kind, v_sb, size)


@cache
def _extracted(technology: Technology, kind: str, v_sb: float, size: Size) -> Transistor:
    v, i, slope = _curve(technology, kind, v_sb, size)
    low, high = technology.supply / 6, technology.supply / 2
    _, less = transfer(technology, kind, v_sb, low, size)
    peak = int(np.argmax(slope))
    n_0 = 1 / slope[peak]
    falling = np.flatnonzero(slope[peak:] * n_0 < 0.95) + peak
    i0 = exp(np.interp(-_EFFICIENCY_AT_1, -slope[falling] * n_0, np.log(i[falling])))
    worked = (i > _WORKED[0]) & (i < _WORKED[1])
    if not worked.any():
        raise ValueError(
            f"{technology.name} has no subthreshold range at {technology.temperature:g} C: its"
            f" {kind}MOS conducts {i[0]:.3g} A per W/L at V_GS = 0"
        )
    v_th, v_1 = np.interp(np.log([i0 * log(2) ** 2, 1e-9]), np.log(i), v)
    return Transistor(
        kind=kind,
        n=float(np.mean(1 / slope[worked])),
        n_0=float(n_0),
        i0=i0,
        v_th=float(v_th),
        v_1=float(v_1),
        i_off=float(i[0]),
        early=float((high - low) / np.interp(v_1, v, np.log(i / less))),
        v_sb=v_sb,
        thermal_voltage=technology.thermal_voltage,
    )


def gate(
    technology: Technology,
    current: float,
    density: float | None = None,
    shortest: float = SQUARE.l,
) -> Size:
    """A gate for a bias current, for either kind, so that it may be copied from rail to rail.

    Its length is `shortest` or more, its area ``2 shortest**2`` or more.

    Parameters
    ----------
    technology : Technology
    current : float
        In A.
    density : float, optional
        Current of a square in A; by default 0.2 nA, amid the currents for which n holds, or, on a
        chip that leaks more, twice the least current of a diode.
    shortest : float
        In m.

    Returns
    -------
    Size
        With W/L between 1/20 and 20; `Transistor.require_weak` tells whether that was enough.
    """
    if density is None:
        density = max(0.2e-9, 2 * max(transistor(technology, kind).least for kind in ("n", "p")))
    ratio = float(min(max(current / density, 0.05), 20.0))
    length = max(shortest * sqrt(2 / ratio), shortest, technology.w_min / ratio)
    return Size(ratio * length, length)


def raised(
    technology: Technology, kind: str, name: str, v_gate: float, current: float, size: Size
) -> Transistor:
    """The transistor at the source voltage at which a gate at `v_gate` (V) carries `current` (A).

    Its `v_sb` is that voltage, to 10 mV; all voltages count from the bulk. `name` is what the user
    calls the voltage that sets the gate's.

    Raises
    ------
    ValueError
        The source would have to be below its bulk.
    """
    found = transistor(technology, kind)
    for _ in range(10):
        v_sb = round(v_gate - found.gate_voltage(current, size), 2)
        if v_sb < 0:
            raise ValueError(
                f"{name} leaves no headroom: a gate at {v_gate:.3f} V from its bulk does not carry"
                f" {current:.3g} A, which takes {found.gate_voltage(current, size):.3f} V"
                " even without a tail"
            )
        if v_sb == found.v_sb:
            break
        found = transistor(technology, kind, v_sb)
    return found


@dataclass(frozen=True)
class Drift:
    """Mean temperature coefficients between -20 and 85 degrees Celsius.

    Parameters
    ----------
    v_th, v_1 : float
        Of the threshold, and of V_GS at 1 nA, in V/K; of a pMOS, downwards.
    """

    v_th: float
    v_1: float


def drift(technology: Technology, kind: str) -> Drift:
    """How a transistor's voltages move with temperature."""
    cold, warm = (transistor(replace(technology, temperature=t), kind) for t in TEMPERATURES)
    span = TEMPERATURES[1] - TEMPERATURES[0]
    return Drift((warm.v_th - cold.v_th) / span, (warm.v_1 - cold.v_1) / span)
