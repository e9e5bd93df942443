"""Rows of the table in `rheobase.hdl.datapath_cells`, measured anew.

    python benchmarks/datapath_cells.py

The datapaths are those of the built-in experiments and those that are delivered by name.
"""

from rheobase.cosim.experiment import BUILT_IN, built_in
from rheobase.cosim.substrates.core import every
from rheobase.hdl.datapath_cells import key, measure
from rheobase.hdl.neurons.kinds import KINDS

neurons = [named[0] for named in KINDS.values()]
for experiment in map(built_in, BUILT_IN):
    if experiment.rtl is not None:
        neurons += [core.neuron for core in every(experiment, experiment.rtl)]
for each, neuron in sorted({key(neuron): neuron for neuron in neurons}.items()):
    print(f"    {each}: {measure(neuron)!r},", flush=True)
