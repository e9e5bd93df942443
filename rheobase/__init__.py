"""rheobase: a neuron described once, realised as theory, simulation, Verilog and SPICE, and compared."""

__version__ = "0.1.0"
