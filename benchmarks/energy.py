"""Energy per spike of the transistor neuron against its comparator's delay, beside silicon.

Run: ``python benchmarks/energy.py``. Brunel's neuron at 1.5 rheobases in the generic technology, in
biological time and 1000 times faster, for several biases of the comparator; each is redesigned,
extracted and measured. The rate error is that of the quadrature over the extracted leak.

Published figures are for other neurons, at other rates, and count other things: orders of
magnitude. "unverified" figures are quoted from others and were not looked up.
"""

from rheobase.analog.bias import design
from rheobase.analog.energy import BLOCKS, trade_off
from rheobase.models.neuron import LIF
from rheobase.models.units import show

PUBLISHED = (
    ("DYNAP-SE, 180 nm, 1.8 V, spike generation", 883e-12, "Moradi et al. 2018", "unverified"),
    ("DYNAP-SE, 180 nm, 1.3 V, spike generation", 260e-12, "Moradi et al. 2018", "unverified"),
    ("Neurogrid, 180 nm, a synaptic event, all in", 941e-12, "Benjamin et al. 2014", "unverified"),
    ("Morris-Lecar-like, 65 nm", 4e-15, "Sourikopoulos et al. 2017, 10.3389/fnins.2017.00123", ""),
    ("LIF, 28 nm, 250 mV", 1.61e-15, "Besrour et al., arXiv 2408.07734", ""),
)

neuron = LIF(tau_m=20e-3, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
columns = ("speed-up", "bias", "E/spike", "static P", "delay/tau", "rate error")
print(*(f"{column:>10}" for column in columns), " by block")
for speed_up, factors in ((1.0, (0.3, 1.0, 3.0)), (1e3, (0.5, 1.0, 2.0, 5.0, 20.0))):
    for point in trade_off(design(neuron, speed_up=speed_up), factors):
        used = point.energy
        blocks = ", ".join(f"{block} {show(used.per_spike[block], 'J', 3)}" for block in BLOCKS)
        print(
            f"{speed_up:10g} {show(point.i_comparator, 'A', 3):>10} {show(used.total, 'J', 3):>10} "
            f"{show(sum(used.static.values()), 'W', 3):>10} {point.delay:10.2%} "
            f"{point.rate_error:+10.3%}  {blocks}"
        )
for what, joule, source, checked in PUBLISHED:
    print(f"{show(joule, 'J', 3):>10}  {what} ({source}{checked and '; '}{checked})")
