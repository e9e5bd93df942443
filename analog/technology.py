"""A process technology: the model card, its device names, the supply and the temperature."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

BOLTZMANN_PER_CHARGE = 1.380649e-23 / 1.602176634e-19  # V/K, exact SI


@dataclass(frozen=True)
class Technology:
    """What a netlist needs to know about a process.

    Parameters
    ----------
    name : str
    model_file : Path
        SPICE model card; a netlist includes it by its bare file name.
    nmos, pmos : str
        Names of the two MOSFET models in that card.
    supply : float
        Supply voltage in V, > 0.
    temperature : float
        In degrees Celsius.
    l_min, diffusion : float
        Shortest gate and length of a source or drain region, in m; the latter gives the junction
        areas.
    """

    name: str
    model_file: Path
    nmos: str
    pmos: str
    supply: float
    temperature: float = 27.0
    l_min: float = 0.18e-6
    diffusion: float = 0.5e-6

    def __post_init__(self) -> None:
        for name in ("supply", "l_min", "diffusion"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                raise ValueError(f"{name} must be finite and > 0, not {value!r}")
        if not (isfinite(self.temperature) and self.temperature > -273.15):
            raise ValueError(f"temperature must be > -273.15 C, not {self.temperature!r}")
        if not self.model_file.is_file():
            raise ValueError(f"model_file must be a file, not {str(self.model_file)!r}")

    @property
    def thermal_voltage(self) -> float:
        """``k T / q`` in V."""
        return BOLTZMANN_PER_CHARGE * (self.temperature + 273.15)


generic180 = Technology(
    name="generic180",
    model_file=Path(__file__).with_name("generic180.lib"),
    nmos="nch",
    pmos="pch",
    supply=1.8,
)
"""Our own generic 180 nm process; `generic180.lib` names the sources of its numbers."""
