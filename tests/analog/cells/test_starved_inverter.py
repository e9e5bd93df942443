"""The starved inverter: where it trips, and what it draws from the supply on the way."""

import numpy as np
import pytest
from PySpice.Spice.Netlist import Circuit

from rheobase.analog import ngspice
from rheobase.analog.cells import starved_inverter
from rheobase.analog.cells.cell import Cell
from rheobase.analog.deck import deck
from rheobase.analog.subthreshold import gate, transistor
from rheobase.analog.technology import Technology, generic180

from .conftest import Copied


@pytest.mark.parametrize("current", [1e-11, 1e-9])
def test_it_trips_where_its_pmos_carries_the_starving_current(
    technology: Technology, current: float, copied: Copied
) -> None:
    """``dV_trip = n U_T dI/I``, I being off by the mirror's error and the pMOS's own V_DS over V_A.

    To that comes the spread of n, from 1 nA in a square gate, where V_GS is known. Twice the
    current would be seen.
    """
    design = starved_inverter.design(technology, current)
    v_in, v_out, _ = starved_inverter.transfer(design)
    size, middle = gate(technology, current), technology.supply / 2
    tripped = float(np.interp(-middle, -v_out, v_in))
    p = transistor(technology, "p", size=size)
    off = copied(technology, "n", size, current, middle) + middle / p.early
    square = abs(np.log(current * size.l / size.w / 1e-9))  # e-folds from where V_1 was taken
    budget = p.n * p.thermal_voltage * (off + p.spread * square)
    predicted = starved_inverter.trip_voltage(technology, current, size)
    assert tripped == pytest.approx(predicted, abs=budget)
    faulted = starved_inverter.trip_voltage(technology, 2 * current, size)
    assert abs(faulted - predicted) > 2 * budget


def test_its_supply_never_gives_more_than_the_starving_current(
    technology: Technology, copied: Copied
) -> None:
    """A plain inverter of the same gates draws a thousand times as much at its worst."""
    current = 1e-9
    design = starved_inverter.design(technology, current)
    _, _, drawn = starved_inverter.transfer(design)
    size = gate(technology, current)
    budget = copied(technology, "n", size, current, technology.supply)
    assert drawn.max() <= current * (1 + budget)
    assert drawn[[0, -1]].max() < 0.05 * current  # at the rails only leakage is left

    plain = Cell("plain", ("v_in", "out", "vdd"), technology)
    plain.pmos("up", "out", "v_in", "vdd", size)
    plain.nmos("down", "out", "v_in", "0", size)
    circuit = Circuit("plain inverter")
    circuit.subcircuit(plain)
    circuit.V("dd", "vdd", "0", technology.supply)
    circuit.X("cell", "plain", "v_in", "out", "vdd")
    lines = f"Vin v_in 0 0\n.dc Vin 0 {technology.supply} 0.01\n.save i(Vdd)"
    text = deck(technology, circuit, lines, ngspice.options(), 1e-6)
    crowbar = -ngspice.run(text, ["vdd#branch"], technology.texts)["vdd#branch"]
    assert crowbar.max() > 1e3 * current


def test_what_starves_no_inverter_is_told() -> None:
    with pytest.raises(ValueError, match=r"starving current must be in .*weak inversion"):
        starved_inverter.design(generic180, 1e-5)
    with pytest.raises(ValueError, match=r"starving current must be in .*leakage"):
        starved_inverter.design(generic180, 1e-13)
