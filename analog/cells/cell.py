"""What all cells are: a PySpice subcircuit of a technology's transistors."""

from dataclasses import dataclass

from PySpice.Spice.Netlist import SubCircuit

from ..technology import Technology


@dataclass(frozen=True)
class Size:
    """Gate width and length in m."""

    w: float
    l: float  # noqa: E741 - the field's name

    def drawn(self, technology: Technology) -> dict[str, float]:
        """Parameters of a transistor in the technology's unit, with its junctions' geometry."""
        unit = technology.length_unit
        w, l, end = self.w / unit, self.l / unit, technology.diffusion / unit  # noqa: E741
        area, perimeter = w * end, 2 * (w + end)
        return {"w": w, "l": l, "ad": area, "as": area, "pd": perimeter, "ps": perimeter}


class Cell(SubCircuit):
    """A subcircuit whose transistors carry their junction areas and perimeters.

    Parameters
    ----------
    name : str
    nodes : tuple of str
    technology : Technology
    """

    def __init__(self, name: str, nodes: tuple[str, ...], technology: Technology) -> None:
        super().__init__(name, *nodes)
        self.technology = technology

    @property
    def caption(self) -> str:
        """The first line of the cell's description."""
        return (type(self).__doc__ or "").partition("\n")[0]

    def nmos(self, name: str, drain: str, gate: str, source: str, size: Size) -> None:
        """An nMOS transistor; its bulk is ground."""
        self._fet(name, self.technology.nmos, (drain, gate, source, "0"), size)

    def pmos(self, name: str, drain: str, gate: str, source: str, size: Size) -> None:
        """A pMOS transistor; its bulk is ``vdd``."""
        self._fet(name, self.technology.pmos, (drain, gate, source, "vdd"), size)

    def _fet(self, name: str, model: str, nodes: tuple[str, ...], size: Size) -> None:
        self.X(name, model, *nodes, **size.drawn(self.technology))
