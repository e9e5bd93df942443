"""From a circuit and a test bench to the text that ngspice reads."""

from PySpice.Spice.Netlist import Circuit

from .technology import Technology


def deck(technology: Technology, circuit: Circuit, bench: str, options: str, reltol: float) -> str:
    """A complete SPICE deck; it includes the model card by its bare file name."""
    title, _, body = str(circuit).partition("\n")
    return "\n".join(
        (
            title.removeprefix(".title "),
            technology.models,
            body.strip(),
            bench.strip(),
            f".options reltol={reltol:g} {options}".strip(),
            ".end\n",
        )
    )
