"""The meter measures what the supply delivers, and the default neuron keeps to its budget."""

import numpy as np
import pytest
from PySpice.Spice.Netlist import Circuit

from rheobase.analog import benches, energy
from rheobase.analog.benches import crossing
from rheobase.analog.lif import AnalogLIF

from .conftest import Circuits

MOST = {"brunel": 1e-9, "brunel x1000": 10e-12}


@pytest.mark.parametrize("name", MOST)
def test_the_default_neuron_keeps_to_its_budget(circuits: Circuits, name: str):
    """At 1.5 rheobases, with the circuit that passes all predictions, mirrors included."""
    lif, found = circuits(name)
    used = energy.energy(lif, 1.5 * found.rheobase())
    assert 0 < used.total <= MOST[name]
    assert all(e > 0 for e in used.per_spike.values())


def test_the_blocks_add_up_to_what_the_supply_delivers(circuits: Circuits):
    """The plain netlist's supply current, every solver step weighted, over the same intervals."""
    lif, found = circuits("brunel x1000")
    current = 1.5 * found.rheobase()
    bench = (
        f"Is 0 m {current!r}\n.ic v(m)={lif.voltage(lif.neuron.v_reset)!r}\n"
        f".tran {lif.tau_m / 200!r} {5 * lif.tau_m!r} 0 {lif.tau_m / 200!r}\n"
        ".save v(spike) i(Vdd)"
    )
    run = benches.simulate(lif, lif.circuit(), bench, ["time", "spike", "vdd#branch"])
    t, supply = run["time"], lif.technology.supply
    first, *_, last = crossing(t, run["spike"], supply / 2)
    inside = (t >= first) & (t <= last)
    power = -supply * np.trapezoid(run["vdd#branch"][inside], t[inside]) / np.ptp(t[inside])
    used = energy.energy(lif, current)
    assert used.total * used.rate == pytest.approx(power, rel=0.01)


def test_a_fault_shows_in_its_block(circuits: Circuits, monkeypatch: pytest.MonkeyPatch):
    """10 Mohm from the comparator's supply to ground: V**2/R more there, and nowhere else."""
    lif, found = circuits("brunel x1000")
    sound = energy.energy(lif, 1.5 * found.rheobase())
    plain = energy.metered

    def faulted(lif: AnalogLIF) -> Circuit:
        circuit = plain(lif)
        circuit.R("fault", "vdd_comparator", "0", 10e6)
        return circuit

    monkeypatch.setattr(energy, "metered", faulted)
    used = energy.energy(lif, 1.5 * found.rheobase())
    power = lif.technology.supply**2 / 10e6
    for block in energy.BLOCKS:
        more = power if block == "comparator" else 0.0
        assert used.static[block] - sound.static[block] == pytest.approx(more, rel=1e-3, abs=1e-12)
        extra = (used.per_spike[block] - sound.per_spike[block]) * used.rate
        assert extra == pytest.approx(more, rel=0.01, abs=0.01 * power)


def test_a_larger_bias_buys_a_shorter_delay_and_no_point_leaves_the_prediction(circuits: Circuits):
    lif, _ = circuits("brunel x1000")
    points = energy.trade_off(lif, (0.5, 1.0, 2.0))
    assert sorted(p.energy.total for p in points) == [p.energy.total for p in points]
    assert sorted((p.delay for p in points), reverse=True) == [p.delay for p in points]
    assert max(abs(p.rate_error) for p in points) < 0.02 / 4


def test_a_silent_neuron_has_no_energy_per_spike(circuits: Circuits):
    lif, found = circuits("brunel x1000")
    with pytest.raises(ValueError, match="does not fire twice"):
        energy.energy(lif, 0.9 * found.rheobase())
