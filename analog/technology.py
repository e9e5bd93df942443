"""A process technology: its devices and the lines by which a deck gets their models.

A technology has corners (chips that are fast or slow as a whole), a temperature, and mismatch (each
device of a chip a little different). Without a seed all devices are equal; with a seed each draws
its own threshold and current factor, the same ones in every run.
"""

from dataclasses import dataclass
from math import isfinite, sqrt
from pathlib import Path

BOLTZMANN_PER_CHARGE = 1.380649e-23 / 1.602176634e-19  # V/K, exact SI
MOST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Technology:
    """What a netlist needs to know about a process.

    Parameters
    ----------
    name : str
    lines : tuple of str
        Deck lines that load the models. In them ``{corner}`` stands for the corner and
        ``{mismatch}`` for 1 with mismatch, 0 without.
    corners : tuple of str
        Names that the models know; the first one is the typical chip.
    nmos, pmos : str
        Subcircuits of the transistors, nodes ``d g s b``, parameters w, l, ad, as, pd, ps.
    supply : float
        Supply voltage in V, > 0.
    l_min, w_min, diffusion : float
        Shortest and narrowest gate, and length of a source or drain region, in m; the last one
        gives the junction areas.
    files : tuple of Path
        What `lines` name by bare file name.
    length_unit : float
        What a device takes for 1 of w and l, in m.
    corner : str, optional
        One of `corners`; the first one by default.
    seed : int, optional
        Of mismatch, 1 .. 2**31 - 1; without it devices are equal.
    temperature : float
        In degrees Celsius.

    Raises
    ------
    ValueError
        With the name, the value and what is allowed.
    """

    name: str
    lines: tuple[str, ...]
    corners: tuple[str, ...]
    nmos: str
    pmos: str
    supply: float
    l_min: float
    w_min: float
    diffusion: float
    files: tuple[Path, ...] = ()
    length_unit: float = 1.0
    corner: str = ""
    seed: int | None = None
    temperature: float = 27.0

    def __post_init__(self) -> None:
        for name in ("supply", "l_min", "w_min", "diffusion", "length_unit"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                raise ValueError(f"{name} must be finite and > 0, not {value!r}")
        if not (isfinite(self.temperature) and self.temperature > -273.15):
            raise ValueError(f"temperature must be > -273.15 C, not {self.temperature!r}")
        if self.seed is not None and not 1 <= self.seed <= MOST_SEED:
            raise ValueError(f"seed must be in 1 .. {MOST_SEED}, not {self.seed!r}")
        if self.corner == "":
            object.__setattr__(self, "corner", self.corners[0])
        if self.corner not in self.corners:
            known = ", ".join(self.corners)
            raise ValueError(f"corner of {self.name} must be one of {known}, not {self.corner!r}")
        for file in self.files:
            if not file.is_file():
                raise ValueError(f"files of {self.name} must exist: {str(file)!r} does not")

    @property
    def thermal_voltage(self) -> float:
        """``k T / q`` in V."""
        return BOLTZMANN_PER_CHARGE * (self.temperature + 273.15)

    @property
    def models(self) -> str:
        """The lines of a deck that load the models and set the temperature and the seed."""
        loaded = [
            line.format(corner=self.corner, mismatch=int(self.seed is not None))
            for line in self.lines
        ]
        seeded = [] if self.seed is None else [f".options seed={self.seed}"]
        return "\n".join([*loaded, *seeded, f".temp {self.temperature!r}"])

    @property
    def texts(self) -> dict[str, str]:
        """Name and content of the files that stand beside a deck."""
        return {file.name: file.read_text(encoding="utf-8") for file in self.files}


generic180 = Technology(
    name="generic180",
    lines=(
        ".lib generic180.lib {corner}",
        ".lib generic180.lib devices",
        ".param mismatch={mismatch}",
    ),
    corners=("typical", "ff", "ss", "fs", "sf"),
    nmos="nch",
    pmos="pch",
    supply=1.8,
    l_min=0.18e-6,
    w_min=0.22e-6,
    diffusion=0.5e-6,
    files=(Path(__file__).with_name("generic180.lib"),),
)
"""Our own generic 180 nm process; `generic180.lib` names the sources of its numbers."""


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
        return coefficient / sqrt(2 * area)


_MATCHING = {
    "generic180": Matching(5e-9, 5e-9),
    "gf180mcu": Matching(7.148e-9, 6.66e-9, shorter=0.15e-6, wider=0.1e-6),
}
"""By technology name, as its model file has them."""


def matching_of(technology: Technology) -> Matching:
    """Pelgrom's coefficients of a technology, whatever its corner.

    Raises
    ------
    ValueError
        None are known of it.
    """
    if technology.name not in _MATCHING:
        raise ValueError(
            f"technology must be one of {', '.join(_MATCHING)}, of which the matching is known,"
            f" not {technology.name!r}"
        )
    return _MATCHING[technology.name]
