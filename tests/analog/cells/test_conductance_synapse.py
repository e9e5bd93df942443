"""The conductance synapse: a current g(t)(E - v), with the g of its DPI."""

import numpy as np
import pytest

from rheobase.analog.cells import conductance_synapse, dpi, ota
from rheobase.analog.subthreshold import gate, raised, transistor
from rheobase.analog.technology import Technology, generic180

from .conftest import Copied

TAU, WIDTH, INCREMENT = 5e-3, 100e-6, 5e-9
PULSES = [0.2 * TAU, 0.5 * TAU]
C_OX = 8.4e-3  # F/m2, generic180's; thicker oxides have less
SAMPLES = np.array([0.55, 1.0, 1.5, 2.0]) * TAU


def test_its_current_is_a_conductance_times_the_distance_to_the_reversal_potential(
    technology: Technology, copied: Copied
) -> None:
    """``g = I_syn/(2 n U_T)``, I_syn being what the DPI alone gives, along a decay of 1/e**1.5.

    g is the chord between 10 mV on either side, 0.6 % below the slope of the tanh. Its budget is
    the OTA's mirrors, at the least current here, and the spread of n; that of the reversal
    potential the OTA's offset, n U_T times what is uneven: load, pair, and a load that follows the
    decay late, by the time constant of its gates. Half of n would be seen.
    """
    v_rev = technology.supply / 2
    design, _ = conductance_synapse.design(technology, TAU, INCREMENT, WIDTH, v_rev)
    bias = ota.design(technology, INCREMENT, v_rev).currents["bias"]
    alone, _ = dpi.design(technology, "excitatory", TAU, bias, WIDTH)
    t_stop = 2.1 * TAU
    i_syn = np.interp(SAMPLES, *dpi.response(alone, PULSES, WIDTH, t_stop, 0.25))
    above, below = (
        np.interp(
            SAMPLES,
            *conductance_synapse.response(design, PULSES, WIDTH, t_stop, v_rev, v_rev + v),
        )
        for v in (10e-3, -10e-3)
    )
    g = (below - above) / 20e-3
    pair, size = ota.gates(technology, bias)
    n = raised(technology, "n", "v_rev", v_rev, bias / 2, pair)
    p = transistor(technology, "p")
    assert size == gate(technology, bias)
    least = float(i_syn.min())
    tail = copied(technology, "n", size, least, n.v_sb)
    load = copied(technology, "p", size, least / 2, v_rev)
    budget = tail + load / 2 + n.spread + 0.006
    assert g == pytest.approx(i_syn / (2 * n.n * n.thermal_voltage), rel=budget)
    assert budget < 0.25
    reversal = (above + below) / (2 * g)
    gates = 2 * size.w * size.l * C_OX * (1 - 1 / p.n)
    late = gates * p.n * p.thermal_voltage / (least / 2) / TAU
    uneven = load + v_rev / n.early + late
    assert np.abs(reversal).max() <= n.n * n.thermal_voltage * uneven


def test_a_reversal_potential_without_headroom_is_told() -> None:
    with pytest.raises(ValueError, match=r"v_common leaves no headroom: a gate at 0.080 V"):
        conductance_synapse.design(generic180, TAU, INCREMENT, WIDTH, 0.08)
