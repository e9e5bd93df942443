"""How the mismatch of each transistor moves a neuron: sensitivities, and the spread they predict.

Pelgrom et al., IEEE JSSC 24 (1989) 1433: two equal devices of gate area W L differ in threshold by
a standard deviation ``A_VT/sqrt(W L)``, so that one device has ``s = A_VT/sqrt(2 W L)``. A quantity
q of the circuit then has, to first order, the variance

    sum over transistors of (dq/dVT)**2 s**2

Each derivative is a central difference of the whole netlist with a voltage source in series with
one gate, which is a shifted threshold in any device model. Left out is the mismatch of the current
factor: in weak inversion it adds ``(A_K n U_T/A_VT)**2``, 0.5 % to the variance in 0.18 um.

What first order misses is measured along the steepest direction, on which all devices are shifted
by ``x s**2 (dq/dVT)/sd``: a linear q is ``q0 + sd x`` there, with a unit normal x. A parabola
``q0 + a x + b x**2`` through x = -1, 0, 1 gives the standard deviation ``sqrt(a**2 + 2 b**2)`` to
second order; curvature across that direction is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from PySpice.Spice.BasicElement import SubCircuitElement
from PySpice.Spice.Netlist import Circuit, SubCircuit

from .lif import AnalogLIF
from .monte_carlo import each
from .technology import Technology

Device = tuple[str, str]
"""Names of a cell and of a transistor in it."""


@dataclass(frozen=True)
class Matching:
    """Pelgrom's threshold coefficients of a technology.

    Parameters
    ----------
    nmos, pmos : float
        A_VT of a pair in V m.
    shorter, wider : float
        What the gate's length lacks and its width has beyond the drawn ones, in m.
    """

    nmos: float
    pmos: float
    shorter: float = 0.0
    wider: float = 0.0

    def sd(self, technology: Technology, model: str, w: float, length: float) -> float:
        """Standard deviation of one device's threshold in V."""
        area = (w + self.wider) * (length - self.shorter)
        coefficient = {technology.nmos: self.nmos, technology.pmos: self.pmos}[model]
        return float(coefficient / np.sqrt(2 * area))


MATCHING = {
    "generic180": Matching(5e-9, 5e-9),
    "gf180mcu": Matching(7.148e-9, 6.66e-9, shorter=0.15e-6, wider=0.1e-6),
}
"""By technology name, as its model file has them."""


@dataclass(frozen=True)
class Shifted(AnalogLIF):
    """A neuron circuit with the thresholds of some transistors shifted, in V."""

    shifts: Mapping[Device, float] = field(default_factory=dict)

    def circuit(self) -> Circuit:
        """The neuron's circuit with a voltage source in series with each shifted gate."""
        circuit = super().circuit()
        for cell in circuit.subcircuits:
            for name, element in _transistors(cell, self.technology).items():
                shift = self.shifts.get((cell.name, name), 0.0)
                if shift:
                    drain, gate, source, bulk = element.node_names
                    element.detach()
                    cell.V(f"shift_{name}", f"shifted_{name}", gate, -shift)
                    nodes = (drain, f"shifted_{name}", source, bulk)
                    cell.X(name, element.subcircuit_name, *nodes, **element.parameters)
        return circuit


def shifted(lif: AnalogLIF, shifts: Mapping[Device, float]) -> Shifted:
    """`lif` with the thresholds of the named transistors shifted, in V."""
    return Shifted(**{f.name: getattr(lif, f.name) for f in fields(AnalogLIF)}, shifts=shifts)


def _transistors(cell: SubCircuit, technology: Technology) -> dict[str, SubCircuitElement]:
    """The transistors of a cell by their names in it."""
    models = (technology.nmos, technology.pmos)
    return {
        element.name.removeprefix("X"): element
        for element in list(cell.elements)
        if getattr(element, "subcircuit_name", None) in models
    }


def deviations(lif: AnalogLIF, matching: Matching) -> dict[Device, float]:
    """Standard deviation of the threshold of each transistor, in V."""
    unit = lif.technology.length_unit
    return {
        (cell.name, name): matching.sd(
            lif.technology,
            element.subcircuit_name,
            element.parameters["w"] * unit,
            element.parameters["l"] * unit,
        )
        for cell in lif.circuit().subcircuits
        for name, element in _transistors(cell, lif.technology).items()
    }


@dataclass(frozen=True, eq=False)
class Spread:
    """Predicted spread of a circuit's quantities.

    Parameters
    ----------
    devices : tuple of Device
    nominal : ndarray, shape (quantities,)
        Without mismatch.
    sensitivities : ndarray, shape (quantities, devices)
        Derivative by each threshold, per V.
    contributions : ndarray, shape (quantities, devices)
        Derivative times the device's standard deviation.
    first, second : ndarray, shape (quantities,)
        Standard deviation to first and to second order.
    """

    devices: tuple[Device, ...]
    nominal: np.ndarray
    sensitivities: np.ndarray
    contributions: np.ndarray
    first: np.ndarray
    second: np.ndarray


def predict(
    lif: AnalogLIF,
    quantities: Callable[[AnalogLIF], Sequence[float]],
    matching: Matching,
    step: float = 0.3,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Spread:
    """Spread of quantities of `lif` by the mismatch of its transistors.

    Parameters
    ----------
    lif : AnalogLIF
        Its technology has no seed.
    quantities : callable
        From a circuit to numbers.
    matching : Matching
    step : float
        Of the central differences, in standard deviations of the device.
    workers, progress
        As in `rheobase.analog.monte_carlo.each`, which is called twice.
    """
    sd = deviations(lif, matching)
    devices, size = tuple(sd), np.array(list(sd.values()))
    variants: list[AnalogLIF] = [lif]
    for device in devices:
        variants += [shifted(lif, {device: x * step * sd[device]}) for x in (-1.0, 1.0)]
    found = np.array(each(quantities, variants, workers, progress), float)
    nominal, low, high = found[0], found[1::2], found[2::2]
    contributions = (high - low).T / (2 * step)
    first = np.sqrt((contributions**2).sum(1))
    direction = contributions / first[:, None] * size  # V, one standard deviation of the quantity
    ends = [
        shifted(lif, dict(zip(devices, x * shifts, strict=True)))
        for shifts in direction
        for x in (-1.0, 1.0)
    ]
    values = np.array(each(quantities, ends, workers, progress), float)
    own = np.arange(len(nominal))
    low, high = values[0::2][own, own], values[1::2][own, own]
    linear, square = (high - low) / 2, (high + low) / 2 - nominal
    second = np.sqrt(linear**2 + 2 * square**2)
    return Spread(devices, nominal, contributions / size, contributions, first, second)
