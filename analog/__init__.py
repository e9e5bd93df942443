"""What the chip does: subthreshold transistor neurons, described with PySpice, run in ngspice."""
