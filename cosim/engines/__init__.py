"""RTL simulators behind one call."""
