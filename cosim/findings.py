"""What a substrate reports: checks, explanations, tables, curves to plot and pictures."""

from dataclasses import dataclass, field
from typing import Any, Literal

from .budget import Check


@dataclass(frozen=True)
class Cause:
    """One named reason why a substrate differs from the ideal neuron.

    `size` is the cause in physical units, in words; `change` what it does to the observable,
    both computed without the measurement.
    """

    name: str
    size: str
    change: float


@dataclass(frozen=True)
class Explanation:
    """The distance from the ideal neuron, split into causes that add up to the prediction.

    ``ideal + sum(changes) = predicted``; what the measurement adds is unexplained, and the check
    of the same observable judges it.
    """

    experiment: str
    stimulus: str
    substrate: str
    setting: str
    observable: str
    unit: str
    ideal: float
    causes: tuple[Cause, ...]
    measured: float

    @property
    def predicted(self) -> float:
        """The ideal value and all causes."""
        return self.ideal + sum(c.change for c in self.causes)

    @property
    def unexplained(self) -> float:
        """Measured minus predicted."""
        return self.measured - self.predicted


@dataclass(frozen=True)
class Row:
    """A line of a table: `values` in words or numbers under the table's columns."""

    experiment: str
    substrate: str
    setting: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Curve:
    """Numbers to plot and to keep: one line, histogram or set of markers of one figure.

    Parameters
    ----------
    figure : {"f-I", "rates", "closed loop", "spikes", "isi", "density", "psth", "own trace",
        "common trace", "raster", "leak", "energy"}
    experiment, stimulus, substrate, setting : str
        Where it comes from.
    kind : {"measured", "predicted"}
        Predicted curves are drawn as lines.
    x, y : ndarray
        Of one length; for histograms the bin centres and densities; an energy is that of one block,
        which `stimulus` names.
    x_label, y_label : str
        With units, as the axes show them.
    """

    figure: str
    experiment: str
    stimulus: str
    substrate: str
    setting: str
    kind: Literal["measured", "predicted"]
    x: Any
    y: Any
    x_label: str
    y_label: str


@dataclass(frozen=True)
class Picture:
    """An SVG image of the report and what it shows."""

    experiment: str
    caption: str
    svg: str


@dataclass
class Findings:
    """Everything a run found."""

    checks: list[Check] = field(default_factory=list)
    explanations: list[Explanation] = field(default_factory=list)
    ranges: list[Row] = field(default_factory=list)
    scaling: list[Row] = field(default_factory=list)
    losses: list[Row] = field(default_factory=list)
    platforms: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def add(self, other: "Findings") -> None:
        """Append everything of `other`."""
        for name in self.__dataclass_fields__:
            getattr(self, name).extend(getattr(other, name))
