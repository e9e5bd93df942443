"""The cells of silicon neurons as PySpice subcircuits, one per file; node 0 is ground.

Every cell that needs a bias takes it as a current into a node ``bias``, or one named after the
current, where a diode-connected nMOS to ground turns it into a voltage for the cell's mirrors.
"""
