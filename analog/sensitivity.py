"""How the mismatch of each transistor moves a neuron: sensitivities, and the spread they predict.

Pelgrom et al., IEEE JSSC 24 (1989) 1433: two equal devices of gate area W L differ in threshold by
a standard deviation ``A_VT/sqrt(W L)``, so that one device has ``s = A_VT/sqrt(2 W L)``. A quantity
q of the circuit then has, to first order, the variance

    sum over transistors of (dq/dVT)**2 s**2

Each derivative is a central difference of the whole netlist with a voltage source in series with
one gate. Left out are

- the mismatch of the current factor, A_K: relative to the threshold's it adds the variance
  ``(A_K I/(A_VT g_m))**2``, 0.5 % in weak inversion in 0.18 um, 3 % at an inversion of 5;
- that in BSIM a threshold moves the mobility, too, 2 to 3 % of its effect.

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

from .benches import simulate
from .lif import AnalogLIF
from .monte_carlo import each
from .technology import Matching, Technology

Device = tuple[str, str]
"""Names of a cell and of a transistor in it."""

_STEP = 0.3  # of the central differences, in standard deviations of the device


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


def drawn(chip: AnalogLIF) -> dict[Device, float]:
    """Threshold shift in V that each transistor of a chip has drawn, as ngspice's ``delvto``.

    Positive where the gate acts as if it were lower. For technologies whose transistor is a
    subcircuit with one MOSFET ``m0``, as in generic180 and GF180MCU.
    """
    circuit = chip.circuit()
    paths = {
        (cell.name, name): f"@m.{element.name.lower()}.x{name}.m0[delvto]"
        for element in circuit.elements
        if isinstance(element, SubCircuitElement)
        for cell in circuit.subcircuits
        if cell.name == element.subcircuit_name
        for name in _transistors(cell, chip.technology)
    }
    bench = f"Vm m 0 {chip.v_rest_reference!r}\n.op\n.save {' '.join(paths.values())}"
    found = simulate(chip, circuit, bench, list(paths.values()))
    return {device: float(found[path][0]) for device, path in paths.items()}


@dataclass(frozen=True, eq=False)
class Spread:
    """Predicted spread of a circuit's quantities by mismatch.

    Parameters
    ----------
    devices : tuple of Device
    nominal : ndarray, shape (quantities,)
        Without mismatch.
    contributions : ndarray, shape (quantities, devices)
        Derivative by each device's threshold times its standard deviation.
    deviations : ndarray, shape (devices,)
        Standard deviation of each threshold in V.
    slope, curvature : ndarray, shape (quantities,)
        a and b of the parabola along the steepest direction.
    """

    devices: tuple[Device, ...]
    nominal: np.ndarray
    contributions: np.ndarray
    deviations: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """Standard deviations to first order, shape (quantities,)."""
        return np.asarray(np.sqrt((self.contributions**2).sum(1)))

    @property
    def second(self) -> np.ndarray:
        """Standard deviations to second order, shape (quantities,)."""
        return np.asarray(np.sqrt(self.slope**2 + 2 * self.curvature**2))

    def only(self, which: slice) -> "Spread":
        """The same for some of the quantities."""
        rows = (self.nominal, self.contributions, self.slope, self.curvature)
        nominal, contributions, slope, curvature = (row[which] for row in rows)
        return Spread(self.devices, nominal, contributions, self.deviations, slope, curvature)

    def of(self, shifts: Mapping[Device, float]) -> np.ndarray:
        """To first order, the quantities of a circuit with these threshold shifts (V)."""
        scaled = np.array([shifts[device] for device in self.devices]) / self.deviations
        return np.asarray(self.nominal + self.contributions @ scaled)

    def excess(self, samples: np.ndarray) -> np.ndarray:
        """How far the standard deviations of a Monte Carlo are off, in their statistical errors.

        The logarithm of a standard deviation of N normal samples has the error ``1/sqrt(2 (N -
        1))``. What exceeds the difference of second and first order counts.

        Parameters
        ----------
        samples : ndarray, shape (chips, quantities)
        """
        measured = samples.std(axis=0, ddof=1)
        missed = np.abs(np.log(measured / self.first)) - np.abs(np.log(self.second / self.first))
        return np.asarray(np.maximum(missed, 0) * np.sqrt(2 * (len(samples) - 1)))


def predict(
    lif: AnalogLIF,
    quantities: Callable[[AnalogLIF], Sequence[float] | np.ndarray],
    matching: Matching,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Spread:
    """Spread of quantities of `lif` by the mismatch of its transistors.

    Parameters
    ----------
    lif : AnalogLIF
        The design; its technology has no seed.
    quantities : callable
        From a circuit to numbers.
    matching : Matching
    workers, progress
        As in `rheobase.analog.monte_carlo.each`, which is called twice.

    Raises
    ------
    ValueError
        `lif` has a seed, or no transistor moves one of the quantities.
    """
    if lif.technology.seed is not None:
        raise ValueError(f"lif must have no seed of mismatch, not {lif.technology.seed!r}")
    sd = deviations(lif, matching)
    devices, size = tuple(sd), np.array(list(sd.values()))
    variants = [lif]
    for device in devices:
        variants += [shifted(lif, {device: x * _STEP * sd[device]}) for x in (-1, 1)]
    found = np.array(each(quantities, variants, workers, progress), float)
    nominal, low, high = found[0], found[1::2], found[2::2]
    contributions = (high - low).T / (2 * _STEP)
    first = np.sqrt((contributions**2).sum(1))
    if not first.all():
        raise ValueError(f"no transistor moves the quantities {np.flatnonzero(first == 0)}")
    steepest = contributions / first[:, None] * size
    variants = [
        shifted(lif, dict(zip(devices, (x * shifts).tolist(), strict=True)))
        for x in (-1, 1)
        for shifts in steepest
    ]
    found = np.array(each(quantities, variants, workers, progress), float)
    low, high = (np.diag(half) for half in np.split(found, 2))
    slope, curvature = (high - low) / 2, (high + low) / 2 - nominal
    return Spread(devices, nominal, contributions, size, slope, curvature)
