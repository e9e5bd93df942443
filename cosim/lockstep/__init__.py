"""Transistor neurons in ngspice and a network core in a Verilog simulator, in one time."""
